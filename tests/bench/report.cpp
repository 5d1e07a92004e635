#include "tests/bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace nvtee::bench {

using nlohmann::json;

Spread spread(std::vector<double> v) {
  if (v.empty()) return {};
  std::sort(v.begin(), v.end());
  return {v.front(), v[v.size() / 2], v.back()};
}

namespace {

template <class F>
Spread over(const std::vector<Sample>& samples, F value) {
  std::vector<double> v;
  for (const Sample& s : samples) v.push_back(value(s));
  return spread(v);
}

template <class F>
Spread pairwise(const Row& row, F value) {
  std::vector<double> v;
  for (std::size_t i = 0; i < std::min(row.direct.size(), row.through.size()); ++i)
    v.push_back(value(row.direct[i], row.through[i]));
  return spread(v);
}

std::string verdict(const std::optional<double>& goal, double value, bool least) {
  if (!goal) return "";
  const bool met = least ? value >= *goal : value <= *goal;
  return fmt::format(" (goal {} {:.2f}: {})", least ? ">=" : "<=", *goal, met ? "met" : "MISSED");
}

void line(const std::string& name, const char* way, const std::vector<Sample>& samples, const Row& row) {
  const Spread iops = over(samples, [](const Sample& s) { return s.iops; });
  std::printf("| %s | %s | %.0f (%.0f..%.0f) | %.2f | %.0f | %.0f | %.2f | %.2f | %.2f | %s |\n",
              name.c_str(), way, iops.median, iops.low, iops.high,
              over(samples, [](const Sample& s) { return s.bytes_per_second / 1e9; }).median,
              over(samples, [](const Sample& s) { return s.p50_us; }).median,
              over(samples, [](const Sample& s) { return s.p99_us; }).median,
              over(samples, [](const Sample& s) { return s.host_cpu; }).median,
              over(samples, [](const Sample& s) { return s.node_cpu; }).median,
              over(samples, [](const Sample& s) { return s.target_cpu; }).median,
              way[0] == 'd' ? ""
                            : fmt::format("{:.2f}{}", row.ratio().median,
                                          verdict(row.goal_iops, row.ratio().median, true))
                                  .c_str());
}

json spread_json(const Spread& s) {
  return {{"low", s.low}, {"median", s.median}, {"high", s.high}};
}

json samples_json(const std::vector<Sample>& samples) {
  json out = json::array();
  for (const Sample& s : samples)
    out.push_back({{"iops", s.iops},
                   {"bytes_per_second", s.bytes_per_second},
                   {"p50_us", s.p50_us},
                   {"p99_us", s.p99_us},
                   {"cpu_us", {{"host", s.host_cpu}, {"nvteed", s.node_cpu}, {"target", s.target_cpu}}}});
  return out;
}

}  // namespace

Spread Row::ratio() const {
  return pairwise(*this, [](const Sample& d, const Sample& t) { return t.iops / d.iops; });
}
Spread Row::p50_ratio() const {
  return pairwise(*this, [](const Sample& d, const Sample& t) { return t.p50_us / d.p50_us; });
}
Spread Row::cpu_ratio() const {
  return pairwise(*this, [](const Sample& d, const Sample& t) { return t.node_cpu / d.target_cpu; });
}

void print_head() {
  std::printf(
      "| load | way | IOPS (low..high) | GB/s | p50 us | p99 us | host CPU us | nvteed CPU us | target CPU "
      "us | "
      "through/direct |\n|---|---|---|---|---|---|---|---|---|---|\n");
}

void print(const Row& row) {
  line(row.name, "direct", row.direct, row);
  line(row.name, "through", row.through, row);
  if (row.goal_p50)
    std::printf("  p50 through/direct: %.2f%s\n", row.p50_ratio().median,
                verdict(row.goal_p50, row.p50_ratio().median, false).c_str());
  if (row.goal_cpu)
    std::printf("  nvteed CPU / target CPU: %.2f%s\n", row.cpu_ratio().median,
                verdict(row.goal_cpu, row.cpu_ratio().median, false).c_str());
  std::fflush(stdout);
}

json to_json(const Row& row) {
  json j = {{"load", row.name},
            {"direct", samples_json(row.direct)},
            {"through", samples_json(row.through)},
            {"ratio_iops", spread_json(row.ratio())},
            {"ratio_p50", spread_json(row.p50_ratio())},
            {"ratio_cpu", spread_json(row.cpu_ratio())}};
  if (row.goal_iops) j["goal_iops"] = *row.goal_iops;
  if (row.goal_p50) j["goal_p50"] = *row.goal_p50;
  if (row.goal_cpu) j["goal_cpu"] = *row.goal_cpu;
  return j;
}

}  // namespace nvtee::bench
