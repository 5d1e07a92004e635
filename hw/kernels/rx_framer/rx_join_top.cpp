#include "hw/kernels/rx_framer/rx_join.hpp"

using namespace nvtee;  // NOLINT

extern "C" void rx_join_top(hls::stream<card::Piece>& piece, hls::stream<card::PduHead>& head,
                            hls::stream<card::SummedBeat>& beat) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::RxJoinState<card::EngineConfig> state;
#pragma HLS BIND_STORAGE variable = state.begun type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.held type = ram_2p impl = bram
  card::rx_join_step(state, piece, head, beat);
}
