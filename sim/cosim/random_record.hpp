// Records for a port from a seed: every field is drawn by its name, so that addresses meet and rules are hit.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "hw/hlsc/ports.hpp"

namespace nvtee::cosim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t bits() { return engine_(); }
  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(static_cast<unsigned>(list.size()))];
  }

 private:
  std::mt19937_64 engine_;
};

// Values for all fields whose name is `name`, or ends with ".name" (or "name[i]"). The first that fits
// counts.
struct Bias {
  std::string_view name;
  std::vector<std::uint64_t> values;
  unsigned percent = 97;  // else anything
};
using Biases = std::vector<Bias>;

inline bool names(std::string_view path, std::string_view name) {
  if (name.starts_with('=')) return path == name.substr(1);
  if (path.ends_with(']')) path = path.substr(0, path.rfind('['));
  return path == name ||
         (path.ends_with(name) && path.size() > name.size() && path[path.size() - name.size() - 1] == '.');
}

inline std::uint64_t draw(const hlsc_ports::Field& f, const Biases& biases, Random& random) {
  for (const Bias& b : biases)
    if (names(f.name, b.name) && random.chance(b.percent)) return random.of(b.values);
  switch (random.below(8)) {
    case 0:
      return 0;
    case 1:
      return ~std::uint64_t{0};
    case 2:
    case 3:
      return random.below(4);
    default:
      return random.bits();
  }
}

template <class Port>
typename Port::type random_record(const Biases& biases, Random& random) {
  typename Port::bits b;
  for (const hlsc_ports::Field& f : Port::fields) {
    std::uint64_t value = draw(f, biases, random);
    for (unsigned i = 0; i < f.width; ++i) {
      if (i != 0 && i % 64 == 0) value = random.bits();
      const unsigned at = f.lo + i;
      b.word[at / 32] |= static_cast<std::uint32_t>(value >> (i % 64) & 1) << (at % 32);
    }
  }
  return Port::unpack(b);
}

}  // namespace nvtee::cosim
