#include "runtime/core/leg_fence.hpp"

#include <fmt/format.h>

#include "runtime/base/crc32c.hpp"
#include "runtime/core/planted.hpp"

namespace nvtee::core {
namespace {

using S = LegFence::State;
using I = LegFence::In;
constexpr std::array<const char*, 9> kStates = {"off",  "waiting",  "asking",  "changing", "settling",
                                                "held", "rekeying", "leaving", "left"};
constexpr std::array<const char*, 10> kInputs = {"begin", "ready", "seen",  "missing", "done",
                                                 "key",   "right", "rekey", "leave",   "end"};
constexpr Transition<S, I> kRows[] = {
    {S::kOff, I::kBegin, S::kWaiting, "associated, and the leg has reservations"},
    {S::kWaiting, I::kReady, S::kAsking, "Report: at once, and again when this start is durable"},
    {S::kAsking, I::kSeen, S::kWaiting, "nobody else's; a start counts only after that was seen"},
    {S::kAsking, I::kMissing, S::kChanging,
     "Register (in doubt), Preempt and Abort of whoever else is registered, Acquire: one of them"},
    {S::kChanging, I::kDone, S::kAsking, "Report again"},
    {S::kAsking, I::kKey, S::kSettling, "we hold it, alone: Register (replace) with the final key"},
    {S::kSettling, I::kDone, S::kAsking, "the registrations changed meanwhile: Report again"},
    {S::kSettling, I::kRight, S::kHeld, "the leg may be used"},
    {S::kAsking, I::kRight, S::kHeld, "we hold it, alone, with the right key: the leg may be used"},
    {S::kHeld, I::kRekey, S::kRekeying, "the epoch went up: Register (replace)"},
    {S::kRekeying, I::kRight, S::kHeld, "the leg carries the new number"},
    {S::kHeld, I::kLeave, S::kLeaving, "Register (unregister), which releases too"},
    {S::kLeaving, I::kRight, S::kLeft, "the leg is nobody's"},
    {S::kWaiting, I::kEnd, S::kOff, "the association ended"},
    {S::kAsking, I::kEnd, S::kOff, "the association ended, or the leg is not ours"},
    {S::kChanging, I::kEnd, S::kOff, "the association ended, or the leg refuses"},
    {S::kSettling, I::kEnd, S::kOff, "the association ended, or the leg refuses"},
    {S::kHeld, I::kEnd, S::kOff, "the association ended; the registration stays"},
    {S::kRekeying, I::kEnd, S::kOff, "the association ended; the registration stays"},
    {S::kLeaving, I::kEnd, S::kOff, "the association ended; the registration may stay"},
    {S::kLeft, I::kEnd, S::kOff, "the association ended"},
};
TransitionTable transitions("leg fence", kStates, kInputs, kRows);

using Op = Reserve::Op;

bool foreign(const FenceTruth& truth, std::uint64_t key) {
  return FenceKey::of(key).tag != truth.tag;
}

}  // namespace

std::uint32_t fence_tag(const NamespaceSpec& spec) {
  std::array<std::byte, 32> ids{};
  for (unsigned i = 0; i < 16; ++i) {
    ids[i] = std::byte{spec.nguid[i]};
    ids[16 + i] = std::byte{spec.uuid[i]};
  }
  const std::uint32_t tag = crc32c(0, ids.data(), ids.size()) & 0xffffff;
  return tag == 0 ? 1 : tag;
}

std::string LegFence::table() {
  return transitions.print();
}
std::string LegFence::never_taken() {
  return transitions.never_taken();
}
void LegFence::go(In in) {
  state_ = transitions.next(state_, in);
}

void LegFence::begin(unsigned leg, std::uint8_t gen, Duration in_doubt) {
  end();
  *this = LegFence();
  leg_ = leg;
  gen_ = gen;
  in_doubt_ = in_doubt;
  go(In::kBegin);
}

void LegFence::end() {
  if (state_ != State::kOff) go(In::kEnd);
}

void LegFence::send(Context& ctx, Reserve::Op op, std::uint64_t current, std::uint64_t other) {
  Action& a = ctx.emit(Action::Kind::kReserve);
  a.leg = leg_;
  a.gen = gen_;
  a.reserve = {op, current, other};
}

void LegFence::ask(Context& ctx) {
  send(ctx, Op::kReport, 0, 0);
}

// In doubt until it is known what came before: whoever finds this key after us must not take it for a proof.
FenceKey LegFence::wanted(const FenceTruth& truth) const {
  return {truth.tag, static_cast<std::uint32_t>(truth.number), static_cast<std::uint8_t>(gen_ & 0x7f),
          !proven_ && in_doubt_ != 0};
}

void LegFence::advance(Context& ctx, const FenceTruth& truth, Duration in_doubt) {
  in_doubt_ = in_doubt;
  if (state_ == State::kWaiting && (!judged_ || truth.number != 0)) {
    go(In::kReady);
    ask(ctx);
  }
  if (state_ != State::kHeld || planted(Bug::kNoRekey)) return;
  // A key that says more doubt than there is costs a wait later, and is mended with the next number.
  if (key_.number == truth.number) return;
  next_ = wanted(truth);
  go(In::kRekey);
  send(ctx, Op::kReplace, key_.packed(), next_.packed());
}

void LegFence::leave(Context& ctx) {
  if (state_ != State::kHeld) return;
  go(In::kLeave);
  send(ctx, Op::kUnregister, key_.packed(), 0);
}

LegFence::Verdict LegFence::failed(std::string why) {
  why_ = std::move(why);
  go(In::kEnd);
  return Verdict::kFailed;
}

// Is it ours to take?
LegFence::Verdict LegFence::judge(const FenceTruth& truth, const Reserved& seen) {
  for (const auto& r : seen.registrants) {
    if (r.ours) continue;
    const FenceKey k = FenceKey::of(r.key);
    if (foreign(truth, r.key)) {
      why_ = fmt::format(
          "reservation key {:#018x} is registered on it, which is not of this namespace: another cluster, "
          "namespace or host uses it",
          r.key);
      go(In::kEnd);
      return Verdict::kRefused;
    }
    if (r.same_node || k.number <= truth.accepted || planted(Bug::kNewerKeyTaken)) continue;
    why_ = fmt::format(
        "its reservation key {:#018x} has fence number {}, the metadata store had {}: the store is an older "
        "copy, "
        "or another node serves this namespace",
        r.key, k.number, truth.accepted);
    go(In::kEnd);
    return Verdict::kStale;
  }
  return Verdict::kWait;
}

// The one thing that is missing.
LegFence::Verdict LegFence::look(Context& ctx, const FenceTruth& truth, const Reserved& seen) {
  const Reserved::Registrant* me = nullptr;
  const Reserved::Registrant* other = nullptr;  // the holder if that is somebody else
  for (const auto& r : seen.registrants) {
    if (r.ours) {
      me = &r;
      continue;
    }
    const FenceKey k = FenceKey::of(r.key);
    // Preempting it by its key would unregister us as well: the next association has another one.
    if (k.gen == (gen_ & 0x7f) && k.number == truth.number)
      return failed("its former association left the key that this one would have");
    if (first_look_) {
      doubt_seen_ = doubt_seen_ || k.doubt;
      had_holder_ = had_holder_ || r.holder;
    } else if (k.doubt) {
      doubt_seen_ = true;
    }
    if (other == nullptr || r.holder) other = &r;
  }
  first_look_ = false;
  const auto change = [&](Op op, std::uint64_t current, std::uint64_t to) {
    go(In::kMissing);
    send(ctx, op, current, to);
    return Verdict::kWait;
  };
  if (me == nullptr || !seen.persistent) {
    FenceKey k = me == nullptr ? wanted(truth) : FenceKey::of(me->key);
    k.doubt = true;
    return change(Op::kRegister, 0, k.packed());
  }
  const bool all = seen.type == spec::resv::kWeAllRegistrants || seen.type == spec::resv::kEaAllRegistrants;
  const bool held = seen.type == spec::resv::kExclusiveAccess && me->holder;
  if (all) return change(Op::kPreempt, me->key, 0);
  if (other != nullptr) return change(Op::kPreempt, me->key, other->key);
  if (!held) return change(seen.type == 0 ? Op::kAcquire : Op::kPreempt, me->key, me->key);
  proven_ = had_holder_ && (!doubt_seen_ || planted(Bug::kDoubtForgotten));
  key_ = FenceKey::of(me->key);
  next_ = wanted(truth);
  if (key_ == next_) {
    go(In::kRight);
    return Verdict::kHeld;
  }
  go(In::kKey);
  send(ctx, Op::kReplace, key_.packed(), next_.packed());
  return Verdict::kWait;
}

LegFence::Verdict LegFence::replaced(const Reserved& answer) {
  if (answer.status == spec::st::kOk) {
    key_ = next_;
    const bool first = state_ == State::kSettling;
    go(In::kRight);
    return first ? Verdict::kHeld : Verdict::kWait;
  }
  if (answer.status != spec::st::kReservationConflict)
    return failed(fmt::format("Reservation Register failed with status {:x}/{:02x}h", answer.status >> 8,
                              answer.status & 0xff));
  why_ = "its registration was taken away";
  go(In::kEnd);
  return Verdict::kPreempted;
}

LegFence::Verdict LegFence::on_answer(Context& ctx, const FenceTruth& truth, const Reserved& answer) {
  switch (state_) {
    case State::kAsking: {
      if (answer.status != spec::st::kOk || answer.truncated)
        return failed(answer.truncated ? "it has too many registrations"
                                       : fmt::format("Reservation Report failed with status {:x}/{:02x}h",
                                                     answer.status >> 8, answer.status & 0xff));
      if (++rounds_ > kMaxRounds) return failed("its registrations do not settle");
      const Verdict v = judge(truth, answer);
      if (v != Verdict::kWait) return v;
      judged_ = true;
      if (truth.number != 0) return look(ctx, truth, answer);
      go(In::kSeen);
      return v;
    }
    case State::kChanging:
      // A conflict: somebody else changed something. What there is now decides.
      if (answer.status != spec::st::kOk && answer.status != spec::st::kReservationConflict)
        return failed(fmt::format("a reservation command failed with status {:x}/{:02x}h", answer.status >> 8,
                                  answer.status & 0xff));
      go(In::kDone);
      ask(ctx);
      return Verdict::kWait;
    case State::kSettling:
      if (answer.status == spec::st::kReservationConflict) {
        go(In::kDone);
        ask(ctx);
        return Verdict::kWait;
      }
      return replaced(answer);
    case State::kRekeying:
      return replaced(answer);
    case State::kLeaving:
      // A conflict: it is not registered any more.
      if (answer.status != spec::st::kOk && answer.status != spec::st::kReservationConflict)
        return failed(
            fmt::format("it could not be given back: Reservation Register failed with status {:x}/{:02x}h",
                        answer.status >> 8, answer.status & 0xff));
      go(In::kRight);
      return Verdict::kLeft;
    default:
      return Verdict::kWait;
  }
}

}  // namespace nvtee::core
