// payload: a write goes on only when its whole payload is in and good; until then, and while the runtime
// opens its region or runs it (punt), the command rests here and holds nothing but its slot (P11, P12).
//
// Table: rows[slot], read and written once a step at the record's slot. Also the place where a slot's command
// is found again: resume, refusal, the runtime's orders about held slots.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_PAYLOAD_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_PAYLOAD_HPP

#include "hw/kernels/tee_core/slot.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct PayloadRow {
  enum State { kFree = 0, kCollect = 1, kForward = 2, kParked = 3, kPunted = 4 };
  Cmd cmd;
  ap_uint<18> next;  // bytes announced by data headers
  ap_uint<3> state;
  ap_uint<16> pieces;  // data headers without their kDone: on the card, several are under way
  ap_uint<1> bad;      // a digest failed
};

template <class C>
struct PayloadState {
  PayloadRow rows[Sizes<C>::kSlots];
  ap_uint<1> closed[Sizes<C>::kQueues];
  ap_uint<1> walking;  // after kQueueClose: visits the queue's slots
  SlotId walk;
};

template <class C>
struct PayloadIo {
  hls::stream<Verdict>& verdict;
  hls::stream<Ctl>& ctl;
  hls::stream<Stored>& stored;
  hls::stream<Front>& in;
  hls::stream<Placement>& placement;
  hls::stream<Cmd>& asked;
  hls::stream<Said>& said;
  hls::stream<Order>& order;
  hls::stream<Event>& event;
};

NVTEE_TEE_INLINE Placement placement_of(unsigned action, SlotId slot, ap_uint<32> offset) {
  Placement p = Placement();
  p.action = static_cast<ap_uint<2>>(action);
  p.slot = slot;
  p.offset = offset;
  return p;
}
NVTEE_TEE_INLINE Placement fatal(uint16_t fes, uint32_t fei) {
  Placement p = placement_of(Placement::kFatal, 0, 0);
  p.fes = fes;
  p.fei = fei;
  return p;
}

template <class C>
NVTEE_TEE_INLINE Said end_of(const Cmd& cmd, unsigned kind, StatusBits status, bool dnr) {
  Said a = Said();
  a.kind = static_cast<ap_uint<3>>(kind);
  a.queue = queue_of<C>(cmd.slot);
  a.cid = cmd.cid;
  a.slot = cmd.slot;
  a.length = cmd.bytes;
  a.status = status;
  a.dnr = dnr ? 1 : 0;
  return a;
}

// ---- commands and their data ----------------------------------------------------------------------------
template <class C>
NVTEE_TEE_INLINE void payload_new(PayloadState<C>& s, const Front& f, PayloadIo<C>& io) {
  const unsigned slot = static_cast<unsigned>(f.cmd.slot) & (Sizes<C>::kSlots - 1);
  const bool hold = f.cmd.kind == Cmd::kHold;
  const bool closed = s.closed[static_cast<unsigned>(f.queue) & (Sizes<C>::kQueues - 1)] == 1;
  PayloadRow row = PayloadRow();
  row.cmd = f.cmd;
  if (closed) {
    row.state = PayloadRow::kFree;
    io.said.write(end_of<C>(f.cmd, Said::kSilent, 0, false));
  } else if (f.collects) {
    row.state = PayloadRow::kCollect;
    row.pieces = f.in_capsule;
    row.next = f.in_capsule ? f.cmd.bytes : ap_uint<18>(0);
    if (!f.in_capsule) io.said.write(end_of<C>(f.cmd, Said::kR2t, 0, false));
  } else {
    row.state = PayloadRow::kForward;
    io.asked.write(f.cmd);
  }
  s.rows[slot] = row;
  Placement p = placement_of(closed ? Placement::kDiscard : Placement::kPlace, f.cmd.slot, 0);
  p.chip = f.cmd.kind == Cmd::kMedia ? 1 : 0;
  if (!hold) io.placement.write(p);
}

template <class C>
NVTEE_TEE_INLINE Placement header_verdict(const PayloadRow& row, const Front& f, bool known) {
  const ap_uint<33> end = static_cast<ap_uint<33>>(f.offset) + f.length;
  if (!known || row.state != PayloadRow::kCollect) return fatal(spec::fes::kInvalidHeaderField, 10);  // TTAG
  if (row.cmd.cid != f.cmd.cid) return fatal(spec::fes::kInvalidHeaderField, 8);                      // CCCID
  if (f.offset != row.next || end > row.cmd.bytes) return fatal(spec::fes::kOutOfRange, 0);
  if (f.length == 0) return fatal(spec::fes::kInvalidHeaderField, 16);                            // DATAL
  if (f.last != (end == row.cmd.bytes ? 1 : 0)) return fatal(spec::fes::kInvalidHeaderField, 1);  // LAST_PDU
  return placement_of(Placement::kPlace, f.cmd.slot, f.offset);
}

template <class C>
NVTEE_TEE_INLINE void payload_header(PayloadState<C>& s, const Front& f, PayloadIo<C>& io) {
  const unsigned slot = static_cast<unsigned>(f.cmd.slot) & (Sizes<C>::kSlots - 1);
  const bool known = f.cmd.slot < Sizes<C>::kSlots && queue_of<C>(f.cmd.slot) == f.queue;
  PayloadRow row = s.rows[slot];
  const Placement p = header_verdict<C>(row, f, known);
  if (p.action == Placement::kPlace) {
    row.next = static_cast<ap_uint<18>>(f.offset + f.length);
    row.pieces = static_cast<ap_uint<16>>(row.pieces + 1);
  }
  s.rows[slot] = row;
  io.placement.write(p);
}

// Whole and good: on to the region stage. Whole and bad: answered here, no leg sees it.
template <class C>
NVTEE_TEE_INLINE void payload_done(PayloadState<C>& s, const Stored& f, PayloadIo<C>& io) {
  const unsigned slot = static_cast<unsigned>(f.slot) & (Sizes<C>::kSlots - 1);
  PayloadRow row = s.rows[slot];
  if (row.state == PayloadRow::kCollect && row.pieces != 0 && queue_of<C>(row.cmd.slot) == f.queue) {
    row.pieces = static_cast<ap_uint<16>>(row.pieces - 1);
    const bool whole = row.next == row.cmd.bytes && row.pieces == 0;
    if (!f.digest_ok && C::kMutant != Mutant::kDigestIgnored) row.bad = 1;
    if (whole && row.bad) {
      row.state = PayloadRow::kFree;
      io.said.write(end_of<C>(row.cmd, Said::kEnd, spec::st::kTransientTransport, false));
    } else if (whole || C::kMutant == Mutant::kHalfPayload) {
      row.state = PayloadRow::kForward;
      io.asked.write(row.cmd);
    }
  }
  s.rows[slot] = row;
}

NVTEE_TEE_INLINE Stored stored_of(const Front& f) {
  Stored d = Stored();
  d.queue = f.queue;
  d.slot = f.cmd.slot;
  d.digest_ok = f.digest_ok;
  return d;
}

NVTEE_TEE_INLINE Said refuse_front(const Front& f) {
  Said a = Said();
  a.kind = Said::kRefuse;
  a.queue = f.queue;
  a.cid = f.cmd.cid;
  a.status = f.status;
  a.dnr = f.dnr;
  return a;
}

template <class C>
NVTEE_TEE_INLINE void payload_front(PayloadState<C>& s, const Front& f, PayloadIo<C>& io) {
  if (f.kind == Front::kNew) {
    payload_new(s, f, io);
  } else if (f.kind == Front::kHeader) {
    payload_header(s, f, io);
  } else if (f.kind == Front::kDone) {
    payload_done(s, stored_of(f), io);
  } else if (f.kind == Front::kRefuse) {
    io.placement.write(placement_of(Placement::kDiscard, 0, 0));
    io.said.write(refuse_front(f));
  } else if (f.kind == Front::kDrop) {
    io.placement.write(placement_of(Placement::kDiscard, 0, 0));
  } else if (f.kind == Front::kNoSlot) {
    io.placement.write(fatal(spec::fes::kSequenceError, 0));
  } else if (f.kind == Front::kDrained) {
    Said a = Said();
    a.kind = Said::kDrained;
    a.queue = f.queue;
    io.said.write(a);
  }
}

// ---- verdicts of admission ------------------------------------------------------------------------------
NVTEE_TEE_INLINE Event miss_event(const Cmd& cmd, ap_uint<32> region) {
  Event e = event_of(Event::kRegionMiss);
  e.slot = cmd.slot;
  e.ns = cmd.ns;
  e.region = region;
  e.flag = cmd.writes;
  return e;
}
template <class C>
NVTEE_TEE_INLINE Event punt_event(const Cmd& cmd) {
  Event e = event_of(Event::kPunt);
  e.slot = cmd.slot;
  e.ns = cmd.ns;
  e.queue = queue_of<C>(cmd.slot);
  e.tag = cmd.cid;
  return e;
}

template <class C>
NVTEE_TEE_INLINE void payload_verdict(PayloadState<C>& s, const Verdict& v, PayloadIo<C>& io) {
  const unsigned slot = static_cast<unsigned>(v.slot) & (Sizes<C>::kSlots - 1);
  PayloadRow row = s.rows[slot];
  const bool closed = s.closed[static_cast<unsigned>(queue_of<C>(v.slot)) & (Sizes<C>::kQueues - 1)] == 1;
  if (closed || v.kind == Verdict::kDiscarded) {
    row.state = PayloadRow::kFree;
    io.said.write(end_of<C>(row.cmd, Said::kSilent, 0, false));
  } else if (v.kind == Verdict::kParked) {
    row.state = PayloadRow::kParked;
    io.event.write(miss_event(row.cmd, v.region));
  } else if (v.kind == Verdict::kPunted) {
    row.state = PayloadRow::kPunted;
    io.event.write(punt_event<C>(row.cmd));
  } else {
    row.state = PayloadRow::kFree;
    io.said.write(end_of<C>(row.cmd, Said::kEnd, v.status, v.dnr == 1));
  }
  s.rows[slot] = row;
}

// ---- the runtime's orders -------------------------------------------------------------------------------
template <class C>
NVTEE_TEE_INLINE void fail_parked(PayloadRow& row, const Ctl& c, PayloadIo<C>& io) {
  row.state = PayloadRow::kFree;
  if (row.cmd.kind == Cmd::kHold) {
    io.event.write(hold_refused(row.cmd));
    io.said.write(end_of<C>(row.cmd, Said::kSilent, 0, false));
  } else {
    io.said.write(end_of<C>(row.cmd, Said::kEnd, c.status, false));
  }
}

template <class C>
NVTEE_TEE_INLINE void punt_done(PayloadRow& row, const Ctl& c, PayloadIo<C>& io) {
  Said a = end_of<C>(row.cmd, Said::kEnd, c.status, c.flag == 1);
  a.result = c.lba;
  a.data = c.status == 0 && row.cmd.opcode[1] == 1 ? 1 : 0;
  row.state = PayloadRow::kFree;
  io.said.write(a);
}

NVTEE_TEE_INLINE Order order_of(const Ctl& c, NsIndex ns) {
  Order o = Order();
  o.kind = c.op == Ctl::kIssue ? Order::kIssue : c.op == Ctl::kCopy ? Order::kCopy : Order::kRelease;
  o.slot = c.slot;
  o.ns = ns;
  o.opcode = c.opcode;
  o.high = static_cast<ap_uint<16>>(c.cdw12_high >> 16);
  o.mask = c.mask;
  o.leg = c.leg;
  return o;
}

template <class C>
NVTEE_TEE_INLINE void payload_slot_order(PayloadState<C>& s, const Ctl& c, PayloadIo<C>& io) {
  const unsigned slot = static_cast<unsigned>(c.slot) & (Sizes<C>::kSlots - 1);
  PayloadRow row = s.rows[slot];
  if (c.op == Ctl::kResume) {
    if (row.state == PayloadRow::kParked) {
      row.state = PayloadRow::kForward;
      io.asked.write(row.cmd);
    }
  } else if (c.op == Ctl::kFailParked) {
    if (row.state == PayloadRow::kParked) fail_parked(row, c, io);
  } else if (c.op == Ctl::kPuntDone) {
    if (row.state == PayloadRow::kPunted) punt_done(row, c, io);
  } else {
    io.order.write(order_of(c, row.cmd.ns));
  }
  s.rows[slot] = row;
}

template <class C>
NVTEE_TEE_INLINE void payload_order(PayloadState<C>& s, const Ctl& c, PayloadIo<C>& io) {
  const unsigned queue = static_cast<unsigned>(c.queue) & (Sizes<C>::kQueues - 1);
  if (c.op == Ctl::kQueueOpen) {
    s.closed[queue] = 0;
  } else if (c.op == Ctl::kQueueClose) {
    s.closed[queue] = 1;
    s.walking = 1;
    s.walk = slot_of<C>(c.queue, 0);
  } else {
    payload_slot_order(s, c, io);
  }
}

// One slot of a closed queue: what waits for its host or for a region ends; the rest finishes by itself.
template <class C>
NVTEE_TEE_INLINE void payload_walk(PayloadState<C>& s, PayloadIo<C>& io) {
  const unsigned slot = static_cast<unsigned>(s.walk) & (Sizes<C>::kSlots - 1);
  PayloadRow row = s.rows[slot];
  if (row.state == PayloadRow::kCollect ||
      (row.state == PayloadRow::kParked && C::kMutant != Mutant::kParkedKept)) {
    row.state = PayloadRow::kFree;
    io.said.write(end_of<C>(row.cmd, Said::kSilent, 0, false));
  }
  s.rows[slot] = row;
  s.walking = (slot & (Sizes<C>::kDepth - 1)) == Sizes<C>::kDepth - 1 ? 0 : 1;
  s.walk = static_cast<SlotId>(s.walk + 1);
}

template <class C>
NVTEE_TEE_INLINE Step payload_step(PayloadState<C>& s, PayloadIo<C>& io) {
  if (!s.walking && io.verdict.empty() && io.ctl.empty() && io.stored.empty() && io.in.empty())
    return Step::kIdle;
  if (io.asked.full() || io.said.full() || io.event.full()) return Step::kBlocked;
  if (s.walking) {
    payload_walk(s, io);
    return Step::kMoved;
  }
  if (!io.verdict.empty()) {
    payload_verdict(s, io.verdict.read(), io);
    return Step::kMoved;
  }
  if (!io.ctl.empty() && !io.order.full()) {
    payload_order(s, io.ctl.read(), io);
    return Step::kMoved;
  }
  if (!io.stored.empty()) {
    payload_done(s, io.stored.read(), io);
    return Step::kMoved;
  }
  if (io.in.empty() || io.placement.full()) return Step::kBlocked;
  payload_front(s, io.in.read(), io);
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
