#include "runtime/core/membership.hpp"
#include "runtime/core/planted.hpp"

#include <fmt/format.h>

namespace nvtee::core {
namespace {

using LS = Leg::State;
using LI = Leg::In;

constexpr Duration kFailAgain = 250 * kMillisecond;
constexpr std::uint64_t kMediaErrorLimit = 32;  // in flap_window: then the leg is faulted

std::string leg_name(const Leg& leg) {
  return fmt::format("leg {} ({} nsid {})", leg.index(), leg.spec.peer, leg.spec.nsid);
}

}  // namespace

std::string facts_trouble(const Context& ctx, const LegFacts& f,
                          const std::optional<store::IdentityRecord>& known) {
  const auto& s = ctx.spec;
  if (f.block_shift != s.block_shift)
    return fmt::format("LBADS is {}, the namespace has {}", f.block_shift, s.block_shift);
  if (f.blocks < s.blocks) return fmt::format("NSZE is {} blocks, the namespace has {}", f.blocks, s.blocks);
  if (f.max_transfer != 0 && f.max_transfer < ctx.limits.chunk_bytes)
    return fmt::format("MDTS allows {} bytes, {} are needed", f.max_transfer, ctx.limits.chunk_bytes);
  if (!f.write_zeroes) return "ONCS: Write Zeroes is not supported";
  if (!known) return {};
  if (known->nguid != f.nguid) return "NGUID is not the one that was seen first: another namespace";
  if (known->eui64 != f.eui64) return "EUI64 is not the one that was seen first: another namespace";
  // Without either, the subsystem's serial number must do.
  const bool has_id =
      f.eui64 != 0 || std::any_of(f.nguid.begin(), f.nguid.end(), [](auto b) { return b != 0; });
  if (!has_id && known->serial != f.serial)
    return fmt::format("serial number is \"{}\", first seen \"{}\": another subsystem", f.serial,
                       known->serial);
  return {};
}

// ---- start --------------------------------------------------------------------------------------
void Membership::restore(const Ledger& ledger, std::uint32_t regions) {
  accepted_ = ledger.epoch().epoch + ledger.marker().incarnation;
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    legs[i] = Leg(i);
    legs[i].to_copy.resize(regions);
    const auto& record = ledger.epoch().legs[i];
    legs[i].role = record.role;
    legs[i].spec = {record.peer, record.nsid};
    if (planted(Bug::kStaleServes) && record.role == Role::kStale) legs[i].role = Role::kInSync;
    if (legs[i].role == Role::kInSync) legs[i].restore(LS::kStarting);
    // A leg that was syncing begins again: what is left is in its dirty map and the open set.
    if (legs[i].role == Role::kStale || legs[i].role == Role::kSyncing) legs[i].restore(LS::kStale);
  }
}

void Membership::start(Context& ctx, bool unclean) {
  started_at_ = ctx.now;
  unclean_ = unclean;
  for (Leg& leg : legs) {
    if (!leg.configured()) continue;
    // What the former incarnation had sent may still execute: after a clean stop to those legs only that it
    // had lost before.
    if (unclean || (leg.role != Role::kInSync && !planted(Bug::kCleanAtOnce))) leg.lost_at = ctx.now;
    leg.reason = "not connected yet";
    leg.link.enable(ctx, leg.spec);
  }
}

void Membership::disable_all(Context& ctx) {
  for (Leg& leg : legs) {
    leg.reservation.end();
    leg.link.disable(ctx);
  }
}

// ---- contact ------------------------------------------------------------------------------------
void Membership::on_up(Context& ctx, Ledger& ledger, unsigned index, std::uint8_t gen,
                       const LegFacts& facts) {
  Leg& leg = legs[index];
  if (!leg.link.ours(gen) || leg.link.is_up()) return;
  const auto trouble = facts_trouble(ctx, facts, ledger.identity(index));
  if (!trouble.empty()) return refuse(ctx, leg, trouble);
  leg.facts = facts;
  if (!facts.reservations) {
    leg.reservation.end();
    return came_up(ctx, ledger, leg);
  }
  leg.reservation.begin(index, gen, leg.in_doubt(ctx));
}

void Membership::refuse(Context& ctx, Leg& leg, const std::string& why) {
  leg.link.refused(ctx, why);
  ctx.event(Severity::kWarning, "leg.refused", leg_name(leg) + " is refused: " + why);
  if (leg.state() == LS::kAdding) give_up_adding(ctx, leg, leg_name(leg) + " is refused: " + why);
}

// It may be used from here on.
void Membership::came_up(Context& ctx, Ledger& ledger, Leg& leg) {
  const unsigned index = leg.index();
  const LegFacts& facts = leg.facts;
  leg.link.up();
  if (planted(Bug::kQuietReconnect) && leg.state() == LS::kInSync) {
    leg.set_core(ctx, tee::Ctl::kLegInSync);
    leg.sweep(ctx, tee::Ctl::kReissue);
  }
  if (!ledger.identity(index))
    ledger.want_identity(index, store::IdentityRecord{facts.nguid, facts.eui64, facts.serial, facts.model});
  ctx.event(Severity::kInfo, "leg.connected", leg_name(leg) + " is connected");
}

void Membership::on_down(Context& ctx, unsigned index, std::uint8_t gen, const std::string& why,
                         bool transient) {
  Leg& leg = legs[index];
  if (!leg.link.ours(gen)) return;
  leg.reservation.end();
  const bool was_up = leg.link.is_up();
  if (!was_up || (planted(Bug::kQuietReconnect) && leg.state() == LS::kInSync)) {
    leg.link.down(ctx, why, transient);
    return;
  }
  lose(ctx, leg, why);
}

void Membership::on_deadline(Context& ctx, unsigned index, std::uint8_t gen) {
  Leg& leg = legs[index];
  if (leg.link.ours(gen) && !leg.link.is_up() && leg.reservation.busy()) {
    leg.reservation.end();
    return leg.link.failed(ctx, "it did not answer a reservation command in time");
  }
  if (leg.link.is_up() && leg.link.gen() == gen)
    lose(ctx, leg,
         fmt::format("it owed an answer for more than {} ms", ctx.times.leg_deadline / kMillisecond));
}

void Membership::on_core_fault(Context& ctx, unsigned index, std::uint8_t gen, spec::Status status) {
  Leg& leg = legs[index];
  if (leg.link.is_up() && leg.link.gen() == gen)
    lose(ctx, leg, fmt::format("it answered with status {}/{:02x}h", status >> 8, status & 0xff));
}

void Membership::on_reserved(Context& ctx, Ledger& ledger, unsigned index, std::uint8_t gen,
                             const Reserved& answer) {
  Leg& leg = legs[index];
  if (!leg.link.ours(gen) || !leg.reservation.busy()) return;
  if (epoch.state() == Epoch::State::kNotHome && !leg.link.is_up()) {
    leg.reservation.end();
    return leg.link.refused(ctx, "this node is not home");
  }
  switch (leg.reservation.on_answer(ctx, truth(ctx, ledger), answer)) {
    case LegFence::Verdict::kHeld:
      return came_up(ctx, ledger, leg);
    case LegFence::Verdict::kRefused:
      return refuse(ctx, leg, leg.reservation.why());
    case LegFence::Verdict::kStale:
      // Once hosts are served it is this leg that does not belong here.
      if (!served_) stale_store_ = leg_name(leg) + ": " + leg.reservation.why();
      return refuse(ctx, leg, leg.reservation.why());
    case LegFence::Verdict::kPreempted:
      if (leg.link.is_up()) {
        preempted_ = leg_name(leg) + ": " + leg.reservation.why();
        return lose(ctx, leg, leg.reservation.why());
      }
      return leg.link.failed(ctx, leg.reservation.why());
    case LegFence::Verdict::kFailed:
      if (leg.link.is_up()) return lose(ctx, leg, leg.reservation.why());
      return leg.link.failed(ctx, leg.reservation.why());
    case LegFence::Verdict::kWait:
    case LegFence::Verdict::kLeft:
      return;
  }
}

// ---- fences -------------------------------------------------------------------------------------
FenceTruth Membership::truth(const Context& ctx, const Ledger& ledger) const {
  FenceTruth t;
  t.tag = fence_tag(ctx.spec);
  t.accepted = accepted_;
  if (ledger.durable(started_)) t.number = ledger.epoch().epoch + ledger.marker().incarnation;
  NVTEE_CHECK(t.number >> 32 == 0, "a fence number has 32 bits");
  return t;
}

void Membership::watch_fences(Context& ctx, const Ledger& ledger) {
  if (epoch.state() == Epoch::State::kNotHome) return;
  const FenceTruth t = truth(ctx, ledger);
  for (Leg& leg : legs) leg.reservation.advance(ctx, t, leg.in_doubt(ctx));
}

// What an epoch allows is done when the legs that serve carry its number: whoever finds an older record later
// is told so by them.
bool Membership::keyed(const Context& ctx, const Ledger& ledger) const {
  if (planted(Bug::kNoRekey)) return true;
  const FenceTruth t = truth(ctx, ledger);
  return std::all_of(legs.begin(), legs.end(), [&](const Leg& leg) { return !leg.good() || leg.keyed(t); });
}

// What a former association had sent may still arrive, and is refused as long as this one holds the leg: legs
// that were closed as equal must not come apart (P2, P4).
bool Membership::give_back(Context& ctx) {
  bool all = true;
  giving_back_ = true;
  for (Leg& leg : legs) {
    if (!leg.link.is_up()) continue;
    if (leg.reservation.held() && leg.in_doubt(ctx) != 0 && !planted(Bug::kGivenBackEarly)) {
      all = false;
      continue;
    }
    leg.reservation.leave(ctx);
    all = all && leg.reservation.left();
  }
  return all;
}

bool Membership::all_asked(const Context& ctx) const {
  const bool fenced = std::any_of(legs.begin(), legs.end(),
                                  [](const Leg& leg) { return leg.good() && leg.reservation.used(); });
  if (!fenced || ctx.now >= started_at_ + ctx.times.start_wait) return true;
  return std::none_of(legs.begin(), legs.end(),
                      [](const Leg& leg) { return leg.link.state() == LegLink::State::kConnecting; });
}

bool Membership::may_claim(const Context& ctx) const {
  if (!stale_store_.empty()) return false;
  if (ctx.now >= started_at_ + ctx.times.start_wait / 2) return true;
  return std::none_of(legs.begin(), legs.end(), [](const Leg& leg) {
    return leg.link.state() == LegLink::State::kConnecting && !leg.reservation.judged();
  });
}

bool Membership::all_proven() const {
  return std::all_of(legs.begin(), legs.end(),
                     [](const Leg& leg) { return leg.role != Role::kInSync || leg.reservation.proven(); });
}

void Membership::on_media_error(Context& ctx, unsigned index, std::uint64_t lba, bool repaired) {
  Leg& leg = legs[index];
  ++leg.media_errors;
  if (ctx.now >= leg.media_window_from + ctx.times.flap_window) {
    leg.media_window_from = ctx.now;
    leg.recent_media_errors = 0;
  }
  ctx.event(Severity::kWarning, "leg.media_error",
            fmt::format("{} could not read LBA {}{}", leg_name(leg), lba, repaired ? ", repaired" : ""));
  if (++leg.recent_media_errors < kMediaErrorLimit || last_one(leg)) return;
  leg.recent_media_errors = 0;
  fault(ctx, index, fmt::format("{} media errors in a short time", kMediaErrorLimit));
}

void Membership::fault(Context& ctx, unsigned index, const std::string& why) {
  Leg& leg = legs[index];
  if (leg.link.is_up()) lose(ctx, leg, why);
}

bool Membership::last_one(const Leg& leg) const {
  if (leg.role != Role::kInSync) return false;
  return std::none_of(legs.begin(), legs.end(), [&](const Leg& other) {
    return other.index() != leg.index() && other.good() && !other.leaving;
  });
}

// The association is no longer to be trusted: it ends at once, and whatever the core waits for on it stays
// pending.
void Membership::lose(Context& ctx, Leg& leg, const std::string& why) {
  const LS before = leg.state();
  leg.reason = why;
  leg.lost_at = ctx.now;
  // An association that was not in use took nothing with it.
  if (before != LS::kLost && before != LS::kDropping && before != LS::kReturning) leg.lost_in = ctx.serial;
  leg.ready = leg.copied = leg.remains = false;
  // A newer association may be on its way already: its reservation goes on.
  if (leg.link.is_up()) leg.reservation.end();
  leg.link.fault(ctx, why, !last_one(leg));
  leg.go(LI::kBreak);
  if (planted(Bug::kRouteBeforeEpoch) && leg.state() == LS::kLost && before == LS::kInSync &&
      !last_one(leg)) {
    leg.core_state = tee::Ctl::kLegOff;
    tee::Ctl& off = ctx.ctl(tee::Ctl::kSetLeg);
    off.leg = leg.index();
    off.gen = leg.link.gen();
    leg.sweep(ctx, tee::Ctl::kDrop);
  }
  if (leg.state() == LS::kLost && before != LS::kLost)
    ctx.event(last_one(leg) ? Severity::kCritical : Severity::kWarning, "leg.faulted",
              leg_name(leg) + " failed: " + why);
  if (leg.link.needs_operator())
    ctx.event(Severity::kWarning, "leg.flapping",
              leg_name(leg) + " failed too often: it stays away until `nvtee leg online`");
}

// ---- operator -----------------------------------------------------------------------------------
void Membership::add(Context& ctx, const LegSpec& spec, std::uint64_t request) {
  Leg* free = nullptr;
  for (Leg& leg : legs) {
    if (leg.configured() && leg.spec.peer == spec.peer && leg.spec.nsid == spec.nsid)
      return ctx.reply(request, false, leg_name(leg) + " is a leg already");
    if (!leg.configured() && free == nullptr) free = &leg;
  }
  if (free == nullptr)
    return ctx.reply(request, false, fmt::format("a namespace has at most {} legs", kMaxLegs));
  const unsigned index = free->index();
  const LegLink link = free->link;  // its generations go on
  const std::uint32_t regions = free->to_copy.regions();
  *free = Leg(index);
  free->link = link;
  free->to_copy.resize(regions);
  free->spec = spec;
  // It may be one that was removed a moment ago, by us or just before we started.
  if (!planted(Bug::kAddedAtOnce)) free->lost_at = std::max(removed_at_, started_at_);
  free->request = request;
  free->reason = "being added";
  free->give_up_at = ctx.now + ctx.times.start_wait;
  free->go(LI::kAdd);
  free->link.enable(ctx, spec);
}

void Membership::give_up_adding(Context& ctx, Leg& leg, const std::string& why) {
  leg.go(LI::kGiveUp);
  leg.reservation.end();
  leg.link.disable(ctx);
  ctx.reply(std::exchange(leg.request, 0), false, why);
}

void Membership::remove(Context& ctx, unsigned index, std::uint64_t request) {
  if (index >= kMaxLegs || !legs[index].configured())
    return ctx.reply(request, false, "there is no such leg");
  Leg& leg = legs[index];
  if (leg.leaving || leg.state() == LS::kAdding)
    return ctx.reply(request, false, leg_name(leg) + " is being added or removed already");
  if (last_one(leg))
    return ctx.reply(request, false,
                     leg_name(leg) + " is the last leg in sync: bring another one in sync first");
  if (leg.request != 0) return ctx.reply(request, false, leg_name(leg) + " is busy with another request");
  leg.leaving = true;
  leg.request = request;
  leg.lost_in = std::max(leg.lost_in, ctx.serial);
}

void Membership::operator_fault(Context& ctx, unsigned index, std::uint64_t request) {
  if (index >= kMaxLegs || !legs[index].configured())
    return ctx.reply(request, false, "there is no such leg");
  Leg& leg = legs[index];
  if (last_one(leg)) return ctx.reply(request, false, leg_name(leg) + " is the last leg in sync");
  if (!leg.link.is_up()) return ctx.reply(request, false, leg_name(leg) + " is not connected");
  lose(ctx, leg, "faulted by the operator");
  ctx.reply(request, true, leg_name(leg) + " is faulted");
}

void Membership::online(Context& ctx, unsigned index, std::uint64_t request) {
  if (index >= kMaxLegs || !legs[index].configured())
    return ctx.reply(request, false, "there is no such leg");
  Leg& leg = legs[index];
  leg.link.online(ctx);
  ctx.reply(request, true, leg_name(leg) + (leg.link.is_up() ? " is connected" : " is being connected"));
}

// ---- progress -----------------------------------------------------------------------------------
bool Membership::any_good() const {
  return std::any_of(legs.begin(), legs.end(), [](const Leg& leg) { return leg.good(); });
}

// One that is out of the record may still be read until the core is told: what is equal on the others is not
// on that one (P3).
bool Membership::all_settled() const {
  return any_good() && std::all_of(legs.begin(), legs.end(), [](const Leg& leg) {
           const bool read = leg.core_state == tee::Ctl::kLegInSync && !planted(Bug::kEqualTooEarly);
           return (leg.role != Role::kInSync && !read) || leg.good();
         });
}

void Membership::begin_copy(Context& ctx, const Ledger& ledger, Leg& leg) {
  leg.go(LI::kFenced);
  leg.to_copy.clear_all();
  leg.to_copy.add(ledger.dirty(leg.index()));
  if (!planted(Bug::kCopyForgetsOpen)) leg.to_copy.add(ledger.open());
  leg.copied_bytes = 0;
  ++leg.copy_round;
  leg.copy_trouble.clear();
  ctx.event(Severity::kNotice, "leg.syncing",
            fmt::format("{} is being copied to: {} MiB", leg_name(leg),
                        leg.to_copy.count() * (ctx.geo.region_bytes >> 20)));
}

// The last in_sync leg was away. Writes that were refused meanwhile may have reached the legs that are being
// copied to, and not this one: what is open counts as not copied again. A leg that was just to become in_sync
// begins anew.
void Membership::distrust_copies(Context& ctx, const Ledger& ledger) {
  if (planted(Bug::kNoDistrust)) return;
  for (Leg& leg : legs) {
    if (leg.state() == LS::kPromoting) lose(ctx, leg, "the leg that it was copied from was away meanwhile");
    if (leg.state() != LS::kCopying) continue;
    leg.to_copy.add(ledger.open());
    leg.copied = false;
    ++leg.copy_round;
  }
}

// One transition of one leg, if one is due.
bool Membership::advance_leg(Context& ctx, Ledger& ledger, FenceDesk& fences, Leg& leg, bool may_join) {
  switch (leg.state()) {
    case LS::kAdding:
      if (leg.link.is_up()) {
        leg.go(LI::kUp);
        ledger.set_dirty_all(leg.index());
        return true;
      }
      if (ctx.now >= leg.give_up_at) {
        give_up_adding(ctx, leg, leg_name(leg) + " could not be reached: " + leg.link.reason());
        return true;
      }
      return false;
    case LS::kStarting:
      if (leg.link.is_up()) {
        leg.go(LI::kUp);
        leg.answered = ctx.serial;  // its facts came after our start
        leg.set_core(ctx, tee::Ctl::kLegInSync);
        leg.link.settled();
        leg.reason.clear();
        return true;
      }
      if (ctx.now >= started_at_ + ctx.times.start_wait) {
        leg.go(LI::kMissing);
        leg.lost_in = ctx.serial;
        leg.reason = leg.link.reason().empty() ? "not there at the start"
                                               : "not there at the start: " + leg.link.reason();
        ctx.event(Severity::kWarning, "leg.missing", leg_name(leg) + " is " + leg.reason);
        return true;
      }
      return false;
    case LS::kStale:
      if (!leg.link.is_up()) return false;
      leg.go(LI::kUp);
      leg.reason = "it waits until nothing that was sent to it before can execute any more";
      return true;
    case LS::kBarrier: {
      const bool ready = may_join && any_good() && leg.barrier_over(ctx);
      if (ready == leg.ready) return false;
      leg.ready = ready;
      return true;
    }
    case LS::kFencing:
      if (!fences.done(leg.fence) && !planted(Bug::kCopyNoFence)) return false;
      begin_copy(ctx, ledger, leg);
      return true;
    case LS::kCopying:
      if (planted(Bug::kPromoteEarly) && leg.to_copy.count() <= 1) leg.to_copy.clear_all();
      if (leg.copied == leg.to_copy.empty()) return false;
      leg.copied = leg.to_copy.empty();
      return true;
    case LS::kSweeping:
      drop_from_core(ctx, ledger, leg);
      if (leg.drop_due || !leg.swept()) return false;
      leg.go(LI::kSwept);
      return true;
    case LS::kReturning:
      // Another leg has become in sync: commands that were failed meanwhile may be on that one and not on
      // this one, which is copied to, then (P4).
      if (any_good() && !planted(Bug::kReturnBeside)) {
        leg.remains = false;
        leg.go(LI::kBreak);
        return true;
      }
      if (!leg.barrier_over(ctx)) return false;
      if (wait_alone(ctx, leg)) return leg.state() != LS::kReturning;
      if (!leg.keyed(truth(ctx, ledger))) return false;
      leg.remains = false;
      leg.go(LI::kBarrierOver);
      distrust_copies(ctx, ledger);
      leg.set_core(ctx, tee::Ctl::kLegInSync);
      if (planted(Bug::kNoReissue))
        leg.go(LI::kSwept);
      else
        leg.sweep(ctx, tee::Ctl::kReissue);
      return true;
    case LS::kReissuing:
      if (!leg.swept()) return false;
      leg.go(LI::kSwept);
      leg.link.settled();
      leg.reason.clear();
      distrust_copies(ctx, ledger);
      ctx.event(Severity::kNotice, "leg.returned", leg_name(leg) + " is back, and serves");
      return true;
    case LS::kPurging:
      drop_from_core(ctx, ledger, leg);
      if (leg.drop_due || !leg.swept() || !said_farewell(ctx, leg)) return false;
      leg.reservation.end();
      removed_at_ = ctx.now;
      leg.link.disable(ctx);
      ledger.clear_dirty_all(leg.index());
      ledger.want_identity(leg.index(), std::nullopt);
      leg.go(LI::kSwept);
      leg.leaving = false;
      ctx.event(
          Severity::kNotice, "leg.removed",
          leg_name(leg) + " is removed" +
              (leg.farewell ? ", and still has this node's reservation: it could not be taken back" : ""));
      leg.farewell = false;
      ctx.reply(std::exchange(leg.request, 0), true, leg_name(leg) + " is removed");
      return true;
    default:
      return false;
  }
}

// The record with the new roles is durable: now the core may act on it.
void Membership::apply_epoch(Context& ctx, Ledger& ledger, FenceDesk& fences) {
  for (Leg& leg : legs) {
    if ((epoch.changed() >> leg.index() & 1) == 0) continue;
    leg.role = ledger.epoch().legs[leg.index()].role;
    // Another association than the one that was there when the change was sent has missed something.
    const bool same = leg.link.is_up() && leg.link.gen() == leg.commit_gen;
    leg.go(same ? LI::kDurable : LI::kDurableDown);
    switch (leg.state()) {
      case LS::kStale:  // added
        leg.reason = "added";
        ctx.event(Severity::kNotice, "leg.added", leg_name(leg) + " is added");
        ctx.reply(std::exchange(leg.request, 0), true, leg_name(leg) + " is added");
        break;
      case LS::kFencing:
        leg.set_core(ctx, tee::Ctl::kLegSyncing);
        leg.fence = fences.ask();
        leg.reason = "being copied to";
        break;
      case LS::kInSync:
        NVTEE_CHECK(ledger.dirty(leg.index()).empty(), "P5: an in_sync leg has no dirty region");
        leg.set_core(ctx, tee::Ctl::kLegInSync);
        leg.link.settled();
        leg.reason.clear();
        ctx.event(Severity::kNotice, "leg.in_sync", leg_name(leg) + " is in sync");
        break;
      case LS::kSweeping:
      case LS::kPurging:
        leg.off_due = leg.drop_due = true;
        drop_from_core(ctx, ledger, leg);
        if (leg.state() == LS::kSweeping)
          ctx.event(Severity::kWarning, "leg.dropped", leg_name(leg) + " is out of sync: " + leg.reason);
        break;
      default:
        break;
    }
  }
}

void Membership::advance(Context& ctx, Ledger& ledger, FenceDesk& fences, bool may_join) {
  for (Leg& leg : legs) leg.link.tick(ctx);
  watch_fences(ctx, ledger);
  for (Leg& leg : legs)
    while (advance_leg(ctx, ledger, fences, leg, may_join)) {
    }
  keep_last(ctx);
  watch_held(ctx);
  watch_doubt(fences);
  if (epoch.advance(legs, ledger, prober)) apply_epoch(ctx, ledger, fences);
}

// ---- no leg left --------------------------------------------------------------------------------
// A request to remove a leg is taken back when the legs that were to remain are gone.
void Membership::keep_last(Context& ctx) {
  if (planted(Bug::kRemovalStays)) return;
  for (Leg& leg : legs) {
    if (!leg.leaving || leg.role != Role::kInSync || !last_one(leg)) continue;
    if (leg.state() == LS::kRemoving || leg.state() == LS::kPurging) continue;
    leg.leaving = false;
    ctx.reply(std::exchange(leg.request, 0), false,
              leg_name(leg) + " cannot be removed: no other leg is left");
  }
}

void Membership::watch_doubt(FenceDesk& fences) {
  if (doubt_ == 0) return;
  if (std::exchange(failed_, false)) doubt_fence_ = fences.ask();
  if (!fences.done(doubt_fence_)) return;
  for (const Leg& leg : legs)
    if (leg.good() || (leg.role != Role::kInSync && leg.state() != LS::kPromoting))
      doubt_ &= ~(1u << leg.index());
}

void Membership::watch_held(Context& ctx) {
  const bool lost = std::any_of(legs.begin(), legs.end(), [](const Leg& leg) {
    return leg.role == Role::kInSync && leg.state() != LS::kStarting && !leg.good();
  });
  if (any_good() || !lost) {
    held_since_ = candidate_at_ = kNever;
    return;
  }
  if (held_since_ == kNever) {
    held_since_ = ctx.now;
    ctx.event(Severity::kCritical, "namespace.held", "no leg in sync is left: commands wait");
  }
  choose_survivor(ctx);
}

// Every in_sync leg holds all that was acknowledged, as far as its cache was kept. So one without a volatile
// cache is as good as any; else all are waited for, for a bounded time, and the one that was lost last is
// taken. The others are dropped then.
void Membership::choose_survivor(Context& ctx) {
  Leg* best = nullptr;
  bool all = true, safe = false;
  for (Leg& leg : legs) {
    if (leg.role != Role::kInSync) continue;
    if (leg.state() == LS::kReturning || leg.state() == LS::kReissuing) return;  // chosen already
    if (leg.state() != LS::kLost || !leg.link.is_up()) {
      all = false;
      continue;
    }
    const auto rank = [](const Leg& l) { return std::pair(!l.facts.volatile_cache, l.lost_in); };
    if (best == nullptr || rank(leg) > rank(*best)) best = &leg;
    safe = safe || !leg.facts.volatile_cache;
  }
  if (best == nullptr) {
    candidate_at_ = kNever;
    return;
  }
  if (candidate_at_ == kNever) candidate_at_ = ctx.now;
  if (!all && !safe && ctx.now < candidate_at_ + ctx.times.start_wait) return;
  best->go(LI::kSurvivor);
}

// The last leg is back, and the others are still in sync in the record. It may have lost what its cache held;
// whoever is answered from it must not meet, after a crash, a reconcile from a leg that holds something newer
// (P3). So it serves when they are durably dropped, which its association, newer than their losses, allows.
bool Membership::wait_alone(Context& ctx, Leg& leg) {
  std::uint64_t newest = 0;
  bool others = false;
  for (const Leg& other : legs) {
    // Its promotion is on its way to the store: it is in sync there a moment from now, and dropped then.
    if (other.state() == LS::kPromoting && !planted(Bug::kServeUndropped)) return true;
    if (other.index() == leg.index() || other.role != Role::kInSync || other.good()) continue;
    others = true;
    if (other.state() == LS::kLost) newest = std::max(newest, other.lost_in);
  }
  if (!others || planted(Bug::kServeUndropped)) return false;
  leg.remains = leg.link.attached_in() > newest;
  if (leg.remains) return true;
  leg.reservation.end();
  leg.link.down(ctx, "asked anew, since other legs were lost after it had come back", true);
  leg.go(LI::kBreak);
  return true;
}

// What only the dropped leg owed is finished by this. While no leg serves, that would count answers of the
// others' former incarnations, which may be gone with their caches (P1): they are asked again first.
void Membership::drop_from_core(Context& ctx, const Ledger& ledger, Leg& leg) {
  if (leg.off_due) {
    if (!keyed(ctx, ledger)) return;
    leg.off_due = false;
    if (!planted(Bug::kRouteAfterDrop)) leg.set_core(ctx, tee::Ctl::kLegOff);
  }
  if (!leg.drop_due || (!any_good() && !planted(Bug::kDropUnserved))) return;
  if (leg.state() == LS::kPurging && leg.link.is_up() && !planted(Bug::kPurgeAttached)) part(ctx, leg);
  leg.drop_due = false;
  leg.sweep(ctx, tee::Ctl::kDrop);
}

// The core is about to give back the slots of what this leg still owes: its association ends first, else the
// data of a late read would go into a slot that is another command's (P3). Its registration is taken back on
// a new one, which preempts the old one, so that nothing of ours executes there any more.
void Membership::part(Context& ctx, Leg& leg) {
  leg.farewell = leg.reservation.held();
  leg.give_up_at = ctx.now + ctx.times.start_wait;
  leg.lost_at = ctx.now;
  leg.reservation.end();
  leg.link.failed(ctx, "it is being removed");
}

bool Membership::said_farewell(Context& ctx, Leg& leg) {
  if (planted(Bug::kPurgeAttached)) {
    if (leg.link.is_up()) leg.reservation.leave(ctx);
    return !leg.link.is_up() || leg.reservation.left();
  }
  if (!leg.farewell || ctx.now >= leg.give_up_at) return true;
  if (!leg.link.is_up()) return false;
  leg.reservation.leave(ctx);
  leg.farewell = !leg.reservation.left();
  return !leg.farewell;
}

void Membership::fail_pending(Context& ctx) {
  if (ctx.now < last_fail_ + kFailAgain && last_fail_ != 0) return;
  bool any = false;
  for (Leg& leg : legs) {
    const bool waits = leg.state() == LS::kLost || leg.state() == LS::kDropping ||
                       leg.state() == LS::kReturning ||
                       ((leg.state() == LS::kPromoting || leg.state() == LS::kRemoving) && !leg.link.is_up());
    if (!leg.drop_due && (!waits || !leg.pending_in_core())) continue;
    if (!leg.swept()) continue;
    leg.sweep(ctx, tee::Ctl::kFail);
    if (leg.role == Role::kInSync || leg.state() == LS::kPromoting) doubt_ |= 1u << leg.index();
    failed_ = any = true;
  }
  if (any) last_fail_ = ctx.now;
}

void Membership::wake(Wake& w, const Context& ctx) const {
  prober.wake(w, ctx);
  if (!served_) {
    w.add(started_at_ + ctx.times.start_wait / 2);
    w.add(started_at_ + ctx.times.start_wait);
  }
  for (const Leg& leg : legs) {
    w.add(leg.link.next_attempt());
    if (giving_back_) w.add(leg.lost_at + ctx.times.guard_time);
    switch (leg.state()) {
      case LS::kAdding:
        w.add(leg.give_up_at);
        break;
      case LS::kStarting:
        w.add(started_at_ + ctx.times.start_wait);
        break;
      case LS::kBarrier:
      case LS::kReturning:
        w.add(leg.lost_at + ctx.times.guard_time);
        break;
      case LS::kLost:
      case LS::kDropping:
      case LS::kSweeping:
        w.add(last_fail_ + kFailAgain);
        break;
      case LS::kPurging:
        w.add(last_fail_ + kFailAgain);
        if (leg.farewell) w.add(leg.give_up_at);
        break;
      default:
        break;
    }
  }
  if (held_since_ != kNever) w.add(held_since_ + ctx.times.hold);
  if (candidate_at_ != kNever) w.add(candidate_at_ + ctx.times.start_wait);
}

}  // namespace nvtee::core
