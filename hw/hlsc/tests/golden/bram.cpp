// Block RAM: the row comes a clock after its address, so that a call that writes it back takes two.
#include "words.hpp"

struct Row {
  ap_uint<16> count;
  ap_uint<1> seen;
};

extern "C" void bram(hls::stream<Word>& in, hls::stream<Word>& out) {
#pragma HLS PIPELINE II = 2
  static Row rows[1024];
#pragma HLS BIND_STORAGE variable = rows type = ram_2p impl = bram
  if (in.empty() || out.full()) return;
  Word w = in.read();
  const unsigned at = w.data.to_uint() % 1024;
  Row r = rows[at];
  r.count = static_cast<ap_uint<16>>(r.count + 1);
  r.seen = 1;
  rows[at] = r;
  w.data = r.count;
  out.write(w);
}
