// The simulated node's tee core: the product's kernels, smaller tables.
#pragma once

#include "hw/kernels/tee_core/tee_core.hpp"

namespace nvtee::cluster {

struct CoreConfig {
  static constexpr unsigned kQueueBits = 3;
  static constexpr unsigned kDepthBits = 5;
  static constexpr unsigned kNsBits = 1;
  static constexpr unsigned kGuardBits = 10;
  static constexpr unsigned kRegionSetBits = 1;
  static constexpr unsigned kMaxBlockBits = 8;
  static constexpr unsigned kOutDepth = 16;
#ifdef NVTEE_PLANT_BUGS
  static inline unsigned kMutant = 0;
#else
  static constexpr unsigned kMutant = 0;
#endif
};
struct Core : tee::TeeCore<CoreConfig> {};

}  // namespace nvtee::cluster
