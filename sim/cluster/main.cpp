// ./dev sim: one seed with its story, many seeds with a summary, the tables of the machines.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "runtime/core/namespace_control.hpp"
#include "sim/cluster/minimise.hpp"
#include "sim/cluster/runner.hpp"

namespace {

using namespace nvtee::cluster;

constexpr const char* kUsage =
    "usage: cluster_sim SEED [--liars] [--plain] [--waiting] [--reserved] [--story NAME] [--quiet]   one "
    "seed: its trace; a failing one "
    "is made smaller\n"
    "       cluster_sim --seeds N [--base B] [--processes P] [--resume] [--state FILE] [--coverage] "
    "[--liars] [--story NAME]\n"
    "       cluster_sim --hashes N [--base B] [--liars]   the hash of each seed's trace, to compare builds\n"
    "       cluster_sim --steps N [--base B]          the steps of N seeds as the model of sim/model sees "
    "them\n"
    "       cluster_sim --tables                     the transition tables, as docs/PROTOCOL.md has them\n";

struct Arguments {
  std::uint64_t seed = 0, seeds = 0, base = 0, hashes = 0, steps = 0;
  unsigned processes = 2;
  bool resume = false, coverage = false, liars = false, quiet = false, plain = false, waiting = false,
       reserved = false, tables = false, bad = false;
  StoryKind story = StoryKind::kNone;
  std::string state = "cluster_sim.progress";
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto number = [&] { return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0; };
    if (word == "--seeds")
      a.seeds = number();
    else if (word == "--hashes")
      a.hashes = number();
    else if (word == "--base")
      a.base = number();
    else if (word == "--processes")
      a.processes = static_cast<unsigned>(number());
    else if (word == "--state" && i + 1 < argc)
      a.state = argv[++i];
    else if (word == "--resume")
      a.resume = true;
    else if (word == "--coverage")
      a.coverage = true;
    else if (word == "--liars")
      a.liars = true;
    else if (word == "--quiet")
      a.quiet = true;
    else if (word == "--plain")
      a.plain = true;
    else if (word == "--waiting")
      a.waiting = true;
    else if (word == "--reserved")
      a.reserved = true;
    else if (word == "--story" && i + 1 < argc)
      a.bad = (a.story = story_named(argv[++i])) == StoryKind::kNone;
    else if (word == "--steps")
      a.steps = number();
    else if (word == "--tables")
      a.tables = true;
    else if (word[0] >= '0' && word[0] <= '9')
      a.seed = std::strtoull(word.c_str(), nullptr, 10);
    else
      a.bad = true;
  }
  a.bad = a.bad || (!a.tables && a.seed == 0 && a.seeds == 0 && a.hashes == 0 && a.steps == 0) ||
          a.processes == 0;
  return a;
}

int one(const Arguments& a) {
  const Recipe recipe = a.plain      ? Recipe::kPlain
                        : a.waiting  ? Recipe::kWaiting
                        : a.reserved ? Recipe::kReserved
                                     : Recipe::kFull;
  const Plan plan = a.story != StoryKind::kNone ? make_story_plan(a.seed, a.story)
                    : a.liars                   ? make_liar_plan(a.seed)
                                                : make_plan(a.seed, recipe);
  Result r = run_plan(plan, !a.quiet);
  std::fputs(r.trace.c_str(), stdout);
  std::printf("%s", describe(plan).c_str());
  std::printf("hash %016llx, %llu events, %llu host commands, %llu faults, %.3f s of virtual time\n",
              static_cast<unsigned long long>(r.hash), static_cast<unsigned long long>(r.events),
              static_cast<unsigned long long>(r.ops), static_cast<unsigned long long>(r.faults),
              static_cast<double>(r.virtual_time) / 1e9);
  if (r.failure.empty()) return 0;
  std::printf("FAILED: %s\n", r.failure.c_str());
  const Minimised m = minimise(plan, r);
  std::printf("---- made smaller in %u runs: %zu of %zu faults ----\n%s", m.runs, m.plan.faults.size(),
              plan.faults.size(), describe(m.plan).c_str());
  if (!a.quiet) std::fputs(run_plan(m.plan, true).trace.c_str(), stdout);
  std::printf("FAILED: %s\n", m.result.failure.c_str());
  return 1;
}

// The file holds: next seed, seeds done, failures.
int many(Arguments a) {
  std::uint64_t next = 0, done = 0, failed = 0;
  if (a.resume) std::ifstream(a.state) >> next >> done >> failed;
  if (a.base == 0)
    a.base = next != 0
                 ? next
                 : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) %
                       1'000'000'000'000;
  std::printf("seeds %llu .. %llu\n", static_cast<unsigned long long>(a.base),
              static_cast<unsigned long long>(a.base + a.seeds - 1));
  std::fflush(stdout);
  Summary all;
  for (std::uint64_t at = 0; at < a.seeds && all.failures.size() < 20;) {
    const std::uint64_t share = std::min<std::uint64_t>(a.seeds - at, 5000);
    RunOptions o;
    o.base = a.base + at;
    o.count = share;
    o.processes = a.processes;
    o.liars = a.liars;
    o.story = a.story;
    const Summary s = run_seeds(o);
    at += share;
    for (const auto& f : s.failures)
      std::printf("FAILED: seed %llu: %s\n", static_cast<unsigned long long>(f.seed), f.text.c_str());
    all.failures.insert(all.failures.end(), s.failures.begin(), s.failures.end());
    all.seeds += s.seeds, all.events += s.events, all.ops += s.ops, all.crashes += s.crashes;
    all.virtual_seconds += s.virtual_seconds, all.cpu_seconds += s.cpu_seconds;
    for (std::size_t i = 0; i < all.faults.size(); ++i) all.faults[i] += s.faults[i];
    all.coverage.add(s.coverage);
    if (a.resume)
      std::ofstream(a.state) << a.base + at << " " << done + all.seeds << " " << failed + all.failures.size()
                             << "\n";
    if (a.seeds > 5000) std::printf("%s\n", all.print().c_str()), std::fflush(stdout);
  }
  std::printf("%s\n", all.print().c_str());
  if (a.resume)
    std::printf("altogether %llu seeds, %llu failures\n", static_cast<unsigned long long>(done + all.seeds),
                static_cast<unsigned long long>(failed + all.failures.size()));
  if (a.coverage) std::fputs(all.coverage.print(all.seeds).c_str(), stdout);
  return all.failures.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments a = parse(argc, argv);
  if (a.bad) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (a.tables) {
    std::fputs(nvtee::core::transition_tables().c_str(), stdout);
    return 0;
  }
  if (a.hashes != 0) {
    for (std::uint64_t i = 0; i < a.hashes; ++i) {
      const std::uint64_t seed = std::max<std::uint64_t>(a.base, 1) + i;
      std::printf(
          "%llu %016llx\n", static_cast<unsigned long long>(seed),
          static_cast<unsigned long long>(run_plan(a.liars ? make_liar_plan(seed) : make_plan(seed)).hash));
    }
    return 0;
  }
  if (a.steps != 0) {
    ModelSteps steps;
    for (std::uint64_t i = 0; i < a.steps; ++i)
      (void)run_plan(as_the_model(make_plan(std::max<std::uint64_t>(a.base, 1) + i)), steps);
    for (const auto& [step, times] : steps.seen)
      std::printf("%8llu  %s -> %s\n", static_cast<unsigned long long>(times), shape_text(step.first).c_str(),
                  shape_text(step.second).c_str());
    return 0;
  }
  return a.seeds != 0 ? many(a) : one(a);
}
