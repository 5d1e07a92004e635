// Made by hlsc from bram.cpp:9. Do not edit.
module bram (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [20:0] in_dout,
  input wire in_empty_n,
  output wire in_read,
  output wire [20:0] out_din,
  input wire out_full_n,
  output wire out_resv,
  output wire out_write
);
  wire commit;
  wire start;
  reg idle;  // phase 0: the next call is tried
  reg [1:1] st;  // st[i]: a call is in stage i
  wire n_and;
  reg n_and_s1;
  wire [9:0] rows_ra0;
  reg [15:0] rows_q0;
  wire [15:0] n_add;
  (* ram_style = "block" *) reg [15:0] rows [0:1023];  // bram.cpp:11
  integer i;
  wire [9:0] rows_wa;

  assign n_and = in_empty_n & out_full_n;  // bram.cpp:22
  always @(posedge ap_clk) if (idle) n_and_s1 <= n_and;
  assign in_read = commit && n_and_s1;  // bram.cpp:13
  assign rows_ra0 = in_dout[9:0];  // bram.cpp:11
  always @(posedge ap_clk) if (idle) rows_q0 <= rows[rows_ra0];
  assign n_add = rows_q0 + 16'h1;  // bram.cpp:17
  assign out_din = {in_dout[20:16], n_add};  // bram.cpp:13
  assign out_write = st[1] && n_and_s1;
  assign out_resv = out_write;
  assign commit = st[1];
`ifndef SYNTHESIS
  initial begin
    for (i = 0; i < 1024; i = i + 1) rows[i] = 16'h0;
  end
`endif
  assign rows_wa = in_dout[9:0];  // bram.cpp:11
  always @(posedge ap_clk) if (commit && n_and_s1) rows[rows_wa] <= n_add;
  assign start = n_and;
  always @(posedge ap_clk) st <= ap_rst_n ? {idle && start} : 1'h0;
  always @(posedge ap_clk) idle <= !ap_rst_n || (idle ? !start : commit);
endmodule
