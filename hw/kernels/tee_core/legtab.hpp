// legtab: the lookup half of the legs stage. It puts the namespace's legs beside each piece of work, drops
// answers of another incarnation of a leg, and tells the runtime about faults.
//
// Table: legs[namespace], a row of four legs, read and written once a step at the record's namespace.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_LEGTAB_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_LEGTAB_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct LegTabRow {
  LegSet set;
  LegMask faulted;     // kLegFault was said of this incarnation
  ap_uint<1> failing;  // since a sweep of kind kFail, until the gates open: what is granted is not begun
};

template <class C>
struct LegTabState {
  LegTabRow rows[Sizes<C>::kNamespaces];
  ap_uint<1> peek_shut;  // the first region of a peek was not open
};

struct LegTabIo {
  hls::stream<Ctl>& ctl;
  hls::stream<LegIn>& leg_in;
  hls::stream<Peeked>& peeked;
  hls::stream<Order>& order;
  hls::stream<Cmd>& granted;
  hls::stream<Work>& work;
  hls::stream<NsIndex>& shut;
  hls::stream<Event>& event;
};

NVTEE_TEE_INLINE void set_leg(LegTabRow& row, const Ctl& c) {
  const LegMask bit = leg_bit(c.leg);
  const unsigned at = static_cast<unsigned>(c.leg);
  if (row.set.gen[at] != c.gen) row.faulted = without(row.faulted, bit);
  row.set.gen[at] = c.gen;
  row.set.nsid[at] = c.nsid;
  row.set.in_sync = without(row.set.in_sync, bit);
  row.set.active = without(row.set.active, bit);
  if (c.leg_state != Ctl::kLegOff) row.set.active = static_cast<LegMask>(row.set.active | bit);
  if (c.leg_state == Ctl::kLegInSync) row.set.in_sync = static_cast<LegMask>(row.set.in_sync | bit);
}

NVTEE_TEE_INLINE Work work_of(unsigned kind, const LegTabRow& row, SlotId slot, NsIndex ns) {
  Work w = Work();
  w.kind = static_cast<ap_uint<3>>(kind);
  w.legs = row.set;
  w.cmd.slot = slot;
  w.cmd.ns = ns;
  return w;
}

template <class C>
NVTEE_TEE_INLINE unsigned row_of(NsIndex ns) {
  return static_cast<unsigned>(ns) & (Sizes<C>::kNamespaces - 1);
}

template <class C>
NVTEE_TEE_INLINE void legtab_order(LegTabState<C>& s, const Ctl& c, LegTabIo& io) {
  LegTabRow row = s.rows[row_of<C>(c.ns)];
  if (c.op == Ctl::kSetNamespace) row.set.prefer = c.mask;
  if (c.op == Ctl::kSetLeg) set_leg(row, c);
  // A write that was failed may be on some legs only: who waited for its blocks must not see it (P3).
  if (c.op == Ctl::kSetGate && c.status == 0 && c.status2 == 0) row.failing = 0;
  if (c.op == Ctl::kLegSweep && c.sweep == Ctl::kFail && C::kMutant != Mutant::kFailedSeen) row.failing = 1;
  if (c.op == Ctl::kLegSweep) {
    Work w = work_of(Work::kSweep, row, 0, c.ns);
    w.leg = c.leg;
    w.sweep = c.sweep;
    io.work.write(w);
  }
  s.rows[row_of<C>(c.ns)] = row;
}

NVTEE_TEE_INLINE Event leg_event(unsigned kind, const LegIn& a) {
  Event e = event_of(kind);
  e.ns = a.ns;
  e.leg = a.leg;
  e.gen = a.gen;
  e.status = a.status;
  e.slot = static_cast<SlotId>(a.cid);
  return e;
}

template <class C>
NVTEE_TEE_INLINE void legtab_answer(LegTabState<C>& s, const LegIn& a, LegTabIo& io) {
  const LegTabRow& row = s.rows[row_of<C>(a.ns)];
  const LegMask bit = leg_bit(a.leg);
  const bool current = row.set.gen[static_cast<unsigned>(a.leg)] == a.gen && (row.set.active & bit) != 0;
  const spec::LegStatus what = spec::classify(static_cast<spec::Status>(a.status.to_uint()));
  if (current || C::kMutant == Mutant::kOldIncarnation) {
    Work w = work_of(Work::kAnswer, row, static_cast<SlotId>(a.cid), a.ns);
    w.leg = a.leg;
    w.status = a.status;
    w.cid_gen = static_cast<ap_uint<3>>(a.cid >> 13);
    io.work.write(w);
    if (what == spec::LegStatus::kNotHome) {
      io.shut.write(a.ns);
      io.event.write(leg_event(Event::kNotHome, a));
    }
    if (what == spec::LegStatus::kInfrastructure && (row.faulted & bit) == 0) {
      io.event.write(leg_event(Event::kLegFault, a));
      s.rows[row_of<C>(a.ns)].faulted = static_cast<LegMask>(row.faulted | bit);
    }
  }
}

template <class C>
NVTEE_TEE_INLINE void legtab_peeked(LegTabState<C>& s, const Peeked& p, LegTabIo& io) {
  const bool open = p.open && !s.peek_shut;
  s.peek_shut = !p.last && !open ? 1 : 0;
  if (!p.last) return;
  Work w = work_of(Work::kPeeked, s.rows[row_of<C>(p.ns)], p.slot, p.ns);
  w.open = open ? 1 : 0;
  io.work.write(w);
}

NVTEE_TEE_INLINE Work order_work(const LegTabRow& row, const Order& o) {
  Work w = work_of(Work::kOrder, row, o.slot, o.ns);
  w.order = o.kind;
  w.opcode = o.opcode;
  w.high = o.high;
  w.mask = o.mask;
  w.leg = o.leg;
  return w;
}

template <class C>
NVTEE_TEE_INLINE Step legtab_step(LegTabState<C>& s, LegTabIo& io) {
  const bool no_new = io.order.empty() && io.granted.empty();
  if (io.ctl.empty() && io.peeked.empty() && io.leg_in.empty() && no_new) return Step::kIdle;
  if (io.work.full() || io.shut.full() || io.event.full()) return Step::kBlocked;
  if (!io.ctl.empty()) {
    legtab_order(s, io.ctl.read(), io);
  } else if (!io.peeked.empty()) {
    legtab_peeked(s, io.peeked.read(), io);
  } else if (!io.leg_in.empty()) {
    legtab_answer(s, io.leg_in.read(), io);
  } else if (!io.order.empty()) {
    const Order o = io.order.read();
    io.work.write(order_work(s.rows[row_of<C>(o.ns)], o));
  } else {
    const Cmd cmd = io.granted.read();
    Work w = work_of(Work::kGrant, s.rows[row_of<C>(cmd.ns)], cmd.slot, cmd.ns);
    w.cmd = cmd;
    w.failing = s.rows[row_of<C>(cmd.ns)].failing;
    io.work.write(w);
  }
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
