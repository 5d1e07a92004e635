#include "hw/kernels/tx_port/tx_pack.hpp"

using namespace nvtee;  // NOLINT

extern "C" void tx_merge_top(hls::stream<card::TxOp>& op, hls::stream<ap_uint<1>>& needs,
                             hls::stream<card::TxBeat>& body, hls::stream<card::NetBeat>& net,
                             hls::stream<card::TxDone>& host_done, hls::stream<card::TxDone>& leg_done,
                             hls::stream<card::TxDone>& runtime_done, hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::TxMergeState state;
  card::TxMergeIo io = {op, needs, body, net, host_done, leg_done, runtime_done, event};
  card::tx_merge_step(state, io);
}
