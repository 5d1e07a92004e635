// Proxies: one bit, a range of bits, and a concatenation, each readable and (where it names variables)
// assignable.
#ifndef NVTEE_HLS_AP_INT_REF_HPP
#define NVTEE_HLS_AP_INT_REF_HPP

#include "nvtee_hls/ap_int_base.hpp"

namespace nvtee_hls {

// Bits hi..lo of v, at the bottom; in reverse order when hi < lo.
template <int W>
constexpr ubits<W> extract(ubits<W> v, int hi, int lo) {
  if (hi >= lo) return static_cast<ubits<W>>(v >> lo) & low_mask<W>(hi - lo + 1);
  const int len = lo - hi + 1;
  return reverse_bits<W>(static_cast<ubits<W>>(v >> hi) & low_mask<W>(len), len);
}

constexpr int range_length(int hi, int lo) { return hi >= lo ? hi - lo + 1 : lo - hi + 1; }

}  // namespace nvtee_hls

template <int W, bool S>
struct ap_bit_ref {
  constexpr ap_bit_ref(ap_int_base<W, S>& of, int index) : of_(of), index_(index) {}
  constexpr ap_bit_ref(const ap_bit_ref&) = default;

  constexpr operator bool() const { return of_.get(index_); }
  constexpr bool to_bool() const { return of_.get(index_); }
  constexpr bool get() const { return of_.get(index_); }
  constexpr bool operator~() const { return !get(); }
  constexpr int length() const { return 1; }
  std::string to_string() const { return get() ? "1" : "0"; }
  constexpr nvtee_hls::ubits<1> nvtee_raw() const { return get(); }

  constexpr const ap_bit_ref& operator=(const ap_bit_ref& x) const { return put(x.get()); }
  constexpr ap_bit_ref& operator=(const ap_bit_ref& x) {
    put(x.get());
    return *this;
  }
  // Any non-zero ap_int sets the bit. A C++ integer must be 0 or 1: there the vendor's model and its
  // hardware need not agree.
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr const ap_bit_ref& operator=(const T& x) const {
    const auto bits = nvtee_hls::operand<T>::bits(x);
    if constexpr (nvtee_hls::native_operand<T>) {
      nvtee_hls::check((bits >> 1) == 0 || nvtee_hls::width_of<T> == 1, "a bit is assigned 0 or 1");
    }
    return put(bits != 0);
  }
  constexpr void nvtee_set_raw(nvtee_hls::ubits<1> x) const { put(x != 0); }

 private:
  constexpr const ap_bit_ref& put(bool on) const {
    of_.put(index_, on);
    return *this;
  }
  ap_int_base<W, S>& of_;
  int index_;
};

// A range of a constant or a temporary: its bits, read already.
template <int W>
struct ap_range_value : nvtee_hls::named_conversions<ap_range_value<W>, W, false> {
  static constexpr ap_range_value of(nvtee_hls::ubits<W> v, int hi, int lo) {
    return {nvtee_hls::extract<W>(v, hi, lo), nvtee_hls::range_length(hi, lo)};
  }
  constexpr ap_range_value(nvtee_hls::ubits<W> v, int len) : v_(v), len_(len) {}
  constexpr operator unsigned long long() const {
    nvtee_hls::check(len_ <= 64, "a range of more than 64 bits has no C++ integer");
    return this->to_uint64();
  }
  constexpr ap_uint<W> get() const;
  constexpr int length() const { return len_; }
  std::string to_string(int radix = 2) const;
  constexpr nvtee_hls::ubits<W> nvtee_raw() const { return v_; }

 private:
  nvtee_hls::ubits<W> v_;
  int len_;
};

template <int W, bool S>
struct ap_range_ref : nvtee_hls::named_conversions<ap_range_ref<W, S>, W, false> {
  constexpr ap_range_ref(ap_int_base<W, S>& of, int hi, int lo) : of_(of), hi_(hi), lo_(lo) {}
  constexpr ap_range_ref(const ap_range_ref&) = default;

  constexpr operator unsigned long long() const {
    nvtee_hls::check(length() <= 64, "a range of more than 64 bits has no C++ integer");
    return this->to_uint64();
  }
  constexpr ap_uint<W> get() const;
  constexpr int length() const { return nvtee_hls::range_length(hi_, lo_); }
  std::string to_string(int radix = 2) const;
  constexpr nvtee_hls::ubits<W> nvtee_raw() const { return nvtee_hls::extract<W>(of_.v_, hi_, lo_); }

  constexpr ap_range_ref& operator=(const ap_range_ref& x) {
    nvtee_set_raw(x.nvtee_raw());
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr const ap_range_ref& operator=(const T& x) const {
    nvtee_set_raw(nvtee_hls::bits_as<W>(x));
    return *this;
  }
  constexpr void nvtee_set_raw(nvtee_hls::ubits<W> x) const {
    nvtee_hls::check(hi_ >= lo_, "a range is assigned from high to low");
    const auto mask = nvtee_hls::low_mask<W>(hi_ - lo_ + 1);
    using bits = nvtee_hls::ubits<W>;
    of_.v_ = (of_.v_ & static_cast<bits>(~(mask << lo_))) | static_cast<bits>((x & mask) << lo_);
  }

 private:
  ap_int_base<W, S>& of_;
  int hi_, lo_;
};

// H and L are how each side is kept: a reference to a variable, a proxy, or a value.
template <class H, class L>
struct ap_concat_ref
    : nvtee_hls::named_conversions<ap_concat_ref<H, L>, nvtee_hls::operand<ap_concat_ref<H, L>>::width, false> {
  static constexpr int width = nvtee_hls::operand<ap_concat_ref<H, L>>::width;
  using bits_type = nvtee_hls::ubits<width>;

  constexpr ap_concat_ref(H h, L l) : high_(static_cast<H>(h)), low_(static_cast<L>(l)) {}
  constexpr ap_concat_ref(const ap_concat_ref&) = default;

  constexpr operator unsigned long long() const
    requires(width <= 64)
  {
    return this->to_uint64();
  }
  constexpr ap_uint<width> get() const;
  constexpr int length() const { return length_of(high_) + length_of(low_); }

  // Each side takes its actual length, so a range counts with its own bits, not with its parent's.
  constexpr bits_type nvtee_raw() const {
    return nvtee_hls::shift_left<width>(wide(high_), static_cast<unsigned>(length_of(low_))) | wide(low_);
  }

  constexpr ap_concat_ref& operator=(const ap_concat_ref& x) {
    nvtee_set_raw(x.nvtee_raw());
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr const ap_concat_ref& operator=(const T& x) const {
    nvtee_set_raw(nvtee_hls::bits_as<width>(x));
    return *this;
  }
  constexpr void nvtee_set_raw(bits_type x) const {
    give(low_, x);
    give(high_, nvtee_hls::shift_right<width, false>(x, static_cast<unsigned>(length_of(low_))));
  }

 private:
  template <class T>
  static constexpr int length_of(const T& x) {
    if constexpr (nvtee_hls::native_operand<T>) {
      return nvtee_hls::width_of<T>;
    } else {
      return x.length();
    }
  }
  // Zero-extended whatever its sign: the pattern of bits is what is joined.
  template <class T>
  static constexpr bits_type wide(const T& x) {
    return static_cast<bits_type>(nvtee_hls::operand<T>::bits(x));
  }
  template <class T>
  static constexpr void give(T& to, bits_type x) {
    static_assert(requires { to.length(); }, "this concatenation cannot be assigned to");
    if constexpr (requires { to.nvtee_set_raw(static_cast<nvtee_hls::ubits<1>>(0)); }) {
      to.nvtee_set_raw(static_cast<nvtee_hls::ubits<nvtee_hls::width_of<std::remove_const_t<T>>>>(x));
    } else {
      to = ap_uint<width>(ap_uint<width>::nvtee_from_raw(x));
    }
  }
  H high_;
  L low_;
};

#endif  // NVTEE_HLS_AP_INT_REF_HPP
