// guard: the state and the pragmas.
#include "hw/kernels/tee_core/guard.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void guard_top(hls::stream<Release>& release, hls::stream<Waiting>& recheck,
                          hls::stream<Cmd>& admitted, hls::stream<Ticket>& ticket,
                          hls::stream<Cmd>& carried) {
#pragma HLS PIPELINE II = 5
#pragma HLS ARRAY_PARTITION variable = state.entries complete dim = 1
  static GuardState<CardConfig> state;
  GuardIo io{release, recheck, admitted, ticket, carried};
  guard_step(state, io);
}
