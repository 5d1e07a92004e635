#include <fmt/format.h>

#include "runtime/core/control_impl.hpp"
#include "runtime/core/planted.hpp"

namespace nvtee::core {
namespace {

constexpr std::array<const char*, 5> kStates = {"new", "starting", "running", "draining", "drained"};
constexpr std::array<const char*, 4> kInputs = {"start", "serving", "drain", "closed"};
constexpr Transition<Phase, PhaseIn> kRows[] = {
    {Phase::kNew, PhaseIn::kStart, Phase::kStarting,
     "marker unclean, legs attached, open regions to reconcile"},
    {Phase::kStarting, PhaseIn::kServing, Phase::kRunning,
     "every in_sync leg serves, open regions are in the core: gates open"},
    {Phase::kNew, PhaseIn::kDrain, Phase::kDraining, "nothing was begun"},
    {Phase::kStarting, PhaseIn::kDrain, Phase::kDraining, "gates stay closed"},
    {Phase::kRunning, PhaseIn::kDrain, Phase::kDraining, "gates close, open regions are closed"},
    {Phase::kDraining, PhaseIn::kDrain, Phase::kDraining, "already"},
    {Phase::kDraining, PhaseIn::kClosed, Phase::kDrained,
     "all closed and marked clean, or the time is over: kDrained"},
    {Phase::kDrained, PhaseIn::kDrain, Phase::kDrained, "already"},
};
TransitionTable transitions("namespace", kStates, kInputs, kRows);

constexpr unsigned kMaxPasses = 64;

}  // namespace

void NamespaceControl::Impl::go(PhaseIn in) {
  phase = transitions.next(phase, in);
}

NamespaceControl::Impl::Impl(const Setup& setup, const Geometry& geometry)
    : ctx{.spec = setup.spec, .times = setup.times, .limits = setup.limits, .geo = geometry},
      ledger(setup.spec.name, geometry.regions, setup.first_txn),
      regions(ctx.geo, ctx.limits, ledger) {}

// ---- inputs -------------------------------------------------------------------------------------
void NamespaceControl::Impl::step(const Input& in, Time now, Actions& out) {
  ctx.now = now;
  ctx.out = &out;
  ++ctx.serial;
  if (phase != Phase::kDrained || in.kind == Input::Kind::kDrain) {
    input(in);
    settle();
  }
  ctx.out = nullptr;
}

void NamespaceControl::Impl::input(const Input& in) {
  using Kind = Input::Kind;
  switch (in.kind) {
    case Kind::kStart:
      return start();
    case Kind::kTime:
      return;
    case Kind::kCore:
      return on_core(in.event);
    case Kind::kLegUp:
      if (in.leg < kMaxLegs) members.on_up(ctx, ledger, in.leg, in.gen, in.facts);
      return;
    case Kind::kLegDown:
      if (in.leg < kMaxLegs) members.on_down(ctx, in.leg, in.gen, in.text, in.transient);
      return;
    case Kind::kLegDeadline:
      if (in.leg < kMaxLegs) members.on_deadline(ctx, in.leg, in.gen);
      return;
    case Kind::kReserved:
      if (in.leg < kMaxLegs) members.on_reserved(ctx, ledger, in.leg, in.gen, in.reserved);
      return watch_home();
    case Kind::kStoreDone:
      return on_store(in);
    case Kind::kBuffer:
      return verify.on_buffer(ctx, members.legs, in.slot, in.equal, in.offset);
    case Kind::kHostLatency:
      copier.latency(in.nanos);
      return verify.latency(in.nanos);
    case Kind::kAddLeg:
      return members.add(ctx, in.spec, in.request);
    case Kind::kRemoveLeg:
      return members.remove(ctx, in.leg, in.request);
    case Kind::kFaultLeg:
      return members.operator_fault(ctx, in.leg, in.request);
    case Kind::kOnlineLeg:
      return members.online(ctx, in.leg, in.request);
    case Kind::kVerifyStart:
      if (verify.start(ctx)) return ctx.reply(in.request, true, "verify is running");
      return ctx.reply(in.request, false, "verify is running already");
    case Kind::kVerifyStop:
      if (!verify.running()) return ctx.reply(in.request, false, "verify is not running");
      verify.stop();
      return ctx.reply(in.request, true, "verify is stopping");
    case Kind::kDrain:
      give_back_ = give_back_ || in.ok;
      return drain();
    case Kind::kWayWanted:
      return regions.on_way_wanted(ctx, in.region);
  }
}

HeldOp* NamespaceControl::Impl::op(unsigned tag) {
  if (HeldOp* o = copier.op(tag)) return o;
  if (HeldOp* o = members.prober.op(tag)) return o;
  if (HeldOp* o = closer.op(tag)) return o;
  return verify.op(tag);
}

void NamespaceControl::Impl::on_tagged(const tee::Event& e) {
  const unsigned tag = e.tag.to_uint() - ctx.tag_base;
  HeldOp* o = tag < kTags ? op(tag) : nullptr;
  if (o == nullptr) return;
  switch (e.kind.to_uint()) {
    case tee::Event::kHeld:
      return o->on_held(e.slot.to_uint());
    case tee::Event::kHoldRefused:
      return o->on_refused(ctx.now);
    default:
      return o->on_done(static_cast<spec::Status>(e.status.to_uint()), e.mask.to_uint());
  }
}

void NamespaceControl::Impl::on_core(const tee::Event& e) {
  const unsigned leg = e.leg.to_uint();
  const std::uint32_t region = e.region.to_uint();
  switch (e.kind.to_uint()) {
    case tee::Event::kRegionMiss:
      return regions.on_miss(ctx, region, e.slot.to_uint());
    case tee::Event::kRegionSetDone:
      if (!closer.on_set_done(region)) regions.on_set_done(ctx, region, e.status.to_uint() == 0);
      return;
    case tee::Event::kRegionInfo:
      if (e.region_state.to_uint() != tee::Ctl::kNone) regions.on_info(ctx, region, e.age.to_uint());
      return;
    case tee::Event::kHeld:
    case tee::Event::kHoldRefused:
    case tee::Event::kIssueDone:
      return on_tagged(e);
    case tee::Event::kFenceDone:
      return fences.on_done();
    case tee::Event::kLegFault:
      return members.on_core_fault(ctx, leg, static_cast<std::uint8_t>(e.gen.to_uint()),
                                   static_cast<spec::Status>(e.status.to_uint()));
    case tee::Event::kNotHome:
      if (members.epoch.state() != Epoch::State::kNotHome)
        ctx.event(
            Severity::kCritical, "namespace.not_home",
            fmt::format("leg {} says that another host holds its reservation: this node is not home", leg));
      return members.epoch.not_home();
    case tee::Event::kMediaError:
      return members.on_media_error(ctx, leg, e.lba.to_uint64(), e.flag != 0);
    case tee::Event::kSweepDone:
      return members.legs[leg].on_sweep_done();
    default:
      return;
  }
}

void NamespaceControl::Impl::on_store(const Input& in) {
  switch (ledger.on_done(in.txn, in.ok, in.conflict, ctx.now)) {
    case Ledger::Answer::kFailed:
      if (waiting_shown_ == kNever) {
        waiting_shown_ = ctx.now;
        ctx.event(Severity::kWarning, "store.failed", "the metadata store refused a commit: " + in.text);
      }
      return;
    case Ledger::Answer::kLostHome:
      ctx.event(Severity::kCritical, "namespace.not_home",
                "another node changed the epoch: this node is not home");
      return members.epoch.not_home();
    case Ledger::Answer::kCommitted:
      if (std::exchange(waiting_shown_, kNever) != kNever)
        ctx.event(Severity::kNotice, "store.answers", "the metadata store answers again");
      return;
    case Ledger::Answer::kNotOurs:
      return;
  }
}

// What the legs' reservations say of who is home.
void NamespaceControl::Impl::watch_home() {
  if (members.epoch.state() == Epoch::State::kNotHome) return;
  if (!members.stale_store().empty()) {
    ctx.event(Severity::kCritical, "namespace.stale_store", members.stale_store());
    return members.epoch.not_home();
  }
  if (members.preempted().empty()) return;
  ctx.event(Severity::kCritical, "namespace.not_home", members.preempted() + ": this node is not home");
  members.epoch.not_home();
}

// Compare goes to one in_sync leg, any of them: all that are or may soon be in_sync must know the command.
bool NamespaceControl::Impl::legs_compare() const {
  return std::all_of(members.legs.begin(), members.legs.end(), [](const Leg& l) {
    return (l.role != Role::kInSync && l.role != Role::kSyncing) || !l.pending_in_core() || l.facts.compare;
  });
}

// ---- start and drain ----------------------------------------------------------------------------
void NamespaceControl::Impl::set_namespace() {
  tee::Ctl& c = ctx.ctl(tee::Ctl::kSetNamespace);
  c.flag = 1;
  c.nsid = ctx.spec.nsid;
  c.lba = ctx.geo.blocks;
  c.shift_a = ctx.geo.block_shift;
  c.shift_b = ctx.geo.region_shift;
  c.mask = 0;
  c.flag2 = reconciling_ ? 1 : 0;
  compare_ = legs_compare();
  c.flag3 = compare_ ? 1 : 0;
}

void NamespaceControl::Impl::start() {
  if (phase != Phase::kNew) return;
  go(PhaseIn::kStart);
  was_clean_ = ledger.marker().clean;
  if (planted(Bug::kForgetOpenSet))
    for (std::uint32_t r = 0; r < ctx.geo.regions; ++r) ledger.clear_open(r);
  reconciling_ = !ledger.open().empty();
  reconcile_from_ = ctx.now + (reconciling_ && !planted(Bug::kNoGuardTime) ? ctx.times.guard_time : 0);
  // What an addition or a removal that was cut short left behind.
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    if (members.legs[i].configured()) continue;
    ledger.clear_dirty_all(i);
    if (ledger.identity(i)) ledger.want_identity(i, std::nullopt);
  }
  set_namespace();
  gate.apply(ctx);
  for (std::uint32_t r = ledger.open().next(0); r != RegionBits::kNoRegion; r = ledger.open().next(r + 1))
    regions.reconcile(ctx, r);
  if (reconciling_)
    ctx.event(Severity::kWarning, "namespace.unclean",
              fmt::format("the last stop was unclean: {} regions are compared", ledger.open().count()));
  members.start(ctx, reconciling_ || !was_clean_);
}

void NamespaceControl::Impl::watch_start() {
  if (phase != Phase::kStarting) return;
  if (!claimed_ && members.may_claim(ctx)) {
    claimed_ = true;
    ledger.want_marker({ledger.marker().incarnation + 1, false});
    marker_ticket_ = ledger.ticket();
    members.claim(marker_ticket_);
  }
  if (!claimed_) return;
  if (!ledger.durable(marker_ticket_) || !members.all_settled() || regions.unplaced() != 0) return;
  if (!members.all_asked(ctx) || !members.keyed(ctx, ledger)) return;
  members.served();
  go(PhaseIn::kServing);
  gate.set(Gate::kStarting, false);
}

void NamespaceControl::Impl::drain() {
  const bool first = phase != Phase::kDraining && phase != Phase::kDrained;
  const bool begun = phase != Phase::kNew;
  go(PhaseIn::kDrain);
  if (!first) {
    if (phase == Phase::kDrained) ctx.emit(Action::Kind::kDrained);
    return;
  }
  gate.set(Gate::kDraining, true);
  regions.set_draining();
  verify.stop();
  drain_until_ = begun ? ctx.now + std::max(ctx.times.gate, ctx.times.leg_deadline) + kSecond : ctx.now;
  if (begun && give_back_) drain_until_ += ctx.times.guard_time;
}

void NamespaceControl::Impl::watch_drain() {
  if (phase != Phase::kDraining) return;
  const bool closed =
      regions.idle() && closer.idle() && copier.idle() && !verify.running() && ledger.open().empty();
  if (closed && !ledger.marker().clean && ctx.now < drain_until_) {
    ledger.want_marker({ledger.marker().incarnation, true});
    marker_ticket_ = ledger.ticket();
  }
  const bool clean = closed && ledger.marker().clean && ledger.durable(marker_ticket_);
  if (!clean && ctx.now < drain_until_) return;
  if (give_back_ && !members.give_back(ctx) && ctx.now < drain_until_) return;
  go(PhaseIn::kClosed);
  ctx.event(Severity::kInfo, "namespace.drained",
            clean ? "stopped cleanly" : "stopped with regions open: they are compared at the next start");
  members.disable_all(ctx);
  ctx.emit(Action::Kind::kDrained);
}

// ---- what follows from an input -----------------------------------------------------------------
void NamespaceControl::Impl::watch_reconcile() {
  if (!reconciling_ || regions.reconciling() != 0) return;
  reconciling_ = false;
  set_namespace();
  ctx.event(Severity::kNotice, "namespace.reconciled",
            "every region left open by the last stop is equal on all legs");
}

void NamespaceControl::Impl::watch_gate() {
  const bool late = ledger.waiting_since() != kNever && ctx.now >= ledger.waiting_since() + ctx.times.gate;
  if (late != gate.has(Gate::kStore) && phase == Phase::kRunning)
    ctx.event(late ? Severity::kCritical : Severity::kNotice, late ? "namespace.gated" : "namespace.ungated",
              late ? "the metadata store does not answer: commands are refused"
                   : "the metadata store answers again");
  gate.set(Gate::kStore, late && !planted(Bug::kGateForgotten));
  const bool held = members.held_since() != kNever && ctx.now >= members.held_since() + ctx.times.hold;
  if (held != gate.has(Gate::kNoLeg))
    ctx.event(held ? Severity::kCritical : Severity::kNotice, held ? "namespace.down" : "namespace.up",
              held ? "no leg in sync came back in time: commands are refused" : "a leg in sync serves again");
  gate.set(Gate::kNoLeg, held);
  gate.set(Gate::kDoubt, members.doubt() && !planted(Bug::kDoubtShown));
  gate.set(Gate::kNotHome, members.epoch.state() == Epoch::State::kNotHome);
  gate.apply(ctx);
  regions.set_gated(ctx, gate.closed());
  if (gate.has(Gate::kStore) || gate.has(Gate::kNoLeg) || gate.has(Gate::kNotHome) ||
      gate.has(Gate::kDraining))
    members.fail_pending(ctx);
}

void NamespaceControl::Impl::fault_failed(unsigned legs, const char* what) {
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    if ((legs >> i & 1) == 0) continue;
    const bool only = members.legs[i].good() && std::count_if(members.legs.begin(), members.legs.end(),
                                                              [](const Leg& l) { return l.good(); }) == 1;
    if (!only) members.fault(ctx, i, what);
  }
}

void NamespaceControl::Impl::settle_once() {
  const bool serving = phase == Phase::kRunning && !gate.closed();
  members.advance(ctx, ledger, fences, serving && !reconciling_);
  if (members.epoch.state() == Epoch::State::kProving) members.prober.set_quiet_block(regions.quiet_block());
  members.prober.advance(ctx, members.legs);
  regions.advance(ctx);
  closer.advance(ctx, members.legs, regions, ledger, fences);
  fault_failed(closer.take_failed(), "it did not flush");
  Copier::Allowed allowed;
  // P6: who is not home, or has an old store, writes nothing: its idea of which leg is right is not the
  // truth.
  const bool home = members.epoch.state() != Epoch::State::kNotHome && members.stale_store().empty();
  allowed.reconcile = home && reconciling_ && members.all_settled() &&
                      (ctx.now >= reconcile_from_ || members.all_proven()) && phase != Phase::kDraining;
  allowed.resync = serving;
  copier.advance(ctx, members.legs, regions, ledger, allowed);
  fault_failed(copier.take_failed(), "it could not be copied to");
  verify.advance(ctx, members.legs, regions, serving);
  watch_reconcile();
  if (compare_ != legs_compare()) set_namespace();
  watch_start();
  watch_drain();
  watch_gate();
  fences.pump(ctx);
  ledger.pump(ctx);
}

void NamespaceControl::Impl::settle() {
  if (phase == Phase::kNew || phase == Phase::kDrained) return;
  for (unsigned pass = 0; pass < kMaxPasses; ++pass) {
    const auto before = std::pair(transitions_taken, ctx.out->size());
    settle_once();
    if (phase == Phase::kDrained || before == std::pair(transitions_taken, ctx.out->size())) return;
  }
  check_failed("passes", "P10: machines settle", __FILE__, __LINE__);
}

Time NamespaceControl::Impl::wake_at() const {
  if (phase == Phase::kNew || phase == Phase::kDrained) return kNever;
  Wake w(ctx.now);
  members.wake(w, ctx);
  regions.wake(w);
  closer.wake(w);
  copier.wake(w);
  verify.wake(w);
  ledger.wake(w);
  if (ledger.waiting_since() != kNever) w.add(ledger.waiting_since() + ctx.times.gate);
  if (reconciling_) w.add(reconcile_from_);
  if (drain_until_ != kNever) w.add(drain_until_);
  return w.at();
}

std::string transition_tables() {
  std::string out = transitions.print();
  for (const auto& table :
       {Leg::table(), LegLink::table(), LegFence::table(), Epoch::table(), Regions::table(), Closer::table(),
        Copier::table(), Verify::table(), HeldOp::table()})
    out += "\n" + table;
  return out;
}

std::string transitions_never_taken() {
  return transitions.never_taken() + Leg::never_taken() + LegLink::never_taken() + LegFence::never_taken() +
         Epoch::never_taken() + Regions::never_taken() + Closer::never_taken() + Copier::never_taken() +
         Verify::never_taken() + HeldOp::never_taken();
}

// ---- the public face ----------------------------------------------------------------------------
NamespaceControl::NamespaceControl() = default;
NamespaceControl::~NamespaceControl() = default;
void NamespaceControl::step(const Input& input, Time now, Actions& out) {
  impl_->step(input, now, out);
}
void NamespaceControl::set_resync_rate(std::uint64_t bytes_per_second) {
  impl_->ctx.limits.resync_max_bytes_per_s = bytes_per_second;
}

Time NamespaceControl::wake_at() const {
  return impl_->wake_at();
}
NamespaceStatus NamespaceControl::status(Time now) const {
  return impl_->status(now);
}
MachineStates NamespaceControl::machine_states() const {
  return impl_->machine_states();
}
std::uint16_t NamespaceControl::tag_base() const {
  return impl_->ctx.tag_base;
}
void NamespaceControl::set_tag_base(std::uint16_t base) {
  impl_->ctx.tag_base = base;
}

}  // namespace nvtee::core
