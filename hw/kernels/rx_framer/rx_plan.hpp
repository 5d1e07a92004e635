// rx_plan: cuts spans into ops, one word (or what a chunk has of it) a call, and knows where in the beats
// each op's bytes are. Numbers only. Nothing is lost between two spans: the call that ends one takes the
// next.
#ifndef NVTEE_HW_KERNELS_RX_FRAMER_RX_PLAN_HPP
#define NVTEE_HW_KERNELS_RX_FRAMER_RX_PLAN_HPP

#include "hw/kernels/rx_framer/types.hpp"

namespace nvtee {
namespace card {

struct RxPlanState {
  Span p;  // phase, wleft, fill, full, tail, first and n move on as ops leave
  ap_uint<1> active;
  ap_uint<7> used;     // bytes of the present beat that are taken; 64: all of them
  ap_uint<1> started;  // after reset nothing was taken: as 64
};

NVTEE_TEE_INLINE ap_uint<7> last_count(const Bytes& data) {
  const ap_uint<6> tail = static_cast<ap_uint<6>>(data);
  return tail == 0 ? ap_uint<7>(64) : ap_uint<7>(tail);
}

// What an op's word is, once it is complete.
NVTEE_TEE_INLINE void plan_kind(const Span& p, Op& op) {
  const bool last = p.full == 0 && p.tail == 0;
  op.data = p.data;
  op.session = p.session;
  op.row = p.row;
  op.fes = p.fes;
  op.fei = p.fei;
  if (p.end) {
    op.kind = Op::kEnd;
  } else if (p.skip) {
    op.kind = p.broken ? Op::kBroken : Op::kNone;
  } else if (p.phase == Span::kHead) {
    op.kind = p.head2 != 0 ? Op::kHold : Op::kHead;
  } else if (p.phase == Span::kHead2) {
    op.kind = Op::kHeadHeld;
  } else if (p.phase == Span::kData) {
    op.kind = last && p.digest ? Op::kHold : Op::kData;
    op.count = last ? last_count(p.data) : ap_uint<7>(64);
    op.first = p.first;
    op.last = last ? 1 : 0;
  } else {
    op.kind = Op::kDataHeld;
    op.count = last_count(p.data);
    op.first = p.data <= 64 ? 1 : 0;
    op.last = 1;
  }
}

// The word after the present one. Past a PDU's end: whatever, its n is 0.
NVTEE_TEE_INLINE void plan_next(Span& p) {
  const bool head2 = p.phase == Span::kHead && p.head2 != 0;
  p.fill = 0;
  p.broken = 0;
  if (p.skip) {
    p.wleft = 64;
  } else if (head2) {
    p.phase = Span::kHead2;
    p.wleft = p.head2;
  } else {
    if (p.phase == Span::kData) p.first = 0;
    if (p.full != 0) {
      p.phase = Span::kData;
      p.wleft = 64;
      p.full = static_cast<ap_uint<12>>(p.full - 1);
    } else if (p.tail != 0) {
      p.phase = Span::kData;
      p.wleft = p.tail;
      p.tail = 0;
    } else {
      p.phase = Span::kDigest;
      p.wleft = 4;
    }
  }
}

NVTEE_TEE_INLINE Step rx_plan_step(RxPlanState& s, hls::stream<Span>& in, hls::stream<Op>& out) {
  const bool load = !in.empty();
  if (!s.active) {
    if (!load) return Step::kIdle;
    s.p = in.read();
    s.active = 1;
    return Step::kMoved;
  }
  if (out.full()) return Step::kBlocked;
  const Span p = s.p;
  const ap_uint<7> used = s.started ? s.used : ap_uint<7>(64);
  const ap_uint<14> after = static_cast<ap_uint<14>>(static_cast<ap_uint<14>>(p.n) - p.wleft);
  const bool whole = !after[13];  // the word ends in this span
  const bool ends = p.n <= p.wleft;
  const ap_uint<7> take = whole ? p.wleft : static_cast<ap_uint<7>>(p.n);
  const ap_uint<8> to_whole = static_cast<ap_uint<8>>(used + p.wleft);
  const ap_uint<8> to_part = static_cast<ap_uint<8>>(used + static_cast<ap_uint<7>>(p.n));
  const ap_uint<8> to = whole ? to_whole : to_part;
  const bool pull = to > 64;
  const ap_uint<7> used_after = pull ? static_cast<ap_uint<7>>(to - 64) : static_cast<ap_uint<7>>(to);

  Op op = Op();
  op.at = used;
  op.take = take;
  op.fill = p.fill;
  op.pull = pull ? 1 : 0;
  plan_kind(p, op);
  op.load = p.fill != 0 ? 1 : 0;
  if (!whole && !p.skip && !p.end) {
    op.save = 1;
    op.kind = Op::kNone;
  }
  out.write(op);

  Span q = p;
  plan_next(q);
  q.n = static_cast<ap_uint<13>>(after);
  if (!ends) {
    s.p = q;
    s.used = used_after;
    s.started = 1;
    return Step::kMoved;
  }
  s.used = p.last ? ap_uint<7>(64) : used_after;
  s.started = 1;
  s.active = load ? 1 : 0;
  if (load) s.p = in.read();
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
