// empty() and full() asked first: nothing stalls, and a call may do one thing of several.
#include "words.hpp"

extern "C" void asks(hls::stream<Word>& a, hls::stream<Word>& b, hls::stream<Word>& out) {
#pragma HLS PIPELINE II = 1
  static bool turn = false;
  if (out.full() || (a.empty() && b.empty())) return;
  const bool first = !a.empty() && !(turn && !b.empty());
  turn = first;
  out.write(first ? a.read() : b.read());
}
