// When a peer dies, each of its legs is lost on a connection of its own and each namespace wants its epoch
// made durable. One transaction for all of them (DESIGN §6, Metadata store) needs somebody who knows that
// more will follow: this is he. No I/O, no clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/base/check.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/base/time.hpp"

namespace nvtee::dataplane {

// Namespaces by their index in the engine, 0-63. `Work` is what waits: a commit.
template <typename Work>
class LossGroup {
 public:
  using Mask = std::uint64_t;
  // How long the group waits for the next loss or commit that should follow, and for all of them: a process
  // that is killed closes hundreds of connections within a few milliseconds. It counts into the gap that
  // hosts see.
  static constexpr Duration kPatience = 10 * kMillisecond, kPatienceInAll = 50 * kMillisecond;

  // Namespace `ns` lost its leg on a peer that carries legs of `expected` (bits). Those not lost yet are
  // waited for, unless `ns` is the only one.
  void lost(unsigned ns, Mask expected, Time now) {
    NVTEE_CHECK(ns < limits::kNamespaces, "namespaces are counted from 0 to 63");
    if ((expected & ~bit(ns)) == 0 && expected_ == 0) return;
    if (!open()) limit_ = now + kPatienceInAll;
    wait(now);
    expected_ |= expected | bit(ns);
    lost_ |= bit(ns);
  }
  // Whether what this namespace wants to commit belongs to the group. Everything that a namespace of the
  // group commits does: its commits keep their order.
  bool takes(unsigned ns) const { return (lost_ & bit(ns)) != 0; }
  void add(unsigned ns, Work work, Time now) {
    NVTEE_CHECK(takes(ns), "only commits of the group's namespaces wait with it");
    wait(now);
    held_ |= bit(ns);
    work_.push_back(std::move(work));
  }
  // Nobody will lose a leg or commit for this namespace any more (it was removed).
  void forget(unsigned ns) {
    expected_ &= ~bit(ns);
    lost_ &= ~bit(ns);
    held_ &= ~bit(ns);
  }
  bool open() const { return expected_ != 0 || !work_.empty(); }
  bool due(Time now) const { return open() && ((expected_ & ~held_) == 0 || now >= until_); }
  Time until() const { return until_; }  // moves with each loss and commit
  // All that waited, in order; the group is over.
  std::vector<Work> take() {
    expected_ = lost_ = held_ = 0;
    return std::exchange(work_, {});
  }

 private:
  static Mask bit(unsigned ns) { return Mask{1} << ns; }
  void wait(Time now) { until_ = std::min(now + kPatience, limit_); }

  Mask expected_ = 0, lost_ = 0, held_ = 0;  // subsets of each other, from the left
  Time until_ = 0, limit_ = 0;
  std::vector<Work> work_;
};

}  // namespace nvtee::dataplane
