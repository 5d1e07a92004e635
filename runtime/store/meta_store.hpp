// The metadata store: small checksummed records under ordered binary keys, changed by atomic, durable
// transactions with compare conditions. SQLite for one node, memory for tests, etcd later: the three differ
// only behind this interface. The bytes of each record are nvtee's own (runtime/store/records.hpp,
// docs/FORMAT.md).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace nvtee::store {

using Bytes = std::string;  // raw bytes

struct Transaction {
  // `expect` = the exact value that the key must hold before (nullopt: must be absent). One mismatch: nothing
  // is changed.
  struct Condition {
    Bytes key;
    std::optional<Bytes> expect;
  };
  struct Put {
    Bytes key, value;
  };
  std::vector<Condition> conditions;
  std::vector<Put> puts;
  std::vector<Bytes> deletes;

  bool empty() const { return conditions.empty() && puts.empty() && deletes.empty(); }
};

enum class Outcome : unsigned char { kCommitted, kConditionFailed };

class MetaStore {
 public:
  virtual ~MetaStore() = default;
  // Blocking; durable when it returns kCommitted. Any thread, one at a time.
  virtual Result<Outcome> commit(const Transaction& transaction) = 0;
  virtual Result<std::vector<Transaction::Put>> list(const Bytes& prefix) = 0;
  virtual std::string where() const = 0;  // for people: path or endpoints
};

// Opens or creates. Refuses, and leaves untouched, a file that is foreign, damaged, of a newer format
// version, or in use by another process: the error says which and what to do.
Result<std::unique_ptr<MetaStore>> open_sqlite(const std::string& path);
std::unique_ptr<MetaStore> make_memory();

// Runs commits on a thread of its own, in order; commits that wait together become one durable transaction
// (group commit) as long as none of them has conditions on keys the others write. `done` is called on that
// thread: post() it home.
class CommitQueue {
 public:
  struct Item {
    Transaction transaction;
    std::function<void(Result<Outcome>)> done;
  };
  explicit CommitQueue(MetaStore& store);
  ~CommitQueue();  // waits for what was submitted
  void submit(Transaction transaction, std::function<void(Result<Outcome>)> done);
  void submit(std::vector<Item> together);  // in this order; none is begun before all are in the queue
  struct Counters {
    std::uint64_t commits = 0, transactions = 0;  // durable commits done; transactions that they carried
  };
  Counters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::store
