// The metadata store of a simulated node: an append-only file of transactions with a checksum each, as a
// journal has. A commit is durable when it is synced; a crash keeps a random part of what was not, the last
// transaction of it torn, and recovery takes whole transactions only.
#pragma once

#include <map>

#include "runtime/store/meta_store.hpp"
#include "sim/cluster/chance.hpp"

namespace nvtee::cluster {

class Disk final : public store::MetaStore {
 public:
  // Written, not synced.
  Result<store::Outcome> write(const store::Transaction& t);
  void sync();
  void crash(Chance& chance);
  std::uint64_t torn = 0, lost = 0;  // transactions, at crashes

  // MetaStore: durable when it returns.
  Result<store::Outcome> commit(const store::Transaction& t) override;
  Result<std::vector<store::Transaction::Put>> list(const store::Bytes& prefix) override;
  std::string where() const override { return "simulated"; }
  const std::map<store::Bytes, store::Bytes>& records() const { return live_; }
  // Another copy of the whole file; the node is down.
  void replace(const std::map<store::Bytes, store::Bytes>& records) { live_ = synced_ = records; }

 private:
  static void apply(std::map<store::Bytes, store::Bytes>& to, const store::Transaction& t);
  std::map<store::Bytes, store::Bytes> live_, synced_;
  std::vector<store::Transaction> unsynced_;
};

}  // namespace nvtee::cluster
