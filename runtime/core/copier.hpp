// Copies regions from an in_sync leg to others, chunk by chunk under a shared hold (host reads go on, host
// writes of the chunk wait). Two jobs: resync (to syncing legs: dirty and once open regions) and reconcile
// (after an unclean stop: from one in_sync leg to the other in_sync legs, regions that a command waits for
// first).
#pragma once

#include <vector>

#include "runtime/core/flush_round.hpp"
#include "runtime/core/ledger.hpp"
#include "runtime/core/regions.hpp"
#include "runtime/core/throttle.hpp"

namespace nvtee::core {

class Copier {
 public:
  enum class State : std::uint8_t { kFree, kCopying, kFailing, kCopied };  // of a region under copy
  enum class In : std::uint8_t {
    kTake,     // a region is chosen
    kChunk,    // a chunk was copied, more are left
    kTrouble,  // a chunk failed, or a leg of the copy is gone
    kDrained,  // no chunk is in flight any more
    kLast,     // the last chunk was copied
    kFlushed,  // resync: the copied-to legs have flushed it
    kUnsafe,   // resync: a copied-to leg has not flushed it, or is gone
  };

  Copier();
  struct Allowed {
    bool resync = false, reconcile = false;
  };
  void advance(Context& ctx, Legs& legs, Regions& regions, Ledger& ledger, Allowed allowed);
  HeldOp* op(unsigned tag);
  void latency(Duration nanos);

  // Legs whose copy failed though they are there (written to, or flushed): to be faulted by the caller.
  unsigned take_failed() { return std::exchange(failed_legs_, 0); }
  bool idle() const;
  Throttle& throttle() { return throttle_; }
  void wake(Wake& w) const;
  std::uint64_t errors() const { return errors_; }
  template <class F, class G>
  void states(F each_unit, G each_hold) const {
    for (const Unit& u : units_) each_unit(u.state);
    for (const Chunk& c : chunks_) each_hold(c.op.state());
  }
  static std::string table();
  static std::string never_taken();

 private:
  struct Unit {
    State state = State::kFree;
    bool reconcile = false;
    std::uint32_t region = 0;
    unsigned source = 0, targets = 0;
    std::array<std::uint8_t, kMaxLegs> gens{};
    std::array<unsigned, kMaxLegs> rounds{};
    std::uint64_t next = 0, end = 0;  // blocks
    unsigned in_flight = 0;
  };
  struct Chunk {
    HeldOp op;
    int unit = -1;
    std::uint64_t bytes = 0;
  };
  // A region that could not be read from a source: other sources first, then later again.
  struct Postponed {
    std::uint32_t region = RegionBits::kNoRegion;
    unsigned bad_sources = 0;
    Time until = 0;
  };

  void go(Unit& u, In in) const;
  void advance_chunks(Context& ctx, Legs& legs);
  void chunk_done(Context& ctx, Legs& legs, Chunk& c, Unit& u);
  void advance_units(Context& ctx, Legs& legs, Regions& regions);
  void advance_flush(Context& ctx, Legs& legs, Ledger& ledger);
  bool start_chunk(Context& ctx, Unit& u, int index);
  bool start_unit(Context& ctx, Legs& legs, Regions& regions, Ledger& ledger, Allowed allowed, bool demanded);
  bool take_reconcile(Context& ctx, const Legs& legs, Regions& regions, Unit& u, bool demanded);
  bool take_resync(Context& ctx, const Legs& legs, const Regions& regions, Unit& u);
  bool taken(std::uint32_t region) const;
  bool intact(const Unit& u, const Legs& legs) const;
  int pick_source(const Legs& legs, std::uint32_t region, unsigned targets, Time now) const;
  Postponed* postponed(std::uint32_t region);
  void postpone(Context& ctx, std::uint32_t region, unsigned source);

  static constexpr unsigned kUnits = 4, kFlushBatch = 32, kPostponed = 16;
  std::vector<Chunk> chunks_;                     // kMaxCopyDepth
  std::array<Unit, kUnits + kFlushBatch> units_;  // under copy, or copied and waiting for the flush
  std::array<Postponed, kPostponed> postponed_{};
  FlushRound flush_;
  unsigned flushing_ = 0;  // units of this round come first
  std::array<bool, kUnits + kFlushBatch> in_round_{};
  Throttle throttle_;
  bool copied_lately_ = false;
  unsigned failed_legs_ = 0;
  std::uint32_t cursor_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace nvtee::core
