#include "hw/kernels/tx_port/tx_pack.hpp"

using namespace nvtee;  // NOLINT

extern "C" void tx_fold_top(hls::stream<card::ReadBeat>& in, hls::stream<card::FoldedBeat>& out) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  card::tx_fold_step(in, out);
}
