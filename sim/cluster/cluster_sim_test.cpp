// Many seeds from a fresh base, seeds that failed before, and the simulator's own promises: equal runs,
// smaller plans, documents that say what the code does. NVTEE_SIM_SEEDS=N and NVTEE_SIM_BASE=B choose what is
// run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "runtime/core/namespace_control.hpp"
#include "sim/cluster/minimise.hpp"
#include "sim/cluster/mutants.hpp"
#include "sim/cluster/runner.hpp"

namespace nvtee::cluster {
namespace {

std::uint64_t number(const char* name, std::uint64_t usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}
std::string file(const std::string& path) {
  std::ifstream in(path);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

// Seeds that found something in the product or in the simulator; docs/TESTING.md tells what.
TEST(ClusterSim, SeedsThatFailedBefore) {
  for (const std::uint64_t seed :
       {5,    16,    18,    20,      29,      33,      62,      120,     230,     432,    586,  639,
        719,  779,   790,   954,     1142,    1308,    1375,    1384,    1766,    1767,   3384, 3727,
        5119, 20032, 20069, 1002454, 1008109, 1026339, 1037515, 1047906, 1048190, 1050652}) {
    const Result r = run_plan(make_plan(seed, Recipe::kPlain));
    EXPECT_EQ(r.failure, "") << "./dev sim " << seed << " --plain";
  }
  for (const std::uint64_t seed : {4034752, 5038178})
    EXPECT_EQ(run_plan(make_plan(seed, Recipe::kWaiting)).failure, "")
        << "./dev sim " << seed << " --waiting";
  for (const std::uint64_t seed : {1271, 5363, 5102917, 5103948, 5506847, 5615613, 9000304, 9001784, 9004327})
    EXPECT_EQ(run_plan(make_plan(seed, Recipe::kReserved)).failure, "")
        << "./dev sim " << seed << " --reserved";
  for (const std::uint64_t seed : {500088746ul, 79623250423ul})
    EXPECT_EQ(run_plan(make_plan(seed)).failure, "") << "./dev sim " << seed;
}

// Fresh seeds each time (200,000 in a row have been clean, docs/TESTING.md); NVTEE_SIM_BASE runs others, or
// the same ones again.
std::uint64_t chosen_base() {
  if (const auto base = number("NVTEE_SIM_BASE", 0); base != 0) return base;
  std::random_device device;
  return 100'000'000 + (std::uint64_t{device()} << 8 | (device() & 0xff));
}

TEST(ClusterSim, ManySeeds) {
  RunOptions o;
  o.base = chosen_base();
  o.count = number("NVTEE_SIM_SEEDS", 5000);
  std::cout << "seeds from " << o.base << " on: NVTEE_SIM_BASE=" << o.base << " runs them again\n";
  const Summary s = run_seeds(o);
  std::cout << s.print() << "\n";
  for (const auto& f : s.failures) ADD_FAILURE() << f.text << "\n  ./dev sim " << f.seed;
  EXPECT_EQ(s.seeds, o.count);
  EXPECT_GE(s.median_faults(), 20u);
  EXPECT_EQ(s.coverage.contradictions(), "") << "core::machine_state_passes says that they cannot be met";
}

// Legs that acknowledge writes and lose or misplace them: verify counts exactly the blocks that differ.
TEST(ClusterSim, VerifyFindsWhatLegsLose) {
  RunOptions o;
  o.count = 300;
  o.liars = true;
  const Summary s = run_seeds(o);
  for (const auto& f : s.failures) ADD_FAILURE() << f.text << "\n  ./dev sim " << f.seed << " --liars";
}

TEST(ClusterSim, TheSameSeedIsTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Result a = run_plan(make_plan(seed)), b = run_plan(make_plan(seed), true);
    EXPECT_EQ(a.hash, b.hash) << "seed " << seed;
    EXPECT_EQ(a.events, b.events);
    EXPECT_FALSE(b.trace.empty());
  }
  EXPECT_NE(run_plan(make_plan(1)).hash, run_plan(make_plan(2)).hash);
}

TEST(ClusterSim, PlansHaveAllClassesOfFaults) {
  std::array<unsigned, kFaultKinds> seen{};
  for (std::uint64_t seed = 1; seed <= 500; ++seed)
    for (const Fault& f : make_plan(seed).faults) ++seen[static_cast<unsigned>(f.kind)];
  for (unsigned k = 0; k < kFaultKinds; ++k) EXPECT_GT(seen[k], 20u) << fault_name(static_cast<FaultKind>(k));
}

// ---- documents ----------------------------------------------------------------------------------------
TEST(Documents, ProtocolHasTheTablesOfTheCode) {
  const std::string doc = file(NVTEE_PROTOCOL_DOC);
  EXPECT_NE(doc.find(core::transition_tables()), std::string::npos)
      << "docs/PROTOCOL.md: paste the output of `cluster_sim --tables`";
}

TEST(Documents, TestingListsThePlantedBugs) {
  const std::string doc = file(NVTEE_TESTING_DOC);
  for (const Planted& p : planted_bugs())
    EXPECT_NE(doc.find(std::string("| ") + p.name + " | " + p.what + " | "), std::string::npos)
        << "docs/TESTING.md: paste the output of `./dev sim --mutants`; missing: " << p.name;
  EXPECT_EQ(doc.find("not caught"), std::string::npos);
  for (unsigned k = 0; k < kFaultKinds; ++k)
    EXPECT_NE(doc.find(std::string("`") + fault_name(static_cast<FaultKind>(k)) + "`"), std::string::npos)
        << "docs/TESTING.md does not name the class of faults " << fault_name(static_cast<FaultKind>(k));
}

}  // namespace
}  // namespace nvtee::cluster
