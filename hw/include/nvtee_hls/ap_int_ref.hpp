// Proxies: one bit, a range of bits, and a concatenation, each readable and (where it names variables)
// assignable.
#ifndef NVTEE_HLS_AP_INT_REF_HPP
#define NVTEE_HLS_AP_INT_REF_HPP

#include "nvtee_hls/ap_int_base.hpp"

namespace nvtee_hls {

template <class R>
NVTEE_HLS_INLINE R from_raw(ubits<R::width> v) {
  R r;
  r.nvtee_set_raw(v);
  return r;
}

template <int W>
constexpr ubits<W> extract_reversed(const ubits<W>& v, int hi, int lo) {
  const int len = lo - hi + 1;
  return reverse_bits<W>(get_part<W>(v, hi, len), len);
}

// Bits hi..lo of v, at the bottom; in reverse order when hi < lo.
template <int W>
NVTEE_HLS_INLINE ubits<W> extract(const ubits<W>& v, int hi, int lo) {
#ifdef __HLSC__
  const bool reversed = __builtin_constant_p(hi < lo) && hi < lo;  // bounds known only at run time: never
#else
  const bool reversed = hi < lo;
#endif
  if (reversed) [[unlikely]]
    return extract_reversed<W>(v, hi, lo);
  return get_part<W>(v, lo, hi - lo + 1);
}

NVTEE_HLS_INLINE int range_length(int hi, int lo) {
  return hi >= lo ? hi - lo + 1 : lo - hi + 1;
}

}  // namespace nvtee_hls

template <int W, bool S>
struct ap_bit_ref {
  static constexpr bool is_proxy = true;
  NVTEE_HLS_INLINE ap_bit_ref(ap_int_base<W, S>& of, int index) : of_(of), index_(index) {}
  constexpr ap_bit_ref(const ap_bit_ref&) = default;

  NVTEE_HLS_INLINE operator bool() const { return of_.get(index_); }
  NVTEE_HLS_INLINE bool to_bool() const { return of_.get(index_); }
  NVTEE_HLS_INLINE bool get() const { return of_.get(index_); }
  NVTEE_HLS_INLINE bool operator~() const { return !get(); }
  NVTEE_HLS_INLINE int length() const { return 1; }
  std::string to_string() const { return get() ? "1" : "0"; }
  NVTEE_HLS_INLINE nvtee_hls::ubits<1> nvtee_raw() const { return get(); }

  NVTEE_HLS_INLINE ap_bit_ref& operator=(const ap_bit_ref& x) {
    put(x.get());
    return *this;
  }
  // Any non-zero ap_int sets the bit. A C++ integer must be 0 or 1: there the vendor's model and its
  // hardware need not agree.
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_bit_ref& operator=(const T& x) {
    auto bits = nvtee_hls::operand<T>::bits(x);
    if constexpr (nvtee_hls::native_operand<T>) {
      nvtee_hls::check(bits <= 1, "a bit is assigned 0 or 1");
    }
    put(bits != 0);
    return *this;
  }
  NVTEE_HLS_INLINE void nvtee_set_raw(nvtee_hls::ubits<1> x) { put(x != 0); }

 private:
  NVTEE_HLS_INLINE void put(bool on) { of_.put(index_, on); }
  ap_int_base<W, S>& of_;
  int index_;
};

// A range of a constant or a temporary: its bits, read already.
template <int W>
struct ap_range_value : nvtee_hls::named_conversions<ap_range_value<W>, W, false> {
  static constexpr bool is_proxy = true;
  NVTEE_HLS_INLINE static ap_range_value of(const nvtee_hls::ubits<W>& v, int hi, int lo) {
    return {nvtee_hls::extract<W>(v, hi, lo), nvtee_hls::range_length(hi, lo)};
  }
  NVTEE_HLS_INLINE ap_range_value(nvtee_hls::ubits<W> v, int len) : v_(v), len_(len) {}
  NVTEE_HLS_INLINE operator unsigned long long() const {
    nvtee_hls::check(len_ <= 64, "a range of more than 64 bits has no C++ integer");
    return this->to_uint64();
  }
  NVTEE_HLS_INLINE ap_uint<W> get() const { return nvtee_hls::from_raw<ap_uint<W>>(nvtee_raw()); }
  NVTEE_HLS_INLINE int length() const { return len_; }
  std::string to_string(int radix = 2) const { return get().to_string(radix); }
  NVTEE_HLS_INLINE nvtee_hls::ubits<W> nvtee_raw() const { return v_; }

 private:
  nvtee_hls::ubits<W> v_;
  int len_;
};

template <int W, bool S>
struct ap_range_ref : nvtee_hls::named_conversions<ap_range_ref<W, S>, W, false> {
  static constexpr bool is_proxy = true;
  NVTEE_HLS_INLINE ap_range_ref(ap_int_base<W, S>& of, int hi, int lo) : of_(of), hi_(hi), lo_(lo) {}
  constexpr ap_range_ref(const ap_range_ref&) = default;

  NVTEE_HLS_INLINE operator unsigned long long() const {
    nvtee_hls::check(length() <= 64, "a range of more than 64 bits has no C++ integer");
    return this->to_uint64();
  }
  NVTEE_HLS_INLINE ap_uint<W> get() const { return nvtee_hls::from_raw<ap_uint<W>>(nvtee_raw()); }
  NVTEE_HLS_INLINE int length() const { return nvtee_hls::range_length(hi_, lo_); }
  std::string to_string(int radix = 2) const { return get().to_string(radix); }
  NVTEE_HLS_INLINE nvtee_hls::ubits<W> nvtee_raw() const { return nvtee_hls::extract<W>(of_.v_, hi_, lo_); }

  NVTEE_HLS_INLINE ap_range_ref& operator=(const ap_range_ref& x) {
    nvtee_set_raw(x.nvtee_raw());
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_range_ref& operator=(const T& x) {
    nvtee_set_raw(nvtee_hls::bits_as<W>(x));
    return *this;
  }
  NVTEE_HLS_INLINE void nvtee_set_raw(const nvtee_hls::ubits<W>& x) {
    nvtee_hls::check(hi_ >= lo_, "a range is assigned from high to low");
    nvtee_hls::put_part<W>(of_.v_, lo_, hi_ - lo_ + 1, x);
  }

 private:
  ap_int_base<W, S>& of_;
  int hi_, lo_;
};

namespace nvtee_hls {

// How a concatenation keeps one side: a variable by reference, a constant or temporary by value, a proxy as
// it is, a bool as one bit.
template <class T>
struct kept_as {
  using type = T;
};
template <class T>
  requires requires { std::remove_cvref_t<T>::sign_flag; }
struct kept_as<T> {
  using plain = std::remove_cvref_t<T>;
  using value = ap_int_base<plain::width, plain::sign_flag>;
  static constexpr bool variable =
      std::is_lvalue_reference_v<T> && !std::is_const_v<std::remove_reference_t<T>>;
  using type = std::conditional_t<variable, value&, value>;
};
template <class T>
  requires requires { std::remove_cvref_t<T>::is_proxy; }
struct kept_as<T> {
  using type = std::remove_cvref_t<T>;
};
template <class T>
  requires std::is_same_v<std::remove_cvref_t<T>, bool>
struct kept_as<T> {
  using type = ap_int_base<1, false>;
};

template <class T>
inline constexpr bool assignable = std::is_lvalue_reference_v<T>;
template <int W, bool S>
inline constexpr bool assignable<ap_bit_ref<W, S>> = true;
template <int W, bool S>
inline constexpr bool assignable<ap_range_ref<W, S>> = true;
template <class H, class L>
inline constexpr bool assignable<ap_concat_ref<H, L>> = assignable<H> && assignable<L>;

}  // namespace nvtee_hls

template <class H, class L>
struct ap_concat_ref
    : nvtee_hls::named_conversions<ap_concat_ref<H, L>, nvtee_hls::width_of<ap_concat_ref<H, L>>, false> {
  static constexpr bool is_proxy = true;
  static constexpr int width = nvtee_hls::width_of<ap_concat_ref<H, L>>;
  using bits_type = nvtee_hls::ubits<width>;

  NVTEE_HLS_INLINE ap_concat_ref(H h, L l) : high_(h), low_(l) {}
  constexpr ap_concat_ref(const ap_concat_ref&) = default;

  NVTEE_HLS_INLINE operator unsigned long long() const
    requires(width <= 64)
  {
    return this->to_uint64();
  }
  NVTEE_HLS_INLINE ap_uint<width> get() const { return nvtee_hls::from_raw<ap_uint<width>>(nvtee_raw()); }
  NVTEE_HLS_INLINE int length() const { return high_.length() + low_.length(); }

  // Each side counts with its actual length: a range with its own, not its parent's. Bits are joined as
  // they are, whatever their sign.
  NVTEE_HLS_INLINE bits_type nvtee_raw() const {
    return nvtee_hls::shift_left<width>(static_cast<bits_type>(high_.nvtee_raw()), low_length()) |
           static_cast<bits_type>(low_.nvtee_raw());
  }

  NVTEE_HLS_INLINE ap_concat_ref& operator=(const ap_concat_ref& x) {
    nvtee_set_raw(x.nvtee_raw());
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_concat_ref& operator=(const T& x) {
    nvtee_set_raw(nvtee_hls::bits_as<width>(x));
    return *this;
  }
  NVTEE_HLS_INLINE void nvtee_set_raw(bits_type x) {
    static_assert(nvtee_hls::assignable<ap_concat_ref>, "a constant or temporary cannot be assigned to");
    low_.nvtee_set_raw(static_cast<nvtee_hls::ubits<nvtee_hls::width_of<std::remove_cvref_t<L>>>>(x));
    high_.nvtee_set_raw(static_cast<nvtee_hls::ubits<nvtee_hls::width_of<std::remove_cvref_t<H>>>>(
        nvtee_hls::shift_right<width, false>(x, low_length())));
  }

 private:
  NVTEE_HLS_INLINE unsigned low_length() const { return static_cast<unsigned>(low_.length()); }
  H high_;
  L low_;
};

// Only bool joins without a cast: other C++ integers are refused, since their width is seldom what is meant.
template <class H, class L>
  requires(nvtee_hls::joinable<std::remove_cvref_t<H>, std::remove_cvref_t<L>>)
NVTEE_HLS_INLINE auto operator,(H&& high, L&& low) {
  return ap_concat_ref<typename nvtee_hls::kept_as<H>::type, typename nvtee_hls::kept_as<L>::type>(high, low);
}
template <class H, class L>
  requires(nvtee_hls::unjoinable<std::remove_cvref_t<H>, std::remove_cvref_t<L>>)
void operator,(H&& high, L&& low) = delete;  // cast the C++ integer to ap_uint<N> first

#endif  // NVTEE_HLS_AP_INT_REF_HPP
