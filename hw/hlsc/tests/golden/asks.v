// Made by hlsc from asks.cpp:4. Do not edit.
module asks (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [20:0] a_dout,
  input wire a_empty_n,
  output wire a_read,
  input wire [20:0] b_dout,
  input wire b_empty_n,
  output wire b_read,
  output wire [20:0] out_din,
  input wire out_full_n,
  output wire out_resv,
  output wire out_write
);
  wire commit;
  wire n_and;
  wire first;
  wire n_and_1;
  wire n_and_2;
  wire n_not;
  wire n_or;
  wire n_and_3;
  wire n_and_4;
  wire n_and_5;
  wire out_last;
  wire [19:0] n_mux;
  wire n_or_1;
  wire n_and_6;
  reg turn;  // asks.cpp:6

  assign n_and = b_empty_n & turn;
  assign first = ~n_and;  // asks.cpp:8
  assign n_and_1 = out_full_n & a_empty_n;  // asks.cpp:11
  assign n_and_2 = first & n_and_1;  // asks.cpp:11
  assign a_read = commit && n_and_2;  // asks.cpp:7
  assign n_not = ~a_empty_n;  // asks.cpp:7
  assign n_or = n_and | n_not;  // asks.cpp:10
  assign n_and_3 = out_full_n & n_or;  // asks.cpp:11
  assign n_and_4 = b_empty_n & n_and_3;  // asks.cpp:11
  assign b_read = commit && n_and_4;  // asks.cpp:7
  assign n_and_5 = a_empty_n & first;  // asks.cpp:10
  assign out_last = n_and_5 ? a_dout[20] : b_dout[20];  // asks.cpp:10
  assign n_mux = n_and_5 ? a_dout[19:0] : b_dout[19:0];  // asks.cpp:10
  assign out_din = {out_last, n_mux};  // asks.cpp:7
  assign n_or_1 = a_empty_n | b_empty_n;  // asks.cpp:8
  assign n_and_6 = out_full_n & n_or_1;  // asks.cpp:11
  assign out_write = n_and_6;
  assign out_resv = out_write;
  assign commit = 1'b1;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      turn <= 1'b0;
    end else begin
      if (commit && n_and_6) turn <= n_and_5;
    end
  end
endmodule
