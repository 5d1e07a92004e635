#include "hw/kernels/host_tx/host_tx.hpp"

using namespace nvtee;

extern "C" void host_tx_top(hls::stream<tee::HostOut>& host_out, hls::stream<card::CardCtl>& ctl,
                            hls::stream<card::TxDone>& done0, hls::stream<card::TxDone>& done1,
                            hls::stream<card::TxJob>& job0, hls::stream<card::TxJob>& job1,
                            hls::stream<tee::SlotId>& sent, hls::stream<tee::HostOut>& runtime,
                            hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 6
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::HostTxState state;
#pragma HLS BIND_STORAGE variable = state.queues type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.waiting type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.ready type = ram_2p impl = lutram
  card::HostTxIo io = {host_out, ctl, done0, done1, job0, job1, sent, runtime, event};
  card::host_tx_step(state, io);
}
