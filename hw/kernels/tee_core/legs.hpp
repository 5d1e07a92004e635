// legs: the update half of the legs stage. A row per slot says which legs owe an answer and what comes next:
// issue, join, fail over, repair, hold, copy. See README.md for the picture of the phases.
//
// Table: rows[slot], one row read and written a step, addressed by the work's slot, or by the sweep's
// counter.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_LEGS_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_LEGS_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct LegRow {
  enum Phase {
    kIdle = 0,
    kMain,        // the command itself
    kPeek,        // a read had to fail over: may its range be rewritten on the leg that failed?
    kRepairRead,  // no leg did the write: one leg's content is read
    kRewrite,     // legs in `bad` are written again
    kLimbo,       // content that no leg can read: legs in `stuck` must be swept away
    kHeld,        // a hold, nothing under way
    kIssue,       // kIssue of a hold
    kCopyRead,    // kCopy, first and second half
    kCopyWrite,
  };
  Cmd cmd;
  LegGen gen[kLegs];          // incarnation that was asked
  ap_uint<3> cid_gen[kLegs];  // outlives the command: stale answers are told by it
  ap_uint<16> op_high;
  StatusBits status;  // the first that is not success
  ap_uint<8> op;      // what the legs are asked to do now
  ap_uint<4> phase;
  LegMask pending;      // owe an answer
  LegMask stuck;        // of those: gave an infrastructure status, or a repair failed; wait for a sweep
  LegMask good;         // did it
  LegMask bad;          // did not; of a held issue: failed
  LegMask tried;        // reads: failed here
  LegMask targets;      // kCopy
  ap_uint<1> executed;  // a failure that may have touched the medium
  ap_uint<1> not_home, failed, waiting, releasing;
};

template <class C>
struct LegsState {
  LegRow rows[Sizes<C>::kSlots];
  ap_uint<1> sweeping;
  ap_uint<14> at;  // of the sweep; kSlots = say so and stop
  Work sweep;
  ap_uint<8> turn;  // spreads reads
};

// A step writes each of its outputs at most once.
template <class C>
struct LegsIo {
  hls::stream<Work>& in;
  hls::stream<Todo>& todo;
  hls::stream<Done>& done;
  hls::stream<Peek>& peek;
  hls::stream<Event>& event;
};

NVTEE_TEE_INLINE bool is_read(const LegRow& r) {
  return r.cmd.opcode == spec::io::kRead || r.cmd.opcode == spec::io::kCompare;
}
NVTEE_TEE_INLINE bool of_hold(const LegRow& r) {
  return r.cmd.kind == Cmd::kHold;
}
NVTEE_TEE_INLINE LegMask both(LegMask a, LegMask b) {
  return static_cast<LegMask>(a | b);
}
NVTEE_TEE_INLINE LegMask common(LegMask a, LegMask b) {
  return static_cast<LegMask>(a & b);
}

// ---- things a row does ----------------------------------------------------------------------------------
NVTEE_TEE_INLINE Todo todo_of(const LegRow& r, const LegSet& legs, unsigned kind, LegMask mask) {
  Todo t = Todo();
  t.kind = static_cast<ap_uint<2>>(kind);
  t.legs = legs;
  t.mask = mask;
  t.slba = r.cmd.slba;
  t.count = r.cmd.count;
  t.slot = r.cmd.slot;
  t.ns = r.cmd.ns;
  t.status = r.status;
  return t;
}

// Asks the legs in `mask` to do the row's op.
template <class C>
NVTEE_TEE_INLINE void issue(LegRow& r, const LegSet& legs, LegMask mask, LegsIo<C>& io) {
  Todo t = todo_of(r, legs, Todo::kIssue, mask);
  const bool data = r.op == spec::io::kRead || r.op == spec::io::kWrite || r.op == spec::io::kCompare;
  for (unsigned i = 0; i < kLegs; ++i) {
    if (!mask[i]) continue;
    r.cid_gen[i] = r.cid_gen[i] == 6 ? ap_uint<3>(0) : static_cast<ap_uint<3>>(r.cid_gen[i] + 1);
    r.gen[i] = legs.gen[i];
  }
  for (unsigned i = 0; i < kLegs; ++i) t.cid_gen[i] = r.cid_gen[i];
  r.pending = both(r.pending, mask);
  r.stuck = without(r.stuck, mask);
  t.opcode = r.op;
  t.high = r.op_high;
  t.bytes = data ? r.cmd.bytes : ap_uint<18>(0);
  io.todo.write(t);
}

template <class C>
inline void tell(const LegRow& r, const LegSet& legs, unsigned kind, LegMask mask, bool flag,
                 StatusBits status, LegsIo<C>& io) {
  if (mask == 0) return;
  Todo t = todo_of(r, legs, kind, mask);
  t.flag = flag ? 1 : 0;
  t.status = status;
  io.todo.write(t);
}

template <class C>
NVTEE_TEE_INLINE void finish(LegRow& r, StatusBits status, LegsIo<C>& io) {
  const spec::LegStatus what = spec::classify(static_cast<spec::Status>(status.to_uint()));
  Done d = Done();
  d.cmd = r.cmd;
  d.status = status;
  d.dnr = what == spec::LegStatus::kRefused ? 1 : 0;
  d.data = status == 0 && r.cmd.opcode == spec::io::kRead && !of_hold(r) ? 1 : 0;
  io.done.write(d);
  r.phase = LegRow::kIdle;
  r.pending = 0;
  r.stuck = 0;
}

// A held issue or copy is over. The hold goes on, unless its release was asked for meanwhile.
template <class C>
inline void issue_over(LegRow& r, LegsIo<C>& io) {
  Event e = event_of(Event::kIssueDone);
  e.slot = r.cmd.slot;
  e.ns = r.cmd.ns;
  e.tag = r.cmd.cid;
  e.status = r.status;
  e.mask = r.bad;
  io.event.write(e);
  r.phase = LegRow::kHeld;
  if (r.releasing) finish(r, 0, io);
}

NVTEE_TEE_INLINE void note_status(LegRow& r, StatusBits status) {
  if (r.status == 0) r.status = status;
}

// The end of a write that a sweep has failed: not a success, whatever the legs that are left have said.
NVTEE_TEE_INLINE StatusBits told(const LegRow& r, StatusBits status) {
  return r.failed ? StatusBits(spec::st::kPathInternal) : status;
}

// ---- what comes next ------------------------------------------------------------------------------------
// One of the candidates: the lowest from `turn` on, preferred ones first.
NVTEE_TEE_INLINE LegMask choose(LegMask candidates, LegMask prefer, ap_uint<8> turn) {
  const LegMask first = common(candidates, prefer);
  const LegMask from = first != 0 ? first : candidates;
  const unsigned shift = static_cast<unsigned>(turn) & 3;
  const LegMask high = static_cast<LegMask>(from & static_cast<LegMask>(LegMask(15) << shift));
  return lowest_leg(high != 0 ? high : from);
}

// Every in-sync leg has failed the read.
template <class C>
inline void fail_read(LegRow& r, const LegSet& legs, LegsIo<C>& io) {
  if (r.cmd.opcode == spec::io::kRead && r.executed)
    tell(r, legs, Todo::kMedia, r.tried, false, r.status, io);
  finish(r, r.status, io);
}

template <class C>
NVTEE_TEE_INLINE void begin_main(LegRow& r, const LegSet& legs, LegMask not_to, ap_uint<8> turn,
                                 LegsIo<C>& io) {
  const LegMask served = C::kMutant == Mutant::kSyncingRead ? legs.active : legs.in_sync;
  const LegMask candidates = without(without(served, r.tried), not_to);
  const LegMask mask = is_read(r)          ? choose(candidates, legs.prefer, turn)
                       : legs.in_sync != 0 ? legs.active
                                           : LegMask(0);
  r.phase = LegRow::kMain;
  r.op = r.cmd.opcode;
  r.op_high = r.cmd.high;
  r.pending = 0;
  r.stuck = 0;
  r.waiting = mask == 0 ? 1 : 0;
  if (mask != 0) {
    issue(r, legs, mask, io);
  } else if (is_read(r) && common(legs.in_sync, r.tried) != 0 && without(legs.in_sync, r.tried) == 0) {
    r.waiting = 0;
    fail_read(r, legs, io);
  }
}

template <class C>
inline void begin_rewrite(LegRow& r, const LegSet& legs, ap_uint<8> op, ap_uint<16> high, LegsIo<C>& io) {
  const LegMask mask = common(r.bad, legs.active);
  r.phase = LegRow::kRewrite;
  r.op = op;
  r.op_high = high;
  r.pending = 0;
  r.stuck = 0;
  if (mask == 0) {
    finish(r, told(r, r.status), io);
  } else {
    issue(r, legs, mask, io);
  }
}

// Reads one leg's content for the others. `bad` are the legs that may differ, the source among them.
template <class C>
inline void begin_repair_read(LegRow& r, const LegSet& legs, LegMask not_to, LegsIo<C>& io) {
  const LegMask here = without(common(r.bad, legs.active), not_to);
  const LegMask sources = without(common(here, legs.in_sync), r.tried);
  const LegMask untouched = common(sources, r.good);  // refused: never executed there
  const LegMask source = lowest_leg(untouched != 0 ? untouched : sources);
  r.bad = here;
  r.pending = 0;
  r.stuck = 0;
  if (here == lowest_leg(here)) {
    finish(r, told(r, r.status), io);  // one leg at most is left: nothing can differ
  } else if (source != 0) {
    r.phase = LegRow::kRepairRead;
    r.op = spec::io::kRead;
    r.op_high = 0;
    issue(r, legs, source, io);
  } else {
    const LegMask keep = lowest_leg(common(here, legs.in_sync) != 0 ? common(here, legs.in_sync) : here);
    r.phase = LegRow::kLimbo;
    r.pending = without(here, keep);
    r.stuck = r.pending;
    tell(r, legs, Todo::kFault, r.pending, false, r.status, io);
  }
}

// All legs asked by a write or Flush have answered or are gone.
template <class C>
inline void settle_write(LegRow& r, const LegSet& legs, ap_uint<8> turn, LegsIo<C>& io) {
  if (r.good == 0 && r.bad == 0 && C::kMutant != Mutant::kNoLegSucceeds) {
    r.status = 0;  // every leg was dropped: nothing is known to be done
    r.executed = 0;
    r.targets = 0;
    begin_main(r, legs, 0, turn, io);
  } else if (r.bad == 0) {
    finish(r, 0, io);
  } else if (r.good == 0 && (!r.executed || r.bad == lowest_leg(r.bad))) {
    finish(r, told(r, r.status), io);  // all refused it, or there is only one
  } else if (r.cmd.opcode == spec::io::kFlush) {
    if (r.good == 0) {
      finish(r, r.status, io);
    } else {
      r.pending = r.bad;  // a leg that cannot flush what others can
      r.stuck = r.bad;
      r.bad = 0;
      tell(r, legs, Todo::kFault, r.pending, false, r.status, io);
    }
  } else if (C::kMutant == Mutant::kNoRepair) {
    finish(r, r.good != 0 ? StatusBits(0) : r.status, io);
  } else if (r.good != 0) {
    r.status = 0;
    begin_rewrite(r, legs, r.cmd.opcode, r.cmd.high, io);  // the payload is still in the slot
  } else {
    r.good = r.targets;  // the refusers
    begin_repair_read(r, legs, 0, io);
  }
}

template <class C>
inline void settle(LegRow& r, const LegSet& legs, ap_uint<8> turn, LegsIo<C>& io) {
  if (of_hold(r)) {
    issue_over(r, io);
  } else if (r.not_home || (r.failed && (r.bad == 0 || r.cmd.opcode == spec::io::kFlush ||
                                         C::kMutant == Mutant::kFailedUnrepaired))) {
    finish(r, spec::st::kPathInternal, io);
  } else if (r.phase == LegRow::kMain) {
    settle_write(r, legs, turn, io);  // a failed one too: legs that stay in sync must agree (P4)
  } else {
    finish(r, told(r, r.status), io);
  }
}

// ---- answers --------------------------------------------------------------------------------------------
template <class C>
inline void read_answered(LegRow& r, const Work& w, LegMask bit, spec::LegStatus what, ap_uint<8> turn,
                          LegsIo<C>& io) {
  const bool whole = r.cmd.opcode == spec::io::kRead;
  if (w.status == 0 && whole && r.tried != 0) {
    r.phase = LegRow::kPeek;
    r.status = 0;
    Peek p;
    p.slot = r.cmd.slot;
    p.ns = r.cmd.ns;
    p.region = r.cmd.region;
    p.spans = r.cmd.spans;
    io.peek.write(p);
  } else if (w.status == 0 || (!whole && what == spec::LegStatus::kRefused)) {
    finish(r, w.status, io);
  } else {
    note_status(r, w.status);
    r.tried = both(r.tried, bit);
    if (what != spec::LegStatus::kRefused) r.executed = 1;
    begin_main(r, w.legs, 0, turn, io);
  }
}

NVTEE_TEE_INLINE void write_answered(LegRow& r, const Work& w, LegMask bit, spec::LegStatus what) {
  if (w.status == 0) {
    r.good = both(r.good, bit);
    return;
  }
  note_status(r, w.status);
  r.bad = both(r.bad, bit);
  if (what == spec::LegStatus::kRefused) {
    r.targets = both(r.targets, bit);
  } else {
    r.executed = 1;
  }
}

template <class C>
inline void rewrite_answered(LegRow& r, const Work& w, LegMask bit, LegsIo<C>& io) {
  const bool read = r.cmd.opcode == spec::io::kRead;
  if (w.status == 0 || C::kMutant == Mutant::kRepairUnchecked) {
    r.good = both(r.good, bit);
    if (read) tell(r, w.legs, Todo::kMedia, bit, true, 0, io);
  } else {
    r.pending = both(r.pending, bit);  // the gate: nothing is answered before this leg is dealt with
    r.stuck = both(r.stuck, bit);
    tell(r, w.legs, Todo::kFault, bit, false, w.status, io);
  }
}

template <class C>
inline void repair_read_answered(LegRow& r, const Work& w, LegMask bit, LegsIo<C>& io) {
  if (w.status != 0) {
    r.tried = both(r.tried, bit);
    begin_repair_read(r, w.legs, 0, io);
  } else {
    r.bad = without(r.bad, bit);
    begin_rewrite(r, w.legs, spec::io::kWrite, 0, io);
  }
}

template <class C>
inline void copy_read_answered(LegRow& r, const Work& w, LegMask bit, LegsIo<C>& io) {
  const LegMask mask = common(r.targets, w.legs.active);
  if (w.status != 0) {
    note_status(r, w.status);
    r.bad = bit;
    return;
  }
  r.bad = without(r.targets, mask);
  if (r.bad != 0) note_status(r, spec::st::kPathInternal);
  r.phase = LegRow::kCopyWrite;
  r.op = spec::io::kWrite;
  r.op_high = 0;
  if (mask != 0) issue(r, w.legs, mask, io);
}

inline void held_answered(LegRow& r, const Work& w, LegMask bit) {
  if (w.status == 0) return;
  note_status(r, w.status);
  r.bad = both(r.bad, bit);
}

// Everything but a success of the command itself.
template <class C>
inline void answered_rarely(LegRow& r, const Work& w, ap_uint<8> turn, LegsIo<C>& io) {
  const LegMask bit = leg_bit(w.leg);
  const spec::LegStatus what = spec::classify(static_cast<spec::Status>(w.status.to_uint()));
  if (what == spec::LegStatus::kInfrastructure && C::kMutant != Mutant::kFaultShown) {
    r.stuck = both(r.stuck, bit);
    return;
  }
  r.pending = without(r.pending, bit);
  if (what == spec::LegStatus::kNotHome && !of_hold(r)) {
    r.not_home = 1;
  } else if (r.phase == LegRow::kMain && is_read(r)) {
    return read_answered(r, w, bit, what, turn, io);
  } else if (r.phase == LegRow::kMain) {
    write_answered(r, w, bit, what);
  } else if (r.phase == LegRow::kRewrite) {
    rewrite_answered(r, w, bit, io);
  } else if (r.phase == LegRow::kRepairRead) {
    return repair_read_answered(r, w, bit, io);
  } else if (r.phase == LegRow::kCopyRead) {
    copy_read_answered(r, w, bit, io);
  } else {
    held_answered(r, w, bit);
  }
  if (r.pending == 0 || (C::kMutant == Mutant::kFirstLegEnough && r.phase == LegRow::kMain))
    settle(r, w.legs, turn, io);
}

template <class C>
NVTEE_TEE_INLINE void answered(LegRow& r, const Work& w, ap_uint<8> turn, LegsIo<C>& io) {
  const LegMask bit = leg_bit(w.leg);
  const bool owed = (without(r.pending, r.stuck) & bit) != 0 && r.phase != LegRow::kIdle &&
                    r.cmd.ns == w.cmd.ns && r.cid_gen[w.leg.to_uint()] == w.cid_gen;
  if (!owed && (C::kMutant != Mutant::kRepeatsTaken || r.phase != LegRow::kMain)) return;  // late or twice
  const LegMask left = without(r.pending, bit);
  const bool troubled =
      w.status != 0 || r.phase != LegRow::kMain || r.bad != 0 || r.tried != 0 || r.not_home || r.failed;
  if (troubled || (C::kMutant == Mutant::kFirstLegEnough)) {
    LegRow copy = r;
    answered_rarely(copy, w, turn, io);
    r = copy;
  } else {
    r.pending = left;
    r.good = both(r.good, bit);
    if (left == 0) finish(r, 0, io);
  }
}

template <class C>
inline void peek_answered(LegRow& r, const Work& w, LegsIo<C>& io) {
  if (r.phase != LegRow::kPeek) return;
  if (w.open) {
    r.bad = r.tried;
    begin_rewrite(r, w.legs, spec::io::kWrite, 0, io);
  } else {
    tell(r, w.legs, Todo::kMedia, r.tried, false, 0, io);
    finish(r, 0, io);
  }
}

// ---- the runtime's orders about a held slot ---------------------------------------------------------------
template <class C>
inline void order_refused(LegRow& r, const Work& w, StatusBits status, LegMask mask, LegsIo<C>& io) {
  Event e = event_of(Event::kIssueDone);
  e.slot = w.cmd.slot;
  e.ns = r.cmd.ns;
  e.tag = r.cmd.cid;
  e.status = status;
  e.mask = mask;
  io.event.write(e);
}

template <class C>
inline void start_order(LegRow& r, const Work& w, LegsIo<C>& io) {
  const bool copy = w.order == Order::kCopy;
  const LegMask wanted = copy ? leg_bit(w.leg) : w.mask == 0 ? w.legs.active : w.mask;
  const LegMask mask = common(wanted, w.legs.active);
  r.bad = without(wanted, mask);
  r.status = r.bad != 0 || mask == 0 ? spec::st::kPathInternal : spec::st::kOk;
  r.phase = copy ? LegRow::kCopyRead : LegRow::kIssue;
  r.op = copy ? ap_uint<8>(spec::io::kRead) : w.opcode;
  r.op_high = copy ? ap_uint<16>(0) : w.high;
  r.targets = w.mask;
  if (mask != 0) {
    issue(r, w.legs, mask, io);
  } else {
    issue_over(r, io);
  }
}

template <class C>
inline void ordered(LegRow& r, const Work& w, LegsIo<C>& io) {
  const bool held = r.phase == LegRow::kHeld;
  const bool busy =
      r.phase == LegRow::kIssue || r.phase == LegRow::kCopyRead || r.phase == LegRow::kCopyWrite;
  if (w.order == Order::kRelease) {
    if (held) finish(r, 0, io);
    if (busy) r.releasing = 1;
  } else if (held) {
    start_order(r, w, io);
  } else {
    order_refused(r, w, spec::st::kCommandSequence, 0, io);
  }
}

// ---- sweeps ---------------------------------------------------------------------------------------------
// The leg will not answer this row any more.
template <class C>
inline void leg_gone(LegRow& r, const Work& w, LegMask bit, ap_uint<8> turn, LegsIo<C>& io) {
  const bool owed = (r.pending & bit) != 0;
  r.pending = without(r.pending, bit);
  r.stuck = without(r.stuck, bit);
  if (!owed) return;
  if (of_hold(r)) {
    note_status(r, spec::st::kPathInternal);
    r.bad = both(r.bad, bit);
    if (r.pending == 0) issue_over(r, io);
  } else if (r.phase == LegRow::kRepairRead) {
    begin_repair_read(r, w.legs, bit, io);
  } else if (r.failed) {
    if (r.pending == 0) settle(r, w.legs, turn, io);
  } else if (r.phase == LegRow::kMain && is_read(r)) {
    begin_main(r, w.legs, bit, turn, io);
  } else if (r.pending == 0) {
    settle(r, w.legs, turn, io);
  }
}

template <class C>
inline void sweep_reissue(LegRow& r, const Work& w, LegMask bit, ap_uint<8> turn, LegsIo<C>& io) {
  const bool lost = (r.stuck & bit) != 0 ||
                    r.gen[static_cast<unsigned>(w.leg)] != w.legs.gen[static_cast<unsigned>(w.leg)] ||
                    (w.legs.active & bit) == 0;
  // What the former incarnation had answered may have been in a cache that went with it.
  const bool forgot = (r.good & bit) != 0 && (w.legs.active & bit) != 0 && !is_read(r) && !of_hold(r) &&
                      r.gen[static_cast<unsigned>(w.leg)] != w.legs.gen[static_cast<unsigned>(w.leg)] &&
                      (r.phase == LegRow::kMain || r.phase == LegRow::kRewrite) &&
                      C::kMutant != Mutant::kOldGood;
  if (forgot) {
    r.good = without(r.good, bit);
    return issue(r, w.legs, bit, io);
  }
  if ((r.pending & bit) == 0 || (!lost && C::kMutant != Mutant::kReissueTwice))
    return;  // not owed, or asked of this very incarnation
  if (r.phase == LegRow::kMain && is_read(r)) {
    begin_main(r, w.legs, 0, turn, io);
  } else if (r.phase == LegRow::kRepairRead) {
    begin_repair_read(r, w.legs, 0, io);
  } else if (r.phase == LegRow::kLimbo) {
    r.tried = 0;
    begin_repair_read(r, w.legs, 0, io);
  } else if ((w.legs.active & bit) != 0) {
    issue(r, w.legs, bit, io);
  }
}

template <class C>
inline void swept(LegRow& r, const Work& w, ap_uint<8> turn, LegsIo<C>& io) {
  const LegMask bit = leg_bit(w.leg);
  if (r.phase == LegRow::kIdle || r.cmd.ns != w.cmd.ns) return;
  if (r.waiting) {
    if (w.sweep == Ctl::kFail) {
      finish(r, spec::st::kPathInternal, io);
    } else {
      begin_main(r, w.legs, 0, turn, io);
    }
  } else if (w.sweep == Ctl::kReissue) {
    sweep_reissue(r, w, bit, turn, io);
  } else if (w.sweep == Ctl::kFail) {
    if ((r.pending & bit) != 0) r.failed = 1;
    leg_gone(r, w, bit, turn, io);
  } else {
    if (!of_hold(r)) {
      r.good = without(r.good, bit);
      r.bad = without(r.bad, bit);
      r.tried = without(r.tried, bit);
    }
    leg_gone(r, w, bit, turn, io);
  }
}

// ---- the step -------------------------------------------------------------------------------------------
template <class C>
NVTEE_TEE_INLINE void granted(LegRow& r, const Work& w, ap_uint<8> turn, LegsIo<C>& io) {
  LegRow fresh = LegRow();
  for (unsigned i = 0; i < kLegs; ++i) fresh.cid_gen[i] = r.cid_gen[i];
  fresh.cmd = w.cmd;
  r = fresh;
  if (!of_hold(r) && w.failing) return finish(r, spec::st::kPathInternal, io);
  if (!of_hold(r)) return begin_main(r, w.legs, 0, turn, io);
  r.phase = LegRow::kHeld;
  Event e = event_of(Event::kHeld);
  e.slot = r.cmd.slot;
  e.ns = r.cmd.ns;
  e.tag = r.cmd.cid;
  io.event.write(e);
}

template <class C>
inline void advance_rarely(LegRow& r, const Work& w, LegsIo<C>& io) {
  if (w.kind == Work::kOrder) {
    ordered(r, w, io);
  } else if (w.kind == Work::kPeeked) {
    peek_answered(r, w, io);
  }
}

// What is rare gets a copy of the row, so that the row of what is usual can stay in registers.
template <class C>
NVTEE_TEE_INLINE void advance(LegRow& r, const Work& w, ap_uint<8> turn, LegsIo<C>& io) {
  if (w.kind == Work::kGrant) {
    granted(r, w, turn, io);
  } else if (w.kind == Work::kAnswer) {
    answered(r, w, turn, io);
  } else {
    LegRow copy = r;
    advance_rarely(copy, w, io);
    r = copy;
  }
}

template <class C>
NVTEE_TEE_INLINE void run_row(LegsState<C>& s, const Work& w, unsigned slot, LegsIo<C>& io) {
  LegRow row = s.rows[slot];
  advance(row, w, s.turn, io);
  s.rows[slot] = row;
}

template <class C>
inline void sweep_on(LegsState<C>& s, LegsIo<C>& io) {
  if (s.at == Sizes<C>::kSlots) {
    Event e = event_of(Event::kSweepDone);
    e.ns = s.sweep.cmd.ns;
    e.leg = s.sweep.leg;
    io.event.write(e);
    s.sweeping = 0;
    return;
  }
  // s.sweep is a Work::kSweep and no other: what the other kinds do is not there twice.
  const unsigned slot = static_cast<unsigned>(s.at);
  LegRow row = s.rows[slot];
  swept(row, s.sweep, s.turn, io);
  s.rows[slot] = row;
  s.at = static_cast<ap_uint<14>>(s.at + 1);
}

template <class C>
NVTEE_TEE_INLINE Step legs_step(LegsState<C>& s, LegsIo<C>& io) {
  if (!s.sweeping && io.in.empty()) return Step::kIdle;
  if (io.todo.full() || io.done.full() || io.peek.full() || io.event.full()) return Step::kBlocked;
  if (s.sweeping) {
    sweep_on(s, io);
    return Step::kMoved;
  }
  const Work w = io.in.read();
  if (w.kind == Work::kSweep) {
    s.sweeping = 1;
    s.sweep = w;
    s.at = 0;
    return Step::kMoved;
  }
  s.turn = static_cast<ap_uint<8>>(s.turn + (w.kind == Work::kGrant ? 1 : 0));
  run_row(s, w, static_cast<unsigned>(w.cmd.slot) & (Sizes<C>::kSlots - 1), io);
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
