// Sizes, times, mixes and ranges as people write them on a command line.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/time.hpp"

namespace nvtee::host {

// "4096", "4k", "1m", "2g", "1t" (powers of 1024).
Result<std::uint64_t> parse_bytes(std::string_view text);
// "10" (seconds), "500ms", "10s", "2m", "1h".
Result<Duration> parse_time(std::string_view text);
std::string bytes_text(std::uint64_t bytes);

// Transfer sizes of a run: "4k", "512-128k" (any whole number of blocks between), "4k:70,64k-128k:30"
// (weights).
struct SizeClass {
  std::uint64_t least = 0, most = 0;  // bytes
  unsigned weight = 1;
};
Result<std::vector<SizeClass>> parse_sizes(std::string_view text);

// "OFFSET:LENGTH" in bytes; LENGTH may be missing (to the end): "1g:4g", "1g:".
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // 0: to the end
};
Result<ByteRange> parse_range(std::string_view text);

enum class Kind : std::uint8_t { kRead, kWrite, kFlush, kZeroes, kCompare, kDsm };
constexpr std::size_t kKinds = 6;
const char* kind_name(Kind kind);

// "read=70,write=20,flush=1,zeroes=5,compare=2,dsm=2": weights, not necessarily of 100.
using Mix = std::array<unsigned, kKinds>;
Result<Mix> parse_mix(std::string_view text);
// "randwrite", "randread", "randrw", "write", "read", "rw".
struct Pattern {
  Mix mix{};
  bool sequential = false;
};
Result<Pattern> parse_rw(std::string_view text);

}  // namespace nvtee::host
