// Scalar statics are registers; a blocking read or write holds the whole call back.
#include "words.hpp"

extern "C" void registers(hls::stream<Word>& in, hls::stream<Word>& out) {
#pragma HLS PIPELINE II = 1
  static ap_uint<8> count = 3;
  Word w = in.read();
  w.data = static_cast<ap_uint<16>>(w.data + count);
  count = static_cast<ap_uint<8>>(count + 1);
  out.write(w);
}
