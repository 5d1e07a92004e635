// Made by hlsc from states.cpp:6. Do not edit.
module states (
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
  wire n_eq;
  wire n_not;
  wire n_eq_1;
  wire n_not_1;
  wire n_eq_2;
  wire n_or;
  wire n_or_1;
  wire n_and_1;
  reg [31:0] phase;  // states.cpp:8
  wire n_not_2;
  wire n_and_2;
  wire n_not_3;
  wire n_not_4;
  wire n_or_2;
  wire n_not_5;
  wire n_or_3;
  wire n_or_4;
  wire n_not_6;
  wire n_and_3;
  wire n_or_5;
  wire [31:0] n_mux;
  wire [31:0] n_mux_1;
  wire [31:0] n_mux_2;

  assign n_and = in_empty_n & out_full_n;  // states.cpp:23
  assign in_read = commit && n_and;  // states.cpp:9
  assign out_din = in_dout;  // states.cpp:9
  assign n_eq = ~|in_dout[19:16];  // states.cpp:13
  assign n_not = ~n_eq;  // states.cpp:13
  assign n_eq_1 = ~|phase;  // states.cpp:11
  assign n_not_1 = ~n_eq_1;  // states.cpp:11
  assign n_eq_2 = phase == 32'h1;  // states.cpp:11
  assign n_or = n_not_1 | n_eq_2;  // states.cpp:22
  assign n_or_1 = n_not | n_or;  // states.cpp:22
  assign n_and_1 = n_and & n_or_1;  // states.cpp:23
  assign out_write = n_and_1;
  assign out_resv = out_write;
  assign n_not_2 = ~in_dout[20];  // states.cpp:17
  assign n_and_2 = n_eq_2 & n_not_2;  // states.cpp:23
  assign n_not_3 = ~in_empty_n;  // states.cpp:9
  assign n_not_4 = ~out_full_n;  // states.cpp:9
  assign n_or_2 = n_not_3 | n_not_4;  // states.cpp:23
  assign n_not_5 = ~n_or_1;  // states.cpp:23
  assign n_or_3 = n_or_2 | n_not_5;  // states.cpp:23
  assign n_or_4 = n_and_2 | n_or_3;  // states.cpp:23
  assign n_not_6 = ~n_or_4;  // states.cpp:23
  assign n_and_3 = n_eq_1 & n_not;  // states.cpp:22
  assign n_or_5 = n_eq_2 | n_and_3;  // states.cpp:22
  assign n_mux = in_dout[20] ? 32'h0 : 32'h1;  // states.cpp:14
  assign n_mux_1 = n_eq_2 ? 32'h2 : n_mux;  // states.cpp:23
  assign n_mux_2 = n_or_5 ? n_mux_1 : 32'h0;  // states.cpp:23
  assign commit = 1'b1;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      phase <= 32'h0;
    end else begin
      if (commit && n_not_6) phase <= n_mux_2;
    end
  end
endmodule
