// SystemVerilog. The kernel that Vitis links: card_top with its clock. BASE is where the slots' buffers begin in the memory that
// m_axi_mem0 and m_axi_mem1 reach; BUILD is what the Build register shows. ports.sh makes the list of ports.
`default_nettype none

module nvtee_card #(
    parameter [63:0] BASE  = 64'd0,
    parameter [31:0] BUILD = 32'd0
) (
    `include "nvtee_card_ports.vh"
);
  wire [31:0] clock_step_din;
  wire clock_step_full_n, clock_step_resv, clock_step_write;
  wire [63:0] now;
  nvtee_clock clock (
      .ap_clk(ap_clk),
      .ap_rst_n(ap_rst_n),
      .clock_step_din(clock_step_din),
      .clock_step_write(clock_step_write),
      .clock_step_resv(clock_step_resv),
      .clock_step_full_n(clock_step_full_n),
      .now(now)
  );
  wire [63:0] base = BASE;
  wire [31:0] build = BUILD;
  card_top card (.*);
endmodule

`default_nettype wire
