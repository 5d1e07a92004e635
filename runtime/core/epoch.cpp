#include "runtime/core/epoch.hpp"
#include "runtime/core/planted.hpp"

#include <bit>

namespace nvtee::core {
namespace {

using S = Epoch::State;
using I = Epoch::In;
constexpr std::array<const char*, 4> kStates = {"idle", "proving", "committing", "not_home"};
constexpr std::array<const char*, 5> kInputs = {"prove", "give_up", "commit", "durable", "not_home"};
constexpr Transition<S, I> kRows[] = {
    {S::kIdle, I::kProve, S::kProving, "probe the legs that remain"},
    {S::kIdle, I::kCommit, S::kCommitting, "compare-and-set of epoch + 1"},
    {S::kIdle, I::kNotHome, S::kNotHome, "gates close, no leg is faulted"},
    {S::kProving, I::kGiveUp, S::kIdle, "no leg remains, or the leg need not go any more"},
    {S::kProving, I::kCommit, S::kCommitting, "a remaining leg answered: compare-and-set of epoch + 1"},
    {S::kProving, I::kNotHome, S::kNotHome, "gates close, no leg is faulted"},
    {S::kCommitting, I::kDurable, S::kIdle, "the legs take their new roles"},
    {S::kCommitting, I::kNotHome, S::kNotHome, "another node wrote the epoch: gates close"},
    {S::kNotHome, I::kNotHome, S::kNotHome, "still"},
};
TransitionTable transitions("epoch", kStates, kInputs, kRows);

// The role that a leg wants next, or none.
std::optional<Role> wanted_role(const Leg& leg) {
  switch (leg.state()) {
    case Leg::State::kEnlisting:
      return Role::kStale;
    case Leg::State::kLost:
      return Role::kStale;
    case Leg::State::kBarrier:
      if (leg.leaving) return Role::kRemoved;
      if (leg.ready) return Role::kSyncing;
      return std::nullopt;
    case Leg::State::kCopying:
      if (leg.leaving) return Role::kRemoved;
      if (leg.copied) return Role::kInSync;
      return std::nullopt;
    case Leg::State::kStale:
    case Leg::State::kInSync:
      if (leg.leaving) return Role::kRemoved;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string Epoch::table() {
  return transitions.print();
}
std::string Epoch::never_taken() {
  return transitions.never_taken();
}
void Epoch::go(In in) {
  state_ = transitions.next(state_, in);
}

void Epoch::not_home() {
  go(In::kNotHome);
}

Epoch::Plan Epoch::plan(const Legs& legs) const {
  Plan p;
  unsigned good = 0;
  for (const Leg& leg : legs) {
    p.roles[leg.index()] = leg.role;
    const auto role = wanted_role(leg);
    // A leg that was syncing when the node stopped joins again, by an epoch of its own.
    const bool again = leg.state() == Leg::State::kBarrier && role == Role::kSyncing;
    if (!role || (*role == leg.role && !again)) {
      if (leg.good() || leg.remains) good |= 1u << leg.index();
      continue;
    }
    p.changes |= 1u << leg.index();
    p.roles[leg.index()] = *role;
    if (leg.role != Role::kInSync) continue;
    p.drops |= 1u << leg.index();
    p.since = std::max(p.since, leg.lost_in);
  }
  for (const Leg& leg : legs) {
    if ((good >> leg.index() & 1) == 0) continue;
    // The core does not use a leg that is to remain yet: its association itself is the proof.
    if (leg.remains ? leg.link.attached_in() > p.since : leg.answered >= p.since && leg.answered != 0)
      p.proven = true;
    else if (leg.good())
      p.unproven |= 1u << leg.index();
  }
  if (planted(Bug::kDropLast) && good == 0) p.proven = true;
  if (p.drops != 0 && good == 0 && !planted(Bug::kDropLast)) {
    // Nobody would remain: those stay as they are, the other changes may go on.
    for (unsigned i = 0; i < kMaxLegs; ++i)
      if ((p.drops >> i & 1) != 0) p.roles[i] = legs[i].role;
    p.changes &= ~p.drops;
    p.drops = 0;
  }
  return p;
}

bool Epoch::advance(Legs& legs, Ledger& ledger, Prober& prober) {
  if (state_ == State::kNotHome) return false;
  if (state_ == State::kCommitting) {
    if (!ledger.durable(ticket_)) return false;
    go(In::kDurable);
    return true;
  }
  const Plan p = plan(legs);
  if (p.drops != 0 && !p.proven) {
    if (state_ == State::kIdle) go(In::kProve);
    prober.want(p.unproven, p.since);
    return false;
  }
  prober.want(0, 0);
  if (p.changes == 0) {
    if (state_ == State::kProving) go(In::kGiveUp);
    return false;
  }
  commit(legs, ledger, p);
  return false;
}

void Epoch::commit(Legs& legs, Ledger& ledger, const Plan& plan) {
  store::EpochRecord next = ledger.epoch();
  ++next.epoch;
  unsigned in_sync_left = 0;
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    if ((legs[i].good() || legs[i].remains) && plan.roles[i] == Role::kInSync) ++in_sync_left;
    if ((plan.changes >> i & 1) == 0) continue;
    auto& leg = next.legs[i];
    leg.role = plan.roles[i];
    leg.peer = legs[i].spec.peer;
    leg.nsid = legs[i].spec.nsid;
    ++leg.generation;
    legs[i].commit_gen = legs[i].link.gen();
    switch (leg.role) {
      case Role::kStale:
        if (legs[i].state() == Leg::State::kLost) legs[i].go(Leg::In::kDrop);
        break;
      case Role::kSyncing:
        legs[i].go(Leg::In::kReady);
        break;
      case Role::kInSync:
        legs[i].go(Leg::In::kCopied);
        break;
      case Role::kRemoved:
        legs[i].go(Leg::In::kRemove);
        break;
      case Role::kNone:
        check_failed("role", "a leg never wants no role", __FILE__, __LINE__);
    }
  }
  NVTEE_CHECK(plan.drops == 0 || (in_sync_left > 0 && plan.proven),
              "P1: a leg goes only when a remaining in_sync leg has answered since");
  changing_ = plan.changes;
  ticket_ = ledger.want_epoch(std::move(next));
  go(In::kCommit);
}

}  // namespace nvtee::core
