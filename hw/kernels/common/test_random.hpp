// Test helper: numbers from a seed.
#pragma once

#include <cstdint>
#include <random>

namespace nvtee::card::test {

class Random {
 public:
  explicit Random(uint64_t seed) : rng_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(rng_() % n); }
  bool chance(unsigned percent) { return below(100) < percent; }
  uint64_t bits() { return rng_(); }

 private:
  std::mt19937_64 rng_;
};

}  // namespace nvtee::card::test
