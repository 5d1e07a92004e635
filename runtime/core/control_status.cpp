// What `nvtee status` shows: health, reasons, and advice in words.
#include <fmt/format.h>

#include "runtime/core/control_impl.hpp"

namespace nvtee::core {
namespace {

LegState shown_state(const Leg& leg) {
  switch (leg.role) {
    case Role::kNone:
      return leg.configured() ? LegState::kStale : LegState::kNone;
    case Role::kInSync:
      return LegState::kInSync;
    case Role::kStale:
      return LegState::kStale;
    case Role::kSyncing:
      // After a restart it begins again: until then it is as good as stale.
      return leg.state() == Leg::State::kStale || leg.state() == Leg::State::kBarrier ? LegState::kStale
                                                                                      : LegState::kSyncing;
    case Role::kRemoved:
      return leg.configured() ? LegState::kRemoved : LegState::kNone;
  }
  return LegState::kNone;
}

}  // namespace

LegStatus NamespaceControl::Impl::leg_status(const Leg& leg, Time now) const {
  LegStatus s;
  s.state = shown_state(leg);
  if (s.state == LegState::kNone) return s;
  s.spec = leg.spec;
  s.connected = leg.link.is_up();
  s.needs_operator = leg.link.needs_operator();
  s.dirty_bytes = ledger.dirty(leg.index()).count() * ctx.geo.region_bytes;
  if (leg.state() == Leg::State::kCopying) s.to_copy_bytes = leg.to_copy.count() * ctx.geo.region_bytes;
  s.copied_bytes = leg.copied_bytes;
  s.reason = !leg.copy_trouble.empty() ? leg.copy_trouble : leg.reason;
  if (!s.connected && !leg.link.reason().empty() && s.reason != leg.link.reason())
    s.reason += (s.reason.empty() ? "" : "; ") + leg.link.reason();
  s.faults = leg.link.faults();
  s.media_errors = leg.media_errors;
  if (leg.link.next_attempt() != kNever) s.next_attempt = leg.link.next_attempt();
  const bool in_doubt = leg.state() == Leg::State::kBarrier || leg.state() == Leg::State::kReturning;
  if (in_doubt && !leg.reservation.proven() && leg.lost_at + ctx.times.guard_time > now)
    s.in_doubt_left = leg.lost_at + ctx.times.guard_time - now;
  s.reservation = leg.reservation.held();
  s.proven = leg.reservation.proven();
  s.fence_key = leg.reservation.key();
  return s;
}

void NamespaceControl::Impl::fill_health(NamespaceStatus& s) const {
  unsigned absent = 0, syncing = 0, lost = 0;
  for (const Leg& leg : members.legs) {
    const auto& ls = s.legs[leg.index()];
    if (ls.state == LegState::kNone || ls.state == LegState::kRemoved) continue;
    if (ls.state == LegState::kStale) ++absent;
    if (ls.state == LegState::kSyncing) ++syncing;
    if (ls.state == LegState::kInSync && !leg.good()) ++lost;
    if (ls.needs_operator)
      s.advice.push_back(fmt::format("leg {} failed too often: mend peer {}, then `nvtee leg online`",
                                     leg.index(), ls.spec.peer));
    else if (!ls.connected && phase != Phase::kDrained && phase != Phase::kNew)
      s.advice.push_back(fmt::format("leg {} is not connected ({}): check peer {} and the network to it",
                                     leg.index(), ls.reason.empty() ? "no reason given" : ls.reason,
                                     ls.spec.peer));
    if (!leg.copy_trouble.empty())
      s.advice.push_back(
          fmt::format("resync of leg {} cannot finish: replace the medium that cannot be read, or write "
                      "those blocks anew",
                      leg.index()));
  }
  if (gate.has(Gate::kStore))
    s.advice.push_back("the metadata store does not answer: check its disk and free space");
  if (gate.has(Gate::kNotHome) && !members.stale_store().empty())
    s.advice.push_back(members.stale_store() +
                       "; stop nvteed and bring back the newest copy of the state file: see `nvtee explain "
                       "namespace.stale_store`");
  else if (gate.has(Gate::kNotHome))
    s.advice.push_back("another host or node took the legs: find out which, then restart nvteed");
  if (s.verify.mismatched_blocks != 0)
    s.advice.push_back(
        "legs differ: a leg lost writes that it had acknowledged; find out which, fault it and resync it");
  const bool known = phase == Phase::kStarting || phase == Phase::kRunning || phase == Phase::kDraining;
  if (!known)
    s.health = "unknown";
  else if (members.held_since() != kNever)
    s.health = "down";
  else if (!members.any_good())
    s.health = "unknown";  // the legs were not asked yet
  else if (gate.closed())
    s.health = "gated";
  else if (reconciling_)
    s.health = "reconciling";
  else if (lost != 0)
    s.health = "gated";  // commands wait for an epoch
  else if (syncing != 0)
    s.health = "resyncing";
  else if (absent != 0 || s.verify.mismatched_blocks != 0)
    s.health = "degraded";
  else
    s.health = "ok";
}

NamespaceStatus NamespaceControl::Impl::status(Time now) const {
  NamespaceStatus s;
  s.spec = ctx.spec;
  s.epoch = ledger.epoch().epoch;
  s.fence_number = members.truth(ctx, ledger).number;
  s.guard_time = ctx.times.guard_time;
  bool waits = false;
  for (const Leg& leg : members.legs) {
    s.legs[leg.index()] = leg_status(leg, now);
    waits = waits || (leg.pending_in_core() && !leg.good() &&
                      (leg.state() == Leg::State::kLost || leg.state() == Leg::State::kDropping ||
                       leg.state() == Leg::State::kReturning || leg.state() == Leg::State::kReissuing));
  }
  s.open_regions = ledger.open().count();
  s.open_bytes = s.open_regions * ctx.geo.region_bytes;
  s.reconcile_bytes = regions.reconciling() * ctx.geo.region_bytes;
  s.misses = regions.misses();
  s.closes = closer.closes();
  s.gated = gate.closed() || waits;
  if (gate.has(Gate::kNotHome))
    s.gate_reason = members.stale_store().empty()
                        ? "this node is not home"
                        : "the metadata store is older than a leg's reservation key says";
  else if (gate.has(Gate::kStore))
    s.gate_reason = "the metadata store does not answer";
  else if (gate.has(Gate::kNoLeg))
    s.gate_reason = "no leg in sync is left";
  else if (gate.has(Gate::kDraining))
    s.gate_reason = "nvteed is stopping";
  else if (gate.has(Gate::kStarting))
    s.gate_reason = "starting: waiting for the legs in sync";
  else if (gate.has(Gate::kDoubt))
    s.gate_reason =
        "commands were refused while a leg in sync was away: it must be dropped or come back first";
  else if (waits)
    s.gate_reason = "commands wait until a failed leg is dropped or back";
  s.ana_state = gate.ana_state();
  s.verify = verify.result();
  fill_health(s);
  return s;
}

}  // namespace nvtee::core
