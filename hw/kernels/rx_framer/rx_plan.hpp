// rx_plan: cuts spans into ops, one word (or what a chunk has of it) a call, and knows where in the beats
// each op's bytes are. Numbers only. Nothing is lost between two spans: the call that ends one takes the
// next.
#ifndef NVTEE_HW_KERNELS_RX_FRAMER_RX_PLAN_HPP
#define NVTEE_HW_KERNELS_RX_FRAMER_RX_PLAN_HPP

#include "hw/kernels/rx_framer/types.hpp"

namespace nvtee {
namespace card {

struct RxPlanState {
  Span p;  // phase, want, fill, full, tail, first and more move on as ops leave
  ap_uint<1> active;
  ap_uint<6> left;  // bytes of the present beat that are not taken
};

NVTEE_TEE_INLINE ap_uint<7> last_count(const Bytes& data) {
  const ap_uint<6> tail = static_cast<ap_uint<6>>(data);
  return tail == 0 ? ap_uint<7>(64) : ap_uint<7>(tail);
}

// What an op's word is, once it is complete.
NVTEE_TEE_INLINE void plan_kind(const Span& p, Op& op) {
  const bool last = p.full == 0 && !p.tail;
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
    op.kind = p.two ? Op::kHold : Op::kHead;
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

// The word after the present one. Past a PDU's end: whatever, no byte is left for it.
NVTEE_TEE_INLINE void plan_next(Span& p) {
  const bool head2 = p.phase == Span::kHead && p.two;
  p.fill = 0;
  p.broken = 0;
  if (p.skip) {
    p.want = 63;
  } else if (head2) {
    p.phase = Span::kHead2;
    p.want = p.want2;
  } else {
    if (p.phase == Span::kData) p.first = 0;
    if (p.full != 0) {
      p.phase = Span::kData;
      p.want = 63;
      p.full = static_cast<ap_uint<12>>(p.full - 1);
    } else if (p.tail) {
      p.phase = Span::kData;
      p.want = p.want_tail;
      p.tail = 0;
    } else {
      p.phase = Span::kDigest;
      p.want = 3;
    }
  }
}

NVTEE_TEE_INLINE Step rx_plan_step(RxPlanState& s, hls::stream<Span>& in, hls::stream<Op>& out) {
  const bool load = !in.empty();
  const bool active = s.active;
  if (!active && !load) return Step::kIdle;
  if (out.full()) return Step::kBlocked;
  Span p = s.p;
  if (!active) p = in.read();  // begun in the call that takes it
  // The word ends in this span; the span ends with this word. No long subtraction is on these ways.
  const bool high = (p.more >> 6) != 0;
  const ap_uint<6> low = static_cast<ap_uint<6>>(p.more);
  const bool whole = high || low >= p.want;
  const bool ends = !high && low <= p.want;
  // left - (want + 1): bit 6 says that the beat has them.
  const ap_uint<6> not_want = static_cast<ap_uint<6>>(~p.want);
  const ap_uint<6> not_low = static_cast<ap_uint<6>>(~low);
  const ap_uint<7> to_whole = static_cast<ap_uint<7>>(ap_uint<7>(s.left) + not_want);
  const ap_uint<7> to_part = static_cast<ap_uint<7>>(ap_uint<7>(s.left) + not_low);
  const ap_uint<7> to = whole ? to_whole : to_part;

  Op op = Op();
  op.at = static_cast<ap_uint<7>>(64 - s.left);
  op.take = static_cast<ap_uint<7>>((whole ? p.want : low) + 1);
  op.fill = p.fill;
  op.pull = !to[6] && !p.end ? 1 : 0;
  if (p.end) op.take = 0;
  plan_kind(p, op);
  op.load = p.fill != 0 ? 1 : 0;
  if (!whole && !p.skip && !p.end) {
    op.save = 1;
    op.kind = Op::kNone;
  }
  out.write(op);

  Span q = p;
  plan_next(q);
  q.more = static_cast<ap_uint<12>>(p.more + static_cast<ap_uint<12>>(0xfc0u | not_want));  // - (want + 1)
  if (!ends) {
    s.p = q;
    s.active = 1;
    s.left = static_cast<ap_uint<6>>(to_whole);
    return Step::kMoved;
  }
  s.left = p.last ? ap_uint<6>(0) : static_cast<ap_uint<6>>(to);
  s.active = active && load ? 1 : 0;
  if (active && load) s.p = in.read();
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
