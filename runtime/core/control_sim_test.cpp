// The control machine against simulated surroundings: faults of many kinds, from a seed. NVTEE_SIM_SEEDS and
// NVTEE_SIM_SEED (one seed, with its trace) choose what is run.
#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/core/sim_node.hpp"

namespace nvtee::core::sim {
namespace {

bool healthy(const Node& n) {
  return n.running() && n.status().health == "ok";
}

TEST(ControlSim, StartsServesAndStopsCleanly) {
  Node n(SimSetup{});
  n.start();
  ASSERT_TRUE(n.run_until(n.agenda.now + 2 * kSecond, [&] { return healthy(n); }))
      << n.failure << n.status().health;
  n.load(4);
  n.run_until(n.agenda.now + kSecond);
  EXPECT_GT(n.acked, 100u);
  EXPECT_EQ(n.refused, 0u);
  n.load(0);
  Input drain;
  drain.kind = Input::Kind::kDrain;
  n.run_until(n.agenda.now + 50 * kMillisecond);
  n.input(drain);
  EXPECT_TRUE(n.run_until(n.agenda.now + 2 * kSecond, [&] { return n.drained == 1; })) << n.failure;
  EXPECT_EQ(n.status().open_regions, 0u);
  n.crash();
  n.start();
  EXPECT_TRUE(n.run_until(n.agenda.now + 2 * kSecond, [&] { return healthy(n); })) << n.failure;
  EXPECT_TRUE(n.legs_identical());
  EXPECT_TRUE(n.ok()) << n.failure;
}

TEST(ControlSim, LostLegIsDroppedAndComesBack) {
  Node n(SimSetup{});
  n.start();
  ASSERT_TRUE(n.run_until(n.agenda.now + 2 * kSecond, [&] { return healthy(n); })) << n.failure;
  n.load(4);
  n.run_until(n.agenda.now + 300 * kMillisecond);
  n.legs[1]->reachable = false;
  n.drop_association(1, "cable");
  n.run_until(n.agenda.now + 500 * kMillisecond);
  EXPECT_EQ(n.status().legs[1].state, LegState::kStale) << n.status().health;
  EXPECT_EQ(n.status().health, "degraded");
  const auto before = n.acked;
  n.run_until(n.agenda.now + 500 * kMillisecond);
  EXPECT_GT(n.acked, before);
  n.legs[1]->reachable = true;
  EXPECT_TRUE(n.run_until(n.agenda.now + 5 * kSecond, [&] { return healthy(n); }))
      << n.failure << n.status().health;
  EXPECT_EQ(n.refused, 0u);
  EXPECT_TRUE(n.ok()) << n.failure;
}

}  // namespace
}  // namespace nvtee::core::sim
