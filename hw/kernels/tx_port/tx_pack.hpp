// tx_head, tx_plan, tx_fold, tx_digest, tx_merge, tx_count: header, digest, payload, digest as bytes without
// holes, a beat a call. Data only flow through; tx_plan counts beats, tx_merge keeps what is over from one.
#ifndef NVTEE_HW_KERNELS_TX_PORT_TX_PACK_HPP
#define NVTEE_HW_KERNELS_TX_PORT_TX_PACK_HPP

#include <hls_stream.h>

#include "hw/kernels/common/tally.hpp"
#include "hw/kernels/digest/crc32c.hpp"
#include "hw/kernels/tx_port/tx_records.hpp"

namespace nvtee {
namespace card {

// ---- headers --------------------------------------------------------------------------------------------
NVTEE_TEE_INLINE TxHead head_of(const TxGrant& g) {
  const TxJob& j = g.job;
  const HeadDigests digests = crc_heads(j.head);
  const bool nothing = g.error != SendStatus::kOk || (j.head_bytes == 0 && j.length == 0);
  const ap_uint<7> count = static_cast<ap_uint<7>>(j.head_bytes + (j.hdgst ? 4 : 0));
  TxHead h = TxHead();
  h.head = j.head;
  if (j.hdgst && j.head_bytes == spec::pdu::kHlenCmd) h.digest72 = digests.of72;
  if (j.hdgst && j.head_bytes == spec::pdu::kHlenData) h.digest24 = digests.of24;
  h.nothing = nothing ? 1 : 0;
  h.alone = count[6];
  h.over = count.range(5, 0);
  // The last payload beat holds 1..64 bytes.
  const ap_uint<6> odd = j.length.range(5, 0);
  const ap_uint<7> rest = odd == 0 && j.length != 0 ? ap_uint<7>(kBeat) : ap_uint<7>(odd);
  const ap_uint<7> bytes = static_cast<ap_uint<7>>(rest + h.over);
  const ap_uint<7> all = static_cast<ap_uint<7>>(bytes + (j.ddgst ? 4 : 0));
  const bool more = all > kBeat;
  h.beats = static_cast<ap_uint<10>>(static_cast<ap_uint<18>>(j.length + 63) >> 6);
  h.last = more ? ap_uint<7>(kBeat) : all;
  h.tail = more ? static_cast<ap_uint<6>>(all - kBeat) : ap_uint<6>(0);
  h.digest = j.ddgst;
  h.digest_at = static_cast<ap_uint<5>>(rest >> 2);
  h.end = j.end;
  h.port = j.port;
  h.session = j.session;
  h.from = j.from;
  h.done.done = j.done;
  h.done.slot = j.slot;
  h.done.queue = j.queue;
  h.done.error = g.error;
  h.done.token = j.token;
  return h;
}
NVTEE_TEE_INLINE ap_uint<17> total_of(const TxJob& j) {
  const ap_uint<17> ends = static_cast<ap_uint<17>>(j.head_bytes + (j.hdgst ? 4 : 0) + (j.ddgst ? 4 : 0));
  return static_cast<ap_uint<17>>(static_cast<ap_uint<17>>(j.length) + ends);
}

NVTEE_TEE_INLINE tee::Step tx_head_step(hls::stream<TxGrant>& grant, hls::stream<TxHead>& head,
                                        hls::stream<TxTotal>& total) {
  if (grant.empty()) return tee::Step::kIdle;
  if (head.full() || total.full()) return tee::Step::kBlocked;
  const TxGrant g = grant.read();
  const TxHead h = head_of(g);
  head.write(h);
  TxTotal t;
  t.bytes = total_of(g.job);
  if (!h.nothing) total.write(t);
  return tee::Step::kMoved;
}

// ---- counts -----------------------------------------------------------------------------------------------
struct TxCountState {
  Tally tally;
};
NVTEE_TEE_INLINE tee::Step tx_count_step(TxCountState& s, PortId port, hls::stream<TxTotal>& total,
                                         hls::stream<Count>& count) {
  const bool idle = total.empty();
  if (tally_due(s.tally, idle, count)) {
    count.write(count_of(s.tally, Count::kTx, port));
    s.tally = Tally();
    return tee::Step::kMoved;
  }
  if (idle) return tee::Step::kIdle;
  if (tally_blocks(s.tally, count)) return tee::Step::kBlocked;
  s.tally = tally_plus(s.tally, total.read().bytes);
  return tee::Step::kMoved;
}

// ---- digests of payload ---------------------------------------------------------------------------------
NVTEE_TEE_INLINE tee::Step tx_fold_step(hls::stream<ReadBeat>& in, hls::stream<FoldedBeat>& out) {
  if (in.empty()) return tee::Step::kIdle;
  if (out.full()) return tee::Step::kBlocked;
  const ReadBeat b = in.read();
  FoldedBeat f;
  f.data = b.data;
  f.count = b.count;
  f.last = b.last;
  f.fold = crc_fold(f.data);
  out.write(f);
  return tee::Step::kMoved;
}

struct TxDigestState {
  ap_uint<32> sum;  // between beats, as its difference to the initial value: 0 after reset
};

NVTEE_TEE_INLINE tee::Step tx_digest_step(TxDigestState& s, hls::stream<FoldedBeat>& in,
                                          hls::stream<TxBeat>& out) {
  if (in.empty()) return tee::Step::kIdle;
  if (out.full()) return tee::Step::kBlocked;
  const FoldedBeat f = in.read();
  const uint32_t sum = crc_next(~s.sum.to_uint(), f.fold.to_uint());
  s.sum = f.last ? ap_uint<32>(0) : ap_uint<32>(~sum);
  TxBeat b;
  b.data = f.data;
  b.count = f.count;
  b.last = f.last;
  b.digest = crc_end(sum, static_cast<ap_uint<6>>(64 - f.count.to_uint()));
  out.write(b);
  return tee::Step::kMoved;
}

// ---- the plan ---------------------------------------------------------------------------------------------
struct TxPlanState {
  enum Phase { kHead = 0, kBody = 1, kTail = 2 };
  ap_uint<2> phase;
  ap_uint<10> left;  // payload beats
  ap_uint<1> one;    // it is the last of them
  TxHead h;          // of the PDU under way, without its header
};

// The lowest `count` of 64.
NVTEE_TEE_INLINE ap_uint<64> keep_of(ap_uint<7> count) {
  const ap_uint<6> low = count.range(5, 0);
  ap_uint<64> keep = 0;
  for (unsigned i = 0; i < 64; ++i) {
#pragma HLS UNROLL
    keep[i] = count[6] || low > i;
  }
  return keep;
}

// `digest`: the payload ends in this beat.
NVTEE_TEE_INLINE TxOp op_of(const TxHead& h, bool head, ap_uint<7> count, bool digest, bool ends) {
  TxOp o = TxOp();
  if (head) {
    o.bytes = h.head;
    o.digest24 = h.digest24;
    o.digest72 = h.digest72;
  }
  o.over16 = h.over[4];
  o.over = h.over.range(3, 2);
  for (unsigned i = 0; i < 17; ++i) {
#pragma HLS UNROLL
    o.digest[i] = digest && h.digest && h.digest_at == i;
  }
  o.keep = keep_of(count);
  o.last = ends ? 1 : 0;
  o.over_now = ends ? 1 : 0;
  o.end = h.end;
  o.port = h.port;
  o.session = h.session;
  o.from = h.from;
  o.done = h.done;
  return o;
}

NVTEE_TEE_INLINE TxOp plan_head(TxPlanState& s, const TxHead& h) {
  const bool data = h.beats != 0 && !h.nothing;
  const bool joined = !h.alone && data;
  const bool single = joined && h.beats == 1;
  const bool ends = h.nothing || (!h.alone && (!data || (single && h.tail == 0)));
  const ap_uint<7> count = h.alone || (joined && !single) ? ap_uint<7>(kBeat)
                           : data                         ? h.last
                                                          : ap_uint<7>(h.over);
  TxOp o = op_of(h, true, count, single, ends);
  o.head = !joined && !h.nothing;
  o.first = joined;
  s.h = h;
  s.h.head = 0;
  s.h.digest24 = 0;
  s.h.digest72 = 0;
  if (!data) s.h.tail = h.over;
  s.left = joined ? static_cast<ap_uint<10>>(h.beats - 1) : h.beats;
  s.one = joined ? h.beats == 2 : h.beats == 1;
  s.phase = ends ? TxPlanState::kHead : data && !single ? TxPlanState::kBody : TxPlanState::kTail;
  return o;
}

NVTEE_TEE_INLINE TxOp plan_body(TxPlanState& s) {
  const bool ends = s.one && s.h.tail == 0;
  TxOp o = op_of(s.h, false, s.one ? s.h.last : ap_uint<7>(kBeat), s.one, ends);
  o.body = 1;
  s.phase = ends ? TxPlanState::kHead : s.one ? TxPlanState::kTail : TxPlanState::kBody;
  s.one = s.left == 2 ? 1 : 0;
  s.left = static_cast<ap_uint<10>>(s.left - 1);
  return o;
}

NVTEE_TEE_INLINE TxOp plan_tail(TxPlanState& s) {
  TxOp o = op_of(s.h, false, ap_uint<7>(s.h.tail), false, true);
  o.tail = 1;
  s.phase = TxPlanState::kHead;
  return o;
}

// `needs`: does the op take payload? One of each op, so that tx_merge knows before it takes the op itself.
NVTEE_TEE_INLINE tee::Step tx_plan_step(TxPlanState& s, hls::stream<TxHead>& head, hls::stream<TxOp>& op,
                                        hls::stream<ap_uint<1>>& needs) {
  const bool at_head = s.phase == TxPlanState::kHead;
  if (at_head && head.empty()) return tee::Step::kIdle;
  if (op.full() || needs.full()) return tee::Step::kBlocked;
  TxOp o;
  if (at_head) {
    o = plan_head(s, head.read());
  } else if (s.phase == TxPlanState::kBody) {
    o = plan_body(s);
  } else {
    o = plan_tail(s);
  }
  op.write(o);
  needs.write(static_cast<ap_uint<1>>(o.first | o.body));
  return tee::Step::kMoved;
}

// ---- merging ----------------------------------------------------------------------------------------------
constexpr unsigned kMaxCarry = 32;  // bytes over from a beat: up to 28 and a digest

struct TxMergeState {
  ap_uint<1> has;   // `body` is of the next op, which waits
  ap_uint<1> body;  // it needs payload
  ap_uint<8 * kMaxCarry> carry;
};

struct TxMergeIo {
  hls::stream<TxOp>& op;
  hls::stream<ap_uint<1>>& needs;
  hls::stream<TxBeat>& body;
  hls::stream<NetBeat>& net;
  hls::stream<TxDone>& host_done;
  hls::stream<TxDone>& leg_done;
  hls::stream<TxDone>& runtime_done;
  hls::stream<CardEvent>& event;
};

// The payload and the digest in their places in 96 bytes; the others are 0. Where one byte is, no other may
// be: so the digest goes in before they are turned, and turning is a choice of two and one of three, a LUT
// each.
NVTEE_TEE_INLINE ap_uint<768> placed(const TxOp& o, const TxBeat& b) {
  ap_uint<544> data = b.data;
  for (unsigned i = 0; i < 17; ++i) {
#pragma HLS UNROLL
    const ap_uint<32> was = data.range(32 * i + 31, 32 * i);
    if (o.digest[i]) data.range(32 * i + 31, 32 * i) = static_cast<ap_uint<32>>(was | b.digest);
  }
  ap_uint<768> by16 = 0, out = 0;
  if (o.over16) {
    by16.range(671, 128) = data;
  } else {
    by16.range(543, 0) = data;
  }
  switch (o.over.to_uint()) {
    case 3:
      out.range(767, 96) = by16.range(671, 0);
      break;
    case 2:
      out.range(767, 64) = by16.range(703, 0);
      break;
    default:
      out = by16;
      break;
  }
  return out;
}

NVTEE_TEE_INLINE NetBeat net_beat(const ap_uint<512>& data, ap_uint<64> keep, ap_uint<1> last) {
  NetBeat n;
  n.data = data;
  n.keep = keep;
  n.strb = keep;
  n.user = 0;
  n.last = last;
  n.id = 0;
  n.dest = 0;
  return n;
}

NVTEE_TEE_INLINE void tell_done(const TxOp& o, TxMergeIo& io) {
  if (o.from == TxJob::kHost) {
    io.host_done.write(o.done);
  } else if (o.from == TxJob::kLeg) {
    io.leg_done.write(o.done);
  } else {
    io.runtime_done.write(o.done);
  }
  if (!o.end) return;
  CardEvent e = CardEvent();
  e.kind = CardEvent::kTxDrained;
  e.port = o.port;
  e.session = o.session;
  io.event.write(e);
}

// The beat and what is over from it. Bytes of the header beyond its end are 0, all of them where no header
// goes; the carry is 0 where a PDU begins, since the beat before it had room for all that was left.
NVTEE_TEE_INLINE ap_uint<768> merged(const TxOp& op, const ap_uint<8 * kMaxCarry>& carry, const TxBeat& b) {
  ap_uint<768> front = 0;
  front.range(575, 0) = whole_head(op.bytes);
  front.range(223, 192) = op.digest24;
  front.range(607, 576) = op.digest72;
  front.range(8 * kMaxCarry - 1, 0) =
      static_cast<ap_uint<8 * kMaxCarry>>(front.range(8 * kMaxCarry - 1, 0) | carry);
  return static_cast<ap_uint<768>>(front | placed(op, b));
}

NVTEE_TEE_INLINE tee::Step tx_merge_step(TxMergeState& s, TxMergeIo& io) {
  const bool full =
      io.net.full() || io.host_done.full() || io.leg_done.full() || io.runtime_done.full() || io.event.full();
  const bool has = s.has;
  if (!has && io.needs.empty()) return tee::Step::kIdle;
  ap_uint<1> body = s.body;
  if (!has) body = io.needs.read();
  const bool go = !full && !io.op.empty() && !(body && io.body.empty());
  s.body = body;
  s.has = go ? 0 : 1;
  if (!go) return has ? tee::Step::kBlocked : tee::Step::kMoved;
  const TxOp op = io.op.read();
  TxBeat b = TxBeat();
  if (body) b = io.body.read();
  const ap_uint<768> w = merged(op, s.carry, b);
  if (op.head || op.first || op.body || op.tail) {
    s.carry = w.range(767, 512);
    io.net.write(net_beat(w.range(511, 0), op.keep, op.last));
  }
  if (op.over_now) tell_done(op, io);
  return tee::Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
