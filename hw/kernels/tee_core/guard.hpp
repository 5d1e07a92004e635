// guard: fair reader/writer tickets per block. One block a step.
//
// An entry counts the tickets given (`next`) and given back (`done`). A ticket may go when enough were given
// back: a writer needs all before it, a reader all up to the last writer before it. A command takes the
// tickets of all its blocks in one pass, nobody in between: a total order, so no deadlock. Each ticket's need
// is kept per (slot, block); grant asks again (`recheck`) after something was released.
//
// Tables: entries[hash(ns, block)] and needs[slot][index], each read and written once a step; both addresses
// follow from the record and the index in its pass, never from a table. What a ticket says only flows on to
// `grant`.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_GUARD_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_GUARD_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

typedef ap_uint<16> TicketNo;  // twice the slots at least: at most one ticket of an entry a slot

struct GuardEntry {
  TicketNo next;   // tickets given
  TicketNo done;   // tickets given back
  TicketNo reads;  // what a reader needs: one past the last writer's ticket
};

// The entries of a command's blocks: first + i up to `cross`, second + (i - cross) from there.
struct GuardSpan {
  ap_uint<16> first, second;
  ap_uint<17> cross;
};

// Consecutive blocks get consecutive entries. Where the low bits of the block number wrap, the next entry
// lies kStep (kStep + kLeap) further on: between a quarter and three quarters of the table, more than any
// command is long.
template <class C>
struct GuardHash {
  static constexpr unsigned kMask = Sizes<C>::kGuard - 1;
  static constexpr unsigned kStep = (Sizes<C>::kGuard * 5 / 8) | 1;
  static constexpr unsigned kLeap = (Sizes<C>::kGuard - kStep / 2) & kMask;
  static unsigned base(NsIndex ns, ap_uint<16> middle, ap_uint<16> high) {
    return (static_cast<unsigned>(middle) * kStep + static_cast<unsigned>(high) * kLeap +
            static_cast<unsigned>(ns) * (0x9e37u | 1u)) &
           kMask;
  }
};

template <class C>
inline ap_uint<16> entry_of(NsIndex ns, Lba block) {
  const ap_uint<16> low = static_cast<ap_uint<16>>(block & GuardHash<C>::kMask);
  const ap_uint<16> middle = static_cast<ap_uint<16>>((block >> C::kGuardBits) & GuardHash<C>::kMask);
  const ap_uint<16> high = static_cast<ap_uint<16>>((block >> (2 * C::kGuardBits)) & GuardHash<C>::kMask);
  return static_cast<ap_uint<16>>((static_cast<unsigned>(low) + GuardHash<C>::base(ns, middle, high)) &
                                  GuardHash<C>::kMask);
}

template <class C>
inline GuardSpan span_of(NsIndex ns, Lba slba) {
  const unsigned low = static_cast<unsigned>(slba & GuardHash<C>::kMask);
  GuardSpan g;
  g.first = entry_of<C>(ns, slba);
  g.cross = static_cast<ap_uint<17>>(Sizes<C>::kGuard - low);
  g.second = entry_of<C>(ns, static_cast<Lba>(slba + static_cast<Lba>(g.cross)));
  return g;
}

template <class C>
inline unsigned entry_at(const GuardSpan& g, unsigned i) {
  const unsigned cross = static_cast<unsigned>(g.cross);
  const unsigned at =
      i < cross ? static_cast<unsigned>(g.first) + i : static_cast<unsigned>(g.second) + i - cross;
  return at & GuardHash<C>::kMask;
}

template <class C>
struct GuardState {
  enum Pass { kIdle = 0, kAcquire = 1, kGiveBack = 2 };
  GuardEntry entries[Sizes<C>::kGuard];
  TicketNo needs[Sizes<C>::kSlots * Sizes<C>::kMaxBlocks];
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

inline bool reached(TicketNo done, TicketNo need) {
  return static_cast<TicketNo>(done - need)[15] == 0;  // distances stay below half the range
}

template <class C>
inline unsigned need_at(SlotId slot, unsigned index) {
  return ((static_cast<unsigned>(slot) & (Sizes<C>::kSlots - 1)) << C::kMaxBlockBits) | index;
}

inline Ticket ticket_of(unsigned kind, bool granted, bool last, unsigned index) {
  Ticket t;
  t.kind = static_cast<ap_uint<2>>(kind);
  t.granted = granted ? 1 : 0;
  t.last = last ? 1 : 0;
  t.index = static_cast<ap_uint<8>>(index);
  return t;
}

// Takes one ticket.
template <class C>
inline void guard_take(GuardState<C>& s, GuardIo& io) {
  const unsigned index = static_cast<unsigned>(s.index);
  const unsigned at = entry_at<C>(s.span, index);
  const bool last = s.index + 1 >= s.count;
  GuardEntry e = s.entries[at];
  bool granted = true;
  if (s.count != 0) {
    const TicketNo reads =
        reached(e.done, e.reads) ? e.done : e.reads;  // an old need is forgotten before it wraps
    const TicketNo need = s.cmd.exclusive ? e.next : reads;
    granted = reached(e.done, need) || C::kMutant == 7;
    e.next = static_cast<TicketNo>(e.next + 1);
    e.reads = s.cmd.exclusive ? e.next : reads;
    s.entries[at] = e;
    s.needs[need_at<C>(s.cmd.slot, index)] = need;
  }
  io.ticket.write(ticket_of(Ticket::kPass, granted, last, index));
  if (last) io.carried.write(s.cmd);
  s.index = static_cast<ap_uint<9>>(s.index + 1);
  if (last) s.pass = GuardState<C>::kIdle;
}

// Gives one ticket back.
template <class C>
inline void guard_give(GuardState<C>& s, GuardIo& io) {
  const unsigned at = entry_at<C>(s.span, static_cast<unsigned>(s.index));
  GuardEntry e = s.entries[at];
  e.done = static_cast<TicketNo>(e.done + 1);
  s.entries[at] = e;
  s.index = static_cast<ap_uint<9>>(s.index + 1);
  if (s.index == s.count) {
    s.pass = GuardState<C>::kIdle;
    io.ticket.write(ticket_of(Ticket::kReleased, false, false, 0));
  }
}

// Looks again at the block that a command waits for.
template <class C>
inline void guard_recheck(GuardState<C>& s, const Waiting& w, GuardIo& io) {
  const unsigned index = static_cast<unsigned>(w.index);
  const Lba block = static_cast<Lba>(w.cmd.slba + static_cast<Lba>(w.index));
  const GuardEntry e = s.entries[static_cast<unsigned>(entry_of<C>(w.cmd.ns, block))];
  const bool granted = reached(e.done, s.needs[need_at<C>(w.cmd.slot, index)]);
  io.ticket.write(ticket_of(Ticket::kRecheck, granted, true, index));
  io.carried.write(w.cmd);
}

template <class C>
inline bool guard_step(GuardState<C>& s, GuardIo io) {
  if (io.ticket.full() || io.carried.full()) return false;
  if (s.pass == GuardState<C>::kIdle) {
    if (!io.release.empty()) {
      const Release r = io.release.read();
      s.pass = GuardState<C>::kGiveBack;
      s.span = span_of<C>(r.ns, r.slba);
      s.count = r.count;
      s.index = 0;
    } else if (!io.recheck.empty()) {
      guard_recheck(s, io.recheck.read(), io);
      return true;
    } else if (!io.admitted.empty()) {
      s.cmd = io.admitted.read();
      s.pass = GuardState<C>::kAcquire;
      s.span = span_of<C>(s.cmd.ns, s.cmd.slba);
      s.count = s.cmd.count;
      s.index = 0;
    } else {
      return false;
    }
  }
  if (s.pass == GuardState<C>::kAcquire) {
    guard_take(s, io);
  } else {
    guard_give(s, io);
  }
  return true;
}

}  // namespace tee
}  // namespace nvtee

#endif
