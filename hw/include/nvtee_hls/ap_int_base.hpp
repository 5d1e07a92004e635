// ap_int_base<W, S>: the value, its conversions and its bit methods. Operators are in ap_int_ops.hpp.
#ifndef NVTEE_HLS_AP_INT_BASE_HPP
#define NVTEE_HLS_AP_INT_BASE_HPP

#include <string>

#include "nvtee_hls/operand.hpp"
#include "nvtee_hls/text.hpp"

#ifndef AP_INT_MAX_W
#define AP_INT_MAX_W 1024
#endif

namespace nvtee_hls {

template <int W, bool S>
struct of_width;
template <int W>
struct of_width<W, true> {
  using type = ap_int<W>;
};
template <int W>
struct of_width<W, false> {
  using type = ap_uint<W>;
};
template <int W, bool S>
using result = typename of_width<W, S>::type;

// Conversions by name, for values and proxies alike. Derived has nvtee_raw() and S is its sign.
template <class Derived, int W, bool S>
struct named_conversions {
  constexpr bool to_bool() const { return raw() != 0; }
  constexpr char to_char() const { return as<char>(); }
  constexpr signed char to_schar() const { return as<signed char>(); }
  constexpr unsigned char to_uchar() const { return as<unsigned char>(); }
  constexpr short to_short() const { return as<short>(); }
  constexpr unsigned short to_ushort() const { return as<unsigned short>(); }
  constexpr int to_int() const { return as<int>(); }
  constexpr unsigned to_uint() const { return as<unsigned>(); }
  constexpr long to_long() const { return as<long>(); }
  constexpr unsigned long to_ulong() const { return as<unsigned long>(); }
  constexpr long long to_int64() const { return as<long long>(); }
  constexpr unsigned long long to_uint64() const { return as<unsigned long long>(); }

 private:
  constexpr ubits<W> raw() const { return static_cast<const Derived&>(*this).nvtee_raw(); }
  template <class T>
  constexpr T as() const {
    return static_cast<T>(resize<8 * sizeof(T), W, S>(raw()));
  }
};

}  // namespace nvtee_hls

template <int W, bool S>
struct ap_int_base : nvtee_hls::named_conversions<ap_int_base<W, S>, W, S> {
  static_assert(W >= 1 && W <= AP_INT_MAX_W, "width out of range (define AP_INT_MAX_W, at most 4096)");
  static_assert(AP_INT_MAX_W <= 4096, "the vendor allows 4096 bits at most");

  static constexpr int width = W;
  static constexpr bool sign_flag = S;
  using bits_type = nvtee_hls::ubits<W>;

  constexpr ap_int_base() = default;

  // From C++ integers, unscoped enumerations, other widths and signs, bits, ranges, concatenations:
  // cut to W bits, or extended by the source's own sign.
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base(const T& x) : v_(nvtee_hls::bits_as<W>(x)) {}

  // "123", "-0x7f", "0b1_01": radix from the prefix unless given; the value modulo 2^W.
  constexpr ap_int_base(const char* text, int radix = 0) : v_(nvtee_hls::parse<W>(text, radix)) {}

  template <class T>
    requires std::is_floating_point_v<T>
  ap_int_base(T) = delete;

  // The one implicit conversion, so that a value can stand in an if, a switch or an index. Wider values are
  // refused here, where the vendor's headers silently cut to 64 bits.
  using native_type = std::conditional_t<S, long long, unsigned long long>;
  constexpr operator native_type() const
    requires(W <= 64)
  {
    return static_cast<native_type>(nvtee_hls::resize<64, W, S>(v_));
  }

  constexpr int length() const { return W; }
  constexpr bool iszero() const { return v_ == 0; }
  constexpr bool is_zero() const { return v_ == 0; }
  constexpr bool sign() const { return S && top(); }

  // ---- single bits ----
  template <class I>
    requires nvtee_hls::any_operand<I>
  constexpr ap_bit_ref<W, S> operator[](const I& i) & {
    return {*this, index(i)};
  }
  template <class I>
    requires nvtee_hls::any_operand<I>
  constexpr bool operator[](const I& i) const& {
    return get(index(i));
  }
  template <class I>
    requires nvtee_hls::any_operand<I>
  constexpr ap_bit_ref<W, S> bit(const I& i) & {
    return {*this, index(i)};
  }
  template <class I>
    requires nvtee_hls::any_operand<I>
  constexpr bool bit(const I& i) const& {
    return get(index(i));
  }
  constexpr bool test(int i) const { return get(index(i)); }
  constexpr bool get_bit(int i) const { return get(index(i)); }
  constexpr void set_bit(int i, bool on) { put(index(i), on); }
  constexpr void set(int i) { put(index(i), true); }
  constexpr void set(int i, bool on) { put(index(i), on); }
  constexpr void clear(int i) { put(index(i), false); }
  constexpr void invert(int i) { v_ ^= one() << index(i); }

  // ---- ranges: (hi, lo), both included; hi < lo reads the bits in reverse order ----
  template <class H, class L>
    requires(nvtee_hls::any_operand<H> && nvtee_hls::any_operand<L>)
  constexpr ap_range_ref<W, S> range(const H& hi, const L& lo) & {
    return {*this, index(hi), index(lo)};
  }
  template <class H, class L>
    requires(nvtee_hls::any_operand<H> && nvtee_hls::any_operand<L>)
  constexpr ap_range_value<W> range(const H& hi, const L& lo) const& {
    return ap_range_value<W>::of(v_, index(hi), index(lo));
  }
  constexpr ap_range_ref<W, S> range() & { return range(W - 1, 0); }
  constexpr ap_range_value<W> range() const& { return range(W - 1, 0); }
  template <class H, class L>
    requires(nvtee_hls::any_operand<H> && nvtee_hls::any_operand<L>)
  constexpr ap_range_ref<W, S> operator()(const H& hi, const L& lo) & {
    return range(hi, lo);
  }
  template <class H, class L>
    requires(nvtee_hls::any_operand<H> && nvtee_hls::any_operand<L>)
  constexpr ap_range_value<W> operator()(const H& hi, const L& lo) const& {
    return range(hi, lo);
  }

  template <class L>
    requires nvtee_hls::our_operand<L>
  constexpr auto concat(const L& low) const {
    return (*this, low);
  }

  // ---- whole-value bit operations ----
  constexpr ap_int_base& reverse() {
    v_ = nvtee_hls::reverse_bits<W>(v_, W);
    return *this;
  }
  constexpr void b_not() { v_ = ~v_; }
  constexpr ap_int_base& lrotate(int n) {
    nvtee_hls::check(n >= 0 && n < W, "lrotate: amount out of range");
    if (n != 0) v_ = (v_ << n) | (v_ >> (W - n));
    return *this;
  }
  constexpr ap_int_base& rrotate(int n) {
    nvtee_hls::check(n >= 0 && n < W, "rrotate: amount out of range");
    if (n != 0) v_ = (v_ >> n) | (v_ << (W - n));
    return *this;
  }
  constexpr int countLeadingZeros() const { return nvtee_hls::leading_zeros<W>(v_); }

  constexpr bool and_reduce() const { return v_ == static_cast<bits_type>(~bits_type(0)); }
  constexpr bool nand_reduce() const { return !and_reduce(); }
  constexpr bool or_reduce() const { return v_ != 0; }
  constexpr bool nor_reduce() const { return v_ == 0; }
  constexpr bool xor_reduce() const { return nvtee_hls::parity<W>(v_); }
  constexpr bool xnor_reduce() const { return !xor_reduce(); }

  // Radix 2, 8, 10 or 16, with the vendor's prefix ("0b", "0o", none, "0x"). Not for kernels.
  std::string to_string(int radix = 2, bool show_sign = S) const {
    const bool minus = show_sign && radix != 2 && sign();
    return nvtee_hls::print<W>(minus ? static_cast<bits_type>(bits_type(0) - v_) : v_, radix, minus);
  }

  constexpr bool operator!() const { return v_ == 0; }

  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator+=(const T& x) {
    v_ += nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator-=(const T& x) {
    v_ -= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator*=(const T& x) {
    v_ *= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator&=(const T& x) {
    v_ &= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator|=(const T& x) {
    v_ |= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator^=(const T& x) {
    v_ ^= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator/=(const T& x) {
    return *this = *this / x;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator%=(const T& x) {
    return *this = *this % x;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator<<=(const T& x) {
    return *this = *this << x;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  constexpr ap_int_base& operator>>=(const T& x) {
    return *this = *this >> x;
  }
  constexpr ap_int_base& operator++() {
    v_ += one();
    return *this;
  }
  constexpr ap_int_base& operator--() {
    v_ -= one();
    return *this;
  }
  constexpr nvtee_hls::result<W, S> operator++(int) {
    const ap_int_base old = *this;
    ++*this;
    return old;
  }
  constexpr nvtee_hls::result<W, S> operator--(int) {
    const ap_int_base old = *this;
    --*this;
    return old;
  }

  // The bare bits: for these headers, tests and the translator. The vendor's types have no such thing.
  constexpr bits_type nvtee_raw() const { return v_; }
  constexpr void nvtee_set_raw(bits_type v) { v_ = v; }

 private:
  friend struct ap_bit_ref<W, S>;
  friend struct ap_range_ref<W, S>;

  static constexpr bits_type one() { return static_cast<bits_type>(1); }
  constexpr bool top() const { return static_cast<bool>((v_ >> (W - 1)) & one()); }
  constexpr bool get(int i) const { return static_cast<bool>((v_ >> i) & one()); }
  constexpr void put(int i, bool on) {
    v_ = (v_ & static_cast<bits_type>(~(one() << i))) | (static_cast<bits_type>(on) << i);
  }
  template <class I>
  static constexpr int index(const I& i) {
    const int n = nvtee_hls::to_amount(i);
    nvtee_hls::check(n >= 0 && n < W, "bit index out of range");
    return n;
  }

  bits_type v_ = 0;
};

#endif  // NVTEE_HLS_AP_INT_BASE_HPP
