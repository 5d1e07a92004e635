// The card's clock: ns since reset, `step` / 65536 added each clock. The same as clock_step in regs.hpp, but
// the high part follows one clock behind, so that no adder is longer than 33 bits; `now` shows both halves of
// the same moment. Takes what engine_top writes to clock_step (hlsc's stream ports).
module nvtee_clock (
    input  wire        ap_clk,
    input  wire        ap_rst_n,
    input  wire [31:0] clock_step_din,
    input  wire        clock_step_write,
    input  wire        clock_step_resv,
    output wire        clock_step_full_n,
    output reg  [63:0] now
);
  reg [31:0] step;
  reg [15:0] part;
  reg [31:0] low;    // ns, of the next `now`
  reg        carry;
  reg [31:0] high;
  wire [32:0] sum = {1'b0, step} + {17'd0, part};
  wire [32:0] next_low = {1'b0, low} + {16'd0, sum[32:16]};
  assign clock_step_full_n = 1'b1;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      step <= 0;
      part <= 0;
      low <= 0;
      carry <= 0;
      high <= 0;
      now <= 0;
    end else begin
      if (clock_step_write) step <= clock_step_din;
      part <= sum[15:0];
      low <= next_low[31:0];
      carry <= next_low[32];
      high <= high + {31'd0, carry};
      now <= {high + {31'd0, carry}, low};
    end
  end
endmodule
