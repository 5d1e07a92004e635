// Made by hlsc from signs.cpp:9. Do not edit.
module signs (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [15:0] in_dout,
  input wire in_empty_n,
  output wire in_read,
  output wire [19:0] out_din,
  input wire out_full_n,
  output wire out_resv,
  output wire out_write
);
  wire commit;
  wire n_and;
  wire [8:0] d;
  wire [30:0] n_repeat;
  wire [19:0] n_sub;
  wire [10:0] n_mux;
  wire [8:0] n_add;
  wire [8:0] n_mux_1;

  assign n_and = in_empty_n & out_full_n;  // signs.cpp:15
  assign in_read = commit && n_and;  // signs.cpp:11
  assign d = {1'b0, in_dout[7:0]} - {1'b0, in_dout[15:8]};  // signs.cpp:13
  assign n_repeat = {31{d[8]}};  // signs.cpp:14
  assign n_sub = {n_repeat[7:0], d[8], d, 2'h0} - {n_repeat[9:0], d[8], d};  // signs.cpp:14
  assign n_mux = d[8] ? n_sub[19:9] : 11'h0;  // signs.cpp:14
  assign n_add = {1'b0, in_dout[7:0]} + {1'b0, in_dout[15:8]};  // signs.cpp:14
  assign n_mux_1 = d[8] ? n_sub[8:0] : n_add;  // signs.cpp:14
  assign out_din = {n_mux, n_mux_1};  // signs.cpp:11
  assign out_write = n_and;
  assign out_resv = out_write;
  assign commit = 1'b1;
endmodule
