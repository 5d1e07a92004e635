#include "runtime/net/busy_poll.hpp"

#include <gtest/gtest.h>

namespace nvtee::net {
namespace {

constexpr Duration kBound = 50 * kMicrosecond;

TEST(BusyPoll, DoesNotPollUntilASleepWasShort) {
  BusyPoll b(kBound);
  EXPECT_EQ(b.window(), 0u);
  b.event_after(kBound + 1);
  EXPECT_EQ(b.window(), 0u);
  b.event_after(kBound);
  EXPECT_GT(b.window(), 0u);
}

TEST(BusyPoll, ShortWaitsAmongLongOnesKeepItPolling) {
  BusyPoll b(kBound);
  for (int i = 0; i < 100; ++i) {
    b.event_after(kBound / 2);
    for (int k = 0; k < 7; ++k) {
      b.event_after(3 * kBound);
      EXPECT_EQ(b.window(), kBound);
    }
  }
}

TEST(BusyPoll, AnIdleLoopStopsPolling) {
  BusyPoll b(kBound);
  for (int i = 0; i < 20; ++i) b.event_after(kBound);
  int waits = 0;
  for (; b.window() != 0; ++waits) b.nothing_in(100 * kMillisecond);
  EXPECT_LE(waits, 8);
  b.nothing_in(100 * kMillisecond);
  EXPECT_EQ(b.window(), 0u);
}

TEST(BusyPoll, AShortTimerSaysNothingAboutTheLoad) {
  BusyPoll b(kBound);
  for (int i = 0; i < 20; ++i) b.event_after(kBound);
  b.nothing_in(kBound / 2);
  EXPECT_EQ(b.window(), kBound);
}

TEST(BusyPoll, ABoundOfZeroNeverPolls) {
  BusyPoll b(0);
  for (int i = 0; i < 20; ++i) b.event_after(0);
  EXPECT_EQ(b.window(), 0u);
}

}  // namespace
}  // namespace nvtee::net
