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

// `high` * kLeap + `middle` * kStep + what a namespace adds. Of the card's constants all but one set bit lie
// at the top, where only a few low bits of the factor reach: written out, three sums of 14 bits instead of
// nine.
template <class C>
NVTEE_TEE_INLINE unsigned guard_base(unsigned ns, unsigned middle, unsigned high) {
  constexpr unsigned kEighth = Sizes<C>::kGuard / 8, kSixteenth = Sizes<C>::kGuard / 16;
  const unsigned of_ns = ns * 0x1e34u;
  if constexpr (C::kGuardBits >= 8) {
    static_assert(GuardHash<C>::kStep == 5 * kEighth + 4 &&
                      GuardHash<C>::kLeap == Sizes<C>::kGuard - 5 * kSixteenth - 4,
                  "as written out");
    const ap_uint<16> step = static_cast<ap_uint<16>>(middle * 4 + (middle & 7) * (5 * kEighth));
    const ap_uint<16> back = static_cast<ap_uint<16>>(high * 4 + (high & 15) * (5 * kSixteenth));
    return step.to_uint() + (of_ns - back.to_uint());
  } else {
    return of_ns + middle * GuardHash<C>::kStep + high * GuardHash<C>::kLeap;
  }
}

template <class C>
NVTEE_TEE_INLINE unsigned entry_of(NsIndex ns, Lba block) {
  const unsigned middle = low_bits<C>(static_cast<Lba>(block >> C::kGuardBits));
  const unsigned high = low_bits<C>(static_cast<Lba>(block >> (2 * C::kGuardBits)));
  // The bank is the block's: what is added has no low bits.
  const unsigned base = guard_base<C>(ns.to_uint(), middle, high);
  const unsigned low = low_bits<C>(block);
  return ((((low >> 2) + (base >> 2)) << 2) & GuardHash<C>::kMask) | (low & (kLanes - 1));
}

template <class C>
NVTEE_TEE_INLINE GuardSpan span_of(NsIndex ns, Lba slba) {
  GuardSpan g;
  g.first = static_cast<ap_uint<16>>(entry_of<C>(ns, slba));
  g.cross = static_cast<ap_uint<17>>(Sizes<C>::kGuard - low_bits<C>(slba));
  // The block after the wrap, without its low bits, which are 0.
  const Lba next = static_cast<Lba>(static_cast<Lba>(slba >> C::kGuardBits) + 1);
  g.second = static_cast<ap_uint<16>>(entry_of<C>(ns, static_cast<Lba>(next << C::kGuardBits)));
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

// The rows of a step's blocks: banks from `start` on are in one row, those below in the next group's.
struct GuardRows {
  unsigned start, from_start, below;
  unsigned lane(unsigned bank) const { return (bank - start) % kLanes; }
  unsigned of(unsigned bank) const { return bank < start ? below : from_start; }
};
template <class C>
NVTEE_TEE_INLINE GuardRows rows_at(const GuardSpan& g, unsigned index) {
  GuardRows r;
  r.start = (g.first.to_uint() + index) % kLanes;  // the same in `second`: it is the block's
  r.from_start = entry_at<C>(g, index) / kLanes;
  r.below = entry_at<C>(g, index + kLanes - 1) / kLanes;  // of any block of that group
  return r;
}

// One ticket.
struct Taken {
  TicketNo need;  // before it may go
  bool granted;   // it may
};
template <class C>
NVTEE_TEE_INLINE Taken take_one(GuardEntry& e, bool exclusive) {
  const bool after_writers = reached(e.done, e.reads), after_all = reached(e.done, e.next);
  const TicketNo reads = after_writers ? e.done : e.reads;  // an old need is forgotten before it wraps
  Taken t;
  t.need = exclusive ? e.next : reads;
  t.granted = C::kMutant == Mutant::kGuardOpen || (exclusive ? after_all : after_writers);
  e.next = static_cast<TicketNo>(e.next + 1);
  e.reads = exclusive && C::kMutant != Mutant::kReadersPass ? e.next : reads;
  return t;
}

// Which block of the step waits first, from their banks' bits.
NVTEE_TEE_INLINE unsigned first_waiting(const ap_uint<kLanes>& waits, unsigned start, unsigned index) {
  const bool w0 = waits[start % kLanes], w1 = waits[(start + 1) % kLanes], w2 = waits[(start + 2) % kLanes];
  return w0 ? index : w1 ? index + 1 : w2 ? index + 2 : index + 3;
}

template <class C>
NVTEE_TEE_INLINE void guard_take(GuardState<C>& s, GuardIo& io) {
  const unsigned index = s.index.to_uint();
  const GuardRows rows = rows_at<C>(s.span, index);
  const unsigned lanes = lanes_now(s, index);
  const bool last = index + lanes >= s.count.to_uint();
  const bool exclusive = s.cmd.exclusive == 1;
  const unsigned row = need_row<C>(s.cmd.slot, index & (Sizes<C>::kMaxBlocks - 1));
  GuardNeeds needs = s.needs[row];
  ap_uint<kLanes> waits = 0;
  for (unsigned bank = 0; bank < kLanes; ++bank) {
    if (rows.lane(bank) >= lanes) continue;
    const unsigned where = rows.of(bank);
    GuardEntry e = s.entries[bank][where];
    const Taken t = take_one<C>(e, exclusive);
    waits[bank] = t.granted ? 0 : 1;
    s.entries[bank][where] = e;
    needs.lane[bank] = t.need;
  }
  s.needs[row] = needs;
  io.ticket.write(ticket_of(Ticket::kPass, waits == 0, last, first_waiting(waits, rows.start, index)));
  if (last) io.carried.write(s.cmd);
  s.index = static_cast<ap_uint<9>>(index + lanes);
  if (last) s.pass = GuardState<C>::kIdle;
}

template <class C>
NVTEE_TEE_INLINE void guard_give(GuardState<C>& s, GuardIo& io) {
  const unsigned index = s.index.to_uint();
  const GuardRows rows = rows_at<C>(s.span, index);
  const unsigned lanes = lanes_now(s, index);
  for (unsigned bank = 0; bank < kLanes; ++bank) {
    if (rows.lane(bank) >= lanes) continue;
    const unsigned where = rows.of(bank);
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
