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
// Whole at once: crc_heads(bytes), the digests of a header; crc_head_right(bytes), whether it has the right
// one.
#ifndef NVTEE_HW_KERNELS_DIGEST_CRC32C_HPP
#define NVTEE_HW_KERNELS_DIGEST_CRC32C_HPP

#include <ap_int.h>
#include <stdint.h>

#include "hw/kernels/common/bytes.hpp"
#include "hw/kernels/engine/records.hpp"
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

// Bytes of a message that may be other than 0.
struct AllBytes {
  static constexpr bool byte(unsigned) { return true; }
};
struct SentBytes {  // of a header that the card sends: HeadBits
  static constexpr bool byte(unsigned i) { return i < 24 || (i >= 40 && i < 60); }
};

// Which bits add to what, for the registers' bits in groups of five: bits that add to the same ones of a
// group are summed once (31 sums of some N / 4 bits), and each bit of the register is the sum of 16 of those.
// That needs half of the exclusive ors of a sum for each bit of the register.
template <unsigned N, class Has>
struct Classes {
  static constexpr unsigned kRows = 5, kGroups = 7, kSums = 1u << kRows;
  uint16_t begin[kGroups][kSums + 1];  // in `bit`
  uint16_t bit[kGroups][8 * N];        // by what they add to
  constexpr Classes() : begin(), bit() {
    Weights<N> w = Weights<N>();
    for (unsigned i = 0; i < 8 * N; ++i)
      if (!Has::byte(i / 8)) w.of[i] = 0;
    for (unsigned g = 0; g < kGroups; ++g) {
      for (unsigned i = 0; i < 8 * N; ++i) ++begin[g][((w.of[i] >> (kRows * g)) & (kSums - 1)) + 1];
      for (unsigned c = 0; c < kSums; ++c)
        begin[g][c + 1] = static_cast<uint16_t>(begin[g][c + 1] + begin[g][c]);
      uint16_t to[kSums] = {};
      for (unsigned i = 0; i < 8 * N; ++i) {
        const unsigned c = (w.of[i] >> (kRows * g)) & (kSums - 1);
        bit[g][begin[g][c] + to[c]] = static_cast<uint16_t>(i);
        ++to[c];
      }
    }
  }
};
template <unsigned N, class Has>
struct ClassTables {
  static constexpr Classes<N, Has> kClasses = Classes<N, Has>();
};
template <unsigned N, class Has>
constexpr Classes<N, Has> ClassTables<N, Has>::kClasses;

// The sum of n bits, six at a time: what a LUT takes. `t` is used up.
NVTEE_TEE_INLINE bool sum_bits(bool* t, unsigned n) {
  if (n == 0) return false;
  while (n > 1) {
    unsigned m = 0;
    for (unsigned i = 0; i < n; i += 6) {
      bool x = t[i];
      for (unsigned k = 1; k < 6; ++k)
        if (i + k < n) x ^= t[i + k];
      t[m++] = x;
    }
    n = m;
  }
  return t[0];
}

// The register at the end of N bytes when it was 0 before; N a multiple of 4, at most 128.
// Bytes that Has does not have are 0.
template <unsigned N, class Has>
NVTEE_TEE_INLINE uint32_t fold(const ap_uint<8 * N>& bytes) {
  typedef Classes<N, Has> K;
  uint32_t word[N / 4];
  for (unsigned k = 0; k < N / 4; ++k) {
#pragma HLS UNROLL
    const ap_uint<32> w = bytes.range(32 * k + 31, 32 * k);
    word[k] = w.to_uint();
  }
  uint32_t out = 0;
  for (unsigned g = 0; g < K::kGroups; ++g) {
#pragma HLS UNROLL
    bool sum[K::kSums];
    for (unsigned c = 1; c < K::kSums; ++c) {
#pragma HLS UNROLL
      bool t[8 * N];
      unsigned n = 0;
      for (unsigned i = ClassTables<N, Has>::kClasses.begin[g][c];
           i < ClassTables<N, Has>::kClasses.begin[g][c + 1]; ++i) {
        const unsigned b = ClassTables<N, Has>::kClasses.bit[g][i];
        t[n++] = ((word[b >> 5] >> (b & 31)) & 1u) != 0;
      }
      sum[c] = sum_bits(t, n);
    }
    for (unsigned r = 0; r < K::kRows && K::kRows * g + r < 32; ++r) {
#pragma HLS UNROLL
      bool t[K::kSums];
      unsigned n = 0;
      for (unsigned c = 1; c < K::kSums; ++c)
        if (((c >> r) & 1u) != 0) t[n++] = sum[c];
      if (sum_bits(t, n)) out |= 1u << (K::kRows * g + r);
    }
  }
  return out;
}

// The register behind a message and its digest, the same for all messages, and then so many bytes of zero.
constexpr uint32_t residue(unsigned zeros) {
  uint32_t r = 0xffffffffu;
  for (unsigned i = 0; i < 8 * (4 + zeros); ++i) r = step(r);
  return r;
}

}  // namespace crc

NVTEE_TEE_INLINE uint32_t crc_fold(const ap_uint<512>& data) {
  return crc::fold<64, crc::AllBytes>(data);
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

// The register behind the lowest N bytes of `head`.
template <unsigned N, class Has = crc::AllBytes, int W = 8 * N>
NVTEE_TEE_INLINE uint32_t crc_register(const ap_uint<W>& head) {
  ap_uint<8 * N> bytes = head.range(8 * N - 1, 0);
  const ap_uint<32> first = bytes.range(31, 0);
  bytes.range(31, 0) = ~first;  // the initial value, met by the first four bytes
  return crc::fold<N, Has>(bytes);
}
// The digest of a header of N bytes (the lowest of `head`).
template <unsigned N, int W>
NVTEE_TEE_INLINE uint32_t crc_head(const ap_uint<W>& head) {
  return ~crc_register<N>(head);
}
template <int W>
NVTEE_TEE_INLINE uint32_t crc_head72(const ap_uint<W>& head) {
  return crc_head<72>(head);
}
template <int W>
NVTEE_TEE_INLINE uint32_t crc_head24(const ap_uint<W>& head) {
  return crc_head<24>(head);
}

// The digests of a header that the card sends, of 72 bytes and of 24.
struct HeadDigests {
  uint32_t of72, of24;
};
NVTEE_TEE_INLINE HeadDigests crc_heads(const HeadBits& head) {
  const ap_uint<576> whole = whole_head(head);
  HeadDigests d;
  d.of72 = ~crc_register<72, crc::SentBytes>(whole);
  d.of24 = ~crc_register<24>(whole);
  return d;
}
// Is the digest behind a header of 72 bytes right, or the one behind a header of 24 bytes, where all bytes
// behind it are 0? `sum` is crc_fold of the first 64 bytes, `rest` what comes after them. No digest is made
// to compare with: behind a right one the register is always the same.
NVTEE_TEE_INLINE bool crc_head_right(uint32_t sum, const ap_uint<96>& rest, bool of72) {
  // The initial value, met by the first four bytes, is a constant in `sum`.
  const uint32_t before = sum ^ crc::sum32(kCrcInit, crc::Tables<64>::kWeights.of);
  const uint32_t end = crc::sum32(before, crc::Tables<12>::kWeights.of) ^ crc::fold<12, crc::AllBytes>(rest);
  return end == (of72 ? crc::residue(0) : crc::residue(72 - 24));
}

}  // namespace card
}  // namespace nvtee

#endif
