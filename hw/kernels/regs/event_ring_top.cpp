#include "hw/kernels/regs/event_ring.hpp"

using namespace nvtee;

extern "C" void event_ring_top(hls::stream<card::RingCtl>& ctl, hls::stream<card::RingNews>& news,
                               hls::stream<tee::Event>& tee_event, hls::stream<card::CardEvent>& card_event,
                               hls::stream<card::TcpEvent>& tcp0, hls::stream<card::TcpEvent>& tcp1,
                               hls::stream<tee::HostOut>& host_out, hls::stream<card::StoreDone>& raw,
                               hls::stream<card::TxDone>& sent0, hls::stream<card::TxDone>& sent1,
                               hls::stream<card::TxDone>& free0, hls::stream<card::TxDone>& free1,
                               hls::stream<hw::AxiAddr>& aw, hls::stream<hw::AxiW>& w,
                               hls::stream<hw::AxiB>& b) {
#pragma HLS PIPELINE II = 8
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::EventRingState state;
  card::EventRingIo io = {ctl,   news,  tee_event, card_event, tcp0, tcp1, host_out, raw,
                          sent0, sent1, free0,     free1,      aw,   w,    b};
  card::event_ring_step(state, io);
}
