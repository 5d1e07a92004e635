// Made by hlsc from axi.cpp:38. Do not edit.
module axi (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [15:0] s_axi_control_awaddr,
  input wire s_axi_control_awvalid,
  output wire s_axi_control_awready,
  input wire [31:0] s_axi_control_wdata,
  input wire [3:0] s_axi_control_wstrb,
  input wire s_axi_control_wvalid,
  output wire s_axi_control_wready,
  output wire [1:0] s_axi_control_bresp,
  output wire s_axi_control_bvalid,
  input wire s_axi_control_bready,
  output wire [63:0] m_axi_mem_araddr,
  output wire [7:0] m_axi_mem_arlen,
  output wire [2:0] m_axi_mem_arsize,
  output wire [1:0] m_axi_mem_arburst,
  output wire m_axi_mem_arid,
  output wire m_axi_mem_arlock,
  output wire [3:0] m_axi_mem_arcache,
  output wire [2:0] m_axi_mem_arprot,
  output wire [3:0] m_axi_mem_arqos,
  output wire m_axi_mem_arvalid,
  input wire m_axi_mem_arready,
  input wire [511:0] m_axi_mem_rdata,
  input wire m_axi_mem_rlast,
  input wire [1:0] m_axi_mem_rresp,
  input wire m_axi_mem_rvalid,
  output wire m_axi_mem_rready,
  output wire [15:0] sum_tdata,
  output wire sum_tvalid,
  input wire sum_tready
);
  wire [15:0] control_aw_din, control_aw_dout;
  wire control_aw_full_n, control_aw_resv, control_aw_write, control_aw_empty_n, control_aw_read;
  hlsc_fifo #(.WIDTH(13), .DEPTH(2), .HEAD(0)) control_aw_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(control_aw_full_n), .resv(control_aw_resv), .write(control_aw_write), .din({control_aw_din[12:0]}), .empty_n(control_aw_empty_n), .dout({control_aw_dout[12:0]}), .read(control_aw_read));  // axi.cpp:38
  assign control_aw_dout[15:13] = 0;
  assign control_aw_din = {s_axi_control_awaddr};
  assign s_axi_control_awready = control_aw_full_n;
  assign control_aw_write = s_axi_control_awvalid && s_axi_control_awready;
  assign control_aw_resv = control_aw_write;
  wire [35:0] control_w_din, control_w_dout;
  wire control_w_full_n, control_w_resv, control_w_write, control_w_empty_n, control_w_read;
  hlsc_fifo #(.WIDTH(13), .DEPTH(2), .HEAD(0)) control_w_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(control_w_full_n), .resv(control_w_resv), .write(control_w_write), .din({control_w_din[12:0]}), .empty_n(control_w_empty_n), .dout({control_w_dout[12:0]}), .read(control_w_read));  // axi.cpp:38
  assign control_w_dout[35:13] = 0;
  assign control_w_din = {s_axi_control_wstrb, s_axi_control_wdata};
  assign s_axi_control_wready = control_w_full_n;
  assign control_w_write = s_axi_control_wvalid && s_axi_control_wready;
  assign control_w_resv = control_w_write;
  assign s_axi_control_bresp = control_b_dout[1:0];
  wire [1:0] control_b_din, control_b_dout;
  wire control_b_full_n, control_b_resv, control_b_write, control_b_empty_n, control_b_read;
  hlsc_fifo #(.WIDTH(2), .DEPTH(2)) control_b_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(control_b_full_n), .resv(control_b_resv), .write(control_b_write), .din(control_b_din), .empty_n(control_b_empty_n), .dout(control_b_dout), .read(control_b_read));  // axi.cpp:38
  assign s_axi_control_bvalid = control_b_empty_n;
  assign control_b_read = s_axi_control_bvalid && s_axi_control_bready;
  wire [12:0] asked_din, asked_dout;
  wire asked_full_n, asked_resv, asked_write, asked_empty_n, asked_read;
  hlsc_fifo #(.WIDTH(13), .DEPTH(4), .HEAD(0)) asked_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(asked_full_n), .resv(asked_resv), .write(asked_write), .din(asked_din), .empty_n(asked_empty_n), .dout(asked_dout), .read(asked_read));  // axi.cpp:43
  assign m_axi_mem_araddr = mem_ar_dout[63:0];
  assign m_axi_mem_arlen = mem_ar_dout[71:64];
  assign m_axi_mem_arsize = 3'd6;
  assign m_axi_mem_arburst = 2'd1;
  assign m_axi_mem_arid = 1'd0;
  assign m_axi_mem_arlock = 1'd0;
  assign m_axi_mem_arcache = 4'd3;
  assign m_axi_mem_arprot = 3'd0;
  assign m_axi_mem_arqos = 4'd0;
  wire [71:0] mem_ar_din, mem_ar_dout;
  wire mem_ar_full_n, mem_ar_resv, mem_ar_write, mem_ar_empty_n, mem_ar_read;
  hlsc_fifo #(.WIDTH(72), .DEPTH(2)) mem_ar_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(mem_ar_full_n), .resv(mem_ar_resv), .write(mem_ar_write), .din(mem_ar_din), .empty_n(mem_ar_empty_n), .dout(mem_ar_dout), .read(mem_ar_read));  // axi.cpp:38
  assign m_axi_mem_arvalid = mem_ar_empty_n;
  assign mem_ar_read = m_axi_mem_arvalid && m_axi_mem_arready;
  wire [514:0] mem_r_din, mem_r_dout;
  wire mem_r_full_n, mem_r_resv, mem_r_write, mem_r_empty_n, mem_r_read;
  hlsc_fifo #(.WIDTH(13), .DEPTH(2), .HEAD(0)) mem_r_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(mem_r_full_n), .resv(mem_r_resv), .write(mem_r_write), .din({mem_r_din[12:0]}), .empty_n(mem_r_empty_n), .dout({mem_r_dout[12:0]}), .read(mem_r_read));  // axi.cpp:38
  assign mem_r_dout[514:13] = 0;
  assign mem_r_din = {m_axi_mem_rresp, m_axi_mem_rlast, m_axi_mem_rdata};
  assign m_axi_mem_rready = mem_r_full_n;
  assign mem_r_write = m_axi_mem_rvalid && m_axi_mem_rready;
  assign mem_r_resv = mem_r_write;
  assign sum_tdata = {3'h0, sum_dout[12:0]};
  wire [12:0] sum_din, sum_dout;
  wire sum_full_n, sum_resv, sum_write, sum_empty_n, sum_read;
  hlsc_fifo #(.WIDTH(13), .DEPTH(2)) sum_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(sum_full_n), .resv(sum_resv), .write(sum_write), .din(sum_din), .empty_n(sum_empty_n), .dout(sum_dout), .read(sum_read));  // axi.cpp:38
  assign sum_tvalid = sum_empty_n;
  assign sum_read = sum_tvalid && sum_tready;
  answer u_answer (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n),
    .control_aw_dout(control_aw_dout),
    .control_aw_empty_n(control_aw_empty_n),
    .control_aw_read(control_aw_read),
    .control_w_dout(control_w_dout),
    .control_w_empty_n(control_w_empty_n),
    .control_w_read(control_w_read),
    .control_b_din(control_b_din),
    .control_b_full_n(control_b_full_n),
    .control_b_resv(control_b_resv),
    .control_b_write(control_b_write),
    .out_din(asked_din),
    .out_full_n(asked_full_n),
    .out_resv(asked_resv),
    .out_write(asked_write));
  read_line u_read_line (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n),
    .in_dout(asked_dout),
    .in_empty_n(asked_empty_n),
    .in_read(asked_read),
    .mem_ar_din(mem_ar_din),
    .mem_ar_full_n(mem_ar_full_n),
    .mem_ar_resv(mem_ar_resv),
    .mem_ar_write(mem_ar_write),
    .mem_r_dout(mem_r_dout),
    .mem_r_empty_n(mem_r_empty_n),
    .mem_r_read(mem_r_read),
    .sum_din(sum_din),
    .sum_full_n(sum_full_n),
    .sum_resv(sum_resv),
    .sum_write(sum_write));
endmodule
