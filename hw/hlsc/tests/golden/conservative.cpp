// hlsc: --conservative conservative
// The call waits while any output is full, though it writes only one: the request is not in the way.
#include "words.hpp"

extern "C" void conservative(hls::stream<Word>& in, hls::stream<Word>& low, hls::stream<Word>& high) {
#pragma HLS PIPELINE II = 1
  static ap_uint<16> moved;
  const Word w = in.read();
  moved = static_cast<ap_uint<16>>(moved + 1);
  if (w.data > 999) {
    high.write(w);
  } else {
    low.write(w);
  }
}
