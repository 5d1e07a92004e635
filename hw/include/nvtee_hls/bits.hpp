// Raw bit vectors below ap_int: everything is computed in unsigned _BitInt, where nothing overflows.
// clang 19 crashes on `const` local variables of _BitInt above 128 bits with a run-time value: none here is
// const.
#ifndef NVTEE_HLS_BITS_HPP
#define NVTEE_HLS_BITS_HPP

#ifndef __BITINT_MAXWIDTH__
#error "these headers need a compiler with _BitInt in C++: clang 16 or newer"
#endif

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// These types stand for wires: calls must vanish before the optimiser weighs whether they are worth inlining.
#define NVTEE_HLS_INLINE [[gnu::always_inline]] constexpr

namespace nvtee_hls {

template <int W>
using ubits = unsigned _BitInt(W);

// Signed _BitInt needs 2 bits; a signed 1-bit value (0 or -1) is widened by the helpers below.
template <int W>
using sbits = _BitInt(W < 2 ? 2 : W);

NVTEE_HLS_INLINE int max_of(int a, int b) {
  return a > b ? a : b;
}
NVTEE_HLS_INLINE int min_of(int a, int b) {
  return a < b ? a : b;
}

[[noreturn, gnu::cold, gnu::noinline]] inline void fail(const char* what, const char* name = nullptr) {
  fprintf(stderr, "hls model: %s%s%s\n", what, name ? ": " : "", name ? name : "");
  abort();
}

// A broken rule of the kernel's author, never an operating error. The translator takes no run-time checks.
NVTEE_HLS_INLINE void check(bool ok, const char* what) {
#ifdef __HLSC__
  (void)ok, (void)what;
#else
  if (!ok) [[unlikely]]
    fail(what);
#endif
}

// The value of a W-bit pattern, read as signed when S, as a signed number of W (at least 2) bits.
template <int W>
NVTEE_HLS_INLINE sbits<W> as_signed(ubits<W> v) {
  if constexpr (W == 1) {
    return v ? static_cast<sbits<1>>(-1) : static_cast<sbits<1>>(0);
  } else {
    return static_cast<sbits<W>>(v);
  }
}

// Truncates, or extends by zeros (S false) or by the sign (S true), to C bits.
template <int C, int W, bool S>
NVTEE_HLS_INLINE ubits<C> resize(ubits<W> v) {
  if constexpr (S && C > W) {
    return static_cast<ubits<C>>(as_signed<W>(v));
  } else {
    return static_cast<ubits<C>>(v);
  }
}

// The lowest `len` (1..W) bits set.
template <int W>
NVTEE_HLS_INLINE ubits<W> low_mask(int len) {
  return static_cast<ubits<W>>(~static_cast<ubits<W>>(0)) >> (W - len);
}

template <int W>
#ifndef __HLSC__
[[gnu::noinline]]
#endif
constexpr ubits<W> reverse_bits(ubits<W> v, int len) {
  ubits<W> r = 0;
  for (int i = 0; i < len; ++i) {
    if ((v >> i) & 1) r |= static_cast<ubits<W>>(1) << (len - 1 - i);
  }
  return r;
}

// Number of set bits modulo 2.
template <int W>
constexpr bool parity(ubits<W> v) {
  bool odd = false;
  if constexpr (W <= 64) {
    odd = __builtin_parityll(static_cast<unsigned long long>(v)) != 0;
  } else {
    for (int i = 0; i < W; i += 64) {
      odd ^= __builtin_parityll(static_cast<unsigned long long>(v >> i)) != 0;
    }
  }
  return odd;
}

template <int W>
constexpr int leading_zeros(ubits<W> v) {
  if constexpr (W <= 64) {
    return v == 0 ? W : __builtin_clzll(static_cast<unsigned long long>(v)) - (64 - W);
  } else {
    int n = 0;
    for (int i = W - 1; i >= 0 && !((v >> i) & 1); --i) ++n;
    return n;
  }
}

// Shifts where an amount of W or more leaves only zeros (or copies of the sign).
template <int W, bool S>
NVTEE_HLS_INLINE ubits<W> shift_right(ubits<W> v, unsigned long long n) {
  if constexpr (W == 1) {
    return (n == 0 || S) ? v : static_cast<ubits<1>>(0);
  } else if constexpr (S) {
    return static_cast<ubits<W>>(as_signed<W>(v) >> static_cast<int>(n < W ? n : W - 1));
  } else {
    return n < W ? static_cast<ubits<W>>(v >> static_cast<int>(n)) : static_cast<ubits<W>>(0);
  }
}

template <int W>
NVTEE_HLS_INLINE ubits<W> shift_left(ubits<W> v, unsigned long long n) {
  return n < W ? static_cast<ubits<W>>(v << static_cast<int>(n)) : static_cast<ubits<W>>(0);
}

// ---- parts of a vector ----
template <int W>
NVTEE_HLS_INLINE ubits<W> shifted_part(const ubits<W>& v, int lo, int len) {
  return static_cast<ubits<W>>(v >> lo) & low_mask<W>(len);
}

template <int W>
NVTEE_HLS_INLINE void put_shifted_part(ubits<W>& v, int lo, int len, const ubits<W>& x) {
  ubits<W> mask = low_mask<W>(len);
  v = (v & static_cast<ubits<W>>(~(mask << lo))) | static_cast<ubits<W>>((x & mask) << lo);
}

#ifndef __HLSC__
// Natively, a part of a wide vector at a position known only at run time is read and written in memory by
// 64-bit words: shifting all of the vector would cost some 60 instructions. The translator sees only shifts.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of a vector stand lowest first");

constexpr uint64_t word_mask(int len) {
  return ~static_cast<uint64_t>(0) >> (64 - len);
}

template <int W>
inline uint64_t get_by_words(const ubits<W>& v, int lo, int len) {
  const char* at = reinterpret_cast<const char*>(&v) + lo / 64 * 8;
  const int shift = lo % 64;
  uint64_t word = 0, next = 0;
  memcpy(&word, at, 8);
  word >>= shift;
  if (shift + len > 64) {
    memcpy(&next, at + 8, 8);
    word |= next << (64 - shift);
  }
  return word & word_mask(len);
}

template <int W>
inline void put_by_words(ubits<W>& v, int lo, int len, uint64_t x) {
  char* at = reinterpret_cast<char*>(&v) + lo / 64 * 8;
  const int shift = lo % 64;
  const uint64_t mask = word_mask(len);
  x &= mask;
  uint64_t word = 0;
  memcpy(&word, at, 8);
  word = (word & ~(mask << shift)) | (x << shift);
  memcpy(at, &word, 8);
  if (shift + len > 64) {
    memcpy(&word, at + 8, 8);
    word = (word & ~(mask >> (64 - shift))) | (x >> (64 - shift));
    memcpy(at + 8, &word, 8);
  }
}

template <int W>
[[gnu::noinline]] ubits<W> long_part(const ubits<W>& v, int lo, int len) {
  return shifted_part<W>(v, lo, len);
}

template <int W>
[[gnu::noinline]] void put_long_part(ubits<W>& v, int lo, int len, const ubits<W>& x) {
  put_shifted_part<W>(v, lo, len, x);
}
#endif

// Bits lo .. lo+len-1 of v, at the bottom. 0 <= lo, 1 <= len, lo + len <= W.
template <int W>
NVTEE_HLS_INLINE ubits<W> get_part(const ubits<W>& v, int lo, int len) {
#ifndef __HLSC__
  if constexpr (W > 64) {
    if (!__builtin_is_constant_evaluated() && !__builtin_constant_p(lo))
      return len <= 64 ? static_cast<ubits<W>>(get_by_words<W>(v, lo, len)) : long_part<W>(v, lo, len);
  }
#endif
  return shifted_part<W>(v, lo, len);
}

template <int W>
NVTEE_HLS_INLINE void put_part(ubits<W>& v, int lo, int len, const ubits<W>& x) {
#ifndef __HLSC__
  if constexpr (W > 64) {
    if (!__builtin_is_constant_evaluated() && !__builtin_constant_p(lo)) {
      if (len <= 64) return put_by_words<W>(v, lo, len, static_cast<uint64_t>(x));
      return put_long_part<W>(v, lo, len, x);
    }
  }
#endif
  put_shifted_part<W>(v, lo, len, x);
}

}  // namespace nvtee_hls

#endif  // NVTEE_HLS_BITS_HPP
