// How long things take, counted in buckets of powers of two: one add costs a few nanoseconds and no memory.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "runtime/base/time.hpp"

namespace nvtee {

struct LatencyHistogram {
  // Bucket i holds what took up to bound(i); the last one everything longer.
  static constexpr unsigned kBuckets = 21;
  static constexpr Duration kFirst = 16 * kMicrosecond;
  static constexpr Duration bound(unsigned i) { return kFirst << i; }  // 16 us ... 8.4 s (i = 19)

  std::array<std::uint64_t, kBuckets> counts{};
  Duration sum = 0;

  void add(Duration took) {
    const auto steps = took <= kFirst ? 0u : static_cast<unsigned>(std::bit_width((took - 1) / kFirst));
    ++counts[steps < kBuckets ? steps : kBuckets - 1];
    sum += took;
  }
};

// Commands of one leg, over all of its associations.
struct LegLatency {
  LatencyHistogram reads, writes;
};

}  // namespace nvtee
