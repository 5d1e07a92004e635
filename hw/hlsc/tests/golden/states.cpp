// A state machine: an enumeration, a switch, an early return.
#include "words.hpp"

enum Phase { kHead, kBody, kTail };

extern "C" void states(hls::stream<Word>& in, hls::stream<Word>& out) {
#pragma HLS PIPELINE II = 1
  static Phase phase = kHead;
  if (in.empty() || out.full()) return;
  const Word w = in.read();
  switch (phase) {
    case kHead:
      if (w.tag == 0) return;
      phase = w.last ? kHead : kBody;
      break;
    case kBody:
      if (w.last) phase = kTail;
      break;
    default:
      phase = kHead;
  }
  out.write(w);
}
