// Random numbers of the simulator: everything is drawn from one seed, by streams that do not disturb each
// other.
#pragma once

#include <cstdint>

#include "runtime/base/time.hpp"

namespace nvtee::cluster {

class Chance {  // splitmix64
 public:
  explicit Chance(std::uint64_t seed, std::uint64_t stream = 0)
      : state_(seed * 0x9e3779b97f4a7c15u + stream * 0xd1342543de82ef95u + 1) {
    (void)next();
  }
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
  unsigned pick(unsigned n) { return static_cast<unsigned>(below(n)); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  bool percent(unsigned p) { return below(100) < p; }
  std::uint64_t between(std::uint64_t a, std::uint64_t b) { return b <= a ? a : a + below(b - a + 1); }

 private:
  std::uint64_t state_;
};

}  // namespace nvtee::cluster
