// The runtime of the random world: regions, fences, holds, resync, gates, lease.
#include <algorithm>

#include "hw/kernels/tee_core/test_world.hpp"

namespace nvtee::tee::test {

namespace io = spec::io;

void World::on_event(const Event& e) {
  const unsigned ns = e.ns.to_uint(), leg = e.leg.to_uint();
  trace("event", e.kind, "ns", ns, "leg", leg, "slot", e.slot, "tag", e.tag, "region", e.region, "status",
        e.status, "mask", e.mask);
  switch (e.kind.to_uint()) {
    case Event::kRegionMiss:
      return on_miss(e);
    case Event::kRegionSetDone:
      return on_region_set(e);
    case Event::kHeld:
      return on_held(e);
    case Event::kHoldRefused: {
      const auto it = holds_.find(e.tag.to_uint());
      must(it != holds_.end() && !it->second.held, "a hold is refused once");
      if (it->second.resync_leg >= 0) ns_[it->second.ns].legs[it->second.resync_leg].copying = false;
      holds_.erase(it);
      ++seen["holds refused"];
      return;
    }
    case Event::kIssueDone:
      return on_issue_done(e);
    case Event::kFenceDone:
      return on_fence_done(ns);
    case Event::kLegFault:
      ++seen["leg faults"];
      if (ns_[ns].legs[leg].gen == e.gen.to_uint()) break_leg(ns, leg);
      return;
    case Event::kNotHome:
      // The legs may differ now: all but one are copied again.
      for (unsigned l = 0; l < kLegsUsed; ++l) {
        Leg& x = ns_[ns].legs[l];
        if (x.state == Ctl::kLegOff || static_cast<int>(l) == any_in_sync(ns)) continue;
        x.ops.clear();
        x.gen = (x.gen + 1) & 0xff;
        drop_leg(ns, l);
      }
      return;
    case Event::kMediaError:
      ++seen[e.flag ? "media errors repaired" : "media errors reported"];
      return;
    case Event::kSweepDone:
      must(!ns_[ns].sweeps.empty(), "a sweep is done once");
      ns_[ns].sweeps.pop_front();
      return;
    case Event::kQueueDrained:
      return on_drained(e);
    case Event::kPunt:
      return on_punt(e);
    default:
      broken("unknown event");
  }
}

// ---- regions --------------------------------------------------------------------------------------------
void World::set_region(unsigned ns, uint32_t region, unsigned state) {
  Ctl c = order(Ctl::kRegionSet, ns);
  c.region = region;
  c.region_state = state;
  send(c);
}

void World::on_miss(const Event& e) {
  const unsigned ns = e.ns.to_uint(), slot = e.slot.to_uint();
  const uint32_t region = e.region.to_uint();
  ++seen["region misses"];
  must(region < (kBlocks >> kRegionShift), "a miss names a region of the namespace");
  if (!core_->slot_used(slot)) return;  // its queue was closed meanwhile
  ns_[ns].regions[region].parked.push_back(slot);
  open_region(ns, region);
}

void World::open_region(unsigned ns, uint32_t region) {
  Region& r = ns_[ns].regions[region];
  r.wanted = true;
  if (r.busy) return;
  r.busy = true;
  r.state = Ctl::kOpen;
  r.fenced = false;
  set_region(ns, region, Ctl::kOpen);
}

void World::close_region(unsigned ns, uint32_t region) {
  Region& r = ns_[ns].regions[region];
  if (r.busy || r.state != Ctl::kOpen) return;
  r.busy = true;
  r.state = Ctl::kClosing;
  set_region(ns, region, Ctl::kClosing);
  ++seen["regions closed"];
}

// A way of the region's set must become free.
void World::make_way(unsigned ns, uint32_t region) {
  const uint32_t set = region_set(ns, region, kSetBits);
  for (unsigned n = 0; n < kNs; ++n)
    for (auto& [other, r] : ns_[n].regions)
      if (region_set(n, other, kSetBits) == set && r.busy && r.state != Ctl::kOpen)
        return;  // one is on its way
  std::vector<std::pair<unsigned, uint32_t>> candidates;
  for (unsigned n = 0; n < kNs; ++n)
    for (auto& [other, r] : ns_[n].regions)
      if (region_set(n, other, kSetBits) == set && !r.busy && r.state == Ctl::kOpen)
        candidates.emplace_back(n, other);
  if (candidates.empty()) return;
  const auto [n, victim] = candidates[below(static_cast<unsigned>(candidates.size()))];
  close_region(n, victim);
}

void World::on_region_set(const Event& e) {
  const unsigned ns = e.ns.to_uint();
  const uint32_t region = e.region.to_uint();
  Region& r = ns_[ns].regions[region];
  must(r.busy, "an order about a region is answered once");
  if (r.state == Ctl::kOpen && e.status != 0) {
    r.state = Ctl::kNone;
    r.busy = false;
    ++seen["no free way"];
    return make_way(ns, region);
  }
  must(e.status == 0, "only a new region can lack a way");
  if (r.state == Ctl::kClosing) {
    fence(ns, [this, ns, region] { region_closed(ns, region); });
    return;
  }
  r.busy = false;
  if (r.state == Ctl::kNone) {
    if (!r.parked.empty()) open_region(ns, region);
    return;
  }
  r.wanted = false;
  for (const unsigned slot : r.parked) {
    Ctl c = order(chance(50) ? Ctl::kFailParked : Ctl::kResume, ns);
    c.slot = slot;
    c.status = spec::st::kPathInternal;
    if (c.op == Ctl::kFailParked) {
      if (HostCmd* cmd = command_in(slot)) cmd->statuses.insert(spec::st::kPathInternal);
    }
    send(c);
  }
  r.parked.clear();
}

// After the fence nothing that writes to the region may be under way.
void World::region_closed(unsigned ns, uint32_t region) {
  Region& r = ns_[ns].regions[region];
  r.fenced = true;
  for (const Leg& l : ns_[ns].legs) {
    for (const LegOp& op : l.ops) {
      if (op.tx.opcode != io::kWrite && op.tx.opcode != io::kWriteZeroes) continue;
      bool copy = false;
      for (const auto& [tag, h] : holds_) copy |= h.held && h.slot == op.tx.slot && !h.regions;
      const uint64_t first = op.tx.slba.to_uint64() >> kRegionShift;
      const uint64_t last = (op.tx.slba.to_uint64() + op.tx.nlb.to_uint()) >> kRegionShift;
      must(copy || region < first || region > last, "P13: a closed region has no unanswered write");
    }
  }
  r.state = Ctl::kNone;
  set_region(ns, region, Ctl::kNone);
}

void World::want_close() {
  const unsigned ns = below(kNs);
  close_region(ns, below(kBlocks >> kRegionShift));
}

// ---- fences ---------------------------------------------------------------------------------------------
void World::fence(unsigned ns, std::function<void()> done) {
  if (ns_[ns].fencing) {
    ns_[ns].fences.push_back(std::move(done));
  } else {
    start_fence(ns, std::move(done));
  }
}

// Everything that is admitted when the order is given must have ended when the fence is done. What is
// admitted is asked of the core without letting it move: those that are on their way to admission may count
// or not.
void World::start_fence(unsigned ns, std::function<void()> done) {
  Ns& s = ns_[ns];
  s.fencing = true;
  s.fence.waits_for.clear();
  s.fence.holds.clear();
  each_live([&](const HostCmd& c) {
    if (c.ns == ns && c.placed && c.touched && !c.dead) s.fence.waits_for.push_back(c.id);
  });
  for (const auto& [tag, h] : holds_)
    if (h.ns == ns && h.held) s.fence.holds.push_back(tag);
  s.fence.done = std::move(done);
  send(order(Ctl::kFence, ns));
  ++seen["fences"];
}

void World::on_fence_done(unsigned ns) {
  Ns& s = ns_[ns];
  must(s.fencing, "a fence is done once");
  for (const uint64_t id : s.fence.waits_for) {
    const auto it = cmds_.find(id);
    must(it == cmds_.end() || it->second.answered || it->second.dead,
         "a fence waits for what was admitted before it");
  }
  for (const unsigned tag : s.fence.holds) must(!holds_.contains(tag), "a fence waits for holds");
  s.fencing = false;
  const auto done = std::move(s.fence.done);
  if (!s.fences.empty()) {
    auto next = std::move(s.fences.front());
    s.fences.pop_front();
    start_fence(ns, std::move(next));
  }
  done();
}

// ---- holds ----------------------------------------------------------------------------------------------
void World::want_hold() {
  if (holds_.size() >= 5) return;
  const unsigned tag = next_tag_++ & 0xffff;
  Hold& h = holds_[tag];
  h.tag = tag;
  h.ns = below(kNs);
  h.count = chance(100) ? 0 : 1 + below(kMaxBlocks);
  h.lba = below(kBlocks - kMaxBlocks);
  h.exclusive = chance(600);
  h.regions = h.exclusive && h.count != 0 && chance(800);
  Ctl c = order(Ctl::kHold, h.ns);
  c.lba = h.lba;
  c.nlb = h.count;
  c.flag = h.exclusive;
  c.flag2 = h.regions;
  c.tag = tag;
  send(c);
}

void World::on_held(const Event& e) {
  const auto it = holds_.find(e.tag.to_uint());
  must(it != holds_.end() && !it->second.held, "a hold is granted once");
  Hold& h = it->second;
  h.held = true;
  h.slot = e.slot.to_uint();
  must(h.slot < kDepth, "holds live in queue 0");
  LegTx probe{};
  probe.ns = h.ns;
  probe.slot = h.slot;
  probe.slba = h.lba;
  probe.nlb = h.count == 0 ? 0 : h.count - 1;
  if (h.count != 0) check_overlap(probe, h.exclusive);
  ++seen["holds"];
}

void World::release(Hold& h) {
  Ctl c = order(Ctl::kRelease, h.ns);
  c.slot = h.slot;
  send(c);
  holds_.erase(h.tag);
}

// A held range: something is done with it, then it is released.
void World::hold_turn(Hold& h) {
  if (!h.held || h.busy) return;
  Ctl c = order(Ctl::kIssue, h.ns);
  c.slot = h.slot;
  h.busy = true;
  if (h.resync_leg >= 0) {
    const Leg& l = ns_[h.ns].legs[h.resync_leg];
    const int from = any_in_sync(h.ns);
    if (l.state != Ctl::kLegSyncing || l.gen != h.resync_gen || from < 0) return release(h);
    c.op = Ctl::kCopy;
    c.leg = static_cast<unsigned>(from);
    c.mask = 1u << h.resync_leg;
    send(c);
    return;
  }
  const bool again = !h.writes.empty();  // a write that some leg failed
  if (!again && (h.turns++ > 2 || winding_)) return release(h);
  if (again || (h.regions && chance(600))) {
    h.op = io::kWrite;
    if (!again) {
      for (unsigned i = 0; i < h.count; ++i) {
        buffers_[h.slot][i] = next_token_++;
        h.writes.push_back(registers_[h.ns].begin_write(h.lba + i, buffers_[h.slot][i], now_));
      }
    }
    c.mask = 0;
  } else if (h.count != 0 && chance(500)) {
    const int from = any_in_sync(h.ns);
    if (from < 0) return release(h);
    h.op = io::kRead;
    c.mask = 1u << from;
  } else {
    h.op = io::kFlush;
    c.mask = 0;
  }
  c.opcode = h.op;
  send(c);
}

void World::on_issue_done(const Event& e) {
  const auto it = holds_.find(e.tag.to_uint());
  must(it != holds_.end() && it->second.busy && it->second.slot == e.slot, "an issue is done once");
  Hold& h = it->second;
  h.busy = false;
  const bool ok = e.status == 0;
  must(ok == (e.mask == 0), "a failed leg has a status, a status has a leg");
  ++seen["issues"];
  if (h.resync_leg >= 0) {
    Leg& l = ns_[h.ns].legs[h.resync_leg];
    if (l.state == Ctl::kLegSyncing && l.gen == h.resync_gen && ok) {
      l.resync_at += h.count;
      l.copying = false;
      release(h);
    }
    return;  // else once more, or released at the next turn
  }
  if (h.op == io::kRead && ok) {
    for (unsigned i = 0; i < h.count; ++i)
      must(registers_[h.ns].may_read(h.lba + i, buffers_[h.slot][i], now_),
           "a held range reads as the register");
  }
  if (h.op == io::kWrite && ok) {
    for (unsigned i = 0; i < h.count; ++i) registers_[h.ns].end_write(h.lba + i, h.writes[i], now_);
    h.writes.clear();
  }
}

// ---- resync ---------------------------------------------------------------------------------------------
void World::resync_turn(unsigned ns, unsigned leg) {
  Leg& l = ns_[ns].legs[leg];
  if (!later_.empty()) return;  // orders about legs keep their order
  if (l.state == Ctl::kLegOff) {
    if (any_in_sync(ns) < 0) return;
    l.state = Ctl::kLegSyncing;
    l.gen = (l.gen + 1) & 0xff;
    l.resync_at = 0;
    l.fence_asked = l.fenced = l.copying = false;
    send(leg_order(ns, leg));
    return;
  }
  if (l.state != Ctl::kLegSyncing || l.copying) return;
  if (!l.fence_asked) {
    l.fence_asked = true;
    fence(ns, [this, ns, leg, gen = l.gen] {
      if (ns_[ns].legs[leg].gen == gen) ns_[ns].legs[leg].fenced = true;
    });
  } else if (l.fenced && l.resync_at >= kBlocks) {
    l.state = Ctl::kLegInSync;
    send(leg_order(ns, leg));
    ++seen["legs resynced"];
  } else if (l.fenced) {
    const unsigned tag = next_tag_++ & 0xffff;
    Hold& h = holds_[tag];
    h.tag = tag;
    h.ns = ns;
    h.lba = l.resync_at;
    h.count = std::min<unsigned>(kMaxBlocks, kBlocks - static_cast<unsigned>(l.resync_at));
    h.resync_leg = static_cast<int>(leg);
    h.resync_gen = l.gen;
    l.copying = true;
    Ctl c = order(Ctl::kHold, ns);
    c.lba = h.lba;
    c.nlb = h.count;
    c.tag = tag;
    send(c);
  }
}

// ---- punts, queues, gates, lease ------------------------------------------------------------------------
void World::on_punt(const Event& e) {
  HostCmd* c = command_in(e.slot.to_uint());
  must(c != nullptr && c->punt && c->whole && !c->digest_bad && !c->punted,
       "a punt is for a whole command, once");
  must(e.tag == c->cid && e.queue == c->queue, "a punt names its command");
  c->punted = true;
  ++seen["punts"];
}

void World::on_drained(const Event& e) {
  const unsigned q = e.queue.to_uint();
  must(queues_[q].draining, "a queue drains once");
  queues_[q].draining = false;
  for (unsigned slot = q * kDepth; slot < (q + 1) * kDepth; ++slot) {
    must(!core_->slot_used(slot), "a drained queue has no slot in use");
    must(!sending_.contains(slot), "a drained queue sends nothing");
    by_slot_.erase(slot);
  }
  std::erase_if(cmds_, [&](const auto& x) { return x.second.dead && x.second.queue == q; });
}

void World::runtime_turn() {
  for (auto& [id, c] : cmds_) {
    if (!c.punted || c.punt_answered || chance(500)) continue;
    c.punt_answered = true;
    Ctl done = order(Ctl::kPuntDone, c.ns);
    done.slot = c.slot;
    done.status = chance(500) ? 0u : static_cast<unsigned>(spec::st::kInvalidField);
    done.flag = 1;
    c.statuses.insert(done.status.to_uint());
    c.statuses.insert(spec::st::kPathInternal);  // the lease may end
    send(done);
    return;
  }
  for (unsigned ns = 0; ns < kNs; ++ns) {
    for (auto& [region, r] : ns_[ns].regions)
      if (!r.parked.empty() && !r.busy && chance(300)) return open_region(ns, region);
    if (ns_[ns].not_home && ns_[ns].sweeps.empty() && chance(100)) {
      ns_[ns].not_home = false;
      return open_gates(ns);
    }
    bool shut = ns_[ns].gate_shut;
    for (unsigned q = 1; q < kQueues; ++q) shut |= ref_[ns].host_gate[q] != 0;
    if (shut && chance(60)) open_gates(ns);
    if (ns_[ns].failed && ns_[ns].sweeps.empty() && chance(200)) open_gates(ns);
    const unsigned leg = below(kLegsUsed);
    if (winding_ || chance(200)) resync_turn(ns, leg);
  }
  if (!holds_.empty()) {
    auto it = holds_.begin();
    std::advance(it, below(static_cast<unsigned>(holds_.size())));
    hold_turn(it->second);
  }
  const unsigned q = 1 + below(kQueues - 1);
  if (!queues_[q].open && !queues_[q].draining && (winding_ || chance(400))) {
    Ctl c = order(Ctl::kQueueOpen);
    c.queue = q;
    send(c);
    queues_[q] = {true, false, false};
    settle();
  }
}

void World::send_gates(unsigned ns) {
  Ctl c = order(Ctl::kSetGate, ns);
  c.status = ref_[ns].gate_read;
  c.status2 = ref_[ns].gate_write;
  send(c);
  for (unsigned q = 1; q < kQueues; ++q) {
    c = order(Ctl::kSetHostGate, ns);
    c.queue = q;
    c.mask = ref_[ns].host_gate[q];
    send(c);
  }
}

void World::open_gates(unsigned ns) {
  if (ns_[ns].not_home && !winding_) return;  // they are opened when the legs agree again
  RefNamespace& r = ref_[ns];
  settle();
  r.gate_read = r.gate_write = 0;
  std::fill(std::begin(r.host_gate), std::end(r.host_gate), 0u);
  ns_[ns].gate_shut = ns_[ns].not_home = ns_[ns].failed = false;
  send_gates(ns);
  settle();
}

void World::shut_gates() {
  const unsigned ns = below(kNs), q = 1 + below(kQueues - 1);
  RefNamespace& r = ref_[ns];
  settle();
  if (ns_[ns].not_home || ns_[ns].gate_shut) return;
  std::set<unsigned> statuses;
  if (chance(600)) {
    r.gate_read = r.gate_write = chance(500) ? spec::st::kAnaTransition : spec::st::kPathInternal;
    statuses = {r.gate_read};
  } else {
    r.host_gate[q] = below(8);
    statuses = {spec::st::kReservationConflict, spec::st::kDispersedNotEnabled};
  }
  send_gates(ns);
  each_live([&](HostCmd& x) {
    if (x.ns == ns) x.statuses.insert(statuses.begin(), statuses.end());
  });
  settle();
  if (r.gate_read == 0) return;
  ns_[ns].gate_shut = true;
  each_live([&](HostCmd& x) {
    if (x.ns == ns) x.before_gate = x.placed && core_->forwarded(x.slot);
  });
  ++seen["gates shut"];
}

void World::toggle_lease() {
  settle();
  if (!lease_over_) {
    each_live([&](HostCmd& x) { x.statuses.insert(spec::st::kPathInternal); });
    lease_ = now_;
  } else {
    lease_over_ = false;
    lease_ = Registers::kOpen;
  }
  Ctl c = order(Ctl::kSetLease);
  c.clock = lease_;
  send(c);
  settle();
  lease_over_ = lease_ != Registers::kOpen;
  ++seen["lease changes"];
}

}  // namespace nvtee::tee::test
