// Both forms of hlsc_fifo at the same signals: `same` stays 1. See fifo_test.sh.
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
  wire full_n_b, empty_n_b;
  wire [15:0] dout_b;
  hlsc_fifo #(.WIDTH(16), .DEPTH(DEPTH), .HEAD(1)) a (.*);
  hlsc_fifo #(.WIDTH(16), .DEPTH(DEPTH), .HEAD(0)) b (.ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .full_n(full_n_b), .resv(resv),
      .write(write), .din(din), .empty_n(empty_n_b), .dout(dout_b), .read(read));
  assign same = full_n == full_n_b && empty_n == empty_n_b && (!empty_n || dout == dout_b);
endmodule
