// What the open set costs: the same random writes on working sets of a half of its cap and of four times it.
//   ./dev bench open-set [CAP_MIB [SECONDS]]     (64, 10)
// Real processes on loopback: two nvtee-targets in memory files, one nvteed, nvtee-host. Printed are misses
// (a write to a region that is not open yet), closes, and what a write takes. docs/PERFORMANCE.md has a table
// of these.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/e2e/cluster.hpp"

namespace nvtee::e2e {
namespace {

struct Figures {
  std::uint64_t misses = 0, closes = 0, open_mib = 0;
};

Figures figures(const Cluster& c) {
  Figures f;
  const auto s = c.status();
  if (!s.is_object() || s["namespaces"].empty()) return f;
  const auto& ns = s["namespaces"][0];
  f.misses = ns["region_misses"].get<std::uint64_t>();
  f.closes = ns["region_closes"].get<std::uint64_t>();
  f.open_mib = ns["open_bytes"].get<std::uint64_t>() >> 20;
  return f;
}

bool measure(Cluster& c, const char* what, unsigned mib, unsigned seconds) {
  const Figures before = figures(c);
  const std::string name = "load-" + std::to_string(mib);
  Process load =
      c.load(name, {"--mix", "write=100", "--bs", "4k", "--depth", "16", "--queues", "2", "--range",
                    "0:" + std::to_string(mib) + "m", "--time", std::to_string(seconds) + "s"});
  if (!load.wait(Seconds(seconds + 300)) || load.code() != 0) {
    std::fprintf(stderr, "the load failed:\n%s%s", c.log(name).c_str(), c.log("nvteed").c_str());
    return false;
  }
  const Figures after = figures(c);
  const auto all = c.report(name)["all"];
  const double ops = all["ops"].get<double>();
  const auto misses = after.misses - before.misses;
  std::printf("| %s | %u MiB | %.0f | %llu | %.2f %% | %llu | %llu MiB | %.0f | %.0f | %.0f |\n", what, mib,
              all["iops"].get<double>(), static_cast<unsigned long long>(misses),
              ops > 0 ? 100.0 * static_cast<double>(misses) / ops : 0.0,
              static_cast<unsigned long long>(after.closes - before.closes),
              static_cast<unsigned long long>(after.open_mib), all["latency_us"]["mean"].get<double>(),
              all["latency_us"]["p50"].get<double>(), all["latency_us"]["p99"].get<double>());
  std::fflush(stdout);
  return true;
}

int bench(unsigned cap, unsigned seconds) {
  ClusterOptions o;
  o.targets = 2;
  o.target.size = std::to_string(cap * 4) + "M";
  o.extra_config = "[limits]\nopen_max = \"" + std::to_string(cap) + "MiB\"\n";
  Cluster c(o);
  c.start_daemon();
  if (!c.wait_health("ok", Seconds(60))) return 1;
  std::printf(
      "| working set | size | writes a second | misses | of the writes | closes | open at the end | mean us "
      "| "
      "p50 us | p99 us |\n|---|---|---|---|---|---|---|---|---|---|\n");
  // The first writes to a region are misses however small the set is: they are not what is asked here.
  if (!measure(c, "0.5 x cap, first", cap / 2, seconds)) return 1;
  if (!measure(c, "0.5 x cap", cap / 2, seconds)) return 1;
  if (!measure(c, "4 x cap", cap * 4, seconds)) return 1;
  return c.stop_daemon() ? 0 : 1;
}

}  // namespace
}  // namespace nvtee::e2e

int main(int argc, char** argv) {
  const unsigned cap = argc > 1 ? static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)) : 64;
  const unsigned seconds = argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 10;
  if (cap < 2 || seconds == 0)
    return std::fputs("usage: ./dev bench open-set [CAP_MIB [SECONDS]]\n", stderr), 2;
  return nvtee::e2e::bench(cap, seconds);
}
