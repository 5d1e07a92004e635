// Made by hlsc from lutram.cpp:4. Do not edit.
module lutram (
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
  wire [3:0] sums_ra0;
  wire [15:0] sums_q0;
  wire [15:0] n_add;
  (* ram_style = "distributed" *) reg [15:0] sums [0:15];  // lutram.cpp:6
  integer i;
  wire [3:0] sums_wa;

  assign n_and = in_empty_n & out_full_n;  // lutram.cpp:13
  assign in_read = commit && n_and;  // lutram.cpp:7
  assign sums_ra0 = in_dout[19:16];  // lutram.cpp:6
  assign sums_q0 = sums[sums_ra0];
  assign n_add = in_dout[15:0] + sums_q0;  // lutram.cpp:10
  assign out_din = {in_dout[20:16], n_add};  // lutram.cpp:7
  assign out_write = n_and;
  assign out_resv = out_write;
  assign commit = 1'b1;
`ifndef SYNTHESIS
  initial begin
    for (i = 0; i < 16; i = i + 1) sums[i] = 16'h0;
  end
`endif
  assign sums_wa = in_dout[19:16];  // lutram.cpp:6
  always @(posedge ap_clk) if (commit && n_and) sums[sums_wa] <= n_add;
endmodule
