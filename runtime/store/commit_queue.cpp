#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/store/meta_store.hpp"

#include "runtime/base/limits.hpp"

namespace nvtee::store {
namespace {

using Item = CommitQueue::Item;

// Transactions that become one durable commit. A transaction whose conditions look at a key that an earlier
// one writes must see that write, so it starts the next group; and the other way round, so that a condition
// never sees a later write.
class Group {
 public:
  bool takes(const Transaction& t) const {
    if (items_.size() >= kMaxItems) return false;
    for (const auto& c : t.conditions)
      if (changes_.contains(c.key)) return false;
    for (const auto& p : t.puts)
      if (conditions_.contains(p.key)) return false;
    for (const auto& key : t.deletes)
      if (conditions_.contains(key)) return false;
    return true;
  }
  void add(Item item) {
    for (const auto& key : item.transaction.deletes) changes_[key] = std::nullopt;
    for (const auto& p : item.transaction.puts) changes_[p.key] = p.value;
    for (const auto& c : item.transaction.conditions) conditions_.insert(c.key);
    items_.push_back(std::move(item));
  }
  Transaction merged() const {
    Transaction out;
    for (const auto& item : items_)
      out.conditions.insert(out.conditions.end(), item.transaction.conditions.begin(),
                            item.transaction.conditions.end());
    for (const auto& [key, value] : changes_) {
      if (value)
        out.puts.push_back({key, *value});
      else
        out.deletes.push_back(key);
    }
    return out;
  }
  std::vector<Item>& items() { return items_; }

 private:
  static constexpr std::size_t kMaxItems = limits::kCommitItems;
  std::vector<Item> items_;
  std::map<Bytes, std::optional<Bytes>> changes_;
  std::set<Bytes> conditions_;
};

}  // namespace

struct CommitQueue::Impl {
  explicit Impl(MetaStore& s) : store(s), thread([this] { run(); }) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    wake.notify_one();
    thread.join();
  }

  void submit(std::vector<Item> items) {
    {
      const std::lock_guard lock(mutex);
      for (Item& item : items) waiting.push_back(std::move(item));
    }
    wake.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return stop || !waiting.empty(); });
      if (waiting.empty()) return;
      Group group;
      while (!waiting.empty() && group.takes(waiting.front().transaction)) {
        group.add(std::move(waiting.front()));
        waiting.pop_front();
      }
      lock.unlock();
      carry_out(group);
      lock.lock();
    }
  }

  void carry_out(Group& group) {
    auto& items = group.items();
    Result<Outcome> outcome = store.commit(items.size() == 1 ? items[0].transaction : group.merged());
    if (items.size() > 1 && outcome && *outcome == Outcome::kConditionFailed) {
      // One condition fails them all: each alone then finds out whose it was.
      for (auto& item : items) {
        Result<Outcome> alone = store.commit(item.transaction);
        count(1, alone && *alone == Outcome::kCommitted ? 1 : 0);
        item.done(std::move(alone));
      }
      return;
    }
    if (outcome && *outcome == Outcome::kCommitted)
      count(items.size(), 1);
    else
      count(items.size(), 0);
    for (auto& item : items) item.done(outcome);
  }

  void count(std::uint64_t transactions, std::uint64_t commits) {
    const std::lock_guard lock(mutex);
    counters.commits += commits;
    if (commits != 0) counters.transactions += transactions;
  }

  MetaStore& store;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<Item> waiting;
  bool stop = false;
  Counters counters;
  std::thread thread;  // last: it uses all of the above
};

CommitQueue::CommitQueue(MetaStore& store) : impl_(std::make_unique<Impl>(store)) {}
CommitQueue::~CommitQueue() = default;

void CommitQueue::submit(Transaction transaction, std::function<void(Result<Outcome>)> done) {
  std::vector<Item> one;
  one.push_back({std::move(transaction), std::move(done)});
  submit(std::move(one));
}

void CommitQueue::submit(std::vector<Item> together) {
  impl_->submit(std::move(together));
}

CommitQueue::Counters CommitQueue::counters() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counters;
}

}  // namespace nvtee::store
