#include "runtime/core/throttle.hpp"

#include <gtest/gtest.h>

namespace nvtee::core {
namespace {

constexpr std::uint64_t kChunk = 128 << 10;
constexpr Duration kQuiet = kMillisecond, kPain = 20 * kMillisecond;

class ThrottleTest : public ::testing::Test {
 protected:
  ThrottleTest() { ctx.now = kSecond; }

  // A period of a machine that could copy `able` bytes in it; how many were copied. Then hosts report
  // `nanos`.
  std::uint64_t period(std::uint64_t able, Duration nanos) {
    std::uint64_t bytes = 0;
    for (unsigned ms = 0; ms < 100; ++ms) {
      ctx.now += kMillisecond;
      while (bytes < able * (ms + 1) / 100 && throttle.take(ctx, kChunk)) bytes += kChunk;
    }
    throttle.latency(nanos, bytes != 0);
    return bytes;
  }

  Context ctx;
  Throttle throttle;
};

TEST_F(ThrottleTest, YieldsWithinOnePeriodFromWhateverItReached) {
  throttle.latency(kQuiet, false);
  const std::uint64_t first = period(100 << 20, kPain);
  EXPECT_GE(first, 100u << 20);
  // Half of what it did, not of what it might have done; a burst may make up for 50 ms.
  EXPECT_LE(period(100 << 20, kPain), first * 8 / 10);
}

TEST_F(ThrottleTest, HostsThatWriteNoMoreAreNotYieldedTo) {
  throttle.latency(kQuiet, false);
  for (int i = 0; i < 20; ++i) period(100 << 20, kPain);
  EXPECT_LT(period(100 << 20, 0), 10u << 20);
  EXPECT_GE(period(100 << 20, 0), 100u << 20) << "an idle host: at once as fast as it goes";
}

TEST_F(ThrottleTest, ComesBackSlowlyWhileHostsWrite) {
  throttle.latency(kQuiet, false);
  for (int i = 0; i < 20; ++i) period(100 << 20, kPain);
  const std::uint64_t low = period(100 << 20, kQuiet);
  std::uint64_t high = 0;
  for (int i = 0; i < 10; ++i) high = period(100 << 20, kQuiet);
  EXPECT_GT(high, 2 * low);
  EXPECT_LT(high, 10 * low);
}

}  // namespace
}  // namespace nvtee::core
