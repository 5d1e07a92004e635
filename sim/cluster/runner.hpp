// Many seeds on several processes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/cluster/world.hpp"

namespace nvtee::cluster {

struct Summary {
  std::uint64_t seeds = 0, events = 0, ops = 0, crashes = 0;
  double virtual_seconds = 0, cpu_seconds = 0;
  std::vector<std::uint64_t> faults = std::vector<std::uint64_t>(128);  // runs by number of faults
  Coverage coverage;
  struct Failure {
    std::uint64_t seed = 0;
    unsigned property = 0;
    std::string text;
  };
  std::vector<Failure> failures;
  unsigned median_faults() const;
  std::string print() const;
};

struct RunOptions {
  std::uint64_t base = 1, count = 1;
  unsigned processes = 2;
  unsigned most_failures = 20;  // a process stops after so many
  bool liars = false;
  StoryKind story = StoryKind::kNone;  // plans of this one
};
Summary run_seeds(const RunOptions& options);

// The first seed from `base` on that fails, within `most`; 0 = none.
struct Caught {
  std::uint64_t seeds = 0;  // needed
  unsigned property = 0;
  std::string text;
};
Caught hunt(std::uint64_t base, std::uint64_t most, const std::function<Plan(std::uint64_t)>& plan);

}  // namespace nvtee::cluster
