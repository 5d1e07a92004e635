// rx_walk: finds the PDUs of a chunk. Beats pass through; a copy of the last 32 is kept, and in it only the 8
// bytes of each common header are looked up: from one PDU's PLEN straight to the next one's place, 4 calls a
// PDU whatever its length, so the walk is done before the data is. Small PDUs of many sessions come in a
// chunk each: the call that is done with a chunk's last PDU begins the next chunk too, and with a PDU that
// begins the chunk its header is looked at in the call that takes the chunk, if it is there: 3 calls. What is
// known of a PDU that goes on in a later chunk of its session is kept in `ctx`.
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
  enum At {
    kIdle = 0,
    kFirst,
    kFetch,
    kFetch2,
    kJoin,
    kPart,
    kRule,
    kPlen,
    kEmit,
    kResume,
    kFit,
    kResumed,
    kSkip,
    kEnd
  };
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
  ap_uint<64> word;  // kJoin
  HeadRule rule;
  HeadVerdict verdict;
  ap_uint<3> have_after;  // kPart
  Bytes limit;            // bytes of the PDU that could be in the chunk
  ap_uint<1> complete;    // the PDU ends in this chunk
  ap_uint<1> ends;        // nothing of the chunk is left after it
  ap_uint<1> two;         // kFetch: the header's 8 bytes are in two beats
  ap_uint<1> enough;      // kFetch: the chunk has 8 bytes
  BeatNo beat;            // kFetch: the one that `pos` is in; from kPlen on: that of `pos_after`
  ap_uint<5> look;        // where in the ring: kFetch: of `beat`; kFetch2: of the one after; else: of `next`
  ap_uint<1> there, there2;  // kFetch, kFetch2: `beat` has come, and the one after too
  ap_uint<1> due;            // kFetch: it is the one that comes next
  ap_uint<1> there_next;     // `next` has come; as of the last call
  BeatNo from;               // an older beat is not needed any more
  ap_uint<1> room;           // for beats; from two calls ago, so with some to spare
  ap_uint<1> near;           // the walk is at most 64 beats ahead and may begin a chunk: of the call before
  Bytes need;                // bytes of the PDU from `pos` on
  Bytes done;                // kResume: data bytes that were in earlier chunks
  ap_uint<15> base;          // kPlen: the PDU's first byte, were it all in this chunk
  ap_uint<15> pos_after;     // kEmit, kResumed: where the next PDU begins,
  ap_uint<13> left_after;    // and what is left then; looked at only when this one does not end the chunk
  Chunk k;                   // the next one
  ap_uint<1> has;
};

struct RxWalkIo {
  hls::stream<Chunk>& chunk;
  hls::stream<ReadMeta>& meta;
  hls::stream<NetBeat>& beat;
  hls::stream<Wide>& beats;  // to rx_move: at least 8 deep
  hls::stream<Span>& span;
  hls::stream<RxBack>& back;
};

// Seen from a beat: has it come, and the one after it? Is it the one that comes next?
struct WalkSight {
  bool there, there2, due;
};
// `beyond`: beats that came, counted from it; and one more when one is taken right now.
NVTEE_TEE_INLINE WalkSight walk_sight(BeatNo beyond, bool take) {
  const bool none = beyond == 0, before = negative(beyond);
  WalkSight x;
  x.there = !before && (take || !none);
  x.there2 = !before && (take ? !none : (beyond >> 1) != 0);
  x.due = take ? static_cast<BeatNo>(~beyond) == 0 : none;
  return x;
}

// What a call says and keeps: one span and one row of `ctx`.
struct WalkOut {
  Span span;
  RxCtx ctx;
  SessionIx session;
  bool say, keep;
  bool begins;  // a chunk: `next` is another one now, and `beat` is what `next` was
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
NVTEE_TEE_INLINE void walk_await(RxWalkState<C>& s) {
  s.look = static_cast<ap_uint<5>>(s.next);
}

// Begins the next chunk. `same`: it is of the session whose row of `ctx` this very call clears, or, `bad`,
// says of that it is broken.
template <class C>
NVTEE_TEE_INLINE void walk_begin(RxWalkState<C>& s, bool same, bool bad, const Wide& w, WalkOut& o) {
  typedef RxWalkState<C> S;
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  const Chunk k = s.k;
  RxCtx c = s.ctx[k.session.to_uint() & kMask];
  if (same) c = RxCtx();
  const BeatNo after = static_cast<BeatNo>(s.next + k.beats);
  const bool skip = k.row.role == CardCtl::kOff || c.broken || (same && bad);
  const bool long_enough = (k.length >> 3) != 0;
  const bool now = c.have == 0 && long_enough && s.there_next;
  s.session = k.session;
  s.row = k.row;
  s.c = c;
  if (now) s.c.ch = w.range(63, 0);
  s.pos = static_cast<ap_uint<15>>(static_cast<ap_uint<15>>(s.next) << 6);
  s.left = k.length;
  s.limit = k.length;
  s.beat = s.next;
  s.next = after;
  s.enough = long_enough ? 1 : 0;
  s.at = k.end ? S::kEnd : skip ? S::kSkip : c.in_pdu ? S::kResume : now ? S::kRule : S::kFirst;
  o.begins = true;
}
// The chunk is a session's end, or its bytes are not wanted.
template <class C>
NVTEE_TEE_INLINE void walk_end_said(RxWalkState<C>& s, WalkOut& o) {
  walk_keep(o, RxCtx());
  Span p = span_of(s.session, s.row, 1, true);
  p.end = 1;
  walk_say(o, p);
  walk_await(s);
  s.at = RxWalkState<C>::kIdle;
}
template <class C>
NVTEE_TEE_INLINE void walk_skip(RxWalkState<C>& s, WalkOut& o) {
  walk_say(o, skip_span(s.session, s.row, s.left));
  walk_await(s);
  s.at = RxWalkState<C>::kIdle;
}

// ---- a common header -------------------------------------------------------------------------------------
// 8 bytes of a beat from byte `at` on; 0 beyond its end.
NVTEE_TEE_INLINE ap_uint<64> eight_bytes(const Wide& w, ap_uint<6> at) {
  ap_uint<184> a[4];
  for (unsigned i = 0; i < 4; ++i) {
#pragma HLS UNROLL
    a[i] = static_cast<ap_uint<184>>(w >> (128 * i));
  }
  const ap_uint<184> coarse = a[static_cast<ap_uint<2>>(at >> 4).to_uint()];
  ap_uint<88> b[4];
  for (unsigned i = 0; i < 4; ++i) {
#pragma HLS UNROLL
    b[i] = static_cast<ap_uint<88>>(coarse >> (32 * i));
  }
  const ap_uint<88> middle = b[static_cast<ap_uint<2>>(at >> 2).to_uint()];
  ap_uint<64> c[4];
  for (unsigned i = 0; i < 4; ++i) {
#pragma HLS UNROLL
    c[i] = static_cast<ap_uint<64>>(middle >> (8 * i));
  }
  return c[static_cast<ap_uint<2>>(at).to_uint()];
}

// The chunk's first bytes. The beat that comes right now may be the one.
template <class C>
NVTEE_TEE_INLINE void walk_first(RxWalkState<C>& s, const Wide& w, bool take, const Wide& coming) {
  typedef RxWalkState<C> S;
  const bool now = s.due && take;
  const bool whole = s.c.have == 0;
  const ap_uint<64> word = now ? static_cast<ap_uint<64>>(coming) : static_cast<ap_uint<64>>(w);
  s.word = word;
  if (whole) s.c.ch = word;
  s.have_after = static_cast<ap_uint<3>>(s.left);
  if (s.there || now) s.at = !whole ? S::kJoin : s.enough ? S::kRule : S::kPart;
}
// The 8 bytes of a later PDU, or what the beat has of them.
template <class C>
NVTEE_TEE_INLINE void walk_fetch(RxWalkState<C>& s, const Wide& w) {
  typedef RxWalkState<C> S;
  s.c.ch = eight_bytes(w, static_cast<ap_uint<6>>(s.pos));
  s.have_after = static_cast<ap_uint<3>>(s.left);
  if (!s.there) return;
  s.look = static_cast<ap_uint<5>>(s.look + 1);
  s.at = s.two ? S::kFetch2 : s.enough ? S::kRule : S::kPart;
}
// ... and what the next beat has of them. They are no chunk's first ones.
template <class C>
NVTEE_TEE_INLINE void walk_fetch2(RxWalkState<C>& s, const Wide& w) {
  typedef RxWalkState<C> S;
  const ap_uint<3> in = static_cast<ap_uint<3>>(s.pos);
  const ap_uint<64> rest = static_cast<ap_uint<64>>(w);
  const ap_uint<3> gap = static_cast<ap_uint<3>>(8 - in);  // never 0: then they are in one beat
  const ap_uint<64> up = static_cast<ap_uint<64>>(rest << (8 * gap.to_uint()));
  if (!s.there2) return;
  s.c.ch = static_cast<ap_uint<64>>(s.c.ch | up);
  s.at = s.enough ? S::kRule : S::kPart;
}

NVTEE_TEE_INLINE ap_uint<64> low_bytes(const ap_uint<64>& x, ap_uint<4> n) {
  ap_uint<64> out = x;
  for (unsigned i = 0; i < 8; ++i) {
#pragma HLS UNROLL
    if (i >= n) out.range(8 * i + 7, 8 * i) = 0;
  }
  return out;
}

// The chunk's first bytes behind those that came in an earlier chunk.
template <class C>
NVTEE_TEE_INLINE void walk_join(RxWalkState<C>& s) {
  typedef RxWalkState<C> S;
  const ap_uint<3> have = s.c.have;
  const ap_uint<4> sum = static_cast<ap_uint<4>>(ap_uint<4>(have) + static_cast<ap_uint<3>>(s.left));
  const ap_uint<64> up = static_cast<ap_uint<64>>(s.word << (8 * have.to_uint()));
  s.c.ch = static_cast<ap_uint<64>>(s.c.ch | up);
  s.have_after = static_cast<ap_uint<3>>(sum);
  s.limit = static_cast<ap_uint<14>>(ap_uint<14>(s.left) + have);
  s.at = s.enough || sum[3] ? S::kRule : S::kPart;
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
  walk_await(s);
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
NVTEE_TEE_INLINE void walk_rule(RxWalkState<C>& s) {
  s.rule = head_rule(s.c.ch, s.row);
  s.base = static_cast<ap_uint<15>>(s.pos - s.c.have);
  s.at = RxWalkState<C>::kPlen;
}
template <class C>
NVTEE_TEE_INLINE void walk_to(RxWalkState<C>& s, ap_uint<15> pos) {
  s.pos_after = pos;
  s.beat = static_cast<BeatNo>(pos >> 6);
  walk_await(s);
}
template <class C>
NVTEE_TEE_INLINE void walk_plen(RxWalkState<C>& s) {
  const Bytes plen = static_cast<Bytes>(s.rule.plen);
  s.verdict = head_verdict(s.rule);
  s.need = static_cast<Bytes>(plen - s.c.have);
  s.complete = plen <= s.limit ? 1 : 0;
  s.ends = plen >= s.limit ? 1 : 0;
  walk_to(s, static_cast<ap_uint<15>>(s.base + static_cast<ap_uint<13>>(plen)));
  s.left_after = static_cast<ap_uint<13>>(s.limit - plen);
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

// Do the 8 bytes at `pos` go on into the next beat, where the chunk has `left` from there on?
NVTEE_TEE_INLINE bool in_two(ap_uint<15> pos, ap_uint<13> left) {
  const ap_uint<6> in = static_cast<ap_uint<6>>(pos);
  // More than 8 bytes from the last word's begin on?
  const ap_uint<3> skip = static_cast<ap_uint<3>>(in);
  const ap_uint<5> sum = static_cast<ap_uint<5>>(ap_uint<5>(static_cast<ap_uint<4>>(left)) + skip);
  const bool more = (left >> 4) != 0 || sum[4] || (sum[3] && (sum & 7) != 0);
  return (in >> 3) == 7 && skip != 0 && more;
}

// Where the present span leaves the walk.
template <class C>
NVTEE_TEE_INLINE void walk_on(RxWalkState<C>& s, const RxCtx& pdu, const WalkEnd& e, WalkOut& o) {
  typedef RxWalkState<C> S;
  RxCtx c = pdu;
  c.in_pdu = 1;
  c.at = s.limit;
  if (e.complete) c = RxCtx();
  // Past the chunk's end nobody looks at these.
  s.pos = s.pos_after;
  s.left = s.left_after;
  s.limit = s.left_after;
  s.two = in_two(s.pos_after, s.left_after) ? 1 : 0;
  s.enough = (s.left_after >> 3) != 0 ? 1 : 0;
  s.c = RxCtx();  // of the next PDU
  if (e.ends) {
    walk_keep(o, c);
  } else {
    s.look = static_cast<ap_uint<5>>(s.beat);
  }
  s.at = e.ends ? S::kIdle : S::kFetch;
}

template <class C>
NVTEE_TEE_INLINE bool walk_emit(RxWalkState<C>& s, hls::stream<RxBack>& back, WalkOut& o) {
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
    return true;
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
  return false;
}

// ---- a PDU that began in an earlier chunk ----------------------------------------------------------------
template <class C>
NVTEE_TEE_INLINE void walk_resume(RxWalkState<C>& s) {
  s.need = static_cast<Bytes>(s.c.plen - s.c.at);
  s.done = static_cast<Bytes>(s.c.at - s.c.head);
  s.at = RxWalkState<C>::kFit;
}
template <class C>
NVTEE_TEE_INLINE void walk_fit(RxWalkState<C>& s) {
  s.complete = s.need <= s.left ? 1 : 0;
  s.ends = s.need >= s.left ? 1 : 0;
  s.limit = static_cast<Bytes>(s.c.at + s.left);
  walk_to(s, static_cast<ap_uint<15>>(s.pos + static_cast<ap_uint<13>>(s.need)));
  s.left_after = static_cast<ap_uint<13>>(s.left - static_cast<ap_uint<13>>(s.need));
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

// One of these a call. The call that is done with a chunk begins the next one, when that is there: `s.k`.
template <class C>
NVTEE_TEE_INLINE void walk_move(RxWalkState<C>& s, bool go, bool take, const Wide& coming, RxWalkIo& io,
                                WalkOut& o) {
  typedef RxWalkState<C> S;
  const Wide w = s.ring[s.look.to_uint()];
  const ap_uint<4> at = go ? s.at : ap_uint<4>(15);
  const bool more = s.has && s.near;
  const bool last = more && s.ends;
  const bool same = s.k.session == s.session;
  switch (at.to_uint()) {
    case S::kIdle:
      if (more) walk_begin(s, false, false, w, o);
      break;
    case S::kFirst:
      walk_first(s, w, take, coming);
      break;
    case S::kFetch:
      walk_fetch(s, w);
      break;
    case S::kFetch2:
      walk_fetch2(s, w);
      break;
    case S::kJoin:
      walk_join(s);
      break;
    case S::kPart:
      walk_part(s, o);
      break;
    case S::kRule:
      walk_rule(s);
      break;
    case S::kPlen:
      walk_plen(s);
      break;
    case S::kEmit: {
      const bool begin = last && (!same || s.complete);
      const bool bad = walk_emit(s, io.back, o);
      if (begin) walk_begin(s, same, bad, w, o);
      break;
    }
    case S::kResume:
      walk_resume(s);
      break;
    case S::kFit:
      walk_fit(s);
      break;
    case S::kResumed: {
      const bool begin = last && (!same || s.complete);
      walk_resumed(s, o);
      if (begin) walk_begin(s, same, false, w, o);
      break;
    }
    case S::kSkip:
      walk_skip(s, o);
      break;
    case S::kEnd:
      walk_end_said(s, o);
      break;
    default:
      break;
  }
}

template <class C>
NVTEE_TEE_INLINE Step rx_walk_step(RxWalkState<C>& s, RxWalkIo& io) {
  typedef RxWalkState<C> S;
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  const bool take = s.room && !io.beat.empty() && !io.beats.full();
  // The walk begins no chunk when it is more than 64 beats ahead (numbers of beats must not wrap), and beats
  // that it has not passed yet must stay in the ring. Both sides of the difference only grow, and
  // what is seen here is a few calls old: half of the ring is for that.
  const BeatNo kept = static_cast<BeatNo>(s.put - s.from);
  const BeatNo ahead = static_cast<BeatNo>(s.next - s.put);
  const ap_uint<1> room = negative(kept) || (kept >> 4) == 0 ? 1 : 0;
  const ap_uint<1> near = negative(ahead) || (ahead >> 6) == 0 ? 1 : 0;
  const BeatNo from = s.at == S::kIdle ? s.next : static_cast<BeatNo>(s.pos >> 6);
  // What has come after this call.
  const BeatNo beyond = static_cast<BeatNo>(s.put - s.beat);
  const BeatNo beyond_next = static_cast<BeatNo>(s.put - s.next);
  const WalkSight at_beat = walk_sight(beyond, take);
  const WalkSight at_next = walk_sight(beyond_next, take);

  if (!io.meta.empty()) io.meta.read();
  Wide coming = 0;
  const BeatNo put = s.put;
  WalkOut o = WalkOut();
  o.session = s.session;
  const bool go = !io.span.full() && !io.back.full();
  if (take) {
    const NetBeat b = io.beat.read();
    coming = b.data;
    s.put = static_cast<BeatNo>(put + 1);
    io.beats.write(b.data);
  }
  walk_move(s, go, take, coming, io, o);
  if (take) s.ring[put.to_uint() & (kWalkRing - 1)] = coming;
  if (o.say) io.span.write(o.span);
  if (o.keep) s.ctx[o.session.to_uint() & kMask] = o.ctx;
  const WalkSight sight = o.begins ? at_next : at_beat;
  s.there = sight.there ? 1 : 0;
  s.there2 = sight.there2 ? 1 : 0;
  s.due = sight.due ? 1 : 0;
  s.there_next = at_next.there && !o.begins ? 1 : 0;
  s.room = room;
  s.near = near;
  s.from = from;
  const bool load = !io.chunk.empty() && (o.begins || !s.has);
  if (load) s.k = io.chunk.read();
  s.has = load || (s.has && !o.begins) ? 1 : 0;
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
