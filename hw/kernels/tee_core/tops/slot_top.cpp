// slot: the state and the pragmas.
#include "hw/kernels/tee_core/slot.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void slot_top(hls::stream<SlotId>& freed, hls::stream<Ctl>& ctl, hls::stream<Front>& in,
                         hls::stream<Front>& out, hls::stream<Event>& event) {
#pragma HLS PIPELINE II = 4
  static SlotState<CardConfig> state;
  slot_step(state, freed, ctl, in, out, event);
}
