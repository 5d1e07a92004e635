#include "hw/kernels/store/store_write.hpp"

using namespace nvtee;  // NOLINT

extern "C" void store_turn_top(ap_uint<1> port, hls::stream<card::StoreBeat>& in,
                               hls::stream<card::StageEntry>& grant, hls::stream<card::StageUse>& use,
                               hls::stream<card::StageWrite>& stage, hls::stream<card::Turned>& out,
                               hls::stream<card::TurnedKey>& key) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::StoreTurnState<card::EngineConfig> state;
#pragma HLS BIND_STORAGE variable = state.entry type = ram_2p impl = lutram
  card::StoreTurnIo io = {in, grant, use, stage, out, key};
  card::store_turn_step(state, port, io);
}
