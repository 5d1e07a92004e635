// Made by hlsc from stages.cpp:9. Do not edit.
module stages (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [31:0] in_dout,
  input wire in_empty_n,
  output wire in_read,
  output wire [31:0] out_din,
  input wire out_full_n,
  output wire out_resv,
  output wire out_write
);
  wire commit;
  reg [2:1] st;  // st[i]: a call is in stage i
  wire n_and;
  wire [15:0] n_add;
  reg [15:0] n_add_s1;
  reg [15:0] n_add_s2;
  reg [31:0] in_s1;
  wire [31:0] n_mul;
  reg [31:0] n_mul_s2;
  wire [31:0] n_add_1;
  reg n_and_s1;
  reg n_and_s2;
  reg [15:0] seen;  // stages.cpp:11

  assign n_and = in_empty_n & out_full_n;  // stages.cpp:16
  assign in_read = commit && n_and;  // stages.cpp:12
  assign n_add = seen + 16'h1;  // stages.cpp:14
  always @(posedge ap_clk) n_add_s1 <= n_add;
  always @(posedge ap_clk) n_add_s2 <= n_add_s1;
  always @(posedge ap_clk) in_s1 <= in_dout;
  assign n_mul = {16'h0, in_s1[15:0]} * {16'h0, in_s1[31:16]};  // stages.cpp:15
  always @(posedge ap_clk) n_mul_s2 <= n_mul;
  assign n_add_1 = {16'h0, n_add_s2} + n_mul_s2;  // stages.cpp:15
  assign out_din = n_add_1;  // stages.cpp:12
  assign out_resv = commit && n_and;
  always @(posedge ap_clk) n_and_s1 <= n_and;
  always @(posedge ap_clk) n_and_s2 <= n_and_s1;
  assign out_write = st[2] && n_and_s2;
  assign commit = 1'b1;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      seen <= 16'h0;
    end else begin
      if (commit && n_and) seen <= n_add;
    end
  end
  always @(posedge ap_clk) st <= ap_rst_n ? {st[1], 1'b1} : 2'h0;
endmodule
