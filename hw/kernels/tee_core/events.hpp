// events: gathers the kernels' events into the one stream that the runtime reads, faults of legs first. Every
// source is bounded by the commands in flight, so none starves.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_EVENTS_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_EVENTS_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

inline Step events_step(hls::stream<Event>& slot, hls::stream<Event>& payload, hls::stream<Event>& admit,
                        hls::stream<Event>& legtab, hls::stream<Event>& legs, hls::stream<Event>& emit,
                        hls::stream<Event>& answer, hls::stream<Event>& out) {
  const bool quiet = slot.empty() && payload.empty() && admit.empty() && answer.empty();
  if (quiet && legtab.empty() && legs.empty() && emit.empty()) return Step::kIdle;
  if (out.full()) return Step::kBlocked;
  if (!legtab.empty()) {
    out.write(legtab.read());
  } else if (!legs.empty()) {
    out.write(legs.read());
  } else if (!emit.empty()) {
    out.write(emit.read());
  } else if (!admit.empty()) {
    out.write(admit.read());
  } else if (!payload.empty()) {
    out.write(payload.read());
  } else if (!slot.empty()) {
    out.write(slot.read());
  } else {
    out.write(answer.read());
  }
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
