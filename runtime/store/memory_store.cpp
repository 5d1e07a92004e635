#include "runtime/store/memory_store.hpp"

namespace nvtee::store {

void MemoryStore::on_commit(std::function<Verdict(const Transaction&)> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

Result<Outcome> MemoryStore::commit(const Transaction& transaction) {
  std::function<Verdict(const Transaction&)> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = hook_;
  }
  Verdict verdict;
  if (hook) verdict = hook(transaction);
  if (verdict.error && !verdict.applied) return std::unexpected(*verdict.error);
  const std::lock_guard lock(mutex_);
  for (const auto& [key, expect] : transaction.conditions) {
    const auto found = records_.find(key);
    const bool holds = expect ? found != records_.end() && found->second == *expect : found == records_.end();
    if (!holds && verdict.error) return std::unexpected(*verdict.error);
    if (!holds) return Outcome::kConditionFailed;
  }
  for (const auto& key : transaction.deletes) records_.erase(key);
  for (const auto& [key, value] : transaction.puts) records_[key] = value;
  if (verdict.error) return std::unexpected(*verdict.error);
  return Outcome::kCommitted;
}

Result<std::vector<Transaction::Put>> MemoryStore::list(const Bytes& prefix) {
  const std::lock_guard lock(mutex_);
  std::vector<Transaction::Put> out;
  for (auto it = records_.lower_bound(prefix); it != records_.end() && it->first.starts_with(prefix); ++it)
    out.push_back({it->first, it->second});
  return out;
}

std::unique_ptr<MetaStore> make_memory() {
  return std::make_unique<MemoryStore>();
}

}  // namespace nvtee::store
