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

// Index of the lowest one; 0 when there is none.
NVTEE_TEE_INLINE ap_uint<6> lowest_one(ap_uint<64> x) {
  const ap_uint<64> one = static_cast<ap_uint<64>>(x & static_cast<ap_uint<64>>(0 - x));
  unsigned at = (one & 0xaaaaaaaaaaaaaaaaull) != 0 ? 1 : 0;
  at += (one & 0xccccccccccccccccull) != 0 ? 2 : 0;
  at += (one & 0xf0f0f0f0f0f0f0f0ull) != 0 ? 4 : 0;
  at += (one & 0xff00ff00ff00ff00ull) != 0 ? 8 : 0;
  at += (one & 0xffff0000ffff0000ull) != 0 ? 16 : 0;
  at += (one & 0xffffffff00000000ull) != 0 ? 32 : 0;
  return static_cast<ap_uint<6>>(at);
}

// Index of the lowest zero of the first `depth` bits; 128 when there is none.
NVTEE_TEE_INLINE ap_uint<8> lowest_zero(ap_uint<128> used, unsigned depth) {
  const ap_uint<64> low = static_cast<ap_uint<64>>(~static_cast<ap_uint<64>>(used.range(63, 0)));
  const ap_uint<64> high = static_cast<ap_uint<64>>(~static_cast<ap_uint<64>>(used.range(127, 64)));
  ap_uint<8> at = low != 0 ? static_cast<ap_uint<8>>(lowest_one(low))
                           : static_cast<ap_uint<8>>(64 + static_cast<unsigned>(lowest_one(high)));
  if (low == 0 && high == 0) at = 128;
  return at < depth ? at : ap_uint<8>(128);
}

NVTEE_TEE_INLINE ap_uint<128> bit_of(ap_uint<7> index) {
  return static_cast<ap_uint<128>>(ap_uint<128>(1) << index);
}

// A slot comes back. True: it was the last one of a closing queue.
template <class C>
NVTEE_TEE_INLINE bool give_back(SlotState<C>& s, SlotId slot) {
  const unsigned queue = static_cast<unsigned>(queue_of<C>(slot)) & (Sizes<C>::kQueues - 1);
  const ap_uint<7> index = static_cast<ap_uint<7>>(slot & (Sizes<C>::kDepth - 1));
  const ap_uint<128> used = static_cast<ap_uint<128>>(s.used[queue] & ~bit_of(index));
  const bool drained = s.draining[queue] && used == 0;
  s.used[queue] = used;
  if (drained) s.draining[queue] = 0;
  return drained;
}

NVTEE_TEE_INLINE Front drained_front(QueueId queue) {
  Front f = Front();
  f.kind = Front::kDrained;
  f.queue = queue;
  return f;
}

// True: closed, and nothing was in use.
template <class C>
NVTEE_TEE_INLINE bool slot_order(SlotState<C>& s, const Ctl& c) {
  const unsigned queue = static_cast<unsigned>(c.queue) & (Sizes<C>::kQueues - 1);
  const bool close = c.op == Ctl::kQueueClose;
  const bool empty = s.used[queue] == 0;
  s.opened[queue] = close ? 0 : 1;
  s.draining[queue] = close && !empty ? 1 : 0;
  return close && empty;
}

NVTEE_TEE_INLINE Event hold_refused(const Cmd& cmd) {
  Event e = event_of(Event::kHoldRefused);
  e.tag = cmd.cid;
  e.ns = cmd.ns;
  return e;
}

// A new command gets a slot, or the reason why not.
template <class C>
NVTEE_TEE_INLINE void slot_new(SlotState<C>& s, const Front& in, hls::stream<Front>& out,
                               hls::stream<Event>& event) {
  const unsigned queue = in.queue.to_uint() & (Sizes<C>::kQueues - 1);
  const ap_uint<128> used = s.used[queue];
  const ap_uint<8> index = lowest_zero(used, Sizes<C>::kDepth);
  const bool hold = in.cmd.kind == Cmd::kHold;
  const bool open = in.queue == 0 || s.opened[queue];
  const bool given = open && index != 128 && !(hold && in.status != 0);
  Front f = in;
  f.kind = !open ? Front::kDrop : index == 128 ? Front::kNoSlot : Front::kNew;
  f.cmd.slot = slot_of<C>(in.queue, static_cast<ap_uint<7>>(index));
  if (given) s.used[queue] = static_cast<ap_uint<128>>(used | bit_of(static_cast<ap_uint<7>>(index)));
  if (hold && !given) {
    event.write(hold_refused(in.cmd));
  } else {
    out.write(f);
  }
}

template <class C>
NVTEE_TEE_INLINE void slot_front(SlotState<C>& s, const Front& in, hls::stream<Front>& out,
                                 hls::stream<Event>& event) {
  if (in.kind == Front::kSent) {
    if (give_back(s, in.cmd.slot)) out.write(drained_front(in.queue));
  } else if (in.kind == Front::kNew) {
    slot_new(s, in, out, event);
  } else {
    out.write(in);
  }
}

template <class C>
NVTEE_TEE_INLINE Step slot_step(SlotState<C>& s, hls::stream<SlotId>& freed, hls::stream<Ctl>& ctl,
                                hls::stream<Front>& in, hls::stream<Front>& out, hls::stream<Event>& event) {
  if (freed.empty() && ctl.empty() && in.empty()) return Step::kIdle;
  if (out.full() || event.full()) return Step::kBlocked;
  if (!freed.empty()) {
    const SlotId slot = freed.read();
    if (give_back(s, slot)) out.write(drained_front(queue_of<C>(slot)));
    return Step::kMoved;
  }
  if (!ctl.empty()) {
    const Ctl c = ctl.read();
    if (slot_order(s, c)) out.write(drained_front(c.queue));
    return Step::kMoved;
  }
  slot_front(s, in.read(), out, event);
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
