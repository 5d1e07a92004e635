#include "sim/cluster/world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/core/leg_fence.hpp"
#include "sim/cluster/broken.hpp"

namespace nvtee::cluster {

using core::Input;

namespace {

constexpr Duration kPatience = 2500 * kMillisecond;  // of a fault that waits for a state

}  // namespace

core::NamespaceSpec spec_of(const Setup& s) {
  core::NamespaceSpec n;
  n.name = "vol0";
  n.subsystem = "nqn.2024-01.org.example:vol0";
  n.nsid = 1;
  n.nguid[0] = 1;
  n.region_bytes = 1u << 20;
  n.block_shift = static_cast<std::uint8_t>(s.block_shift);
  n.blocks = (std::uint64_t{s.regions} << 20) >> s.block_shift;
  return n;
}

World::World(const Plan& p, bool want_trace)
    : plan(p),
      chance(p.setup.seed, 3),
      check(*this, static_cast<unsigned>(spec_of(p.setup).blocks)),
      blocks(static_cast<unsigned>(spec_of(p.setup).blocks)),
      region_blocks((1u << 20) >> p.setup.block_shift),
      guard(400 * kMillisecond),
      fault_chance_(p.setup.seed, 4) {
  trace.wanted = want_trace;
}
World::~World() = default;

// ---- set-up ---------------------------------------------------------------------------------------
void World::set_up() {
  const Setup& s = plan.setup;
  Chance c(s.seed, 5);
  std::vector<core::LegSpec> specs;
  for (unsigned i = 0; i < s.legs + s.spares; ++i) {
    peers.push_back(std::make_unique<Peer>(i, blocks, Chance(s.seed, 20 + i)));
    core::LegFacts& f = peers[i]->facts;
    f.blocks = blocks;
    f.block_shift = static_cast<std::uint8_t>(s.block_shift);
    f.write_zeroes = true;
    f.compare = !c.one_in(5);
    f.volatile_cache = (s.cached_legs >> i & 1) != 0;
    f.nguid[0] = s.nameless ? 0 : static_cast<std::uint8_t>(i + 1);
    f.serial = fmt::format("S{}", i);
    f.reservations = (s.reserved_legs >> i & 1) != 0;
    if (i < s.legs) specs.push_back({fmt::format("p{}", i), 1});
    const bool same = i == 0 || (i < s.legs && s.assume_equal);
    for (unsigned b = 0; b < blocks; ++b)
      peers[i]->cache[b] = peers[i]->stable[b] = b + 1 + (same ? 0 : 10'000 * i);
  }
  for (unsigned i = 0; s.odd && i < peers.size(); ++i) {
    Chance odd(s.seed, 40 + i);
    peers[i]->facts.max_transfer = odd.one_in(3) ? 1u << 20 : 0;
    peers[i]->facts.eui64 = odd.one_in(3) ? 0xe0 + i : 0;
  }
  for (unsigned b = 0; b < blocks; ++b) check.history.set_initial(b, b + 1);
  // Hot blocks: runs around the borders of regions, and some anywhere.
  while (hot.size() < s.hot_blocks) {
    const auto border = static_cast<std::uint32_t>(c.below(s.regions) * region_blocks);
    for (unsigned i = 0; i < 8 && hot.size() < s.hot_blocks; ++i)
      if (border + i >= 3) hot.push_back((border + i - 3) % blocks);
  }
  std::sort(hot.begin(), hot.end());
  hot.erase(std::unique(hot.begin(), hot.end()), hot.end());
  const auto made = core::NamespaceControl::create(spec_of(s), specs, s.assume_equal);
  if (!made) return check.fail(0, "create: " + made.error().text());
  (void)disk.commit(*made);
  check.committed();
  node = std::make_unique<Node>(*this);
  if (s.liars) peers[c.pick(s.legs)]->lie_one_in = 1 + c.pick(30);
  node->start();
  for (unsigned i = 0; i < s.hosts; ++i) {
    hosts.push_back(std::make_unique<Host>(*this, i));
    hosts.back()->start();
  }
  for (std::size_t i = 0; i < plan.faults.size(); ++i) agenda.in(plan.faults[i].at, [this, i] { arm(i); });
}

// ---- faults -----------------------------------------------------------------------------------------
void World::cover_fault(FaultKind kind) {
  ++faults_done;
  if (node->up()) coverage.hit_all(node->machine_states(), kind);
}

void World::power_loss(unsigned peer, const Fault& f) {
  Peer& p = *peers[peer];
  note("peer {} loses power", peer);
  const auto before = p.cache;
  p.lose_power();
  p.away_until = std::max(p.away_until, now() + f.length);
  if (Assoc* a = node->assoc_of_peer(peer)) {
    // Its end is told by a reset, sooner or later, or by silence.
    const Duration told = f.param % 3 == 0   ? kNever
                          : f.param % 3 == 1 ? f.param % (2 * kMillisecond)
                                             : f.length;
    node->break_assoc(*a, true, told);
  }
  check.power_lost(peer, before != p.cache);
  check.changed_all(peer);
}

void World::swizzle(const Fault& f) {
  // Links stop one after the other, and go on in another order.
  std::vector<Pipe*> pipes;
  for (unsigned p = 0; p < peers.size(); ++p)
    if (Assoc* a = node->assoc_of_peer(p)) {
      pipes.push_back(&a->to_peer);
      pipes.push_back(&a->to_node);
    }
  for (auto& h : hosts)
    if (h->conn() != nullptr) {
      pipes.push_back(&h->conn()->to_node);
      pipes.push_back(&h->conn()->to_host);
    }
  Chance c(f.param);
  for (Pipe* p : pipes)
    if (c.one_in(2)) p->clog(now() + c.below(f.length) + c.below(f.length));
}

// What the newest records give the keys of legs.
std::uint32_t World::fence_number() const {
  std::uint64_t n = 0;
  for (const auto& [key, value] : disk.records()) {
    const auto k = store::parse_key(key);
    if (k && k->kind == store::Kind::kEpoch) n += store::decode_epoch(key, value)->epoch;
    if (k && k->kind == store::Kind::kMarker) n += store::decode_marker(key, value)->incarnation;
  }
  return static_cast<std::uint32_t>(n);
}

void World::takeover(const Fault& f) {
  if (check.alien_epoch() != 0) return;
  auto record = check.epoch();
  ++record.epoch;
  record.home = 99;
  const auto key = store::record_key("vol0", store::Kind::kEpoch);
  store::Transaction t;
  t.puts.push_back({key, store::encode(key, record)});
  (void)disk.commit(t);
  check.committed();
  check.taken_over();
  note("another node takes the namespace");
  for (auto& p : peers) {
    if (p->facts.reservations)
      p->seize(core::FenceKey{core::fence_tag(spec_of(plan.setup)), fence_number(), 0, node->seized(p->index)}
                   .packed());
    else
      p->reserved = true;
  }
  // It goes away again, and this node is started anew.
  agenda.in(f.length + 200 * kMillisecond, [this] {
    note("the other node gives the namespace back");
    node->crash();
    auto mine = check.epoch();
    check.given_back();
    ++mine.epoch;
    mine.home = 0;
    const auto k = store::record_key("vol0", store::Kind::kEpoch);
    store::Transaction back;
    back.puts.push_back({k, store::encode(k, mine)});
    (void)disk.commit(back);
    check.committed();
    for (auto& p : peers) p->reserved = false;
    agenda.in(5 * kMillisecond, [this] {
      if (check.alien_epoch() == 0) node->start();
    });
  });
}

void World::operate(const Fault& f) {
  static constexpr Input::Kind kKinds[] = {
      Input::Kind::kFaultLeg, Input::Kind::kOnlineLeg,   Input::Kind::kRemoveLeg,  Input::Kind::kAddLeg,
      Input::Kind::kAddLeg,   Input::Kind::kVerifyStart, Input::Kind::kVerifyStop, Input::Kind::kVerifyStart};
  if (plan.setup.odd && cluster::odd_operator(f.param)) return odd_operator(f);
  // The full plans' operators ask for legs and peers that do not exist, too.
  const unsigned odd = plan.setup.full ? 1 : 0;
  const unsigned peer = static_cast<unsigned>(f.param >> 8) % (static_cast<unsigned>(peers.size()) + odd);
  (void)node->operate(kKinds[f.param % 8], f.target % (4 + odd), fmt::format("p{}", peer));
}

void World::host_fault(const Fault& f) {
  Host& h = *hosts[f.target % hosts.size()];
  switch (f.kind) {
    case FaultKind::kHostReset:
      return h.drop(f.param % 3 != 0);
    case FaultKind::kHostCut:
      if (h.conn() == nullptr) return;
      (f.param % 2 == 0 ? h.conn()->to_node : h.conn()->to_host).clog(now() + f.length);
      return;
    case FaultKind::kHostStall:
      h.stalled_until = now() + f.length;
      return;
    default:
      h.bad_digest_one_in = 2 + static_cast<unsigned>(f.param % 6);
      agenda.in(f.length, [&h] { h.bad_digest_one_in = 0; });
  }
}

void World::leg_fault(const Fault& f) {
  const unsigned index = f.target % static_cast<unsigned>(peers.size());
  Peer& p = *peers[index];
  Assoc* a = node->assoc_of_peer(index);
  const auto rate = static_cast<unsigned>(1 + f.param % 12);
  const auto for_a_while = [&](unsigned Peer::* what, unsigned value) {
    p.*what = value;
    agenda.in(f.length, [q = &p, what] { q->*what = 0; });
  };
  switch (f.kind) {
    case FaultKind::kReset:
      p.away_until = std::max(p.away_until, now() + (f.param % 2 == 0 ? 0 : f.length));
      if (a != nullptr)
        node->break_assoc(*a, false, f.param % 5 == 0 ? kNever : f.param % (3 * kMillisecond));
      return;
    case FaultKind::kDuplicate:
      return for_a_while(&Peer::duplicate_one_in, 1 + rate / 3);
    case FaultKind::kDelay:
      if (a == nullptr) return;
      a->to_peer.jitter = a->to_node.jitter = 1 + f.param % (20 * kMillisecond);
      return;
    case FaultKind::kCutOneWay:
      if (a != nullptr) (f.param % 2 == 0 ? a->to_peer : a->to_node).clog(now() + f.length);
      return;
    case FaultKind::kRefuse:
      return for_a_while(&Peer::refuse_one_in, rate);
    case FaultKind::kInfra:
      return for_a_while(&Peer::infra_one_in, 2 * rate);
    case FaultKind::kExecuted:
      return for_a_while(&Peer::executed_one_in, rate);
    case FaultKind::kStuck:
      return for_a_while(&Peer::stuck_one_in, 1 + rate / 3);
    case FaultKind::kFlushFails:
      p.flush_fails = true;
      agenda.in(f.length, [q = &p] { q->flush_fails = false; });
      return;
    case FaultKind::kMedia: {
      Chance c(f.param);
      p.unreadable.assign(blocks, false);
      for (const std::uint32_t b : hot) p.unreadable[b] = c.one_in(1 + f.param % 8);
      agenda.in(f.length, [q = &p] { q->unreadable.clear(); });
      return;
    }
    case FaultKind::kImpostor:
      p.disguise = 1 + static_cast<unsigned>(f.param % 6);
      agenda.in(f.length, [q = &p] { q->disguise = 0; });
      if (a != nullptr) node->break_assoc(*a, false, f.param % (3 * kMillisecond));
      return;
    case FaultKind::kMute:
      p.mute = true;
      agenda.in(f.length, [q = &p] { q->mute = false; });
      return;
    case FaultKind::kSlow:
      p.extra = f.param % (100 * kMillisecond);
      agenda.in(f.length, [q = &p] { q->extra = 0; });
      return;
    case FaultKind::kFlap:
      for (Duration d = 0; d < f.length; d += 30 * kMillisecond + f.param % (60 * kMillisecond))
        agenda.in(d, [this, index] {
          if (Assoc* x = node->assoc_of_peer(index)) node->break_assoc(*x, false, 0);
        });
      return;
    case FaultKind::kSkew:
      p.facts.compare = (f.param & 1) != 0;
      p.facts.model = fmt::format("M{}", f.param % 7);
      p.facts.max_transfer = f.param % 5 == 0 ? 65536 : 0;
      if (f.param % 3 == 0) {  // a cache that is switched off is written back first
        p.stable = p.cache;
        p.facts.volatile_cache = !p.facts.volatile_cache;
      }
      if (a != nullptr) node->break_assoc(*a, false, kMillisecond);
      agenda.in(f.length + 500 * kMillisecond, [q = &p] { q->facts.max_transfer = 0; });
      return;
    default:
      return;
  }
}

void World::arm(std::size_t index) {
  if (faults_over) return;
  if (plan.faults[index].state < 0) return inject(index);
  waiting_.push_back(index);
  agenda.in(kPatience, [this, index] {
    if (std::erase(waiting_, index) != 0) inject(index);
  });
}

bool World::reached(const core::MachineStates& states) {
  for (const std::size_t index : waiting_) {
    if (!states.test(static_cast<unsigned>(plan.faults[index].state))) continue;
    std::erase(waiting_, index);
    agenda.in(0, [this, index] { inject(index); });
    return true;
  }
  return false;
}

// As an operator stops the daemon: it drains, within a bounded time, and ends.
void World::restart(const Fault& f) {
  if (!node->up() || node->drained()) return;
  // Now and then it is the namespace that is deleted, and the daemon that dies before its records are gone.
  node->drain(plan.setup.odd && deletes(f.param));
  stop_when_drained(now() + 3 * kSecond, f.length, node->life());
}

void World::stop_when_drained(Time until, Duration away, std::uint32_t life) {
  if (plan.setup.odd && node->up() && node->life() == life) look_at_drained();
  if (!node->up() || node->life() != life) return;  // it has crashed, and starts anyway
  if (!node->drained() && now() < until)
    return agenda.in(5 * kMillisecond, [this, until, away, life] { stop_when_drained(until, away, life); });
  note("node ends, drained {}", node->drained() ? 1u : 0u);
  node->crash();
  agenda.in(away, [this] {
    if (!node->up() && check.alien_epoch() == 0) node->start();
  });
}

void World::inject(std::size_t index) {
  const Fault& f = plan.faults[index];
  if (faults_over || old_store) return node->go_on();
  note("fault {} target {} length {} param {}", static_cast<unsigned>(f.kind), f.target, f.length, f.param);
  if (trace.wanted) trace.say(now(), fmt::format("--- {}", fault_name(f.kind)));
  cover_fault(f.kind);
  const auto start_later = [this, &f] {
    agenda.in(f.length, [this] {
      if (!node->up() && check.alien_epoch() == 0) node->start();
    });
  };
  switch (f.kind) {
    case FaultKind::kCrash:
      node->crash();
      start_later();
      break;
    case FaultKind::kCrashAtStep:
      node->crash_at_step(1 + static_cast<unsigned>(f.param % 25), f.length);
      break;
    case FaultKind::kPause:
      node->pause(f.length, 0);
      break;
    case FaultKind::kClockStop:
      node->pause(f.length, f.length * (f.param % 101) / 100);
      break;
    case FaultKind::kPowerLoss:
      power_loss(f.target % static_cast<unsigned>(peers.size()), f);
      break;
    case FaultKind::kBlackout:
      node->crash();
      for (unsigned i = 0; i < peers.size(); ++i) power_loss(i, f);
      start_later();
      break;
    case FaultKind::kLegAndNode:
      // Whichever is first: a node that lives to see it may have begun to deal with it.
      if (f.param % 2 == 0) node->crash();
      power_loss(f.target % static_cast<unsigned>(peers.size()), f);
      if (f.param % 2 != 0) node->crash();
      start_later();
      break;
    case FaultKind::kStoreSlow:
      node->store_slow_until = now() + f.length;
      node->store_slow_by = (20 + f.param % kSlowSteps) * kMillisecond;
      break;
    case FaultKind::kLegsTogether:
      for (unsigned i = 0; i < peers.size(); ++i) {
        if ((f.param >> i & 3) == 0) continue;
        peers[i]->away_until = std::max(peers[i]->away_until, now() + f.length);
        if (Assoc* a = node->assoc_of_peer(i))
          node->break_assoc(*a, false, (f.param >> 8) % (5 * kMillisecond));
      }
      break;
    case FaultKind::kStoreStall:
      node->store_stalled_until = now() + f.length;
      break;
    case FaultKind::kStoreErrors:
      node->store_errors_one_in = 1 + static_cast<unsigned>(f.param % 5);
      agenda.in(f.length, [this] { node->store_errors_one_in = 0; });
      break;
    case FaultKind::kClog:
      swizzle(f);
      break;
    case FaultKind::kOperator:
      operate(f);
      break;
    case FaultKind::kTakeover:
      takeover(f);
      break;
    case FaultKind::kRestart:
      restart(f);
      break;
    case FaultKind::kOldStore:
      take_copy(f);
      break;
    case FaultKind::kHostReset:
    case FaultKind::kHostCut:
    case FaultKind::kHostStall:
    case FaultKind::kBadDigest:
      host_fault(f);
      break;
    default:
      leg_fault(f);
  }
  check.look_at_power();
  node->go_on();
}

// ---- the loop ---------------------------------------------------------------------------------------
void World::run_until(Time t) {
  while (ok() && agenda.next_time() <= t) {
    agenda.run_one();
    check.look_at_power();
  }
  agenda.now = std::max(agenda.now, t);
}

template <class P>
bool World::run_until(Time t, P done) {
  while (ok() && !done()) {
    if (agenda.next_time() > t) return false;
    agenda.run_one();
    check.look_at_power();
  }
  return ok();
}

// ---- the end ------------------------------------------------------------------------------------------
void World::heal() {
  note("faults are over");
  faults_over = true;
  waiting_.clear();
  stop_meddling();
  for (auto& p : peers) {
    p->away_until = 0;
    p->refuse_one_in = p->infra_one_in = p->executed_one_in = p->duplicate_one_in = p->stuck_one_in = 0;
    p->mute = p->flush_fails = false;
    p->unreadable.clear();
    p->disguise = 0;
    p->extra = 0;
    p->facts.max_transfer = 0;
  }
  node->store_stalled_until = node->store_slow_until = 0;
  node->store_errors_one_in = 0;
  node->crash_at_step(0, 0);
  for (unsigned i = 0; i < peers.size(); ++i)
    if (Assoc* a = node->assoc_of_peer(i)) {
      a->to_peer.open();
      a->to_node.open();
      a->to_peer.jitter = a->to_node.jitter = 100 * kMicrosecond;
    }
  for (auto& h : hosts) {
    h->stalled_until = 0;
    h->bad_digest_one_in = 0;
    if (h->conn() != nullptr) {
      h->conn()->to_node.open();
      h->conn()->to_host.open();
    }
  }
}

bool World::well() {
  if (!node->up() || node->paused() || old_store || check.alien_epoch() != 0) return false;
  const auto s = node->status();
  for (unsigned i = 0; i < core::kMaxLegs; ++i)
    if (s.legs[i].needs_operator) (void)node->operate(Input::Kind::kOnlineLeg, i, "");
  return s.health == "ok";
}

void World::wind_up() {
  heal();
  for (int i = 0; i < 300 && ok() && !well(); ++i) {
    run_until(now() + 50 * kMillisecond);
  }
  if (ok() && !well()) {
    std::string why = "the node is down";
    if (node->up()) {
      const auto s = node->status();
      why = s.health + " " + s.gate_reason;
      for (const auto& a : s.advice) why += "; " + a;
      for (const auto& l : s.legs) why += fmt::format(" [{} {}]", static_cast<int>(l.state), l.reason);
    }
    return check.fail(9, "not well after faults have ended: " + why);
  }
  // Hosts get on again.
  const auto busy = [this] {
    return std::all_of(hosts.begin(), hosts.end(), [](const auto& h) { return h->good_since_heal >= 3; });
  };
  if (!run_until(now() + 6 * kSecond, busy) && ok())
    return check.fail(9, "hosts do not get on after faults have ended");
  for (auto& h : hosts) h->stop();
  const auto idle = [this] {
    return std::all_of(hosts.begin(), hosts.end(), [](const auto& h) { return h->idle(); });
  };
  if (!run_until(now() + 6 * kSecond, idle) && ok()) return check.fail(9, "a host's command is stuck");
  run_until(now() + 60 * kMillisecond);
}

void World::check_verify() {
  if (!ok()) return;
  const auto runs = [this] { return node->up() && !node->status().verify.running; };
  if (!run_until(now() + 60 * kSecond, runs) && ok()) return check.fail(10, "verify does not end");
  (void)node->operate(Input::Kind::kVerifyStart, 0, "");
  if (!run_until(now() + 60 * kSecond, runs) && ok()) return check.fail(10, "verify does not end");
  if (!ok()) return;
  const auto v = node->status().verify;
  const unsigned differ = check.differing_blocks();
  unsigned in_sync = 0;
  for (const auto& l : node->status().legs) in_sync += l.state == core::LegState::kInSync ? 1 : 0;
  if (in_sync < 2) return;
  if (!v.finished) return check.fail(0, "verify did not finish: " + v.error);
  if (v.mismatched_blocks != differ)
    check.fail(0, fmt::format("verify has found {} blocks that differ, {} do", v.mismatched_blocks, differ));
}

void World::check_end() {
  if (!ok()) return;
  if (!plan.setup.liars) check.at_rest();
  node->drain(false);
  if (!run_until(now() + 5 * kSecond, [this] { return node->drained(); }) && ok())
    return check.fail(10, "the drain has no end");
  if (!ok() || plan.setup.liars) return;
  for (unsigned r = 0; r < plan.setup.regions; ++r)
    if (check.open(r)) return check.fail(9, fmt::format("drained, and region {} is open", r));
  check.at_rest();
}

cluster::Result World::run() {
  const Time from = now();
  try {
    set_up();
    run_until(from + plan.safety);
    if (ok()) wind_up();
    check_verify();
    check_end();
  } catch (const Broken& b) {
    check.fail(b.property, b.what);
  }
  cluster::Result r;
  r.failure = check.failure;
  r.property = check.property;
  r.hash = trace.hash();
  r.events = agenda.count;
  r.ops = ops.size();
  r.faults = faults_done;
  r.crashes = node ? node->lives - 1 : 0;
  r.virtual_time = now() - from;
  r.trace = std::move(trace.text);
  return r;
}

cluster::Result run_plan(const Plan& plan, bool want_trace, Coverage* coverage) {
  World w(plan, want_trace);
  auto r = w.run();
  if (coverage != nullptr) coverage->add(w.coverage);
  return r;
}

cluster::Result run_plan(const Plan& plan, ModelSteps& steps) {
  World w(plan);
  w.model.wanted = true;
  auto r = w.run();
  for (const auto& [step, times] : w.model.seen) steps.seen[step] += times;
  return r;
}

}  // namespace nvtee::cluster
