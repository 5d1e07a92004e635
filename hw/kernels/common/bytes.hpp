// Bytes within a beat: shifts by a number of bytes, two bits of it at a time (one LUT level each).
#ifndef NVTEE_HW_KERNELS_COMMON_BYTES_HPP
#define NVTEE_HW_KERNELS_COMMON_BYTES_HPP

#include <ap_int.h>

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

// 64 bytes of (low, high) from byte `at` (0..64) on.
NVTEE_TEE_INLINE ap_uint<512> take_bytes(const ap_uint<512>& low, const ap_uint<512>& high, ap_uint<7> at) {
  ap_uint<1024> w = 0;
  w.range(511, 0) = at[6] ? high : low;
  w.range(1023, 512) = high;
  const unsigned a = at.to_uint() & 63;
  const ap_uint<888> x = static_cast<ap_uint<888>>(w >> (8 * (a & 48)));
  const ap_uint<632> y = static_cast<ap_uint<632>>(x >> (8 * (a & 12)));
  return static_cast<ap_uint<512>>(y >> (8 * (a & 3)));
}

// The beat moved up by `by` bytes.
NVTEE_TEE_INLINE ap_uint<512> put_bytes(const ap_uint<512>& data, ap_uint<6> by) {
  const unsigned a = by.to_uint();
  const ap_uint<512> x = static_cast<ap_uint<512>>(data << (8 * (a & 3)));
  const ap_uint<512> y = static_cast<ap_uint<512>>(x << (8 * (a & 12)));
  return static_cast<ap_uint<512>>(y << (8 * (a & 48)));
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
