// How long to poll before sleeping: as long as it has paid lately, never longer than the bound.
//
// A sleep costs both sides: the sleeper a wake-up's latency, the waker a signal to a halted core, which in a
// virtual machine is worth many system calls. Polling pays when the next event is near. So the window grows
// when a sleep ended within the bound (polling would have caught it) and shrinks when the wait outlasted the
// bound: who is idle never polls.
#pragma once

#include <algorithm>

#include "runtime/base/time.hpp"

namespace nvtee::net {

class BusyPoll {
 public:
  explicit BusyPoll(Duration bound) : bound_(bound) {}

  // How long to poll this time.
  Duration window() const { return window_; }
  // A wait is over that took `took` in all, polling included, and ended by an event.
  void event_after(Duration took) {
    if (took > bound_) return shrink();
    if (took > window_) window_ = std::min(bound_, std::max(2 * window_, kFirst));
  }
  // A wait is over in which nothing came.
  void nothing_in(Duration took) {
    if (took > bound_) shrink();
  }

 private:
  static constexpr Duration kFirst = 10 * kMicrosecond;
  void shrink() { window_ = window_ > kFirst ? window_ / 2 : 0; }

  Duration bound_;
  Duration window_ = 0;
};

}  // namespace nvtee::net
