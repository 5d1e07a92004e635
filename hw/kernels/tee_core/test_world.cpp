#include "hw/kernels/tee_core/test_world.hpp"

#include <sstream>

namespace nvtee::tee::test {

World::World(std::unique_ptr<CoreUnderTest> core, uint64_t seed, WorldOptions options)
    : options_(options), rng_(seed), core_(std::move(core)) {
  for (auto& b : buffers_) b.assign(kMaxBlocks, 0);
}

std::string World::run() {
  try {
    set_up();
    for (unsigned i = 0; i < options_.actions; ++i) act();
    wind_up();
  } catch (const Broken& b) {
    std::ostringstream s;
    s << "at " << now_ << ": " << b.what;
    return s.str();
  }
  return {};
}

Ctl World::order(unsigned op, unsigned ns) {
  Ctl c{};
  c.op = op;
  c.ns = ns;
  return c;
}

void World::set_up() {
  for (unsigned n = 0; n < kNs; ++n) {
    RefNamespace& r = ref_.emplace_back();
    r.valid = true;
    r.nsid = 7 + n;
    r.blocks = kBlocks;
    r.reservations = n == 1;
    r.compare = n == 0;
    Ctl c = order(Ctl::kSetNamespace, n);
    c.flag = 1;
    c.nsid = r.nsid;
    c.lba = r.blocks;
    c.shift_a = r.lbads;
    c.shift_b = kRegionShift;
    c.flag3 = r.compare;
    c.value = r.reservations;
    send(c);
    for (unsigned l = 0; l < kLegsUsed; ++l) {
      ns_[n].legs[l].state = Ctl::kLegInSync;
      ns_[n].legs[l].gen = 1;
      set_leg(n, l);
    }
  }
  send_later(~0u);
  for (unsigned q = 1; q < kQueues; ++q) {
    Ctl c = order(Ctl::kQueueOpen);
    c.queue = q;
    send(c);
    queues_[q].open = true;
  }
  Ctl c = order(Ctl::kSetLease);
  c.clock = lease_;
  send(c);
  settle();
}

// ---- the core's turns -----------------------------------------------------------------------------------
void World::feed() {
  while (!backlog_.empty() && core_->put(backlog_.front())) {
    const Ctl& c = backlog_.front();
    trace("ctl op", c.op, "ns", c.ns, "leg", c.leg, "state", c.leg_state, "gen", c.gen, "sweep", c.sweep,
          "slot", c.slot, "region", c.region, c.region_state, "lba", c.lba, c.nlb, "mask", c.mask);
    backlog_.pop_front();
  }
}

// Some of the orders that wait.
void World::send_later(unsigned most) {
  for (; most != 0 && !later_.empty(); --most) {
    send(later_.front());
    later_.pop_front();
  }
}

void World::step_core() {
  if (chance(100)) send_later(1);
  feed();
  if (chance(300)) {
    core_->run(now_);
  } else {
    for (unsigned i = below(60); i != 0; --i) core_->step_one(below(CoreUnderTest::kStages), now_);
  }
}

// What was said to hosts and legs comes before the events that the runtime acts on.
bool World::drain(unsigned most) {
  bool any = false;
  HostOut h;
  LegTx t;
  Event e;
  for (; most != 0; --most) {
    if (core_->get(h)) {
      on_host_out(h);
    } else if (core_->get(t)) {
      on_leg_tx(t);
    } else if (core_->get(e)) {
      on_event(e);
    } else {
      break;
    }
    any = true;
  }
  return any;
}

// Until nothing moves without the outside.
void World::settle() {
  for (unsigned turn = 0;; ++turn) {
    must(turn < 100000, "P10: the core comes to rest");
    bool moved = !backlog_.empty();
    feed();
    moved |= core_->run(now_);
    moved |= drain(~0u);
    if (!moved) return;
  }
}

// ---- the loop -------------------------------------------------------------------------------------------
void World::act() {
  ++now_;
  if (now_ % 64 == 0) forget_answered();
  step_core();
  drain(below(8));
  if (lease_over_ && chance(60)) toggle_lease();
  const unsigned dice = below(1000);
  if (dice < 200) {
    host_command();
  } else if (dice < 400) {
    host_data();
  } else if (dice < 450) {
    host_sent();
  } else if (dice < 860) {
    leg_turn();
    leg_turn();
  } else if (dice < 955) {
    runtime_turn();
  } else if (dice < 970) {
    noise();
  } else if (dice < 974) {
    shut_gates();
  } else if (dice < 975) {
    if (chance(300)) toggle_lease();
  } else if (dice < 976) {
    close_queue(1 + below(kQueues - 1));
  } else if (dice < 986) {
    want_close();
  } else {
    want_hold();
  }
}

void World::forget_answered() {
  std::set<uint64_t> kept;
  for (const auto& [slot, id] : sending_) kept.insert(id);
  std::erase_if(cmds_, [&](const auto& x) { return x.second.answered && !kept.contains(x.first); });
  std::erase_if(by_cid_, [&](const auto& x) { return !cmds_.contains(x.second); });
}

// Faults are over: gates open, lease renewed.
void World::heal() {
  if (lease_over_) toggle_lease();
  for (unsigned n = 0; n < kNs; ++n) open_gates(n);
}

// No new work: everything under way must come to its end, and the legs must agree.
void World::wind_up() {
  winding_ = true;
  options_.faults = 0;
  settle();
  heal();
  for (unsigned turn = 0; !at_rest(); ++turn) {
    if (turn == 40000) broken("P9, P10: work ends once faults have ended; left:" + unrest());
    ++now_;
    send_later(~0u);
    settle();
    for (unsigned i = 0; i < 4; ++i) {
      host_data();
      host_sent();
      leg_turn();
      runtime_turn();
    }
  }
  check_end();
}

bool World::at_rest() {
  bool live = false;
  each_live([&](const HostCmd& c) { live |= !c.dead; });
  for (const Ns& s : ns_) {
    live |= s.fencing || !s.fences.empty() || !s.sweeps.empty();
    for (const Leg& l : s.legs) live |= l.state != Ctl::kLegInSync || !l.ops.empty();
    for (const auto& [r, region] : s.regions) live |= region.busy;
  }
  for (const Queue& q : queues_) live |= q.draining;
  return !live && holds_.empty() && sending_.empty() && backlog_.empty() && later_.empty();
}

// For the reader of a failure.
std::string World::unrest() {
  std::ostringstream s;
  each_live([&](const HostCmd& c) {
    if (c.dead) return;
    s << " cmd " << c.id << " op " << c.opcode << " ns " << c.ns << " slot " << c.slot << " lba " << c.slba
      << "+" << c.count << (c.placed ? " placed" : "") << (c.whole ? " whole" : "")
      << (c.touched ? " touched" : "") << (c.punted ? " punted" : "")
      << (core_->forwarded(c.slot) ? " forwarded" : "") << ";";
  });
  for (unsigned n = 0; n < kNs; ++n) {
    s << " ns " << n << " fencing " << ns_[n].fencing << " sweeps " << ns_[n].sweeps.size() << " unfinished "
      << core_->unfinished(n);
    for (const Leg& l : ns_[n].legs)
      s << " leg state " << l.state << " gen " << l.gen << " ops " << l.ops.size();
    for (const auto& [r, region] : ns_[n].regions)
      if (region.busy || !region.parked.empty()) s << " region " << r << " state " << region.state;
    s << ";";
  }
  for (const auto& [tag, h] : holds_) {
    s << " hold " << tag << " held " << h.held << " busy " << h.busy << " ns " << h.ns << " lba " << h.lba
      << "+" << h.count << " resync " << h.resync_leg << ";";
  }
  for (unsigned q = 1; q < kQueues; ++q) s << " queue " << q << " draining " << queues_[q].draining;
  s << " sending " << sending_.size() << " slots " << core_->slots_used();
  return s.str();
}

void World::check_end() {
  settle();
  must(core_->slots_used() == 0, "slots are conserved");
  must(core_->guard_idle(), "tickets are conserved");
  for (unsigned n = 0; n < kNs; ++n) {
    must(core_->unfinished(n) == 0, "fence counts are conserved");
    for (unsigned l = 1; l < kLegsUsed; ++l)
      must(ns_[n].legs[l].data == ns_[n].legs[0].data, "P9: legs are identical");
  }
}

// Answers that nobody asked for: repeated, of old incarnations, of other rounds.
void World::noise() {
  settle();
  LegIn a{};
  if (!old_answers_.empty() && chance(700)) {
    a = old_answers_[below(static_cast<unsigned>(old_answers_.size()))];
  } else {
    a.ns = below(kNs);
    a.leg = below(kLegsUsed);
    a.gen = ns_[a.ns.to_uint()].legs[a.leg.to_uint()].gen;
    a.cid = leg_cid(below(7), below(kSlots));
  }
  if (chance(200)) a.gen = a.gen + below(3);
  a.status = 0;
  const Leg& leg = ns_[a.ns.to_uint()].legs[a.leg.to_uint()];
  for (const LegOp& op : leg.ops)
    if (op.tx.cid == a.cid && leg.gen == a.gen) return;  // it would be the answer
  trace("noise ns", a.ns, "leg", a.leg, "gen", a.gen, "cid", a.cid >> 13, a.cid & 0x1fff);
  if (core_->put(a)) ++seen["noise"];
}

}  // namespace nvtee::tee::test
