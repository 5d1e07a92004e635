// engine_mutants LIST [--sample N]: runs the engine's RTL with each planted bug (mutate.cpp) through the
// stories of the regular run (hw/kernels/engine, one round of each, the seeds of every day); every bug must
// make one of them fail. Prints a table row a bug. Exit 1: one was not noticed, or the RTL without any fails.
// --sample: N of them only, spread over the list.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/cosim/engine/rtl_card.hpp"

namespace nvtee::cosim {
namespace {

constexpr unsigned kSeconds = 300;  // many times what a story takes

// Those first that notice most.
constexpr const char* kStories[] = {"RandomMixes",    "Punts",   "BadDataDigest", "HostileBytes",
                                    "RawSessions",    "Tables",  "SameAsNative",  "LegBadDigest",
                                    "HostsComeAndGo", "LegLoss", "Fuzz",          "Fences"};

// In a child: asserts may end it, a bug may make it run long.
std::string noticed_by(unsigned mutant) {
  for (const char* story : kStories) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(kSeconds);
      if (!std::freopen("/dev/null", "w", stdout) || !std::freopen("/dev/null", "w", stderr)) std::abort();
      RtlCard::planted = mutant;
      testing::GTEST_FLAG(filter) = std::string("Engine.") + story;
      _exit(RUN_ALL_TESTS() == 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
      return std::string(story) + (WTERMSIG(status) == SIGALRM ? " (hangs)" : " (assert)");
    if (WEXITSTATUS(status) != 0) return story;
  }
  return "";
}

struct Mutant {
  unsigned id = 0;
  std::string kernel, rule, place, which;
};
std::vector<Mutant> read_list(const std::string& path) {
  std::ifstream list(path);
  std::vector<Mutant> all;
  for (std::string line; std::getline(list, line);) {
    std::vector<std::string> f;
    std::istringstream in(line);
    for (std::string x; std::getline(in, x, '\t');) f.push_back(x);
    if (f.size() < 5) continue;
    for (std::size_t at = 0; (at = f[3].find('|', at)) != std::string::npos; at += 2) f[3].insert(at, "\\");
    all.push_back({static_cast<unsigned>(std::stoul(f[0])), f[1], f[2], f[3], f[4]});
  }
  return all;
}

int run(const std::string& path, std::size_t sample) {
  const std::string clean = noticed_by(0);
  if (!clean.empty()) {
    std::printf("engine without a planted bug: fails in %s\n", clean.c_str());
    return 1;
  }
  const std::vector<Mutant> all = read_list(path);
  const std::size_t n = sample == 0 ? all.size() : std::min(sample, all.size());
  std::size_t missed = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Mutant& m = all[i * all.size() / n];
    const std::string by = noticed_by(m.id);
    missed += by.empty() ? 1 : 0;
    std::printf("| %s | %s | %s | %s | %s |\n", m.kernel.c_str(), m.rule.c_str(), m.place.c_str(),
                m.which.c_str(), by.empty() ? "NOT CAUGHT" : ("Engine." + by).c_str());
    std::fflush(stdout);
  }
  std::printf("engine: %zu of %zu planted bugs caught\n", n - missed, n);
  return n == 0 || missed != 0 ? 1 : 0;
}

}  // namespace
}  // namespace nvtee::cosim

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  setenv("NVTEE_ENGINE_ROUNDS", "1", 1);
  std::string list;
  std::size_t sample = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--sample" && i + 1 < argc) {
      sample = std::strtoul(argv[++i], nullptr, 0);
    } else {
      list = a;
    }
  }
  return nvtee::cosim::run(list, sample);
}
