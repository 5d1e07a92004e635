// Closes regions, a batch at a time, in the one order that keeps difference marked (DESIGN §4, Open regions):
// the core stops admitting -> fence -> Flush on every in_sync leg -> dirty bits of absent legs and the close
// durable -> out of the core's table.
#pragma once

#include <vector>

#include "runtime/core/fence_desk.hpp"
#include "runtime/core/flush_round.hpp"
#include "runtime/core/ledger.hpp"
#include "runtime/core/regions.hpp"

namespace nvtee::core {

class Closer {
 public:
  enum class State : std::uint8_t { kIdle, kMarking, kFencing, kFlushing, kSettling, kCommitting, kClearing };
  enum class In : std::uint8_t {
    kBatch,    // regions were chosen
    kMarked,   // the core admits nothing more to them
    kFenced,   // every write admitted before is finished
    kFlushed,  // the flush round is over
    kAgain,    // a leg that counts is not clean: flush again
    kClean,    // every in_sync leg holds everything, flushed
    kDurable,  // the close is in the store
    kCleared,  // the core has forgotten them
  };

  Closer() : flush_(kTagCloseFlush) {}
  void advance(Context& ctx, Legs& legs, Regions& regions, Ledger& ledger, FenceDesk& fences);
  // kRegionSetDone of a region of the batch: true.
  bool on_set_done(std::uint32_t region);

  HeldOp* op(unsigned tag) { return tag == kTagCloseFlush ? &flush_.op() : nullptr; }
  // Good legs that did not flush although they are there; asked once after each round.
  unsigned take_failed() { return std::exchange(failed_, 0); }
  bool idle() const { return state_ == State::kIdle; }
  State state() const { return state_; }
  std::uint64_t closes() const { return closes_; }
  void wake(Wake& w) const {
    flush_.wake(w);
    if (state_ == State::kSettling) w.add(retry_at_);
  }
  static std::string table();
  static std::string never_taken();

 private:
  void go(In in);
  bool settled(const Legs& legs, bool& again) const;
  void commit(Legs& legs, Ledger& ledger);

  static constexpr std::size_t kMaxBatch = 64;
  State state_ = State::kIdle;
  std::vector<std::uint32_t> batch_;
  std::size_t acks_ = 0;
  FenceDesk::Ticket fence_ = 0;
  FlushRound flush_;
  Ledger::Ticket ticket_ = 0;
  Time retry_at_ = 0;
  unsigned failed_ = 0;
  std::uint64_t closes_ = 0;
};

}  // namespace nvtee::core
