// The yardstick of a resync: a program that does nothing but copy one target's namespace to another's, over
// the product's own host side.
#pragma once

#include <cstdint>
#include <string>

namespace nvtee::bench {

struct CopyEnd {
  std::string address, nqn;
  unsigned nsid = 1;
};

// Bytes per second of copying the first `bytes` in chunks, `depth` of them under way. 0: it failed.
double plain_copy(const CopyEnd& from, const CopyEnd& to, std::uint64_t bytes, std::uint32_t chunk,
                  unsigned depth);

}  // namespace nvtee::bench
