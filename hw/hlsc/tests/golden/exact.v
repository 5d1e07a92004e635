// Made by hlsc from exact.cpp:4. Do not edit.
module exact (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [20:0] in_dout,
  input wire in_empty_n,
  output wire in_read,
  output wire [20:0] low_din,
  input wire low_full_n,
  output wire low_resv,
  output wire low_write,
  output wire [20:0] high_din,
  input wire high_full_n,
  output wire high_resv,
  output wire high_write
);
  wire commit;
  wire stall;
  wire n_ult;
  wire n_not;
  reg [15:0] moved;  // exact.cpp:6
  wire [15:0] n_add;
  wire n_not_1;
  wire n_not_2;
  wire n_and;
  wire n_or;
  wire n_not_3;
  wire n_and_1;
  wire n_or_1;

  assign in_read = commit && 1'b1;  // exact.cpp:7
  assign low_din = in_dout;  // exact.cpp:12
  assign n_ult = 16'h3e7 < in_dout[15:0];  // exact.cpp:9
  assign n_not = ~n_ult;  // exact.cpp:9
  assign low_write = !stall && n_not;
  assign low_resv = low_write;
  assign high_din = in_dout;  // exact.cpp:10
  assign high_write = !stall && n_ult;
  assign high_resv = high_write;
  assign n_add = moved + 16'h1;  // exact.cpp:8
  assign commit = !stall;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      moved <= 16'h0;
    end else begin
      if (commit) moved <= n_add;
    end
  end
  assign n_not_1 = ~in_empty_n;  // exact.cpp:8
  assign n_not_2 = ~low_full_n;  // exact.cpp:8
  assign n_and = n_not & n_not_2;  // exact.cpp:8
  assign n_or = n_not_1 | n_and;  // exact.cpp:8
  assign n_not_3 = ~high_full_n;  // exact.cpp:8
  assign n_and_1 = n_ult & n_not_3;  // exact.cpp:8
  assign n_or_1 = n_or | n_and_1;  // exact.cpp:8
  assign stall = n_or_1;
endmodule
