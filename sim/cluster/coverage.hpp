// Which (state of the protocol x class of fault) pairs were met.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/core/machine_states.hpp"
#include "sim/cluster/plan.hpp"

namespace nvtee::cluster {

class Coverage {
 public:
  Coverage() : cells_(core::kMachineStates * kFaultKinds) {}
  void hit(unsigned state, FaultKind kind) { ++cells_[state * kFaultKinds + static_cast<unsigned>(kind)]; }
  void hit_all(const core::MachineStates& now, FaultKind kind) {
    for (unsigned s = 0; s < core::kMachineStates; ++s)
      if (now.test(s)) hit(s, kind);
  }
  void add(const Coverage& other) {
    for (std::size_t i = 0; i < cells_.size(); ++i) cells_[i] += other.cells_[i];
  }
  const std::vector<std::uint32_t>& cells() const { return cells_; }
  void add_cell(std::size_t i, std::uint32_t n) { cells_[i] += n; }
  // A summary, the states that nobody can meet, and the cells that were met less than once in 1,000 of
  // `seeds`.
  std::string print(std::uint64_t seeds) const;
  std::string contradictions() const;  // states met that cannot be (core::machine_state_passes)

 private:
  std::vector<std::uint32_t> cells_;
};

}  // namespace nvtee::cluster
