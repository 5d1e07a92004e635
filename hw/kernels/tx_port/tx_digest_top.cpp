#include "hw/kernels/tx_port/tx_pack.hpp"

using namespace nvtee;  // NOLINT

extern "C" void tx_digest_top(hls::stream<card::FoldedBeat>& in, hls::stream<card::TxBeat>& out) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::TxDigestState state;
  card::tx_digest_step(state, in, out);
}
