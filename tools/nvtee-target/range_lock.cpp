#include "tools/nvtee-target/range_lock.hpp"

#include "runtime/base/check.hpp"

namespace nvtee::target {

bool RangeLock::acquire(RangeHold& hold) {
  NVTEE_CHECK(!hold.queued && hold.first <= hold.last, "a range is taken once at a time");
  hold.blockers = 0;
  for (const RangeHold* h = first_; h; h = h->next) hold.blockers += conflict(*h, hold);
  hold.queued = true;
  hold.next = nullptr;
  hold.prev = last_;
  (last_ ? last_->next : first_) = &hold;
  last_ = &hold;
  return hold.blockers == 0;
}

void RangeLock::release(RangeHold& hold) {
  NVTEE_CHECK(hold.queued, "only a queued range is released");
  unready(hold);
  // Only later ones can have counted this one as a blocker.
  for (RangeHold* h = hold.next; h; h = h->next) {
    if (h->blockers == 0 || !conflict(*h, hold) || --h->blockers != 0) continue;
    h->ready_next = nullptr;
    (ready_last_ ? ready_last_->ready_next : ready_first_) = h;
    ready_last_ = h;
  }
  (hold.prev ? hold.prev->next : first_) = hold.next;
  (hold.next ? hold.next->prev : last_) = hold.prev;
  hold.queued = false;
  hold.prev = hold.next = nullptr;
}

RangeHold* RangeLock::ready() {
  RangeHold* h = ready_first_;
  if (!h) return nullptr;
  ready_first_ = h->ready_next;
  if (!ready_first_) ready_last_ = nullptr;
  return h;
}

// A waiter that leaves between becoming ready and being told.
void RangeLock::unready(RangeHold& hold) {
  RangeHold* before = nullptr;
  for (RangeHold* h = ready_first_; h; before = h, h = h->ready_next) {
    if (h != &hold) continue;
    (before ? before->ready_next : ready_first_) = h->ready_next;
    if (ready_last_ == h) ready_last_ = before;
    return;
  }
}

}  // namespace nvtee::target
