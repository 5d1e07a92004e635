#include "runtime/core/held_op.hpp"

namespace nvtee::core {
namespace {

using S = HeldOp::State;
using I = HeldOp::In;
constexpr std::array<const char*, 5> kStates = {"idle", "asking", "refused", "held", "issued"};
constexpr std::array<const char*, 7> kInputs = {"ask",   "held", "refused", "retry",
                                                "issue", "done", "release"};
constexpr Transition<S, I> kRows[] = {
    {S::kIdle, I::kAsk, S::kAsking, "kHold"},
    {S::kAsking, I::kHeld, S::kHeld, "the slot is ours"},
    {S::kAsking, I::kRefused, S::kRefused, "no slot free: ask again a little later"},
    {S::kRefused, I::kRetry, S::kAsking, "kHold again"},
    {S::kHeld, I::kIssue, S::kIssued, "kIssue or kCopy"},
    {S::kIssued, I::kDone, S::kHeld, "status and failed legs are noted"},
    {S::kHeld, I::kRelease, S::kIdle, "kRelease"},
};
TransitionTable transitions("hold", kStates, kInputs, kRows);

}  // namespace

std::string HeldOp::table() {
  return transitions.print();
}
std::string HeldOp::never_taken() {
  return transitions.never_taken();
}
void HeldOp::go(In in) {
  state_ = transitions.next(state_, in);
}

void HeldOp::send_ask(Context& ctx) {
  tee::Ctl& c = ctx.ctl(tee::Ctl::kHold);
  c.lba = range_.lba;
  c.nlb = range_.count;
  c.flag = 0;  // shared: all that is done under a hold leaves what hosts read alone
  c.tag = static_cast<std::uint16_t>(ctx.tag_base + tag_);
}

void HeldOp::ask(Context& ctx, Range range) {
  go(In::kAsk);
  range_ = range;
  finished_ = false;
  send_ask(ctx);
}

void HeldOp::issue(Context& ctx, std::uint8_t opcode, unsigned legs) {
  go(In::kIssue);
  finished_ = false;
  issued_in_ = ctx.serial;
  tee::Ctl& c = ctx.ctl(tee::Ctl::kIssue);
  c.slot = slot_;
  c.opcode = opcode;
  c.mask = legs;
  c.tag = static_cast<std::uint16_t>(ctx.tag_base + tag_);
}

void HeldOp::copy(Context& ctx, unsigned source, unsigned targets) {
  go(In::kIssue);
  finished_ = false;
  issued_in_ = ctx.serial;
  tee::Ctl& c = ctx.ctl(tee::Ctl::kCopy);
  c.slot = slot_;
  c.leg = source;
  c.mask = targets;
  c.tag = static_cast<std::uint16_t>(ctx.tag_base + tag_);
}

void HeldOp::release(Context& ctx) {
  go(In::kRelease);
  finished_ = false;
  ctx.ctl(tee::Ctl::kRelease).slot = slot_;
}

void HeldOp::on_held(unsigned slot) {
  go(In::kHeld);
  slot_ = slot;
}

void HeldOp::on_refused(Time now) {
  go(In::kRefused);
  retry_at_ = now + kRetry;
}

void HeldOp::on_done(spec::Status status, unsigned failed_legs) {
  go(In::kDone);
  finished_ = true;
  status_ = status;
  failed_ = failed_legs;
}

void HeldOp::tick(Context& ctx) {
  if (state_ != State::kRefused || ctx.now < retry_at_) return;
  go(In::kRetry);
  send_ask(ctx);
}

}  // namespace nvtee::core
