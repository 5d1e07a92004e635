// How long to poll before sleeping: as long as it has paid lately, never longer than the bound.
//
// A sleep costs both sides: the sleeper a wake-up's latency, the waker a signal to a halted core, which in a
// virtual machine is worth many system calls. Polling pays when the next event is near. Waits under load come
// in kinds (for a peer's answer: short; for the host's next batch: long), so one long wait says little: each
// wait that ended within the bound buys polling for the next few, long ones use that up. Who is idle never
// polls.
#pragma once

#include "runtime/base/time.hpp"

namespace nvtee::net {

class BusyPoll {
 public:
  explicit BusyPoll(Duration bound) : bound_(bound) {}

  // How long to poll this time: the bound or nothing.
  Duration window() const { return credit_ != 0 ? bound_ : 0; }
  // A wait is over that took `took` in all, polling included, and ended by an event.
  void event_after(Duration took) {
    if (took <= bound_) {
      credit_ = kCredit;
    } else {
      nothing_in(took);
    }
  }
  // A wait is over in which nothing came.
  void nothing_in(Duration took) {
    if (took > bound_ && credit_ != 0) --credit_;
  }

 private:
  static constexpr unsigned kCredit = 8;  // waits: the least share of short ones that is worth polling for

  Duration bound_;
  unsigned credit_ = 0;
};

}  // namespace nvtee::net
