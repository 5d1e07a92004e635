#include "runtime/core/copier.hpp"
#include "runtime/core/planted.hpp"

#include <fmt/format.h>

#include "hw/nvme/status_class.hpp"

namespace nvtee::core {
namespace {

using S = Copier::State;
using I = Copier::In;
constexpr std::array<const char*, 4> kStates = {"free", "copying", "failing", "copied"};
constexpr std::array<const char*, 7> kInputs = {"take", "chunk",   "trouble", "drained",
                                                "last", "flushed", "unsafe"};
constexpr Transition<S, I> kRows[] = {
    {S::kFree, I::kTake, S::kCopying, "kHold shared, kCopy, kRelease for each chunk"},
    {S::kCopying, I::kChunk, S::kCopying, "the next chunk, as the throttle allows"},
    {S::kCopying, I::kTrouble, S::kFailing, "no more chunks; those in flight are waited for"},
    {S::kCopying, I::kLast, S::kCopied, "reconcile: equal. Resync: to be flushed on the copied-to legs"},
    {S::kFailing, I::kTrouble, S::kFailing, "another chunk failed as well"},
    {S::kFailing, I::kDrained, S::kFree, "it is taken again later, whole"},
    {S::kCopied, I::kFlushed, S::kFree, "its dirty bit is cleared durably"},
    {S::kCopied, I::kUnsafe, S::kFree, "it is taken again later, whole"},
};
TransitionTable transitions("copy of a region", kStates, kInputs, kRows);

constexpr Duration kPostpone = kSecond;

}  // namespace

std::string Copier::table() {
  return transitions.print();
}
std::string Copier::never_taken() {
  return transitions.never_taken();
}
void Copier::go(Unit& u, In in) const {
  u.state = transitions.next(u.state, in);
}

Copier::Copier() : flush_(kTagCopyFlush) {
  chunks_.resize(kMaxCopyDepth);
  for (unsigned i = 0; i < kMaxCopyDepth; ++i) chunks_[i].op = HeldOp(kTagCopy + i);
}

HeldOp* Copier::op(unsigned tag) {
  if (tag < kTagCopy + kMaxCopyDepth) return &chunks_[tag - kTagCopy].op;
  return tag == kTagCopyFlush ? &flush_.op() : nullptr;
}

void Copier::latency(Duration nanos) {
  throttle_.latency(nanos, copied_lately_);
  copied_lately_ = false;
}

bool Copier::idle() const {
  for (const Unit& u : units_)
    if (u.state != State::kFree) return false;
  for (const Chunk& c : chunks_)
    if (!c.op.idle()) return false;
  return flush_.idle();
}

// The source still serves, and every target is the association that the copy began on.
bool Copier::intact(const Unit& u, const Legs& legs) const {
  if (!legs[u.source].good()) return false;
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    if ((u.targets >> i & 1) == 0) continue;
    const auto s = legs[i].state();
    if (s != (u.reconcile ? Leg::State::kInSync : Leg::State::kCopying)) return false;
    if (!legs[i].link.is_up() || legs[i].link.gen() != u.gens[i] || legs[i].copy_round != u.rounds[i])
      return false;
  }
  return true;
}

// ---- chunks -------------------------------------------------------------------------------------
bool Copier::start_chunk(Context& ctx, Unit& u, int index) {
  const std::uint64_t blocks = std::min<std::uint64_t>(ctx.geo.chunk_blocks, u.end - u.next);
  const std::uint64_t bytes = blocks << ctx.geo.block_shift;
  const unsigned depth = std::clamp(ctx.limits.copy_depth, 1u, kMaxCopyDepth);
  for (unsigned i = 0; i < depth; ++i) {
    Chunk& c = chunks_[i];
    if (c.unit >= 0 || !c.op.idle()) continue;
    if (!u.reconcile && !throttle_.take(ctx, bytes)) return false;
    c.unit = index;
    c.bytes = bytes;
    c.op.ask(ctx, {u.next, static_cast<std::uint16_t>(blocks)});
    u.next += blocks;
    ++u.in_flight;
    copied_lately_ = true;
    return true;
  }
  return false;
}

void Copier::advance_chunks(Context& ctx, Legs& legs) {
  for (Chunk& c : chunks_) {
    c.op.tick(ctx);
    if (c.unit < 0) continue;
    Unit& u = units_[static_cast<std::size_t>(c.unit)];
    if (!c.op.held()) continue;
    if (!c.op.finished()) {
      if (u.state == State::kCopying && intact(u, legs)) {
        NVTEE_CHECK(legs[u.source].role == Role::kInSync, "P8: only an in_sync leg is copied from");
        c.op.copy(ctx, u.source, u.targets);
        continue;
      }
      if (u.state == State::kCopying) go(u, In::kTrouble);
    } else {
      chunk_done(ctx, legs, c, u);
    }
    c.op.release(ctx);
    c.unit = -1;
    --u.in_flight;
    if (u.state == State::kCopying) go(u, u.next == u.end && u.in_flight == 0 ? In::kLast : In::kChunk);
  }
}

void Copier::chunk_done(Context& ctx, Legs& legs, Chunk& c, Unit& u) {
  if (c.op.status() == spec::st::kOk && c.op.failed_legs() == 0) {
    for (unsigned i = 0; i < kMaxLegs; ++i)
      if ((u.targets >> i & 1) != 0) legs[i].copied_bytes += c.bytes;
    return;
  }
  ++errors_;
  go(u, In::kTrouble);
  // Faults of a leg itself are reported by the core beside this; what is left is a block that cannot be read
  // or written.
  const auto what = spec::classify(c.op.status());
  if (what == spec::LegStatus::kInfrastructure || what == spec::LegStatus::kNotHome || !intact(u, legs))
    return;
  if ((c.op.failed_legs() >> u.source & 1) != 0 || c.op.failed_legs() == 0) {
    postpone(ctx, u.region, u.source);
    const auto text =
        fmt::format("leg {} cannot read {} blocks from LBA {} (status {:#05x}): their copy is postponed",
                    u.source, c.op.range().count, c.op.range().lba, c.op.status());
    for (unsigned i = 0; i < kMaxLegs; ++i)
      if ((u.targets >> i & 1) != 0) legs[i].copy_trouble = text;
    ctx.event(Severity::kWarning, "copy.unreadable", text);
  }
  failed_legs_ |= c.op.failed_legs() & u.targets;
}

// ---- regions ------------------------------------------------------------------------------------
Copier::Postponed* Copier::postponed(std::uint32_t region) {
  for (auto& p : postponed_)
    if (p.region == region) return &p;
  return nullptr;
}

void Copier::postpone(Context& ctx, std::uint32_t region, unsigned source) {
  Postponed* p = postponed(region);
  if (p == nullptr)
    p = std::min_element(postponed_.begin(), postponed_.end(),
                         [](const Postponed& a, const Postponed& b) { return a.until < b.until; });
  if (p->region != region) *p = {region, 0, 0};
  p->bad_sources |= 1u << source;
  p->until = ctx.now + kPostpone;
}

// A good leg outside `targets`; one that failed here lately only when there is no other, and then not before
// its time.
int Copier::pick_source(const Legs& legs, std::uint32_t region, unsigned targets, Time now) const {
  unsigned bad = 0;
  Time until = 0;
  for (const auto& p : postponed_) {
    if (p.region != region) continue;
    bad = p.bad_sources;
    until = p.until;
  }
  // One without a volatile cache cannot have lost what it acknowledged.
  int found = -1, cached = -1;
  for (const Leg& leg : legs) {
    if (!leg.good() || (targets >> leg.index() & 1) != 0) continue;
    const int index = static_cast<int>(leg.index());
    if ((bad >> leg.index() & 1) != 0) {
      if (now >= until && found < 0) found = index;
    } else if (!leg.facts.volatile_cache) {
      return index;
    } else if (cached < 0) {
      cached = index;
    }
  }
  return cached >= 0 ? cached : found;
}

bool Copier::taken(std::uint32_t region) const {
  return std::any_of(units_.begin(), units_.end(),
                     [region](const Unit& u) { return u.state != State::kFree && u.region == region; });
}

bool Copier::take_reconcile(Context& ctx, const Legs& legs, Regions& regions, Unit& u, bool demanded) {
  unsigned in_sync = 0;
  for (const Leg& leg : legs)
    if (leg.good()) in_sync |= 1u << leg.index();
  std::uint32_t region = regions.next_reconcile(0, demanded);
  while (region != RegionBits::kNoRegion && taken(region))
    region = regions.next_reconcile(region + 1, demanded);
  if (region == RegionBits::kNoRegion) return false;
  int source = pick_source(legs, region, 0, ctx.now);
  if (source < 0) return false;
  const unsigned targets = in_sync & ~(1u << static_cast<unsigned>(source));
  if (targets == 0 || planted(Bug::kEqualUncopied)) {
    regions.equal(ctx, region);
    return true;
  }
  u.reconcile = true;
  u.region = region;
  u.source = static_cast<unsigned>(source);
  u.targets = targets;
  return true;
}

bool Copier::take_resync(Context& ctx, const Legs& legs, const Regions& regions, Unit& u) {
  // First region from the cursor on, over all legs being copied to; once around.
  for (unsigned lap = 0; lap < 2; ++lap) {
    std::uint32_t from = lap == 0 ? cursor_ : 0;
    for (unsigned tries = 0; tries < kUnits + kFlushBatch + kPostponed + 1; ++tries) {
      std::uint32_t region = RegionBits::kNoRegion;
      for (const Leg& leg : legs)
        if (leg.state() == Leg::State::kCopying) region = std::min(region, leg.to_copy.next(from));
      if (region == RegionBits::kNoRegion) break;
      from = region + 1;
      if (taken(region) || regions.reconciles(region)) continue;
      unsigned targets = 0;
      for (const Leg& leg : legs)
        if (leg.state() == Leg::State::kCopying && leg.to_copy.test(region)) targets |= 1u << leg.index();
      const int source = pick_source(legs, region, targets, ctx.now);
      if (source < 0) continue;
      cursor_ = region + 1;
      u.reconcile = false;
      u.region = region;
      u.source = static_cast<unsigned>(source);
      u.targets = targets;
      return true;
    }
  }
  return false;
}

bool Copier::start_unit(Context& ctx, Legs& legs, Regions& regions, Ledger& ledger, Allowed allowed,
                        bool demanded) {
  unsigned copying = 0;
  Unit* free = nullptr;
  for (Unit& u : units_) {
    if (u.state == State::kCopying || u.state == State::kFailing) ++copying;
    if (u.state == State::kFree && free == nullptr) free = &u;
  }
  // One more than usual for a region that a command waits for.
  if (free == nullptr || copying >= (demanded ? kUnits : kUnits - 1)) return false;
  Unit u;
  if (!(allowed.reconcile && take_reconcile(ctx, legs, regions, u, demanded))) {
    if (demanded || !allowed.resync || !take_resync(ctx, legs, regions, u)) return false;
  }
  if (u.targets == 0) return true;  // nothing to copy there
  if (planted(Bug::kClearDirtyAtSend))
    for (unsigned i = 0; i < kMaxLegs; ++i)
      if (!u.reconcile && (u.targets >> i & 1) != 0) ledger.clear_dirty(i, u.region);
  u.next = ctx.geo.first_block(u.region);
  u.end = ctx.geo.end_block(u.region);
  for (const Leg& leg : legs) {
    u.gens[leg.index()] = leg.link.gen();
    u.rounds[leg.index()] = leg.copy_round;
  }
  *free = u;
  go(*free, In::kTake);
  return true;
}

void Copier::advance_units(Context& ctx, Legs& legs, Regions& regions) {
  for (Unit& u : units_) {
    if (u.state == State::kCopying && !intact(u, legs)) go(u, In::kTrouble);
    if (u.state == State::kFailing && u.in_flight == 0) go(u, In::kDrained);
    if (u.state != State::kCopied || !u.reconcile) continue;
    // Its open bit stays: flushing is the closer's business.
    unsigned in_sync = 0;
    for (const Leg& leg : legs)
      if (leg.role == Role::kInSync) in_sync |= 1u << leg.index();
    const bool all = intact(u, legs) && (in_sync & ~u.targets) == 1u << u.source;
    if (all) regions.equal(ctx, u.region);
    go(u, all ? In::kFlushed : In::kUnsafe);
  }
}

// ---- the flush of copied regions ----------------------------------------------------------------
void Copier::advance_flush(Context& ctx, Legs& legs, Ledger& ledger) {
  flush_.advance(ctx, legs);
  if (flush_.done() && flushing_ != 0) {
    flushing_ = 0;
    failed_legs_ |= flush_.failed();
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (!std::exchange(in_round_[i], false)) continue;
      Unit& u = units_[i];
      bool all = true;
      for (unsigned l = 0; l < kMaxLegs; ++l) {
        if ((u.targets >> l & 1) == 0) continue;
        Leg& leg = legs[l];
        const bool ok = leg.state() == Leg::State::kCopying && leg.link.gen() == u.gens[l] &&
                        leg.copy_round == u.rounds[l] && (flush_.clean(leg) || planted(Bug::kClearUnflushed));
        all = all && ok;
        if (!ok) continue;
        NVTEE_CHECK(leg.role == Role::kSyncing, "P5: a dirty bit clears on a leg that receives every write");
        leg.to_copy.clear(u.region);
        ledger.clear_dirty(l, u.region);
      }
      if (Postponed* p = postponed(u.region); p != nullptr && all) *p = {};
      go(u, all ? In::kFlushed : In::kUnsafe);
    }
  }
  if (flush_.running() || flushing_ != 0) return;
  unsigned copied = 0, copying = 0;
  for (const Unit& u : units_) {
    copied += u.state == State::kCopied ? 1 : 0;
    copying += u.state == State::kCopying || u.state == State::kFailing ? 1 : 0;
  }
  if (copied == 0 || (copied < kFlushBatch / 2 && copying != 0)) return;
  for (std::size_t i = 0; i < units_.size(); ++i) in_round_[i] = units_[i].state == State::kCopied;
  flushing_ = copied;
  flush_.start();
  flush_.advance(ctx, legs);
}

void Copier::advance(Context& ctx, Legs& legs, Regions& regions, Ledger& ledger, Allowed allowed) {
  advance_chunks(ctx, legs);
  advance_units(ctx, legs, regions);
  advance_flush(ctx, legs, ledger);
  while (allowed.reconcile && start_unit(ctx, legs, regions, ledger, allowed, true)) {
  }
  while (start_unit(ctx, legs, regions, ledger, allowed, false)) {
  }
  // Demanded regions first, then in the order of the units.
  for (const bool reconcile : {true, false})
    for (std::size_t i = 0; i < units_.size(); ++i) {
      Unit& u = units_[i];
      if (u.state != State::kCopying || u.reconcile != reconcile) continue;
      while (u.next < u.end && start_chunk(ctx, u, static_cast<int>(i))) {
      }
    }
}

void Copier::wake(Wake& w) const {
  flush_.wake(w);
  for (const Chunk& c : chunks_) c.op.wake(w);
  const bool waiting = std::any_of(units_.begin(), units_.end(), [](const Unit& u) {
    return u.state == State::kCopying && !u.reconcile && u.next < u.end;
  });
  if (waiting) w.add(throttle_.wake_at());
  for (const auto& p : postponed_)
    if (p.region != RegionBits::kNoRegion) w.add(p.until);
}

}  // namespace nvtee::core
