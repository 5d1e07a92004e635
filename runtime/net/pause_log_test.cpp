#include "runtime/net/pause_log.hpp"

#include <gtest/gtest.h>

namespace nvtee::net {
namespace {

// A leg's command that was sent before a pause and is first looked at after it was once not forgiven.
TEST(PauseLog, ForgivesWhatEndedAfterTheBeginning) {
  PauseLog log;
  EXPECT_EQ(log.since(0), 0);
  log.add(1000, 300);
  log.add(2000, 500);
  EXPECT_EQ(log.total(), 800);
  EXPECT_EQ(log.since(0), 800);
  EXPECT_EQ(log.since(999), 800);
  EXPECT_EQ(log.since(1000), 500);
  EXPECT_EQ(log.since(1400), 500);  // began within the second pause, or before it
  EXPECT_EQ(log.since(2000), 0);
}

TEST(PauseLog, KeepsTheLastOnes) {
  PauseLog log;
  for (unsigned i = 1; i <= 100; ++i) log.add(i * 100, 10);
  EXPECT_EQ(log.since(9900), 10);
  EXPECT_EQ(log.since(9000), 100);
  EXPECT_EQ(log.since(0), 320);
  EXPECT_EQ(log.total(), 1000);
}

}  // namespace
}  // namespace nvtee::net
