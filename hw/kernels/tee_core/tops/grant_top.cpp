// grant: the state and the pragmas.
#include "hw/kernels/tee_core/grant.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void grant_top(hls::stream<Ticket>& ticket, hls::stream<Cmd>& carried,
                          hls::stream<Waiting>& ring_in, hls::stream<Waiting>& ring_out,
                          hls::stream<Waiting>& recheck, hls::stream<Cmd>& granted) {
#pragma HLS PIPELINE II = 2
  static GrantState state;
  GrantIo io{ticket, carried, ring_in, ring_out, recheck, granted};
  grant_step<CardConfig>(state, io);
}
