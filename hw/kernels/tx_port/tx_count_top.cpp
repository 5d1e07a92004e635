#include "hw/kernels/tx_port/tx_pack.hpp"

using namespace nvtee;  // NOLINT

extern "C" void tx_count_top(ap_uint<1> port, hls::stream<card::TxTotal>& total,
                             hls::stream<card::Count>& count) {
#pragma HLS PIPELINE II = 3
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::TxCountState state;
  card::tx_count_step(state, port, total, count);
}
