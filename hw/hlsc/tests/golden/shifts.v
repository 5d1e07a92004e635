// Made by hlsc from shifts.cpp:9. Do not edit.
module shifts (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [28:0] in_dout,
  input wire in_empty_n,
  output wire in_read,
  output wire [47:0] out_din,
  input wire out_full_n,
  output wire out_resv,
  output wire out_write
);
  wire commit;
  wire n_and;
  wire n_ult;
  wire [23:0] n_shl;
  wire [23:0] n_mux;
  wire [4:0] n_mux_1;
  wire [23:0] n_ashr;

  assign n_and = in_empty_n & out_full_n;  // shifts.cpp:17
  assign in_read = commit && n_and;  // shifts.cpp:11
  assign n_ult = in_dout[28:24] < 5'h18;  // shifts.cpp:14
  assign n_shl = in_dout[23:0] << in_dout[28:24];  // shifts.cpp:15
  assign n_mux = n_ult ? n_shl : 24'h0;  // shifts.cpp:15
  assign n_mux_1 = n_ult ? in_dout[28:24] : 5'h17;  // shifts.cpp:14
  assign n_ashr = $signed(in_dout[23:0]) >>> n_mux_1;  // shifts.cpp:14
  assign out_din = {n_mux, n_ashr};  // shifts.cpp:11
  assign out_write = n_and;
  assign out_resv = out_write;
  assign commit = 1'b1;
endmodule
