// One hold of the core and what is done under it: ask, held, issue or copy, done, release. Probes, flushes,
// copies and verify are made of these. There is no way to take back a hold that was asked for: its owner
// waits for it and then releases it.
#pragma once

#include "runtime/core/context.hpp"
#include "runtime/core/transition.hpp"

namespace nvtee::core {

class HeldOp {
 public:
  enum class State : std::uint8_t { kIdle, kAsking, kRefused, kHeld, kIssued };
  enum class In : std::uint8_t { kAsk, kHeld, kRefused, kRetry, kIssue, kDone, kRelease };

  struct Range {
    std::uint64_t lba = 0;
    std::uint16_t count = 0;  // blocks; 0 = no range
  };

  explicit HeldOp(unsigned tag = 0) : tag_(tag) {}

  void ask(Context& ctx, Range range);
  void issue(Context& ctx, std::uint8_t opcode, unsigned legs);
  void copy(Context& ctx, unsigned source, unsigned targets);
  void release(Context& ctx);

  void on_held(unsigned slot);
  void on_refused(Time now);
  void on_done(spec::Status status, unsigned failed_legs);
  void tick(Context& ctx);  // asks again when it was refused
  void wake(Wake& w) const {
    if (state_ == State::kRefused) w.add(retry_at_);
  }

  State state() const { return state_; }
  bool idle() const { return state_ == State::kIdle; }
  bool held() const { return state_ == State::kHeld; }
  unsigned tag() const { return tag_; }
  unsigned slot() const { return slot_; }
  const Range& range() const { return range_; }
  // Of the last issue or copy, until the next one.
  bool finished() const { return state_ == State::kHeld && finished_; }
  spec::Status status() const { return status_; }
  unsigned failed_legs() const { return failed_; }
  std::uint64_t issued_in() const { return issued_in_; }  // Context::serial

  static std::string table();
  static std::string never_taken();

 private:
  void send_ask(Context& ctx);
  void go(In in);

  State state_ = State::kIdle;
  unsigned tag_;
  unsigned slot_ = 0;
  Range range_;
  bool finished_ = false;
  spec::Status status_ = 0;
  unsigned failed_ = 0;
  Time retry_at_ = 0;
  std::uint64_t issued_in_ = 0;
};

}  // namespace nvtee::core
