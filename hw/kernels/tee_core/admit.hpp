// admit: the point after which a command is in: gates, lease and queue are asked once more, its regions are
// open, and it is counted in its namespace's current fence colour. Whatever is not let in goes back to the
// payload kernel.
//
// Tables: ns[namespace] (gates, colours, counts), host gates [queue][namespace]: one row read and written a
// step, addressed by the record's namespace and queue.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_ADMIT_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_ADMIT_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct AdmitRow {
  StatusBits gate_read, gate_write;
  ap_uint<14> count[2];  // admitted and not finished, by colour
  ap_uint<1> colour;     // of those admitted now
  ap_uint<1> fencing;    // waits for the other colour's count to reach 0
  ap_uint<1> again;      // asked while fencing
};

template <class C>
struct AdmitState {
  AdmitRow ns[Sizes<C>::kNamespaces];
  ap_uint<3> host[Sizes<C>::kQueues * Sizes<C>::kNamespaces];
  ap_uint<1> closed[Sizes<C>::kQueues];
  Clock lease;
  ap_uint<1> missed;  // the command's first region was not open
  ap_uint<32> missed_region;
};

struct AdmitIo {
  hls::stream<NsIndex>& shut;
  hls::stream<Finish>& finish;
  hls::stream<Looked>& in;
  hls::stream<Cmd>& admitted;
  hls::stream<Verdict>& verdict;
  hls::stream<Event>& event;
};

NVTEE_TEE_INLINE Event fence_event(NsIndex ns) {
  Event e = event_of(Event::kFenceDone);
  e.ns = ns;
  return e;
}

// New commands take the other colour. True: nothing is left of the old one.
template <class C>
NVTEE_TEE_INLINE bool start_fence(AdmitRow& row) {
  const ap_uint<1> old = row.colour;
  row.colour = C::kMutant == Mutant::kOneColour ? old : static_cast<ap_uint<1>>(~old);
  const bool done = row.count[static_cast<unsigned>(old)] == 0 || C::kMutant == Mutant::kFenceEarly;
  row.fencing = done ? 0 : 1;
  return done;
}

template <class C>
NVTEE_TEE_INLINE void admit_fence(AdmitRow& row, NsIndex ns, AdmitIo& io) {
  if (row.fencing) {
    row.again = 1;
  } else if (start_fence<C>(row)) {
    io.event.write(fence_event(ns));
  }
}

// A leg said 0/83h: this node is not home any more. Nothing is let in until the runtime opens the gates.
template <class C>
NVTEE_TEE_INLINE void admit_shut(AdmitState<C>& s, NsIndex ns) {
  const unsigned at = ns.to_uint() & (Sizes<C>::kNamespaces - 1);
  AdmitRow row = s.ns[at];
  if (row.gate_read == 0) row.gate_read = spec::st::kPathInternal;
  if (row.gate_write == 0) row.gate_write = spec::st::kPathInternal;
  s.ns[at] = row;
}

template <class C>
NVTEE_TEE_INLINE void admit_finish(AdmitState<C>& s, const Finish& f, AdmitIo& io) {
  const unsigned at = static_cast<unsigned>(f.ns) & (Sizes<C>::kNamespaces - 1);
  const unsigned colour = static_cast<unsigned>(f.colour);
  AdmitRow row = s.ns[at];
  row.count[colour] = static_cast<ap_uint<14>>(row.count[colour] - 1);
  if (row.fencing && f.colour != row.colour && row.count[colour] == 0) {
    // Fences asked for meanwhile join this one: it goes on until they are done too, with one event.
    const bool more = row.again == 1;
    row.again = 0;
    if (!more || start_fence<C>(row)) {
      row.fencing = 0;
      io.event.write(fence_event(f.ns));
    }
  }
  s.ns[at] = row;
}

NVTEE_TEE_INLINE Verdict verdict_of(const Cmd& cmd, unsigned kind, Refusal r, ap_uint<32> region) {
  Verdict v = Verdict();
  v.slot = cmd.slot;
  v.kind = static_cast<ap_uint<2>>(kind);
  v.status = r.status;
  v.dnr = r.dnr;
  v.region = region;
  return v;
}

template <class C>
NVTEE_TEE_INLINE void admit_command(AdmitState<C>& s, Clock now, const Looked& l, bool open,
                                    ap_uint<32> missed, AdmitIo& io) {
  const unsigned at = static_cast<unsigned>(l.cmd.ns) & (Sizes<C>::kNamespaces - 1);
  const unsigned queue = static_cast<unsigned>(queue_of<C>(l.cmd.slot)) & (Sizes<C>::kQueues - 1);
  AdmitRow row = s.ns[at];
  const Refusal no =
      gate_of(l.cmd.gate, row.gate_read, row.gate_write, s.host[(queue << C::kNsBits) + at], now < s.lease);
  Cmd cmd = l.cmd;
  if (s.closed[queue]) {
    io.verdict.write(verdict_of(cmd, Verdict::kDiscarded, no, 0));
  } else if (no.status != 0 && C::kMutant != Mutant::kGatesOnce) {
    io.verdict.write(verdict_of(cmd, Verdict::kRefused, no, 0));
  } else if (cmd.kind == Cmd::kPunt) {
    io.verdict.write(verdict_of(cmd, Verdict::kPunted, no, 0));
  } else if (!open) {
    io.verdict.write(verdict_of(cmd, Verdict::kParked, no, missed));
  } else {
    const unsigned colour = static_cast<unsigned>(row.colour);
    row.count[colour] = static_cast<ap_uint<14>>(row.count[colour] + 1);
    cmd.colour = row.colour;
    io.admitted.write(cmd);
  }
  s.ns[at] = row;
}

// One of a command's one or two regions.
template <class C>
NVTEE_TEE_INLINE void admit_looked(AdmitState<C>& s, Clock now, const Looked& l, AdmitIo& io) {
  const bool open = !s.missed && l.hit;
  const ap_uint<32> missed = s.missed ? s.missed_region : l.region;
  if (l.last) admit_command(s, now, l, open, missed, io);
  s.missed = l.last || open ? 0 : 1;
  s.missed_region = missed;
}

NVTEE_TEE_INLINE Event region_event(const Looked& l, unsigned kind) {
  Event e = event_of(kind);
  e.ns = l.cmd.ns;
  e.region = l.region;
  e.region_state = l.region_state;
  e.status = l.status;
  e.value = l.way;
  e.age = l.age;
  return e;
}

template <class C>
NVTEE_TEE_INLINE void admit_order(AdmitState<C>& s, const Looked& l, AdmitIo& io) {
  const unsigned at = static_cast<unsigned>(l.cmd.ns) & (Sizes<C>::kNamespaces - 1);
  const unsigned queue = static_cast<unsigned>(l.queue) & (Sizes<C>::kQueues - 1);
  AdmitRow row = s.ns[at];
  if (l.kind == Looked::kGate) {
    row.gate_read = l.status;
    row.gate_write = l.status2;
  } else if (l.kind == Looked::kFence) {
    admit_fence<C>(row, l.cmd.ns, io);
  } else if (l.kind == Looked::kSetDone) {
    io.event.write(region_event(l, Event::kRegionSetDone));
  } else if (l.kind == Looked::kInfo) {
    io.event.write(region_event(l, Event::kRegionInfo));
  }
  s.ns[at] = row;
  if (l.kind == Looked::kHostGate) s.host[(queue << C::kNsBits) + at] = static_cast<ap_uint<3>>(l.mask);
  if (l.kind == Looked::kLease) s.lease = l.clock;
  if (l.kind == Looked::kOpen || l.kind == Looked::kClose) s.closed[queue] = l.kind == Looked::kClose ? 1 : 0;
}

template <class C>
NVTEE_TEE_INLINE Step admit_step(AdmitState<C>& s, Clock now, AdmitIo& io) {
  if (io.shut.empty() && io.finish.empty() && io.in.empty()) return Step::kIdle;
  if (io.event.full() || io.verdict.full()) return Step::kBlocked;
  if (!io.shut.empty()) {
    admit_shut(s, io.shut.read());
    return Step::kMoved;
  }
  if (!io.finish.empty()) {
    admit_finish(s, io.finish.read(), io);
    return Step::kMoved;
  }
  if (io.admitted.full()) return Step::kBlocked;
  const Looked l = io.in.read();
  if (l.kind == Looked::kCommand) {
    admit_looked(s, now, l, io);
  } else {
    admit_order(s, l, io);
  }
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
