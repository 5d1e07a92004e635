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
  NVTEE_HLS_INLINE bool to_bool() const { return raw() != 0; }
  NVTEE_HLS_INLINE char to_char() const { return as<char>(); }
  NVTEE_HLS_INLINE signed char to_schar() const { return as<signed char>(); }
  NVTEE_HLS_INLINE unsigned char to_uchar() const { return as<unsigned char>(); }
  NVTEE_HLS_INLINE short to_short() const { return as<short>(); }
  NVTEE_HLS_INLINE unsigned short to_ushort() const { return as<unsigned short>(); }
  NVTEE_HLS_INLINE int to_int() const { return as<int>(); }
  NVTEE_HLS_INLINE unsigned to_uint() const { return as<unsigned>(); }
  NVTEE_HLS_INLINE long to_long() const { return as<long>(); }
  NVTEE_HLS_INLINE unsigned long to_ulong() const { return as<unsigned long>(); }
  NVTEE_HLS_INLINE long long to_int64() const { return as<long long>(); }
  NVTEE_HLS_INLINE unsigned long long to_uint64() const { return as<unsigned long long>(); }

 private:
  NVTEE_HLS_INLINE ubits<W> raw() const { return static_cast<const Derived&>(*this).nvtee_raw(); }
  template <class T>
  NVTEE_HLS_INLINE T as() const {
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
  NVTEE_HLS_INLINE ap_int_base(const T& x) : v_(nvtee_hls::bits_as<W>(x)) {}

  // "123", "-0x7f", "0b1_01": radix from the prefix unless given; the value modulo 2^W.
  constexpr ap_int_base(const char* text, int radix = 0) : v_(nvtee_hls::parse<W>(text, radix)) {}

  template <class T>
    requires std::is_floating_point_v<T>
  ap_int_base(T) = delete;

  // The one implicit conversion, so that a value can stand in an if, a switch or an index. Wider values are
  // refused here, where the vendor's headers silently cut to 64 bits.
  using native_type = std::conditional_t<S, long long, unsigned long long>;
  NVTEE_HLS_INLINE operator native_type() const
    requires(W <= 64)
  {
    return static_cast<native_type>(nvtee_hls::resize<64, W, S>(v_));
  }

  NVTEE_HLS_INLINE int length() const { return W; }
  NVTEE_HLS_INLINE bool iszero() const { return v_ == 0; }
  NVTEE_HLS_INLINE bool is_zero() const { return v_ == 0; }
  NVTEE_HLS_INLINE bool sign() const { return S && top(); }

  // ---- single bits ----
  template <class I>
    requires nvtee_hls::any_operand<I>
  NVTEE_HLS_INLINE ap_bit_ref<W, S> operator[](const I& i) & {
    return {*this, index(i)};
  }
  template <class I>
    requires nvtee_hls::any_operand<I>
  NVTEE_HLS_INLINE bool operator[](const I& i) const& {
    return get(index(i));
  }
  template <class I>
    requires nvtee_hls::any_operand<I>
  NVTEE_HLS_INLINE ap_bit_ref<W, S> bit(const I& i) & {
    return {*this, index(i)};
  }
  template <class I>
    requires nvtee_hls::any_operand<I>
  NVTEE_HLS_INLINE bool bit(const I& i) const& {
    return get(index(i));
  }
  NVTEE_HLS_INLINE bool test(int i) const { return get(index(i)); }
  NVTEE_HLS_INLINE bool get_bit(int i) const { return get(index(i)); }
  NVTEE_HLS_INLINE void set_bit(int i, bool on) { put(index(i), on); }
  NVTEE_HLS_INLINE void set(int i) { put(index(i), true); }
  NVTEE_HLS_INLINE void set(int i, bool on) { put(index(i), on); }
  NVTEE_HLS_INLINE void clear(int i) { put(index(i), false); }
  NVTEE_HLS_INLINE void invert(int i) { put(index(i), !test(i)); }

  // ---- ranges: (hi, lo), both included; hi < lo reads the bits in reverse order ----
  template <class H, class L>
    requires(nvtee_hls::any_operand<H> && nvtee_hls::any_operand<L>)
  NVTEE_HLS_INLINE ap_range_ref<W, S> range(const H& hi, const L& lo) & {
    return {*this, index(hi), index(lo)};
  }
  template <class H, class L>
    requires(nvtee_hls::any_operand<H> && nvtee_hls::any_operand<L>)
  NVTEE_HLS_INLINE ap_range_value<W> range(const H& hi, const L& lo) const& {
    return ap_range_value<W>::of(v_, index(hi), index(lo));
  }
  NVTEE_HLS_INLINE ap_range_ref<W, S> range() & { return range(W - 1, 0); }
  NVTEE_HLS_INLINE ap_range_value<W> range() const& { return range(W - 1, 0); }
  template <class H, class L>
    requires(nvtee_hls::any_operand<H> && nvtee_hls::any_operand<L>)
  NVTEE_HLS_INLINE ap_range_ref<W, S> operator()(const H& hi, const L& lo) & {
    return range(hi, lo);
  }
  template <class H, class L>
    requires(nvtee_hls::any_operand<H> && nvtee_hls::any_operand<L>)
  NVTEE_HLS_INLINE ap_range_value<W> operator()(const H& hi, const L& lo) const& {
    return range(hi, lo);
  }

  template <class L>
    requires nvtee_hls::our_operand<L>
  NVTEE_HLS_INLINE auto concat(const L& low) const {
    return (*this, low);
  }

  // ---- whole-value bit operations ----
  constexpr ap_int_base& reverse() {
    v_ = nvtee_hls::reverse_bits<W>(v_, W);
    return *this;
  }
  NVTEE_HLS_INLINE void b_not() { v_ = ~v_; }
  NVTEE_HLS_INLINE ap_int_base& lrotate(int n) {
    nvtee_hls::check(n >= 0 && n < W, "lrotate: amount out of range");
    if (n != 0) v_ = (v_ << n) | (v_ >> (W - n));
    return *this;
  }
  NVTEE_HLS_INLINE ap_int_base& rrotate(int n) {
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

  NVTEE_HLS_INLINE bool operator!() const { return v_ == 0; }

  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator+=(const T& x) {
    v_ += nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator-=(const T& x) {
    v_ -= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator*=(const T& x) {
    v_ *= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator&=(const T& x) {
    v_ &= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator|=(const T& x) {
    v_ |= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator^=(const T& x) {
    v_ ^= nvtee_hls::bits_as<W>(x);
    return *this;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator/=(const T& x) {
    return *this = *this / x;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator%=(const T& x) {
    return *this = *this % x;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator<<=(const T& x) {
    return *this = *this << x;
  }
  template <class T>
    requires nvtee_hls::any_operand<T>
  NVTEE_HLS_INLINE ap_int_base& operator>>=(const T& x) {
    return *this = *this >> x;
  }
  NVTEE_HLS_INLINE ap_int_base& operator++() {
    v_ += one();
    return *this;
  }
  NVTEE_HLS_INLINE ap_int_base& operator--() {
    v_ -= one();
    return *this;
  }
  NVTEE_HLS_INLINE nvtee_hls::result<W, S> operator++(int) {
    const ap_int_base old = *this;
    ++*this;
    return old;
  }
  NVTEE_HLS_INLINE nvtee_hls::result<W, S> operator--(int) {
    const ap_int_base old = *this;
    --*this;
    return old;
  }

  // The bare bits: for these headers, tests and the translator. The vendor's types have no such thing.
  NVTEE_HLS_INLINE bits_type nvtee_raw() const { return v_; }
  NVTEE_HLS_INLINE void nvtee_set_raw(bits_type v) { v_ = v; }

 private:
  friend struct ap_bit_ref<W, S>;
  friend struct ap_range_ref<W, S>;

  NVTEE_HLS_INLINE static bits_type one() { return static_cast<bits_type>(1); }
  NVTEE_HLS_INLINE bool top() const { return static_cast<bool>((v_ >> (W - 1)) & one()); }
  NVTEE_HLS_INLINE bool get(int i) const { return nvtee_hls::get_part<W>(v_, i, 1) != 0; }
  NVTEE_HLS_INLINE void put(int i, bool on) { nvtee_hls::put_part<W>(v_, i, 1, static_cast<bits_type>(on)); }
  template <class I>
  NVTEE_HLS_INLINE static int index(const I& i) {
    const long long n = nvtee_hls::to_amount(i);
    nvtee_hls::check(n >= 0 && n < W, "bit index out of range");
    return static_cast<int>(n);
  }

#ifdef __HLSC__
  bits_type v_;  // the translator has clang set what nobody initialises to zero (-ftrivial-auto-var-init)
#else
  bits_type v_ = 0;
#endif
};

#endif  // NVTEE_HLS_AP_INT_BASE_HPP
