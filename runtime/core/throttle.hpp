// How fast resync and verify may go: a byte rate, lowered while the latency of host writes is well above what
// it was without them and raised again when it is not.
#pragma once

#include "runtime/core/context.hpp"

namespace nvtee::core {

class Throttle {
 public:
  // `nanos`: mean latency of the host writes that ended since the last call, 0 = there were none; called
  // about every kPeriod. `copying`: was anything copied meanwhile?
  void latency(Duration nanos, bool copying) {
    const std::uint64_t copied_rate = std::exchange(taken_, 0) * (kSecond / kPeriod);
    if (nanos == 0) {
      rate_ = kMaxRate;  // nobody to yield to
      return;
    }
    if (!copying || base_ == 0) {
      base_ = base_ == 0 ? nanos : (base_ * 7 + nanos) / 8;
      return;
    }
    // Twice the quiet latency, and at least half a millisecond more than it, is what hosts are asked to bear.
    if (nanos > std::max(2 * base_, base_ + kMillisecond / 2))
      rate_ = std::max(kMinRate, std::min(rate_, copied_rate) / 2);  // of what it is, not of what it might be
    else
      rate_ = std::min(kMaxRate, rate_ + rate_ / 8);
  }
  // Takes `bytes` when they may go now.
  bool take(const Context& ctx, std::uint64_t bytes) {
    const std::uint64_t rate = limit(ctx);
    if (rate < kMaxRate && ctx.now < next_) return false;
    taken_ += bytes;
    if (rate >= kMaxRate) return true;
    // Up to 50 ms of unused rate may be made up for.
    const Time from = std::max(next_, ctx.now > kBurst ? ctx.now - kBurst : 0);
    next_ = from + bytes * kSecond / rate;
    return true;
  }
  Time wake_at() const { return next_; }
  std::uint64_t rate(const Context& ctx) const { return limit(ctx); }

  static constexpr std::uint64_t kMinRate = 8u << 20,
                                 kMaxRate = std::uint64_t{1} << 40;  // bytes/s; the latter = no limit

 private:
  static constexpr Duration kBurst = 50 * kMillisecond;
  static constexpr Duration kPeriod = 100 * kMillisecond;  // of latency()
  std::uint64_t limit(const Context& ctx) const {
    const std::uint64_t most = ctx.limits.resync_max_bytes_per_s;
    return most == 0 ? rate_ : std::min(rate_, most);
  }
  std::uint64_t rate_ = kMaxRate;
  std::uint64_t taken_ = 0;  // bytes since the last latency()
  Duration base_ = 0;
  Time next_ = 0;
};

}  // namespace nvtee::core
