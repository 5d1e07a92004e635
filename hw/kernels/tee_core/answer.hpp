// answer: the one place where hosts are spoken to. It refuses a success after the lease, keeps silent on
// closed queues, gives guard, fence count and slot back, all in one step.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_ANSWER_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_ANSWER_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

template <class C>
struct AnswerState {
  ap_uint<1> closed[Sizes<C>::kQueues];
  Clock lease;
};

struct AnswerIo {
  hls::stream<Ctl>& ctl;
  hls::stream<Done>& done;
  hls::stream<Said>& said;
  hls::stream<HostOut>& host_out;
  hls::stream<Release>& release;
  hls::stream<Finish>& finish;
  hls::stream<SlotId>& freed;
  hls::stream<Event>& event;
};

template <class C>
NVTEE_TEE_INLINE bool is_closed(const AnswerState<C>& s, QueueId queue) {
  return s.closed[queue.to_uint() & (Sizes<C>::kQueues - 1)] == 1 && C::kMutant != Mutant::kClosedQueueTold;
}

template <class C>
NVTEE_TEE_INLINE void answer_order(AnswerState<C>& s, const Ctl& c) {
  const unsigned queue = static_cast<unsigned>(c.queue) & (Sizes<C>::kQueues - 1);
  if (c.op == Ctl::kSetLease) s.lease = c.clock;
  if (c.op == Ctl::kQueueOpen) s.closed[queue] = 0;
  if (c.op == Ctl::kQueueClose) s.closed[queue] = 1;
}

// After the lease nobody may take a word of ours for the truth.
template <class C>
NVTEE_TEE_INLINE void under_lease(const AnswerState<C>& s, Clock now, HostOut& h) {
  if (now < s.lease || C::kMutant == Mutant::kLeaseIgnored) return;
  h.kind = HostOut::kResponse;
  h.status = spec::st::kPathInternal;
  h.dnr = 0;
  h.result = 0;
}

template <class C>
NVTEE_TEE_INLINE void answer_done(AnswerState<C>& s, Clock now, const Done& d, AnswerIo& io) {
  HostOut h = HostOut();
  h.kind = d.data ? HostOut::kReadData : HostOut::kResponse;
  h.queue = queue_of<C>(d.cmd.slot);
  h.cid = d.cmd.cid;
  h.slot = d.cmd.slot;
  h.length = d.data ? ap_uint<32>(d.cmd.bytes) : ap_uint<32>(0);
  h.status = d.status;
  h.dnr = d.dnr;
  under_lease(s, now, h);
  const bool told = d.cmd.kind != Cmd::kHold && !is_closed(s, h.queue);
  const bool keeps = told && h.kind == HostOut::kReadData && C::kMutant != Mutant::kBufferEarly;
  if (told) io.host_out.write(h);
  if (!keeps) io.freed.write(d.cmd.slot);  // else kSent frees it
  Finish f;
  f.ns = d.cmd.ns;
  f.colour = d.cmd.colour;
  io.finish.write(f);
  if (d.cmd.count != 0 && C::kMutant != Mutant::kGuardKept) {
    Release r;
    r.slba = d.cmd.slba;
    r.count = d.cmd.count;
    r.ns = d.cmd.ns;
    io.release.write(r);
  }
}

template <class C>
NVTEE_TEE_INLINE void answer_said(AnswerState<C>& s, Clock now, const Said& a, AnswerIo& io) {
  if (a.kind == Said::kDrained) {
    Event e = event_of(Event::kQueueDrained);
    e.queue = a.queue;
    io.event.write(e);
    return;
  }
  HostOut h = HostOut();
  h.kind = a.kind == Said::kR2t ? HostOut::kR2t : a.data ? HostOut::kReadData : HostOut::kResponse;
  h.queue = a.queue;
  h.cid = a.cid;
  h.slot = a.slot;
  h.length = h.kind == HostOut::kResponse ? ap_uint<32>(0) : ap_uint<32>(a.length);
  h.status = a.status;
  h.dnr = a.dnr;
  h.result = a.result;
  if (a.kind == Said::kEnd && a.status == 0) under_lease(s, now, h);
  const bool told = a.kind != Said::kSilent && !is_closed(s, a.queue);
  const bool ends = a.kind == Said::kEnd || a.kind == Said::kSilent;
  if (told) io.host_out.write(h);
  if (ends && (!told || h.kind != HostOut::kReadData)) io.freed.write(a.slot);
}

template <class C>
NVTEE_TEE_INLINE Step answer_step(AnswerState<C>& s, Clock now, AnswerIo& io) {
  if (!io.ctl.empty()) {
    answer_order(s, io.ctl.read());
    return Step::kMoved;
  }
  if (io.done.empty() && io.said.empty()) return Step::kIdle;
  if (io.host_out.full() || io.release.full() || io.finish.full() || io.freed.full() || io.event.full())
    return Step::kBlocked;
  if (!io.done.empty()) {
    answer_done(s, now, io.done.read(), io);
  } else {
    answer_said(s, now, io.said.read(), io);
  }
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
