// One Flush to a set of legs, and which legs hold everything that had been answered before it.
#pragma once

#include "runtime/core/held_op.hpp"
#include "runtime/core/leg.hpp"

namespace nvtee::core {

class FlushRound {
 public:
  explicit FlushRound(unsigned tag) : op_(tag) {}

  void start() {
    NVTEE_CHECK(!running_, "one flush round at a time");
    running_ = true;
    done_ = false;
    issued_ = false;
  }
  bool running() const { return running_; }
  bool done() const { return done_; }
  // Legs that have a cache and did not flush it, although their association stands.
  unsigned failed() const { return failed_; }
  spec::Status status() const { return op_status_; }

  void advance(Context& ctx, const Legs& legs);
  // After done(): does the leg hold, safe from power loss, every write it had answered when the round began?
  bool clean(const Leg& leg) const {
    return (clean_ >> leg.index() & 1) != 0 && leg.link.is_up() && gens_[leg.index()] == leg.link.gen();
  }
  HeldOp& op() { return op_; }
  bool idle() const { return !running_ && op_.idle(); }
  void wake(Wake& w) const { op_.wake(w); }

 private:
  HeldOp op_;
  bool running_ = false, done_ = false, issued_ = false;
  unsigned asked_ = 0, cacheless_ = 0, clean_ = 0, failed_ = 0;
  spec::Status op_status_ = 0;
  std::array<std::uint8_t, kMaxLegs> gens_{};
};

}  // namespace nvtee::core
