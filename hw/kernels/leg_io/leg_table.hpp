// leg_table: the commands that the legs of a port owe. An entry for each slot and leg says what a leg may
// still send; a row for each leg queue says how many commands it takes (credits), how many PDUs are on their
// way to it (jobs out, at most kTxWindow), and which entries wait: commands for a credit, data that an R2T
// asked for.
//
// Nothing is believed: whatever does not fit its entry is told (CardEvent::kLinkError) and changes nothing.
// An answer is handed on when no byte of its command is still on the way, to the leg or to the store.
//
// A call does one thing: takes what comes back, sends for a leg queue that may send, or takes a command, in
// this order: what comes back lets the next command leave at once, and while a list has commands each new one
// must go into it, which costs a call more. None of the three waits for ever: what comes back yields after
// three calls, `ready` after seven.
//
// `ready` goes from here to here: it holds each queue that may send at most once, with the entry at the head
// of its list, so that all addresses follow from the record. Tables: entries, commands, next, queues, one
// read and one write a call.
#ifndef NVTEE_HW_KERNELS_LEG_IO_LEG_TABLE_HPP
#define NVTEE_HW_KERNELS_LEG_IO_LEG_TABLE_HPP

#include <hls_stream.h>

#include "hw/kernels/leg_io/leg_work.hpp"

namespace nvtee {
namespace card {

struct LegEntry {
  enum State { kNone = 0, kWaiting = 1, kOpen = 2 };  // nothing owed; not sent yet; sent
  LinkEpoch epoch;
  ap_uint<3> cid_gen;
  ap_uint<2> state;
  ap_uint<1> in;      // a read
  ap_uint<1> by_r2t;  // a write whose data are asked for
  Bytes length;
  Bytes done;  // announced by C2HData, or asked for by R2T
  Bytes at;    // next byte of H2CData
  ap_uint<16> ttag;
  ap_uint<1> begun;        // a piece of this R2T is on its way
  ap_uint<1> capsule_out;  // the capsule has not left yet
  ap_uint<1> data_out;     // data of an R2T have not all left yet
  ap_uint<1> last_seen;    // C2HData with LAST
  ap_uint<1> bad;          // a data digest
  ap_uint<1> answered;
  ap_uint<16> pieces;  // C2HData PDUs that are not in the store yet
  tee::StatusBits status;
};

struct LegList {
  EntryIx head, tail;
  ap_uint<1> any;
};

struct LegQueueRow {
  LinkEpoch epoch;
  SessionIx session;
  ap_uint<16> most;
  ap_uint<16> credits;
  ap_uint<5> out;  // jobs
  LegList commands, data;
  ap_uint<1> hdgst, ddgst, valid;
  ap_uint<1> broken;  // told once; nothing of it is taken any more
  ap_uint<1> listed;  // in `ready`
};

// A command as one row of bits.
typedef ap_uint<171> CommandBits;
NVTEE_TEE_INLINE CommandBits bits_of(const LegCommand& c) {
  CommandBits b = 0;
  b.range(7, 0) = c.opcode;
  b.range(23, 8) = c.cid;
  b.range(55, 24) = c.nsid;
  b.range(119, 56) = c.slba;
  b.range(151, 120) = c.cdw12;
  b.range(169, 152) = c.length;
  b[170] = c.in_capsule;
  return b;
}
NVTEE_TEE_INLINE LegCommand command_of(const CommandBits& b) {
  LegCommand c;
  c.opcode = b.range(7, 0);
  c.cid = b.range(23, 8);
  c.nsid = b.range(55, 24);
  c.slba = b.range(119, 56);
  c.cdw12 = b.range(151, 120);
  c.length = b.range(169, 152);
  c.in_capsule = b[170];
  return c;
}

struct LegTableState {
  enum Source { kBack = 0, kReady, kOut, kSources };
  LegEntry entries[kEntries];
  CommandBits commands[kEntries];
  EntryIx next[kEntries];
  LegQueueRow queues[kLinkQueues];
  ap_uint<2> waited;   // calls in which the others had to wait for what comes back
  ap_uint<3> readies;  // calls in a row in which a command had to wait for `ready`
};

// A queue that may send, and what: the entry at the head of its data or of its commands.
struct LegReady {
  QueueIx queue;
  EntryIx entry;
  ap_uint<1> data;
};
constexpr int kLegReady = 2 * kLinkQueues;  // holds one of each queue, and is never full

struct LegTableIo {
  hls::stream<LegOut>& out;
  hls::stream<LegBack>& back;
  hls::stream<LegReady>& ready_in;
  hls::stream<LegReady>& ready_out;
  hls::stream<TxJob>& job;
  hls::stream<LegPlace>& place;
  hls::stream<tee::LegIn>& leg_in;
  hls::stream<CardEvent>& event;
};

// What one call does beside its rows.
struct LegActs {
  LegPlace place;
  tee::LegIn answer;
  CardEvent event;
  bool jobs, places, answers, tells;
  bool appends;  // next[append_to] = the call's entry
  EntryIx append_to;
};

NVTEE_TEE_INLINE void append(LegList& list, EntryIx e, LegActs& acts) {
  acts.appends = list.any;
  acts.append_to = list.tail;
  if (!list.any) list.head = e;
  list.tail = e;
  list.any = 1;
}
NVTEE_TEE_INLINE void pop(LegList& list, EntryIx next) {
  list.any = list.head != list.tail ? 1 : 0;
  list.head = next;
}

NVTEE_TEE_INLINE void send(LegActs& acts, LegQueueRow& q) {
  acts.jobs = true;
  q.out = static_cast<ap_uint<5>>(q.out + 1);
}

NVTEE_TEE_INLINE void break_link(LegActs& acts, LegQueueRow& q, QueueIx queue, uint16_t fes, uint32_t fei) {
  acts.tells = true;
  acts.event.kind = CardEvent::kLinkError;
  acts.event.session = q.session;
  acts.event.link = static_cast<LinkIx>(queue >> 2);
  acts.event.fes = fes;
  acts.event.fei = fei;
  q.broken = 1;
}

// ---- commands -------------------------------------------------------------------------------------------
NVTEE_TEE_INLINE void send_command(LegActs& acts, LegEntry& e, LegQueueRow& q) {
  send(acts, q);
  e.state = LegEntry::kOpen;
  e.capsule_out = 1;
  q.credits = static_cast<ap_uint<16>>(q.credits - 1);
}

NVTEE_TEE_INLINE void issue(LegActs& acts, LegEntry& e, LegQueueRow& q, const LegOut& o) {
  if (!q.valid || q.epoch != o.epoch) return;  // the runtime's sweep deals with it
  const bool busy = e.state != LegEntry::kNone && e.epoch == o.epoch &&
                    (e.state == LegEntry::kWaiting || e.capsule_out || e.data_out);
  if (busy) return break_link(acts, q, o.queue, spec::fes::kSequenceError, 0);
  LegEntry n = LegEntry();
  n.epoch = o.epoch;
  n.cid_gen = static_cast<ap_uint<3>>(o.cmd.cid >> 13);
  n.in = o.in;
  n.by_r2t = !o.in && !o.cmd.in_capsule && o.cmd.length != 0 ? 1 : 0;
  n.length = o.cmd.length;
  n.state = LegEntry::kWaiting;
  const bool now = !q.commands.any && !q.data.any && q.credits != 0 && q.out != kTxWindow;
  if (now) {
    send_command(acts, n, q);
  } else {
    append(q.commands, o.entry, acts);
  }
  e = n;
}

NVTEE_TEE_INLINE void open_queue(LegQueueRow& q, const LegOut& o) {
  LegQueueRow n = LegQueueRow();
  n.epoch = o.epoch;
  n.session = o.session;
  n.most = o.most;
  n.credits = o.credits;
  n.hdgst = o.hdgst;
  n.ddgst = o.ddgst;
  n.valid = 1;
  n.listed = q.listed;
  q = n;
}

// Behind the last job of this queue.
NVTEE_TEE_INLINE void shut_queue(LegActs& acts, LegQueueRow& q, const LegOut& o) {
  q.epoch = o.epoch;
  q.session = o.session;
  q.valid = 0;
  q.commands = LegList();
  q.data = LegList();
  send(acts, q);
}

// ---- sending for a queue --------------------------------------------------------------------------------
// The next piece of what an R2T asked for.
struct LegPiece {
  Bytes length;
  ap_uint<19> plen;
  bool last;
};
NVTEE_TEE_INLINE LegPiece piece_of(const LegEntry& e, const LegQueueRow& q) {
  const Bytes left = static_cast<Bytes>(e.done - e.at);
  LegPiece p;
  p.last = left <= q.most;
  p.length = p.last ? left : Bytes(q.most);
  // Both sums are made while it is compared.
  const ap_uint<6> digests = q.hdgst && q.ddgst ? 8 : q.hdgst || q.ddgst ? 4 : 0;
  const ap_uint<6> around = static_cast<ap_uint<6>>(spec::pdu::kHlenData + digests);
  const ap_uint<19> short_plen = static_cast<ap_uint<19>>(ap_uint<19>(left) + around);
  const ap_uint<19> full_plen = static_cast<ap_uint<19>>(ap_uint<19>(q.most) + around);
  p.plen = p.last ? short_plen : full_plen;
  return p;
}

NVTEE_TEE_INLINE void send_data(LegActs& acts, LegEntry& e, LegQueueRow& q, const LegPiece& p, EntryIx next) {
  send(acts, q);
  e.at = static_cast<Bytes>(e.at + p.length);
  e.begun = 1;
  if (p.last) pop(q.data, next);
}

// The job that a call would send, from what is known before it is known whether it does: `e` and `q` as they
// were.
NVTEE_TEE_INLINE TxJob job_of(const LegEntry& e, const LegQueueRow& q, QueueIx queue, EntryIx ix,
                              const LegCommand& cmd, bool is_data, bool is_end, const LegPiece& p) {
  LegToken t;
  t.entry = ix;
  t.queue = queue;
  t.epoch = q.epoch;
  t.ends = is_data ? (p.last ? LegToken::kData : LegToken::kNothing) : LegToken::kCapsule;
  const ap_uint<16> cid = tee::leg_cid(e.cid_gen, slot_of_entry(ix));
  TxJob j = command_job(cmd, q.hdgst, q.ddgst);
  if (is_data) {
    j = data_job(spec::pdu::kH2CData, cid, e.ttag, e.at, p.length, p.last ? 1 : 0, q.hdgst, q.ddgst);
    put<32>(j.head, 4, static_cast<ap_uint<32>>(p.plen));
    j.after = e.begun || e.capsule_out ? 1 : 0;
  }
  if (is_end) {
    j = TxJob();
    j.end = 1;
    t.entry = 0;
    t.ends = LegToken::kNothing;
  }
  j.session = q.session;
  j.slot = slot_of_entry(t.entry);
  j.from = TxJob::kLeg;
  j.token = token_bits(t);
  return j;
}

// What `ready` said may have passed since: the queue was shut, or a call came in vain.
NVTEE_TEE_INLINE void send_for(LegActs& acts, LegEntry& e, LegQueueRow& q, const LegReady& r, EntryIx next,
                               const LegPiece& p) {
  const bool open = q.valid && q.out != kTxWindow;
  if (r.data) {
    if (open && q.data.any && q.data.head == r.entry) send_data(acts, e, q, p, next);
  } else if (open && q.commands.any && q.commands.head == r.entry && q.credits != 0) {
    send_command(acts, e, q);
    pop(q.commands, next);
  }
}

// May the queue send after this call? What depends on whether a record was right is taken for granted: it
// would be known late in the call. At worst a call is made in vain.
NVTEE_TEE_INLINE bool may_send(const LegQueueRow& q, bool is_back, const LegBack& b) {
  const bool room = q.out != kTxWindow || (is_back && b.kind == LegBack::kSent);
  const bool asked = is_back && b.kind == LegBack::kR2t;
  const bool command = q.commands.any && (q.credits != 0 || is_back);
  return q.valid && room && (q.data.any || asked || command);
}
NVTEE_TEE_INLINE LegReady ready_of(const LegQueueRow& q, QueueIx queue, bool is_back, const LegBack& b) {
  const bool asked = is_back && b.kind == LegBack::kR2t;
  LegReady r;
  r.queue = queue;
  r.data = q.data.any || asked ? 1 : 0;
  r.entry = q.data.any ? q.data.head : asked ? b.entry : q.commands.head;
  return r;
}

// ---- what comes back ------------------------------------------------------------------------------------
NVTEE_TEE_INLINE void finish(LegActs& acts, LegEntry& e, LegQueueRow& q, const LegBack& b) {
  if (!e.answered || e.capsule_out || e.data_out || e.pieces != 0) return;
  const bool bad = e.bad && e.status == spec::st::kOk;
  acts.answers = true;
  acts.answer.ns = b.ns;
  acts.answer.leg = static_cast<tee::LegIndex>(b.entry);
  acts.answer.gen = b.gen;
  acts.answer.cid = tee::leg_cid(e.cid_gen, slot_of_entry(b.entry));
  acts.answer.status = bad ? tee::StatusBits(spec::st::kTransientTransport) : e.status;
  e.state = LegEntry::kNone;
  q.credits = static_cast<ap_uint<16>>(q.credits + 1);
}

// FES 0: nothing is wrong.
struct Wrong {
  ap_uint<3> fes;
  ap_uint<5> fei;
};
NVTEE_TEE_INLINE Wrong wrong(unsigned fes, unsigned fei) {
  Wrong w;
  w.fes = static_cast<ap_uint<3>>(fes);
  w.fei = static_cast<ap_uint<5>>(fei);
  return w;
}

NVTEE_TEE_INLINE Wrong check_response(const LegEntry& e, const LegBack& b, bool known) {
  const bool short_of = (e.in || e.by_r2t) && e.done != e.length;
  if (!known) return wrong(spec::fes::kInvalidHeaderField, 20);
  if (b.status == spec::st::kOk && short_of) return wrong(spec::fes::kSequenceError, 0);
  return wrong(0, 0);
}
NVTEE_TEE_INLINE Wrong check_data(const LegEntry& e, const LegBack& b, bool known, ap_uint<33> end) {
  if (!known || !e.in) return wrong(spec::fes::kInvalidHeaderField, 8);
  if (end > e.length) return wrong(spec::fes::kOutOfRange, 0);
  if (b.offset != e.done || e.last_seen) return wrong(spec::fes::kSequenceError, 0);
  if (b.success && !b.last) return wrong(spec::fes::kInvalidHeaderField, 1);
  if (b.success && end != e.length) return wrong(spec::fes::kSequenceError, 0);
  return wrong(0, 0);
}
NVTEE_TEE_INLINE Wrong check_r2t(const LegEntry& e, const LegBack& b, bool known, ap_uint<33> end) {
  if (!known || !e.by_r2t) return wrong(spec::fes::kInvalidHeaderField, 8);
  if (b.length == 0) return wrong(spec::fes::kInvalidHeaderField, 16);
  if (end > e.length) return wrong(spec::fes::kOutOfRange, 0);
  if (b.offset != e.done) return wrong(spec::fes::kSequenceError, 0);
  if (e.data_out) return wrong(spec::fes::kLimitExceeded, 0);
  return wrong(0, 0);
}

NVTEE_TEE_INLINE void take_response(LegEntry& e, const LegBack& b) {
  e.answered = 1;
  e.status = b.status;
}
NVTEE_TEE_INLINE void take_data(LegEntry& e, const LegBack& b, ap_uint<33> end) {
  e.done = static_cast<Bytes>(end);
  e.last_seen = b.last;
  if (b.length != 0) e.pieces = static_cast<ap_uint<16>>(e.pieces + 1);
  if (b.success) {
    e.answered = 1;
    e.status = spec::st::kOk;
  }
}
NVTEE_TEE_INLINE void take_r2t(LegActs& acts, LegEntry& e, LegQueueRow& q, const LegBack& b,
                               ap_uint<33> end) {
  e.at = e.done;
  e.done = static_cast<Bytes>(end);
  e.ttag = b.ttag;
  e.begun = 0;
  e.data_out = 1;
  append(q.data, b.entry, acts);
}

// Each PDU with data gets its verdict, right or wrong.
NVTEE_TEE_INLINE void place(LegActs& acts, const LegBack& b, bool good) {
  acts.places = b.kind == LegBack::kData && b.length != 0;
  acts.place.place = good ? 1 : 0;
  acts.place.slot = static_cast<StoreSlot>(slot_of_entry(b.entry));
  acts.place.offset = static_cast<Bytes>(b.offset);
  acts.place.tell = 1;
  acts.place.link = static_cast<LinkIx>(b.queue >> 2);
  acts.place.cid = static_cast<ap_uint<16>>((static_cast<ap_uint<16>>(b.cid_gen) << 13) |
                                            static_cast<ap_uint<16>>(slot_of_entry(b.entry)));
}

NVTEE_TEE_INLINE void take_pdu(LegActs& acts, LegEntry& e, LegQueueRow& q, const LegBack& b) {
  const ap_uint<33> end = static_cast<ap_uint<33>>(static_cast<ap_uint<33>>(b.offset) + b.length);
  const bool mine = e.epoch == b.epoch && e.cid_gen == b.cid_gen && e.state == LegEntry::kOpen;
  const bool known = mine && !e.answered;
  const bool deaf = b.dead || !q.valid || q.broken || q.epoch != b.epoch;
  const Wrong w = b.kind == LegBack::kResponse ? check_response(e, b, known)
                  : b.kind == LegBack::kData   ? check_data(e, b, known, end)
                                               : check_r2t(e, b, known, end);
  const bool good = !deaf && w.fes == 0;
  place(acts, b, good);
  if (!deaf && w.fes != 0)
    break_link(acts, q, b.queue, static_cast<uint16_t>(w.fes.to_uint()), w.fei.to_uint());
  if (!good) return;
  if (b.kind == LegBack::kResponse) take_response(e, b);
  if (b.kind == LegBack::kData) take_data(e, b, end);
  if (b.kind == LegBack::kR2t) take_r2t(acts, e, q, b, end);
}

NVTEE_TEE_INLINE void take_stored(LegEntry& e, const LegBack& b) {
  const bool mine = e.epoch == b.epoch && e.cid_gen == b.cid_gen && e.state == LegEntry::kOpen;
  if (!mine || b.dead || e.pieces == 0) return;
  e.pieces = static_cast<ap_uint<16>>(e.pieces - 1);
  if (!b.ok) e.bad = 1;
}

NVTEE_TEE_INLINE void take_sent(LegEntry& e, LegQueueRow& q, const LegBack& b) {
  if (q.epoch != b.epoch) return;
  if (q.out != 0) q.out = static_cast<ap_uint<5>>(q.out - 1);
  if (e.epoch != b.epoch) return;
  if (b.ends == LegToken::kCapsule) e.capsule_out = 0;
  if (b.ends == LegToken::kData) e.data_out = 0;
}

NVTEE_TEE_INLINE void take_back(LegActs& acts, LegEntry& e, LegQueueRow& q, const LegBack& b) {
  if (b.kind == LegBack::kSent) {
    take_sent(e, q, b);
  } else if (b.kind == LegBack::kStored) {
    take_stored(e, b);
  } else {
    take_pdu(acts, e, q, b);
  }
  const bool live =
      q.valid && q.epoch == b.epoch && e.epoch == b.epoch && e.state == LegEntry::kOpen && !b.dead;
  if (live) finish(acts, e, q, b);
}

// ---- the step -------------------------------------------------------------------------------------------
NVTEE_TEE_INLINE void tell(LegActs& acts, PortId port, LegTableIo& io) {
  acts.event.port = port;
  if (acts.places) io.place.write(acts.place);
  if (acts.answers) io.leg_in.write(acts.answer);
  if (acts.tells) io.event.write(acts.event);
}

NVTEE_TEE_INLINE tee::Step leg_table_step(LegTableState& s, PortId port, LegTableIo& io) {
  const bool asleep = io.back.empty() && io.out.empty() && io.ready_in.empty();
  if (asleep) return tee::Step::kIdle;
  const bool no_job = io.job.full() || io.ready_out.full();
  const bool no_word = no_job || io.place.full() || io.leg_in.full() || io.event.full();
  ap_uint<LegTableState::kSources> can = 0;
  can[LegTableState::kBack] = !io.back.empty() && !no_word;
  can[LegTableState::kReady] = !io.ready_in.empty() && !no_job;
  can[LegTableState::kOut] = !io.out.empty() && !no_job && !io.event.full();
  if (can == 0) return tee::Step::kBlocked;
  const bool others = can[LegTableState::kOut] || can[LegTableState::kReady];
  const bool is_back = can[LegTableState::kBack] && !(others && s.waited == 3);
  const bool is_ready =
      !is_back && can[LegTableState::kReady] && !(can[LegTableState::kOut] && s.readies == 7);
  const bool is_out = !is_back && !is_ready && can[LegTableState::kOut];
  s.waited = is_back && others ? static_cast<ap_uint<2>>(s.waited + 1) : ap_uint<2>(0);
  if (is_out) s.readies = 0;
  if (is_ready && can[LegTableState::kOut]) s.readies = static_cast<ap_uint<3>>(s.readies + 1);

  LegBack b = LegBack();
  LegOut o = LegOut();
  LegReady r = LegReady();
  if (is_back) b = io.back.read();
  if (is_out) o = io.out.read();
  if (is_ready) r = io.ready_in.read();
  const QueueIx queue = is_back ? b.queue : is_out ? o.queue : r.queue;
  const EntryIx ix = is_back ? b.entry : is_out ? o.entry : r.entry;
  LegQueueRow q = s.queues[queue.to_uint()];
  LegEntry e = s.entries[ix.to_uint()];
  const LegCommand cmd = command_of(s.commands[ix.to_uint()]);
  const EntryIx next = s.next[ix.to_uint()];

  const bool is_end = is_out && o.kind == LegOut::kShut;
  const LegPiece piece = piece_of(e, q);
  LegQueueRow of = q;  // whom a job is for
  if (is_end) of.epoch = o.epoch;
  if (is_end) of.session = o.session;
  TxJob job = job_of(e, of, queue, ix, is_out ? o.cmd : cmd, is_ready && r.data, is_end, piece);
  job.port = port;

  LegActs acts = LegActs();
  if (is_ready) q.listed = 0;
  if (is_out && o.kind == LegOut::kIssue) issue(acts, e, q, o);
  if (is_out && o.kind == LegOut::kOpen) open_queue(q, o);
  if (is_end) shut_queue(acts, q, o);
  if (is_ready) send_for(acts, e, q, r, next, piece);
  // Before what comes back is judged.
  if (may_send(q, is_back, b) && !q.listed) {
    io.ready_out.write(ready_of(q, queue, is_back, b));
    q.listed = 1;
  }
  if (is_back) take_back(acts, e, q, b);

  s.queues[queue.to_uint()] = q;
  s.entries[ix.to_uint()] = e;
  if (is_out && o.kind == LegOut::kIssue) s.commands[ix.to_uint()] = bits_of(o.cmd);
  if (acts.appends) s.next[acts.append_to.to_uint()] = ix;
  if (acts.jobs) io.job.write(job);
  tell(acts, port, io);
  return tee::Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
