#include "hw/kernels/rx_framer/rx_walk.hpp"

using namespace nvtee;  // NOLINT

extern "C" void rx_walk_top(hls::stream<card::Chunk>& chunk, hls::stream<card::ReadMeta>& meta,
                            hls::stream<card::NetBeat>& beat, hls::stream<card::Wide>& beats,
                            hls::stream<card::Span>& span, hls::stream<card::RxBack>& back) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::RxWalkState<card::EngineConfig> state;
#pragma HLS BIND_STORAGE variable = state.ring type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.ctx type = ram_2p impl = lutram
  card::RxWalkIo io = {chunk, meta, beat, beats, span, back};
  card::rx_walk_step(state, io);
}
