// ap_uint<W> and ap_int<W> for compilers that are not Vitis, on clang's _BitInt. Kernels include <ap_int.h>;
// the include path decides whose. Needs clang >= 16 and C++20; users may write C++14.
//
// As the vendor documents it (UG1399, "Class Methods and Operators"):
//   - width and sign of every result (table in nvtee_hls/ap_int_ops.hpp), so nothing is lost before the
//     assignment, which cuts or extends by the source's sign; a - b is always signed
//   - a C++ integer is an operand of its own width and sign, bool one unsigned bit
//   - shifts keep the left operand's type, fill with the sign for ap_int, leave 0 (or the sign) from W on,
//   and
//     go the other way for a negative amount
//   - bits, ranges (read in reverse order when hi < lo), concatenation (assignable too), reductions, string
//     constants, conversions by name
// Where the documents are silent or contradict the vendor's published simulation headers, behaviour follows
// those headers:
//   - -x is 0 - x: one bit wider than x also for a signed x (the documents say equal width for a signed x)
//   - long is sizeof(long) wide (the documents say 32 bits)
//   - one implicit conversion, to (unsigned) long long; a range computes with its parent's width
//   - `1 << x` is the language's shift of an int by x; a bit beside a bit or a C++ integer is a bool
// Our choice:
//   - a default-constructed value is zero (the vendor's is undefined: no kernel may rely on either)
//   - comparisons are exact also between unsigned and negative values
//   - an index or range out of bounds, division by zero, a C++ integer other than 0 or 1 given to a bit, a
//     range of more than 64 bits read as a C++ integer, and writing a range with hi < lo end the program
//   - refused at compile time, since the vendor cuts silently, computes something else, or has no rule:
//   values
//     wider than 64 bits as C++ integers or conditions, arithmetic on concatenations (give them a width:
//     ap_uint<N>((a, b))), C++ integers other than bool inside a concatenation, compound assignment to and
//     reductions of bits and ranges, floating point
//   - to_string prints every digit of the width, in lower case
// More in README.md beside this file.
#ifndef NVTEE_HLS_AP_INT_H
#define NVTEE_HLS_AP_INT_H

#ifdef __VITIS_HLS__
#error "nvtee's stand-in ap_int.h is not for Vitis: take hw/include off the include path"
#endif

#include "nvtee_hls/ap_int_ops.hpp"

template <int W>
struct ap_int : ap_int_base<W, true> {
  constexpr ap_int() = default;
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int(const T& x) : ap_int_base<W, true>(x) {}
  constexpr ap_int(const char* text, int radix = 0) : ap_int_base<W, true>(text, radix) {}
  template <class T>
    requires std::is_floating_point_v<T>
  ap_int(T) = delete;
};

template <int W>
struct ap_uint : ap_int_base<W, false> {
  constexpr ap_uint() = default;
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_uint(const T& x) : ap_int_base<W, false>(x) {}
  constexpr ap_uint(const char* text, int radix = 0) : ap_int_base<W, false>(text, radix) {}
  template <class T>
    requires std::is_floating_point_v<T>
  ap_uint(T) = delete;
};

// Prints as the stream's base says: decimal, hexadecimal or octal. A template, so that <ostream> is the
// user's.
template <class Stream, int W, bool S>
  requires requires(Stream& s) { s.flags() & Stream::hex; }
Stream& operator<<(Stream& out, const ap_int_base<W, S>& x) {
  const auto base = out.flags() & Stream::basefield;
  out << x.to_string(base == Stream::hex ? 16 : base == Stream::oct ? 8 : 10);
  return out;
}

#endif  // NVTEE_HLS_AP_INT_H
