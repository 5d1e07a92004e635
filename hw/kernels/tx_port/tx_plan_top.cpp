#include "hw/kernels/tx_port/tx_pack.hpp"

using namespace nvtee;  // NOLINT

extern "C" void tx_plan_top(hls::stream<card::TxHead>& head, hls::stream<card::TxOp>& op,
                            hls::stream<ap_uint<1>>& needs) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::TxPlanState state;
  card::tx_plan_step(state, head, op, needs);
}
