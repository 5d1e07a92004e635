// What a region of a simulated namespace goes through are steps of the Promela model, wherever the two
// overlap: two legs, no operators, no other node.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "sim/cluster/world.hpp"

namespace nvtee::cluster {
namespace {

constexpr unsigned kDurable = 3 * kInSync0 | kOpenDurable | 3 * kDirty0;
using Steps = std::map<Shape, std::set<Shape>>;

// The legs change places; the model names one of them only where it does not matter.
Shape mirrored(Shape s) {
  unsigned out = s;
  for (const unsigned bit : {kInSync0, kDirty0, kServes0, kSyncing0}) {
    out &= ~(3 * bit);
    out |= ((s & bit) != 0 ? 2 * bit : 0) | ((s & 2 * bit) != 0 ? bit : 0);
  }
  return static_cast<Shape>(out);
}

Steps model() {
  Steps out;
  std::ifstream in(NVTEE_MODEL_STEPS);
  std::string word;
  unsigned from = 0, to = 0;
  while (in >> word >> from >> to) {
    out[static_cast<Shape>(from)].insert(static_cast<Shape>(to));
    out[mirrored(static_cast<Shape>(from))].insert(mirrored(static_cast<Shape>(to)));
  }
  return out;
}

bool can(const Steps& steps, Shape from, Shape to) {
  const auto it = steps.find(from);
  if (it != steps.end() && it->second.contains(to)) return true;
  // The node dies wherever it is; the model lets it die once.
  return (from & kUp) != 0 && to == (from & kDurable);
}

// A transaction of the store may hold several steps of the model.
bool can_in_one_commit(const Steps& steps, Shape from, Shape to, unsigned left) {
  if (((from ^ to) & ~kDurable) != 0) return false;
  const auto it = steps.find(from);
  if (left == 0 || it == steps.end()) return false;
  for (const Shape next : it->second)
    if (((next ^ from) & ~kDurable) == 0 && (next == to || can_in_one_commit(steps, next, to, left - 1)))
      return true;
  return false;
}

TEST(ModelSteps, RunsTakeNoOthers) {
  const Steps steps = model();
  if (steps.empty()) GTEST_SKIP() << "replication_model has not written its steps: spin is not installed";
  ModelSteps met;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    (void)run_plan(as_the_model(make_plan(seed)), met);
    (void)run_plan(as_the_model(make_plan(seed, Recipe::kPlain)), met);
  }
  EXPECT_GT(met.seen.size(), 150u);
  std::size_t direct = 0;
  for (const auto& [step, times] : met.seen) {
    direct += can(steps, step.first, step.second) ? 1 : 0;
    EXPECT_TRUE(can(steps, step.first, step.second) || can_in_one_commit(steps, step.first, step.second, 3))
        << times << " times: " << shape_text(step.first) << " -> " << shape_text(step.second);
  }
  std::cout << met.seen.size() << " kinds of steps, " << direct << " of them one step of the model\n";
}

TEST(ModelSteps, OthersAreNoticed) {
  const Steps steps = model();
  if (steps.empty()) GTEST_SKIP() << "replication_model has not written its steps: spin is not installed";
  const Shape all_well = kUp | 3 * kInSync0 | 3 * kServes0;
  const auto all_but = [](Shape s, unsigned bits) { return static_cast<Shape>(s & ~bits); };
  const auto possible = [&](Shape from, Shape to) {
    return can(steps, from, to) || can_in_one_commit(steps, from, to, 3);
  };
  const Shape open = all_well | kOpenDurable | kOpenInCore;
  EXPECT_TRUE(possible(all_well, all_well | kOpenDurable));
  EXPECT_FALSE(possible(all_well, all_well | kOpenInCore)) << "open before it is durable";
  EXPECT_FALSE(possible(open, all_but(open, kServes0))) << "routed around before its epoch is durable";
  EXPECT_FALSE(possible(all_well, all_but(all_well, 3 * kInSync0))) << "the last leg dropped";
  const Shape one = all_but(open, kInSync0 | kServes0);
  EXPECT_TRUE(possible(one, all_but(one, kOpenDurable) | kDirty0));
  EXPECT_FALSE(possible(one, all_but(one, kOpenDurable))) << "closed without a mark";
  EXPECT_FALSE(possible(one, one | kServes0)) << "a stale leg serves";
}

}  // namespace
}  // namespace nvtee::cluster
