#include "hw/kernels/header_split/header_split.hpp"

using namespace nvtee;  // NOLINT

extern "C" void header_split_top(ap_uint<1> port, hls::stream<card::Break>& breaks,
                                 hls::stream<card::PduHead>& head, hls::stream<tee::HostIn>& host,
                                 hls::stream<card::LegPdu>& leg, hls::stream<card::DataFrom>& from,
                                 hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 4
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::HeaderSplitState<card::EngineConfig> state;
#pragma HLS BIND_STORAGE variable = state.broken type = ram_2p impl = lutram
  card::HeaderSplitIo io = {breaks, head, host, leg, from, event};
  card::header_split_step(state, port, io);
}
