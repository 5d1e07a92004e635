// Results are as wide as they need to be; the difference of two unsigned numbers has a sign.
#include "words.hpp"

struct Pair {
  ap_uint<8> a;
  ap_uint<8> b;
};

extern "C" void signs(hls::stream<Pair>& in, hls::stream<ap_int<20>>& out) {
#pragma HLS PIPELINE II = 1
  if (in.empty() || out.full()) return;
  const Pair p = in.read();
  const ap_int<9> d = p.a - p.b;
  out.write(static_cast<ap_int<20>>(d < 0 ? ap_int<20>(d * 3) : ap_int<20>(p.a + p.b)));
}
