// Made by hlsc from dataflow.cpp:16. Do not edit.
module dataflow (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [31:0] in_tdata,
  input wire [3:0] in_tkeep,
  input wire [3:0] in_tstrb,
  input wire in_tlast,
  input wire in_tvalid,
  output wire in_tready,
  output wire [31:0] out_tdata,
  output wire [3:0] out_tkeep,
  output wire [3:0] out_tstrb,
  output wire out_tlast,
  output wire out_tvalid,
  input wire out_tready,
  input wire [7:0] by
);
  wire [43:0] in_din, in_dout;
  wire in_full_n, in_resv, in_write, in_empty_n, in_read;
  hlsc_fifo #(.WIDTH(44), .DEPTH(2), .HEAD(0)) in_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(in_full_n), .resv(in_resv), .write(in_write), .din(in_din), .empty_n(in_empty_n), .dout(in_dout), .read(in_read));  // dataflow.cpp:16
  assign in_din = {2'h0, in_tlast, 1'h0, in_tstrb, in_tkeep, in_tdata};
  assign in_tready = in_full_n;
  assign in_write = in_tvalid && in_tready;
  assign in_resv = in_write;
  wire [43:0] middle_din, middle_dout;
  wire middle_full_n, middle_resv, middle_write, middle_empty_n, middle_read;
  hlsc_fifo #(.WIDTH(44), .DEPTH(8), .HEAD(0)) middle_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(middle_full_n), .resv(middle_resv), .write(middle_write), .din(middle_din), .empty_n(middle_empty_n), .dout(middle_dout), .read(middle_read));  // dataflow.cpp:20
  assign out_tdata = out_dout[31:0];
  assign out_tkeep = out_dout[35:32];
  assign out_tstrb = out_dout[39:36];
  assign out_tlast = out_dout[41:41];
  wire [43:0] out_din, out_dout;
  wire out_full_n, out_resv, out_write, out_empty_n, out_read;
  hlsc_fifo #(.WIDTH(44), .DEPTH(2)) out_fifo (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(out_full_n), .resv(out_resv), .write(out_write), .din(out_din), .empty_n(out_empty_n), .dout(out_dout), .read(out_read));  // dataflow.cpp:16
  assign out_tvalid = out_empty_n;
  assign out_read = out_tvalid && out_tready;
  add_one u_add_one (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n),
    .in_dout(in_dout),
    .in_empty_n(in_empty_n),
    .in_read(in_read),
    .out_din(middle_din),
    .out_full_n(middle_full_n),
    .out_resv(middle_resv),
    .out_write(middle_write),
    .by(by));
  add_one u_add_one_1 (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n),
    .in_dout(middle_dout),
    .in_empty_n(middle_empty_n),
    .in_read(middle_read),
    .out_din(out_din),
    .out_full_n(out_full_n),
    .out_resv(out_resv),
    .out_write(out_write),
    .by(8'h7));
endmodule
