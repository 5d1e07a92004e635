#include "runtime/core/leg.hpp"

#include "runtime/core/planted.hpp"

namespace nvtee::core {
namespace {

using S = Leg::State;
using I = Leg::In;
constexpr std::array<const char*, 18> kStates = {
    "none",     "adding",   "enlisting", "starting",  "stale",    "barrier",
    "joining",  "fencing",  "copying",   "promoting", "in_sync",  "lost",
    "dropping", "sweeping", "returning", "reissuing", "removing", "purging"};
constexpr std::array<const char*, 15> kInputs = {
    "add",    "give_up", "up",   "break", "missing",  "ready",        "durable", "durable_down",
    "fenced", "copied",  "drop", "swept", "survivor", "barrier_over", "remove"};
constexpr Transition<S, I> kRows[] = {
    {S::kNone, I::kAdd, S::kAdding, "`leg add`: attach it and look at its facts"},
    {S::kAdding, I::kGiveUp, S::kNone, "not reached in start_wait, or refused: nothing was changed"},
    {S::kAdding, I::kUp, S::kEnlisting,
     "facts fit: epoch with the leg stale, all of its regions dirty, identity noted"},
    {S::kEnlisting, I::kDurable, S::kStale, "it is a leg now; the request is answered"},
    {S::kEnlisting, I::kDurableDown, S::kStale, "it is a leg now, though away again"},
    {S::kEnlisting, I::kBreak, S::kEnlisting, "seen when the epoch is durable"},

    {S::kStarting, I::kUp, S::kInSync, "kSetLeg in_sync"},
    {S::kStarting, I::kMissing, S::kLost, "start_wait is over"},

    {S::kStale, I::kUp, S::kBarrier, "the association is up"},
    {S::kStale, I::kRemove, S::kRemoving, "epoch without it"},
    {S::kBarrier, I::kReady, S::kJoining, "nothing old can execute any more: epoch with `syncing`"},
    {S::kBarrier, I::kBreak, S::kStale, "gone again"},
    {S::kBarrier, I::kRemove, S::kRemoving, "epoch without it"},
    {S::kJoining, I::kDurable, S::kFencing, "kSetLeg syncing, then a fence"},
    {S::kJoining, I::kDurableDown, S::kLost, "gone meanwhile: back to stale by an epoch"},
    {S::kJoining, I::kBreak, S::kJoining, "seen when the epoch is durable"},
    {S::kFencing, I::kFenced, S::kCopying, "dirty and open regions are now to be copied"},
    {S::kFencing, I::kBreak, S::kLost, "fault while syncing: gated like an in_sync leg"},
    {S::kCopying, I::kCopied, S::kPromoting, "nothing is left: epoch with `in_sync`"},
    {S::kCopying, I::kBreak, S::kLost, "fault while syncing: gated like an in_sync leg"},
    {S::kCopying, I::kRemove, S::kRemoving, "epoch without it"},
    {S::kPromoting, I::kDurable, S::kInSync, "kSetLeg in_sync: it serves reads from here on"},
    {S::kPromoting, I::kDurableDown, S::kLost, "gone meanwhile: an in_sync leg that failed"},
    {S::kPromoting, I::kBreak, S::kPromoting, "seen when the epoch is durable"},

    {S::kInSync, I::kBreak, S::kLost, "fault: nothing is answered until it is dropped or back"},
    {S::kInSync, I::kRemove, S::kRemoving, "epoch without it; another leg has answered since"},
    {S::kLost, I::kDrop, S::kDropping, "a remaining leg has answered since: epoch with `stale`"},
    {S::kLost, I::kSurvivor, S::kReturning, "no other leg is left, and this one is back"},
    {S::kDropping, I::kDurable, S::kSweeping, "kSetLeg off, then, when a leg serves, kLegSweep drop"},
    {S::kDropping, I::kDurableDown, S::kSweeping, "kSetLeg off, then, when a leg serves, kLegSweep drop"},
    {S::kSweeping, I::kSwept, S::kStale, "nothing waits for it any more"},
    {S::kStale, I::kBreak, S::kStale, "it was not in use"},
    {S::kLost, I::kBreak, S::kLost, "it had come back, but was not in use"},
    {S::kDropping, I::kBreak, S::kDropping, "it had come back, but was not in use"},
    {S::kSweeping, I::kBreak, S::kSweeping, "it had come back, but was not in use"},

    {S::kReturning, I::kBarrierOver, S::kReissuing,
     "all others are dropped: kSetLeg in_sync with the new generation, then kLegSweep reissue"},
    {S::kReturning, I::kBreak, S::kLost,
     "gone again, or its association is older than a loss, or another leg has become in sync"},
    {S::kReissuing, I::kSwept, S::kInSync, "all that was pending is under way again"},
    {S::kReissuing, I::kBreak, S::kLost, "gone again"},

    {S::kRemoving, I::kDurable, S::kPurging,
     "kSetLeg off, then, when a leg serves, kDetachLeg and kLegSweep drop"},
    {S::kRemoving, I::kDurableDown, S::kPurging,
     "kSetLeg off, then, when a leg serves, kDetachLeg and kLegSweep drop"},
    {S::kRemoving, I::kBreak, S::kRemoving, "it is leaving anyway"},
    {S::kPurging, I::kBreak, S::kPurging, "it is leaving anyway"},
    {S::kPurging, I::kSwept, S::kNone,
     "its registration is taken back on another association, within start_wait; kDetachLeg; its "
     "dirty map and identity are deleted"},
};
TransitionTable transitions("leg", kStates, kInputs, kRows);

}  // namespace

std::string Leg::table() {
  return transitions.print();
}
std::string Leg::never_taken() {
  return transitions.never_taken();
}
void Leg::go(In in) {
  state_ = transitions.next(state_, in);
}
const char* Leg::state_name() const {
  return transitions.state_name(state_);
}

bool Leg::pending_in_core() const {
  return core_state != tee::Ctl::kLegOff;
}

Duration Leg::in_doubt(const Context& ctx) const {
  if (lost_at == 0 || ctx.now >= lost_at + ctx.times.guard_time) return 0;
  return lost_at + ctx.times.guard_time - ctx.now;
}

bool Leg::barrier_over(const Context& ctx) const {
  return reservation.proven() || in_doubt(ctx) == 0 || planted(Bug::kNoGuardTime);
}

void Leg::set_core(Context& ctx, tee::Ctl::LegState state) {
  NVTEE_CHECK(state != tee::Ctl::kLegInSync || role == Role::kInSync,
              "P8: only a leg that is durably in_sync is read");
  NVTEE_CHECK(state != tee::Ctl::kLegSyncing || role == Role::kSyncing,
              "P4: a syncing leg is durably syncing");
  NVTEE_CHECK(state != tee::Ctl::kLegOff || role != Role::kInSync, "P4: an in_sync leg misses no write");
  core_state = state;
  tee::Ctl& c = ctx.ctl(tee::Ctl::kSetLeg);
  c.leg = index_;
  c.leg_state = state;
  c.gen = link.gen();
  c.nsid = spec.nsid;
}

void Leg::sweep(Context& ctx, tee::Ctl::Sweep how) {
  tee::Ctl& c = ctx.ctl(tee::Ctl::kLegSweep);
  c.leg = index_;
  c.sweep = how;
  ++sweeps_;
}

void Leg::on_sweep_done() {
  NVTEE_CHECK(sweeps_ > 0, "the core answers a sweep once");
  --sweeps_;
}

}  // namespace nvtee::core
