#include "hw/kernels/store/store_write.hpp"

using namespace nvtee;  // NOLINT

extern "C" void store_cut_top(hls::stream<card::Turned>& in, hls::stream<card::TurnedKey>& key,
                              hls::stream<card::LineWrite>& out, hls::stream<card::StoreDone>& now,
                              hls::stream<card::Pending>& pending) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::StoreCutState state;
  card::StoreCutIo io = {in, key, out, now, pending};
  card::store_cut_step(state, io);
}
