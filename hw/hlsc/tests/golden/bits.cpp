// Builtins that count, rotate and swap; templates and lambdas; an index that runs from the middle of an
// array.
#include "words.hpp"

template <int W>
static ap_uint<W> spread(const ap_uint<W>& x) {
  ap_uint<W> r = 0;
  for (int i = 0; i < W; ++i) r[i] = x[W - 1 - i];
  return r;
}

extern "C" void bits(hls::stream<ap_uint<32>>& in, hls::stream<ap_uint<64>>& out) {
#pragma HLS PIPELINE II = 2
  if (in.empty() || out.full()) return;
  const ap_uint<32> x = in.read();
  const unsigned n = x.to_uint();
  const auto low = [](unsigned v) { return v & 0xff; };
  unsigned char last[8];
  for (unsigned i = 0; i < 8; ++i) last[i] = static_cast<unsigned char>(low(n >> i));
  const unsigned char* middle = last + 4;
  ap_uint<64> r = 0;
  r.range(5, 0) = static_cast<ap_uint<6>>(__builtin_popcount(n));
  r.range(11, 6) = static_cast<ap_uint<6>>(n == 0 ? 32 : __builtin_clz(n));
  r.range(17, 12) = static_cast<ap_uint<6>>(n == 0 ? 32 : __builtin_ctz(n));
  r.range(25, 18) = static_cast<ap_uint<8>>(*(middle - static_cast<unsigned>(n & 3)));
  r.range(33, 26) = spread<8>(static_cast<ap_uint<8>>(n));
  r[34] = x.xor_reduce();
  r.range(63, 48) = static_cast<ap_uint<16>>(__builtin_bswap32(n) >> 16);
  out.write(r);
}
