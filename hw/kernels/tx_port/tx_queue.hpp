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
// A call does one thing: takes an answer, a job, or asks for a session that may ask. Tables: jobs[session,
// place], rows[session], one read and one write a call.
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

struct TxAsked {
  SessionIx session;
  TxPlace place;
};

struct TxQueueState {
  enum Source { kStatus = 0, kHostJob, kLegJob, kRuntimeJob, kReady, kRested, kSources };
  TxJob jobs[256 * kTxPlaces];
  TxRow rows[256];
  SessionIx ready[256], rest[256];
  ap_uint<8> ready_put, ready_get, rest_put, rest_get;
  ap_uint<9> ready_count, rest_count;
  TxAsked asked[kTxAsked];
  ap_uint<6> asked_put, asked_get;
  ap_uint<7> asked_count;
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
};

struct TxActs {
  TxGrant grant;
  SendRequest request;
  bool grants, requests;
  bool rests;  // the session goes to `rest`
};

NVTEE_TEE_INLINE bool may_ask(const TxRow& r) {
  if (r.at == r.put) return false;
  if (r.ending || r.held) return r.fly == 0;
  if (r.blocked) return r.walking && r.fly == 0 && !r.resting;
  return r.fly != kTxFly;
}

NVTEE_TEE_INLINE ap_uint<16> pdu_length(const TxJob& j) {
  const ap_uint<16> digests = static_cast<ap_uint<16>>((j.hdgst ? 4 : 0) + (j.ddgst ? 4 : 0));
  return static_cast<ap_uint<16>>(static_cast<ap_uint<16>>(j.length) +
                                  static_cast<ap_uint<16>>(j.head_bytes) + digests);
}

NVTEE_TEE_INLINE void take_job(TxRow& r, const TxJob& j) {
  r.over[r.put.to_uint()] = 0;
  r.put = static_cast<TxPlace>(r.put + 1);
  if (j.end) r.ending = 1;
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

NVTEE_TEE_INLINE void ask(TxActs& acts, TxRow& r, SessionIx session, const TxJob& j) {
  if (!may_ask(r)) return;
  if (r.over[r.at.to_uint()]) {
    step_on(r);
  } else if (r.ending) {
    r.over[r.at.to_uint()] = 1;
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
    acts.requests = true;
    acts.request.session = session;
    acts.request.length = pdu_length(j);
    r.fly = static_cast<ap_uint<4>>(r.fly + 1);
    r.at = static_cast<TxPlace>(r.at + 1);
  }
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
  if (!acts.grants) return;
  io.grant.write(acts.grant);
  const TxJob& j = acts.grant.job;
  if (acts.grant.error != SendStatus::kOk || j.length == 0) return;
  StoreRead r;
  r.slot = j.slot;
  r.offset = j.offset;
  r.length = j.length;
  r.chip = j.from == TxJob::kLeg ? 1 : 0;
  io.read.write(r);
}

NVTEE_TEE_INLINE tee::Step tx_queue_step(TxQueueState& s, TxQueueIo& io) {
  const bool asleep = io.host.empty() && io.leg.empty() && io.runtime.empty() && io.status.empty() &&
                      s.ready_count == 0 && s.rest_count == 0;
  if (asleep) return tee::Step::kIdle;
  const bool no_grant = io.grant.full() || io.read.full();
  const bool rested = s.timer[6];
  if (s.rest_count != 0 && !rested) s.timer = static_cast<ap_uint<7>>(s.timer + 1);
  ap_uint<TxQueueState::kSources> can = 0;
  can[TxQueueState::kStatus] = !io.status.empty() && !no_grant;
  can[TxQueueState::kHostJob] = !io.host.empty();
  can[TxQueueState::kLegJob] = !io.leg.empty();
  can[TxQueueState::kRuntimeJob] = !io.runtime.empty();
  can[TxQueueState::kReady] = s.ready_count != 0 && !no_grant && !io.request.full() && !s.asked_count[6];
  can[TxQueueState::kRested] = s.rest_count != 0 && rested;
  const ap_uint<TxQueueState::kSources> one = hw::next_of(s.turn, can);
  if (one == 0) return s.rest_count != 0 ? tee::Step::kMoved : tee::Step::kBlocked;
  hw::taken(s.turn, one);

  const bool is_status = one[TxQueueState::kStatus], is_ready = one[TxQueueState::kReady],
             is_rest = one[TxQueueState::kRested], is_job = !is_status && !is_ready && !is_rest;

  TxJob in = TxJob();
  if (one[TxQueueState::kHostJob]) in = io.host.read();
  if (one[TxQueueState::kLegJob]) in = io.leg.read();
  if (one[TxQueueState::kRuntimeJob]) in = io.runtime.read();
  SendStatus status = SendStatus();
  if (is_status) status = io.status.read();
  const TxAsked asked = s.asked[s.asked_get.to_uint()];
  const SessionIx first = s.ready[s.ready_get.to_uint()], tired = s.rest[s.rest_get.to_uint()];
  const SessionIx session = is_status ? asked.session : is_job ? in.session : is_ready ? first : tired;
  TxRow r = s.rows[session.to_uint()];
  const TxPlace place = is_status ? asked.place : r.at;
  const TxJob job = s.jobs[session.to_uint() * kTxPlaces + place.to_uint()];
  const TxPlace put = r.put;

  TxActs acts = TxActs();
  if (is_job) take_job(r, in);
  if (is_status) answered(acts, r, place, job, status.error);
  if (is_ready) {
    r.listed = 0;
    ask(acts, r, session, job);
  }
  if (is_rest) r.resting = 0;
  if (acts.rests) r.resting = 1;

  const bool list = may_ask(r) && !r.listed;
  if (list) {
    r.listed = 1;
    s.ready[s.ready_put.to_uint()] = session;
    s.ready_put = static_cast<ap_uint<8>>(s.ready_put + 1);
  }
  if (is_ready) s.ready_get = static_cast<ap_uint<8>>(s.ready_get + 1);
  s.ready_count = static_cast<ap_uint<9>>(s.ready_count + (list ? 1 : 0) - (is_ready ? 1 : 0));
  if (acts.rests) {
    s.rest[s.rest_put.to_uint()] = session;
    s.rest_put = static_cast<ap_uint<8>>(s.rest_put + 1);
  }
  if (is_rest) {
    s.rest_get = static_cast<ap_uint<8>>(s.rest_get + 1);
    s.timer = 0;
  }
  s.rest_count = static_cast<ap_uint<9>>(s.rest_count + (acts.rests ? 1 : 0) - (is_rest ? 1 : 0));
  if (acts.requests) {
    TxAsked a;
    a.session = session;
    a.place = place;
    s.asked[s.asked_put.to_uint()] = a;
    s.asked_put = static_cast<ap_uint<6>>(s.asked_put + 1);
  }
  if (is_status) s.asked_get = static_cast<ap_uint<6>>(s.asked_get + 1);
  s.asked_count = static_cast<ap_uint<7>>(s.asked_count + (acts.requests ? 1 : 0) - (is_status ? 1 : 0));
  s.rows[session.to_uint()] = r;
  if (is_job) s.jobs[session.to_uint() * kTxPlaces + put.to_uint()] = in;
  tell(acts, io);
  return tee::Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
