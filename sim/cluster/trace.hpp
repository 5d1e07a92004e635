// What happened, as a hash (always) and as text (when asked for): equal hashes mean equal runs.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <type_traits>

#include "runtime/base/time.hpp"

namespace nvtee::cluster {

// A format string with its own hash, made when compiling.
struct Line {
  const char* text;
  std::uint64_t hash;
  consteval Line(const char* t) : text(t), hash(0xcbf29ce484222325u) {  // NOLINT: implicit on purpose
    for (const char* c = t; *c != 0; ++c) hash = (hash ^ static_cast<unsigned char>(*c)) * 0x100000001b3u;
  }
};

// A number that readers see as a word.
struct Word {
  std::uint64_t number;
  const char* name;
};
template <std::size_t N>
constexpr Word word(const char* const (&names)[N], std::uint64_t number) {
  return {number, number < N ? names[number] : "?"};
}

class Trace {
 public:
  template <class... A>
  void note(Time now, Line line, A... numbers) {
    mix(now);
    mix(line.hash);
    (mix(number(numbers)), ...);
    if (wanted) [[unlikely]]
      write(now, fmt::format(fmt::runtime(line.text), shown(numbers)...));
  }
  // Text beside the hash: only for readers.
  void say(Time now, const std::string& what) {
    if (wanted) write(now, what);
  }
  std::uint64_t hash() const { return hash_; }
  bool wanted = false;
  std::string text;

 private:
  template <class T>
  static std::uint64_t number(const T& x) {
    if constexpr (std::is_same_v<T, Word>)
      return x.number;
    else
      return static_cast<std::uint64_t>(x);
  }
  template <class T>
  static auto shown(const T& x) {
    if constexpr (std::is_same_v<T, Word>)
      return x.name;
    else
      return static_cast<std::uint64_t>(x);
  }
  void write(Time now, const std::string& what) {
    text += fmt::format("{:12.6f}  {}\n", static_cast<double>(now) / 1e9, what);
    if (text.size() > kMost) text.erase(0, text.find('\n', text.size() - kMost / 2) + 1);
  }
  static constexpr std::size_t kMost = 64u << 20;
  void mix(std::uint64_t x) {
    hash_ = (hash_ ^ x) * 0x9e3779b97f4a7c15u;
    hash_ ^= hash_ >> 29;
  }
  std::uint64_t hash_ = 1;
};

}  // namespace nvtee::cluster
