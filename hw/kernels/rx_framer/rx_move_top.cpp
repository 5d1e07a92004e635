#include "hw/kernels/rx_framer/rx_move.hpp"
#include "hw/kernels/rx_framer/rx_walk.hpp"

using namespace nvtee;  // NOLINT

extern "C" void rx_move_top(hls::stream<card::Op>& op, hls::stream<card::Wide>& beats,
                            hls::stream<card::Piece>& piece) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::RxMoveState state;
  card::rx_move_step(state, op, beats, piece);
}
