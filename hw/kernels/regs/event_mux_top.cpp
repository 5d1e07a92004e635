#include "hw/kernels/regs/event_ring.hpp"

using namespace nvtee;

extern "C" void event_mux_top(hls::stream<card::CardEvent>& a, hls::stream<card::CardEvent>& b,
                              hls::stream<card::CardEvent>& c, hls::stream<card::CardEvent>& d,
                              hls::stream<card::CardEvent>& out) {
#pragma HLS PIPELINE II = 2
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::EventMuxState state;
  card::event_mux_step(state, a, b, c, d, out);
}
