#include <fmt/format.h>

#include <cstdio>

#include "sim/cluster/world.hpp"

int main(int argc, char** argv) {
  using namespace nvtee::cluster;
  const std::uint64_t base = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const std::uint64_t n = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  Coverage cov;
  std::uint64_t events = 0, ops = 0, faults = 0, bad = 0, vt = 0;
  for (std::uint64_t s = base; s < base + n; ++s) {
    const Plan p = make_plan(s);
    auto r = run_plan(p, n == 1, &cov);
    events += r.events, ops += r.ops, faults += r.faults, vt += r.virtual_time;
    if (n == 1) std::fputs(r.trace.c_str(), stdout);
    if (!r.failure.empty()) ++bad, std::fprintf(stderr, "%lu: %s\n", s, r.failure.c_str());
    if (n == 1) std::fprintf(stderr, "%shash %lx\n", describe(p).c_str(), r.hash);
  }
  std::fprintf(stderr, "%lu seeds %lu bad; events %lu ops %lu faults %lu virtual %.1f s\n", n, bad, events,
               ops, faults, double(vt) / 1e9);
  if (n > 1 && argc > 3) std::fputs(cov.print().c_str(), stderr);
}
