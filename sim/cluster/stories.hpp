// Stories: a few faults that belong together, each told because a bug of its kind was hardly ever met without
// it.
#pragma once

#include <string_view>

#include "sim/cluster/chance.hpp"
#include "sim/cluster/plan.hpp"

namespace nvtee::cluster {

// Number of a state by its name (core::machine_state_name); -1: there is none.
int state_named(std::string_view name);

void tell_story(Plan& plan, Chance& chance, StoryKind which);
// Any of the first six: those that Recipe::kStories draws from.
void tell_early_story(Plan& plan, Chance& chance);
// Any of those that came later.
void tell_late_story(Plan& plan, Chance& chance);
// Any of those of odd plans.
void tell_odd_story(Plan& plan, Chance& chance);

}  // namespace nvtee::cluster
