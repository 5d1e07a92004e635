// Heads of hlsc_fifo in registers, in none, and mixed, at the same signals: `same` stays 1. See fifo_test.sh.
module fifo_pair #(
    parameter DEPTH = 4
) (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire resv,
    input wire write,
    input wire [15:0] din,
    input wire read,
    output wire full_n,
    output wire empty_n,
    output wire [15:0] dout,
    output wire same
);
  wire full_n_b, empty_n_b, full_n_c, empty_n_c;
  wire [15:0] dout_b, dout_c;
  hlsc_fifo #(.WIDTH(16), .DEPTH(DEPTH)) a (.*);
  hlsc_fifo #(.WIDTH(16), .DEPTH(DEPTH), .HEAD(0)) b (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(full_n_b), .resv(resv),
      .write(write), .din(din), .empty_n(empty_n_b), .dout(dout_b), .read(read));
  hlsc_fifo #(.WIDTH(16), .DEPTH(DEPTH), .HEAD(5)) c (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(full_n_c), .resv(resv),
      .write(write), .din(din), .empty_n(empty_n_c), .dout(dout_c), .read(read));
  assign same = full_n == full_n_b && empty_n == empty_n_b && (!empty_n || dout == dout_b) &&
      full_n == full_n_c && empty_n == empty_n_c && (!empty_n || dout == dout_c);
endmodule
