// rx_walk: finds the PDUs of a chunk. Beats pass through; a copy of the last 32 is kept, and in it only the 8
// bytes of each common header are looked up: from one PDU's PLEN straight to the next one's place, 6 calls a
// PDU whatever its length, so the walk is done before the data is. Of a chunk that begins with a PDU the
// header is looked at in the call that takes it, if it is there: 4 calls, since small PDUs of many sessions
// come in a chunk each. What is known of a PDU that goes on in a later chunk of its session is kept in `ctx`.
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

constexpr unsigned kWalkRing = 32;  // beats

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
  enum At { kIdle = 0, kLook, kFetch, kFetch2, kShift, kPart, kRule, kPlen, kEmit, kResume, kFit, kResumed };
  Wide ring[kWalkRing];
  RxCtx ctx[1u << C::kSessionBits];
  BeatNo put;        // beats that came; wraps
  BeatNo next;       // the first beat after the chunk
  ap_uint<15> pos;   // a byte: number of its beat, place in it
  ap_uint<13> left;  // bytes of the chunk from there on
  ap_uint<4> at;
  SessionIx session;
  RxRow row;
  RxCtx c;
  ap_uint<64> word, word2;
  HeadRule rule;
  HeadVerdict verdict;
  ap_uint<3> have_after;     // kPart
  Bytes limit;               // bytes of the PDU that could be in the chunk
  ap_uint<1> complete;       // the PDU ends in this chunk
  ap_uint<1> ends;           // nothing of the chunk is left after it
  ap_uint<1> two;            // kFetch: the header's 8 bytes are in two beats
  ap_uint<1> fresh;          // kFetch: they are the first ones of the chunk, all of them
  BeatNo beat;               // kLook, kFetch: the one that `pos` is in; from kRule on, and kIdle: `next`
  ap_uint<5> look;           // where it is in the ring; kFetch2: where the next one is
  ap_uint<1> there, there2;  // it has come, and the next one too: as of the call before
  BeatNo from;               // it, or `next`: an older one is not needed any more
  ap_uint<1> room;           // for beats; from two calls ago, so with some to spare
  ap_uint<1> near;           // the walk is at most 64 beats ahead and may begin a chunk: of the call before
  Bytes need;                // bytes of the PDU from `pos` on
  Bytes done;                // kResume: data bytes that were in earlier chunks
};

struct RxWalkIo {
  hls::stream<Chunk>& chunk;
  hls::stream<ReadMeta>& meta;
  hls::stream<NetBeat>& beat;
  hls::stream<Wide>& beats;  // to rx_move: at least 8 deep
  hls::stream<Span>& span;
  hls::stream<RxBack>& back;
};

// What a call says and keeps: one span and one row of `ctx`.
struct WalkOut {
  Span span;
  RxCtx ctx;
  SessionIx session;
  bool say, keep;
  bool awaits;  // what is known of `beat` is of another one
};
NVTEE_TEE_INLINE void walk_say(WalkOut& o, const Span& p) {
  o.span = p;
  o.say = true;
}
NVTEE_TEE_INLINE void walk_keep(WalkOut& o, const RxCtx& c) {
  o.ctx = c;
  o.keep = true;
}

NVTEE_TEE_INLINE Span span_of(SessionIx session, const RxRow& row, ap_uint<13> n, bool last) {
  Span p = Span();
  p.session = session;
  p.row = row;
  p.more = static_cast<ap_uint<12>>(n - 1);
  p.want = 63;
  p.last = last ? 1 : 0;
  return p;
}
// Bytes that nobody wants, to the chunk's end.
NVTEE_TEE_INLINE Span skip_span(SessionIx session, const RxRow& row, ap_uint<13> n) {
  Span p = span_of(session, row, n, true);
  p.skip = 1;
  return p;
}

// The beat that the next chunk begins with is looked for from here on.
template <class C>
NVTEE_TEE_INLINE void walk_await(RxWalkState<C>& s, WalkOut& o) {
  s.beat = s.next;
  s.look = static_cast<ap_uint<5>>(s.next);
  o.awaits = true;
}

template <class C>
NVTEE_TEE_INLINE void walk_begin(RxWalkState<C>& s, RxWalkIo& io, WalkOut& o) {
  typedef RxWalkState<C> S;
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  const Chunk k = io.chunk.read();
  const unsigned at = k.session.to_uint() & kMask;
  const RxCtx c = s.ctx[at];
  const BeatNo after = static_cast<BeatNo>(s.next + k.beats);
  const bool skip = !k.end && (k.row.role == CardCtl::kOff || c.broken);
  const bool fresh = c.have == 0 && (k.length >> 3) != 0;
  const bool now = fresh && s.there;
  const Wide w = s.ring[s.look.to_uint()];
  s.session = k.session;
  s.row = k.row;
  s.c = c;
  if (now) s.c.ch = w.range(63, 0);
  s.pos = static_cast<ap_uint<15>>(static_cast<ap_uint<15>>(s.next) << 6);
  s.left = k.length;
  s.limit = k.length;
  s.next = after;
  s.two = 0;
  s.fresh = fresh ? 1 : 0;
  s.at = k.end || skip ? S::kIdle : c.in_pdu ? S::kResume : now ? S::kRule : S::kFetch;
  if (k.end || skip) walk_await(s, o);
  if (k.end) {
    walk_keep(o, RxCtx());
    o.session = k.session;
    Span p = span_of(k.session, k.row, 1, true);
    p.end = 1;
    walk_say(o, p);
  } else if (skip) {
    walk_say(o, skip_span(k.session, k.row, k.length));
  }
}

// ---- a common header -------------------------------------------------------------------------------------
// The word of 8 bytes that holds its first byte, and the next one when it is in the same beat.
template <class C>
NVTEE_TEE_INLINE void walk_fetch(RxWalkState<C>& s) {
  typedef RxWalkState<C> S;
  const Wide w = s.ring[s.look.to_uint()];
  const ap_uint<3> k = static_cast<ap_uint<3>>(s.pos >> 3);
  ap_uint<64> a[8];
  for (unsigned i = 0; i < 8; ++i) {
#pragma HLS UNROLL
    a[i] = w.range(64 * i + 63, 64 * i);
  }
  s.word = a[k.to_uint()];
  s.word2 = a[(k.to_uint() + 1) & 7];
  if (s.fresh) s.c.ch = w.range(63, 0);
  const ap_uint<4> after = s.fresh ? S::kRule : s.two ? S::kFetch2 : S::kShift;
  if (s.there) s.look = static_cast<ap_uint<5>>(s.look + 1);
  s.at = s.there ? after : ap_uint<4>(S::kFetch);
}
// ... and when it is in the next beat.
template <class C>
NVTEE_TEE_INLINE void walk_fetch2(RxWalkState<C>& s) {
  typedef RxWalkState<C> S;
  const Wide w = s.ring[s.look.to_uint()];
  s.word2 = w.range(63, 0);
  s.at = s.there2 ? ap_uint<4>(S::kShift) : ap_uint<4>(S::kFetch2);
}

NVTEE_TEE_INLINE ap_uint<64> low_bytes(const ap_uint<64>& x, ap_uint<4> n) {
  ap_uint<64> out = x;
  for (unsigned i = 0; i < 8; ++i) {
#pragma HLS UNROLL
    if (i >= n) out.range(8 * i + 7, 8 * i) = 0;
  }
  return out;
}

// Joins them with what came in an earlier chunk.
template <class C>
NVTEE_TEE_INLINE void walk_shift(RxWalkState<C>& s) {
  typedef RxWalkState<C> S;
  ap_uint<128> both = 0;
  both.range(63, 0) = s.word;
  both.range(127, 64) = s.word2;
  const ap_uint<3> have = s.c.have;
  const ap_uint<4> sum = static_cast<ap_uint<4>>(ap_uint<4>(have) + static_cast<ap_uint<3>>(s.left));
  const bool enough = (s.left >> 3) != 0 || sum[3];
  // Something from an earlier chunk: then these bytes begin the chunk, and only need to go up. Else only
  // down.
  const ap_uint<64> down = static_cast<ap_uint<64>>(both >> (8 * (s.pos.to_uint() & 7)));
  const ap_uint<64> up = static_cast<ap_uint<64>>(s.word << (8 * have.to_uint()));
  s.c.ch = have == 0 ? down : static_cast<ap_uint<64>>(s.c.ch | up);
  s.have_after = static_cast<ap_uint<3>>(sum);
  s.limit = static_cast<ap_uint<14>>(ap_uint<14>(s.left) + have);
  s.at = enough ? S::kRule : S::kPart;
}
// Not all there yet: the chunk ends.
template <class C>
NVTEE_TEE_INLINE void walk_part(RxWalkState<C>& s, WalkOut& o) {
  typedef RxWalkState<C> S;
  Span p = span_of(s.session, s.row, s.left, true);
  p.fill = s.c.have;
  p.want = static_cast<ap_uint<6>>(63 - s.c.have);
  walk_say(o, p);
  RxCtx c = s.c;
  c.have = s.have_after;
  c.ch = low_bytes(s.c.ch, s.have_after);
  walk_keep(o, c);
  walk_await(s, o);
  s.at = S::kIdle;
}

// The session is lost, and with it the rest of the chunk.
template <class C>
NVTEE_TEE_INLINE void walk_break(RxWalkState<C>& s, WalkOut& o) {
  typedef RxWalkState<C> S;
  RxCtx c = RxCtx();
  c.broken = 1;
  walk_keep(o, c);
  Span p = skip_span(s.session, s.row, s.left);
  p.broken = 1;
  const HeadError e = head_error(s.rule, s.verdict);
  p.fes = e.fes;
  p.fei = e.fei;
  walk_say(o, p);
  s.at = S::kIdle;
}

template <class C>
NVTEE_TEE_INLINE void walk_rule(RxWalkState<C>& s, WalkOut& o) {
  s.rule = head_rule(s.c.ch, s.row);
  walk_await(s, o);
  s.at = RxWalkState<C>::kPlen;
}
template <class C>
NVTEE_TEE_INLINE void walk_plen(RxWalkState<C>& s) {
  s.verdict = head_verdict(s.rule);
  s.need = static_cast<Bytes>(static_cast<Bytes>(s.rule.plen) - s.c.have);
  s.complete = static_cast<Bytes>(s.rule.plen) <= s.limit ? 1 : 0;
  s.ends = static_cast<Bytes>(s.rule.plen) >= s.limit ? 1 : 0;
  s.at = RxWalkState<C>::kEmit;
}

// How a span's end meets the chunk's.
struct WalkEnd {
  bool complete, ends;
  ap_uint<13> n;
};
template <class C>
NVTEE_TEE_INLINE WalkEnd walk_end(const RxWalkState<C>& s) {
  WalkEnd e;
  e.complete = s.complete;
  e.ends = s.ends;
  e.n = e.complete ? static_cast<ap_uint<13>>(s.need) : s.left;
  return e;
}

// Where the present span leaves the walk.
template <class C>
NVTEE_TEE_INLINE void walk_on(RxWalkState<C>& s, const RxCtx& pdu, const WalkEnd& e, WalkOut& o) {
  typedef RxWalkState<C> S;
  RxCtx c = pdu;
  c.in_pdu = 1;
  c.at = s.limit;
  if (e.complete) c = RxCtx();
  // Past the chunk's end nobody looks at these two.
  const ap_uint<15> pos = static_cast<ap_uint<15>>(s.pos + static_cast<ap_uint<13>>(s.need));
  s.pos = pos;
  s.left = static_cast<ap_uint<13>>(s.left - static_cast<ap_uint<13>>(s.need));
  s.c = RxCtx();  // of the next PDU
  s.fresh = 0;
  if (e.ends) {
    walk_keep(o, c);
  } else {
    s.beat = static_cast<BeatNo>(pos >> 6);
    s.look = static_cast<ap_uint<5>>(pos >> 6);
  }
  s.at = e.ends ? S::kIdle : S::kLook;
}

template <class C>
NVTEE_TEE_INLINE void walk_emit(RxWalkState<C>& s, hls::stream<RxBack>& back, WalkOut& o) {
  const HeadVerdict v = s.verdict;
  const bool bad = head_bad(s.rule, v);
  if (s.rule.raw) {
    RxBack b = RxBack();
    b.session = s.session;
    b.left = v.data;
    b.broken = bad ? 1 : 0;
    back.write(b);
  }
  if (bad) {
    walk_break(s, o);
    return;
  }
  const ap_uint<3> have = s.c.have;
  const WalkEnd e = walk_end(s);
  const bool two = v.head[6];
  Span p = span_of(s.session, s.row, e.n, e.ends);
  p.phase = Span::kHead;
  p.fill = have;
  p.want = static_cast<ap_uint<6>>((two ? ap_uint<7>(64) : v.head) - have - 1);
  p.two = two ? 1 : 0;
  p.want2 = static_cast<ap_uint<4>>(static_cast<ap_uint<4>>(v.head) - 1);
  p.full = static_cast<ap_uint<12>>(v.data >> 6);
  p.tail = static_cast<ap_uint<6>>(v.data) != 0 ? 1 : 0;
  p.want_tail = static_cast<ap_uint<6>>(static_cast<ap_uint<6>>(v.data) - 1);
  p.first = 1;
  p.digest = v.digest;
  p.data = v.data;
  walk_say(o, p);
  RxCtx c = s.c;
  c.at = have;
  c.row = s.row;
  c.plen = v.plen;
  c.data = v.data;
  c.head = v.head;
  c.digest = v.digest;
  walk_on(s, c, e, o);
}

// ---- a PDU that began in an earlier chunk ----------------------------------------------------------------
template <class C>
NVTEE_TEE_INLINE void walk_resume(RxWalkState<C>& s, WalkOut& o) {
  typedef RxWalkState<C> S;
  walk_await(s, o);
  s.need = static_cast<Bytes>(s.c.plen - s.c.at);
  s.done = static_cast<Bytes>(s.c.at - s.c.head);
  s.at = S::kFit;
}
template <class C>
NVTEE_TEE_INLINE void walk_fit(RxWalkState<C>& s) {
  s.complete = s.need <= s.left ? 1 : 0;
  s.ends = s.need >= s.left ? 1 : 0;
  s.limit = static_cast<Bytes>(s.c.at + s.left);
  s.at = RxWalkState<C>::kResumed;
}
// The word that it goes on in.
template <class C>
NVTEE_TEE_INLINE void walk_resumed(RxWalkState<C>& s, WalkOut& o) {
  const RxCtx c = s.c;
  const WalkEnd e = walk_end(s);
  const bool two = c.head[6];
  const ap_uint<12> words = static_cast<ap_uint<12>>(c.data >> 6);
  const ap_uint<6> tail = static_cast<ap_uint<6>>(c.data);
  const ap_uint<12> word = static_cast<ap_uint<12>>(s.done >> 6);
  const ap_uint<6> in = static_cast<ap_uint<6>>(s.done);
  Span p = span_of(s.session, c.row, e.n, e.ends);
  p.two = two ? 1 : 0;
  p.want2 = static_cast<ap_uint<4>>(static_cast<ap_uint<4>>(c.head) - 1);
  p.full = words;
  p.tail = tail != 0 ? 1 : 0;
  p.want_tail = static_cast<ap_uint<6>>(tail - 1);
  p.first = 1;
  p.digest = c.digest;
  p.data = c.data;
  if (c.at < c.head && c.at < 64) {
    p.phase = Span::kHead;
    p.fill = static_cast<ap_uint<6>>(c.at);
    p.want = static_cast<ap_uint<6>>((two ? ap_uint<7>(64) : c.head) - static_cast<ap_uint<6>>(c.at) - 1);
  } else if (c.at < c.head) {
    p.phase = Span::kHead2;
    p.fill = static_cast<ap_uint<6>>(static_cast<ap_uint<4>>(c.at));
    p.want = static_cast<ap_uint<6>>(static_cast<ap_uint<4>>(c.head) - static_cast<ap_uint<4>>(c.at) - 1);
  } else if (s.done < c.data) {
    const bool at_tail = word == words;
    p.phase = Span::kData;
    p.first = word == 0 ? 1 : 0;
    p.fill = in;
    p.want = static_cast<ap_uint<6>>((at_tail ? ap_uint<7>(tail) : ap_uint<7>(64)) - in - 1);
    p.full = at_tail ? ap_uint<12>(0) : static_cast<ap_uint<12>>(words - word - 1);
    if (at_tail) p.tail = 0;
  } else {
    p.phase = Span::kDigest;
    p.fill = static_cast<ap_uint<6>>(s.done - c.data);
    p.want = static_cast<ap_uint<6>>(s.need - 1);
  }
  walk_say(o, p);
  walk_on(s, c, e, o);
}

// Do the header's 8 bytes go on into the next beat? Meanwhile it is seen whether the first one has come.
template <class C>
NVTEE_TEE_INLINE void walk_look(RxWalkState<C>& s) {
  typedef RxWalkState<C> S;
  const ap_uint<6> in = static_cast<ap_uint<6>>(s.pos);
  // More than 8 bytes from the last word's begin on?
  const ap_uint<3> skip = static_cast<ap_uint<3>>(in);
  const ap_uint<5> sum = static_cast<ap_uint<5>>(ap_uint<5>(static_cast<ap_uint<4>>(s.left)) + skip);
  const bool more = (s.left >> 4) != 0 || sum[4] || (sum[3] && (sum & 7) != 0);
  s.two = (in >> 3) == 7 && skip != 0 && more ? 1 : 0;
  s.at = S::kFetch;
}

// One of these a call. True: another beat is looked for.
template <class C>
NVTEE_TEE_INLINE bool walk_move(RxWalkState<C>& s, RxWalkIo& io) {
  typedef RxWalkState<C> S;
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  WalkOut o = WalkOut();
  o.session = s.session;
  const bool go = !io.span.full() && !io.back.full();
  const ap_uint<4> at = go ? s.at : ap_uint<4>(15);
  switch (at.to_uint()) {
    case S::kIdle:
      if (!io.chunk.empty() && s.near) walk_begin(s, io, o);
      break;
    case S::kLook:
      walk_look(s);
      break;
    case S::kFetch:
      walk_fetch(s);
      break;
    case S::kFetch2:
      walk_fetch2(s);
      break;
    case S::kShift:
      walk_shift(s);
      break;
    case S::kPart:
      walk_part(s, o);
      break;
    case S::kRule:
      walk_rule(s, o);
      break;
    case S::kPlen:
      walk_plen(s);
      break;
    case S::kEmit:
      walk_emit(s, io.back, o);
      break;
    case S::kResume:
      walk_resume(s, o);
      break;
    case S::kFit:
      walk_fit(s);
      break;
    case S::kResumed:
      walk_resumed(s, o);
      break;
    default:
      break;
  }
  if (o.say) io.span.write(o.span);
  if (o.keep) s.ctx[o.session.to_uint() & kMask] = o.ctx;
  return o.awaits;
}

template <class C>
NVTEE_TEE_INLINE Step rx_walk_step(RxWalkState<C>& s, RxWalkIo& io) {
  const bool take = s.room && !io.beat.empty() && !io.beats.full();
  // The walk begins no chunk when it is more than 64 beats ahead (numbers of beats must not wrap), and beats
  // that it has not passed yet must stay in the ring. Both sides of the difference only grow, and
  // what is seen here is a few calls old: half of the ring is for that.
  const BeatNo kept = static_cast<BeatNo>(s.put - s.from);
  const BeatNo ahead = static_cast<BeatNo>(s.next - s.put);
  const BeatNo at = static_cast<BeatNo>(s.pos >> 6);
  const ap_uint<1> room = negative(kept) || (kept >> 4) == 0 ? 1 : 0;
  const ap_uint<1> near = negative(ahead) || (ahead >> 6) == 0 ? 1 : 0;
  const BeatNo from = s.at == RxWalkState<C>::kIdle ? s.next : at;
  const BeatNo beyond = static_cast<BeatNo>(s.put - s.beat);
  const bool there = beyond != 0 && !negative(beyond);
  const BeatNo put = s.put;
  if (!io.meta.empty()) io.meta.read();
  if (take) {
    const NetBeat b = io.beat.read();
    s.ring[put.to_uint() & (kWalkRing - 1)] = b.data;
    s.put = static_cast<BeatNo>(put + 1);
    io.beats.write(b.data);
  }
  const bool awaits = walk_move(s, io);
  s.there = there && !awaits ? 1 : 0;
  s.there2 = there && (beyond >> 1) != 0 ? 1 : 0;
  s.room = room;
  s.near = near;
  s.from = from;
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
