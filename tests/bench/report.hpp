// Rows of samples, their medians and ranges, as a table and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/rig.hpp"

namespace nvtee::bench {

struct Spread {
  double low = 0, median = 0, high = 0;
};
Spread spread(std::vector<double> values);

// One comparison: the same load direct and through the node, round by round.
struct Row {
  std::string name;
  Load load;
  unsigned node = 0;
  std::vector<Sample> direct, through;
  std::optional<double> goal_iops;  // least ratio of IOPS (or bandwidth), through / direct
  std::optional<double> goal_p50;   // largest ratio of p50
  std::optional<double> goal_cpu;   // largest ratio of the node's CPU to the direct target's

  Spread ratio() const;      // of IOPS, pairwise
  Spread p50_ratio() const;  // pairwise
  Spread cpu_ratio() const;  // node's CPU per command / that of the target when loaded directly
};

void print_head();
void print(const Row& row);
nlohmann::json to_json(const Row& row);

}  // namespace nvtee::bench
