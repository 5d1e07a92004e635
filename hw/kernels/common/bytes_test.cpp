// Bytes moved within a beat, against the same a byte at a time.
#include "hw/kernels/common/bytes.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace nvtee::card {
namespace {

using Beat = std::array<uint8_t, 64>;

ap_uint<512> bits_of(const Beat& b) {
  ap_uint<512> r = 0;
  for (unsigned i = 0; i < 64; ++i) r.range(static_cast<int>(8 * i + 7), static_cast<int>(8 * i)) = b[i];
  return r;
}

TEST(Bytes, MovedFromAnyPlaceToAnyPlace) {
  std::mt19937 random(1);
  for (unsigned at = 0; at <= 64; ++at) {
    for (unsigned to = 0; to < 64; ++to) {
      Beat low, high;
      for (uint8_t& b : low) b = static_cast<uint8_t>(random());
      for (uint8_t& b : high) b = static_cast<uint8_t>(random());
      const unsigned most = 64 - to;
      for (unsigned take : {0u, 1u, static_cast<unsigned>(random() % (most + 1)), most}) {
        Beat want{};
        for (unsigned i = 0; i < take; ++i) want[to + i] = at + i < 64 ? low[at + i] : high[at + i - 64];
        const ap_uint<512> got = move_bytes(bits_of(low), bits_of(high), true, at, take, to);
        ASSERT_TRUE(got == bits_of(want)) << "at " << at << ", take " << take << ", to " << to;
        // All in one beat.
        if (at + take > 64 && at != 64) continue;
        const Beat& one = at == 64 ? high : low;
        ASSERT_TRUE(move_bytes(bits_of(high), bits_of(one), false, at, take, to) == bits_of(want))
            << "one, at " << at << ", take " << take << ", to " << to;
      }
    }
  }
}

}  // namespace
}  // namespace nvtee::card
