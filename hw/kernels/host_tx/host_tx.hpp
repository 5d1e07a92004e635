// host_tx: the tee core's words to hosts as PDUs. What a session cannot take yet (kTxWindow jobs are out)
// waits in a ring of its queue, so a host that does not read stops nobody else; one that lets 256 words pile
// up is told of (more than its commands can cause) and hears nothing more.
//
// Read data go out as C2HData PDUs of at most kMaxTxData, then a CapsuleResp. SQHD is our own: one step an
// answer, 1 after the Connect, whose answer the runtime sends.
//
// A call does one thing: takes a word or an order, a TxDone, or sends for a queue that may send (`ready`
// holds each such queue once). Tables: queues[queue], waiting[queue, place], one read and one write a call.
#ifndef NVTEE_HW_KERNELS_HOST_TX_HOST_TX_HPP
#define NVTEE_HW_KERNELS_HOST_TX_HOST_TX_HPP

#include <hls_stream.h>

#include "hw/kernels/common/turn.hpp"
#include "hw/kernels/engine/pdu_build.hpp"
#include "hw/kernels/engine/records.hpp"

namespace nvtee {
namespace card {

constexpr unsigned kHostQueues = 64;
constexpr unsigned kWaitBits = 8;  // words of a queue that wait: twice its commands

struct HostWord {
  ap_uint<64> result;
  tee::SlotId slot;
  ap_uint<16> cid;
  Bytes length;
  tee::StatusBits status;
  ap_uint<2> kind;
  ap_uint<1> dnr;
};

struct HostQueueRow {
  PortId port;
  SessionIx session;
  ap_uint<16> entries;  // 0: no SQ flow control, SQHD is 0
  ap_uint<16> sqhd;
  ap_uint<5> out;  // jobs
  ap_uint<kWaitBits> head;
  ap_uint<kWaitBits + 1> count;
  Bytes at;         // of the first waiting word's read data: sent so far
  ap_uint<8> life;  // counts kSetQueue
  ap_uint<1> hdgst, ddgst;
  ap_uint<1> valid;
  ap_uint<1> ending;  // `end` is still to be sent
  ap_uint<1> half;    // read data of this slot are half sent: `end` says when they are done with
  tee::SlotId half_slot;
  ap_uint<1> broken;
  ap_uint<1> listed;  // in `ready`
};

struct HostTxState {
  enum Source { kWord = 0, kDone0, kDone1, kReady, kSources };
  HostQueueRow queues[kHostQueues];
  HostWord waiting[kHostQueues << kWaitBits];
  tee::QueueId ready[kHostQueues];
  ap_uint<6> ready_put, ready_get;
  ap_uint<7> ready_count;
  hw::Turn<kSources> turn;
};

struct HostTxIo {
  hls::stream<tee::HostOut>& host_out;
  hls::stream<CardCtl>& ctl;  // kSetQueue
  hls::stream<TxDone>& done0;
  hls::stream<TxDone>& done1;
  hls::stream<TxJob>& job0;
  hls::stream<TxJob>& job1;
  hls::stream<tee::SlotId>& sent;      // to host_mux; holds one of each slot, so it never fills
  hls::stream<tee::HostOut>& runtime;  // queue 0
  hls::stream<CardEvent>& event;
};

// What one call does beside its rows.
struct HostActs {
  TxJob job;
  CardEvent event;
  tee::SlotId slot;
  bool jobs, tells, sent;
  bool puts;  // waiting[queue, end] = the word
};

NVTEE_TEE_INLINE HostWord word_of(const tee::HostOut& h) {
  HostWord w;
  w.result = h.result;
  w.slot = h.slot;
  w.cid = h.cid;
  w.length = static_cast<Bytes>(h.length);
  w.status = h.status;
  w.kind = h.kind;
  w.dnr = h.dnr;
  return w;
}

NVTEE_TEE_INLINE bool may_send(const HostQueueRow& q) {
  if (!q.valid) return q.ending;
  return q.out != kTxWindow && q.count != 0;
}

NVTEE_TEE_INLINE void send(HostActs& acts, HostQueueRow& q, tee::QueueId queue, const TxJob& job) {
  acts.job = job;
  acts.job.port = q.port;
  acts.job.session = q.session;
  acts.job.queue = queue;
  acts.job.from = TxJob::kHost;
  acts.job.token = 0;
  acts.job.token.range(7, 0) = q.life;
  acts.jobs = true;
  q.out = static_cast<ap_uint<5>>(q.out + 1);
}

NVTEE_TEE_INLINE void tell_sent(HostActs& acts, tee::SlotId slot) {
  acts.sent = true;
  acts.slot = slot;
}

// ---- words and orders -----------------------------------------------------------------------------------
NVTEE_TEE_INLINE ap_uint<16> step_sqhd(HostQueueRow& q) {
  const ap_uint<16> next = static_cast<ap_uint<16>>(q.sqhd + 1);
  q.sqhd = next == q.entries ? ap_uint<16>(0) : next;
  return q.entries == 0 ? ap_uint<16>(0) : q.sqhd;
}

NVTEE_TEE_INLINE TxJob answer_job(HostQueueRow& q, const HostWord& w, bool read) {
  const ap_uint<16> head = step_sqhd(q);
  return response_job(read ? ap_uint<64>(0) : w.result, head, w.cid,
                      read ? tee::StatusBits(spec::st::kOk) : w.status, read ? ap_uint<1>(0) : w.dnr,
                      q.hdgst);
}

// A word that needs one job.
NVTEE_TEE_INLINE void send_word(HostActs& acts, HostQueueRow& q, tee::QueueId queue, const HostWord& w) {
  if (w.kind == tee::HostOut::kR2t) {
    const TxJob r =
        r2t_job(w.cid, static_cast<ap_uint<16>>(w.slot), static_cast<ap_uint<32>>(w.length), q.hdgst);
    send(acts, q, queue, r);
  } else {
    const TxJob a = answer_job(q, w, false);
    send(acts, q, queue, a);
  }
}

// Its host is not there, or not to be spoken to.
NVTEE_TEE_INLINE void drop_word(HostActs& acts, const HostWord& w) {
  if (w.kind == tee::HostOut::kReadData) tell_sent(acts, w.slot);
}

NVTEE_TEE_INLINE void take_word(HostActs& acts, HostQueueRow& q, tee::QueueId queue, const HostWord& w) {
  if (!q.valid || q.broken) return drop_word(acts, w);
  if (q.count[kWaitBits]) {
    q.broken = 1;
    acts.tells = true;
    acts.event.kind = CardEvent::kSessionError;
    acts.event.port = q.port;
    acts.event.session = q.session;
    acts.event.queue = queue;
    acts.event.fes = spec::fes::kSequenceError;
    return drop_word(acts, w);
  }
  const bool now = q.count == 0 && q.out != kTxWindow && w.kind != tee::HostOut::kReadData;
  if (now) return send_word(acts, q, queue, w);
  acts.puts = true;
  q.count = static_cast<ap_uint<kWaitBits + 1>>(q.count + 1);
}

NVTEE_TEE_INLINE void set_queue(HostQueueRow& q, const CardCtl& c) {
  const HostQueueRow old = q;
  q.valid = c.valid;
  q.life = static_cast<ap_uint<8>>(old.life + 1);
  q.ending = c.valid ? 0 : 1;
  q.broken = 0;
  if (!c.valid) return;
  q.port = c.port;
  q.session = c.session;
  q.entries = c.entries;
  q.sqhd = 1;
  q.out = 0;
  q.at = 0;
  q.hdgst = c.hdgst;
  q.ddgst = c.ddgst;
}

// ---- sending for a queue --------------------------------------------------------------------------------
NVTEE_TEE_INLINE void pop(HostQueueRow& q) {
  q.head = static_cast<ap_uint<kWaitBits>>(q.head + 1);
  q.count = static_cast<ap_uint<kWaitBits + 1>>(q.count - 1);
  q.at = 0;
}

NVTEE_TEE_INLINE void send_read(HostActs& acts, HostQueueRow& q, tee::QueueId queue, const HostWord& w) {
  if (q.at == w.length) {
    const TxJob a = answer_job(q, w, true);
    send(acts, q, queue, a);
    acts.job.after = 1;
    pop(q);
    return;
  }
  const Bytes left = static_cast<Bytes>(w.length - q.at);
  const bool last = left <= kMaxTxData;
  const Bytes length = last ? left : Bytes(kMaxTxData);
  send(acts, q, queue, data_job(spec::pdu::kC2HData, w.cid, 0, q.at, length, last ? 1 : 0, q.hdgst, q.ddgst));
  acts.job.after = q.at != 0 ? 1 : 0;
  acts.job.slot = static_cast<StoreSlot>(w.slot);
  acts.job.done = last ? TxJob::kHostSent : TxJob::kNone;
  q.at = static_cast<Bytes>(q.at + length);
}

// Of a queue that was switched off: what waited is dropped, then comes the last word to its session. Read
// data half sent stay in use until that word has come through.
NVTEE_TEE_INLINE void wind_up(HostActs& acts, HostQueueRow& q, tee::QueueId queue, const HostWord& w) {
  if (q.at != 0) {
    q.half = q.at != w.length ? 1 : 0;
    q.half_slot = w.slot;
    pop(q);
  } else if (q.count != 0) {
    drop_word(acts, w);
    pop(q);
  } else {
    send(acts, q, queue, TxJob());
    acts.job.end = 1;
    acts.job.slot = static_cast<StoreSlot>(q.half_slot);
    acts.job.done = q.half ? TxJob::kHostSent : TxJob::kNone;
    q.half = 0;
    q.ending = 0;
  }
}

NVTEE_TEE_INLINE void send_for(HostActs& acts, HostQueueRow& q, tee::QueueId queue, const HostWord& w) {
  if (!may_send(q)) return;
  if (!q.valid) {
    wind_up(acts, q, queue, w);
  } else if (w.kind == tee::HostOut::kReadData) {
    send_read(acts, q, queue, w);
  } else {
    send_word(acts, q, queue, w);
    pop(q);
  }
}

NVTEE_TEE_INLINE void take_done(HostActs& acts, HostQueueRow& q, const TxDone& d) {
  if (d.done == TxJob::kHostSent) tell_sent(acts, static_cast<tee::SlotId>(d.slot));
  const ap_uint<8> life = d.token.range(7, 0);
  if (q.life == life && q.valid && q.out != 0) q.out = static_cast<ap_uint<5>>(q.out - 1);
}

// ---- the step -------------------------------------------------------------------------------------------
NVTEE_TEE_INLINE tee::Step host_tx_step(HostTxState& s, HostTxIo& io) {
  const bool asleep =
      io.host_out.empty() && io.ctl.empty() && io.done0.empty() && io.done1.empty() && s.ready_count == 0;
  if (asleep) return tee::Step::kIdle;
  if (io.job0.full() || io.job1.full() || io.sent.full() || io.runtime.full() || io.event.full())
    return tee::Step::kBlocked;
  ap_uint<HostTxState::kSources> can = 0;
  can[HostTxState::kWord] = !io.host_out.empty() || !io.ctl.empty();
  can[HostTxState::kDone0] = !io.done0.empty();
  can[HostTxState::kDone1] = !io.done1.empty();
  can[HostTxState::kReady] = s.ready_count != 0;
  const ap_uint<HostTxState::kSources> one = hw::next_of(s.turn, can);
  hw::taken(s.turn, one);

  // Orders come behind the words that were there before them.
  const bool is_word = one[HostTxState::kWord] && !io.host_out.empty();
  const bool is_order = one[HostTxState::kWord] && io.host_out.empty();
  const bool is_done = one[HostTxState::kDone0] || one[HostTxState::kDone1];
  const bool is_ready = one[HostTxState::kReady];
  tee::HostOut h = tee::HostOut();
  CardCtl c = CardCtl();
  TxDone d = TxDone();
  if (is_word) h = io.host_out.read();
  if (is_order) c = io.ctl.read();
  if (one[HostTxState::kDone0]) {
    d = io.done0.read();
  } else if (is_done) {
    d = io.done1.read();
  }
  const tee::QueueId first = s.ready[s.ready_get.to_uint()];
  const tee::QueueId queue = is_word ? h.queue : is_order ? c.queue : is_done ? d.queue : first;
  HostQueueRow q = s.queues[queue.to_uint()];
  const unsigned base = queue.to_uint() << kWaitBits;
  const HostWord w = s.waiting[base + q.head.to_uint()];
  const ap_uint<kWaitBits> end = static_cast<ap_uint<kWaitBits>>(q.head + q.count);

  HostActs acts = HostActs();
  const bool own = is_word && h.queue == 0;
  if (own) io.runtime.write(h);
  if (is_word && !own) take_word(acts, q, queue, word_of(h));
  if (is_order) set_queue(q, c);
  if (is_done) take_done(acts, q, d);
  if (is_ready) {
    q.listed = 0;
    send_for(acts, q, queue, w);
  }

  const bool list = may_send(q) && !q.listed;
  if (list) {
    q.listed = 1;
    s.ready[s.ready_put.to_uint()] = queue;
    s.ready_put = static_cast<ap_uint<6>>(s.ready_put + 1);
  }
  if (is_ready) s.ready_get = static_cast<ap_uint<6>>(s.ready_get + 1);
  s.ready_count = static_cast<ap_uint<7>>(s.ready_count + (list ? 1 : 0) - (is_ready ? 1 : 0));
  s.queues[queue.to_uint()] = q;
  if (acts.puts) s.waiting[base + end.to_uint()] = word_of(h);
  if (acts.jobs && acts.job.port) io.job1.write(acts.job);
  if (acts.jobs && !acts.job.port) io.job0.write(acts.job);
  if (acts.sent) io.sent.write(acts.slot);
  if (acts.tells) io.event.write(acts.event);
  return tee::Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
