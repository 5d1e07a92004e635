// CRC32C (reflected, initial value and final xor FFFFFFFFh) as trees of exclusive or: whole beats, headers,
// and a last beat of any length. HLS subset, C++14. Nothing here has state.
//
// A message in beats of 64 bytes:
//   uint32_t sum = kCrcInit;
//   each beat:  sum = crc_next(sum, crc_fold(data));      // bytes beyond the message's end are 0
//   (keep_bytes) at the end: digest = crc_end(sum, 64 - count);        // count: bytes of the last
//   beat, 1..64
// crc_fold is the wide part and only flows forward (about 4 LUT levels); crc_next is the short recurrence (2
// levels), so a kernel that keeps `sum` gets crc_fold's result through a stream (see digest.hpp). crc_end
// takes the zeros at the end out again, 6 x 2 levels, forward only. That way no beat is ever shifted.
//
// Whole at once: crc_head<72>(bytes) and crc_head<24>(bytes) are the digest of a header (about 5 levels).
#ifndef NVTEE_HW_KERNELS_DIGEST_CRC32C_HPP
#define NVTEE_HW_KERNELS_DIGEST_CRC32C_HPP

#include <ap_int.h>
#include <stdint.h>

#include "hw/kernels/common/bytes.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

constexpr uint32_t kCrcInit = 0xffffffffu;

namespace crc {

constexpr uint32_t kPoly = 0x82f63b78u;

// The register after one bit of zero, and the register before it.
constexpr uint32_t step(uint32_t r) {
  return (r >> 1) ^ ((r & 1) != 0 ? kPoly : 0);
}
constexpr uint32_t back(uint32_t r) {
  return (r & 0x80000000u) != 0 ? ((r ^ kPoly) << 1) | 1u : r << 1;
}

// of[i]: what bit i of a message of N bytes (first byte first, lowest bit first) adds to the register at its
// end. Bit i < 32 of the register before the message adds the same.
template <unsigned N>
struct Weights {
  uint32_t of[8 * N];
  constexpr Weights() : of() {
    uint32_t r = 1;
    for (unsigned i = 8 * N; i > 0; --i) {
      r = step(r);
      of[i - 1] = r;
    }
  }
};

// of[k][i]: what bit i of the register was before 2^k bytes of zero.
struct BackWeights {
  uint32_t of[6][32];
  constexpr BackWeights() : of() {
    for (unsigned k = 0; k < 6; ++k)
      for (unsigned i = 0; i < 32; ++i) {
        uint32_t r = 1u << i;
        for (unsigned n = 0; n < (8u << k); ++n) r = back(r);
        of[k][i] = r;
      }
  }
};

template <unsigned N>
struct Tables {
  static constexpr Weights<N> kWeights = Weights<N>();
};
template <unsigned N>
constexpr Weights<N> Tables<N>::kWeights;
struct BackTables {
  static constexpr BackWeights kWeights = BackWeights();
};

// Sum of the weights of 8 bits, as a tree.
NVTEE_TEE_INLINE uint32_t sum8(uint32_t bits, const uint32_t* w) {
  uint32_t t[8];
  for (unsigned j = 0; j < 8; ++j) t[j] = ((bits >> j) & 1u) != 0 ? w[j] : 0u;
  return ((t[0] ^ t[1]) ^ (t[2] ^ t[3])) ^ ((t[4] ^ t[5]) ^ (t[6] ^ t[7]));
}
NVTEE_TEE_INLINE uint32_t sum32(uint32_t x, const uint32_t* w) {
  return (sum8(x & 0xff, w) ^ sum8((x >> 8) & 0xff, w + 8)) ^
         (sum8((x >> 16) & 0xff, w + 16) ^ sum8(x >> 24, w + 24));
}

// The register at the end of N bytes when it was 0 before; N a multiple of 4, at most 128.
template <unsigned N>
NVTEE_TEE_INLINE uint32_t fold(const ap_uint<8 * N>& bytes) {
  uint32_t t[32];
  for (unsigned k = 0; k < 32; ++k) {
#pragma HLS UNROLL
    t[k] = 0;
    if (k < N / 4) {
      const ap_uint<32> word = bytes.range(32 * k + 31, 32 * k);
      t[k] = sum32(word.to_uint(), Tables<N>::kWeights.of + 32 * k);
    }
  }
  for (unsigned n = 16; n > 0; n /= 2)
    for (unsigned k = 0; k < n; ++k) t[k] ^= t[k + n];
  return t[0];
}

}  // namespace crc

NVTEE_TEE_INLINE uint32_t crc_fold(const ap_uint<512>& data) {
  return crc::fold<64>(data);
}
NVTEE_TEE_INLINE uint32_t crc_next(uint32_t sum, uint32_t folded) {
  return crc::sum32(sum, crc::Tables<64>::kWeights.of) ^ folded;
}

// The digest, when the last `zeros` bytes (0..63) were not of the message.
NVTEE_TEE_INLINE uint32_t crc_end(uint32_t sum, ap_uint<6> zeros) {
  for (unsigned k = 0; k < 6; ++k) {
#pragma HLS UNROLL
    const uint32_t before = crc::sum32(sum, crc::BackTables::kWeights.of[k]);
    sum = zeros[k] ? before : sum;
  }
  return ~sum;
}

// In one go, for who has no clock to keep.
NVTEE_TEE_INLINE uint32_t crc_beat(uint32_t sum, const ap_uint<512>& data) {
  return crc_next(sum, crc_fold(data));
}

// The digest after a last beat of `count` bytes (1..64).
NVTEE_TEE_INLINE uint32_t crc_tail(uint32_t sum, const ap_uint<512>& data, ap_uint<7> count) {
  return crc_end(crc_beat(sum, keep_bytes(data, count)), static_cast<ap_uint<6>>(64 - count.to_uint()));
}

// The digest of a header of N bytes (the lowest of `head`).
template <unsigned N, int W>
NVTEE_TEE_INLINE uint32_t crc_head(const ap_uint<W>& head) {
  ap_uint<8 * N> bytes = head.range(8 * N - 1, 0);
  const ap_uint<32> first = bytes.range(31, 0);
  bytes.range(31, 0) = ~first;  // the initial value, met by the first four bytes
  return ~crc::fold<N>(bytes);
}
template <int W>
NVTEE_TEE_INLINE uint32_t crc_head72(const ap_uint<W>& head) {
  return crc_head<72>(head);
}
template <int W>
NVTEE_TEE_INLINE uint32_t crc_head24(const ap_uint<W>& head) {
  return crc_head<24>(head);
}

}  // namespace card
}  // namespace nvtee

#endif
