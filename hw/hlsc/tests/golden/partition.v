// Made by hlsc from partition.cpp:4. Do not edit.
module partition (
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
  wire [15:0] all;
  wire [15:0] all_1;
  wire [15:0] all_2;
  reg [15:0] last_0;  // partition.cpp:6
  wire n_not;
  wire n_not_1;
  wire n_or;
  wire n_eq;
  wire n_not_2;
  wire n_or_1;
  wire n_not_3;
  reg [15:0] last_1;  // partition.cpp:6
  wire n_eq_1;
  wire n_not_4;
  wire n_or_2;
  wire n_not_5;
  reg [15:0] last_2;  // partition.cpp:6
  wire n_eq_2;
  wire n_not_6;
  wire n_or_3;
  wire n_not_7;
  reg [15:0] last_3;  // partition.cpp:6
  wire n_eq_3;
  wire n_not_8;
  wire n_or_4;
  wire n_not_9;

  assign n_and = in_empty_n & out_full_n;  // partition.cpp:15
  assign in_read = commit && n_and;  // partition.cpp:8
  assign all = last_0 ^ last_1;  // partition.cpp:11
  assign all_1 = last_2 ^ all;  // partition.cpp:11
  assign all_2 = last_3 ^ all_1;  // partition.cpp:11
  assign out_din = {in_dout[20:16], all_2};  // partition.cpp:8
  assign out_write = n_and;
  assign out_resv = out_write;
  assign n_not = ~in_empty_n;  // partition.cpp:8
  assign n_not_1 = ~out_full_n;  // partition.cpp:8
  assign n_or = n_not | n_not_1;  // partition.cpp:15
  assign n_eq = ~|in_dout[17:16];  // partition.cpp:12
  assign n_not_2 = ~n_eq;  // partition.cpp:15
  assign n_or_1 = n_or | n_not_2;  // partition.cpp:15
  assign n_not_3 = ~n_or_1;  // partition.cpp:15
  assign n_eq_1 = in_dout[17:16] == 2'h1;  // partition.cpp:12
  assign n_not_4 = ~n_eq_1;  // partition.cpp:15
  assign n_or_2 = n_or | n_not_4;  // partition.cpp:15
  assign n_not_5 = ~n_or_2;  // partition.cpp:15
  assign n_eq_2 = in_dout[17:16] == 2'h2;  // partition.cpp:12
  assign n_not_6 = ~n_eq_2;  // partition.cpp:15
  assign n_or_3 = n_or | n_not_6;  // partition.cpp:15
  assign n_not_7 = ~n_or_3;  // partition.cpp:15
  assign n_eq_3 = in_dout[17:16] == 2'h3;  // partition.cpp:12
  assign n_not_8 = ~n_eq_3;  // partition.cpp:15
  assign n_or_4 = n_or | n_not_8;  // partition.cpp:15
  assign n_not_9 = ~n_or_4;  // partition.cpp:15
  assign commit = 1'b1;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      last_0 <= 16'h0;
      last_1 <= 16'h0;
      last_2 <= 16'h0;
      last_3 <= 16'h0;
    end else begin
      if (commit && n_not_3) last_0 <= in_dout[15:0];
      if (commit && n_not_5) last_1 <= in_dout[15:0];
      if (commit && n_not_7) last_2 <= in_dout[15:0];
      if (commit && n_not_9) last_3 <= in_dout[15:0];
    end
  end
endmodule
