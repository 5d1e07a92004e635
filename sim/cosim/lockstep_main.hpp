// The main program of a kernel's lockstep run: `cosim_NAME [--clocks N] [--seed N] [--waves FILE.fst]`.
#pragma once

#include <sys/wait.h>
#include <unistd.h>
#include <verilated.h>
#include <verilated_fst_c.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "sim/cosim/lockstep.hpp"

namespace nvtee::cosim {

struct RunOptions {
  std::uint64_t clocks = 100'000, seed = 0;
  std::string waves;
  std::string mutants;  // list of planted bugs: each is run, and must be noticed
  unsigned mutant = 0;
  bool vary = false;  // Lockstep::vary; runs with planted bugs do
};

inline RunOptions run_options(int argc, char** argv) {
  RunOptions o;
  o.seed = static_cast<std::uint64_t>(std::time(nullptr));
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--clocks") o.clocks = std::strtoull(argv[i + 1], nullptr, 0);
    if (name == "--seed") o.seed = std::strtoull(argv[i + 1], nullptr, 0);
    if (name == "--waves") o.waves = argv[i + 1];
    if (name == "--mutants") o.mutants = argv[i + 1];
    if (name == "--vary") o.vary = std::strtoul(argv[i + 1], nullptr, 0) != 0;
  }
  return o;
}

// One run in this process. Returns the clock of the first difference, 0 when there is none.
template <class V, class Bench, class SetUp>
std::uint64_t run_once(const RunOptions& o, const char* name, SetUp set_up) {
  const auto context = std::make_unique<VerilatedContext>();
  context->traceEverOn(!o.waves.empty());
  const auto model = std::make_unique<V>(context.get(), name);
  if constexpr (requires { model->mutant; }) model->mutant = static_cast<std::uint16_t>(o.mutant);
  Bench bench(o.seed);
  set_up(bench, name);
  bench.vary = o.vary || !o.mutants.empty();
  VerilatedFstC fst;
  if (!o.waves.empty()) {
    model->trace(&fst, 99);
    fst.open(o.waves.c_str());
    if (const char* kept = std::getenv("NVTEE_COSIM_HISTORY"))
      bench.history_kept = std::strtoul(kept, nullptr, 0);
    bench.dump = [&](std::uint64_t t) { fst.dump(t); };
  }
  const bool same = bench.run(*model, o.clocks);
  if (!o.waves.empty()) {
    fst.close();
    for (const std::string& line : bench.history()) std::printf("  %s\n", line.c_str());
  }
  const Tally& t = bench.tally();
  if (o.mutant != 0) return same ? 0 : t.clocks;
  if (o.waves.empty())
    std::printf("%-16s %9llu clocks %9llu calls %9llu records in %9llu out, seed %llu: %s\n", name,
                static_cast<unsigned long long>(t.clocks), static_cast<unsigned long long>(t.calls),
                static_cast<unsigned long long>(t.read), static_cast<unsigned long long>(t.written),
                static_cast<unsigned long long>(o.seed), same ? "equal" : bench.why().c_str());
  if (same && !bench.unused().empty())
    std::printf("%-16s ports with hardly a record: %s\n", name, bench.unused().c_str());
  std::fflush(stdout);
  return same ? 0 : t.clocks;
}

struct ChildResult {
  bool heard = false;       // else the native kernel ended the run
  std::uint64_t where = 0;  // clock of the first difference
};

template <class V, class Bench, class SetUp>
ChildResult run_in_child(const RunOptions& o, const char* name, SetUp set_up) {
  ChildResult r;
  int pipe_fd[2];
  if (pipe(pipe_fd) != 0) std::abort();
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (o.mutant != 0 && !std::freopen("/dev/null", "w", stderr)) std::abort();
    const std::uint64_t where = run_once<V, Bench>(o, name, set_up);
    const bool told = write(pipe_fd[1], &where, sizeof where) == sizeof where;
    _exit(told && where == 0 ? 0 : 1);
  }
  close(pipe_fd[1]);
  r.heard = read(pipe_fd[0], &r.where, sizeof r.where) == sizeof r.where;
  close(pipe_fd[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return r;
}

// Every planted bug must make a difference. Exit 1 when one does not.
template <class V, class Bench, class SetUp>
int mutants_main(RunOptions o, const char* name, SetUp set_up) {
  std::ifstream list(o.mutants);
  unsigned planted = 0, missed = 0;
  // Without a bug they must be equal, or being noticed would mean nothing.
  const ChildResult none = run_in_child<V, Bench>(o, name, set_up);
  if (!none.heard || none.where != 0) {
    std::printf("%s: differs without a planted bug, seed %llu\n", name,
                static_cast<unsigned long long>(o.seed));
    return 1;
  }
  for (std::string line; std::getline(list, line);) {
    const std::size_t a = line.find('\t'), b = line.find('\t', a + 1), c = line.find('\t', b + 1);
    o.mutant = static_cast<unsigned>(std::stoul(line));
    const ChildResult r = run_in_child<V, Bench>(o, name, set_up);
    const bool caught = !r.heard || r.where != 0;
    ++planted;
    missed += caught ? 0 : 1;
    std::printf("| %s | %s | %s | %s |\n", name, line.substr(a + 1, b - a - 1).c_str(),
                (c + 1 < line.size() ? line.substr(c + 1) : line.substr(b + 1, c - b - 1)).c_str(),
                !caught   ? "NOT CAUGHT"
                : r.heard ? ("clock " + std::to_string(r.where)).c_str()
                          : "native kernel stops");
    if (!caught) std::printf("    %s\n", line.substr(b + 1, c - b - 1).c_str());
    std::fflush(stdout);
  }
  std::printf("%s: %u of %u planted bugs caught\n", name, planted - missed, planted);
  return planted == 0 || missed != 0 ? 1 : 0;
}

// In a child, because a kernel's native state is static; after a difference once more with waveforms, up to
// it.
template <class V, class Bench, class SetUp>
int lockstep_main(int argc, char** argv, const char* name, SetUp set_up) {
  RunOptions o = run_options(argc, argv);
  if (!o.waves.empty()) return run_once<V, Bench>(o, name, set_up) != 0;
  if (!o.mutants.empty()) return mutants_main<V, Bench>(o, name, set_up);
  const ChildResult r = run_in_child<V, Bench>(o, name, set_up);
  if (r.heard && r.where == 0) return 0;
  if (!r.heard) {
    std::printf("%-16s seed %llu: the native kernel ended the run\n", name,
                static_cast<unsigned long long>(o.seed));
    return 1;
  }
  o.waves = std::string(name) + ".fst";
  o.clocks = r.where;
  std::printf("%-16s waveforms up to there: %s\n", name, o.waves.c_str());
  run_once<V, Bench>(o, name, set_up);
  return 1;
}

}  // namespace nvtee::cosim

// The whole program of a kernel whose bench needs nothing but a few statements about `bench`.
#define NVTEE_LOCKSTEP(TOP, SETUP) NVTEE_LOCKSTEP_OF(TOP, SETUP)
#define NVTEE_LOCKSTEP_OF(TOP, SETUP)                                                                       \
  int main(int argc, char** argv) {                                                                         \
    using Bench = nvtee::cosim::Lockstep<V##TOP, TOP##_ports::streams, TOP##_ports::scalars>;               \
    return nvtee::cosim::lockstep_main<V##TOP, Bench>(argc, argv, #TOP,                                     \
                                                      [](Bench& bench, [[maybe_unused]] const char* name) { \
                                                        bench.kernel(&TOP);                                 \
                                                        SETUP;                                              \
                                                      });                                                   \
  }
