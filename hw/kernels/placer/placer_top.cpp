#include "hw/kernels/placer/placer.hpp"

using namespace nvtee;  // NOLINT

extern "C" void placer_top(ap_uint<1> port, hls::stream<card::DataFrom>& from,
                           hls::stream<tee::Placement>& placement, hls::stream<card::LegPlace>& leg,
                           hls::stream<card::StoreSlot>& punt, hls::stream<card::StoreSlot>& spare_in,
                           hls::stream<card::StoreSlot>& spare_out, hls::stream<card::DataBeat>& beat,
                           hls::stream<card::StoreBeat>& store, hls::stream<card::Break>& breaks,
                           hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::PlacerState<card::EngineConfig> state;
#pragma HLS BIND_STORAGE variable = state.to type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.next type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.put type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.got type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.end_put type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.end_got type = ram_2p impl = lutram
  card::PlacerIo io = {from, placement, leg, punt, spare_in, spare_out, beat, store, breaks, event};
  card::placer_step(state, port, io);
}
