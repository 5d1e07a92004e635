#include "sim/cluster/coverage.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nvtee::cluster {

std::string Coverage::print() const {
  std::uint64_t total = 0, met = 0;
  std::string never;
  for (unsigned s = 0; s < core::kMachineStates; ++s) {
    std::string line;
    for (unsigned k = 0; k < kFaultKinds; ++k) {
      const auto n = cells_[s * kFaultKinds + k];
      total += n;
      if (n != 0)
        ++met;
      else
        line += fmt::format(" {}", fault_name(static_cast<FaultKind>(k)));
    }
    if (!line.empty()) never += fmt::format("  {:22}:{}\n", core::machine_state_name(s), line);
  }
  return fmt::format("{} of {} (state x fault class) cells met, {} hits\nnever met:\n{}", met, cells_.size(),
                     total, never.empty() ? "  none\n" : never);
}

}  // namespace nvtee::cluster
