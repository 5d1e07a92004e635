// region: the table of open regions, 4 ways a set, and the door through which the runtime's orders to
// admission pass in their order with the commands: a region that closes, then a fence, meet every command
// that was let through before.
//
// Table: sets[hash(ns, region)], a row of 4 ways; one row is read and written a step, addressed by the record
// (or by the record kept from the step before: second region of a command, ways of a query).
#ifndef NVTEE_HW_KERNELS_TEE_CORE_REGION_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_REGION_HPP

#include "hw/kernels/tee_core/region_hash.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct Way {
  ap_uint<32> region;
  ap_uint<16> used;  // coarse clock of the last write
  NsIndex ns;
  ap_uint<2> state;  // Ctl::RegionState; kNone = free
};
struct RegionRow {
  Way way[kRegionWays];
};

template <class C>
struct RegionState {
  RegionRow sets[Sizes<C>::kSets];
  // What is left of the record before: 0 nothing, else its kind.
  enum Rest { kNoRest = 0, kSecond = 1, kSecondPeek = 2, kQuery = 3 };
  ap_uint<2> rest;
  ap_uint<2> at;  // way of a query
  Cmd cmd;
  Peek peek;
  Ctl query;
};

struct RegionIo {
  hls::stream<Ctl>& ctl;
  hls::stream<Peek>& peek;
  hls::stream<Cmd>& asked;
  hls::stream<Looked>& looked;
  hls::stream<Peeked>& peeked;
};

NVTEE_TEE_INLINE ap_uint<16> coarse(Clock now) {
  return static_cast<ap_uint<16>>(now >> 30);
}  // ~1.07 s

template <class C>
NVTEE_TEE_INLINE unsigned set_of(NsIndex ns, ap_uint<32> region) {
  return region_set(ns.to_uint(), region.to_uint(), C::kRegionSetBits);
}

NVTEE_TEE_INLINE bool holds(const Way& w, NsIndex ns, ap_uint<32> region) {
  return w.state != Ctl::kNone && w.ns == ns && w.region == region;
}

NVTEE_TEE_INLINE ap_uint<2> state_in(const RegionRow& row, NsIndex ns, ap_uint<32> region) {
  ap_uint<2> state = Ctl::kNone;
  for (unsigned i = 0; i < kRegionWays; ++i)
    if (holds(row.way[i], ns, region)) state = row.way[i].state;
  return state;
}

NVTEE_TEE_INLINE void stamp(RegionRow& row, NsIndex ns, ap_uint<32> region, ap_uint<16> used) {
  for (unsigned i = 0; i < kRegionWays; ++i)
    if (holds(row.way[i], ns, region)) row.way[i].used = used;
}

// Sets the region's state in its way, or in a free one. False: no way is free.
NVTEE_TEE_INLINE bool set_state(RegionRow& row, NsIndex ns, ap_uint<32> region, ap_uint<2> state,
                                ap_uint<16> used) {
  const bool known = state_in(row, ns, region) != Ctl::kNone;
  bool done = state == Ctl::kNone;
  for (unsigned i = 0; i < kRegionWays; ++i) {
    Way& w = row.way[i];
    const bool here = known ? holds(w, ns, region) : (!done && w.state == Ctl::kNone);
    if (!here) continue;
    if (!known) w.used = used;
    w.ns = ns;
    w.region = region;
    w.state = state;
    done = true;
  }
  return done;
}

template <class C>
NVTEE_TEE_INLINE void look(RegionState<C>& s, const Cmd& cmd, ap_uint<32> region, bool last, Clock now,
                           hls::stream<Looked>& out) {
  const unsigned set = set_of<C>(cmd.ns, region);
  RegionRow row = s.sets[set];
  const ap_uint<2> state = state_in(row, cmd.ns, region);
  const bool hit =
      cmd.writes ? state == Ctl::kOpen || (C::kMutant == Mutant::kClosingIsOpen && state == Ctl::kClosing)
                 : state != Ctl::kReconcile;
  if (cmd.writes && hit) stamp(row, cmd.ns, region, coarse(now));
  s.sets[set] = row;
  Looked l = Looked();
  l.kind = Looked::kCommand;
  l.cmd = cmd;
  l.region = region;
  l.hit = hit || !cmd.look ? 1 : 0;
  l.last = last ? 1 : 0;
  out.write(l);
}

template <class C>
NVTEE_TEE_INLINE void peek_at(RegionState<C>& s, const Peek& p, ap_uint<32> region, bool last,
                              hls::stream<Peeked>& out) {
  const RegionRow row = s.sets[set_of<C>(p.ns, region)];
  Peeked r = Peeked();
  r.slot = p.slot;
  r.ns = p.ns;
  r.open = state_in(row, p.ns, region) == Ctl::kOpen ? 1 : 0;
  r.last = last ? 1 : 0;
  out.write(r);
}

template <class C>
NVTEE_TEE_INLINE void show_way(RegionState<C>& s, Clock now, hls::stream<Looked>& out) {
  const RegionRow row = s.sets[set_of<C>(s.query.ns, s.query.region)];
  const Way w = row.way[static_cast<unsigned>(s.at)];
  Looked l = Looked();
  l.kind = Looked::kInfo;
  l.cmd.ns = w.ns;
  l.region = w.region;
  l.region_state = w.state;
  l.way = s.at;
  l.age = static_cast<ap_uint<16>>(coarse(now) - w.used);
  out.write(l);
}

NVTEE_TEE_INLINE Looked passed_on(const Ctl& c) {
  Looked l = Looked();
  l.kind = c.op == Ctl::kSetGate       ? Looked::kGate
           : c.op == Ctl::kSetHostGate ? Looked::kHostGate
           : c.op == Ctl::kSetLease    ? Looked::kLease
           : c.op == Ctl::kQueueOpen   ? Looked::kOpen
           : c.op == Ctl::kQueueClose  ? Looked::kClose
                                       : Looked::kFence;
  l.cmd.ns = c.ns;
  l.queue = c.queue;
  l.status = c.status;
  l.status2 = c.status2;
  l.mask = c.mask;
  l.clock = c.clock;
  return l;
}

template <class C>
NVTEE_TEE_INLINE Looked set_region(RegionState<C>& s, const Ctl& c, Clock now) {
  const unsigned set = set_of<C>(c.ns, c.region);
  RegionRow row = s.sets[set];
  const bool done = set_state(row, c.ns, c.region, c.region_state, coarse(now));
  s.sets[set] = row;
  Looked l = Looked();
  l.kind = Looked::kSetDone;
  l.cmd.ns = c.ns;
  l.region = c.region;
  l.region_state = c.region_state;
  l.status = done ? spec::st::kOk : spec::st::kCapacityExceeded;
  return l;
}

template <class C>
NVTEE_TEE_INLINE void region_order(RegionState<C>& s, const Ctl& c, Clock now, hls::stream<Looked>& out) {
  if (c.op == Ctl::kRegionQuery) {
    s.query = c;
    s.at = 0;
    s.rest = RegionState<C>::kQuery;
  } else if (c.op == Ctl::kRegionSet) {
    out.write(set_region(s, c, now));
  } else {
    out.write(passed_on(c));
  }
}

// The second step of what the step before began.
template <class C>
NVTEE_TEE_INLINE void region_rest(RegionState<C>& s, Clock now, RegionIo& io) {
  if (s.rest == RegionState<C>::kQuery) {
    show_way(s, now, io.looked);
    if (s.at == kRegionWays - 1) s.rest = RegionState<C>::kNoRest;
    s.at = static_cast<ap_uint<2>>(s.at + 1);
  } else if (s.rest == RegionState<C>::kSecond) {
    look(s, s.cmd, static_cast<ap_uint<32>>(s.cmd.region + 1), true, now, io.looked);
    s.rest = RegionState<C>::kNoRest;
  } else {
    peek_at(s, s.peek, static_cast<ap_uint<32>>(s.peek.region + 1), true, io.peeked);
    s.rest = RegionState<C>::kNoRest;
  }
}

template <class C>
NVTEE_TEE_INLINE Step region_step(RegionState<C>& s, Clock now, RegionIo& io) {
  const bool rest = s.rest != RegionState<C>::kNoRest;
  if (!rest && io.ctl.empty() && io.peek.empty() && io.asked.empty()) return Step::kIdle;
  if (io.looked.full() || io.peeked.full()) return Step::kBlocked;
  if (rest) {
    region_rest(s, now, io);
    return Step::kMoved;
  }
  if (!io.ctl.empty()) {
    region_order(s, io.ctl.read(), now, io.looked);
    return Step::kMoved;
  }
  if (!io.peek.empty()) {
    s.peek = io.peek.read();
    if (s.peek.spans) s.rest = RegionState<C>::kSecondPeek;
    peek_at(s, s.peek, s.peek.region, !s.peek.spans, io.peeked);
    return Step::kMoved;
  }
  const Cmd cmd = io.asked.read();
  const bool two = cmd.look && cmd.spans && C::kMutant != Mutant::kSecondRegionUnseen;
  if (two) {
    s.cmd = cmd;
    s.rest = RegionState<C>::kSecond;
  }
  look(s, cmd, cmd.region, !two, now, io.looked);
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
