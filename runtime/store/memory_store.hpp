// The store that forgets: for tests and the simulator, with faults on demand.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "runtime/store/meta_store.hpp"

namespace nvtee::store {

class MemoryStore final : public MetaStore {
 public:
  Result<Outcome> commit(const Transaction& transaction) override;
  Result<std::vector<Transaction::Put>> list(const Bytes& prefix) override;
  std::string where() const override { return "memory"; }

  // Asked before each commit: an error makes it fail. Runs on the committing thread without the store's lock,
  // so it may wait.
  struct Verdict {
    std::optional<Error> error;
    bool applied = false;  // the commit fails for the caller, yet takes effect (the answer was lost)
  };
  void on_commit(std::function<Verdict(const Transaction&)> hook);

 private:
  std::mutex mutex_;
  std::map<Bytes, Bytes> records_;
  std::function<Verdict(const Transaction&)> hook_;
};

}  // namespace nvtee::store
