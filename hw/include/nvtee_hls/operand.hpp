// What may stand beside an ap_int in an expression: its width, sign and bits.
#ifndef NVTEE_HLS_OPERAND_HPP
#define NVTEE_HLS_OPERAND_HPP

#include <concepts>
#include <type_traits>

#include "nvtee_hls/bits.hpp"

template <int W, bool S>
struct ap_int_base;
template <int W>
struct ap_int;
template <int W>
struct ap_uint;
template <int W, bool S>
struct ap_bit_ref;
template <int W, bool S>
struct ap_range_ref;
template <int W>
struct ap_range_value;
template <class H, class L>
struct ap_concat_ref;

namespace nvtee_hls {

// Primary: not an operand.
template <class T>
struct operand {
  static constexpr bool known = false, ours = false;
};

template <class T>
  requires std::integral<T>
struct operand<T> {
  static constexpr bool known = true, ours = false, sgn = std::is_signed_v<T>;
  static constexpr int width = std::is_same_v<T, bool> ? 1 : static_cast<int>(8 * sizeof(T));
  NVTEE_HLS_INLINE static ubits<width> bits(T x) { return static_cast<ubits<width>>(x); }
};

// An unscoped enumeration counts as the integer it is promoted to.
template <class T>
  requires(std::is_enum_v<T> && std::is_convertible_v<T, long long>)
struct operand<T> : operand<decltype(+T{})> {};

template <int W, bool S>
struct ap_operand {
  static constexpr bool known = true, ours = true, sgn = S;
  static constexpr int width = W;
  NVTEE_HLS_INLINE static ubits<W> bits(const auto& x) { return x.nvtee_raw(); }
};

template <int W, bool S>
struct operand<ap_int_base<W, S>> : ap_operand<W, S> {};
template <int W>
struct operand<ap_int<W>> : ap_operand<W, true> {};
template <int W>
struct operand<ap_uint<W>> : ap_operand<W, false> {};
template <int W, bool S>
struct operand<ap_bit_ref<W, S>> : ap_operand<1, false> {};
template <int W, bool S>
struct operand<ap_range_ref<W, S>> : ap_operand<W, false> {};
template <int W>
struct operand<ap_range_value<W>> : ap_operand<W, false> {};
template <class H, class L>
struct operand<ap_concat_ref<H, L>>
    : ap_operand<operand<std::remove_cvref_t<H>>::width + operand<std::remove_cvref_t<L>>::width, false> {};

template <class T>
concept any_operand = operand<T>::known;
template <class T>
concept our_operand = operand<T>::ours;
template <class T>
concept native_operand = operand<T>::known && !operand<T>::ours;

template <class T>
inline constexpr bool is_bit = false;
template <int W, bool S>
inline constexpr bool is_bit<ap_bit_ref<W, S>> = true;
template <class T>
inline constexpr bool is_concat = false;
template <class H, class L>
inline constexpr bool is_concat<ap_concat_ref<H, L>> = true;

// A bit beside another bit or a C++ integer is a bool there: the language's own operators take it.
template <class T>
concept valued = our_operand<T> && !is_bit<T>;
template <class A, class B>
concept comparable = any_operand<A> && any_operand<B> && (valued<A> || valued<B>);
// A concatenation has a run-time width: it must be given one before it is computed with.
template <class A, class B>
concept computable = comparable<A, B> && !is_concat<A> && !is_concat<B>;
template <class A, class B>
concept lacks_width = comparable<A, B> && (is_concat<A> || is_concat<B>);

// (high, low)
template <class H, class L>
concept joinable = (our_operand<H> && (our_operand<L> || std::is_same_v<L, bool>)) ||
                   (std::is_same_v<H, bool> && our_operand<L>);
template <class H, class L>
concept unjoinable =
    ((our_operand<H> && native_operand<L>) || (native_operand<H> && our_operand<L>)) && !joinable<H, L>;

template <class T>
inline constexpr int width_of = operand<T>::width;
template <class T>
inline constexpr bool sign_of = operand<T>::sgn;

// The operand's value modulo 2^C.
template <int C, class T>
NVTEE_HLS_INLINE ubits<C> bits_as(const T& x) {
  return resize<C, width_of<T>, sign_of<T>>(operand<T>::bits(x));
}

// A shift amount or an index as a C++ integer. What does not fit is pinned to the ends of the range, where
// every use refuses it or shifts everything out.
template <class T>
NVTEE_HLS_INLINE long long to_amount(const T& x) {
  constexpr int w = width_of<T>;
  constexpr long long far = 0x7fffffffffffffff;
  if constexpr (sign_of<T>) {
    auto v = as_signed<w>(operand<T>::bits(x));
    if constexpr (w > 64) return v > far ? far : v < -far ? -far : static_cast<long long>(v);
    return static_cast<long long>(v);
  } else {
    auto v = operand<T>::bits(x);
    if constexpr (w >= 64) return v > static_cast<ubits<64>>(far) ? far : static_cast<long long>(v);
    return static_cast<long long>(v);
  }
}

}  // namespace nvtee_hls

#endif  // NVTEE_HLS_OPERAND_HPP
