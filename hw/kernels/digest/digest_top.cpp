#include "hw/kernels/digest/digest.hpp"

using namespace nvtee;  // NOLINT

extern "C" void digest_top(hls::stream<card::SummedBeat>& in, hls::stream<card::DataBeat>& out) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::DigestState<card::EngineConfig> state;
#pragma HLS BIND_STORAGE variable = state.sum type = ram_2p impl = lutram
  card::digest_step(state, in, out);
}
