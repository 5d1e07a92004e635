#include "hw/kernels/store/stage.hpp"

using namespace nvtee;  // NOLINT

extern "C" void stage_dir_top(hls::stream<card::StageUse>& use0, hls::stream<card::StageUse>& use1,
                              hls::stream<card::StoreSlot>& ask0, hls::stream<card::StoreSlot>& ask1,
                              hls::stream<card::StageRef>& found0, hls::stream<card::StageRef>& found1,
                              hls::stream<card::StageEntry>& unpin0, hls::stream<card::StageEntry>& unpin1,
                              hls::stream<card::StageEntry>& grant0, hls::stream<card::StageEntry>& grant1,
                              hls::stream<card::StageEntry>& landed0,
                              hls::stream<card::StageEntry>& landed1) {
#pragma HLS PIPELINE II = 2
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::StageDirState<card::EngineConfig> state;
#pragma HLS ARRAY_PARTITION variable = state.slot complete dim = 1
#pragma HLS ARRAY_PARTITION variable = state.pins complete dim = 1
  card::StageDirIo io = {use0,   use1,   ask0,   ask1,   found0,  found1,
                         unpin0, unpin1, grant0, grant1, landed0, landed1};
  card::stage_dir_step(state, io);
}
