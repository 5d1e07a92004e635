// What the port headers made by hlsc stand on: a record as the bits of a port, in 32-bit words, lowest first,
// as Verilator keeps wide signals. For test benches; needs clang.
#ifndef NVTEE_HW_HLSC_PORTS_HPP
#define NVTEE_HW_HLSC_PORTS_HPP

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hlsc_ports {

struct Field {
  const char* name;
  unsigned lo, width;
};

template <class... P>
struct List {};

template <unsigned W>
struct Bits {
  static constexpr unsigned kWords = (W + 31) / 32;
  std::array<uint32_t, kWords> word{};

  bool operator==(const Bits&) const = default;

  template <unsigned lo, unsigned w, class T>
  void put(const T& value) {
    unsigned _BitInt(w) v;
    if constexpr (std::is_enum_v<T>) {
      v = static_cast<unsigned _BitInt(w)>(static_cast<std::underlying_type_t<T>>(value));
    } else {
      v = static_cast<unsigned _BitInt(w)>(value);
    }
    for (unsigned i = 0; i < w;) {
      const unsigned at = lo + i, shift = at % 32, n = w - i < 32 - shift ? w - i : 32 - shift;
      const uint32_t mask = n == 32 ? ~uint32_t{0} : (uint32_t{1} << n) - 1;
      uint32_t part;
      if constexpr (w <= 32) {
        part = static_cast<uint32_t>(v) >> i;
      } else {
        part = static_cast<uint32_t>(v >> i);
      }
      word[at / 32] = (word[at / 32] & ~(mask << shift)) | ((part & mask) << shift);
      i += n;
    }
  }

  template <unsigned lo, unsigned w>
  unsigned _BitInt(w) get() const {
    unsigned _BitInt(w < 32 ? 32 : w) v = 0;
    for (unsigned i = 0; i < w;) {
      const unsigned at = lo + i, shift = at % 32, n = w - i < 32 - shift ? w - i : 32 - shift;
      const uint32_t mask = n == 32 ? ~uint32_t{0} : (uint32_t{1} << n) - 1;
      v |= static_cast<unsigned _BitInt(w < 32 ? 32 : w)>((word[at / 32] >> shift) & mask) << i;
      i += n;
    }
    return static_cast<unsigned _BitInt(w)>(v);
  }

  // To and from a Verilator signal (CData .. QData, or VlWide).
  template <class Signal>
  void to(Signal& s) const {
    if constexpr (std::is_integral_v<Signal>) {
      uint64_t v = word[0];
      if constexpr (kWords > 1) v |= static_cast<uint64_t>(word[1]) << 32;
      s = static_cast<Signal>(v);
    } else {
      for (unsigned i = 0; i < kWords; ++i) s[i] = word[i];
    }
  }
  template <class Signal>
  static Bits from(const Signal& s) {
    Bits b;
    if constexpr (std::is_integral_v<Signal>) {
      b.word[0] = static_cast<uint32_t>(s);
      if constexpr (kWords > 1) b.word[1] = static_cast<uint32_t>(static_cast<uint64_t>(s) >> 32);
    } else {
      for (unsigned i = 0; i < kWords; ++i) b.word[i] = s[i];
    }
    return b;
  }
};

}  // namespace hlsc_ports

#endif
