#include "hw/kernels/tx_port/tx_queue.hpp"

using namespace nvtee;  // NOLINT

extern "C" void tx_queue_top(hls::stream<card::TxJob>& host, hls::stream<card::TxJob>& leg,
                             hls::stream<card::TxJob>& runtime, hls::stream<card::SendRequest>& request,
                             hls::stream<card::SendStatus>& status, hls::stream<card::TxGrant>& grant,
                             hls::stream<card::StoreRead>& read, hls::stream<card::TxAsked>& ready_in,
                             hls::stream<card::TxAsked>& ready_out, hls::stream<card::SessionIx>& rest_in,
                             hls::stream<card::SessionIx>& rest_out, hls::stream<card::TxAsked>& asked_in,
                             hls::stream<card::TxAsked>& asked_out) {
#pragma HLS PIPELINE II = 2
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::TxQueueState state;
#pragma HLS BIND_STORAGE variable = state.jobs type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.rows type = ram_2p impl = lutram
  card::TxQueueIo io = {host,     leg,       runtime, request,  status,   grant,    read,
                        ready_in, ready_out, rest_in, rest_out, asked_in, asked_out};
  card::tx_queue_step(state, io);
}
