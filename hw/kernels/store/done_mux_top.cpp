#include "hw/kernels/store/done_mux.hpp"

using namespace nvtee;  // NOLINT

extern "C" void done_mux_top(hls::stream<card::StoreDone>& port0, hls::stream<card::StoreDone>& port1,
                             hls::stream<tee::Stored>& host, hls::stream<card::StoreDone>& leg,
                             hls::stream<card::StoreDone>& raw) {
#pragma HLS PIPELINE II = 2
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::DoneMuxState state;
  card::done_mux_step(state, port0, port1, host, leg, raw);
}
