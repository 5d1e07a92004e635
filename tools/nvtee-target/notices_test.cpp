#include "tools/nvtee-target/notices.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace nvtee::target {
namespace {

std::uint64_t count_of(const std::array<std::byte, 64>& p) {
  std::uint64_t n = 0;
  std::memcpy(&n, p.data(), 8);
  return n;
}

TEST(Notices, QueuePagesForEachController) {
  NoticeLogs logs;
  EXPECT_TRUE(logs.add(1, 7, Notice::kRegistrationPreempted));  // was empty: an event is due
  EXPECT_FALSE(logs.add(1, 8, Notice::kReservationReleased));
  EXPECT_TRUE(logs.add(2, 7, Notice::kReservationPreempted));
  auto p = logs.take(1);
  EXPECT_EQ(count_of(p), 1u);
  EXPECT_EQ(std::to_integer<int>(p[8]), 1);
  EXPECT_EQ(std::to_integer<int>(p[9]), 1);  // one more
  EXPECT_EQ(std::to_integer<int>(p[12]), 7);
  p = logs.take(1);
  EXPECT_EQ(count_of(p), 2u);
  EXPECT_EQ(std::to_integer<int>(p[8]), 2);
  EXPECT_EQ(std::to_integer<int>(p[9]), 0);
  p = logs.take(1);
  EXPECT_EQ(count_of(p), 0u);
  EXPECT_EQ(std::to_integer<int>(p[8]), 0);
  EXPECT_TRUE(logs.add(1, 7, Notice::kReservationReleased));  // empty again
  EXPECT_EQ(count_of(logs.take(1)), 3u);                      // the count goes on
  logs.forget(2);
  EXPECT_EQ(count_of(logs.take(2)), 0u);
}

TEST(Notices, OverflowDropsPagesButCounts) {
  NoticeLogs logs;
  for (std::size_t i = 0; i < NoticeLogs::kMaxPages + 10; ++i) logs.add(1, 1, Notice::kReservationReleased);
  for (std::size_t i = 1; i <= NoticeLogs::kMaxPages; ++i) EXPECT_EQ(count_of(logs.take(1)), i);
  EXPECT_EQ(count_of(logs.take(1)), 0u);
  logs.add(1, 1, Notice::kReservationReleased);
  EXPECT_EQ(count_of(logs.take(1)), NoticeLogs::kMaxPages + 11);
}

TEST(Notices, Mask) {
  EXPECT_TRUE(notice_masked(0x2, Notice::kRegistrationPreempted));
  EXPECT_FALSE(notice_masked(0x2, Notice::kReservationReleased));
  EXPECT_TRUE(notice_masked(0x4, Notice::kReservationReleased));
  EXPECT_TRUE(notice_masked(0x8, Notice::kReservationPreempted));
}

}  // namespace
}  // namespace nvtee::target
