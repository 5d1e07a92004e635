// Test helpers: a core with its outputs collected, and short names for orders and commands.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

#include "hw/kernels/tee_core/tee_core.hpp"
#include "hw/kernels/tee_core/test_core.hpp"

namespace nvtee::tee::test {

constexpr uint64_t kForever = ~0ull;
constexpr uint32_t kNsid = 7;
constexpr unsigned kLbads = 9;

inline Ctl order(unsigned op) {
  Ctl c{};
  c.op = op;
  return c;
}

inline HostIn command(unsigned queue, unsigned cid, unsigned opcode, uint64_t slba, unsigned count,
                      uint32_t nsid = kNsid) {
  HostIn h{};
  h.kind = HostIn::kCommand;
  h.queue = queue;
  h.cid = cid;
  h.opcode = opcode;
  h.flags = spec::kPsdtSgl;
  h.nsid = nsid;
  h.slba = slba;
  h.cdw12 = count - 1;
  h.sgl_type = spec::kSglTransport;
  if (opcode & 3) h.sgl_length = count << kLbads;
  return h;
}

inline HostIn in_capsule(HostIn h) {
  h.sgl_type = spec::kSglDataOffset;
  h.length = h.sgl_length;
  return h;
}

template <class C>
class Rig {
 public:
  Rig() : core_(std::make_unique<TeeCore<C>>()) {}

  TeeCore<C>& core() { return *core_; }
  uint64_t now = 1;

  void send(const Ctl& c) {
    core_->ctl.write(c);
    run();
  }
  // A namespace with `legs` legs in sync (generation 1, NSID 100 + leg), open gates, queues 0..3 and an
  // endless lease.
  void set_up(unsigned legs, unsigned ns = 0, uint32_t nsid = kNsid, uint64_t blocks = 1 << 20,
              unsigned region_shift = 4) {
    Ctl c = order(Ctl::kSetNamespace);
    c.ns = ns;
    c.flag = 1;
    c.nsid = nsid;
    c.lba = blocks;
    c.shift_a = kLbads;
    c.shift_b = region_shift;
    c.flag3 = 1;
    send(c);
    for (unsigned l = 0; l < legs; ++l) set_leg(l, Ctl::kLegInSync, 1, ns);
    for (unsigned q = 1; q < Sizes<C>::kQueues && q < 4; ++q) open_queue(q);
    set_lease(kForever);
  }
  void set_leg(unsigned leg, unsigned state, unsigned gen, unsigned ns = 0) {
    Ctl c = order(Ctl::kSetLeg);
    c.ns = ns;
    c.leg = leg;
    c.leg_state = state;
    c.gen = gen;
    c.nsid = 100 + leg;
    send(c);
  }
  void set_lease(uint64_t until) {
    Ctl c = order(Ctl::kSetLease);
    c.clock = until;
    send(c);
  }
  void set_gate(unsigned reads, unsigned writes, unsigned ns = 0) {
    Ctl c = order(Ctl::kSetGate);
    c.ns = ns;
    c.status = reads;
    c.status2 = writes;
    send(c);
  }
  void open_queue(unsigned q) { queue_order(Ctl::kQueueOpen, q); }
  void close_queue(unsigned q) { queue_order(Ctl::kQueueClose, q); }
  void set_region(uint32_t region, unsigned state, unsigned ns = 0) {
    Ctl c = order(Ctl::kRegionSet);
    c.ns = ns;
    c.region = region;
    c.region_state = state;
    send(c);
  }
  void slot_order(unsigned op, unsigned slot, unsigned status = 0, bool flag = false) {
    Ctl c = order(op);
    c.slot = slot;
    c.status = status;
    c.flag = flag;
    send(c);
  }
  void fence(unsigned ns = 0) {
    Ctl c = order(Ctl::kFence);
    c.ns = ns;
    send(c);
  }
  void sweep(unsigned leg, unsigned mode, unsigned ns = 0) {
    Ctl c = order(Ctl::kLegSweep);
    c.ns = ns;
    c.leg = leg;
    c.sweep = mode;
    send(c);
  }
  void hold(uint64_t lba, unsigned count, bool exclusive, unsigned tag, bool regions = false,
            unsigned ns = 0) {
    Ctl c = order(Ctl::kHold);
    c.ns = ns;
    c.lba = lba;
    c.nlb = count;
    c.flag = exclusive;
    c.flag2 = regions;
    c.tag = tag;
    send(c);
  }
  void issue(unsigned slot, unsigned opcode, unsigned mask) {
    Ctl c = order(Ctl::kIssue);
    c.slot = slot;
    c.opcode = opcode;
    c.mask = mask;
    send(c);
  }
  void copy(unsigned slot, unsigned from, unsigned to_mask) {
    Ctl c = order(Ctl::kCopy);
    c.slot = slot;
    c.leg = from;
    c.mask = to_mask;
    send(c);
  }

  // The Placement of a command or data header.
  Placement put(const HostIn& h) {
    core_->host_in.write(h);
    EXPECT_TRUE(core_->run_front(now));
    if (core_->placement.empty()) {
      ADD_FAILURE() << "no placement";
      return {};
    }
    const Placement p = core_->placement.read();
    run();
    return p;
  }
  // A data header of `length` bytes at `offset`.
  Placement data(unsigned queue, unsigned slot, unsigned cid, uint32_t offset, uint32_t length, bool last) {
    HostIn h{};
    h.kind = HostIn::kDataHeader;
    h.queue = queue;
    h.slot = slot;
    h.cid = cid;
    h.offset = offset;
    h.length = length;
    h.last = last;
    return put(h);
  }
  void done(unsigned queue, unsigned slot, bool digest_ok = true) {
    note(HostIn::kDataDone, queue, slot, digest_ok);
  }
  void sent(unsigned queue, unsigned slot) { note(HostIn::kSent, queue, slot, true); }
  // A write whose payload came in the capsule and is good: the slot.
  unsigned write(unsigned queue, unsigned cid, uint64_t slba, unsigned count) {
    const Placement p = put(in_capsule(command(queue, cid, spec::io::kWrite, slba, count)));
    EXPECT_EQ(p.action, Placement::kPlace);
    done(queue, p.slot);
    return p.slot;
  }
  void answer(const LegTx& t, unsigned status = 0) {
    LegIn a{};
    a.ns = t.ns;
    a.leg = t.leg;
    a.gen = t.gen;
    a.cid = t.cid;
    a.status = status;
    core_->leg_in.write(a);
    run();
  }

  void run() {
    bool moved = true;
    while (moved) {
      moved = core_->run(now);
      while (!core_->host_out.empty()) out.push_back(core_->host_out.read());
      while (!core_->leg_tx.empty()) tx.push_back(core_->leg_tx.read());
      while (!core_->event.empty()) events.push_back(core_->event.read());
    }
  }
  // The oldest of each; a failure and zeros when there is none.
  HostOut next_out() { return pop(out, "HostOut"); }
  LegTx next_tx() { return pop(tx, "LegTx"); }
  Event next_event() { return pop(events, "Event"); }
  Event expect_event(unsigned kind) {
    const Event e = next_event();
    EXPECT_EQ(e.kind, kind);
    return e;
  }
  void expect_response(unsigned cid, unsigned status) {
    const HostOut h = next_out();
    EXPECT_EQ(h.kind, HostOut::kResponse);
    EXPECT_EQ(h.cid, cid);
    EXPECT_EQ(h.status, status);
  }
  bool quiet() const { return out.empty() && tx.empty() && events.empty(); }
  // Nothing is in use anywhere.
  void expect_idle() {
    EXPECT_TRUE(quiet()) << out.size() << " " << tx.size() << " " << events.size();
    EXPECT_EQ(core_->slots_used(), 0u);
    EXPECT_TRUE(core_->guard_idle());
    for (unsigned ns = 0; ns < Sizes<C>::kNamespaces; ++ns) EXPECT_EQ(core_->unfinished(ns), 0u);
  }

  std::deque<HostOut> out;
  std::deque<LegTx> tx;
  std::deque<Event> events;

 private:
  template <class T>
  static T pop(std::deque<T>& q, const char* what) {
    if (q.empty()) {
      ADD_FAILURE() << "no " << what;
      return {};
    }
    const T x = q.front();
    q.pop_front();
    return x;
  }
  void queue_order(unsigned op, unsigned q) {
    Ctl c = order(op);
    c.queue = q;
    c.value = 128;
    send(c);
  }
  void note(unsigned kind, unsigned queue, unsigned slot, bool ok) {
    HostIn h{};
    h.kind = kind;
    h.queue = queue;
    h.slot = slot;
    h.digest_ok = ok;
    core_->host_in.write(h);
    run();
  }

  std::unique_ptr<TeeCore<C>> core_;
};

}  // namespace nvtee::tee::test
