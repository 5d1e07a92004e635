// Made by hlsc from loops.cpp:4. Do not edit.
module loops (
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
  wire n_and;
  wire n_not;
  wire n_not_1;
  wire n_and_1;
  wire n_not_2;
  wire n_not_3;
  wire n_and_2;
  wire n_and_3;
  wire n_not_4;
  wire n_not_5;
  wire n_and_4;
  wire n_not_6;
  wire n_not_7;
  wire n_and_5;
  wire n_and_6;
  wire n_not_8;
  wire n_not_9;
  wire n_and_7;
  wire n_not_10;
  wire n_not_11;
  wire n_and_8;
  wire n_and_9;
  wire n_and_10;
  wire n_and_11;
  wire n_or;
  wire n_or_1;
  wire n_or_2;
  wire n_or_3;
  wire n_or_4;
  wire n_or_5;
  wire n_or_6;
  wire [3:0] n_mux;
  wire [3:0] n_mux_1;
  wire [3:0] n_mux_2;
  wire [3:0] n_mux_3;
  wire [3:0] n_mux_4;
  wire [3:0] n_mux_5;
  wire [3:0] n_mux_6;
  wire n_or_7;
  wire [3:0] n_mux_7;
  wire [3:0] n_mux_8;
  wire [3:0] n_mux_9;
  wire [3:0] n_mux_10;
  wire [3:0] lowest;

  assign n_and = in_empty_n & out_full_n;  // loops.cpp:18
  assign in_read = commit && n_and;  // loops.cpp:6
  assign n_not = ~in_dout[0];  // loops.cpp:11
  assign n_not_1 = ~in_dout[1];  // loops.cpp:11
  assign n_and_1 = n_not & n_not_1;  // loops.cpp:9
  assign n_not_2 = ~in_dout[3];  // loops.cpp:11
  assign n_not_3 = ~in_dout[2];  // loops.cpp:11
  assign n_and_2 = n_not_2 & n_not_3;  // loops.cpp:9
  assign n_and_3 = n_and_1 & n_and_2;  // loops.cpp:9
  assign n_not_4 = ~in_dout[5];  // loops.cpp:11
  assign n_not_5 = ~in_dout[4];  // loops.cpp:11
  assign n_and_4 = n_not_4 & n_not_5;  // loops.cpp:9
  assign n_not_6 = ~in_dout[7];  // loops.cpp:11
  assign n_not_7 = ~in_dout[6];  // loops.cpp:11
  assign n_and_5 = n_not_6 & n_not_7;  // loops.cpp:9
  assign n_and_6 = n_and_4 & n_and_5;  // loops.cpp:9
  assign n_not_8 = ~in_dout[9];  // loops.cpp:11
  assign n_not_9 = ~in_dout[8];  // loops.cpp:11
  assign n_and_7 = n_not_8 & n_not_9;
  assign n_not_10 = ~in_dout[11];  // loops.cpp:11
  assign n_not_11 = ~in_dout[10];  // loops.cpp:11
  assign n_and_8 = n_not_10 & n_not_11;
  assign n_and_9 = n_and_7 & n_and_8;
  assign n_and_10 = n_and_6 & n_and_9;
  assign n_and_11 = n_and_3 & n_and_10;
  assign n_or = in_dout[0] | in_dout[1];  // loops.cpp:9
  assign n_or_1 = in_dout[2] | in_dout[3];  // loops.cpp:9
  assign n_or_2 = n_or | n_or_1;  // loops.cpp:9
  assign n_or_3 = in_dout[4] | in_dout[5];  // loops.cpp:9
  assign n_or_4 = in_dout[6] | in_dout[7];  // loops.cpp:9
  assign n_or_5 = n_or_3 | n_or_4;  // loops.cpp:9
  assign n_or_6 = n_or_2 | n_or_5;  // loops.cpp:9
  assign n_mux = in_dout[0] ? 4'h0 : 4'h1;  // loops.cpp:9
  assign n_mux_1 = in_dout[2] ? 4'h2 : 4'h3;  // loops.cpp:9
  assign n_mux_2 = n_or ? n_mux : n_mux_1;  // loops.cpp:9
  assign n_mux_3 = in_dout[4] ? 4'h4 : 4'h5;  // loops.cpp:9
  assign n_mux_4 = in_dout[6] ? 4'h6 : 4'h7;  // loops.cpp:9
  assign n_mux_5 = n_or_3 ? n_mux_3 : n_mux_4;  // loops.cpp:9
  assign n_mux_6 = n_or_2 ? n_mux_2 : n_mux_5;  // loops.cpp:9
  assign n_or_7 = in_dout[8] | in_dout[9];  // loops.cpp:9
  assign n_mux_7 = in_dout[8] ? 4'h8 : 4'h9;  // loops.cpp:9
  assign n_mux_8 = in_dout[10] ? 4'ha : 4'hb;  // loops.cpp:9
  assign n_mux_9 = n_or_7 ? n_mux_7 : n_mux_8;  // loops.cpp:9
  assign n_mux_10 = n_or_6 ? n_mux_6 : n_mux_9;  // loops.cpp:9
  assign lowest = n_and_11 ? 4'hf : n_mux_10;
  assign out_din = {in_dout[20], lowest, in_dout[15:0]};  // loops.cpp:6
  assign out_write = n_and;
  assign out_resv = out_write;
  assign commit = 1'b1;
endmodule
