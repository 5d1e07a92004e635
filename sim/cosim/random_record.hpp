// Records for a port from a seed: every field is drawn by its name, so that addresses meet and rules are hit.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string_view>
#include <unordered_map>
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

// What fields of a name were lately, in any record of the run, in or out: answers carry what questions had
// (tokens, generations, addresses), and drawn by themselves they would hardly ever meet.
class Memory {
 public:
  void see(const hlsc_ports::Field& f, std::uint64_t value, Random& r) {
    Last& l = of(f);
    l.value[r.below(kKept)] = value;
    l.any = true;
  }
  const std::uint64_t* one(const hlsc_ports::Field& f, Random& r) {
    const Last& l = of(f);
    return l.any ? &l.value[r.below(kKept)] : nullptr;
  }

 private:
  static constexpr unsigned kKept = 4;
  struct Last {
    std::uint64_t value[kKept] = {};
    bool any = false;
  };
  Last& of(const hlsc_ports::Field& f) {
    Last*& l = by_field_[&f];
    if (l != nullptr) return *l;
    std::string_view name = f.name;
    if (name.ends_with(']')) name = name.substr(0, name.rfind('['));
    if (const auto dot = name.rfind('.'); dot != std::string_view::npos) name = name.substr(dot + 1);
    return *(l = &by_name_[name]);
  }
  std::map<std::string_view, Last> by_name_;
  std::unordered_map<const hlsc_ports::Field*, Last*> by_field_;
};

inline std::uint64_t draw(const hlsc_ports::Field& f, const Biases& biases, Random& random,
                          Memory* memory = nullptr) {
  const std::uint64_t* seen = memory != nullptr && random.chance(20) ? memory->one(f, random) : nullptr;
  for (const Bias& b : biases) {
    if (!names(f.name, b.name)) continue;
    if (seen != nullptr && b.percent != 100) return *seen;
    if (random.chance(b.percent)) return random.of(b.values);
  }
  if (seen != nullptr) return *seen;
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

// A record's fields of at most 64 bits.
template <class Port>
void look_at(const typename Port::bits& b, Memory& memory, Random& random) {
  for (const hlsc_ports::Field& f : Port::fields) {
    if (f.width > 64) continue;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < f.width; ++i) {
      const unsigned at = f.lo + i;
      value |= static_cast<std::uint64_t>(b.word[at / 32] >> (at % 32) & 1) << i;
    }
    memory.see(f, value, random);
  }
}

template <class Port>
typename Port::type random_record(const Biases& biases, Random& random, Memory* memory = nullptr) {
  typename Port::bits b;
  for (const hlsc_ports::Field& f : Port::fields) {
    std::uint64_t value = draw(f, biases, random, memory);
    for (unsigned i = 0; i < f.width; ++i) {
      if (i != 0 && i % 64 == 0) value = random.bits();
      const unsigned at = f.lo + i;
      b.word[at / 32] |= static_cast<std::uint32_t>(value >> (i % 64) & 1) << (at % 32);
    }
  }
  return Port::unpack(b);
}

}  // namespace nvtee::cosim
