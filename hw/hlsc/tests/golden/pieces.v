// Made by hlsc from pieces.cpp:4. Do not edit.
module pieces (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [63:0] in_dout,
  input wire in_empty_n,
  output wire in_read,
  output wire [63:0] out_din,
  input wire out_full_n,
  output wire out_resv,
  output wire out_write
);
  wire commit;
  wire n_and;
  wire [15:0] n_not;
  wire n_eq;

  assign n_and = in_empty_n & out_full_n;  // pieces.cpp:14
  assign in_read = commit && n_and;  // pieces.cpp:6
  assign n_not = ~in_dout[31:16];  // pieces.cpp:10
  assign n_eq = in_dout[40:33] == 8'h5a;  // pieces.cpp:12
  assign out_din = {in_dout[15:0], n_not, 30'h0, n_eq, in_dout[63]};  // pieces.cpp:6
  assign out_write = n_and;
  assign out_resv = out_write;
  assign commit = 1'b1;
endmodule
