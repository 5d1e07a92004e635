#include "hw/kernels/tx_port/tx_pack.hpp"

using namespace nvtee;  // NOLINT

extern "C" void tx_head_top(hls::stream<card::TxGrant>& grant, hls::stream<card::TxHead>& head,
                            hls::stream<card::TxTotal>& total) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  card::tx_head_step(grant, head, total);
}
