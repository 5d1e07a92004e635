// Numbers as text: constants wider than 64 bits, and printing.
#ifndef NVTEE_HLS_TEXT_HPP
#define NVTEE_HLS_TEXT_HPP

#include <string>

#include "nvtee_hls/bits.hpp"

namespace nvtee_hls {

constexpr int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

// The radix that "0x", "0b" or "0o" announces; 0 without one.
constexpr int prefix_radix(const char* s) {
  if (s[0] != '0') return 0;
  if (s[1] == 'x' || s[1] == 'X') return 16;
  if (s[1] == 'b' || s[1] == 'B') return 2;
  if (s[1] == 'o' || s[1] == 'O') return 8;
  return 0;
}

// radix 0: from the prefix. Modulo 2^W. A character that is no digit is the author's error.
template <int W>
constexpr ubits<W> parse(const char* s, int radix) {
  const bool minus = *s == '-';
  if (*s == '-' || *s == '+') ++s;
  const int announced = prefix_radix(s);
  if (announced != 0 && (radix == 0 || radix == announced)) {
    radix = announced;
    s += 2;
  } else if (radix == 0) {
    radix = 10;
  }
  check(*s != 0, "no digits");
  // Computed with room for the radix itself, which need not fit in W bits.
  constexpr int C = W < 8 ? 8 : W;
  ubits<C> v = 0;
  for (; *s != 0; ++s) {
    if (*s == '_') continue;
    const int d = digit_of(*s);
    check(d < radix, "not a digit");
    v = v * static_cast<ubits<C>>(radix) + static_cast<ubits<C>>(d);
  }
  return static_cast<ubits<W>>(minus ? static_cast<ubits<C>>(0) - v : v);
}

template <int W>
std::string print(ubits<W> value, int radix, bool minus) {
  constexpr int C = W < 8 ? 8 : W;
  check(radix == 2 || radix == 8 || radix == 10 || radix == 16, "to_string: radix");
  ubits<C> v = value;
  std::string out;
  if (radix == 10) {
    do {
      out.insert(out.begin(), static_cast<char>('0' + static_cast<int>(v % 10)));
      v /= 10;
    } while (v != 0);
  } else {
    const int step = radix == 2 ? 1 : radix == 8 ? 3 : 4;
    for (int left = W; left > 0; left -= step) {
      out.insert(out.begin(), "0123456789abcdef"[static_cast<int>(v & static_cast<ubits<C>>(radix - 1))]);
      v >>= step;
    }
  }
  const char* prefix = radix == 2 ? "0b" : radix == 8 ? "0o" : radix == 16 ? "0x" : "";
  return (minus ? "-" : "") + (prefix + out);
}

}  // namespace nvtee_hls

#endif  // NVTEE_HLS_TEXT_HPP
