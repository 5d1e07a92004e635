#include "hw/kernels/leg_io/leg_table.hpp"

using namespace nvtee;

extern "C" void leg_table_top(hls::stream<card::LegOut>& out, hls::stream<card::LegBack>& back,
                              hls::stream<card::TxJob>& job0, hls::stream<card::TxJob>& job1,
                              hls::stream<card::LegPlace>& place0, hls::stream<card::LegPlace>& place1,
                              hls::stream<tee::LegIn>& leg_in, hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 10
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::LegTableState state;
#pragma HLS BIND_STORAGE variable = state.entries type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.commands type = ram_2p impl = uram
#pragma HLS BIND_STORAGE variable = state.next type = ram_2p impl = bram
#pragma HLS BIND_STORAGE variable = state.queues type = ram_2p impl = lutram
#pragma HLS BIND_STORAGE variable = state.ready type = ram_2p impl = lutram
  card::LegTableIo io = {out, back, job0, job1, place0, place1, leg_in, event};
  card::leg_table_step(state, io);
}
