// Makes a failing plan smaller: fewer faults, hosts, commands at once and less time, as long as the same
// property is still violated.
#pragma once

#include <functional>

#include "sim/cluster/world.hpp"

namespace nvtee::cluster {

struct Minimised {
  Plan plan;
  Result result;
  unsigned runs = 0;
};
// At most `most` runs.
Minimised minimise(const Plan& plan, const Result& first, unsigned most = 400);

}  // namespace nvtee::cluster
