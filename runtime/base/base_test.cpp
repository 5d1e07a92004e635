#include <gtest/gtest.h>

#include <cerrno>

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

TEST(Check, StopsTheProcessAndNamesTheInvariant) {
  EXPECT_DEATH(NVTEE_CHECK(1 == 2, "P4: difference is marked"), "P4: difference is marked");
}

TEST(Log, UnknownLevelIsRefused) {
  EXPECT_FALSE(log::setup("t", "loud"));
  EXPECT_TRUE(log::setup("t", "info"));
}

}  // namespace
}  // namespace nvtee
