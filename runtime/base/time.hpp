// Time is injected everywhere: a Time is nanoseconds of a monotonic clock whose zero means nothing.
#pragma once

#include <cstdint>

namespace nvtee {

using Time = std::uint64_t;      // ns, monotonic
using Duration = std::uint64_t;  // ns

constexpr Duration kMicrosecond = 1'000;
constexpr Duration kMillisecond = 1'000'000;
constexpr Duration kSecond = 1'000'000'000;
constexpr Time kNever = ~Time{0};

}  // namespace nvtee
