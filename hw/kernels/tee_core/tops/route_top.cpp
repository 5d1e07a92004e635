// route: the state and the pragmas.
#include "hw/kernels/tee_core/route.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void route_top(hls::stream<Ctl>& ctl, hls::stream<Ctl>& check, hls::stream<Ctl>& slot,
                          hls::stream<Ctl>& payload, hls::stream<Ctl>& region, hls::stream<Ctl>& legs,
                          hls::stream<Ctl>& answer) {
#pragma HLS PIPELINE II = 2
  route_step(ctl, check, slot, payload, region, legs, answer);
}
