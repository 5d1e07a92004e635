// What each block may hold: the legal values of an atomic register whose writes are known to the checker.
//
// Order comes from the tee core's own answers: it serialises overlapping commands, so the order in which it
// answers writes of a block is the order in which they took effect. A write that ended without success (an
// error, its connection, its node) is in doubt: it may take effect once, at any time, until a write that
// began after the doubt was acknowledged (P2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/time.hpp"

namespace nvtee::cluster {

using Value = std::uint64_t;  // content of a block: number of the write that made it; 0 = zeroes

class History {
 public:
  using Op = std::uint64_t;  // number of a write, unique

  explicit History(unsigned blocks) : blocks_(blocks) {}
  void set_initial(unsigned b, Value v);

  void write_begun(unsigned b, Op op, Value v);
  void write_acked(unsigned b, Op op, Value v, bool durable);
  void write_in_doubt(unsigned b, Op op, Value v);
  void write_refused(unsigned b, Op op);  // it never executed

  void read_begun(unsigned b) { ++blocks_[b].readers; }
  void read_abandoned(unsigned b);
  // Empty when right. `late`: the value may be older than the read's begin (never true for nvtee itself).
  std::string read_done(unsigned b, Value v);

  // May the medium of an in-sync leg hold it now?
  bool legal(unsigned b, Value v) const;
  // Exactly one value is possible.
  bool settled(unsigned b) const {
    const Block& k = blocks_[b];
    return k.now.size() == 1 && k.open.empty() && k.doubt.empty();
  }
  std::string describe(unsigned b, Value v) const;
  // May a medium that survived a loss of power hold it, given what was flushed?
  bool legal_after_power_loss(unsigned b, Value v) const;
  std::uint64_t version(unsigned b) const { return blocks_[b].version; }  // goes up with each write begun
  std::uint64_t tick() const { return tick_; }
  // When the last write of zeroes to it was acknowledged.
  std::uint64_t zeroed(unsigned b) const { return blocks_[b].zeroed; }
  Value last(unsigned b) const { return blocks_[b].last; }

  // Flush: what had been answered when it began survives every loss of power from its success on.
  using Mark = std::uint64_t;
  Mark mark() const;
  void flushed(Mark mark);
  // Unflushed data may be gone: each block may hold anything since its last flush.
  void power_lost();

 private:
  struct Write {
    Op op;
    Value value;
    std::uint64_t begun;
  };
  struct Doubt {
    Value value;
    std::uint64_t since;
  };
  struct Since {
    Value value;
    std::uint64_t tick;
  };
  struct Block {
    std::vector<Write> open;
    std::vector<Doubt> doubt;
    std::vector<Value> now{0};
    std::vector<Since> since;  // what it held or may have held, from the last flush on, oldest first
    std::vector<Value> lately;
    unsigned readers = 0;
    Value last = 0;
    std::uint64_t version = 0, zeroed = 0;
  };
  static bool has(const std::vector<Value>& list, Value v);
  void remember(Block& k, Value v) const { k.since.push_back({v, tick_}); }
  std::vector<Block> blocks_;
  std::uint64_t tick_ = 1;
};

}  // namespace nvtee::cluster
