// Commands of hosts, and the node's own internal writes, as the checker knows them: from submission to their
// one end.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "runtime/base/time.hpp"
#include "sim/cluster/history.hpp"
#include "sim/cluster/peer.hpp"

namespace nvtee::cluster {

struct Op {
  enum class Kind : std::uint8_t { kRead, kWrite, kZeroes, kFlush, kCompare, kDsm, kInternal };
  enum class End : std::uint8_t { kOpen, kAcked, kFailed, kLost };
  std::uint32_t id = 0;
  Kind kind = Kind::kRead;
  End end = End::kOpen;
  bool fua = false, bad_digest = false, retry = false;
  bool given_up = false;  // by its host, which takes it that it cannot execute any more
  bool settled = false;   // a Compare that must succeed unless a write comes between
  std::uint32_t lba = 0, count = 0;
  std::uint32_t host = 0, conn = 0;
  std::uint16_t cid = 0;
  std::uint16_t status = 0;
  std::uint64_t begun = 0;     // History's tick
  std::uint64_t versions = 0;  // of its blocks, when it began
  History::Mark mark = 0;      // Flush
  Time submitted = 0;
  std::array<Value, kMaxValues> values{};
  bool writes() const { return kind == Kind::kWrite || kind == Kind::kZeroes || kind == Kind::kInternal; }
};

class Ops {
 public:
  Op& make() {
    all_.emplace_back();
    all_.back().id = static_cast<std::uint32_t>(all_.size() - 1);
    return all_.back();
  }
  Op& at(std::uint32_t id) { return all_[id]; }
  std::size_t size() const { return all_.size(); }
  Value new_value() { return ++value_; }

 private:
  std::deque<Op> all_;
  Value value_ = 1'000'000;
};

}  // namespace nvtee::cluster
