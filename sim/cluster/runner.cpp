#include "sim/cluster/runner.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace nvtee::cluster {
namespace {

double cpu_now() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

// What a process found, as lines.
void tell(std::FILE* out, const Summary& s) {
  std::fprintf(out, "S %llu %llu %llu %llu %.3f %.3f\n", static_cast<unsigned long long>(s.seeds),
               static_cast<unsigned long long>(s.events), static_cast<unsigned long long>(s.ops),
               static_cast<unsigned long long>(s.crashes), s.virtual_seconds, s.cpu_seconds);
  for (std::size_t i = 0; i < s.faults.size(); ++i)
    if (s.faults[i] != 0) std::fprintf(out, "H %zu %llu\n", i, static_cast<unsigned long long>(s.faults[i]));
  const auto& cells = s.coverage.cells();
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (cells[i] != 0) std::fprintf(out, "C %zu %u\n", i, cells[i]);
  for (const auto& f : s.failures)
    std::fprintf(out, "F %llu %u %s\n", static_cast<unsigned long long>(f.seed), f.property, f.text.c_str());
}

void hear(std::FILE* in, Summary& to) {
  char* line = nullptr;
  std::size_t size = 0;
  while (getline(&line, &size, in) > 0) {
    unsigned long long a = 0, b = 0, c = 0, d = 0;
    double v = 0, w = 0;
    int at = 0;
    if (std::sscanf(line, "S %llu %llu %llu %llu %lf %lf", &a, &b, &c, &d, &v, &w) == 6) {
      to.seeds += a, to.events += b, to.ops += c, to.crashes += d;
      to.virtual_seconds += v, to.cpu_seconds += w;
    } else if (std::sscanf(line, "H %llu %llu", &a, &b) == 2) {
      to.faults[a] += b;
    } else if (std::sscanf(line, "C %llu %llu", &a, &b) == 2) {
      to.coverage.add_cell(a, static_cast<std::uint32_t>(b));
    } else if (std::sscanf(line, "F %llu %llu %n", &a, &b, &at) == 2) {
      std::string text(line + at);
      while (!text.empty() && text.back() == '\n') text.pop_back();
      to.failures.push_back({a, static_cast<unsigned>(b), text});
    }
  }
  std::free(line);
}

Summary run_some(const RunOptions& o, unsigned which) {
  Summary s;
  const double from = cpu_now();
  for (std::uint64_t i = which; i < o.count && s.failures.size() < o.most_failures; i += o.processes) {
    const std::uint64_t seed = o.base + i;
    const Plan plan = o.story != StoryKind::kNone ? make_story_plan(seed, o.story)
                      : o.liars                   ? make_liar_plan(seed)
                                                  : make_plan(seed);
    const Result r = run_plan(plan, false, &s.coverage);
    ++s.seeds;
    s.events += r.events;
    s.ops += r.ops;
    s.crashes += r.crashes;
    s.virtual_seconds += static_cast<double>(r.virtual_time) / 1e9;
    ++s.faults[std::min<std::uint64_t>(r.faults, s.faults.size() - 1)];
    if (!r.failure.empty()) s.failures.push_back({seed, r.property, r.failure});
  }
  s.cpu_seconds = cpu_now() - from;
  return s;
}

}  // namespace

unsigned Summary::median_faults() const {
  std::uint64_t left = seeds / 2;
  for (unsigned i = 0; i < faults.size(); ++i) {
    if (left < faults[i]) return i;
    left -= faults[i];
  }
  return 0;
}

std::string Summary::print() const {
  return fmt::format(
      "{} seeds, {} failures; {} host commands, {} events, {} crashes of the node; {:.0f} s of virtual time "
      "in "
      "{:.1f} s of CPU ({:.0f} x real time); median {} faults a run",
      seeds, failures.size(), ops, events, crashes, virtual_seconds, cpu_seconds,
      cpu_seconds > 0 ? virtual_seconds / cpu_seconds : 0, median_faults());
}

Summary run_seeds(const RunOptions& options) {
  Summary all;
  std::vector<std::pair<pid_t, std::FILE*>> children;
  for (unsigned i = 0; i < options.processes; ++i) {
    int fds[2];
    if (pipe(fds) != 0) break;
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
      close(fds[0]);
      std::FILE* out = fdopen(fds[1], "w");
      tell(out, run_some(options, i));
      std::fclose(out);
      _exit(0);
    }
    close(fds[1]);
    children.emplace_back(pid, fdopen(fds[0], "r"));
  }
  for (auto& [pid, in] : children) {
    hear(in, all);
    std::fclose(in);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
      all.failures.push_back(
          {0, 0, fmt::format("a process of the simulator ended with status {:#x}", status)});
  }
  std::sort(all.failures.begin(), all.failures.end(),
            [](const auto& a, const auto& b) { return a.seed < b.seed; });
  return all;
}

Caught hunt(std::uint64_t base, std::uint64_t most, const std::function<Plan(std::uint64_t)>& plan) {
  Caught c;
  for (std::uint64_t i = 0; i < most; ++i) {
    const Result r = run_plan(plan(base + i));
    if (r.failure.empty()) continue;
    c.seeds = i + 1;
    c.property = r.property;
    c.text = r.failure;
    return c;
  }
  return c;
}

}  // namespace nvtee::cluster
