#include "sim/cluster/coverage.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nvtee::cluster {

std::string Coverage::print(std::uint64_t seeds) const {
  const std::uint64_t enough = std::max<std::uint64_t>(seeds / 1000, 1);
  std::uint64_t total = 0, met = 0, often = 0, possible = 0;
  std::string seldom, passing;
  for (unsigned s = 0; s < core::kMachineStates; ++s) {
    if (const char* why = core::machine_state_passes(s)) {
      passing += fmt::format("  {:22}: {}\n", core::machine_state_name(s), why);
      continue;
    }
    std::string line;
    for (unsigned k = 0; k < kFaultKinds; ++k) {
      const auto n = cells_[s * kFaultKinds + k];
      total += n;
      ++possible;
      met += n != 0 ? 1 : 0;
      often += n >= enough ? 1 : 0;
      if (n < enough) line += fmt::format(" {} {}", fault_name(static_cast<FaultKind>(k)), n);
    }
    if (!line.empty()) seldom += fmt::format("  {:22}:{}\n", core::machine_state_name(s), line);
  }
  return fmt::format(
      "{} of {} (state x fault class) cells met, {} of them {} times or more; {} hits\n"
      "states that last no longer than one step, so that no fault can come in them:\n{}"
      "met less than {} times:\n{}",
      met, possible, often, enough, total, passing, enough, seldom.empty() ? "  none\n" : seldom);
}

std::string Coverage::contradictions() const {
  std::string out;
  for (unsigned s = 0; s < core::kMachineStates; ++s)
    for (unsigned k = 0; k < kFaultKinds; ++k)
      if (core::machine_state_passes(s) != nullptr && cells_[s * kFaultKinds + k] != 0)
        out += core::machine_state_name(s) + " ";
  return out;
}

}  // namespace nvtee::cluster
