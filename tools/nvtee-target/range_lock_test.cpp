#include "tools/nvtee-target/range_lock.hpp"

#include <gtest/gtest.h>

#include <list>
#include <random>
#include <vector>

namespace nvtee::target {
namespace {

RangeHold range(std::uint64_t first, std::uint64_t last, bool exclusive) {
  RangeHold h;
  h.first = first;
  h.last = last;
  h.exclusive = exclusive;
  return h;
}

TEST(RangeLock, ReadersShareWritersDoNot) {
  RangeLock lock;
  RangeHold r1 = range(0, 9, false), r2 = range(5, 14, false), w = range(9, 9, true),
            far = range(20, 30, true);
  EXPECT_TRUE(lock.acquire(r1));
  EXPECT_TRUE(lock.acquire(r2));
  EXPECT_FALSE(lock.acquire(w));
  EXPECT_TRUE(lock.acquire(far));
  lock.release(r1);
  EXPECT_EQ(lock.ready(), nullptr);
  lock.release(r2);
  EXPECT_EQ(lock.ready(), &w);
  EXPECT_EQ(lock.ready(), nullptr);
  lock.release(w);
  lock.release(far);
  EXPECT_TRUE(lock.empty());
}

TEST(RangeLock, ALateReaderDoesNotOvertakeAWaitingWriter) {
  RangeLock lock;
  RangeHold r1 = range(0, 0, false), w = range(0, 0, true), r2 = range(0, 0, false);
  EXPECT_TRUE(lock.acquire(r1));
  EXPECT_FALSE(lock.acquire(w));
  EXPECT_FALSE(lock.acquire(r2));
  lock.release(r1);
  EXPECT_EQ(lock.ready(), &w);
  EXPECT_EQ(lock.ready(), nullptr);
  lock.release(w);
  EXPECT_EQ(lock.ready(), &r2);
  lock.release(r2);
}

TEST(RangeLock, AWaiterMayLeave) {
  RangeLock lock;
  RangeHold a = range(0, 5, true), b = range(3, 8, true), c = range(7, 9, true);
  EXPECT_TRUE(lock.acquire(a));
  EXPECT_FALSE(lock.acquire(b));
  EXPECT_FALSE(lock.acquire(c));
  lock.release(b);  // while waiting: c only waited for b
  EXPECT_EQ(lock.ready(), &c);
  lock.release(a);
  lock.release(c);
  EXPECT_TRUE(lock.empty());
}

TEST(RangeLock, LeavingBetweenReadyAndTold) {
  RangeLock lock;
  RangeHold a = range(0, 0, true), b = range(0, 0, true), c = range(0, 0, true);
  lock.acquire(a);
  lock.acquire(b);
  lock.acquire(c);
  lock.release(a);  // b is ready, nobody has been told
  lock.release(b);
  EXPECT_EQ(lock.ready(), &c);
  EXPECT_EQ(lock.ready(), nullptr);
  lock.release(c);
}

// Against a model: never two conflicting holders, never out of order, nobody is left waiting.
TEST(RangeLock, RandomAgainstModel) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    RangeLock lock;
    struct Item {
      RangeHold hold;
      bool held = false;
    };
    std::list<Item> items;  // queued, in order of arrival
    const auto check = [&] {
      for (auto i = items.begin(); i != items.end(); ++i) {
        bool blocked = false;
        for (auto j = items.begin(); j != i; ++j)
          blocked |= (i->hold.exclusive || j->hold.exclusive) && i->hold.first <= j->hold.last &&
                     j->hold.first <= i->hold.last;
        ASSERT_EQ(i->held, !blocked);
      }
    };
    for (int step = 0; step < 100; ++step) {
      if (items.empty() || random() % 2 != 0) {
        items.emplace_back();
        Item& it = items.back();
        it.hold = range(random() % 20, 0, random() % 2 != 0);
        it.hold.last = it.hold.first + random() % 6;
        it.hold.owner = &it;
        it.held = lock.acquire(it.hold);
      } else {
        auto it = std::next(items.begin(), static_cast<long>(random() % items.size()));
        lock.release(it->hold);
        items.erase(it);
        while (RangeHold* h = lock.ready()) static_cast<Item*>(h->owner)->held = true;
      }
      check();
    }
    while (!items.empty()) {
      lock.release(items.front().hold);
      items.pop_front();
      while (RangeHold* h = lock.ready()) static_cast<Item*>(h->owner)->held = true;
      check();
    }
    EXPECT_TRUE(lock.empty());
  }
}

}  // namespace
}  // namespace nvtee::target
