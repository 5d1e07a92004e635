#include "hw/kernels/store/stage.hpp"

using namespace nvtee;  // NOLINT

extern "C" void stage_top(hls::stream<card::StageWrite>& write0, hls::stream<card::StageWrite>& write1,
                          hls::stream<card::StageRead>& read0, hls::stream<card::StageRead>& read1,
                          hls::stream<card::Line>& line0, hls::stream<card::Line>& line1,
                          hls::stream<card::StageEntry>& unpin0, hls::stream<card::StageEntry>& unpin1) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::StageState<card::EngineConfig> state;
#pragma HLS BIND_STORAGE variable = state.mem0_0 type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.mem0_1 type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.mem1_0 type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.mem1_1 type = ram_2p impl = uram
  card::StageIo io = {write0, write1, read0, read1, line0, line1, unpin0, unpin1};
  card::stage_step(state, io);
}
