// Raw bit vectors below ap_int: everything is computed in unsigned _BitInt, where nothing overflows.
#ifndef NVTEE_HLS_BITS_HPP
#define NVTEE_HLS_BITS_HPP

#include <stdio.h>
#include <stdlib.h>

namespace nvtee_hls {

template <int W>
using ubits = unsigned _BitInt(W);

// Signed _BitInt needs 2 bits; a signed 1-bit value (0 or -1) is widened by the helpers below.
template <int W>
using sbits = _BitInt(W < 2 ? 2 : W);

constexpr int max_of(int a, int b) {
  return a > b ? a : b;
}
constexpr int min_of(int a, int b) {
  return a < b ? a : b;
}

[[noreturn, gnu::cold, gnu::noinline]] inline void fail(const char* what, const char* name = nullptr) {
  fprintf(stderr, "hls model: %s%s%s\n", what, name ? ": " : "", name ? name : "");
  abort();
}

// A broken rule of the kernel's author, never an operating error. The translator takes no run-time checks.
constexpr void check(bool ok, const char* what) {
#ifdef __HLSC__
  (void)ok, (void)what;
#else
  if (!ok) [[unlikely]]
    fail(what);
#endif
}

// The value of a W-bit pattern, read as signed when S, as a signed number of W (at least 2) bits.
template <int W>
constexpr sbits<W> as_signed(ubits<W> v) {
  if constexpr (W == 1) {
    return v ? static_cast<sbits<1>>(-1) : static_cast<sbits<1>>(0);
  } else {
    return static_cast<sbits<W>>(v);
  }
}

// Truncates, or extends by zeros (S false) or by the sign (S true), to C bits.
template <int C, int W, bool S>
constexpr ubits<C> resize(ubits<W> v) {
  if constexpr (S && C > W) {
    return static_cast<ubits<C>>(as_signed<W>(v));
  } else {
    return static_cast<ubits<C>>(v);
  }
}

// The lowest `len` (1..W) bits set.
template <int W>
constexpr ubits<W> low_mask(int len) {
  return static_cast<ubits<W>>(~static_cast<ubits<W>>(0)) >> (W - len);
}

template <int W>
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
constexpr ubits<W> shift_right(ubits<W> v, unsigned n) {
  if constexpr (W == 1) {
    return (n == 0 || S) ? v : static_cast<ubits<1>>(0);
  } else if constexpr (S) {
    return static_cast<ubits<W>>(as_signed<W>(v) >> (n < W ? n : W - 1));
  } else {
    return n < W ? static_cast<ubits<W>>(v >> n) : static_cast<ubits<W>>(0);
  }
}

template <int W>
constexpr ubits<W> shift_left(ubits<W> v, unsigned n) {
  return n < W ? static_cast<ubits<W>>(v << n) : static_cast<ubits<W>>(0);
}

}  // namespace nvtee_hls

#endif  // NVTEE_HLS_BITS_HPP
