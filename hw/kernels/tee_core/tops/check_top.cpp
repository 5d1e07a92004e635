// check: the state and the pragmas.
#include "hw/kernels/tee_core/check.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void check_top(hls::stream<Ctl>& ctl, hls::stream<HostIn>& in, hls::stream<Front>& out,
                          ap_uint<64> now) {
#pragma HLS PIPELINE II = 4
#pragma HLS ARRAY_PARTITION variable = state.nsid complete
#pragma HLS BIND_STORAGE variable = state.host type = ram_s2p impl = bram
  static CheckState<CardConfig> state;
  check_step(state, now, ctl, in, out);
}
