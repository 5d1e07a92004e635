// A constant table.
#include "words.hpp"

static const unsigned char kTimes[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};

extern "C" void rom(hls::stream<Word>& in, hls::stream<Word>& out) {
#pragma HLS PIPELINE II = 1
  if (in.empty() || out.full()) return;
  Word w = in.read();
  w.data = kTimes[w.tag.to_uint()];
  out.write(w);
}
