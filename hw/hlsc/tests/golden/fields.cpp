// Tables of records and of two dimensions: fields that are written under conditions of their own lie in
// memories of their own; the first dimension partitioned, a memory each; initial contents.
#include "words.hpp"

struct Row {
  ap_uint<12> at;
  ap_uint<3> kind;
};
struct State {
  Row rows[128];
  ap_uint<8> banks[2][64];
};

extern "C" void fields(hls::stream<Word>& in, hls::stream<Word>& out) {
#pragma HLS PIPELINE II = 2
  static State state;
#pragma HLS BIND_STORAGE variable = state.rows type = ram_2p impl = bram
#pragma HLS ARRAY_PARTITION variable = state.banks complete dim = 1
#pragma HLS BIND_STORAGE variable = state.banks type = ram_2p impl = lutram
  static ap_uint<4> weights[16] = {1, 2, 3, 5, 8, 13};
#pragma HLS BIND_STORAGE variable = weights type = ram_2p impl = lutram
  if (in.empty() || out.full()) return;
  Word w = in.read();
  const unsigned at = w.data.to_uint() % 128;
  const Row r = state.rows[at];
  state.rows[at].at = static_cast<ap_uint<12>>(r.at + weights[w.tag.to_uint()]);
  if (w.last) state.rows[at].kind = static_cast<ap_uint<3>>(w.tag);
  if (w.last) weights[w.tag.to_uint()] = r.kind;
  const ap_uint<8> low = state.banks[0][at % 64], high = state.banks[1][at % 64];
  state.banks[w.last ? 1 : 0][at % 64] = static_cast<ap_uint<8>>(w.data);
  w.data = static_cast<ap_uint<16>>((r.at ^ low) + high);
  out.write(w);
}
