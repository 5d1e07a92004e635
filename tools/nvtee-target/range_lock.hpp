// Fair reader/writer locks over block ranges: who comes first goes first wherever ranges overlap.
#pragma once

#include <cstdint>

namespace nvtee::target {

// One holder or waiter; part of its command, nothing is allocated.
struct RangeHold {
  std::uint64_t first = 0, last = 0;  // inclusive
  bool exclusive = false;
  bool queued = false;    // in the lock's list: holding or waiting
  unsigned blockers = 0;  // earlier overlapping ones that are still queued; 0 = held
  void* owner = nullptr;
  RangeHold* prev = nullptr;
  RangeHold* next = nullptr;
  RangeHold* ready_next = nullptr;
};

class RangeLock {
 public:
  // True: held now. False: it waits; release() of the last blocker hands it out through ready().
  bool acquire(RangeHold& hold);
  // Gives up a held range, or leaves the wait.
  void release(RangeHold& hold);
  // Takes one hold that came to be held by somebody's release(), or nullptr. Call after release() until
  // empty.
  RangeHold* ready();
  bool empty() const { return !first_; }

 private:
  static bool conflict(const RangeHold& a, const RangeHold& b) {
    return (a.exclusive || b.exclusive) && a.first <= b.last && b.first <= a.last;
  }
  void unready(RangeHold& hold);

  RangeHold* first_ = nullptr;  // in order of arrival
  RangeHold* last_ = nullptr;
  RangeHold* ready_first_ = nullptr;
  RangeHold* ready_last_ = nullptr;
};

}  // namespace nvtee::target
