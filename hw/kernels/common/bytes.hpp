// Bytes within a beat: shifts by a number of bytes, two bits of it at a time (one LUT level each).
#ifndef NVTEE_HW_KERNELS_COMMON_BYTES_HPP
#define NVTEE_HW_KERNELS_COMMON_BYTES_HPP

#include <ap_int.h>

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

// The beat turned down by `by` bytes: what falls out below comes in above.
NVTEE_TEE_INLINE ap_uint<512> turn_down(const ap_uint<512>& x, ap_uint<6> by) {
  ap_uint<1024> twice = 0;
  twice.range(511, 0) = x;
  twice.range(1023, 512) = x;
  const unsigned a = by.to_uint();
  const ap_uint<896> y = static_cast<ap_uint<896>>(twice >> (8 * (a & 48)));
  const ap_uint<536> z = static_cast<ap_uint<536>>(y >> (8 * (a & 12)));
  return static_cast<ap_uint<512>>(z >> (8 * (a & 3)));
}

// Bit i is set for i < count; count 0..64.
NVTEE_TEE_INLINE ap_uint<64> byte_mask(ap_uint<7> count) {
  const unsigned low = count.to_uint() & 63;
  ap_uint<64> m = 0;
  for (unsigned i = 0; i < 64; ++i) {
#pragma HLS UNROLL
    m[i] = count[6] || i < low ? 1 : 0;
  }
  return m;
}

// `take` (0..64) bytes of (low, high) from byte `at` (0..64) on, at byte `to` of a beat whose others are 0;
// at most 64 - `to`. They are chosen where they lie, so that one turn is enough; `both` 0: all of them are in
// `high`.
NVTEE_TEE_INLINE ap_uint<512> move_bytes(const ap_uint<512>& low, const ap_uint<512>& high, bool both,
                                         ap_uint<7> at, ap_uint<7> take, ap_uint<6> to) {
  const ap_uint<64> before = byte_mask(at);
  const ap_uint<8> end = static_cast<ap_uint<8>>(ap_uint<8>(at) + take);
  const ap_uint<64> ends = byte_mask(ap_uint<7>(end.range(5, 0)));
  ap_uint<512> chosen = 0;
  for (unsigned i = 0; i < 64; ++i) {
#pragma HLS UNROLL
    const bool here = !before[i] && (end[7] || end[6] || ends[i]);
    const bool there = before[i] && (end[7] || (end[6] && ends[i]));
    const ap_uint<8> a = low.range(8 * i + 7, 8 * i), b = high.range(8 * i + 7, 8 * i);
    const ap_uint<8> x = here && both ? a : ap_uint<8>(0);
    const ap_uint<8> y = there || (here && !both) ? b : ap_uint<8>(0);
    chosen.range(8 * i + 7, 8 * i) = static_cast<ap_uint<8>>(x | y);
  }
  return turn_down(chosen, static_cast<ap_uint<6>>(static_cast<ap_uint<6>>(at) - to));
}

// Bytes from `count` (0..64) on become 0.
NVTEE_TEE_INLINE ap_uint<512> keep_bytes(const ap_uint<512>& data, ap_uint<7> count) {
  const ap_uint<64> m = byte_mask(count);
  ap_uint<512> out = 0;
  for (unsigned i = 0; i < 64; ++i) {
#pragma HLS UNROLL
    const ap_uint<8> b = data.range(8 * i + 7, 8 * i);
    out.range(8 * i + 7, 8 * i) = m[i] ? b : ap_uint<8>(0);
  }
  return out;
}

}  // namespace card
}  // namespace nvtee

#endif
