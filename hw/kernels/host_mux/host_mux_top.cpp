#include "hw/kernels/host_mux/host_mux.hpp"

using namespace nvtee;

extern "C" void host_mux_top(hls::stream<tee::HostIn>& port0, hls::stream<tee::HostIn>& port1,
                             hls::stream<tee::SlotId>& sent, hls::stream<tee::HostIn>& runtime,
                             hls::stream<tee::HostIn>& host_in, hls::stream<tee::Placement>& placement,
                             hls::stream<tee::Placement>& place0, hls::stream<tee::Placement>& place1,
                             hls::stream<card::CardEvent>& event, hls::stream<card::Count>& count) {
#pragma HLS PIPELINE II = 3
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::HostMuxState state;
#pragma HLS BIND_STORAGE variable = state.asked type = ram_2p impl = lutram
  card::HostMuxIo io = {port0, port1, sent, runtime, host_in, placement, place0, place1, event, count};
  card::host_mux_step(state, io);
}
