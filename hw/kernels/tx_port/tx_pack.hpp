// tx_head, tx_fold, tx_digest, tx_pack: header, digest, payload, digest as bytes without holes, a beat a
// call. Only tx_pack decides anything; the others let data flow through.
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
  const ap_uint<32> long_digest = crc_head72(j.head), short_digest = crc_head24(j.head);
  TxHead h = TxHead();
  h.bytes.range(575, 0) = j.head;
  if (j.hdgst && j.head_bytes == spec::pdu::kHlenCmd) h.bytes.range(607, 576) = long_digest;
  if (j.hdgst && j.head_bytes == spec::pdu::kHlenData) h.bytes.range(223, 192) = short_digest;
  h.nothing = g.error != SendStatus::kOk || (j.head_bytes == 0 && j.length == 0) ? 1 : 0;
  h.count = static_cast<ap_uint<7>>(j.head_bytes + (j.hdgst ? 4 : 0));
  h.length = h.nothing ? Bytes(0) : j.length;
  h.ddgst = j.ddgst;
  h.total = static_cast<ap_uint<17>>(static_cast<ap_uint<17>>(j.length) + static_cast<ap_uint<17>>(h.count) +
                                     (j.ddgst ? 4 : 0));
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

NVTEE_TEE_INLINE tee::Step tx_head_step(hls::stream<TxGrant>& grant, hls::stream<TxHead>& head) {
  if (grant.empty()) return tee::Step::kIdle;
  if (head.full()) return tee::Step::kBlocked;
  head.write(head_of(grant.read()));
  return tee::Step::kMoved;
}

// ---- digests of payload ---------------------------------------------------------------------------------
NVTEE_TEE_INLINE tee::Step tx_fold_step(hls::stream<ReadBeat>& in, hls::stream<FoldedBeat>& out) {
  if (in.empty()) return tee::Step::kIdle;
  if (out.full()) return tee::Step::kBlocked;
  const ReadBeat b = in.read();
  FoldedBeat f;
  f.data = keep_bytes(b.data, b.count);
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

// ---- packing --------------------------------------------------------------------------------------------
constexpr unsigned kMaxCarry = 32;  // bytes over from a beat: up to 28 and a digest

struct TxPackState {
  enum Phase { kHead = 0, kBody = 1, kTail = 2 };
  TxHead next;  // taken ahead, so that it is known what the next call needs
  ap_uint<1> has;
  ap_uint<2> phase;
  PortId port;
  ap_uint<8 * kMaxCarry> carry;
  ap_uint<6> over;  // bytes of the carry
  ap_uint<1> ddgst;
  ap_uint<2> from;
  TxDone done;
  Tally tally;
};

struct TxPackIo {
  hls::stream<TxHead>& head;
  hls::stream<TxBeat>& body;
  hls::stream<NetBeat>& net;
  hls::stream<TxDone>& host_done;
  hls::stream<TxDone>& leg_done;
  hls::stream<TxDone>& runtime_done;
  hls::stream<CardEvent>& event;
  hls::stream<Count>& count;
};

// 96 bytes: `over` of the carry (0, 8, 12, 24 or 28), then the data.
NVTEE_TEE_INLINE ap_uint<768> behind(const ap_uint<8 * kMaxCarry>& carry, ap_uint<6> over,
                                     const ap_uint<512>& data) {
  ap_uint<768> w = 0;
  if (over == 8) {
    w.range(63, 0) = carry.range(63, 0);
    w.range(575, 64) = data;
  } else if (over == 12) {
    w.range(95, 0) = carry.range(95, 0);
    w.range(607, 96) = data;
  } else if (over == 24) {
    w.range(191, 0) = carry.range(191, 0);
    w.range(703, 192) = data;
  } else if (over == 28) {
    w.range(223, 0) = carry.range(223, 0);
    w.range(735, 224) = data;
  } else {
    w.range(511, 0) = data;
  }
  return w;
}

// Where nothing is yet: the data end there.
NVTEE_TEE_INLINE ap_uint<768> with_digest(const ap_uint<768>& w, ap_uint<7> at, ap_uint<32> digest, bool on) {
  ap_uint<768> out = w;
  for (unsigned i = 1; i < 24; ++i) {
#pragma HLS UNROLL
    const ap_uint<32> here = w.range(32 * i + 31, 32 * i);
    const bool mine = on && (at >> 2) == i;
    out.range(32 * i + 31, 32 * i) = mine ? digest : here;
  }
  return out;
}

// 1..64 bytes of them.
NVTEE_TEE_INLINE NetBeat net_beat(const ap_uint<512>& data, ap_uint<7> count, bool last) {
  NetBeat n;
  n.data = data;
  const ap_uint<6> low = count.range(5, 0);
  for (unsigned i = 0; i < 64; ++i) {
#pragma HLS UNROLL
    n.keep[i] = count[6] || low > i;
  }
  n.strb = n.keep;
  n.user = 0;
  n.last = last ? 1 : 0;
  n.id = 0;
  n.dest = 0;
  return n;
}

NVTEE_TEE_INLINE void tell_done(const TxDone& d, ap_uint<2> from, TxPackIo& io) {
  if (from == TxJob::kHost) {
    io.host_done.write(d);
  } else if (from == TxJob::kLeg) {
    io.leg_done.write(d);
  } else {
    io.runtime_done.write(d);
  }
}

// What one call sends.
struct TxOut {
  ap_uint<512> data;
  ap_uint<7> count;
  bool any, last;
};

NVTEE_TEE_INLINE TxOut pack_body(TxPackState& s, const ap_uint<8 * kMaxCarry>& carry, ap_uint<6> over,
                                 ap_uint<1> ddgst, const TxBeat& b) {
  const ap_uint<7> end = static_cast<ap_uint<7>>(b.count + over);
  const bool digest = b.last && ddgst;
  const ap_uint<768> w = with_digest(behind(carry, over, b.data), end, b.digest, digest);
  const ap_uint<7> all = static_cast<ap_uint<7>>(end + (digest ? 4 : 0));
  const bool more = all > kBeat;
  TxOut o;
  o.any = true;
  o.data = w.range(511, 0);
  o.last = b.last && !more;
  o.count = b.last && !more ? all : ap_uint<7>(kBeat);
  s.carry = w.range(767, 512);
  s.over = b.last ? static_cast<ap_uint<6>>(all - kBeat) : over;
  s.phase = !b.last ? TxPackState::kBody : more ? TxPackState::kTail : TxPackState::kHead;
  return o;
}

// A header that fills its beat goes alone; a short one takes the first data with it.
NVTEE_TEE_INLINE TxOut pack_head(TxPackState& s, const TxHead& h) {
  const bool full = h.count[6];
  TxOut o;
  o.any = !h.nothing;
  o.data = h.bytes.range(511, 0);
  o.last = !full;
  o.count = full ? ap_uint<7>(kBeat) : h.count;
  s.carry = 0;
  s.carry.range(95, 0) = h.bytes.range(607, 512);
  s.over = h.count.range(5, 0);
  s.phase = h.nothing || !full ? TxPackState::kHead : h.length != 0 ? TxPackState::kBody : TxPackState::kTail;
  return o;
}

NVTEE_TEE_INLINE TxOut pack_tail(TxPackState& s) {
  TxOut o;
  o.any = true;
  o.data = 0;
  o.data.range(8 * kMaxCarry - 1, 0) = s.carry;
  o.count = s.over;
  o.last = true;
  s.phase = TxPackState::kHead;
  return o;
}

// Takes note of the PDU that begins.
NVTEE_TEE_INLINE void begin(TxPackState& s, const TxHead& h) {
  s.ddgst = h.ddgst;
  s.from = h.from;
  s.done = h.done;
  s.port = h.port;
  if (!h.nothing) s.tally = tally_plus(s.tally, h.total);
}

NVTEE_TEE_INLINE void write_out(const TxOut& o, bool over, const TxPackState& s, TxPackIo& io) {
  if (o.any) io.net.write(net_beat(o.data, o.count, o.last));
  if (over) tell_done(s.done, s.from, io);
}

NVTEE_TEE_INLINE void tell_end(const TxHead& h, TxPackIo& io) {
  CardEvent e = CardEvent();
  e.kind = CardEvent::kTxDrained;
  e.port = h.port;
  e.session = h.session;
  io.event.write(e);
}

NVTEE_TEE_INLINE tee::Step tx_pack_step(TxPackState& s, TxPackIo& io) {
  const TxHead h = s.next;
  const bool at_head = s.phase == TxPackState::kHead;
  const bool joined = at_head && s.has && !h.count[6] && h.length != 0;
  const bool body = joined || s.phase == TxPackState::kBody;
  const bool asleep = at_head && !s.has && io.head.empty();
  const bool full = io.net.full() || io.host_done.full() || io.leg_done.full() || io.runtime_done.full() ||
                    io.event.full() || tally_blocks(s.tally, io.count);
  const bool waits = body ? io.body.empty() : at_head && !s.has;
  const bool counts = tally_due(s.tally, asleep, io.count);
  if (counts) {
    io.count.write(count_of(s.tally, Count::kTx, s.port));
    s.tally = Tally();
  }
  const bool go = !full && !waits;
  const bool begins = go && at_head;
  if (go) {
    if (begins) begin(s, h);
    TxOut o;
    if (body) {
      const ap_uint<8 * kMaxCarry> first = h.bytes.range(8 * kMaxCarry - 1, 0);
      const TxBeat b = io.body.read();
      o = pack_body(s, joined ? first : s.carry, joined ? ap_uint<6>(h.count) : s.over, s.ddgst, b);
    } else if (at_head) {
      o = pack_head(s, h);
    } else {
      o = pack_tail(s);
    }
    write_out(o, (o.any && o.last) || (begins && h.nothing), s, io);
    if (begins && h.end) tell_end(h, io);
  }
  const bool takes = (begins || !s.has) && !io.head.empty();
  if (takes) {
    s.next = io.head.read();
    s.has = 1;
  } else if (begins) {
    s.has = 0;
  }
  if (go || takes || counts) return tee::Step::kMoved;
  return asleep ? tee::Step::kIdle : tee::Step::kBlocked;
}

}  // namespace card
}  // namespace nvtee

#endif
