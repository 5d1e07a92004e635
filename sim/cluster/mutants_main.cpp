// ./dev sim --mutants: each planted bug is hunted; the table of docs/TESTING.md.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/core/planted.hpp"
#include "sim/cluster/core_config.hpp"
#include "sim/cluster/mutants.hpp"
#include "sim/cluster/runner.hpp"

namespace {

using namespace nvtee::cluster;

constexpr std::uint64_t kMost = 10'000;

void plant(const Planted& p) {
  nvtee::core::planted_bug = static_cast<nvtee::core::Bug>(p.control);
  CoreConfig::kMutant = p.core;
}

// In a process of its own: a bug may do anything. Line: "seeds property text".
std::FILE* start(Planted p, StoryKind story, std::uint64_t base, pid_t& pid) {
  int fds[2];
  if (pipe(fds) != 0) return nullptr;
  std::fflush(nullptr);
  pid = fork();
  if (pid == 0) {
    close(fds[0]);
    plant(p);
    if (story != StoryKind::kNone) p.story = story;
    const Caught c = hunt(base, kMost, [&p](std::uint64_t seed) { return p.plan(seed); });
    const std::string line = fmt::format("{} {} {}\n", c.seeds, c.property, c.text);
    const auto sent = write(fds[1], line.data(), line.size());
    _exit(sent == static_cast<ssize_t>(line.size()) ? 0 : 1);
  }
  close(fds[1]);
  return fdopen(fds[0], "r");
}

struct Hunt {
  const Planted* bug = nullptr;
  pid_t pid = 0;
  std::FILE* in = nullptr;
};

bool finish(Hunt& h, bool verbose) {
  unsigned long long seeds = 0;
  unsigned property = 0;
  int at = 0;
  char* line = nullptr;
  std::size_t size = 0;
  const bool got =
      getline(&line, &size, h.in) > 0 && std::sscanf(line, "%llu %u %n", &seeds, &property, &at) == 2;
  int status = 0;
  waitpid(h.pid, &status, 0);
  std::string text = got ? line + at : fmt::format("the process ended with status {:#x}\n", status);
  std::free(line);
  std::fclose(h.in);
  const bool caught = got && seeds != 0;
  if (!text.empty()) text.pop_back();
  std::printf(
      "| %s | %s | %s | %s |\n", h.bug->name, h.bug->what,
      caught ? (property != 0 ? fmt::format("P{}", property) : std::string("other")).c_str() : "not caught",
      caught ? std::to_string(seeds).c_str() : "-");
  if (verbose) std::printf("  %s\n", text.c_str());
  std::fflush(stdout);
  return caught;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t base = 1;
  std::string only;
  StoryKind story = StoryKind::kNone;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--base" && i + 1 < argc)
      base = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--only" && i + 1 < argc)
      only = argv[++i];
    else if (word == "--story" && i + 1 < argc)
      story = story_named(argv[++i]);
    else if (word == "--verbose")
      verbose = true;
    else
      return std::fputs("usage: cluster_mutants [--base B] [--only NAME] [--story NAME] [--verbose]\n",
                        stderr),
             2;
  }
  // The same build without a bug is clean: what is caught is not the build.
  const Caught none =
      only.empty() ? hunt(base, 300, [](std::uint64_t seed) { return make_plan(seed); }) : Caught{};
  if (none.seeds != 0) {
    std::printf("without any bug seed %llu fails: %s\n",
                static_cast<unsigned long long>(base + none.seeds - 1), none.text.c_str());
    return 1;
  }
  std::printf("| bug | what it is | property | seeds needed |\n|---|---|---|---|\n");
  Hunt running[2];
  unsigned missed = 0, turn = 0;
  for (const Planted& p : planted_bugs()) {
    if (!only.empty() && only != p.name) continue;
    Hunt& h = running[turn++ % 2];
    if (h.in != nullptr) missed += finish(h, verbose) ? 0 : 1;
    h.bug = &p;
    h.in = start(p, story, base, h.pid);
  }
  for (unsigned i = 0; i < 2; ++i) {
    Hunt& h = running[(turn + i) % 2];
    if (h.in != nullptr) missed += finish(h, verbose) ? 0 : 1;
  }
  if (missed != 0)
    std::printf("%u bugs were not caught within %llu seeds\n", missed,
                static_cast<unsigned long long>(kMost));
  return missed == 0 ? 0 : 1;
}
