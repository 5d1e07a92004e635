// Made by hlsc from registers.cpp:4. Do not edit.
module registers (
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
  wire stall;
  wire [15:0] n_add;
  reg [7:0] count;  // registers.cpp:6
  wire [7:0] n_add_1;
  wire n_not;
  wire n_not_1;
  wire n_or;

  assign in_read = commit && 1'b1;  // registers.cpp:7
  assign n_add = in_dout[15:0] + {8'h0, count};  // registers.cpp:8
  assign out_din = {in_dout[20:16], n_add};  // registers.cpp:10
  assign out_write = !stall && 1'b1;
  assign out_resv = out_write;
  assign n_add_1 = count + 8'h1;  // registers.cpp:9
  assign commit = !stall;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      count <= 8'h3;
    end else begin
      if (commit) count <= n_add_1;
    end
  end
  assign n_not = ~in_empty_n;  // registers.cpp:9
  assign n_not_1 = ~out_full_n;  // registers.cpp:9
  assign n_or = n_not | n_not_1;  // registers.cpp:9
  assign stall = n_or;
endmodule
