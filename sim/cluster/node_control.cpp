// The control side of a simulated node, as Engine and the commit queue drive it; and its life: start, crash,
// pause.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/check.hpp"
#include "runtime/core/planted.hpp"
#include "sim/cluster/core_config.hpp"
#include "sim/cluster/node_later.hpp"
#include "sim/cluster/words.hpp"

namespace nvtee::cluster {

using core::Action;
using core::Input;

Node::Node(World& world) : world_(world), notes_(kSlots), buffers_(kSlots), late_(world.plan.setup.seed, 8) {}
Node::~Node() = default;

// ---- life ---------------------------------------------------------------------------------------
Time Node::clock() const {
  return world_.now() - clock_behind_;
}

core::NamespaceControl::Setup Node::control_setup() const {
  core::NamespaceControl::Setup s;
  s.spec.name = "vol0";
  s.times.leg_deadline = 200 * kMillisecond;
  s.times.probe = 20 * kMillisecond;
  s.times.gate = 300 * kMillisecond;
  s.times.hold = 2 * kSecond;
  s.times.guard_time = world_.guard;
  s.times.reconnect_min = 10 * kMillisecond;
  s.times.reconnect_max = 400 * kMillisecond;
  s.times.start_wait = 400 * kMillisecond;
  s.times.idle_close = 2 * kSecond;
  s.times.flap_limit = world_.plan.setup.flap_limit;
  s.times.flap_window = 2 * kSecond;
  s.limits.open_max_bytes = std::uint64_t{world_.plan.setup.open_cap} << 20;
  s.limits.copy_depth = world_.plan.setup.copy_depth;
  s.limits.resync_max_bytes_per_s = world_.plan.setup.resync_rate;
  s.region_sets_log2 = CoreConfig::kRegionSetBits;
  s.first_txn = first_txn_;
  return s;
}

void Node::start() {
  if (up()) return;
  NVTEE_CHECK(fits_core(), "the node's queues are the core's");
  ++lives;
  ++life_;
  auto records = world_.disk.list(store::namespace_prefix("vol0"));
  if (world_.plan.setup.odd && late_.one_in(2)) try_damaged(*records);
  auto made = core::NamespaceControl::restore(control_setup(), *records);
  if (!made) return world_.check.fail(0, "restore: " + made.error().text());
  control_ = std::move(*made);
  control_->set_tag_base(0);
  core_ = std::make_unique<Core>();
  punts_ = std::make_unique<dataplane::Punts>(*this, [this](std::uint32_t nsid) {
    std::optional<dataplane::PuntNamespace> p;
    if (nsid != 1 || !up()) return p;
    p.emplace();
    p->blocks = world_.blocks;
    p->block_shift = punt_shift_;
    p->reconciling = reconciling_;
    for (unsigned leg = 0; leg < core::kMaxLegs; ++leg)
      if (leg_state_[leg] == tee::Ctl::kLegInSync) p->in_sync_mask |= 1u << leg;
    return p;
  });
  std::fill(notes_.begin(), notes_.end(), SlotNote{});
  leg_state_ = {};
  host_holds_.fill(-1);
  wake_armed_ = 0;
  drained_ = deletes_ = false;
  give_back_until_ = 0;
  attached_ = 0;
  tee::Ctl open{};
  open.op = tee::Ctl::kQueueOpen;
  open.value = kDepth;
  ctl(open);
  world_.note("node starts");
  world_.model.node(true);
  renew_lease();
  if (world_.plan.setup.neighbour) start_neighbour();
  Input in;
  in.kind = Input::Kind::kStart;
  input(std::move(in));
  pump();
  if (up()) later(50 * kMillisecond, [this] { tick(); });
}

void Node::crash() {
  if (!up()) return;
  world_.note("node crashes");
  ++life_;
  dying_ = halted_ = false;
  paused_ = false;
  crash_after_ = 0;
  control_.reset();
  core_.reset();
  punts_.reset();
  for (unsigned leg = 0; leg < core::kMaxLegs; ++leg) close_leg(leg);
  for (Conn* c : queues_) {
    if (c == nullptr) continue;
    for (const std::uint32_t op : c->ops) world_.check.lost(world_.ops.at(op));
    c->ops.clear();
    c->node_open = false;
    c->queue = 0;
    c->to_node.close();
    // The host hears of it at once (a process died) or not at all (a machine did).
    if (world_.chance.one_in(2)) c->to_host.send({kMsgRst, 0, 0, 0, 0});
  }
  queues_.fill(nullptr);
  for (Internal& i : internal_) {
    if (i.busy) world_.check.lost(world_.ops.at(i.op));
    i = {};
  }
  ctl_backlog_.clear();
  leg_backlog_.clear();
  leg_fed_ = 0;
  internal_backlog_.clear();
  events_.clear();
  internal_done_.clear();
  reports_.clear();
  inputs_.clear();
  requests_.clear();
  old_answers_.clear();
  saved_.reset();
  world_.check.all_slots_done();
  // Commits under way reach the disk or not, whole, in their order.
  for (const Commit& c : commits_) {
    if (!world_.chance.one_in(2)) break;
    (void)world_.disk.write(c.transaction);
  }
  commits_.clear();
  commit_busy_ = false;
  world_.disk.crash(world_.chance);
  world_.check.committed();
  world_.model.node(false);
  world_.check.node_died();
}

void Node::crash_and_restart() {
  crash();
  world_.agenda.in(away_, [this] {
    if (!up() && world_.check.alien_epoch() == 0) start();
  });
}

void Node::pause(Duration length, Duration clock_stops) {
  if (!up() || paused_) return;
  world_.note("node pauses for {}, its clock for {}", length, clock_stops);
  paused_ = true;
  paused_at_ = world_.now();
  resume_at_ = world_.now() + length;
  clock_stops_ = clock_stops;
  for (Assoc* a : links_)
    if (a != nullptr) a->to_node.hold(true);
  for (Conn* c : queues_)
    if (c != nullptr) c->to_node.hold(true);
  world_.agenda.at(resume_at_, [this, life = life_] {
    if (life == life_) resume();
  });
}

void Node::resume() {
  const Duration gap = world_.now() - paused_at_;
  paused_ = false;
  clock_behind_ += clock_stops_;
  const Duration seen = gap - clock_stops_;
  if (seen > 50 * kMillisecond) total_pause_ += seen;
  world_.note("node goes on");
  for (Conn* c : queues_) {
    if (c == nullptr || !c->node_open) continue;
    // What lay in its buffers goes with the queue when its host may have given up on it.
    if (seen > kato / 2 || !c->host_open) close_conn(*c, "the node was paused too long", true);
  }
  for (Assoc* a : links_)
    if (a != nullptr) a->to_node.hold(false);
  for (Conn* c : queues_)
    if (c != nullptr) c->to_node.hold(false);
  pump();
}

// Leases are renewed through the store: while that does not answer, they run out.
void Node::renew_lease() {
  if (world_.now() < store_stalled_until) {
    later(50 * kMillisecond, [this] { renew_lease(); });
    return;
  }
  lease_ = world_.plan.setup.lease ? clock() + 300 * kMillisecond : kNever;
  tee::Ctl c{};
  c.op = tee::Ctl::kSetLease;
  c.clock = lease_;
  ctl(c);
  pump();
  if (world_.plan.setup.lease) later(100 * kMillisecond, [this] { renew_lease(); });
}

bool Node::serves(unsigned leg) const {
  return up() && leg_state_[leg] == tee::Ctl::kLegInSync && links_[leg] != nullptr && links_[leg]->up &&
         !links_[leg]->broken;
}

// ---- the loop of the control machine --------------------------------------------------------------
void Node::input(Input in) {
  if (!up()) return;
  inputs_.push_back(std::move(in));
  if (!stepping_ && !halted_) run_inputs();
}

void Node::run_inputs() {
  stepping_ = true;
  while (!inputs_.empty() && !dying_ && !halted_) {
    const Input next = std::move(inputs_.front());
    inputs_.pop_front();
    actions_.clear();
    for (unsigned leg = 0; deletes_ && leg < core::kMaxLegs; ++leg)
      connected_[leg] = status().legs[leg].connected;
    control_->step(next, clock(), actions_);
    for (Action& a : actions_) {
      if (crash_after_ != 0 && --crash_after_ == 0) dying_ = true;
      if (dying_) break;
      act(a);
    }
    halted_ = world_.waited_for() && world_.reached(control_->machine_states());
  }
  stepping_ = false;
  if (!dying_) arm();
}

void Node::go_on() {
  halted_ = false;
  pump();
}

void Node::arm() {
  const Time wake = control_->wake_at();
  if (wake == kNever) return;
  if (wake <= clock()) return world_.check.fail(10, "wake_at() is not in the future: the node would spin");
  const Time at = wake + clock_behind_;
  if (wake_armed_ > world_.now() && wake_armed_ <= at) return;  // an earlier one looks again
  wake_armed_ = at;
  later(at - world_.now(), [this] {
    const Time due = control_->wake_at();
    if (due == kNever) return;
    if (due > clock()) return arm();
    Input in;
    in.kind = Input::Kind::kTime;
    input(std::move(in));
    pump();
  });
}

std::uint64_t Node::operate(Input::Kind kind, unsigned leg, const std::string& peer, std::uint32_t nsid) {
  if (!up()) return 0;
  Input in;
  in.kind = kind;
  in.leg = leg;
  in.request = next_request_++;
  in.spec = {peer, nsid};
  const auto id = in.request;
  requests_[id] = world_.now();
  input(std::move(in));
  pump();
  return id;
}

void Node::drain(bool deletes) {
  if (!up()) return;
  Input in;
  in.kind = Input::Kind::kDrain;
  in.ok = deletes;
  // As long as it drains at all; what is not given back by then stays.
  if (give_back_until_ == 0) give_back_until_ = clock() + 1300 * kMillisecond;
  deletes_ = deletes_ || deletes;
  input(std::move(in));
  pump();
}

void Node::act(Action& a) {
  using Kind = Action::Kind;
  switch (a.kind) {
    case Kind::kCtl:
      a.ctl.ns = 0;
      world_.model.told(a.ctl);
      if (a.ctl.op == tee::Ctl::kSetNamespace) reconciling_ = a.ctl.flag2 == 1;
      if (a.ctl.op == tee::Ctl::kSetLeg) {
        leg_state_[a.ctl.leg.to_uint()] = a.ctl.leg_state.to_uint();
        core_gen_[a.ctl.leg.to_uint()] = a.ctl.gen.to_uint();
        // On an association that is not there any more, and nobody has noticed, it trusts nothing new.
        const Assoc* link = links_[a.ctl.leg.to_uint()];
        if (a.ctl.leg_state != tee::Ctl::kLegOff && link != nullptr && !link->broken)
          world_.check.trusted(a.ctl.leg.to_uint(), a.ctl.leg_state == tee::Ctl::kLegInSync);
      }
      world_.note("core is told {} {}: leg {} gen {} region {} slot {} mask {}", ctl_word(a.ctl.op.to_uint()),
                  ctl_state_word(a.ctl), a.ctl.leg.to_uint(), a.ctl.gen.to_uint(), a.ctl.region.to_uint(),
                  a.ctl.slot.to_uint(), a.ctl.mask.to_uint());
      return ctl(a.ctl);
    case Kind::kAttachLeg:
      return attach(a.leg, a.gen, a.spec);
    case Kind::kDetachLeg:
      return close_leg(a.leg);
    case Kind::kCommit:
      return commit(a);
    case Kind::kSaveBuffer:
      saved_ = buffers_[a.slot];
      return;
    case Kind::kCompareBuffer:
      return compare(a);
    case Kind::kAna:
      ana_ = a.ana_state;
      world_.note("ana {}", ana_);
      return;
    case Kind::kEvent:
      if (std::string_view(a.name) == "namespace.drained") detached_.clear();
      return world_.trace.say(world_.now(), fmt::format("event {}: {}", a.name, a.text));
    case Kind::kReply:
      world_.note("reply {} ok {}", a.request, a.ok ? 1u : 0u);
      world_.trace.say(world_.now(), "reply: " + a.text);
      if (requests_.erase(a.request) == 0) world_.check.fail(10, "an operator's request is answered twice");
      return;
    case Kind::kDrained:
      drained_ = true;
      return check_given_back();
    case Kind::kReserve:
      return reserve(a.leg, a.reserve);
    case Kind::kWayWanted:
      return way_wanted(a.ctl.region.to_uint());
  }
}

void Node::compare(const Action& a) {
  const unsigned shift = world_.plan.setup.block_shift;
  Input in;
  in.kind = Input::Kind::kBuffer;
  in.slot = a.slot;
  in.equal = true;
  for (std::uint32_t i = a.offset >> shift; i < (a.offset + a.length) >> shift && in.equal; ++i) {
    if ((*saved_)[i] == buffers_[a.slot][i]) continue;
    in.equal = false;
    in.offset = i << shift;
  }
  input(std::move(in));
}

// ---- the store ------------------------------------------------------------------------------------
void Node::commit(Action& a) {
  commits_.push_back({a.txn, std::move(a.transaction)});
  first_txn_ = a.txn + 1;
  if (commit_busy_) return;
  commit_busy_ = true;
  const Time from = std::max(world_.now(), store_stalled_until);
  const Time at = from + commit_time();
  world_.agenda.at(at, [this, life = life_, n = ++commit_number_] { committed(life, n); });
}

Duration Node::commit_time() {
  const Duration usual = world_.chance.between(80, 2500) * kMicrosecond;
  return world_.now() < store_slow_until ? usual + store_slow_by : usual;
}

void Node::committed(std::uint32_t life, std::uint64_t number) {
  if (life != life_ || commits_.empty()) return;
  if (world_.now() < store_stalled_until) {
    world_.agenda.at(store_stalled_until, [this, life, number] { committed(life, number); });
    return;
  }
  if (paused_) {
    world_.agenda.at(resume_at_ + kMicrosecond, [this, life, number] { committed(life, number); });
    return;
  }
  Commit c = std::move(commits_.front());
  commits_.pop_front();
  Input in;
  in.kind = Input::Kind::kStoreDone;
  in.txn = c.txn;
  const bool fails = store_errors_one_in != 0 && world_.chance.one_in(store_errors_one_in);
  if (!fails || world_.chance.one_in(2)) {
    const auto r = world_.disk.write(c.transaction);
    if (!core::planted(core::Bug::kStoreNoSync)) world_.disk.sync();
    world_.check.committed();
    in.ok = r && *r == store::Outcome::kCommitted;
    in.conflict = !in.ok;
  }
  if (fails) in.ok = in.conflict = false;
  if (fails) in.text = "disk full";
  world_.note("commit {} ok {} conflict {}", c.txn, in.ok ? 1u : 0u, in.conflict ? 1u : 0u);
  commit_busy_ = false;
  if (!commits_.empty()) {
    commit_busy_ = true;
    world_.agenda.in(commit_time(), [this, life, n = ++commit_number_] { committed(life, n); });
  }
  input(std::move(in));
  pump();
}

// As Engine::report_latency(): the mean of the writes that ended since; 0 = there were none.
void Node::tell_latency() {
  Input in;
  in.kind = Input::Kind::kHostLatency;
  in.nanos = writes_done_ != 0 ? write_times_ / writes_done_ : 0;
  write_times_ = writes_done_ = 0;
  input(std::move(in));
}

// What comes too late, or twice, or is nobody's: the control machine takes no notice. Its answer to a second
// kStart, to reports of former associations, of legs that are not, of commits, holds and regions that it does
// not know.
void Node::tell_too_late() {
  Chance& c = late_;
  Input in;
  const unsigned leg = c.pick(core::kMaxLegs + 1);
  if (world_.plan.setup.odd && c.one_in(3) && tell_again(leg, in)) return input(std::move(in));
  in.leg = leg;
  in.gen =
      static_cast<std::uint8_t>(leg < core::kMaxLegs && links_[leg] != nullptr ? links_[leg]->gen - 1 : 0);
  in.txn = first_txn_ + 1000;
  in.slot = kSlots - 1;
  in.text = "too late";
  static constexpr Input::Kind kKinds[] = {
      Input::Kind::kLegUp,     Input::Kind::kLegDown, Input::Kind::kLegDeadline,
      Input::Kind::kStoreDone, Input::Kind::kBuffer,  Input::Kind::kStart,
      Input::Kind::kCore,      Input::Kind::kCore,    Input::Kind::kCore};
  in.kind = kKinds[c.pick(static_cast<unsigned>(std::size(kKinds)))];
  static constexpr unsigned kEvents[] = {tee::Event::kHeld, tee::Event::kIssueDone,
                                         tee::Event::kRegionSetDone, tee::Event::kRegionInfo,
                                         tee::Event::kLegFault};
  in.event.kind = kEvents[c.pick(static_cast<unsigned>(std::size(kEvents)))];
  in.event.leg = leg % core::kMaxLegs;
  in.event.gen = leg < core::kMaxLegs ? in.gen : 0;
  in.event.region = world_.plan.setup.regions;  // there is none of this number
  in.event.region_state = tee::Ctl::kOpen;
  in.event.tag = c.one_in(2) ? 0xfe : 0x7fe;
  in.event.slot = kSlots - 1;
  world_.note("told too late {}", static_cast<unsigned>(in.kind));
  input(std::move(in));
}

// The last answer of a reservation command, or that the association is up, once more; or of a leg that is
// not.
bool Node::tell_again(unsigned leg, Input& in) {
  in.leg = leg;
  in.kind = Input::Kind::kReserved;
  in.reserved.status = spec::st::kReservationConflict;
  if (leg >= core::kMaxLegs) return true;
  const Assoc* a = links_[leg];
  if (a == nullptr || !a->up || a->closed || a->broken || a->reserving || !inputs_.empty()) return false;
  const bool reported =
      std::any_of(reports_.begin(), reports_.end(), [&](const Report& r) { return r.leg == leg; });
  if (reported || !status().legs[leg].connected) return false;
  in.gen = late_.one_in(2) ? a->gen : static_cast<std::uint8_t>(a->gen - 1);
  if (late_.one_in(2)) in.kind = Input::Kind::kLegUp;
  in.facts = world_.peers[a->peer]->shown();
  world_.note("told again {}", static_cast<unsigned>(in.kind));
  return true;
}

// What an operator is shown agrees with itself.
void Node::check_status() {
  const auto s = status();
  if (s.gated && s.gate_reason.empty()) world_.check.fail(0, "the gate is closed and nobody says why");
  if (s.health != "ok") return;
  for (const auto& l : s.legs)
    if (l.state != core::LegState::kNone && l.state != core::LegState::kRemoved &&
        (l.state != core::LegState::kInSync || !l.connected))
      world_.check.fail(0, "a leg is not in sync and connected, and health is \"ok\"");
  if (s.gated) world_.check.fail(0, "health is \"ok\" although commands wait: " + s.gate_reason);
}

// Nothing waits without end (P10): what a host has put in is answered, an operator's request too.
void Node::check_age() {
  const Duration most = 9 * kSecond;
  for (const Conn* c : queues_) {
    if (c == nullptr || !c->node_open) continue;
    for (const std::uint32_t id : c->ops)
      if (world_.now() > world_.ops.at(id).submitted + most)
        world_.check.fail(10, fmt::format("command {} has been under way for {} s", id, most / kSecond));
  }
}

}  // namespace nvtee::cluster
