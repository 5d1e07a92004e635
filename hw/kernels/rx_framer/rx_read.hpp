// rx_read: what each session has, and which one is read next. Sessions that have bytes wait in a ring, so
// they take turns; several requests are out at a time, since the Chunk stream holds what was asked for.
//
// Raw sessions (their PDUs go to the runtime) are read up to the end of one PDU only, and a PDU is begun only
// with a free buffer in hand: so neither the pipe nor the runtime ever holds more of them than there are
// buffers. First the common header is asked for; rx_walk answers how many bytes follow.
//
// Closing: kSetSession kOff sends an `end` chunk behind all that was asked for. What comes later is read and
// thrown away until Notify.closed, the last Notify of every connection. Bytes that come before a session
// has a role stay with TCP.
//
// Table: rows[session], one read and one write a call. Made for II = 4.
#ifndef NVTEE_HW_KERNELS_RX_FRAMER_RX_READ_HPP
#define NVTEE_HW_KERNELS_RX_FRAMER_RX_READ_HPP

#include "hw/kernels/rx_framer/types.hpp"

namespace nvtee {
namespace card {

struct RxSession {
  ap_uint<24> avail;  // bytes notified and not asked for
  ap_uint<18> left;   // raw: bytes that may be asked for before the next decision
  RxRow row;
  ap_uint<1> queued;   // in `ready` or `parked`
  ap_uint<1> discard;  // off, and its bytes are thrown away
  ap_uint<1> closed;   // the other side is gone
  ap_uint<1> held;     // raw: in a PDU, with a buffer in hand
  ap_uint<1> in_head;  // raw: `left` is of the common header
  ap_uint<1> wait;     // raw: for RxBack
  ap_uint<1> broken;   // raw: its bytes are thrown away
};

template <class C>
struct RxReadState {
  RxSession rows[1u << C::kSessionBits];
  ap_uint<7> free;  // punt buffers
  ap_uint<1> turn;  // notify and issue take turns
};

struct RxReadIo {
  hls::stream<CardCtl>& ctl;    // kSetSession and kPuntFree of this port; others are passed over
  hls::stream<Notify>& notify;  // from TCP
  hls::stream<RxBack>& back;
  // Its own rings, each as deep as there are sessions: a session is in one of them at most, so they never
  // fill up.
  hls::stream<SessionIx>& ready_in;
  hls::stream<SessionIx>& ready_out;
  hls::stream<SessionIx>& parked_in;  // raw sessions that wait for a buffer
  hls::stream<SessionIx>& parked_out;
  hls::stream<ReadRequest>& request;
  hls::stream<Chunk>& chunk;
  hls::stream<StoreSlot>& punt;  // to placer: buffers that are free; deeper than there are buffers
  hls::stream<CardEvent>& event;
};

// What one call wants to say beside the row.
struct RxReadSays {
  ap_uint<1> push, park, ask, end, closed, take, give, raw;
  ap_uint<13> length;
};

// Something may be asked for: into the ring.
NVTEE_TEE_INLINE void rx_enqueue(RxSession& r, RxReadSays& say) {
  const bool readable = r.row.role != CardCtl::kOff || r.discard;
  if (readable && !r.queued && !r.wait && r.avail != 0) {
    r.queued = 1;
    say.push = 1;
  }
}

NVTEE_TEE_INLINE void rx_on_notify(RxSession& r, const Notify& n, RxReadSays& say) {
  r.avail = static_cast<ap_uint<24>>(r.avail + n.length);
  if (n.closed) {
    say.closed = 1;
    if (r.row.role == CardCtl::kOff) {
      r.avail = 0;
      r.closed = r.discard ? 0 : 1;
      r.discard = 0;
    } else {
      r.closed = 1;
    }
  }
  rx_enqueue(r, say);
}

NVTEE_TEE_INLINE void rx_on_set(RxSession& r, const CardCtl& c, RxReadSays& say) {
  r.row.role = c.role;
  r.row.hdgst = c.hdgst;
  r.row.ddgst = c.ddgst;
  r.row.queue = c.queue;
  r.row.link = c.link;
  r.row.link_queue = c.link_queue;
  if (c.role == CardCtl::kOff) {
    say.end = 1;
    say.give = r.held;
    r.held = 0;
    r.wait = 0;
    r.broken = 0;
    r.discard = r.closed ? 0 : 1;
    if (r.closed) r.avail = 0;
    r.closed = 0;
  } else {
    r.discard = 0;
  }
  rx_enqueue(r, say);
}

NVTEE_TEE_INLINE void rx_on_back(RxSession& r, const RxBack& b, RxReadSays& say) {
  r.wait = 0;
  if (r.held && b.broken) {
    r.broken = 1;
    r.held = 0;
    say.give = 1;
  } else if (r.held) {
    r.in_head = 0;
    r.left = b.left;
  }
  rx_enqueue(r, say);
}

// The session is first in the ring.
NVTEE_TEE_INLINE void rx_on_turn(RxSession& r, bool buffer, RxReadSays& say) {
  r.queued = 0;
  const bool readable = r.row.role != CardCtl::kOff || r.discard;
  if (!readable || r.avail == 0 || r.wait) return;
  const bool raw = (r.row.role == CardCtl::kRaw || r.held) && !r.broken && !r.discard;
  if (raw && !r.held && !buffer) {
    say.park = 1;
    r.queued = 1;
    return;
  }
  if (raw && !r.held) {
    say.take = 1;
    r.held = 1;
    r.in_head = 1;
    r.left = kRawHead;
  }
  // n = the least of what is there, kChunk and (raw) `left`; each difference is taken before it is known.
  const bool few = raw && r.left < kChunk;
  const ap_uint<13> most = few ? static_cast<ap_uint<13>>(r.left) : static_cast<ap_uint<13>>(kChunk);
  const ap_uint<25> rest = static_cast<ap_uint<25>>(ap_uint<25>(r.avail) - most);
  const bool all = rest[24];  // fewer are there than may be asked for
  const ap_uint<18> left_all = static_cast<ap_uint<18>>(r.left - static_cast<ap_uint<18>>(r.avail));
  const ap_uint<18> left_most = few ? ap_uint<18>(0) : static_cast<ap_uint<18>>(r.left - kChunk);
  const bool done = !all && (few || r.left == kChunk);  // with `left`
  say.ask = 1;
  say.raw = raw ? 1 : 0;
  say.length = all ? static_cast<ap_uint<13>>(r.avail) : most;
  r.avail = all ? ap_uint<24>(0) : static_cast<ap_uint<24>>(rest);
  if (raw) {
    r.left = all ? left_all : left_most;
    if (done && r.in_head) r.wait = 1;
    if (done && !r.in_head) r.held = 0;
  }
  rx_enqueue(r, say);
}

template <class C>
NVTEE_TEE_INLINE void rx_read_say(RxReadState<C>& s, PortId port, SessionIx session, const RxSession& r,
                                  const RxReadSays& say, RxReadIo& io) {
  if (say.push) io.ready_out.write(session);
  if (say.park) io.parked_out.write(session);
  if (say.take) s.free = static_cast<ap_uint<7>>(s.free - 1);
  if (say.give) s.free = static_cast<ap_uint<7>>(s.free + 1);
  if (say.ask || say.end) {
    Chunk c = Chunk();
    c.session = session;
    c.length = say.length;
    c.beats = static_cast<ap_uint<7>>((say.length + 63) >> 6);
    c.row = r.row;
    if (say.raw) c.row.role = CardCtl::kRaw;  // the PDU began as one, whatever the session is now
    c.end = say.end;
    io.chunk.write(c);
  }
  if (say.ask) {
    ReadRequest q = ReadRequest();
    q.session = session;
    q.length = say.length;
    io.request.write(q);
  }
  if (say.closed) {
    CardEvent e = CardEvent();
    e.kind = CardEvent::kSessionClosed;
    e.port = port;
    e.session = session;
    io.event.write(e);
  }
}

template <class C>
NVTEE_TEE_INLINE Step rx_read_step(RxReadState<C>& s, PortId port, RxReadIo& io) {
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  const bool out = !io.chunk.full() && !io.request.full();
  const bool back = !io.back.empty();
  const bool ctl = !io.ctl.empty() && out && !io.punt.full();
  const bool notify = !io.notify.empty() && !io.event.full();
  const bool parked = !io.parked_in.empty() && s.free != 0;
  const bool turn = (parked || !io.ready_in.empty()) && out;
  const bool do_ctl = !back && ctl;
  const bool do_notify = !back && !ctl && notify && !(turn && s.turn);
  const bool do_turn = !back && !ctl && turn && !do_notify;
  if (!back && !do_ctl && !do_notify && !do_turn) return Step::kIdle;

  RxBack b = RxBack();
  CardCtl c = CardCtl();
  Notify n = Notify();
  SessionIx session = 0;
  if (back) {
    b = io.back.read();
    session = b.session;
  } else if (do_ctl) {
    c = io.ctl.read();
    session = c.session;
  } else if (do_notify) {
    n = io.notify.read();
    session = static_cast<SessionIx>(n.session);
  } else if (parked) {
    session = io.parked_in.read();
  } else {
    session = io.ready_in.read();
  }

  const unsigned at = session.to_uint() & kMask;
  RxSession r = s.rows[at];
  RxReadSays say = RxReadSays();
  if (back) {
    rx_on_back(r, b, say);
  } else if (do_ctl) {
    if (c.op == CardCtl::kSetSession && c.port == port) rx_on_set(r, c, say);
    if (c.op == CardCtl::kPuntFree && c.port == port) {
      say.give = 1;
      io.punt.write(c.slot);
    }
  } else if (do_notify) {
    rx_on_notify(r, n, say);
  } else {
    rx_on_turn(r, s.free != 0, say);
  }
  s.rows[at] = r;
  s.turn = do_notify ? 1 : 0;
  rx_read_say(s, port, static_cast<SessionIx>(at), r, say, io);
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
