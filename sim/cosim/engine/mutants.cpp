// engine_mutants LIST [--sample N] [--jobs N] [--stories A,B] [--no-clean]: runs the engine's RTL with each
// planted bug (mutate.cpp) through the stories of the regular run (hw/kernels/engine, as many rounds of each
// as kStories says, the seeds of every day); every bug must make one of them fail. Prints a table row a bug.
// Exit 1: one was not noticed, or the RTL without any fails.
// --sample: N of them only, spread over the list; --jobs: so many at once; --stories: only these; --no-clean:
// not the RTL without any.
#include <gtest/gtest.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sim/cosim/engine/rtl_card.hpp"

namespace nvtee::cosim {
namespace {

constexpr unsigned kSeconds = 150;  // of CPU: many times what a story takes

// The quick ones first, one round of each but where a bug needs more chances than one round gives it.
struct StoryOfList {
  const char* name;
  unsigned rounds = 1;
};
constexpr StoryOfList kStories[] = {
    {"Punts"},   {"RawSessions"},    {"BadDataDigest"}, {"Fuzz"},       {"SameAsNative"}, {"Overlaps", 4},
    {"LegLoss"}, {"LegBadDigest"},   {"HostileBytes"},  {"Namespaces"}, {"Tables"},       {"RandomMixes"},
    {"Fences"},  {"HostsComeAndGo"}, {"LyingLegs"},     {"LyingHosts"}, {"LeaseEnds"},    {"WritesFail"}};

// The first thing that is wrong ends the story.
class EndAtFailure : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& r) override {
    if (r.failed()) _exit(1);
  }
};

// What became of a mutant, as an exit code: 0 not noticed, else which story and how it ended.
enum How { kNone = 0, kFails = 1, kAsserts = 2, kHangs = 3 };
int code_of(std::size_t story, How how) {
  return how == kNone ? 0 : static_cast<int>(4 * story + how);
}
std::string text_of(int code) {
  static const char* const how[] = {"", "", " (assert)", " (hangs)"};
  return code == 0 ? "" : std::string("Engine.") + kStories[code / 4].name + how[code % 4];
}

// In a child: asserts may end it, a bug may make it run long.
How tell(unsigned mutant, const StoryOfList& story) {
  const pid_t child = fork();
  if (child == 0) {
    itimerval limit{};
    limit.it_value.tv_sec = kSeconds;
    setitimer(ITIMER_VIRTUAL, &limit, nullptr);
    if (!std::freopen("/dev/null", "w", stdout) || !std::freopen("/dev/null", "w", stderr)) std::abort();
    RtlCard::planted = mutant;
    testing::GTEST_FLAG(filter) = std::string("Engine.") + story.name;
    setenv("NVTEE_ENGINE_ROUNDS", std::to_string(story.rounds).c_str(), 1);
    testing::UnitTest::GetInstance()->listeners().Append(new EndAtFailure);
    _exit(RUN_ALL_TESTS() == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGVTALRM ? kHangs : kAsserts;
  return WEXITSTATUS(status) == 0 ? kNone : kFails;
}
int noticed_by(unsigned mutant, const std::string& stories) {
  for (std::size_t i = 0; i < std::size(kStories); ++i) {
    if (!stories.empty() && stories.find(kStories[i].name) == std::string::npos) continue;
    if (const How how = tell(mutant, kStories[i]); how != kNone) return code_of(i, how);
  }
  return 0;
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

struct Choice {
  std::string list;
  std::size_t sample = 0, jobs = 1;
  bool clean = true;
  std::string stories;  // empty: all
};

void print(const Mutant& m, int by) {
  std::printf("| %s | %s | %s | %s | %s |\n", m.kernel.c_str(), m.rule.c_str(), m.place.c_str(),
              m.which.c_str(), by == 0 ? "NOT CAUGHT" : text_of(by).c_str());
  std::fflush(stdout);
}

// Up to `jobs` at once; printed as they end. Returns how many were not noticed.
std::size_t run_all(const std::vector<Mutant>& all, std::size_t jobs, const std::string& stories) {
  std::map<pid_t, const Mutant*> under_way;
  std::size_t missed = 0;
  for (std::size_t next = 0; next < all.size() || !under_way.empty();) {
    if (next < all.size() && under_way.size() < jobs) {
      const pid_t child = fork();
      if (child == 0) _exit(noticed_by(all[next].id, stories));
      under_way[child] = &all[next++];
      continue;
    }
    int status = 0;
    const auto it = under_way.find(wait(&status));
    if (it == under_way.end()) continue;
    print(*it->second, WEXITSTATUS(status));
    missed += WEXITSTATUS(status) == 0 ? 1 : 0;
    under_way.erase(it);
  }
  return missed;
}

int run(const Choice& c) {
  if (const int clean = c.clean ? noticed_by(0, c.stories) : 0; clean != 0) {
    std::printf("engine without a planted bug: fails in %s\n", text_of(clean).c_str());
    return 1;
  }
  const std::vector<Mutant> all = read_list(c.list);
  const std::size_t n = c.sample == 0 ? all.size() : std::min(c.sample, all.size());
  std::vector<Mutant> chosen;
  for (std::size_t i = 0; i < n; ++i) chosen.push_back(all[i * all.size() / n]);
  const std::size_t missed = run_all(chosen, std::max<std::size_t>(1, c.jobs), c.stories);
  std::printf("engine: %zu of %zu planted bugs caught\n", n - missed, n);
  return n == 0 || missed != 0 ? 1 : 0;
}

}  // namespace
}  // namespace nvtee::cosim

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  nvtee::cosim::Choice c;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--sample" && i + 1 < argc) {
      c.sample = std::strtoul(argv[++i], nullptr, 0);
    } else if (a == "--jobs" && i + 1 < argc) {
      c.jobs = std::strtoul(argv[++i], nullptr, 0);
    } else if (a == "--stories" && i + 1 < argc) {
      c.stories = argv[++i];
    } else if (a == "--no-clean") {
      c.clean = false;
    } else {
      c.list = a;
    }
  }
  return nvtee::cosim::run(c);
}
