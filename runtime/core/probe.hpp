// Asks legs that remain whether they still answer, before another one is dropped for good.
//
// First a read of one block of a region that is not open: cheap, and no write can be pending there. Its guard
// entry may collide with one that waits for the lost leg, so after times.probe a Flush without range is sent
// as well, which needs none.
#pragma once

#include "runtime/core/held_op.hpp"
#include "runtime/core/leg.hpp"

namespace nvtee::core {

class Prober {
 public:
  Prober();
  // Level: leg i is asked as long as bit i is set and leg.answered < since.
  void want(unsigned legs, std::uint64_t since) {
    wanted_ = legs;
    since_ = since;
  }
  void set_quiet_block(std::optional<std::uint64_t> lba) { quiet_block_ = lba; }
  void advance(Context& ctx, Legs& legs);
  HeldOp* op(unsigned tag);  // nullptr: not a tag of probes
  void wake(Wake& w, const Context& ctx) const;

 private:
  void advance_one(Context& ctx, HeldOp& op, Leg& leg, bool wanted, bool flush);
  std::array<HeldOp, kMaxLegs> reads_, flushes_;
  std::array<Time, kMaxLegs> asked_at_{};
  std::array<std::uint8_t, kTags> gens_{};  // of the association that op `tag` was issued to
  std::optional<std::uint64_t> quiet_block_;
  unsigned wanted_ = 0;
  std::uint64_t since_ = 0;  // Context::serial
};

}  // namespace nvtee::core
