#include "hw/kernels/leg_io/leg_table.hpp"

using namespace nvtee;

extern "C" void leg_table_top(ap_uint<1> port, hls::stream<card::LegOut>& out,
                              hls::stream<card::LegBack>& back, hls::stream<card::LegReady>& ready_in,
                              hls::stream<card::LegReady>& ready_out, hls::stream<card::TxJob>& job,
                              hls::stream<card::LegPlace>& place, hls::stream<tee::LegIn>& leg_in,
                              hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 4
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::LegTableState state;
#pragma HLS BIND_STORAGE variable = state.entries type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.commands type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.next type = ram_2p impl = bram
#pragma HLS BIND_STORAGE variable = state.queues type = ram_2p impl = lutram
  card::LegTableIo io = {out, back, ready_in, ready_out, job, place, leg_in, event};
  card::leg_table_step(state, port, io);
}
