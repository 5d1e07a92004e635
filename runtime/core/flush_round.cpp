#include "runtime/core/flush_round.hpp"
#include "runtime/core/planted.hpp"

#include "hw/nvme/status_class.hpp"

namespace nvtee::core {
namespace {

// Legs whose content counts: in_sync ones, and those that receive every write while they are being copied.
// One that is being promoted and has come back on another association has missed writes.
bool takes_part(const Leg& leg) {
  const auto s = leg.state();
  const bool promoting =
      s == Leg::State::kPromoting && (leg.link.gen() == leg.commit_gen || planted(Bug::kPromotedAnew));
  return leg.link.is_up() && (s == Leg::State::kInSync || s == Leg::State::kCopying || promoting);
}

}  // namespace

void FlushRound::advance(Context& ctx, const Legs& legs) {
  op_.tick(ctx);
  if (!running_) return;
  if (op_.finished()) {
    op_status_ = op_.status();
    failed_ = op_status_ == spec::st::kOk ? 0
              : op_.failed_legs() != 0    ? (op_.failed_legs() & asked_)
                                          : asked_;
    clean_ = cacheless_ | (asked_ & ~failed_);
    if (planted(Bug::kSyncUnflushedEpoch)) clean_ = cacheless_ | asked_, failed_ = 0;
    // A leg whose association ended meanwhile is dealt with already; not being home is nobody's fault.
    for (const Leg& leg : legs)
      if (!leg.link.is_up() || leg.link.gen() != gens_[leg.index()]) failed_ &= ~(1u << leg.index());
    if (spec::classify(op_status_) == spec::LegStatus::kNotHome) failed_ = 0;
    op_.release(ctx);
    running_ = false;
    done_ = true;
    return;
  }
  if (issued_ || (!op_.idle() && !op_.held())) return;
  asked_ = cacheless_ = clean_ = failed_ = 0;
  for (const Leg& leg : legs) {
    if (!takes_part(leg)) continue;
    gens_[leg.index()] = leg.link.gen();
    (leg.facts.volatile_cache ? asked_ : cacheless_) |= 1u << leg.index();
  }
  if (op_.idle() && asked_ != 0) return op_.ask(ctx, {});
  if (asked_ != 0) {
    issued_ = true;
    return op_.issue(ctx, spec::io::kFlush, asked_);
  }
  // No leg has a volatile cache: what was answered is safe.
  if (op_.held()) op_.release(ctx);
  clean_ = cacheless_;
  op_status_ = spec::st::kOk;
  running_ = false;
  done_ = true;
}

}  // namespace nvtee::core
