// events: the state and the pragmas.
#include "hw/kernels/tee_core/events.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void events_top(hls::stream<Event>& slot, hls::stream<Event>& payload, hls::stream<Event>& admit,
                           hls::stream<Event>& legtab, hls::stream<Event>& legs, hls::stream<Event>& emit,
                           hls::stream<Event>& answer, hls::stream<Event>& out) {
#pragma HLS PIPELINE II = 2
  events_step(slot, payload, admit, legtab, legs, emit, answer, out);
}
