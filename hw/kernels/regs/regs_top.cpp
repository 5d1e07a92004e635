#include "hw/kernels/regs/regs.hpp"

using namespace nvtee;

extern "C" void regs_top(hls::stream<hw::LiteAddr>& awaddr, hls::stream<hw::LiteW>& wdata,
                         hls::stream<hw::AxiB>& bresp, hls::stream<hw::LiteAddr>& araddr,
                         hls::stream<hw::LiteR>& rdata, hls::stream<tee::Ctl>& tee_ctl,
                         hls::stream<card::CardCtl>& rx_ctl0, hls::stream<card::CardCtl>& rx_ctl1,
                         hls::stream<card::CardCtl>& host_ctl, hls::stream<card::CardCtl>& leg_ctl,
                         hls::stream<card::TcpCtl>& tcp_ctl0, hls::stream<card::TcpCtl>& tcp_ctl1,
                         hls::stream<tee::HostIn>& host_in, hls::stream<card::TxJob>& job0,
                         hls::stream<card::TxJob>& job1, hls::stream<card::TxDone>& free0,
                         hls::stream<card::TxDone>& free1, hls::stream<card::RingCtl>& ring_ctl,
                         hls::stream<card::RingNews>& ring_news, hls::stream<ap_uint<32>>& clock_step,
                         hls::stream<card::Count>& count0, hls::stream<card::Count>& count1,
                         hls::stream<card::Count>& count2, hls::stream<card::Count>& count3, ap_uint<64> now,
                         ap_uint<32> build) {
#pragma HLS PIPELINE II = 8
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::RegsState state;
#pragma HLS BIND_STORAGE variable = state.pdus type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.bytes type = ram_2p impl = lutram
  card::RegsIo io = {awaddr,   wdata,    bresp,     araddr,     rdata,   tee_ctl, rx_ctl0, rx_ctl1,
                     host_ctl, leg_ctl,  tcp_ctl0,  tcp_ctl1,   host_in, job0,    job1,    free0,
                     free1,    ring_ctl, ring_news, clock_step, count0,  count1,  count2,  count3};
  card::regs_step<card::EngineConfig>(state, now, build, io);
}
