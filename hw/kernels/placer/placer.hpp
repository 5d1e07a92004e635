// placer: joins data with the verdict about it. Verdicts come in the order of headers, data in the order of
// the stream, and a session's next verdict may come while its data before is still on the way: it waits for
// that, and nothing else waits for it. (That cannot close a circle: data of a PDU leave rx_framer before the
// next header of that session does.)
//
// A call may take a verdict and a beat: they use different tables. `put` and `got` of a session differ while
// it has a verdict whose data are not all in.
//
// Raw PDUs: the buffer is taken here. One that is cut off by the session's end goes back.
//
// Tables: verdict[session] (written by verdicts, read by beats), next[session] (beats), put/got.
#ifndef NVTEE_HW_KERNELS_PLACER_PLACER_HPP
#define NVTEE_HW_KERNELS_PLACER_PLACER_HPP

#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/header_split/header_split.hpp"

namespace nvtee {
namespace card {

struct DataTo {
  ap_uint<64> head;
  StoreSlot slot;
  Bytes offset;
  ap_uint<16> cid;
  tee::QueueId queue;
  LinkIx link;
  ap_uint<2> done;  // StoreDone::Kind
  ap_uint<1> place;
  ap_uint<1> staged;
  ap_uint<1> tell;
};

template <class C>
struct PlacerState {
  DataTo to[1u << C::kSessionBits];
  ap_uint<12> next[1u << C::kSessionBits];  // beats of the PDU that were placed
  ap_uint<1> put[1u << C::kSessionBits];
  ap_uint<1> got[1u << C::kSessionBits];
  ap_uint<1> end_put[1u << C::kSessionBits];  // the same for the session's last word
  ap_uint<1> end_got[1u << C::kSessionBits];
  DataFrom from;  // the verdict that comes next
  ap_uint<1> asked;
  DataBeat beat;  // the beat that comes next
  ap_uint<1> ready;
};

struct PlacerIo {
  hls::stream<DataFrom>& from;
  hls::stream<tee::Placement>& placement;  // of HostIns with data only
  hls::stream<LegPlace>& leg;
  hls::stream<StoreSlot>& punt;      // free buffers
  hls::stream<StoreSlot>& spare_in;  // its own ring: buffers of PDUs that were cut off; deeper than there are
  hls::stream<StoreSlot>& spare_out;
  hls::stream<DataBeat>& beat;
  hls::stream<StoreBeat>& store;
  hls::stream<Break>& breaks;
  hls::stream<CardEvent>& event;
};

NVTEE_TEE_INLINE DataTo host_to(const DataFrom& f, const tee::Placement& p) {
  DataTo t = DataTo();
  t.place = p.action == tee::Placement::kPlace ? 1 : 0;
  t.slot = p.slot;
  t.offset = static_cast<Bytes>(p.offset);
  t.done = StoreDone::kHostDone;
  t.queue = f.queue;
  t.staged = p.chip && (f.head & 0xff) == spec::pdu::kCapsuleCmd ? 1 : 0;
  return t;
}
NVTEE_TEE_INLINE DataTo leg_to(const LegPlace& p) {
  DataTo t = DataTo();
  t.place = p.place;
  t.slot = p.slot;
  t.offset = p.offset;
  t.done = StoreDone::kLegDone;
  t.tell = p.tell;
  t.link = p.link;
  t.cid = p.cid;
  return t;
}
NVTEE_TEE_INLINE DataTo raw_to(const DataFrom& f, StoreSlot slot) {
  DataTo t = DataTo();
  t.place = 1;
  t.slot = slot;
  t.done = StoreDone::kRawDone;
  t.head = f.head;
  return t;
}

// The verdict of s.from, when there is one and the session's data before are in. False: wait.
template <class C>
NVTEE_TEE_INLINE bool placer_verdict(PlacerState<C>& s, bool busy, PortId port, PlacerIo& io, unsigned at) {
  const DataFrom& f = s.from;
  if (f.kind == DataFrom::kEnd) {
    s.end_put[at] = static_cast<ap_uint<1>>(~s.end_put[at]);
    return true;
  }
  if (busy || io.breaks.full() || io.event.full()) return false;
  DataTo t = DataTo();
  if (f.kind == DataFrom::kHost) {
    if (io.placement.empty()) return false;
    const tee::Placement p = io.placement.read();
    t = host_to(f, p);
    if (p.action == tee::Placement::kFatal) {
      Break b = Break();
      b.session = f.session;
      io.breaks.write(b);
      CardEvent e = CardEvent();
      e.kind = CardEvent::kSessionError;
      e.port = port;
      e.session = f.session;
      e.fes = p.fes;
      e.fei = p.fei;
      io.event.write(e);
    }
  } else if (f.kind == DataFrom::kLeg) {
    if (io.leg.empty()) return false;
    t = leg_to(io.leg.read());
  } else if (f.kind == DataFrom::kRaw) {
    if (!io.spare_in.empty()) {
      t = raw_to(f, io.spare_in.read());
    } else if (!io.punt.empty()) {
      t = raw_to(f, io.punt.read());
    } else {
      return false;
    }
  }
  s.to[at] = t;
  s.put[at] = static_cast<ap_uint<1>>(~s.put[at]);
  return true;
}

NVTEE_TEE_INLINE StoreBeat store_beat(const DataBeat& b, const DataTo& t, ap_uint<12> index) {
  StoreBeat o = StoreBeat();
  o.data = b.data;
  o.count = b.count;
  o.slot = t.slot;
  o.offset = static_cast<Bytes>(t.offset + static_cast<Bytes>(static_cast<Bytes>(index) << 6));
  o.staged = t.staged;
  o.first = b.first;
  o.last = b.last;
  o.done = t.done == StoreDone::kLegDone && !t.tell && b.ok ? ap_uint<2>(StoreDone::kNone) : t.done;
  o.ok = b.ok;
  o.queue = t.queue;
  o.session = b.session;
  o.head = t.head;
  o.link = t.link;
  o.cid = t.cid;
  o.tell = t.tell;
  return o;
}
// Behind everything of a session: when it has gone through the store, the session is drained.
NVTEE_TEE_INLINE StoreBeat barrier(SessionIx session) {
  StoreBeat o = StoreBeat();
  o.session = session;
  o.last = 1;
  o.done = StoreDone::kNone;
  return o;
}

template <class C>
NVTEE_TEE_INLINE bool placer_beat(PlacerState<C>& s, bool busy, bool ended, PlacerIo& io, unsigned at) {
  const DataBeat& b = s.beat;
  if (io.store.full() || io.spare_out.full() || !(b.end ? ended : busy)) return false;
  const DataTo t = s.to[at];
  const ap_uint<12> index = b.first ? ap_uint<12>(0) : s.next[at];
  s.next[at] = static_cast<ap_uint<12>>(index + 1);
  if (b.last || b.end) s.got[at] = s.put[at];
  if (b.end) {
    s.end_got[at] = s.end_put[at];
    if (busy && t.done == StoreDone::kRawDone) io.spare_out.write(t.slot);
    io.store.write(barrier(b.session));
  } else if (t.place) {
    io.store.write(store_beat(b, t, index));
  }
  return true;
}

template <class C>
NVTEE_TEE_INLINE tee::Step placer_step(PlacerState<C>& s, PortId port, PlacerIo& io) {
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  const unsigned from = s.from.session.to_uint() & kMask;
  const unsigned beat = s.beat.session.to_uint() & kMask;
  const bool from_busy = s.put[from] != s.got[from];
  const bool beat_busy = s.put[beat] != s.got[beat];
  const bool beat_ended = s.end_put[beat] != s.end_got[beat];
  // A verdict waits while its session is busy, and data waits until it is: they never meet at one session.
  // (A session's end waits for the verdicts before it.)
  const bool did_beat = s.ready && placer_beat(s, beat_busy, beat_ended, io, beat);
  const bool did_verdict = s.asked && placer_verdict(s, from_busy, port, io, from);
  const bool more_beats = !io.beat.empty() && (did_beat || !s.ready);
  const bool more_from = !io.from.empty() && (did_verdict || !s.asked);
  if (more_beats) s.beat = io.beat.read();
  if (more_from) s.from = io.from.read();
  s.ready = more_beats || (s.ready && !did_beat) ? 1 : 0;
  s.asked = more_from || (s.asked && !did_verdict) ? 1 : 0;
  return did_beat || did_verdict || more_beats || more_from ? tee::Step::kMoved : tee::Step::kIdle;
}

}  // namespace card
}  // namespace nvtee

#endif
