#include <gtest/gtest.h>

#include <spdlog/sinks/ostream_sink.h>

#include <cerrno>
#include <sstream>

#include "runtime/base/check.hpp"
#include "runtime/base/crc32c.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/result.hpp"

namespace nvtee {
namespace {

TEST(Crc32c, KnownAnswer) {
  EXPECT_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
}

TEST(Crc32c, ContinuesAcrossPieces) {
  EXPECT_EQ(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}

TEST(Result, ErrnoIsNamed) {
  const Status0 r = fail_errno("open x", ENOENT, "create it");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().text(), "open x: No such file or directory; create it");
  EXPECT_EQ(r.error().code, ENOENT);
}

// reaches: log.rate
TEST(Log, LinesBeyondTheRateAreDroppedAndCounted) {
  std::ostringstream out;
  spdlog::logger logger("t", log::bounded(std::make_shared<spdlog::sinks::ostream_sink_mt>(out), 1, 10));
  logger.set_pattern("%l %v");
  for (int i = 0; i < 100; ++i) logger.info("line");
  logger.error("bad");  // errors have their own share
  EXPECT_EQ(out.str(), [] {
    std::string s;
    for (int i = 0; i < 10; ++i) s += "info line\n";
    return s + "error bad\n";
  }());
}

TEST(Log, BudgetComesBackWithTime) {
  log::Budget budget(2, 3);
  Time now = 5 * kSecond;
  const auto taken = [&](int n) {
    int got = 0;
    for (int i = 0; i < n; ++i) got += budget.take(now);
    return got;
  };
  EXPECT_EQ(taken(10), 3);
  EXPECT_EQ(taken(1), 0);
  now += kSecond;
  EXPECT_EQ(taken(10), 2);
  EXPECT_EQ(budget.take_dropped(), 16u);
  EXPECT_EQ(budget.take_dropped(), 0u);
  now += 1000 * kSecond;
  EXPECT_EQ(taken(10), 3) << "no more than at once";
}

TEST(Check, StopsTheProcessAndNamesTheInvariant) {
  EXPECT_DEATH(NVTEE_CHECK(1 == 2, "P4: difference is marked"), "P4: difference is marked");
}

TEST(Log, UnknownLevelIsRefused) {
  EXPECT_FALSE(log::setup("t", "loud"));
  EXPECT_TRUE(log::setup("t", "info"));
}

}  // namespace
}  // namespace nvtee
