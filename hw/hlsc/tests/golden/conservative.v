// Made by hlsc from conservative.cpp:5. Do not edit.
module conservative (
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
  reg [15:0] moved;  // conservative.cpp:7
  wire [15:0] n_add;
  wire n_not_1;
  wire n_not_2;
  wire n_or;
  wire n_not_3;
  wire n_or_1;

  assign in_read = commit && 1'b1;  // conservative.cpp:8
  assign low_din = in_dout;  // conservative.cpp:13
  assign n_ult = 16'h3e7 < in_dout[15:0];  // conservative.cpp:10
  assign n_not = ~n_ult;  // conservative.cpp:10
  assign low_write = !stall && n_not;
  assign low_resv = low_write;
  assign high_din = in_dout;  // conservative.cpp:11
  assign high_write = !stall && n_ult;
  assign high_resv = high_write;
  assign n_add = moved + 16'h1;  // conservative.cpp:9
  assign commit = !stall;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      moved <= 16'h0;
    end else begin
      if (commit) moved <= n_add;
    end
  end
  assign n_not_1 = ~in_empty_n;  // conservative.cpp:9
  assign n_not_2 = ~low_full_n;  // conservative.cpp:9
  assign n_or = n_not_1 | n_not_2;  // conservative.cpp:9
  assign n_not_3 = ~high_full_n;  // conservative.cpp:9
  assign n_or_1 = n_or | n_not_3;  // conservative.cpp:9
  assign stall = n_or_1;
endmodule
