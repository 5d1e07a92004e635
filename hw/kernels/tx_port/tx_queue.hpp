// tx_queue: the jobs of a port, a ring for each session, and the talk with the session interface about space.
//
// A job is requested when its turn in its session comes; up to kTxFly requests of a session are out, so the
// latency of the answers costs nothing. When one finds no space, its session goes back to it as soon as its
// other requests are answered, and from there goes on one at a time, after a rest, until all that was asked
// for in vain is on its way: what is big waits no longer than what is small, and other sessions never wait.
//
// A sender has at most kTxWindow jobs of a session out, and the runtime 4 in all: with the `end` and those
// that overtook one without space (kTxFly - 1) that is less than the 32 places of a ring.
//
// A call does one thing: takes an answer, a job (and asks for it at once when nothing is before it), or asks
// for a session that may ask. Streams that lead back here: `ready`, each session that may ask at most once,
// with its place; `rest`, each that will try again; `asked`, what was asked for. Tables: jobs[session,
// place], rows[session], one read and one write a call, at addresses that follow from the record.
#ifndef NVTEE_HW_KERNELS_TX_PORT_TX_QUEUE_HPP
#define NVTEE_HW_KERNELS_TX_PORT_TX_QUEUE_HPP

#include <hls_stream.h>

#include "hw/kernels/common/turn.hpp"
#include "hw/kernels/tx_port/tx_records.hpp"

namespace nvtee {
namespace card {

constexpr unsigned kTxFly = 8;      // requests of a session
constexpr unsigned kTxAsked = 64;   // requests of the port
constexpr unsigned kTxRest = 64;    // calls between two sessions that try again
constexpr unsigned kTxRuntime = 4;  // jobs that the runtime may have out
constexpr unsigned kTxPlaces = 32;
static_assert(kTxWindow + kTxRuntime + 1 + (kTxFly - 1) < kTxPlaces, "a ring never fills");

typedef ap_uint<5> TxPlace;

struct TxRow {
  TxPlace put;        // where the next job goes
  TxPlace at;         // the next to ask for; == put: none
  ap_uint<4> fly;     // requests without an answer
  ap_uint<32> over;   // places whose job is on its way or dropped
  TxPlace back, top;  // blocked: the first job without space; up to where was asked before
  ap_uint<1> blocked;
  ap_uint<1> walking;  // blocked: on the way from `back` to `top`, one at a time
  ap_uint<1> held;     // the job at `at` waits for all answers
  ap_uint<1> ending;   // all that is left is dropped
  ap_uint<1> listed;   // in `ready`
  ap_uint<1> resting;  // in `rest`
};

// A job in its session's ring.
struct TxAsked {
  SessionIx session;
  TxPlace place;
};
constexpr int kTxReady = 512;  // holds one of each session, and is never full

struct TxQueueState {
  enum Source { kStatus = 0, kHostJob, kLegJob, kRuntimeJob, kReady, kRested, kSources };
  TxJob jobs[256 * kTxPlaces];
  TxRow rows[256];
  ap_uint<7> timer;
  hw::Turn<kSources> turn;
};

struct TxQueueIo {
  hls::stream<TxJob>& host;
  hls::stream<TxJob>& leg;
  hls::stream<TxJob>& runtime;
  hls::stream<SendRequest>& request;
  hls::stream<SendStatus>& status;
  hls::stream<TxGrant>& grant;
  hls::stream<StoreRead>& read;
  hls::stream<TxAsked>& ready_in;
  hls::stream<TxAsked>& ready_out;
  hls::stream<SessionIx>& rest_in;
  hls::stream<SessionIx>& rest_out;
  hls::stream<TxAsked>& asked_in;
  hls::stream<TxAsked>& asked_out;
};

struct TxActs {
  TxGrant grant;
  SendRequest request;
  bool grants, requests;
  bool reads;  // with a grant: its payload
  bool rests;  // the session goes to `rest`
};

// A job that waits may be asked for.
NVTEE_TEE_INLINE bool may_go(const TxRow& r) {
  if (r.ending || r.held) return r.fly == 0;
  if (r.blocked) return r.walking && r.fly == 0 && !r.resting;
  return r.fly != kTxFly;
}
NVTEE_TEE_INLINE bool may_ask(const TxRow& r) {
  return r.at != r.put && may_go(r);
}

NVTEE_TEE_INLINE ap_uint<16> pdu_length(const TxJob& j) {
  // The header with all digests first: a short sum.
  const ap_uint<7> digests = j.hdgst && j.ddgst ? 8 : j.hdgst || j.ddgst ? 4 : 0;
  const ap_uint<7> rest = static_cast<ap_uint<7>>(j.head_bytes + digests);
  return static_cast<ap_uint<16>>(static_cast<ap_uint<16>>(j.length) + rest);
}

NVTEE_TEE_INLINE void request(TxActs& acts, TxRow& r, SessionIx session, ap_uint<16> length) {
  acts.requests = true;
  acts.request.session = session;
  acts.request.length = length;
  r.fly = static_cast<ap_uint<4>>(r.fly + 1);
  r.at = static_cast<TxPlace>(r.at + 1);
}

// `ask`: a request may be made in this call. Returns whether it was.
NVTEE_TEE_INLINE bool take_job(TxActs& acts, TxRow& r, const TxJob& j, ap_uint<16> length, bool ask) {
  const bool free = r.at == r.put && !r.ending && !r.held && !r.blocked && r.fly != kTxFly;
  const bool now = ask && free && !j.end && !(j.after && r.fly != 0);
  r.over[r.put.to_uint()] = 0;
  r.put = static_cast<TxPlace>(r.put + 1);
  if (j.end) r.ending = 1;
  if (now) request(acts, r, j.session, length);
  return now;
}

NVTEE_TEE_INLINE void drop(TxActs& acts, const TxJob& j) {
  acts.grants = true;
  acts.grant.job = j;
  acts.grant.error = SendStatus::kClosed;
}

// One more place is dealt with.
NVTEE_TEE_INLINE void step_on(TxRow& r) {
  r.at = static_cast<TxPlace>(r.at + 1);
  if (r.walking && r.at == r.top && r.fly == 0) {
    r.blocked = 0;
    r.walking = 0;
  }
}

// `place`: where `at` was when the session was put into `ready`.
NVTEE_TEE_INLINE void ask(TxActs& acts, TxRow& r, SessionIx session, TxPlace place, const TxJob& j) {
  if (!may_ask(r) || r.at != place) return;
  if (r.over[place.to_uint()]) {
    step_on(r);
  } else if (r.ending) {
    r.over[place.to_uint()] = 1;
    drop(acts, j);
    step_on(r);
    if (j.end) {
      r.ending = 0;
      r.blocked = 0;
      r.walking = 0;
      r.held = 0;
    }
  } else if (j.after && r.fly != 0) {
    r.held = 1;
  } else {
    r.held = 0;
    request(acts, r, session, pdu_length(j));
  }
}

// Is the session to be listed again, when this turn is over? Only the row as it was is asked: what the turn
// does is known late. When too much is said, a turn is in vain; while requests are out, their answers list
// it, whenever a job waits.
NVTEE_TEE_INLINE bool more_to_ask(const TxRow& r, TxPlace place) {
  const bool behind = r.at == place ? static_cast<TxPlace>(place + 1) != r.put : r.at != r.put;
  return behind && may_go(r) && r.fly < kTxFly - 1;
}

NVTEE_TEE_INLINE void no_space(TxRow& r, TxPlace place) {
  if (!r.blocked) r.top = r.at;
  if (!r.blocked || r.walking) r.back = place;
  r.blocked = 1;
}

NVTEE_TEE_INLINE void answered(TxActs& acts, TxRow& r, TxPlace place, const TxJob& j, ap_uint<2> error) {
  r.fly = static_cast<ap_uint<4>>(r.fly - 1);
  const bool failed = error == SendStatus::kNoSpace;
  if (failed) {
    no_space(r, place);
  } else {
    r.over[place.to_uint()] = 1;
    acts.grants = true;
    acts.grant.job = j;
    acts.grant.error = error;
    acts.reads = error == SendStatus::kOk && j.length != 0;
  }
  if (!r.blocked || r.fly != 0) return;
  if (failed || !r.walking) {
    r.at = r.back;
    r.walking = 1;
    r.held = 0;
    acts.rests = !r.resting;
  } else if (r.at == r.top) {
    r.blocked = 0;
    r.walking = 0;
  }
}

NVTEE_TEE_INLINE void tell(const TxActs& acts, TxQueueIo& io) {
  if (acts.requests) io.request.write(acts.request);
  if (acts.grants) io.grant.write(acts.grant);
  if (!acts.reads) return;
  const TxJob& j = acts.grant.job;
  StoreRead r;
  r.slot = j.slot;
  r.offset = j.offset;
  r.length = j.length;
  r.chip = j.from == TxJob::kLeg ? 1 : 0;
  io.read.write(r);
}

NVTEE_TEE_INLINE tee::Step tx_queue_step(TxQueueState& s, TxQueueIo& io) {
  const bool asleep = io.host.empty() && io.leg.empty() && io.runtime.empty() && io.status.empty() &&
                      io.ready_in.empty() && io.rest_in.empty();
  if (asleep) return tee::Step::kIdle;
  if (io.ready_out.full() || io.rest_out.full()) return tee::Step::kBlocked;  // never
  const bool no_grant = io.grant.full() || io.read.full();
  const bool may_request = !io.request.full() && !io.asked_out.full();
  const bool rested = s.timer[6];
  if (!io.rest_in.empty() && !rested) s.timer = static_cast<ap_uint<7>>(s.timer + 1);
  ap_uint<TxQueueState::kSources> can = 0;
  can[TxQueueState::kStatus] = !io.status.empty() && !io.asked_in.empty() && !no_grant;
  can[TxQueueState::kHostJob] = !io.host.empty();
  can[TxQueueState::kLegJob] = !io.leg.empty();
  can[TxQueueState::kRuntimeJob] = !io.runtime.empty();
  can[TxQueueState::kReady] = !io.ready_in.empty() && !no_grant && may_request;
  can[TxQueueState::kRested] = !io.rest_in.empty() && rested;
  const ap_uint<TxQueueState::kSources> one = hw::next_of(s.turn, can);
  if (one == 0) return io.rest_in.empty() ? tee::Step::kBlocked : tee::Step::kMoved;
  hw::taken(s.turn, one);

  const bool is_status = one[TxQueueState::kStatus], is_ready = one[TxQueueState::kReady],
             is_rest = one[TxQueueState::kRested],
             is_job =
                 one[TxQueueState::kHostJob] || one[TxQueueState::kLegJob] || one[TxQueueState::kRuntimeJob];

  TxJob in = TxJob();
  ap_uint<16> length = 0;  // of its PDU: known before it is known whose turn it is
  if (one[TxQueueState::kHostJob]) {
    in = io.host.read();
    length = pdu_length(in);
  } else if (one[TxQueueState::kLegJob]) {
    in = io.leg.read();
    length = pdu_length(in);
  } else if (one[TxQueueState::kRuntimeJob]) {
    in = io.runtime.read();
    length = pdu_length(in);
  }
  SendStatus status = SendStatus();
  TxAsked of = TxAsked();  // the job that an answer or a turn is about
  if (is_status) {
    status = io.status.read();
    of = io.asked_in.read();
  }
  if (is_ready) of = io.ready_in.read();
  SessionIx session = is_job ? in.session : of.session;
  if (is_rest) session = io.rest_in.read();
  TxRow r = s.rows[session.to_uint()];
  const TxJob job = s.jobs[session.to_uint() * kTxPlaces + of.place.to_uint()];
  const TxPlace put = r.put;
  const TxPlace asked = is_job ? put : of.place;

  TxActs acts = TxActs();
  bool list = false;
  if (is_job) {
    const bool may = may_go(r) || in.end;
    list = !take_job(acts, r, in, length, may_request) && may;
  } else if (is_status) {
    list = r.at != r.put || r.blocked || status.error == SendStatus::kNoSpace;
    answered(acts, r, of.place, job, status.error);
  } else if (is_ready) {
    r.listed = 0;
    list = more_to_ask(r, of.place);
    ask(acts, r, session, of.place, job);
  } else {
    r.resting = 0;
    s.timer = 0;
    list = may_ask(r);
  }
  if (acts.rests) {
    r.resting = 1;
    io.rest_out.write(session);
  }
  if (list && !r.listed) {
    r.listed = 1;
    TxAsked next;
    next.session = session;
    next.place = r.at;
    io.ready_out.write(next);
  }
  if (acts.requests) {
    TxAsked a;
    a.session = session;
    a.place = asked;
    io.asked_out.write(a);
  }
  s.rows[session.to_uint()] = r;
  if (is_job) s.jobs[session.to_uint() * kTxPlaces + put.to_uint()] = in;
  tell(acts, io);
  return tee::Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
