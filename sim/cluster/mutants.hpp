// The planted protocol bugs: those of the control machines and surroundings (runtime/core/planted.hpp) and
// those of the tee core (hw/kernels/tee_core/mutants.hpp).
#pragma once

#include <string>
#include <vector>

#include "sim/cluster/plan.hpp"

namespace nvtee::cluster {

struct Planted {
  const char* name;
  const char* what;
  unsigned control;  // core::Bug, or 0
  unsigned core;     // tee::Mutant, or 0
  bool liars;        // hunted in worlds with legs that lie
  Recipe recipe;     // of the plans in which it is hunted, if no story is named
  StoryKind story = StoryKind::kNone;
  Plan plan(std::uint64_t seed) const;
};
const std::vector<Planted>& planted_bugs();

}  // namespace nvtee::cluster
