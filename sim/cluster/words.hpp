// Words for numbers in a trace.
#pragma once

#include "hw/kernels/tee_core/records.hpp"
#include "sim/cluster/ops.hpp"
#include "sim/cluster/trace.hpp"

namespace nvtee::cluster {

inline Word ctl_word(unsigned op) {
  static constexpr const char* kNames[] = {"nop",    "namespace",   "gate",        "host gate", "leg",
                                           "lease",  "queue open",  "queue close", "region",    "region age?",
                                           "resume", "fail parked", "fence",       "hold",      "issue",
                                           "copy",   "release",     "punt done",   "sweep"};
  static_assert(std::size(kNames) == tee::Ctl::kLegSweep + 1);
  return word(kNames, op);
}

// What an order is to bring about, where it is one of several states.
inline Word ctl_state_word(const tee::Ctl& c) {
  static constexpr const char* kLegs[] = {"off", "syncing", "in_sync"};
  static constexpr const char* kRegions[] = {"none", "open", "closing", "reconcile"};
  static constexpr const char* kSweeps[] = {"drop", "reissue", "fail"};
  if (c.op == tee::Ctl::kSetLeg) return word(kLegs, c.leg_state.to_uint());
  if (c.op == tee::Ctl::kRegionSet) return word(kRegions, c.region_state.to_uint());
  if (c.op == tee::Ctl::kLegSweep) return word(kSweeps, c.sweep.to_uint());
  if (c.op == tee::Ctl::kSetGate) return {c.status.to_uint(), c.status == 0 ? "open" : "shut"};
  return {0, "-"};
}

inline Word event_word(unsigned kind) {
  static constexpr const char* kNames[] = {
      "region miss", "region set", "region age",  "held",       "hold refused",  "issue done", "fence done",
      "leg fault",   "not home",   "media error", "sweep done", "queue drained", "punt"};
  static_assert(std::size(kNames) == tee::Event::kPunt + 1);
  return word(kNames, kind);
}

inline Word opcode_word(unsigned opcode) {
  static constexpr const char* kNames[] = {"Flush",   "Write", "Read", "?",      "?",
                                           "Compare", "?",     "?",    "Zeroes", "DSM"};
  return word(kNames, opcode);
}

inline Word kind_word(Op::Kind kind) {
  static constexpr const char* kNames[] = {"Read", "Write", "Zeroes", "Flush", "Compare", "DSM", "internal"};
  return word(kNames, static_cast<unsigned>(kind));
}

}  // namespace nvtee::cluster
