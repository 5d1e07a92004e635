#include "runtime/nvmf/front/ana_history.hpp"

#include "runtime/base/check.hpp"

namespace nvtee::nvmf {

void AnaHistory::update(const SubsystemModel& model) {
  std::map<std::uint32_t, Group> now;
  for (const auto& [nsid, ns] : model.namespaces) {
    NVTEE_CHECK(!model.ana || ns.ana_group != 0, "ANA group ids start at 1");
    Group& g = now[ns.ana_group];
    if (g.nsids.empty()) g.state = ns.ana_state;
    g.nsids.push_back(nsid);
  }
  bool changed = now.size() != groups_.size();
  for (auto& [id, g] : now) {
    const auto old = groups_.find(id);
    const bool same = old != groups_.end() && old->second.same(g);
    g.change_count = same ? old->second.change_count : change_count_ + 1;
    changed |= !same;
  }
  if (changed) ++change_count_;
  groups_ = std::move(now);
}

}  // namespace nvtee::nvmf
