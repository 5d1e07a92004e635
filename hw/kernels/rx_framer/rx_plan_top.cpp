#include "hw/kernels/rx_framer/rx_plan.hpp"

using namespace nvtee;  // NOLINT

extern "C" void rx_plan_top(hls::stream<card::Span>& span, hls::stream<card::Op>& op) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::RxPlanState state;
  card::rx_plan_step(state, span, op);
}
