// slot: gives each command a slot of its queue, the lowest free index first, so that the same few buffers
// stay warm.
//
// Table: used[queue], one bit a slot; one row is read and written a step, addressed by the record's queue.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_SLOT_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_SLOT_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

template <class C>
struct SlotState {
  ap_uint<128> used[Sizes<C>::kQueues];
  ap_uint<1> opened[Sizes<C>::kQueues];    // queue 0 is always open
  ap_uint<1> draining[Sizes<C>::kQueues];  // closed, kDrained not said yet
};

// Index of the lowest zero of the first `depth` bits; 128 when there is none.
inline ap_uint<8> lowest_zero(ap_uint<128> used, unsigned depth) {
  ap_uint<64> half = static_cast<ap_uint<64>>(~static_cast<ap_uint<64>>(used.range(63, 0)));
  ap_uint<8> at = 0;
  if (half == 0) {
    half = static_cast<ap_uint<64>>(~static_cast<ap_uint<64>>(used.range(127, 64)));
    at = 64;
  }
  if (half == 0) return 128;
  for (unsigned step = 32; step != 0; step /= 2) {
    const ap_uint<64> low = static_cast<ap_uint<64>>(half << (64 - step));
    if (low == 0) {
      half = static_cast<ap_uint<64>>(half >> step);
      at = static_cast<ap_uint<8>>(at + step);
    }
  }
  return at < depth ? at : ap_uint<8>(128);
}

inline ap_uint<128> bit_of(ap_uint<7> index) {
  return static_cast<ap_uint<128>>(ap_uint<128>(1) << index);
}

// A slot comes back. True: it was the last one of a closing queue.
template <class C>
inline bool give_back(SlotState<C>& s, SlotId slot) {
  const unsigned queue = static_cast<unsigned>(queue_of<C>(slot)) & (Sizes<C>::kQueues - 1);
  const ap_uint<7> index = static_cast<ap_uint<7>>(slot & (Sizes<C>::kDepth - 1));
  const ap_uint<128> used = static_cast<ap_uint<128>>(s.used[queue] & ~bit_of(index));
  const bool drained = s.draining[queue] && used == 0;
  s.used[queue] = used;
  if (drained) s.draining[queue] = 0;
  return drained;
}

inline Front drained_front(QueueId queue) {
  Front f = Front();
  f.kind = Front::kDrained;
  f.queue = queue;
  return f;
}

// True: closed, and nothing was in use.
template <class C>
inline bool slot_order(SlotState<C>& s, const Ctl& c) {
  const unsigned queue = static_cast<unsigned>(c.queue) & (Sizes<C>::kQueues - 1);
  const bool close = c.op == Ctl::kQueueClose;
  const bool empty = s.used[queue] == 0;
  s.opened[queue] = close ? 0 : 1;
  s.draining[queue] = close && !empty ? 1 : 0;
  return close && empty;
}

// Gives `f` a slot, or says why not.
template <class C>
inline Front with_slot(SlotState<C>& s, Front f) {
  const unsigned queue = static_cast<unsigned>(f.queue) & (Sizes<C>::kQueues - 1);
  const ap_uint<128> used = s.used[queue];
  const ap_uint<8> index = lowest_zero(used, Sizes<C>::kDepth);
  if (f.queue != 0 && !s.opened[queue]) {
    f.kind = Front::kDrop;
  } else if (index == 128) {
    f.kind = Front::kNoSlot;
  } else {
    s.used[queue] = static_cast<ap_uint<128>>(used | bit_of(static_cast<ap_uint<7>>(index)));
    f.cmd.slot = slot_of<C>(f.queue, static_cast<ap_uint<7>>(index));
  }
  return f;
}

inline Event hold_refused(const Cmd& cmd) {
  Event e = event_of(Event::kHoldRefused);
  e.tag = cmd.cid;
  e.ns = cmd.ns;
  return e;
}

template <class C>
inline bool slot_front(SlotState<C>& s, const Front& in, hls::stream<Front>& out, hls::stream<Event>& event) {
  if (in.kind == Front::kSent) {
    if (give_back(s, in.cmd.slot)) out.write(drained_front(in.queue));
    return true;
  }
  const bool hold = in.kind == Front::kNew && in.cmd.kind == Cmd::kHold;
  if (hold && in.status != 0) {
    event.write(hold_refused(in.cmd));
    return true;
  }
  const Front f = in.kind == Front::kNew ? with_slot(s, in) : in;
  if (hold && f.kind == Front::kNoSlot) {
    event.write(hold_refused(in.cmd));
  } else {
    out.write(f);
  }
  return true;
}

template <class C>
inline bool slot_step(SlotState<C>& s, hls::stream<SlotId>& freed, hls::stream<Ctl>& ctl,
                      hls::stream<Front>& in, hls::stream<Front>& out, hls::stream<Event>& event) {
  if (out.full() || event.full()) return false;
  if (!freed.empty()) {
    const SlotId slot = freed.read();
    if (give_back(s, slot)) out.write(drained_front(queue_of<C>(slot)));
    return true;
  }
  if (!ctl.empty()) {
    const Ctl c = ctl.read();
    if (slot_order(s, c)) out.write(drained_front(c.queue));
    return true;
  }
  if (in.empty()) return false;
  return slot_front(s, in.read(), out, event);
}

}  // namespace tee
}  // namespace nvtee

#endif
