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
  constexpr ap_int(const T& x) : ap_int_base<W, true>(x) {}
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
  constexpr ap_uint(const T& x) : ap_int_base<W, false>(x) {}
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
