// A failed NVTEE_CHECK of the product, inside of the simulator: the run ends there, and the seed is known.
#pragma once

#include <string>

namespace nvtee::cluster {

struct Broken {
  unsigned property = 0;
  std::string what;
};

}  // namespace nvtee::cluster
