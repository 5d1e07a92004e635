// When a loop stood still, and for how long: what a deadline that began at some moment is to be forgiven.
#pragma once

#include <array>

#include "runtime/base/time.hpp"

namespace nvtee::net {

class PauseLog {
 public:
  // A pause of `length` ended at `now`. Times never go back.
  void add(Time now, Duration length) {
    ring_[next_ % kKept] = {now, total_};
    ++next_;
    total_ += length;
  }
  Duration total() const { return total_; }
  // Sum of the pauses that ended after `begin` (of the last 32: a deadline that outlives more is not helped
  // by the older ones).
  Duration since(Time begin) const {
    Duration forgiven = 0;
    for (unsigned i = 1; i <= kKept && i <= next_; ++i) {
      const Pause& p = ring_[(next_ - i) % kKept];
      if (p.end <= begin) break;
      forgiven = total_ - p.total_before;
    }
    return forgiven;
  }

 private:
  static constexpr unsigned kKept = 32;
  struct Pause {
    Time end;
    Duration total_before;
  };
  std::array<Pause, kKept> ring_{};
  unsigned next_ = 0;
  Duration total_ = 0;
};

}  // namespace nvtee::net
