// The control machine against simulated surroundings: faults of many kinds, from a seed. NVTEE_SIM_SEEDS and
// NVTEE_SIM_SEED (one seed, with its trace) choose what is run.
#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/core/sim_node.hpp"

namespace nvtee::core::sim {
namespace {

[[maybe_unused]] bool healthy(const Node& n) {
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

// ---- chance -------------------------------------------------------------------------------------
// One kind of trouble at a time or several together, for a while; then all is mended and everything must come
// right (P9).
class Plan {
 public:
  Plan(Node& n, unsigned kinds) : n_(n), kinds_(kinds) { next(); }
  void stop() { on_ = false; }
  enum Kind : unsigned {
    kCut = 1,
    kDrop = 2,
    kStall = 4,
    kErrors = 8,
    kStoreFails = 16,
    kStoreStalls = 32,
    kCrash = 64,
    kOperator = 128,
    kBadReads = 256,
    kCutAll = 512,
    kPower = 1024,  // of one leg, while another one serves: alone, since two failures at once may lose what
                    // is cached
    kBlackout = 2048,  // everything, and the node
  };

 private:
  void next() {
    n_.agenda.in(n_.chance.between(20 * kMillisecond, 600 * kMillisecond), [this] {
      if (!on_) return;
      trouble();
      next();
    });
  }
  unsigned leg() { return static_cast<unsigned>(n_.chance.below(n_.setup.legs)); }
  Duration some_time() {
    return n_.chance.one_in(4) ? n_.chance.between(kSecond, 4 * kSecond)
                               : n_.chance.between(5 * kMillisecond, 600 * kMillisecond);
  }
  void trouble() {
    const unsigned kind = 1u << n_.chance.below(12);
    if ((kinds_ & kind) == 0) return;
    const unsigned l = leg();
    switch (kind) {
      case kCut:
        return cut(l, some_time());
      case kCutAll: {
        const Duration d = some_time();
        for (unsigned i = 0; i < n_.setup.legs; ++i) cut(i, d + n_.chance.below(50 * kMillisecond));
        return;
      }
      case kDrop:
        return n_.drop_association(l, "reset");
      case kStall: {
        n_.legs[l]->stall = n_.chance.between(kMillisecond, 350 * kMillisecond);
        n_.agenda.in(some_time(), [this, l] { n_.legs[l]->stall = 0; });
        return;
      }
      case kErrors: {
        n_.legs[l]->error_one_in = static_cast<unsigned>(n_.chance.between(1, 30));
        n_.agenda.in(some_time() / 2, [this, l] { n_.legs[l]->error_one_in = 0; });
        return;
      }
      case kBadReads: {
        n_.legs[l]->bad_read_one_in = 3;
        n_.agenda.in(some_time() / 2, [this, l] { n_.legs[l]->bad_read_one_in = 0; });
        return;
      }
      case kStoreFails: {
        n_.store_fail_one_in = static_cast<unsigned>(n_.chance.between(1, 5));
        n_.agenda.in(some_time(), [this] { n_.store_fail_one_in = 0; });
        return;
      }
      case kStoreStalls: {
        n_.store_dead = true;
        n_.agenda.in(some_time(), [this] { n_.store_dead = false; });
        return;
      }
      case kCrash:
        return n_.crash();
      case kOperator: {
        const Input::Kind kinds[] = {Input::Kind::kFaultLeg, Input::Kind::kOnlineLeg, Input::Kind::kRemoveLeg,
                                     Input::Kind::kAddLeg, Input::Kind::kVerifyStart};
        (void)n_.operate(kinds[n_.chance.below(5)], static_cast<unsigned>(n_.chance.below(kMaxLegs)));
        return;
      }
      default:
        return;
    }
  }
  void cut(unsigned l, Duration d) {
    n_.legs[l]->reachable = false;
    n_.drop_association(l, "cut");
    n_.agenda.in(d, [this, l] { n_.legs[l]->reachable = true; });
  }
  Node& n_;
  unsigned kinds_;
  bool on_ = true;
};

// A crashed node starts again a little later.
void keep_running(Node& n) {
  if (n.running()) return;
  n.run_until(n.agenda.now + n.chance.between(kMillisecond, 300 * kMillisecond));
  if (n.ok()) n.start();
}

void run_seed(SimSetup setup, unsigned kinds, Duration how_long) {
  Node n(setup);
  n.start();
  n.load(6);
  Plan plan(n, kinds);
  if ((kinds & Plan::kCrash) != 0 && setup.seed % 2 == 0) n.setup.crash_one_in = 3000;
  const Time end = n.agenda.now + how_long;
  while (n.ok() && n.agenda.now < end) {
    n.run_until(std::min(end, n.agenda.now + 20 * kMillisecond));
    keep_running(n);
  }
  // Mended.
  plan.stop();
  n.setup.crash_one_in = 0;
  n.run_until(n.agenda.now + 5 * kSecond);
  n.store_fail_one_in = 0;
  n.store_dead = false;
  for (auto& leg : n.legs) {
    leg->reachable = true;
    leg->stall = leg->error_one_in = leg->bad_read_one_in = 0;
  }
  keep_running(n);
  const auto all_well = [&] {
    if (!n.running()) return false;
    for (unsigned i = 0; i < kMaxLegs; ++i)
      if (n.status().legs[i].needs_operator) (void)n.operate(Input::Kind::kOnlineLeg, i);
    return n.status().health == "ok";
  };
  for (int i = 0; i < 600 && n.ok() && !all_well(); ++i) n.run_until(n.agenda.now + 100 * kMillisecond);
  if (n.ok() && !all_well()) {
    std::string advice;
    for (const auto& a : n.status().advice) advice += a + "; ";
    for (const auto& l : n.status().legs)
      advice += "[" + std::to_string(static_cast<int>(l.state)) + " " + l.reason + " to copy " +
                std::to_string(l.to_copy_bytes >> 20) + "] ";
    n.fail("P9: not well after everything was mended: " + n.status().health + " " + n.status().gate_reason +
           " " + advice);
  }
  const auto refused = n.refused;
  n.run_until(n.agenda.now + kSecond);
  if (n.ok() && n.refused != refused) n.fail("P9: commands are refused although all is well");
  n.load(0);
  if (!n.run_until(n.agenda.now + 5 * kSecond, [&] { return n.host_ops() == 0; }))
    n.fail("P9: a command is stuck");
  n.run_until(n.agenda.now + 100 * kMillisecond);
  if (n.ok() && !n.legs_identical()) n.fail("P9: legs differ at rest");
  for (std::uint64_t b = 0; n.ok() && b < n.legs[0]->cache.size(); ++b)
    for (unsigned i = 0; i < kMaxLegs; ++i)
      if (n.status().legs[i].state == LegState::kInSync)
        if (const auto bad = n.history.content(b, n.legs[i]->cache[b]); !bad.empty()) n.fail(bad);
  Input drain;
  drain.kind = Input::Kind::kDrain;
  n.input(drain);
  if (n.ok() && !n.run_until(n.agenda.now + 5 * kSecond, [&] { return n.drained != 0; }))
    n.fail("P10: drain has no end");
  if (n.ok() && n.status().open_regions != 0) n.fail("drained with regions open");
  if (!n.ok()) {
    ADD_FAILURE() << n.failure << "\nlast events:";
    if (n.setup.trace) std::fprintf(stderr, "%s", n.trace().c_str());
    for (std::size_t i = n.events.size() > 25 ? n.events.size() - 25 : 0; i < n.events.size(); ++i)
      std::fprintf(stderr, "  %s\n", n.events[i].c_str());
  }
}

std::pair<std::uint64_t, std::uint64_t> seeds(std::uint64_t usual) {
  if (const char* one = std::getenv("NVTEE_SIM_SEED")) {
    const std::uint64_t seed = std::strtoull(one, nullptr, 10);
    return {seed, seed};
  }
  if (const char* many = std::getenv("NVTEE_SIM_SEEDS")) usual = std::strtoull(many, nullptr, 10);
  return {1, usual};
}

class Mixed : public ::testing::TestWithParam<std::pair<const char*, unsigned>> {};

TEST_P(Mixed, InvariantsHoldAndAllComesRight) {
  const auto [first, last] = seeds(15);
  for (std::uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    SimSetup s;
    s.seed = seed;
    s.legs = 2 + static_cast<unsigned>(seed % 3);
    s.caches = seed % 2 == 1;
    s.assume_equal = seed % 5 != 0;
    s.trace = std::getenv("NVTEE_SIM_SEED") != nullptr;
    run_seed(s, GetParam().second, 10 * kSecond);
  }
}

using Kind = Plan::Kind;
INSTANTIATE_TEST_SUITE_P(
    Faults, Mixed,
    ::testing::Values(std::pair("Legs", Kind::kCut | Kind::kDrop | Kind::kStall | Kind::kErrors),
                      std::pair("AllLegs", unsigned{Kind::kCutAll}),
                      std::pair("Store", Kind::kStoreFails | Kind::kStoreStalls),
                      std::pair("Crashes", unsigned{Kind::kCrash}),
                      std::pair("LegsAndStore",
                                Kind::kCut | Kind::kDrop | Kind::kStoreFails | Kind::kStoreStalls),
                      std::pair("LegsAndCrashes", Kind::kCut | Kind::kDrop | Kind::kStall | Kind::kCrash),
                      std::pair("Operator", Kind::kOperator | Kind::kDrop),
                      std::pair("Power", Kind::kPower | Kind::kStoreFails),
                      std::pair("Blackouts", Kind::kBlackout | Kind::kCut | Kind::kDrop | Kind::kStoreFails),
                      std::pair("Everything", 1023u)),
    [](const auto& info) { return info.param.first; });

}  // namespace
}  // namespace nvtee::core::sim
