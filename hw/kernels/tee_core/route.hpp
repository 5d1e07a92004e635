// route: hands each order of the runtime to the kernels that need it, all of them in one step, so that no
// kernel sees a later order's effect before an earlier order waits at its door.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_ROUTE_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_ROUTE_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct Destinations {
  bool check, slot, payload, region, legs, answer;
};

inline Destinations destinations(ap_uint<5> op) {
  Destinations d = {false, false, false, false, false, false};
  const bool queue = op == Ctl::kQueueOpen || op == Ctl::kQueueClose;
  const bool gate = op == Ctl::kSetGate || op == Ctl::kSetHostGate;
  d.check = queue || gate || op == Ctl::kSetNamespace || op == Ctl::kSetLease || op == Ctl::kHold;
  d.slot = queue;
  d.payload = queue || op == Ctl::kResume || op == Ctl::kFailParked || op == Ctl::kIssue ||
              op == Ctl::kCopy || op == Ctl::kRelease || op == Ctl::kPuntDone;
  d.region = queue || gate || op == Ctl::kSetLease || op == Ctl::kRegionSet || op == Ctl::kRegionQuery ||
             op == Ctl::kFence;
  d.legs = op == Ctl::kSetGate || op == Ctl::kSetNamespace || op == Ctl::kSetLeg || op == Ctl::kLegSweep;
  d.answer = queue || op == Ctl::kSetLease;
  return d;
}

inline Step route_step(hls::stream<Ctl>& ctl, hls::stream<Ctl>& check, hls::stream<Ctl>& slot,
                       hls::stream<Ctl>& payload, hls::stream<Ctl>& region, hls::stream<Ctl>& legs,
                       hls::stream<Ctl>& answer) {
  if (ctl.empty()) return Step::kIdle;
  if (check.full() || slot.full() || payload.full() || region.full() || legs.full() || answer.full())
    return Step::kBlocked;
  const Ctl c = ctl.read();
  const Destinations d = destinations(c.op);
  if (d.check) check.write(c);
  if (d.slot) slot.write(c);
  if (d.payload) payload.write(c);
  if (d.region) region.write(c);
  if (d.legs) legs.write(c);
  if (d.answer) answer.write(c);
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
