#include "runtime/core/probe.hpp"

#include "hw/nvme/status_class.hpp"

namespace nvtee::core {

Prober::Prober() {
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    reads_[i] = HeldOp(kTagProbe + i);
    flushes_[i] = HeldOp(kTagProbe + kMaxLegs + i);
  }
}

HeldOp* Prober::op(unsigned tag) {
  if (tag < kTagProbe || tag >= kTagProbe + 2 * kMaxLegs) return nullptr;
  const unsigned i = tag - kTagProbe;
  return i < kMaxLegs ? &reads_[i] : &flushes_[i - kMaxLegs];
}

void Prober::advance(Context& ctx, Legs& legs) {
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    const bool wanted = (wanted_ >> i & 1) != 0 && legs[i].answered < since_ && legs[i].link.is_up();
    if (!wanted)
      asked_at_[i] = 0;
    else if (asked_at_[i] == 0)
      asked_at_[i] = ctx.now;
    const bool late = wanted && (!quiet_block_ || ctx.now >= asked_at_[i] + ctx.times.probe);
    advance_one(ctx, reads_[i], legs[i], wanted && quiet_block_.has_value(), false);
    advance_one(ctx, flushes_[i], legs[i], late, true);
  }
}

void Prober::advance_one(Context& ctx, HeldOp& op, Leg& leg, bool wanted, bool flush) {
  op.tick(ctx);
  if (op.finished()) {
    // Any answer shows that the leg is there, except those that are faults of the leg themselves.
    const bool alive = spec::classify(op.status()) != spec::LegStatus::kInfrastructure &&
                       gens_[op.tag()] == leg.link.gen() && leg.link.is_up();
    if (alive) leg.answered = std::max(leg.answered, op.issued_in());
    op.release(ctx);
    return advance_one(ctx, op, leg, wanted && leg.answered < since_ && !alive, flush);
  }
  if (op.held()) {
    if (!wanted) return op.release(ctx);
    gens_[op.tag()] = leg.link.gen();
    return op.issue(ctx, flush ? spec::io::kFlush : spec::io::kRead, 1u << leg.index());
  }
  if (op.idle() && wanted) {
    HeldOp::Range range;
    if (!flush) range = {*quiet_block_, 1};
    op.ask(ctx, range);
  }
}

void Prober::wake(Wake& w, const Context& ctx) const {
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    reads_[i].wake(w);
    flushes_[i].wake(w);
    if (asked_at_[i] != 0) w.add(asked_at_[i] + ctx.times.probe);
  }
}

}  // namespace nvtee::core
