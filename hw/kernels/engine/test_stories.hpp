// Test helper: what the stories of the engine have in common.
#pragma once

#include <cstdlib>

#include "hw/kernels/engine/test_engine.hpp"

namespace nvtee::card::test {

// NVTEE_ENGINE_SEED, NVTEE_ENGINE_ROUNDS: other seeds than those of every day, and how many of each story.
inline uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}
inline uint64_t first_seed(uint64_t story) {
  return number_of("NVTEE_ENGINE_SEED", story);
}
inline uint64_t rounds(uint64_t usual) {
  return number_of("NVTEE_ENGINE_ROUNDS", usual);
}

inline EngineWorld::Options random_options(uint64_t seed) {
  Random r(seed * 77);
  EngineWorld::Options o;
  o.legs = 1 + r.below(4);
  o.hosts = 1 + r.below(5);
  o.tcp.latency = r.below(60);
  o.tcp.jitter = r.below(30);
  o.tcp.stall = r.chance(50) ? 0 : r.below(30);
  o.tcp.piece = r.chance(50) ? 0 : 1 + r.below(3000);
  o.tcp.space = r.chance(50) ? 1 << 20 : 40000 + r.below(40000);
  o.tcp.drain = r.chance(50) ? 64 : 8;
  o.tcp.send_latency = 1 + r.below(40);
  o.memory.latency = 1 + r.below(120);
  o.memory.jitter = r.below(30);
  o.memory.stall = r.chance(50) ? 0 : r.below(30);
  o.hold = r.chance(60) ? 0 : r.below(40);
  return o;
}

}  // namespace nvtee::card::test
