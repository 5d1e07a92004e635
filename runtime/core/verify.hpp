// Compares in_sync legs block by block: finds what a leg acknowledged and lost while powered. Chunk by chunk
// under a shared hold: read one leg, keep its data, read each other leg and compare.
#pragma once

#include <bitset>
#include <vector>

#include "runtime/core/held_op.hpp"
#include "runtime/core/leg.hpp"
#include "runtime/core/regions.hpp"
#include "runtime/core/throttle.hpp"

namespace nvtee::core {

class Verify {
 public:
  enum class State : std::uint8_t { kIdle, kNext, kHolding, kFirst, kOther, kComparing, kReleasing };
  enum class In : std::uint8_t {
    kStart,  // operator
    kAsk,    // two in_sync legs, and the throttle allows a chunk
    kHeld,
    kRead,     // a leg's data is in the buffer
    kNextLeg,  // one more leg to compare
    kMore,     // the buffers differ in a block: look at the blocks after it
    kDone,     // chunk is done, or is to be tried again
    kReleased,
    kEnd,  // last chunk, or stopped
  };

  Verify() : op_(kTagVerify) {}
  bool start(Context& ctx);  // false: runs already
  void stop() { stopping_ = true; }
  void advance(Context& ctx, const Legs& legs, const Regions& regions, bool allowed);
  void on_buffer(Context& ctx, const Legs& legs, unsigned slot, bool equal, std::uint32_t offset);
  HeldOp* op(unsigned tag) { return tag == kTagVerify ? &op_ : nullptr; }
  void latency(Duration nanos) { throttle_.latency(nanos, running()); }
  bool running() const { return state_ != State::kIdle; }
  State state() const { return state_; }
  const NamespaceStatus::Verify& result() const { return result_; }
  void wake(Wake& w) const;
  static std::string table();
  static std::string never_taken();

 private:
  void go(In in);
  void begin_chunk(Context& ctx, const Legs& legs, const Regions& regions, bool allowed);
  void read(Context& ctx, unsigned leg);
  void next_leg(Context& ctx, const Legs& legs);
  void finish_chunk(Context& ctx, bool advance);
  void compare(Context& ctx);
  void finish(Context& ctx, std::string error);
  void mismatch(std::uint32_t block);  // of the chunk

  State state_ = State::kIdle;
  HeldOp op_;
  Throttle throttle_;
  NamespaceStatus::Verify result_;
  bool stopping_ = false;
  std::uint64_t next_ = 0, chunk_ = 0;  // blocks: where this chunk begins, how many it has
  std::uint32_t from_ = 0;              // bytes of the chunk already compared with this leg
  unsigned first_ = 0, other_ = 0;
  std::array<std::uint8_t, kMaxLegs> gens_{};
  unsigned errors_ = 0;  // of this chunk, in a row
  Time retry_at_ = 0;
  // Blocks of the chunk that differ: each is counted once, however many legs differ there and however often
  // the chunk is tried.
  std::bitset<1u << tee::CardConfig::kMaxBlockBits> bad_;
};

}  // namespace nvtee::core
