#include "hw/kernels/store/store_read.hpp"

using namespace nvtee;  // NOLINT

extern "C" void read_align_top(hls::stream<card::ReadPlan>& plan, hls::stream<card::Line>& stage,
                               hls::stream<hw::AxiR>& r, hls::stream<card::ReadBeat>& out) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::ReadAlignState state;
  card::ReadAlignIo io = {plan, stage, r, out};
  card::read_align_step(state, io);
}
