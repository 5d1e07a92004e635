// rx_walk: finds the PDUs of a chunk. Beats pass through; a copy of the last 32 is kept, and in it only the 8
// bytes of each common header are looked up: from one PDU's PLEN straight to the next one's place, about 6
// calls a PDU whatever its length, so the walk is done before the data is. What is known of a PDU that goes
// on in a later chunk of its session is kept in `ctx`.
//
// A broken session (a header that cannot be) says so once; its bytes are skipped until its `end` chunk. A
// peer's TermReq counts as broken with FES 0.
//
// TCP's part: a request's bytes come in its order, all beats of it full but the last.
#ifndef NVTEE_HW_KERNELS_RX_FRAMER_RX_WALK_HPP
#define NVTEE_HW_KERNELS_RX_FRAMER_RX_WALK_HPP

#include "hw/kernels/rx_framer/rx_rules.hpp"
#include "hw/kernels/rx_framer/types.hpp"

namespace nvtee {
namespace card {

typedef ap_uint<512> Wide;

constexpr unsigned kWalkRing = 32;   // beats
constexpr unsigned kWalkAhead = 64;  // the walk begins no chunk when it is further ahead of the beats

// Beats are numbered; a difference is negative when its top bit is set.
typedef ap_uint<9> BeatNo;
NVTEE_TEE_INLINE bool negative(BeatNo x) {
  return x[8];
}

// A PDU that has begun.
struct RxCtx {
  ap_uint<64> ch;  // the first `have` bytes of a common header; of a whole one: all
  Bytes plen, data;
  Bytes at;  // bytes of the PDU that were in earlier chunks
  ap_uint<7> head;
  ap_uint<3> have;
  RxRow row;  // as it was when the header was read
  ap_uint<1> digest;
  ap_uint<1> in_pdu;  // the header has been read
  ap_uint<1> broken;
};

template <class C>
struct RxWalkState {
  enum At { kIdle = 0, kFetch, kFetch2, kShift, kRule, kVerdict, kEmit, kResume, kResumed };
  Wide ring[kWalkRing];
  RxCtx ctx[1u << C::kSessionBits];
  BeatNo put;        // beats that came; wraps
  BeatNo base;       // the first beat of the chunk
  BeatNo next;       // the first beat after it
  ap_uint<13> pos;   // in the chunk
  ap_uint<13> left;  // bytes of the chunk from there on
  ap_uint<4> at;
  SessionIx session;
  RxRow row;
  RxCtx c;
  ap_uint<64> word, word2;
  HeadRule rule;
  HeadVerdict verdict;
  Bytes need;  // bytes of the PDU from `pos` on
  Bytes done;  // kResume: data bytes that were in earlier chunks
};

struct RxWalkIo {
  hls::stream<Chunk>& chunk;
  hls::stream<ReadMeta>& meta;
  hls::stream<NetBeat>& beat;
  hls::stream<Wide>& beats;  // to rx_move: at least 8 deep
  hls::stream<Span>& span;
  hls::stream<RxBack>& back;
};

NVTEE_TEE_INLINE Span span_of(SessionIx session, const RxRow& row, ap_uint<13> n, bool last) {
  Span p = Span();
  p.session = session;
  p.row = row;
  p.n = n;
  p.wleft = 64;
  p.last = last ? 1 : 0;
  return p;
}
// Bytes that nobody wants, to the chunk's end.
NVTEE_TEE_INLINE Span skip_span(SessionIx session, const RxRow& row, ap_uint<13> n) {
  Span p = span_of(session, row, n, true);
  p.skip = 1;
  return p;
}

template <class C>
NVTEE_TEE_INLINE void walk_begin(RxWalkState<C>& s, RxWalkIo& io) {
  typedef RxWalkState<C> S;
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  const Chunk k = io.chunk.read();
  const unsigned at = k.session.to_uint() & kMask;
  const RxCtx c = s.ctx[at];
  const BeatNo after = static_cast<BeatNo>(s.next + static_cast<ap_uint<7>>((k.length + 63) >> 6));
  const bool skip = !k.end && (k.row.role == CardCtl::kOff || c.broken);
  s.session = k.session;
  s.row = k.row;
  s.c = c;
  s.pos = 0;
  s.left = k.length;
  s.base = s.next;
  s.next = after;
  s.at = k.end || skip ? S::kIdle : c.in_pdu ? S::kResume : S::kFetch;
  if (k.end) {
    s.ctx[at] = RxCtx();
    Span p = span_of(k.session, k.row, 0, true);
    p.end = 1;
    io.span.write(p);
  } else if (skip) {
    io.span.write(skip_span(k.session, k.row, k.length));
  }
}

// ---- a common header -------------------------------------------------------------------------------------
// The word of 8 bytes that holds its first byte, and the next one when it is in the same beat.
template <class C>
NVTEE_TEE_INLINE void walk_fetch(RxWalkState<C>& s) {
  typedef RxWalkState<C> S;
  const BeatNo beat = static_cast<BeatNo>(s.base + static_cast<ap_uint<7>>(s.pos >> 6));
  const BeatNo ahead = static_cast<BeatNo>(s.put - beat);
  if (ahead == 0 || negative(ahead)) return;
  const Wide w = s.ring[beat.to_uint() & (kWalkRing - 1)];
  const ap_uint<3> k = static_cast<ap_uint<3>>(s.pos >> 3);
  ap_uint<64> a[8];
  for (unsigned i = 0; i < 8; ++i) {
#pragma HLS UNROLL
    a[i] = w.range(64 * i + 63, 64 * i);
  }
  s.word = a[k.to_uint()];
  s.word2 = a[(k.to_uint() + 1) & 7];
  const ap_uint<3> in = static_cast<ap_uint<3>>(s.pos);
  s.at = k == 7 && in != 0 && s.left > 8u - in.to_uint() ? S::kFetch2 : S::kShift;
}
// ... and when it is in the next beat.
template <class C>
NVTEE_TEE_INLINE void walk_fetch2(RxWalkState<C>& s) {
  typedef RxWalkState<C> S;
  const BeatNo beat = static_cast<BeatNo>(s.base + static_cast<ap_uint<7>>(s.pos >> 6) + 1);
  const BeatNo ahead = static_cast<BeatNo>(s.put - beat);
  if (ahead == 0 || negative(ahead)) return;
  const Wide w = s.ring[beat.to_uint() & (kWalkRing - 1)];
  s.word2 = w.range(63, 0);
  s.at = S::kShift;
}

NVTEE_TEE_INLINE ap_uint<64> low_bytes(const ap_uint<64>& x, ap_uint<4> n) {
  ap_uint<64> out = x;
  for (unsigned i = 0; i < 8; ++i) {
#pragma HLS UNROLL
    if (i >= n) out.range(8 * i + 7, 8 * i) = 0;
  }
  return out;
}

// Joins them with what came in an earlier chunk. Not all there yet: the chunk ends.
template <class C>
NVTEE_TEE_INLINE void walk_shift(RxWalkState<C>& s, hls::stream<Span>& span) {
  typedef RxWalkState<C> S;
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  ap_uint<128> both = 0;
  both.range(63, 0) = s.word;
  both.range(127, 64) = s.word2;
  const ap_uint<64> here = static_cast<ap_uint<64>>(both >> (8 * (s.pos.to_uint() & 7)));
  const ap_uint<3> have = s.c.have;
  const ap_uint<64> ch =
      static_cast<ap_uint<64>>(s.c.ch | static_cast<ap_uint<64>>(here << (8 * have.to_uint())));
  const ap_uint<4> want = static_cast<ap_uint<4>>(8 - have);
  if (s.left >= want) {
    s.c.ch = ch;
    s.at = S::kRule;
    return;
  }
  const ap_uint<3> left = static_cast<ap_uint<3>>(s.left);
  Span p = span_of(s.session, s.row, s.left, true);
  p.fill = have;
  p.wleft = static_cast<ap_uint<7>>(64 - have);
  span.write(p);
  RxCtx c = s.c;
  c.have = static_cast<ap_uint<3>>(have + left);
  c.ch = low_bytes(ch, static_cast<ap_uint<4>>(have + left));
  s.ctx[s.session.to_uint() & kMask] = c;
  s.at = S::kIdle;
}

// The session is lost, and with it the rest of the chunk.
template <class C>
NVTEE_TEE_INLINE void walk_break(RxWalkState<C>& s, RxWalkIo& io) {
  typedef RxWalkState<C> S;
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  RxCtx c = RxCtx();
  c.broken = 1;
  s.ctx[s.session.to_uint() & kMask] = c;
  Span p = skip_span(s.session, s.row, s.left);
  p.broken = 1;
  p.fes = s.verdict.fes;
  p.fei = s.verdict.fei;
  io.span.write(p);
  s.at = S::kIdle;
}

// Where the present span leaves the walk.
template <class C>
NVTEE_TEE_INLINE void walk_on(RxWalkState<C>& s, RxCtx c, bool complete, bool chunk_ends, ap_uint<13> n) {
  typedef RxWalkState<C> S;
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  s.pos = static_cast<ap_uint<13>>(s.pos + n);
  s.left = static_cast<ap_uint<13>>(s.left - n);
  s.c = RxCtx();  // of the next PDU
  if (complete) {
    c = RxCtx();
  } else {
    c.in_pdu = 1;
    c.at = static_cast<Bytes>(c.at + n);
  }
  if (chunk_ends) s.ctx[s.session.to_uint() & kMask] = c;
  s.at = chunk_ends ? S::kIdle : S::kFetch;
}

template <class C>
NVTEE_TEE_INLINE void walk_emit(RxWalkState<C>& s, RxWalkIo& io) {
  const HeadVerdict& v = s.verdict;
  if (s.rule.raw) {
    RxBack b = RxBack();
    b.session = s.session;
    b.left = v.data;
    b.broken = v.bad;
    io.back.write(b);
  }
  if (v.bad) {
    walk_break(s, io);
    return;
  }
  const ap_uint<3> have = s.c.have;
  const bool complete = s.need <= s.left;
  const bool ends = s.need >= s.left;
  const ap_uint<13> n = complete ? static_cast<ap_uint<13>>(s.need) : s.left;
  const bool two = v.head[6];
  Span p = span_of(s.session, s.row, n, ends);
  p.phase = Span::kHead;
  p.fill = have;
  p.wleft = static_cast<ap_uint<7>>((two ? ap_uint<7>(64) : v.head) - have);
  p.head2 = two ? static_cast<ap_uint<4>>(v.head) : ap_uint<4>(0);
  p.full = static_cast<ap_uint<12>>(v.data >> 6);
  p.tail = static_cast<ap_uint<6>>(v.data);
  p.first = 1;
  p.digest = v.digest;
  p.data = v.data;
  io.span.write(p);
  RxCtx c = s.c;
  c.at = have;
  c.row = s.row;
  c.plen = v.plen;
  c.data = v.data;
  c.head = v.head;
  c.digest = v.digest;
  walk_on(s, c, complete, ends, n);
}

// ---- a PDU that began in an earlier chunk ----------------------------------------------------------------
template <class C>
NVTEE_TEE_INLINE void walk_resume(RxWalkState<C>& s) {
  typedef RxWalkState<C> S;
  s.need = static_cast<Bytes>(s.c.plen - s.c.at);
  s.done = static_cast<Bytes>(s.c.at - s.c.head);
  s.at = S::kResumed;
}
// The word that it goes on in.
template <class C>
NVTEE_TEE_INLINE void walk_resumed(RxWalkState<C>& s, hls::stream<Span>& span) {
  const RxCtx c = s.c;
  const bool complete = s.need <= s.left;
  const bool ends = s.need >= s.left;
  const ap_uint<13> n = complete ? static_cast<ap_uint<13>>(s.need) : s.left;
  const bool two = c.head[6];
  const ap_uint<12> words = static_cast<ap_uint<12>>(c.data >> 6);
  const ap_uint<6> tail = static_cast<ap_uint<6>>(c.data);
  const ap_uint<12> word = static_cast<ap_uint<12>>(s.done >> 6);
  const ap_uint<6> in = static_cast<ap_uint<6>>(s.done);
  Span p = span_of(s.session, c.row, n, ends);
  p.head2 = two ? static_cast<ap_uint<4>>(c.head) : ap_uint<4>(0);
  p.full = words;
  p.tail = tail;
  p.first = 1;
  p.digest = c.digest;
  p.data = c.data;
  if (c.at < c.head && c.at < 64) {
    p.phase = Span::kHead;
    p.fill = static_cast<ap_uint<6>>(c.at);
    p.wleft = static_cast<ap_uint<7>>((two ? ap_uint<7>(64) : c.head) - static_cast<ap_uint<6>>(c.at));
  } else if (c.at < c.head) {
    p.phase = Span::kHead2;
    p.fill = static_cast<ap_uint<6>>(static_cast<ap_uint<4>>(c.at));
    p.wleft = static_cast<ap_uint<7>>(static_cast<ap_uint<4>>(c.head) - static_cast<ap_uint<4>>(c.at));
  } else if (s.done < c.data) {
    const bool at_tail = word == words;
    p.phase = Span::kData;
    p.first = word == 0 ? 1 : 0;
    p.fill = in;
    p.wleft = static_cast<ap_uint<7>>((at_tail ? ap_uint<7>(tail) : ap_uint<7>(64)) - in);
    p.full = at_tail ? ap_uint<12>(0) : static_cast<ap_uint<12>>(words - word - 1);
    p.tail = at_tail ? ap_uint<6>(0) : tail;
  } else {
    p.phase = Span::kDigest;
    p.fill = static_cast<ap_uint<6>>(s.done - c.data);
    p.wleft = static_cast<ap_uint<7>>(s.need);
  }
  span.write(p);
  walk_on(s, c, complete, ends, n);
}

template <class C>
NVTEE_TEE_INLINE Step walk_move(RxWalkState<C>& s, RxWalkIo& io) {
  typedef RxWalkState<C> S;
  if (io.span.full() || io.back.full()) return Step::kBlocked;
  const BeatNo ahead = static_cast<BeatNo>(s.next - s.put);
  switch (s.at.to_uint()) {
    case S::kIdle:
      if (io.chunk.empty() || (!negative(ahead) && ahead > kWalkAhead)) return Step::kIdle;
      walk_begin(s, io);
      break;
    case S::kFetch:
      walk_fetch(s);
      return s.at == S::kFetch ? Step::kIdle : Step::kMoved;
    case S::kFetch2:
      walk_fetch2(s);
      return s.at == S::kFetch2 ? Step::kIdle : Step::kMoved;
    case S::kShift:
      walk_shift(s, io.span);
      break;
    case S::kRule:
      s.rule = head_rule(s.c.ch, s.row);
      s.at = S::kVerdict;
      break;
    case S::kVerdict:
      s.verdict = head_verdict(s.rule);
      s.need = static_cast<Bytes>(static_cast<Bytes>(s.rule.plen) - s.c.have);
      s.at = S::kEmit;
      break;
    case S::kEmit:
      walk_emit(s, io);
      break;
    case S::kResume:
      walk_resume(s);
      break;
    default:
      walk_resumed(s, io.span);
      break;
  }
  return Step::kMoved;
}

template <class C>
NVTEE_TEE_INLINE Step rx_walk_step(RxWalkState<C>& s, RxWalkIo& io) {
  // Beats that the walk has not passed yet must stay in the ring.
  const BeatNo from = s.at == RxWalkState<C>::kIdle
                          ? s.next
                          : static_cast<BeatNo>(s.base + static_cast<ap_uint<7>>(s.pos >> 6));
  const BeatNo kept = static_cast<BeatNo>(s.put - from);
  const bool room = negative(kept) || kept < kWalkRing;
  const bool take = room && !io.beat.empty() && !io.beats.full();
  const Step moved = walk_move(s, io);
  if (!io.meta.empty()) io.meta.read();
  if (!take) return moved;
  const NetBeat b = io.beat.read();
  s.ring[s.put.to_uint() & (kWalkRing - 1)] = b.data;
  s.put = static_cast<BeatNo>(s.put + 1);
  io.beats.write(b.data);
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
