// region: the state and the pragmas.
#include "hw/kernels/tee_core/region.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void region_top(hls::stream<Ctl>& ctl, hls::stream<Peek>& peek, hls::stream<Cmd>& asked,
                           hls::stream<Looked>& looked, hls::stream<Peeked>& peeked, ap_uint<64> now) {
#pragma HLS PIPELINE II = 4
  static RegionState<CardConfig> state;
  RegionIo io{ctl, peek, asked, looked, peeked};
  region_step(state, now, io);
}
