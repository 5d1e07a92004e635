// guard: fair reader/writer tickets per block. Up to four consecutive blocks a step.
//
// An entry counts the tickets given (`next`) and given back (`done`). A ticket may go when enough were given
// back: a writer needs all before it, a reader all up to the last writer before it. A command takes the
// tickets of all its blocks in one pass, nobody in between: a total order, so no deadlock. Each ticket's need
// is kept per (slot, block); grant asks again (`recheck`) after something was released.
//
// Tables: entries[block % 4][hash(ns, block) / 4], four banks, and needs[slot][index / 4], rows of four
// ordered by bank; of each bank and table one row is read and written a step. The addresses follow from the
// record and the index in its pass, never from a table. What a ticket says only flows on to `grant`.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_GUARD_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_GUARD_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

constexpr unsigned kLanes = 4;  // blocks a step

typedef ap_uint<16> TicketNo;  // more than twice the slots: a slot has at most one ticket of an entry

struct GuardEntry {
  TicketNo next;   // tickets given
  TicketNo done;   // tickets given back
  TicketNo reads;  // what a reader needs: one past the last writer's ticket
};

struct GuardNeeds {
  TicketNo lane[kLanes];
};

// The entries of a command's blocks: first + i up to `cross`, second + (i - cross) from there.
struct GuardSpan {
  ap_uint<16> first, second;
  ap_uint<17> cross;
};

// Consecutive blocks get consecutive entries. Where the low bits of the block number wrap, the next entry
// lies kStep (kStep + kLeap) further on: between a quarter and three quarters of the table, more than any
// command is long. All distances are multiples of the number of banks, so that a block's bank is in its low
// bits.
template <class C>
struct GuardHash {
  static constexpr unsigned kMask = Sizes<C>::kGuard - 1;
  static constexpr unsigned kStep = ((Sizes<C>::kGuard * 5 / 8) & ~(kLanes - 1)) | kLanes;
  static constexpr unsigned kLeap = (Sizes<C>::kGuard - kStep / 2) & kMask & ~(kLanes - 1);
  static constexpr unsigned kFar = (kStep + kLeap) & kMask;
  static_assert(kStep >= Sizes<C>::kMaxBlocks && kStep <= Sizes<C>::kGuard - Sizes<C>::kMaxBlocks &&
                    kFar >= Sizes<C>::kMaxBlocks && kFar <= Sizes<C>::kGuard - Sizes<C>::kMaxBlocks,
                "a command must not meet itself");
};

template <class C>
NVTEE_TEE_INLINE unsigned low_bits(Lba x) {
  return static_cast<ap_uint<16>>(x & GuardHash<C>::kMask).to_uint();
}

template <class C>
NVTEE_TEE_INLINE unsigned entry_of(NsIndex ns, Lba block) {
  const unsigned middle = low_bits<C>(static_cast<Lba>(block >> C::kGuardBits));
  const unsigned high = low_bits<C>(static_cast<Lba>(block >> (2 * C::kGuardBits)));
  const unsigned base = middle * GuardHash<C>::kStep + high * GuardHash<C>::kLeap + ns.to_uint() * 0x1e34u;
  return (low_bits<C>(block) + base) & GuardHash<C>::kMask;
}

template <class C>
NVTEE_TEE_INLINE GuardSpan span_of(NsIndex ns, Lba slba) {
  GuardSpan g;
  g.first = static_cast<ap_uint<16>>(entry_of<C>(ns, slba));
  g.cross = static_cast<ap_uint<17>>(Sizes<C>::kGuard - low_bits<C>(slba));
  g.second = static_cast<ap_uint<16>>(entry_of<C>(ns, static_cast<Lba>(slba + static_cast<Lba>(g.cross))));
  return g;
}

template <class C>
NVTEE_TEE_INLINE unsigned entry_at(const GuardSpan& g, unsigned i) {
  const unsigned cross = g.cross.to_uint();
  const unsigned at = i < cross ? g.first.to_uint() + i : g.second.to_uint() + i - cross;
  return at & GuardHash<C>::kMask;
}

template <class C>
struct GuardState {
  enum Pass { kIdle = 0, kAcquire = 1, kGiveBack = 2 };
  GuardEntry entries[kLanes][Sizes<C>::kGuard / kLanes];
  GuardNeeds needs[Sizes<C>::kSlots * Sizes<C>::kMaxBlocks / kLanes];
  ap_uint<2> pass;
  ap_uint<9> index, count;
  GuardSpan span;
  Cmd cmd;  // kAcquire
};

struct GuardIo {
  hls::stream<Release>& release;
  hls::stream<Waiting>& recheck;
  hls::stream<Cmd>& admitted;
  hls::stream<Ticket>& ticket;
  hls::stream<Cmd>& carried;
};

NVTEE_TEE_INLINE bool reached(TicketNo done, TicketNo need) {
  return static_cast<TicketNo>(done - need)[15] == 0;  // distances stay below half the range
}

template <class C>
NVTEE_TEE_INLINE unsigned need_row(SlotId slot, unsigned index) {
  return ((slot.to_uint() & (Sizes<C>::kSlots - 1)) << (C::kMaxBlockBits - 2)) | (index / kLanes);
}

NVTEE_TEE_INLINE Ticket ticket_of(unsigned kind, bool granted, bool last, unsigned index) {
  Ticket t;
  t.kind = static_cast<ap_uint<2>>(kind);
  t.granted = granted ? 1 : 0;
  t.last = last ? 1 : 0;
  t.index = static_cast<ap_uint<8>>(index);
  return t;
}

// Blocks that this step takes.
template <class C>
NVTEE_TEE_INLINE unsigned lanes_now(const GuardState<C>& s, unsigned index) {
  const unsigned left = s.count.to_uint() - index;
  return left < kLanes ? left : kLanes;
}

// One ticket. Returns what it needs before it may go.
template <class C>
NVTEE_TEE_INLINE TicketNo take_one(GuardEntry& e, bool exclusive) {
  const TicketNo reads =
      reached(e.done, e.reads) ? e.done : e.reads;  // an old need is forgotten before it wraps
  const TicketNo need = exclusive ? e.next : reads;
  e.next = static_cast<TicketNo>(e.next + 1);
  e.reads = exclusive && C::kMutant != Mutant::kReadersPass ? e.next : reads;
  return need;
}

template <class C>
NVTEE_TEE_INLINE void guard_take(GuardState<C>& s, GuardIo& io) {
  const unsigned index = s.index.to_uint();
  const unsigned start = entry_at<C>(s.span, index);
  const unsigned lanes = lanes_now(s, index);
  const bool last = index + lanes >= s.count.to_uint();
  const bool exclusive = s.cmd.exclusive == 1;
  const unsigned row = need_row<C>(s.cmd.slot, index & (Sizes<C>::kMaxBlocks - 1));
  GuardNeeds needs = s.needs[row];
  unsigned blocked = kLanes;
  for (unsigned bank = 0; bank < kLanes; ++bank) {
    const unsigned lane = (bank - start) % kLanes;
    if (lane >= lanes) continue;
    const unsigned where = entry_at<C>(s.span, index + lane) / kLanes;
    GuardEntry e = s.entries[bank][where];
    const TicketNo need = take_one<C>(e, exclusive);
    if (!reached(e.done, need) && C::kMutant != Mutant::kGuardOpen && lane < blocked) blocked = lane;
    s.entries[bank][where] = e;
    needs.lane[bank] = need;
  }
  s.needs[row] = needs;
  io.ticket.write(ticket_of(Ticket::kPass, blocked == kLanes, last, index + blocked));
  if (last) io.carried.write(s.cmd);
  s.index = static_cast<ap_uint<9>>(index + lanes);
  if (last) s.pass = GuardState<C>::kIdle;
}

template <class C>
NVTEE_TEE_INLINE void guard_give(GuardState<C>& s, GuardIo& io) {
  const unsigned index = s.index.to_uint();
  const unsigned start = entry_at<C>(s.span, index);
  const unsigned lanes = lanes_now(s, index);
  for (unsigned bank = 0; bank < kLanes; ++bank) {
    const unsigned lane = (bank - start) % kLanes;
    if (lane >= lanes) continue;
    const unsigned where = entry_at<C>(s.span, index + lane) / kLanes;
    GuardEntry e = s.entries[bank][where];
    e.done = static_cast<TicketNo>(e.done + 1);
    s.entries[bank][where] = e;
  }
  s.index = static_cast<ap_uint<9>>(index + lanes);
  if (index + lanes >= s.count.to_uint()) {
    s.pass = GuardState<C>::kIdle;
    io.ticket.write(ticket_of(Ticket::kReleased, false, false, 0));
  }
}

// Looks again at the block that a command waits for.
template <class C>
NVTEE_TEE_INLINE void guard_recheck(GuardState<C>& s, const Waiting& w, GuardIo& io) {
  const unsigned index = w.index.to_uint();
  const Lba block = static_cast<Lba>(w.cmd.slba + static_cast<Lba>(w.index));
  const unsigned at = entry_of<C>(w.cmd.ns, block);
  const GuardEntry e = s.entries[at % kLanes][at / kLanes];
  const GuardNeeds needs = s.needs[need_row<C>(w.cmd.slot, index)];
  const bool granted = reached(e.done, needs.lane[at % kLanes]);
  io.ticket.write(ticket_of(Ticket::kRecheck, granted, true, index));
  io.carried.write(w.cmd);
}

// Begins the next pass, releases before others.
template <class C>
NVTEE_TEE_INLINE void guard_begin(GuardState<C>& s, GuardIo& io) {
  s.index = 0;
  if (!io.release.empty()) {
    const Release r = io.release.read();
    s.pass = GuardState<C>::kGiveBack;
    s.span = span_of<C>(r.ns, r.slba);
    s.count = r.count;
  } else {
    s.cmd = io.admitted.read();
    s.pass = GuardState<C>::kAcquire;
    s.span = span_of<C>(s.cmd.ns, s.cmd.slba);
    s.count = s.cmd.count;
  }
}

template <class C>
NVTEE_TEE_INLINE Step guard_step(GuardState<C>& s, GuardIo& io) {
  const bool idle = s.pass == GuardState<C>::kIdle;
  if (idle && io.release.empty() && io.recheck.empty() && io.admitted.empty()) return Step::kIdle;
  if (io.ticket.full() || io.carried.full()) return Step::kBlocked;
  if (idle && io.release.empty() && !io.recheck.empty()) {
    guard_recheck(s, io.recheck.read(), io);
    return Step::kMoved;
  }
  if (idle) guard_begin(s, io);
  if (s.pass == GuardState<C>::kAcquire) {
    guard_take(s, io);
  } else {
    guard_give(s, io);
  }
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
