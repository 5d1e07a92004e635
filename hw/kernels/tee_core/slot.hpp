// slot: gives each command a slot of its queue, the lowest free index first, so that the same few buffers
// stay warm.
//
// Table: rows[queue]: which slots are used, and the one that is given next, so that no command waits while it
// is looked for; one row is read and written a step, addressed by the record's queue.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_SLOT_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_SLOT_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct SlotRow {
  ap_uint<128> used;  // one bit a slot
  ap_uint<8> count;   // of them
  ap_uint<8> free;    // the lowest one that is not, known before a command comes
};

template <class C>
struct SlotState {
  SlotRow rows[Sizes<C>::kQueues];
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

NVTEE_TEE_INLINE Front drained_front(QueueId queue) {
  Front f = Front();
  f.kind = Front::kDrained;
  f.queue = queue;
  return f;
}

NVTEE_TEE_INLINE Event hold_refused(const Cmd& cmd) {
  Event e = event_of(Event::kHoldRefused);
  e.tag = cmd.cid;
  e.ns = cmd.ns;
  return e;
}

// What a step is about: a slot that comes back, a queue that opens or closes, or what passes through.
struct SlotWork {
  QueueId queue;
  ap_uint<1> back, order, close;
  SlotId slot;  // back
  Front front;  // neither back nor order
};

template <class C>
NVTEE_TEE_INLINE SlotWork slot_work(hls::stream<SlotId>& freed, hls::stream<Ctl>& ctl,
                                    hls::stream<Front>& in) {
  SlotWork w = SlotWork();
  if (!freed.empty()) {
    w.back = 1;
    w.slot = freed.read();
    w.queue = queue_of<C>(w.slot);
  } else if (!ctl.empty()) {
    const Ctl c = ctl.read();
    w.order = 1;
    w.queue = c.queue;
    w.close = c.op == Ctl::kQueueClose ? 1 : 0;
  } else {
    w.front = in.read();
    w.back = w.front.kind == Front::kSent ? 1 : 0;
    w.slot = w.front.cmd.slot;
    w.queue = w.back ? queue_of<C>(w.slot) : w.front.queue;
  }
  return w;
}

template <class C>
NVTEE_TEE_INLINE Step slot_step(SlotState<C>& s, hls::stream<SlotId>& freed, hls::stream<Ctl>& ctl,
                                hls::stream<Front>& in, hls::stream<Front>& out, hls::stream<Event>& event) {
  if (freed.empty() && ctl.empty() && in.empty()) return Step::kIdle;
  if (out.full() || event.full()) return Step::kBlocked;
  const SlotWork w = slot_work<C>(freed, ctl, in);
  const bool fresh = !w.back && !w.order && w.front.kind == Front::kNew;
  const unsigned at = w.queue.to_uint() & (Sizes<C>::kQueues - 1);
  SlotRow row = s.rows[at];
  const bool draining = s.draining[at] == 1, opened = s.opened[at] == 1;
  const bool open = w.queue == 0 || opened, none = row.free == 128;
  // A hold that its check refused takes none.
  const bool hold = w.front.cmd.kind == Cmd::kHold;
  const bool given = fresh && open && !none && !(hold && w.front.status != 0);
  // The last slot of a closing queue came back, or a queue closes that has none out.
  const bool last = w.back && draining && row.count == 1;
  const bool drained = last || (w.order && w.close && row.count == 0);
  if (w.order) {
    s.opened[at] = w.close ? 0 : 1;
    s.draining[at] = w.close && row.count != 0 ? 1 : 0;
  } else if (last) {
    s.draining[at] = 0;
  }

  Front f = w.front;
  if (fresh) f.kind = !open ? Front::kDrop : none ? Front::kNoSlot : Front::kNew;
  if (fresh) f.cmd.slot = slot_of<C>(w.queue, static_cast<ap_uint<7>>(row.free));
  if (drained) {
    out.write(drained_front(w.queue));
  } else if (fresh && hold && !given) {
    event.write(hold_refused(w.front.cmd));
  } else if (!w.back && !w.order) {
    out.write(f);
  }

  const ap_uint<7> index =
      w.back ? static_cast<ap_uint<7>>(w.slot & (Sizes<C>::kDepth - 1)) : static_cast<ap_uint<7>>(row.free);
  const ap_uint<128> bit = bit_of(index);
  if (given) row.used = static_cast<ap_uint<128>>(row.used | bit);
  if (w.back) row.used = static_cast<ap_uint<128>>(row.used & ~bit);
  row.count = static_cast<ap_uint<8>>(row.count + (given ? 1 : 0) - (w.back ? 1 : 0));
  row.free = lowest_zero(row.used, Sizes<C>::kDepth);
  s.rows[at] = row;
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
