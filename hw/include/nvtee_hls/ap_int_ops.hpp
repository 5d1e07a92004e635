// Operators of ap_int and its proxies with each other and with C++ integers.
//
// Width and sign of a result, from the operands' (w1, s1) and (w2, s2); x1 and x2 are the widths that either
// operand needs once both are signed, x1 = w1 + (s2 && !s1), x2 = w2 + (s1 && !s2):
//   + max(x1, x2) + 1, s1 || s2        - max(x1, x2) + 1, always signed      * w1 + w2, s1 || s2
//   / w1 + s2, s1 || s2                % min(w1, w2 + (s1 && !s2)), s1       & | ^ max(x1, x2), s1 || s2
//   << >> those of the left operand    ~ + unchanged                         unary -: that of 0 (1 bit) - x
#ifndef NVTEE_HLS_AP_INT_OPS_HPP
#define NVTEE_HLS_AP_INT_OPS_HPP

#include "nvtee_hls/ap_int_ref.hpp"

namespace nvtee_hls {

// Signed as soon as one side is; then an unsigned side needs a bit more.
template <class A, class B>
struct pair {
  static constexpr int w1 = width_of<A>, w2 = width_of<B>;
  static constexpr bool s1 = sign_of<A>, s2 = sign_of<B>, any_signed = s1 || s2;
  static constexpr int common = max_of(w1 + (s2 && !s1), w2 + (s1 && !s2));
  using sum = result<common + 1, any_signed>;
  using difference = result<common + 1, true>;
  using product = result<w1 + w2, any_signed>;
  using quotient = result<w1 + s2, any_signed>;
  using remainder = result<min_of(w1, w2 + (s1 && !s2)), s1>;
  using logic = result<common, any_signed>;
};

// True quotient or remainder (rounded towards zero), modulo 2^C. One bit more than both operands need, so
// that the most negative value divided by -1 fits.
template <int C, bool quotient, class A, class B>
constexpr ubits<C> divide(const A& a, const B& b) {
  constexpr int D = pair<A, B>::common + 1;
  ubits<D> x = bits_as<D>(a), y = bits_as<D>(b);
  check(y != 0, "division by zero");
  if constexpr (pair<A, B>::any_signed) {
    sbits<D> p = as_signed<D>(x), q = as_signed<D>(y);
    return resize<C, D, true>(static_cast<ubits<D>>(quotient ? p / q : p % q));
  } else {
    return static_cast<ubits<C>>(quotient ? x / y : x % y);
  }
}

// A negative amount shifts the other way.
template <int W, bool S, bool left, class B>
NVTEE_HLS_INLINE ubits<W> shift(const ubits<W>& v, const B& amount) {
  const long long n = to_amount(amount);
  const auto u = static_cast<unsigned long long>(n);
  if constexpr (sign_of<B>) {
    if (n < 0) return left ? shift_right<W, S>(v, 0ULL - u) : shift_left<W>(v, 0ULL - u);
  }
  return left ? shift_left<W>(v, u) : shift_right<W, S>(v, u);
}

template <class A, class B>
NVTEE_HLS_INLINE bool equal(const A& a, const B& b) {
  constexpr int C = pair<A, B>::common;
  return bits_as<C>(a) == bits_as<C>(b);
}

template <class A, class B>
NVTEE_HLS_INLINE bool less(const A& a, const B& b) {
  constexpr int C = pair<A, B>::common;
  if constexpr (pair<A, B>::any_signed) {
    return as_signed<C>(bits_as<C>(a)) < as_signed<C>(bits_as<C>(b));
  } else {
    return bits_as<C>(a) < bits_as<C>(b);
  }
}

}  // namespace nvtee_hls

#define NVTEE_HLS_BINARY(op, type)                                                               \
  template <class A, class B>                                                                    \
    requires nvtee_hls::computable<A, B>                                                         \
  NVTEE_HLS_INLINE auto operator op(const A& a, const B& b) {                                    \
    using R = typename nvtee_hls::pair<A, B>::type;                                              \
    using nvtee_hls::bits_as;                                                                    \
    using U = nvtee_hls::ubits<R::width>;                                                        \
    return nvtee_hls::from_raw<R>(static_cast<U>(bits_as<R::width>(a) op bits_as<R::width>(b))); \
  }                                                                                              \
  template <class A, class B>                                                                    \
    requires nvtee_hls::lacks_width<A, B>                                                        \
  void operator op(const A& a, const B& b) = delete;

NVTEE_HLS_BINARY(+, sum)
NVTEE_HLS_BINARY(-, difference)
NVTEE_HLS_BINARY(*, product)
NVTEE_HLS_BINARY(&, logic)
NVTEE_HLS_BINARY(|, logic)
NVTEE_HLS_BINARY(^, logic)
#undef NVTEE_HLS_BINARY

#define NVTEE_HLS_DIVISION(op, type, quotient)                                  \
  template <class A, class B>                                                   \
    requires nvtee_hls::computable<A, B>                                        \
  NVTEE_HLS_INLINE auto operator op(const A& a, const B& b) {                   \
    using R = typename nvtee_hls::pair<A, B>::type;                             \
    return nvtee_hls::from_raw<R>(nvtee_hls::divide<R::width, quotient>(a, b)); \
  }                                                                             \
  template <class A, class B>                                                   \
    requires nvtee_hls::lacks_width<A, B>                                       \
  void operator op(const A& a, const B& b) = delete;

NVTEE_HLS_DIVISION(/, quotient, true)
NVTEE_HLS_DIVISION(%, remainder, false)
#undef NVTEE_HLS_DIVISION

// Only our own types on the left: `1 << x` is the language's own shift of an int, as with the vendor.
#define NVTEE_HLS_SHIFT(op, left)                                                   \
  template <class A, class B>                                                       \
    requires(nvtee_hls::computable<A, B> && nvtee_hls::our_operand<A>)              \
  NVTEE_HLS_INLINE auto operator op(const A& a, const B& b) {                       \
    using R = nvtee_hls::result<nvtee_hls::width_of<A>, nvtee_hls::sign_of<A>>;     \
    return nvtee_hls::from_raw<R>(                                                  \
        nvtee_hls::shift<R::width, nvtee_hls::sign_of<A>, left>(a.nvtee_raw(), b)); \
  }                                                                                 \
  template <class A, class B>                                                       \
    requires(nvtee_hls::lacks_width<A, B>)                                          \
  void operator op(const A& a, const B& b) = delete;

NVTEE_HLS_SHIFT(<<, true)
NVTEE_HLS_SHIFT(>>, false)
#undef NVTEE_HLS_SHIFT

#define NVTEE_HLS_COMPARE(op, expression)                     \
  template <class A, class B>                                 \
    requires nvtee_hls::comparable<A, B>                      \
  NVTEE_HLS_INLINE bool operator op(const A& a, const B& b) { \
    return expression;                                        \
  }

NVTEE_HLS_COMPARE(==, nvtee_hls::equal(a, b))
NVTEE_HLS_COMPARE(!=, !nvtee_hls::equal(a, b))
NVTEE_HLS_COMPARE(<, nvtee_hls::less(a, b))
NVTEE_HLS_COMPARE(>, nvtee_hls::less(b, a))
NVTEE_HLS_COMPARE(<=, !nvtee_hls::less(b, a))
NVTEE_HLS_COMPARE(>=, !nvtee_hls::less(a, b))
#undef NVTEE_HLS_COMPARE

template <int W, bool S>
NVTEE_HLS_INLINE auto operator~(const ap_int_base<W, S>& x) {
  return nvtee_hls::from_raw<nvtee_hls::result<W, S>>(static_cast<nvtee_hls::ubits<W>>(~x.nvtee_raw()));
}
template <int W, bool S>
NVTEE_HLS_INLINE auto operator+(const ap_int_base<W, S>& x) {
  return nvtee_hls::from_raw<nvtee_hls::result<W, S>>(x.nvtee_raw());
}
template <int W, bool S>
NVTEE_HLS_INLINE auto operator-(const ap_int_base<W, S>& x) {
  return ap_int_base<1, false>() - x;
}

#endif  // NVTEE_HLS_AP_INT_OPS_HPP
