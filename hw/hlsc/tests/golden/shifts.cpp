// A shift by a variable: by the width or more it gives 0, or the sign.
#include "words.hpp"

struct Shift {
  ap_int<24> value;
  ap_uint<5> by;
};

extern "C" void shifts(hls::stream<Shift>& in, hls::stream<ap_uint<48>>& out) {
#pragma HLS PIPELINE II = 1
  if (in.empty() || out.full()) return;
  const Shift s = in.read();
  ap_uint<48> r = 0;
  r.range(23, 0) = static_cast<ap_int<24>>(s.value >> s.by);
  r.range(47, 24) = static_cast<ap_uint<24>>(static_cast<ap_uint<24>>(s.value) << s.by);
  out.write(r);
}
