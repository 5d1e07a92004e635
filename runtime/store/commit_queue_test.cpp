#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "runtime/base/limits.hpp"
#include "runtime/store/memory_store.hpp"

namespace nvtee::store {
namespace {

// A store that waits at its first commit, so that what is submitted meanwhile must share the next.
class Blocked {
 public:
  explicit Blocked(MemoryStore& store) {
    store.on_commit([this](const Transaction&) {
      std::unique_lock lock(mutex_);
      ++commits_;
      wake_.notify_all();
      wake_.wait(lock, [this] { return open_; });
      return verdict_;
    });
  }
  void wait_for_commit() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return commits_ > 0; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    wake_.notify_all();
  }
  void fail() {
    const std::lock_guard lock(mutex_);
    verdict_.error = Error{"broken", "", 0};
  }
  unsigned commits() {
    const std::lock_guard lock(mutex_);
    return commits_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool open_ = false;
  unsigned commits_ = 0;
  MemoryStore::Verdict verdict_;
};

Transaction put(const Bytes& key, const Bytes& value) {
  Transaction t;
  t.puts = {{key, value}};
  return t;
}

TEST(CommitQueue, WhatWaitsTogetherIsOneCommit) {
  MemoryStore store;
  Blocked blocked(store);
  std::vector<int> order;
  {
    CommitQueue queue(store);
    const auto note = [&order](int i) {
      return [&order, i](Result<Outcome> r) {
        EXPECT_TRUE(r && *r == Outcome::kCommitted);
        order.push_back(i);
      };
    };
    queue.submit(put("a", "0"), note(0));
    blocked.wait_for_commit();
    for (int i = 1; i <= 20; ++i) queue.submit(put("k" + std::to_string(i % 3), std::to_string(i)), note(i));
    blocked.open();
  }
  EXPECT_EQ(blocked.commits(), 2u);
  ASSERT_EQ(order.size(), 21u);
  for (int i = 0; i <= 20; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_EQ((*store.list("k2"))[0].value, "20");  // the last one stands
  EXPECT_EQ((*store.list("k1"))[0].value, "19");
}

TEST(CommitQueue, WhatIsSubmittedTogetherIsOneCommit) {
  MemoryStore store;
  Blocked blocked(store);
  unsigned done = 0;
  {
    CommitQueue queue(store);
    std::vector<CommitQueue::Item> items;
    for (int i = 0; i < 64; ++i)
      items.push_back({put(std::to_string(i), ""), [&](const Result<Outcome>&) { ++done; }});
    queue.submit(std::move(items));
    blocked.wait_for_commit();
    blocked.open();
  }
  EXPECT_EQ(done, 64u);
  EXPECT_EQ(blocked.commits(), 1u);
}

// reaches: store.commit
TEST(CommitQueue, OneCommitTakesABoundedNumber) {
  MemoryStore store;
  Blocked blocked(store);
  unsigned done = 0;  // on the queue's thread; read after it has ended
  {
    CommitQueue queue(store);
    queue.submit(put("first", ""), [&](Result<Outcome>) { ++done; });
    blocked.wait_for_commit();
    for (std::size_t i = 0; i <= limits::kCommitItems; ++i)
      queue.submit(put(std::to_string(i), ""), [&](Result<Outcome>) { ++done; });
    blocked.open();
  }
  EXPECT_EQ(done, limits::kCommitItems + 2);
  EXPECT_EQ(blocked.commits(), 3u) << "the first, a full one, the rest";
}

TEST(CommitQueue, ConditionsSeeTheWritesBeforeThem) {
  MemoryStore store;
  Blocked blocked(store);
  std::vector<Outcome> got;
  {
    CommitQueue queue(store);
    const auto note = [&got](Result<Outcome> r) { got.push_back(*r); };
    queue.submit(put("x", "0"), note);
    blocked.wait_for_commit();
    Transaction cas;
    cas.conditions = {{"e", std::nullopt}};
    cas.puts = {{"e", "1"}};
    queue.submit(cas, note);
    queue.submit(cas, note);  // must fail: the one before took it
    cas.conditions = {{"e", "1"}};
    cas.puts = {{"e", "2"}};
    queue.submit(cas, note);
    blocked.open();
  }
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(got[1], Outcome::kCommitted);
  EXPECT_EQ(got[2], Outcome::kConditionFailed);
  EXPECT_EQ(got[3], Outcome::kCommitted);
  EXPECT_EQ((*store.list("e"))[0].value, "2");
}

TEST(CommitQueue, OneFailedConditionDoesNotFailItsNeighbours) {
  MemoryStore store;
  Blocked blocked(store);
  std::vector<Outcome> got;
  {
    CommitQueue queue(store);
    const auto note = [&got](Result<Outcome> r) { got.push_back(*r); };
    queue.submit(put("x", "0"), note);
    blocked.wait_for_commit();
    queue.submit(put("y", "1"), note);
    Transaction cas;
    cas.conditions = {{"no", "such"}};
    cas.puts = {{"no", "1"}};
    queue.submit(cas, note);
    queue.submit(put("z", "1"), note);
    blocked.open();
  }
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(got[1], Outcome::kCommitted);
  EXPECT_EQ(got[2], Outcome::kConditionFailed);
  EXPECT_EQ(got[3], Outcome::kCommitted);
  EXPECT_EQ(store.list("no")->size(), 0u);
  EXPECT_EQ(store.list("z")->size(), 1u);
}

TEST(CommitQueue, ErrorReachesAllOfTheCommit) {
  MemoryStore store;
  Blocked blocked(store);
  unsigned errors = 0;
  {
    CommitQueue queue(store);
    const auto note = [&errors](Result<Outcome> r) { errors += r ? 0 : 1; };
    queue.submit(put("x", "0"), note);
    blocked.wait_for_commit();
    queue.submit(put("y", "1"), note);
    queue.submit(put("z", "1"), note);
    blocked.fail();
    blocked.open();
  }
  EXPECT_EQ(errors, 3u);
  EXPECT_EQ(store.list("")->size(), 0u);
}

TEST(CommitQueue, DeleteAndPutOfOneKeyKeepTheirOrder) {
  MemoryStore store;
  Blocked blocked(store);
  {
    CommitQueue queue(store);
    const auto ignore = [](Result<Outcome>) {};
    queue.submit(put("x", "0"), ignore);
    blocked.wait_for_commit();
    Transaction gone;
    gone.deletes = {"k"};
    queue.submit(put("k", "1"), ignore);
    queue.submit(gone, ignore);
    queue.submit(put("l", "1"), ignore);
    queue.submit(gone, ignore);
    queue.submit(put("l", "2"), ignore);
    blocked.open();
  }
  EXPECT_EQ(store.list("k")->size(), 0u);
  EXPECT_EQ((*store.list("l"))[0].value, "2");
}

TEST(MemoryStore, LostAnswerMayHaveTakenEffect) {
  MemoryStore store;
  store.on_commit([](const Transaction&) { return MemoryStore::Verdict{Error{"timeout", "", 0}, true}; });
  EXPECT_FALSE(store.commit(put("k", "1")));
  EXPECT_EQ(store.list("k")->size(), 1u);
}

}  // namespace
}  // namespace nvtee::store
