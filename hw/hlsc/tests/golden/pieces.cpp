// Bits and ranges with constant bounds are wiring.
#include "words.hpp"

extern "C" void pieces(hls::stream<ap_uint<64>>& in, hls::stream<ap_uint<64>>& out) {
#pragma HLS PIPELINE II = 1
  if (in.empty() || out.full()) return;
  const ap_uint<64> x = in.read();
  ap_uint<64> y = 0;
  y.range(63, 48) = x.range(15, 0);
  y.range(47, 32) = static_cast<ap_uint<16>>(~x.range(31, 16));
  y[0] = x[63];
  y[1] = x.range(40, 33) == 0x5a;
  out.write(y);
}
