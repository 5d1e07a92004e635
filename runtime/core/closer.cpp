#include "runtime/core/closer.hpp"
#include "runtime/core/planted.hpp"

namespace nvtee::core {
namespace {

using S = Closer::State;
using I = Closer::In;
constexpr std::array<const char*, 7> kStates = {"idle",     "marking",    "fencing", "flushing",
                                                "settling", "committing", "clearing"};
constexpr std::array<const char*, 8> kInputs = {"batch", "marked", "fenced",  "flushed",
                                                "again", "clean",  "durable", "cleared"};
constexpr Transition<S, I> kRows[] = {
    {S::kIdle, I::kBatch, S::kMarking, "kRegionSet closing for each"},
    {S::kMarking, I::kMarked, S::kFencing, "kFence"},
    {S::kFencing, I::kFenced, S::kFlushing,
     "Flush to every in_sync and copied-to leg that has a volatile cache"},
    {S::kFlushing, I::kFlushed, S::kSettling, "which legs are clean?"},
    {S::kSettling, I::kAgain, S::kFlushing, "an in_sync leg is there, but not clean"},
    {S::kSettling, I::kClean, S::kCommitting,
     "one transaction: dirty bits of the other legs set, open bits cleared"},
    {S::kCommitting, I::kDurable, S::kClearing, "kRegionSet none for each"},
    {S::kClearing, I::kCleared, S::kIdle, "commands that parked meanwhile open them again"},
};
TransitionTable transitions("closer", kStates, kInputs, kRows);

constexpr Duration kFlushRetry = 200 * kMillisecond;

}  // namespace

std::string Closer::table() {
  return transitions.print();
}
std::string Closer::never_taken() {
  return transitions.never_taken();
}
void Closer::go(In in) {
  state_ = transitions.next(state_, in);
}

bool Closer::on_set_done(std::uint32_t region) {
  if (state_ != State::kMarking && state_ != State::kClearing) return false;
  if (std::find(batch_.begin(), batch_.end(), region) == batch_.end()) return false;
  NVTEE_CHECK(acks_ > 0, "the core answers a region change once");
  --acks_;
  return true;
}

// Every leg that is durably in_sync must be clean; one that is lost is waited for, since it is dropped or
// comes back.
bool Closer::settled(const Legs& legs, bool& again) const {
  bool all = true;
  again = false;
  for (const Leg& leg : legs) {
    // A promotion in flight may make it in_sync any moment: treat it so.
    if (leg.role != Role::kInSync && leg.state() != Leg::State::kPromoting) continue;
    if (planted(Bug::kCloseNoFlush)) continue;
    if (flush_.clean(leg) && (leg.good() || leg.state() == Leg::State::kPromoting)) continue;
    all = false;
    if (leg.good()) again = true;
  }
  return all;
}

void Closer::commit(Legs& legs, Ledger& ledger) {
  for (const std::uint32_t region : batch_) {
    for (Leg& leg : legs) {
      if (leg.role == Role::kInSync || leg.state() == Leg::State::kPromoting) continue;
      if (leg.state() == Leg::State::kNone || leg.state() == Leg::State::kAdding) continue;
      const bool copying = leg.state() == Leg::State::kCopying;
      if (copying && flush_.clean(leg) && !leg.to_copy.test(region)) continue;
      if (planted(Bug::kSkipDirtyBit)) continue;
      ledger.set_dirty(leg.index(), region);
      if (copying) leg.to_copy.set(region);
    }
    ledger.clear_open(region);
  }
  ticket_ = ledger.ticket();
}

void Closer::advance(Context& ctx, Legs& legs, Regions& regions, Ledger& ledger, FenceDesk& fences) {
  flush_.advance(ctx, legs);
  switch (state_) {
    case State::kIdle:
      if (!regions.take_chosen(batch_, kMaxBatch)) return;
      go(In::kBatch);
      acks_ = batch_.size();
      for (const std::uint32_t region : batch_) ctx.set_region(region, tee::Ctl::kClosing);
      return;
    case State::kMarking:
      if (acks_ != 0) return;
      go(In::kMarked);
      fence_ = fences.ask();
      return;
    case State::kFencing:
      if (!fences.done(fence_) && !planted(Bug::kCloseNoFence)) return;
      go(In::kFenced);
      flush_.start();
      return flush_.advance(ctx, legs);
    case State::kFlushing:
      if (!flush_.done()) return;
      go(In::kFlushed);
      failed_ = flush_.failed();
      retry_at_ = ctx.now + kFlushRetry;
      return;
    case State::kSettling: {
      bool again = false;
      if (settled(legs, again)) {
        go(In::kClean);
        return commit(legs, ledger);
      }
      if (!again || ctx.now < retry_at_) return;
      go(In::kAgain);
      flush_.start();
      return flush_.advance(ctx, legs);
    }
    case State::kCommitting:
      if (!ledger.durable(ticket_)) return;
      go(In::kDurable);
      acks_ = batch_.size();
      for (const std::uint32_t region : batch_) ctx.set_region(region, tee::Ctl::kNone);
      return;
    case State::kClearing:
      if (acks_ != 0) return;
      go(In::kCleared);
      closes_ += batch_.size();
      for (const std::uint32_t region : batch_) regions.closed(ctx, region);
      batch_.clear();
      return;
  }
}

}  // namespace nvtee::core
