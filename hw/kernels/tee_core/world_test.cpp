// The random world over the small core, many seeds. NVTEE_SEEDS=first:count runs others.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "hw/kernels/tee_core/test_world.hpp"

namespace nvtee::tee::test {
namespace {

struct Seeds {
  uint64_t first = 1, count = 400;
};
Seeds seeds() {
  Seeds s;
  if (const char* text = std::getenv("NVTEE_SEEDS")) {
    char* rest = nullptr;
    s.first = std::strtoull(text, &rest, 10);
    if (*rest == ':') s.count = std::strtoull(rest + 1, nullptr, 10);
  }
  return s;
}

TEST(World, InvariantsHold) {
  std::map<std::string, unsigned> seen;
  const Seeds s = seeds();
  for (uint64_t seed = s.first; seed < s.first + s.count; ++seed) {
    World w(std::make_unique<CoreOf<SmallConfig>>(), seed);
    ASSERT_EQ(w.run(), "") << "seed " << seed;
    for (const auto& [what, n] : w.seen) seen[what] += n;
  }
  if (std::getenv("NVTEE_SEEDS") != nullptr) {
    for (const auto& [what, n] : seen) std::cout << n << " " << what << "\n";
    return;
  }
  for (const char* what : {"answers",
                           "bad digests",
                           "bad headers",
                           "commands of closed queues",
                           "executed failures",
                           "fences",
                           "gates shut",
                           "holds",
                           "holds refused",
                           "infrastructure",
                           "issues",
                           "last leg failed",
                           "lease changes",
                           "leg faults",
                           "legs dropped",
                           "legs resynced",
                           "media errors repaired",
                           "media errors reported",
                           "no free way",
                           "noise",
                           "not home",
                           "punts",
                           "queues closed",
                           "refusals of legs",
                           "region misses",
                           "regions closed",
                           "sweeps"}) {
    EXPECT_GT(seen[what], 5u) << what << " hardly ever happened: the test tests little";
  }
}

}  // namespace
}  // namespace nvtee::tee::test
