// Loops are unrolled; one may be left early.
#include "words.hpp"

extern "C" void loops(hls::stream<Word>& in, hls::stream<Word>& out) {
#pragma HLS PIPELINE II = 1
  if (in.empty() || out.full()) return;
  Word w = in.read();
  ap_uint<4> lowest = 15;
  for (int i = 0; i < 12; ++i) {
#pragma HLS UNROLL
    if (w.data[i]) {
      lowest = i;
      break;
    }
  }
  w.tag = lowest;
  out.write(w);
}
