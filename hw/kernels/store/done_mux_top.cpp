#include "hw/kernels/store/done_mux.hpp"

using namespace nvtee;  // NOLINT

extern "C" void done_mux_top(hls::stream<card::StoreDone>& now0, hls::stream<card::StoreDone>& now1,
                             hls::stream<card::StoreDone>& later0, hls::stream<card::StoreDone>& later1,
                             hls::stream<tee::Stored>& host, hls::stream<card::StoreDone>& leg,
                             hls::stream<card::StoreDone>& raw) {
#pragma HLS PIPELINE II = 2
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::DoneMuxState state;
  card::DoneMuxIo io = {now0, now1, later0, later1, host, leg, raw};
  card::done_mux_step(state, io);
}
