// Change counts of the ANA log (LID 0Ch): kept for the subsystem, so that all controllers report the same.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "runtime/nvmf/front/model.hpp"

namespace nvtee::nvmf {

class AnaHistory {
 public:
  struct Group {
    std::uint64_t change_count = 1;
    std::uint8_t state = 0;
    std::vector<std::uint32_t> nsids;  // ascending
    bool same(const Group& o) const { return state == o.state && nsids == o.nsids; }
  };

  // Takes over what the model says now. A group that differs from the last time gets the new change count.
  // All namespaces of a group have one state; should the model disagree with itself, its lowest NSID decides.
  void update(const SubsystemModel& model);

  std::uint64_t change_count() const { return change_count_; }
  const std::map<std::uint32_t, Group>& groups() const { return groups_; }

 private:
  std::uint64_t change_count_ = 0;
  std::map<std::uint32_t, Group> groups_;  // ascending group id; only groups that have namespaces
};

}  // namespace nvtee::nvmf
