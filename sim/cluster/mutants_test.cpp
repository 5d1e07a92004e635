// Every planted bug is caught within 10,000 seeds. The long ones are hunted by `./dev sim --mutants`; here
// each gets as many seeds as docs/TESTING.md says it needs, times four.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "runtime/core/planted.hpp"
#include "sim/cluster/core_config.hpp"
#include "sim/cluster/mutants.hpp"
#include "sim/cluster/runner.hpp"

namespace nvtee::cluster {
namespace {

std::map<std::string, std::uint64_t> documented() {
  std::map<std::string, std::uint64_t> out;
  std::ifstream in(NVTEE_TESTING_DOC);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("| ", 0) != 0) continue;
    const auto name = line.substr(2, line.find(" |", 2) - 2);
    const auto last = line.rfind("| ", line.size() - 2);
    if (last != std::string::npos) out[name] = std::strtoull(line.c_str() + last + 2, nullptr, 10);
  }
  return out;
}

TEST(PlantedBugs, NoneIsClean) {
  EXPECT_EQ(hunt(1, 100, [](std::uint64_t seed) { return make_plan(seed); }).text, "");
}

TEST(PlantedBugs, AreCaught) {
  const auto needs = documented();
  for (const Planted& p : planted_bugs()) {
    const auto it = needs.find(p.name);
    ASSERT_NE(it, needs.end()) << p.name << " is not in docs/TESTING.md";
    EXPECT_LE(it->second, 10'000u);
    const std::uint64_t most = std::min<std::uint64_t>(10'000, it->second * 4 + 100);
    const pid_t pid = fork();
    if (pid == 0) {  // a bug may do anything
      core::planted_bug = static_cast<core::Bug>(p.control);
      CoreConfig::kMutant = p.core;
      _exit(hunt(1, most, [&p](std::uint64_t seed) { return p.plan(seed); }).seeds != 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << p.name << " is not caught in " << most << " seeds";
  }
}

}  // namespace
}  // namespace nvtee::cluster
