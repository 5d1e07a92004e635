#include "hw/kernels/tx_port/tx_pack.hpp"
#include "hw/kernels/tx_port/tx_queue.hpp"

using namespace nvtee;

extern "C" void tx_queue_top(hls::stream<card::TxJob>& host, hls::stream<card::TxJob>& leg,
                             hls::stream<card::TxJob>& runtime, hls::stream<card::SendRequest>& request,
                             hls::stream<card::SendStatus>& status, hls::stream<card::TxGrant>& grant,
                             hls::stream<card::StoreRead>& read) {
#pragma HLS PIPELINE II = 2
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::TxQueueState state;
#pragma HLS BIND_STORAGE variable = state.jobs type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.rows type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.ready type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.rest type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.asked type = ram_2p impl = lutram
  card::TxQueueIo io = {host, leg, runtime, request, status, grant, read};
  card::tx_queue_step(state, io);
}

extern "C" void tx_head_top(hls::stream<card::TxGrant>& grant, hls::stream<card::TxHead>& head) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  card::tx_head_step(grant, head);
}

extern "C" void tx_fold_top(hls::stream<card::ReadBeat>& in, hls::stream<card::FoldedBeat>& out) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  card::tx_fold_step(in, out);
}

extern "C" void tx_digest_top(hls::stream<card::FoldedBeat>& in, hls::stream<card::TxBeat>& out) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::TxDigestState state;
  card::tx_digest_step(state, in, out);
}

extern "C" void tx_pack_top(hls::stream<card::TxHead>& head, hls::stream<card::TxBeat>& body,
                            hls::stream<card::NetBeat>& net, hls::stream<card::TxDone>& host_done,
                            hls::stream<card::TxDone>& leg_done, hls::stream<card::TxDone>& runtime_done,
                            hls::stream<card::CardEvent>& event, hls::stream<card::Count>& count) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::TxPackState state;
  card::TxPackIo io = {head, body, net, host_done, leg_done, runtime_done, event, count};
  card::tx_pack_step(state, io);
}
