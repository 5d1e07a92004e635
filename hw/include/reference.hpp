// An independent model for the tests of ap_int: integers without a width (Boost's cpp_int), cut to a width
// only where the text of a rule says so.
#ifndef NVTEE_HLS_REFERENCE_HPP
#define NVTEE_HLS_REFERENCE_HPP

#include <ap_int.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <random>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace reference {

using big = boost::multiprecision::cpp_int;

[[gnu::noinline]] inline big power(int n) {
  return big(1) << static_cast<unsigned>(n);
}

// The remainder in 0 .. 2^width - 1.
[[gnu::noinline]] inline big modulo(const big& x, int width) {
  const big m = power(width);
  const big r = x % m;
  return r < 0 ? big(r + m) : r;
}

// What a variable of this width and sign holds after x is assigned to it.
[[gnu::noinline]] inline big wrap(const big& x, int width, bool sign) {
  const big r = modulo(x, width);
  return sign && r >= power(width - 1) ? big(r - power(width)) : r;
}

// Exact results, out of line: the tests instantiate thousands of pairs of types.
[[gnu::noinline]] inline big exact(char op, const big& x, const big& y) {
  switch (op) {
    case '+':
      return x + y;
    case '-':
      return x - y;
    case '*':
      return x * y;
    case '/':
      return x / y;  // rounds towards zero
    case '%':
      return x % y;  // takes the sign of x
    default:
      throw std::logic_error("no such operator");
  }
}

// & | ^ of two's complement patterns, both extended by their own sign to `width` bits.
[[gnu::noinline]] inline big exact_logic(char op, const big& x, const big& y, int width) {
  const big p = modulo(x, width), q = modulo(y, width);
  return wrap(op == '&' ? big(p & q) : op == '|' ? big(p | q) : big(p ^ q), width, true);
}

// Widths and signs for the tests: of ours, and of C++ integers.
template <class T>
struct shape {
  static constexpr int width = std::is_same_v<T, bool> ? 1 : static_cast<int>(8 * sizeof(T));
  static constexpr bool sign = std::is_signed_v<T>;
};
template <int W>
struct shape<ap_uint<W>> {
  static constexpr int width = W;
  static constexpr bool sign = false;
};
template <int W>
struct shape<ap_int<W>> {
  static constexpr int width = W;
  static constexpr bool sign = true;
};

[[gnu::noinline]] inline big from_bits(const std::vector<bool>& bits, bool sign) {
  big r = 0;
  for (size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) bit_set(r, static_cast<unsigned>(i));
  }
  return sign && bits.back() ? big(r - power(static_cast<int>(bits.size()))) : r;
}

// The value, read bit by bit.
template <int W, bool S>
[[gnu::noinline]] big value(const ap_int_base<W, S>& x) {
  std::vector<bool> bits(W);
  for (int i = 0; i < W; ++i) bits[static_cast<size_t>(i)] = x.test(i);
  return from_bits(bits, S);
}
template <class T>
  requires std::is_integral_v<T>
big value(T x) {
  return big(x);
}

// Put together bit by bit, so that no operator under test is used.
template <class T>
T make(const big& x) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(wrap(x, shape<T>::width, shape<T>::sign));
  } else {
    T r;
    const big bits = modulo(x, shape<T>::width);
    for (int i = 0; i < shape<T>::width; ++i) r.set_bit(i, bit_test(bits, static_cast<unsigned>(i)));
    return r;
  }
}

// Values at the edges of a type, and some between.
template <class T>
std::vector<T> samples(int random_ones) {
  constexpr int w = shape<T>::width;
  std::vector<big> edge = {0, 1, -1, 2, 3, power(w - 1), power(w - 1) - 1, power(w - 1) + 1, power(w) / 3};
  std::mt19937_64 rng(static_cast<unsigned>(w) * 2 + shape<T>::sign);
  for (int i = 0; i < random_ones; ++i) {
    big x = 0;
    for (int bits = 0; bits < w; bits += 64) x = (x << 64) | rng();
    edge.push_back(x >> static_cast<unsigned>(rng() % static_cast<unsigned>(w)));
  }
  std::vector<T> all;
  for (const big& x : edge) all.push_back(make<T>(x));
  return all;
}

}  // namespace reference

#endif  // NVTEE_HLS_REFERENCE_HPP
