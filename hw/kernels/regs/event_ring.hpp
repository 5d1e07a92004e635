// What the runtime hears: event_mux gathers the kernels' CardEvents, event_ring writes all kinds of events to
// a ring in device memory. Nothing is lost: while the ring is full, events wait where they are.
#ifndef NVTEE_HW_KERNELS_REGS_EVENT_RING_HPP
#define NVTEE_HW_KERNELS_REGS_EVENT_RING_HPP

#include <hls_stream.h>

#include "hw/kernels/common/axi.hpp"
#include "hw/kernels/common/turn.hpp"
#include "hw/kernels/regs/mailbox.hpp"
#include "hw/kernels/regs/registers.hpp"

namespace nvtee {
namespace card {

// ---- event_mux --------------------------------------------------------------------------------------------
struct EventMuxState {
  hw::Turn<4> turn;
};

// Four to one; a tree of them gathers all.
NVTEE_TEE_INLINE tee::Step event_mux_step(EventMuxState& s, hls::stream<CardEvent>& a,
                                          hls::stream<CardEvent>& b, hls::stream<CardEvent>& c,
                                          hls::stream<CardEvent>& d, hls::stream<CardEvent>& out) {
  ap_uint<4> ready = 0;
  ready[0] = !a.empty();
  ready[1] = !b.empty();
  ready[2] = !c.empty();
  ready[3] = !d.empty();
  if (ready == 0) return tee::Step::kIdle;
  if (out.full()) return tee::Step::kBlocked;
  const ap_uint<4> one = hw::next_of(s.turn, ready);
  hw::taken(s.turn, one);
  CardEvent e = CardEvent();
  if (one[0]) {
    e = a.read();
  } else if (one[1]) {
    e = b.read();
  } else if (one[2]) {
    e = c.read();
  } else {
    e = d.read();
  }
  out.write(e);
  return tee::Step::kMoved;
}

// ---- event_ring -------------------------------------------------------------------------------------------
// regs -> event_ring
struct RingCtl {
  ap_uint<64> base;
  ap_uint<5> size;  // log2; 0: off
  ap_uint<32> consumer;
  ap_uint<1> begins;  // anew
};
// event_ring -> regs
struct RingNews {
  ap_uint<32> producer;
  ap_uint<32> stalled;
};

struct EventRingState {
  enum Source { kTee = 0, kCard, kTcp0, kTcp1, kHostOut, kRaw, kSent0, kSent1, kSources };
  hw::Turn<kSources> turn;
  RingCtl ctl;
  ap_uint<32> put;  // entries written
  ap_uint<32> in;   // of them: answered by memory
  ap_uint<32> consumer;
  ap_uint<32> stalled;
  ap_uint<1> news;
  ap_uint<8> late;  // answers of the ring before this one that are still to come
};

struct EventRingIo {
  hls::stream<RingCtl>& ctl;
  hls::stream<RingNews>& news;
  hls::stream<tee::Event>& tee_event;
  hls::stream<CardEvent>& card_event;
  hls::stream<TcpEvent>& tcp0;
  hls::stream<TcpEvent>& tcp1;
  hls::stream<tee::HostOut>& host_out;  // of queue 0
  hls::stream<StoreDone>& raw;          // kRawDone
  hls::stream<TxDone>& sent0;           // kRawSend
  hls::stream<TxDone>& sent1;
  hls::stream<TxDone>& free0;  // the same, for regs: one place less is taken
  hls::stream<TxDone>& free1;
  hls::stream<hw::AxiAddr>& aw;
  hls::stream<hw::AxiW>& w;
  hls::stream<hw::AxiB>& b;
};

NVTEE_TEE_INLINE CardEvent raw_event(const StoreDone& d) {
  CardEvent e = CardEvent();
  e.kind = CardEvent::kRawPdu;
  e.port = d.port;
  e.session = d.session;
  e.head = d.head;
  e.slot = d.slot;
  e.length = d.length;
  return e;
}
NVTEE_TEE_INLINE CardEvent sent_event(const TxDone& d, PortId port) {
  CardEvent e = CardEvent();
  e.kind = CardEvent::kRawSent;
  e.port = port;
  e.slot = d.slot;
  e.error = d.error;
  return e;
}
NVTEE_TEE_INLINE MailBits card_entry(const CardEvent& e) {
  return ring_entry(mail_of(e, kRingRecordAt), reg::kRingCard, 0);
}

// Takes the event that has its turn.
NVTEE_TEE_INLINE MailBits next_entry(const ap_uint<EventRingState::kSources>& one, EventRingIo& io) {
  if (one[EventRingState::kTee])
    return ring_entry(mail_of(io.tee_event.read(), kRingRecordAt), reg::kRingTee, 0);
  if (one[EventRingState::kCard]) return card_entry(io.card_event.read());
  if (one[EventRingState::kTcp0]) return ring_entry(mail_of(io.tcp0.read(), kRingRecordAt), reg::kRingTcp, 0);
  if (one[EventRingState::kTcp1]) return ring_entry(mail_of(io.tcp1.read(), kRingRecordAt), reg::kRingTcp, 1);
  if (one[EventRingState::kHostOut])
    return ring_entry(mail_of(io.host_out.read(), kRingRecordAt), reg::kRingHostOut, 0);
  if (one[EventRingState::kRaw]) return card_entry(raw_event(io.raw.read()));
  if (one[EventRingState::kSent0]) {
    const TxDone d = io.sent0.read();
    io.free0.write(d);
    return card_entry(sent_event(d, 0));
  }
  const TxDone d = io.sent1.read();
  io.free1.write(d);
  return card_entry(sent_event(d, 1));
}

NVTEE_TEE_INLINE void ring_write(EventRingState& s, const MailBits& entry, EventRingIo& io) {
  const ap_uint<20> mask = static_cast<ap_uint<20>>((ap_uint<21>(1) << s.ctl.size) - 1);
  const ap_uint<20> place = static_cast<ap_uint<20>>(ap_uint<20>(s.put) & mask);
  s.put = static_cast<ap_uint<32>>(s.put + 1);
  hw::AxiAddr a;
  a.addr = static_cast<ap_uint<64>>(s.ctl.base + (static_cast<ap_uint<64>>(place) << 6));
  a.len = 0;
  io.aw.write(a);
  hw::AxiW w;
  w.data = entry;
  w.data.range(511, 480) = s.put;
  w.strb = ~ap_uint<64>(0);
  w.last = 1;
  io.w.write(w);
}

NVTEE_TEE_INLINE void ring_order(EventRingState& s, const RingCtl& c) {
  s.ctl = c;
  s.consumer = c.consumer;
  if (!c.begins) return;
  s.late = static_cast<ap_uint<8>>(s.late + ap_uint<8>(s.put - s.in));
  s.put = 0;
  s.in = 0;
  s.consumer = 0;
  s.news = 1;
}

NVTEE_TEE_INLINE tee::Step event_ring_step(EventRingState& s, EventRingIo& io) {
  if (!io.ctl.empty()) {
    ring_order(s, io.ctl.read());
    return tee::Step::kMoved;
  }
  ap_uint<EventRingState::kSources> ready = 0;
  ready[EventRingState::kTee] = !io.tee_event.empty();
  ready[EventRingState::kCard] = !io.card_event.empty();
  ready[EventRingState::kTcp0] = !io.tcp0.empty();
  ready[EventRingState::kTcp1] = !io.tcp1.empty();
  ready[EventRingState::kHostOut] = !io.host_out.empty();
  ready[EventRingState::kRaw] = !io.raw.empty();
  ready[EventRingState::kSent0] = !io.sent0.empty() && !io.free0.full();
  ready[EventRingState::kSent1] = !io.sent1.empty() && !io.free1.full();
  const bool tells = s.news && !io.news.full();
  const bool answer = !io.b.empty();
  if (ready == 0 && !tells && !answer) return tee::Step::kIdle;

  const ap_uint<32> used = static_cast<ap_uint<32>>(s.put - s.consumer);
  const ap_uint<32> flying = static_cast<ap_uint<32>>(s.put - s.in);
  const bool no_room = s.ctl.size == 0 || (used >> s.ctl.size) != 0;
  const bool go = ready != 0 && !no_room && flying < 16 && !io.aw.full() && !io.w.full();
  if (ready != 0 && no_room) s.stalled = static_cast<ap_uint<32>>(s.stalled + 1);
  if (tells) {
    RingNews n;
    n.producer = s.in;
    n.stalled = s.stalled;
    io.news.write(n);
    s.news = 0;
  }
  if (answer) {
    io.b.read();
    if (s.late != 0) {
      s.late = static_cast<ap_uint<8>>(s.late - 1);
    } else {
      s.in = static_cast<ap_uint<32>>(s.in + 1);
      s.news = 1;
    }
  }
  if (go) {
    const ap_uint<EventRingState::kSources> one = hw::next_of(s.turn, ready);
    hw::taken(s.turn, one);
    ring_write(s, next_entry(one, io), io);
  }
  if (go || answer || tells) return tee::Step::kMoved;
  return tee::Step::kBlocked;
}

}  // namespace card
}  // namespace nvtee

#endif
