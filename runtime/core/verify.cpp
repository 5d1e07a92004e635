#include "runtime/core/verify.hpp"
#include "runtime/core/planted.hpp"

#include "runtime/base/limits.hpp"

#include <fmt/format.h>

namespace nvtee::core {
namespace {

using S = Verify::State;
using I = Verify::In;
constexpr std::array<const char*, 7> kStates = {"idle",  "next",      "holding",  "first",
                                                "other", "comparing", "releasing"};
constexpr std::array<const char*, 9> kInputs = {"start", "ask",  "held",     "read", "next_leg",
                                                "more",  "done", "released", "end"};
constexpr Transition<S, I> kRows[] = {
    {S::kIdle, I::kStart, S::kNext, "operator: from the first block"},
    {S::kNext, I::kAsk, S::kHolding, "kHold shared"},
    {S::kNext, I::kEnd, S::kIdle, "last chunk, or stopped"},
    {S::kHolding, I::kHeld, S::kFirst, "kIssue Read to one in_sync leg"},
    {S::kHolding, I::kDone, S::kReleasing, "fewer than two legs are in sync by now"},
    {S::kFirst, I::kRead, S::kOther, "kSaveBuffer, kIssue Read to the next leg"},
    {S::kFirst, I::kDone, S::kReleasing, "the leg could not be read: the chunk is tried again"},
    {S::kOther, I::kRead, S::kComparing, "kCompareBuffer"},
    {S::kOther, I::kDone, S::kReleasing, "the leg could not be read: the chunk is tried again"},
    {S::kComparing, I::kMore, S::kComparing, "a block differs: kCompareBuffer from the block after it"},
    {S::kComparing, I::kNextLeg, S::kOther, "kIssue Read to the next leg"},
    {S::kComparing, I::kDone, S::kReleasing, "all legs are compared"},
    {S::kReleasing, I::kReleased, S::kNext, "kRelease"},
};
TransitionTable transitions("verify", kStates, kInputs, kRows);

constexpr Duration kRetryChunk = 500 * kMillisecond;
constexpr unsigned kMaxErrors = 20;
constexpr std::size_t kMaxListed = limits::kMismatches;

}  // namespace

std::string Verify::table() {
  return transitions.print();
}
std::string Verify::never_taken() {
  return transitions.never_taken();
}
void Verify::go(In in) {
  state_ = transitions.next(state_, in);
}

bool Verify::start(Context& ctx) {
  if (running()) return false;
  go(In::kStart);
  result_ = {};
  result_.running = true;
  result_.total_bytes = ctx.geo.blocks << ctx.geo.block_shift;
  stopping_ = false;
  next_ = 0;
  errors_ = 0;
  retry_at_ = 0;
  bad_.reset();
  return true;
}

void Verify::finish(Context& ctx, std::string error) {
  go(In::kEnd);
  result_.running = false;
  result_.finished = error.empty();
  result_.error = std::move(error);
  const bool bad = result_.mismatched_blocks != 0;
  ctx.event(bad ? Severity::kCritical : Severity::kNotice, "verify.ended",
            result_.finished
                ? fmt::format("verify compared everything: {} blocks differ", result_.mismatched_blocks)
                : fmt::format("verify ended early ({}): {} blocks differ so far", result_.error,
                              result_.mismatched_blocks));
}

void Verify::begin_chunk(Context& ctx, const Legs& legs, const Regions& regions, bool allowed) {
  if (stopping_) return finish(ctx, "stopped by the operator");
  if (next_ >= ctx.geo.blocks) return finish(ctx, "");
  if (errors_ >= kMaxErrors) return finish(ctx, fmt::format("blocks from LBA {} cannot be read", next_));
  if (!allowed || ctx.now < retry_at_) return;
  const auto good = std::count_if(legs.begin(), legs.end(), [](const Leg& l) { return l.good(); });
  if (good < 2) {
    ++errors_;
    retry_at_ = ctx.now + kRetryChunk;
    if (errors_ >= kMaxErrors) finish(ctx, "fewer than two legs are in sync");
    return;
  }
  const std::uint32_t region = ctx.geo.region_of(next_);
  if (regions.reconciles(region)) {
    retry_at_ = ctx.now + kRetryChunk;
    return;
  }
  chunk_ = std::min<std::uint64_t>(ctx.geo.chunk_blocks, ctx.geo.end_block(region) - next_);
  if (!throttle_.take(ctx, (chunk_ << ctx.geo.block_shift) * 2)) return;
  go(In::kAsk);
  op_.ask(ctx, {next_, static_cast<std::uint16_t>(chunk_)});
}

void Verify::read(Context& ctx, unsigned leg) {
  op_.issue(ctx, spec::io::kRead, 1u << leg);
}

// The next good leg after other_, or the end of the chunk.
void Verify::next_leg(Context& ctx, const Legs& legs) {
  for (unsigned i = other_ + 1; i < kMaxLegs; ++i) {
    if (!legs[i].good()) continue;
    other_ = i;
    from_ = 0;
    gens_[i] = legs[i].link.gen();
    if (state_ == State::kComparing) go(In::kNextLeg);
    return read(ctx, i);
  }
  finish_chunk(ctx, state_ == State::kComparing);
}

void Verify::finish_chunk(Context& ctx, bool advance) {
  go(In::kDone);
  if (advance) {
    next_ += chunk_;
    errors_ = 0;
    bad_.reset();
    result_.done_bytes = next_ << ctx.geo.block_shift;
  } else {
    ++errors_;
    retry_at_ = ctx.now + kRetryChunk;
  }
  op_.release(ctx);
  go(In::kReleased);
}

void Verify::compare(Context& ctx) {
  Action& a = ctx.emit(Action::Kind::kCompareBuffer);
  a.slot = op_.slot();
  a.offset = from_;
  a.length = static_cast<std::uint32_t>(chunk_ << ctx.geo.block_shift) - from_;
}

void Verify::advance(Context& ctx, const Legs& legs, const Regions& regions, bool allowed) {
  op_.tick(ctx);
  switch (state_) {
    case State::kNext:
      return begin_chunk(ctx, legs, regions, allowed);
    case State::kHolding: {
      if (!op_.held()) return;
      const auto first = std::find_if(legs.begin(), legs.end(), [](const Leg& l) { return l.good(); });
      if (first == legs.end()) return finish_chunk(ctx, false);
      first_ = other_ = first->index();
      gens_[first_] = first->link.gen();
      go(In::kHeld);
      return read(ctx, first_);
    }
    case State::kFirst:
      if (!op_.finished()) return;
      if (op_.status() != spec::st::kOk || !legs[first_].good() || legs[first_].link.gen() != gens_[first_])
        return finish_chunk(ctx, false);
      if (std::none_of(legs.begin() + first_ + 1, legs.end(), [](const Leg& l) { return l.good(); }))
        return finish_chunk(ctx, false);
      ctx.emit(Action::Kind::kSaveBuffer).slot = op_.slot();
      go(In::kRead);
      return next_leg(ctx, legs);
    case State::kOther:
      if (!op_.finished()) return;
      if (op_.status() != spec::st::kOk || !legs[other_].good() || legs[other_].link.gen() != gens_[other_])
        return finish_chunk(ctx, false);
      go(In::kRead);
      return compare(ctx);
    default:
      return;
  }
}

void Verify::mismatch(std::uint32_t block) {
  if (bad_.test(block)) return;
  bad_.set(block);
  ++result_.mismatched_blocks;
  if (auto& list = result_.first_mismatches; list.size() < kMaxListed) list.push_back(next_ + block);
}

void Verify::on_buffer(Context& ctx, const Legs& legs, unsigned slot, bool equal, std::uint32_t offset) {
  if (state_ != State::kComparing || slot != op_.slot()) return;
  const auto bytes = static_cast<std::uint32_t>(chunk_ << ctx.geo.block_shift);
  if (equal || offset >= bytes) return next_leg(ctx, legs);
  NVTEE_CHECK(offset >= from_, "a difference is reported in the part that was to be compared");
  if (!planted(Bug::kVerifyBlind)) mismatch(offset >> ctx.geo.block_shift);
  from_ = ((offset >> ctx.geo.block_shift) + 1) << ctx.geo.block_shift;
  if (from_ >= bytes) return next_leg(ctx, legs);
  go(In::kMore);
  compare(ctx);
}

void Verify::wake(Wake& w) const {
  if (state_ == State::kIdle) return;
  op_.wake(w);
  if (state_ != State::kNext) return;
  w.add(retry_at_);
  w.add(throttle_.wake_at());
}

}  // namespace nvtee::core
