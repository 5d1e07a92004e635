#include "runtime/core/sim_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

namespace nvtee::core::sim {

// ---- what hosts may find ------------------------------------------------------------------------
// Writes of one block are serialised by the core; the order of acknowledgement is their order.
void BlockHistory::write_acked(std::uint64_t b, Value v) {
  Block& k = blocks_[b];
  k.open.erase(v);
  k.now = {v};
  k.last = v;
  k.acks.push_back(v);
  k.doubt.clear();  // fenced by now: P2
  if (k.readers != 0) k.lately.insert(v);
}

std::string BlockHistory::content(std::uint64_t b, Value v) const {
  const Block& k = blocks_[b];
  if (k.now.contains(v) || k.open.contains(v) || k.doubt.contains(v)) return {};
  return fmt::format("block {} holds {}, last acknowledged {}", b, v, k.last);
}

std::string BlockHistory::read_done(std::uint64_t b, Value v) {
  Block& k = blocks_[b];
  const bool right = k.now.contains(v) || k.open.contains(v) || k.doubt.contains(v) || k.lately.contains(v);
  if (--k.readers == 0) k.lately.clear();
  if (!right) return fmt::format("P1/P3: block {} was read as {}, last acknowledged {}", b, v, k.last);
  // Seen once, a write in doubt has taken effect: what was before it is gone, and it cannot come again after
  // another.
  if (k.readers != 0 || k.open.contains(v)) return {};
  if (k.now.contains(v) || k.doubt.contains(v)) k.now = {v};
  k.doubt.erase(v);
  return {};
}

std::vector<std::uint64_t> BlockHistory::acked() const {
  std::vector<std::uint64_t> out;
  for (const Block& k : blocks_) out.push_back(k.first_ack + k.acks.size() - 1);
  return out;
}

void BlockHistory::flushed(const std::vector<std::uint64_t>& acked) {
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    Block& k = blocks_[b];
    if (acked[b] <= k.first_ack) continue;
    k.acks.erase(k.acks.begin(), k.acks.begin() + static_cast<long>(acked[b] - k.first_ack));
    k.first_ack = acked[b];
  }
}

void BlockHistory::power_lost() {
  for (Block& k : blocks_)
    for (const Value v : k.acks) k.now.insert(v);
}

// ---- the node -----------------------------------------------------------------------------------
namespace {
NamespaceSpec spec_of(const SimSetup& s) {
  NamespaceSpec n;
  n.name = "vol0";
  n.subsystem = "nqn.2024-01.org.example:vol0";
  n.nsid = 1;
  n.nguid[0] = 1;
  n.blocks = std::uint64_t{s.regions} << kRegionShift;
  n.block_shift = kBlockShift;
  n.region_bytes = 1u << 20;
  return n;
}
}  // namespace

Node::Node(SimSetup s)
    : chance(s.seed),
      setup(s),
      store(std::make_shared<store::MemoryStore>()),
      history(s.regions * kBlocksPerRegion) {
  std::vector<LegSpec> specs;
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    legs.push_back(std::make_unique<SimLeg>(agenda, chance, setup.regions * kBlocksPerRegion));
    LegFacts& f = legs.back()->facts;
    f.blocks = std::uint64_t{setup.regions} << kRegionShift;
    f.block_shift = kBlockShift;
    f.write_zeroes = f.compare = true;
    f.volatile_cache = setup.caches && (i % 2 == 0 || setup.caches);
    f.nguid[0] = static_cast<std::uint8_t>(i + 1);
    f.serial = "S" + std::to_string(i);
    if (i < setup.legs) specs.push_back({"peer" + std::to_string(i), 1});
  }
  const auto made = NamespaceControl::create(spec_of(setup), specs, setup.assume_equal);
  if (!made || !store->commit(*made)) fail("create: " + (made ? std::string("commit") : made.error().text()));
  read_durable();
}

Node::~Node() = default;

void Node::fail(const std::string& what) {
  if (!failure.empty()) return;
  failure = fmt::format("seed {} at {:.6f} s: {}", setup.seed, static_cast<double>(agenda.now) / 1e9, what);
}

void Node::start() {
  ++life_;
  NamespaceControl::Setup s;
  s.spec.name = "vol0";
  s.times.leg_deadline = 200 * kMillisecond;
  s.times.probe = 20 * kMillisecond;
  s.times.gate = 300 * kMillisecond;
  s.times.hold = 2 * kSecond;
  s.times.guard_time = 400 * kMillisecond;
  s.times.reconnect_min = 10 * kMillisecond;
  s.times.reconnect_max = 500 * kMillisecond;
  s.times.start_wait = 500 * kMillisecond;
  s.times.idle_close = 2 * kSecond;
  s.times.flap_limit = 16;
  s.times.flap_window = 2 * kSecond;
  s.limits.open_max_bytes = setup.open_cap << 20;
  s.limits.copy_depth = 3;
  s.region_sets_log2 = setup.region_sets_log2;
  auto records = store->list(store::namespace_prefix("vol0"));
  auto made = NamespaceControl::restore(s, *records);
  if (!made) return fail("restore: " + made.error().text());
  control_ = std::move(*made);
  control_->set_tag_base(256);
  SimCore::Outside out;
  out.send = [this](unsigned leg, std::uint8_t gen, std::uint8_t opcode, std::uint64_t lba, unsigned count,
                    std::vector<Value> data, unsigned slot,
                    std::uint64_t id) { to_leg(leg, gen, opcode, lba, count, std::move(data), slot, id); };
  out.event = [this](tee::Event e) { core_event(e); };
  out.write_admitted = [this](std::uint64_t lba, unsigned count) {
    for (std::uint64_t b = lba; b < lba + count; ++b)
      if (!open_.contains(static_cast<std::uint32_t>(b >> kRegionShift)))
        fail(fmt::format("P14: write of block {} admitted, its region is not durably open", b));
  };
  out.write_acked = [this](std::uint64_t lba, const std::vector<Value>& data) {
    for (unsigned leg = 0; leg < kMaxLegs; ++leg) {
      if (epoch_.legs[leg].role != store::Role::kInSync) continue;
      for (std::size_t i = 0; i < data.size(); ++i)
        if (legs[leg]->cache[lba + i] != data[i])
          fail(fmt::format("P1: write {} acknowledged, leg {} holds {}", data[i], leg,
                           legs[leg]->cache[lba + i]));
    }
  };
  core_ = std::make_unique<SimCore>(chance, out, kRegionShift, setup.region_sets_log2);
  core_->refuse_one_in = 20;
  saved_.reset();
  event_at_ = agenda.now;
  Input in;
  in.kind = Input::Kind::kStart;
  input(in);
}

void Node::crash() {
  if (control_ == nullptr) return;
  ++crashes;
  ++life_;
  if (setup.trace) trace_ << agenda.now << " crash\n";
  for (auto& [n, op] : under_way_) {
    for (std::size_t i = 0; i < op.data.size(); ++i) history.write_in_doubt(op.lba + i, op.data[i]);
    for (unsigned i = 0; !op.write && !op.flush && i < op.count; ++i) history.read_abandoned(op.lba + i);
  }
  under_way_.clear();
  host_ops_ = 0;
  control_.reset();
  core_.reset();
  inputs_.clear();
  for (auto& link : links_) link = {};
}

// ---- inputs and actions -------------------------------------------------------------------------
void Node::input(Input in) {
  if (control_ == nullptr) return;
  inputs_.push_back(std::move(in));
  if (!stepping_) pump_inputs();
}

void Node::pump_inputs() {
  stepping_ = true;
  while (!inputs_.empty() && control_ != nullptr) {
    const Input in = std::move(inputs_.front());
    inputs_.erase(inputs_.begin());
    Actions actions;
    control_->step(in, agenda.now, actions);
    for (Action& a : actions) {
      if (control_ == nullptr) break;
      if (setup.trace) trace_ << agenda.now << " " << trace_of(a) << "\n";
      if (setup.crash_one_in != 0 && chance.one_in(setup.crash_one_in)) {
        crash();
        break;
      }
      if (tamper && !tamper(a)) continue;
      act(a);
    }
  }
  stepping_ = false;
  arm();
}

void Node::arm() {
  if (control_ == nullptr) return;
  const Time wake = control_->wake_at();
  if (wake == kNever) return;
  if (wake <= agenda.now) return fail("wake_at() is not in the future: the daemon would spin");
  agenda.at(wake, [this, life = life_] {
    if (life != life_) return;
    if (control_->wake_at() > agenda.now) return;  // it was put off
    Input in;
    in.kind = Input::Kind::kTime;
    input(in);
  });
}

void Node::act(Action& a) {
  using Kind = Action::Kind;
  switch (a.kind) {
    case Kind::kCtl:
      return core_->ctl(a.ctl, agenda.now);
    case Kind::kAttachLeg:
      return attach(a);
    case Kind::kDetachLeg:
      links_[a.leg] = {};
      return;
    case Kind::kCommit:
      return commit(a);
    case Kind::kSaveBuffer:
      saved_ = core_->buffer(a.slot);
      return;
    case Kind::kCompareBuffer: {
      const auto& b = core_->buffer(a.slot);
      Input in;
      in.kind = Input::Kind::kBuffer;
      in.slot = a.slot;
      in.equal = true;
      for (std::size_t i = a.offset >> kBlockShift; i < b.size() && in.equal; ++i) {
        if ((*saved_)[i] == b[i]) continue;
        in.equal = false;
        in.offset = static_cast<std::uint32_t>(i << kBlockShift);
      }
      return input(in);
    }
    case Kind::kEvent:
      events.push_back(std::string(a.name) + ": " + a.text);
      return;
    case Kind::kReply:
      replies_[a.request] = a.ok;
      return;
    case Kind::kDrained:
      ++drained;
      return;
    case Kind::kAna:
    case Kind::kReserve:
    case Kind::kWayWanted:
      return;
  }
}

void Node::core_event(tee::Event e) {
  // Events come a little later, in order: they cross the machine's own orders.
  event_at_ = std::max(event_at_, agenda.now + chance.between(0, 60 * kMicrosecond));
  agenda.at(event_at_, [this, life = life_, e] {
    if (life != life_) return;
    Input in;
    in.kind = Input::Kind::kCore;
    in.event = e;
    input(in);
  });
}

void Node::attach(const Action& a) {
  Association& link = links_[a.leg];
  link = {};
  link.gen = a.gen;
  link.wanted = true;
  link.number = next_association_++;
  agenda.in(chance.between(kMillisecond, 20 * kMillisecond),
            [this, life = life_, leg = a.leg, number = link.number] {
              if (life != life_ || links_[leg].number != number) return;
              Input in;
              in.leg = leg;
              in.gen = links_[leg].gen;
              if (!legs[leg]->reachable) {
                links_[leg] = {};
                in.kind = Input::Kind::kLegDown;
                in.text = "no route";
                return input(in);
              }
              links_[leg].up = true;
              in.kind = Input::Kind::kLegUp;
              in.facts = legs[leg]->facts;
              input(in);
            });
}

void Node::drop_association(unsigned leg, const std::string& why) {
  Association& link = links_[leg];
  if (control_ == nullptr || !link.up) return;
  Input in;
  in.kind = Input::Kind::kLegDown;
  in.leg = leg;
  in.gen = link.gen;
  in.text = why;
  link = {};
  input(in);
}

void Node::lose_power(unsigned leg) {
  legs[leg]->lose_power();
  drop_association(leg, "power");
}

void Node::to_leg(unsigned leg, std::uint8_t gen, std::uint8_t opcode, std::uint64_t lba, unsigned count,
                  std::vector<Value> data, unsigned slot, std::uint64_t id) {
  Association& link = links_[leg];
  if (!link.up || link.gen != gen) return;  // its association is gone: nobody answers
  // A leg that is being removed is good until the core stops using it.
  const auto role = epoch_.legs[leg].role;
  if (opcode == spec::io::kRead && role != store::Role::kInSync && role != store::Role::kRemoved)
    fail(fmt::format("P8: read sent to leg {}, which is not in sync", leg));
  link.owed[id] = agenda.now;
  const Duration deadline = 200 * kMillisecond;
  agenda.in(deadline, [this, life = life_, leg, number = link.number, id, gen] {
    if (life != life_ || links_[leg].number != number || !links_[leg].owed.contains(id)) return;
    Input in;
    in.kind = Input::Kind::kLegDeadline;
    in.leg = leg;
    in.gen = gen;
    input(in);
  });
  legs[leg]->send(opcode, lba, count, std::move(data),
                  [this, life = life_, leg, number = link.number, gen, slot, id](SimLeg::Answer a) {
                    if (life != life_ || links_[leg].number != number) return;
                    links_[leg].owed.erase(id);
                    core_->on_answer(leg, gen, slot, id, a);
                  });
}

// ---- store --------------------------------------------------------------------------------------
void Node::commit(Action& a) {
  const bool fails = store_fail_one_in != 0 && chance.one_in(store_fail_one_in);
  const bool applied = chance.one_in(2);
  const Duration d = chance.between(100 * kMicrosecond, 3 * kMillisecond) + store_stall;
  agenda.in(d, [this, life = life_, txn = a.txn, t = std::move(a.transaction), fails, applied] {
    carry_out(life, txn, t, fails, applied);
  });
}

void Node::carry_out(std::uint64_t life, std::uint64_t txn, store::Transaction t, bool fails, bool applied) {
  if (life != life_) {
    // The node crashed meanwhile: the commit may or may not have made it.
    if (applied) (void)store->commit(t);
    read_durable();
    return;
  }
  if (store_dead) {
    agenda.in(50 * kMillisecond, [this, life, txn, t = std::move(t), fails, applied] {
      carry_out(life, txn, t, fails, applied);
    });
    return;
  }
  Input in;
  in.kind = Input::Kind::kStoreDone;
  in.txn = txn;
  if (fails) {
    if (applied) (void)store->commit(t);
    in.text = "disk full";
  } else {
    const auto r = store->commit(t);
    in.ok = r && *r == store::Outcome::kCommitted;
    in.conflict = r && *r == store::Outcome::kConditionFailed;
    ++commits;
  }
  read_durable();
  input(in);
}

void Node::read_durable() {
  store_changed_ = true;
  open_.clear();
  for (auto& d : dirty_) d.clear();
  const auto records = store->list(store::namespace_prefix("vol0"));
  for (const auto& r : *records) {
    const auto key = store::parse_key(r.key);
    if (key->kind == store::Kind::kEpoch) epoch_ = *store::decode_epoch(r.key, r.value);
    if (key->kind != store::Kind::kOpen && key->kind != store::Kind::kDirty) continue;
    const auto bits = store::decode_bitmap(r.key, r.value);
    for (unsigned i = 0; i < setup.regions; ++i)
      if (((*bits)[i / 64] >> (i % 64) & 1) != 0)
        (key->kind == store::Kind::kOpen ? open_ : dirty_[key->leg]).insert(i);
  }
}

// ---- hosts --------------------------------------------------------------------------------------
void Node::load(unsigned depth) {
  load_ = depth;
  host_step();
}

void Node::host_step() {
  if (load_ == 0) return;
  agenda.in(chance.between(50 * kMicrosecond, 3 * kMillisecond), [this] { host_step(); });
  if (control_ == nullptr || host_ops_ >= load_) return;
  HostOp op;
  const std::uint64_t blocks = std::uint64_t{setup.regions} << kRegionShift;
  op.count = static_cast<unsigned>(chance.between(1, 2));
  // Half of the commands stay in a few regions, so that some are hot and some close.
  op.lba = chance.one_in(2) ? chance.below(3 * kBlocksPerRegion) : chance.below(blocks - 1);
  op.lba = std::min<std::uint64_t>(op.lba, blocks - op.count);
  op.flush = chance.one_in(25);
  op.write = !op.flush && !chance.one_in(3);
  const auto before = op.flush ? history.acked() : std::vector<std::uint64_t>{};
  const std::uint64_t number = next_host_++;
  if (op.write) {
    for (unsigned i = 0; i < op.count; ++i) {
      op.data.push_back(next_value_++);
      history.write_begun(op.lba + i, op.data.back());
    }
  } else if (!op.flush) {
    for (unsigned i = 0; i < op.count; ++i) history.read_begun(op.lba + i);
  }
  op.done = [this, life = life_, number, before, flush = op.flush, lba = op.lba, data = op.data,
             write = op.write, count = op.count](spec::Status status, const std::vector<Value>& got) {
    if (life != life_) return;
    under_way_.erase(number);
    --host_ops_;
    if (status != 0) ++refused;
    if (flush && status == 0) history.flushed(before);
    if (flush) return;
    for (unsigned i = 0; i < count; ++i) {
      if (write && status == 0)
        history.write_acked(lba + i, data[i]);
      else if (write)
        history.write_in_doubt(lba + i, data[i]);
      else if (status != 0)
        history.read_abandoned(lba + i);
      else if (const auto bad = history.read_done(lba + i, got[i]); !bad.empty())
        fail(bad);
    }
    if (write && status == 0) ++acked;
    if (!write && status == 0) ++reads;
  };
  ++host_ops_;
  under_way_[number] = op;
  core_->submit(op, agenda.now);
}

// ---- checks -------------------------------------------------------------------------------------
void Node::check() {
  if (!ok()) return;
  bool changed = std::exchange(store_changed_, false);
  for (auto& leg : legs) changed = std::exchange(leg->changed, false) || changed;
  if (!changed) return;
  using store::Role;
  int source = -1;
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    if (epoch_.legs[i].role != Role::kInSync) continue;
    if (source < 0) source = static_cast<int>(i);
    if (!dirty_[i].empty()) fail(fmt::format("P5: leg {} is in sync and has dirty regions", i));
  }
  if (source < 0) return fail("P1: no leg is in sync in the record");
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    const Role role = epoch_.legs[i].role;
    if (role == Role::kNone || role == Role::kRemoved) continue;
    for (std::uint64_t b = 0; b < legs[i]->cache.size(); ++b) {
      const auto region = static_cast<std::uint32_t>(b >> kRegionShift);
      const bool marked = open_.contains(region) || dirty_[i].contains(region);
      if (marked || !watch_p4) continue;
      if (legs[i]->cache[b] != legs[static_cast<unsigned>(source)]->cache[b])
        return fail(fmt::format("P4: leg {} holds {} in block {} (region {}), leg {} holds {}: not marked", i,
                                legs[i]->cache[b], b, region, source,
                                legs[static_cast<unsigned>(source)]->cache[b]));
      if (legs[i]->cache[b] != legs[i]->stable[b])
        return fail(fmt::format(
            "P13: leg {} has not flushed block {} (region {}), and the region is not open", i, b, region));
    }
  }
}

bool Node::legs_identical() const {
  const SimLeg* first = nullptr;
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    if (epoch_.legs[i].role != store::Role::kInSync) continue;
    if (first != nullptr && first->cache != legs[i]->cache) return false;
    first = legs[i].get();
  }
  return true;
}

void Node::run_until(Time t) {
  while (ok() && agenda.next_time() <= t) {
    agenda.run_one();
    check();
  }
  agenda.now = std::max(agenda.now, t);
}

bool Node::run_until(Time limit, const std::function<bool()>& done) {
  while (ok() && !done()) {
    if (agenda.next_time() > limit) {
      agenda.now = limit;
      return done();
    }
    agenda.run_one();
    check();
  }
  return ok();
}

std::uint64_t Node::operate(Input::Kind kind, unsigned leg) {
  Input in;
  in.kind = kind;
  in.leg = leg;
  in.request = next_request_++;
  in.spec = {"peer" + std::to_string(leg), 1};
  const auto id = in.request;
  input(in);
  return id;
}

std::optional<bool> Node::reply(std::uint64_t request) const {
  const auto it = replies_.find(request);
  if (it == replies_.end()) return std::nullopt;
  return it->second;
}

std::string Node::trace_of(const Action& a) const {
  static const char* const kinds[] = {"ctl", "attach", "detach", "commit",  "save", "compare",
                                      "ana", "event",  "reply",  "drained", "way",  "reserve"};
  static const char* const ops[] = {
      "nop",    "namespace",  "gate",  "hostgate", "leg",   "lease", "qopen",   "qclose",   "region", "query",
      "resume", "failparked", "fence", "hold",     "issue", "copy",  "release", "puntdone", "sweep"};
  std::string s = kinds[static_cast<unsigned>(a.kind)];
  if (a.kind == Action::Kind::kCtl)
    s += fmt::format(" {} leg{} state{} gen{} sweep{} region{}={} slot{} tag{} lba{} mask{} status{}",
                     ops[a.ctl.op.to_uint()], a.ctl.leg.to_uint(), a.ctl.leg_state.to_uint(),
                     a.ctl.gen.to_uint(), a.ctl.sweep.to_uint(), a.ctl.region.to_uint(),
                     a.ctl.region_state.to_uint(), a.ctl.slot.to_uint(), a.ctl.tag.to_uint(),
                     a.ctl.lba.to_uint64(), a.ctl.mask.to_uint(), a.ctl.status.to_uint());
  else
    s += fmt::format(" leg{} gen{} txn{} {} {}", a.leg, a.gen, a.txn, a.name, a.text);
  return s;
}

}  // namespace nvtee::core::sim
