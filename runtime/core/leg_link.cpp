#include "runtime/core/leg_link.hpp"
#include "runtime/core/planted.hpp"

namespace nvtee::core {
namespace {

using S = LegLink::State;
using I = LegLink::In;
constexpr std::array<const char*, 5> kStates = {"off", "backoff", "connecting", "up", "operator"};
constexpr std::array<const char*, 9> kInputs = {"enable", "due",      "up",     "refused", "down",
                                                "break",  "flapping", "online", "disable"};
constexpr Transition<S, I> kRows[] = {
    {S::kOff, I::kEnable, S::kConnecting, "kAttachLeg with the next generation"},
    {S::kBackoff, I::kDue, S::kConnecting, "kAttachLeg with the next generation"},
    {S::kBackoff, I::kOnline, S::kConnecting, "operator: try now, forget the flaps"},
    {S::kBackoff, I::kDisable, S::kOff, "removed or stopping"},
    {S::kConnecting, I::kUp, S::kUp, "facts are acceptable"},
    {S::kConnecting, I::kRefused, S::kBackoff,
     "kDetachLeg; the longest back-off: a person must change something"},
    {S::kConnecting, I::kDown, S::kBackoff, "back-off doubles up to reconnect_max"},
    {S::kConnecting, I::kOnline, S::kConnecting, "already trying; forget the flaps"},
    {S::kConnecting, I::kDisable, S::kOff, "kDetachLeg"},
    {S::kUp, I::kDown, S::kBackoff, "the association ended: kDetachLeg"},
    {S::kUp, I::kBreak, S::kBackoff, "fault: kDetachLeg at once"},
    {S::kUp, I::kFlapping, S::kOperator,
     "fault once too often in flap_window: kDetachLeg, wait for `leg online`"},
    {S::kUp, I::kOnline, S::kUp, "already there; forget the flaps"},
    {S::kUp, I::kDisable, S::kOff, "kDetachLeg"},
    {S::kOperator, I::kOnline, S::kConnecting, "operator: try again, forget the flaps"},
    {S::kOperator, I::kDisable, S::kOff, "removed or stopping"},
};
TransitionTable transitions("leg link", kStates, kInputs, kRows);

}  // namespace

std::string LegLink::table() {
  return transitions.print();
}
std::string LegLink::never_taken() {
  return transitions.never_taken();
}
void LegLink::go(In in) {
  state_ = transitions.next(state_, in);
}

void LegLink::connect(Context& ctx) {
  ++gen_;
  attached_in_ = ctx.serial;
  Action& a = ctx.emit(Action::Kind::kAttachLeg);
  a.leg = leg_;
  a.spec = spec_;
  a.gen = gen_;
}

void LegLink::back_off(Context& ctx, bool longest) {
  if (planted(Bug::kNoBackOff)) {
    next_ = ctx.now;
    return;
  }
  const Duration wait = ctx.times.reconnect_min << std::min(attempts_, 20u);
  next_ = ctx.now + (longest ? ctx.times.reconnect_max : std::min(wait, ctx.times.reconnect_max));
  ++attempts_;
}

bool LegLink::flapping(const Context& ctx) const {
  const std::uint64_t limit = std::clamp<std::uint64_t>(ctx.times.flap_limit, 1, kMaxFlaps);
  if (faults_ - flaps_from_ < limit) return false;
  return ctx.now - fault_times_[(faults_ - limit) % kMaxFlaps] <= ctx.times.flap_window;
}

void LegLink::enable(Context& ctx, const LegSpec& spec) {
  spec_ = spec;
  attempts_ = 0;
  go(In::kEnable);
  connect(ctx);
}

void LegLink::disable(Context& ctx) {
  if (state_ == State::kOff) return;
  if (state_ == State::kUp || state_ == State::kConnecting) ctx.emit(Action::Kind::kDetachLeg).leg = leg_;
  go(In::kDisable);
}

void LegLink::online(Context& ctx) {
  flaps_from_ = faults_;
  attempts_ = 0;
  const bool attempt = state_ == State::kBackoff || state_ == State::kOperator;
  go(In::kOnline);
  if (attempt) connect(ctx);
}

void LegLink::up() {
  go(In::kUp);
  reason_.clear();
}

void LegLink::refused(Context& ctx, std::string why) {
  go(In::kRefused);
  ctx.emit(Action::Kind::kDetachLeg).leg = leg_;
  reason_ = std::move(why);
  back_off(ctx, true);
}

void LegLink::failed(Context& ctx, std::string why) {
  ctx.emit(Action::Kind::kDetachLeg).leg = leg_;
  go(In::kDown);
  reason_ = std::move(why);
  back_off(ctx, false);
}

void LegLink::down(Context& ctx, std::string why, bool transient) {
  if (state_ == State::kUp) ctx.emit(Action::Kind::kDetachLeg).leg = leg_;
  go(In::kDown);
  reason_ = std::move(why);
  back_off(ctx, !transient);
}

void LegLink::fault(Context& ctx, std::string why, bool may_give_up) {
  fault_times_[faults_ % kMaxFlaps] = ctx.now;
  ++faults_;
  if (!why.empty()) reason_ = std::move(why);
  if (state_ != State::kUp) return;  // its association is gone already
  const bool give_up = may_give_up && flapping(ctx);
  go(give_up ? In::kFlapping : In::kBreak);
  ctx.emit(Action::Kind::kDetachLeg).leg = leg_;
  if (!give_up) back_off(ctx, false);
}

void LegLink::tick(Context& ctx) {
  if (state_ != State::kBackoff || ctx.now < next_) return;
  go(In::kDue);
  connect(ctx);
}

}  // namespace nvtee::core
