#include "hw/kernels/leg_io/leg_route.hpp"

using namespace nvtee;

extern "C" void leg_route_top(hls::stream<card::CardCtl>& ctl, hls::stream<tee::LegTx>& tx,
                              hls::stream<card::LegPdu>& pdu0, hls::stream<card::LegPdu>& pdu1,
                              hls::stream<card::StoreDone>& stored, hls::stream<card::TxDone>& sent0,
                              hls::stream<card::TxDone>& sent1, hls::stream<card::LegOut>& out0,
                              hls::stream<card::LegOut>& out1, hls::stream<card::LegBack>& back0,
                              hls::stream<card::LegBack>& back1, hls::stream<card::Count>& count) {
#pragma HLS PIPELINE II = 2
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::LegRouteState state;
#pragma HLS BIND_STORAGE variable = state.of_leg type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.links_out type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.links_back type = ram_2p impl = lutram
  card::LegRouteIo io = {ctl, tx, pdu0, pdu1, stored, sent0, sent1, out0, out1, back0, back1, count};
  card::leg_route_step(state, io);
}
