// One leg of a namespace: its place in the membership. The durable side of it is the role in the epoch
// record; this machine leads the core and the association from one role to the next.
#pragma once

#include "runtime/core/context.hpp"
#include "runtime/core/leg_fence.hpp"
#include "runtime/core/leg_link.hpp"
#include "runtime/core/region_bits.hpp"
#include "runtime/core/transition.hpp"
#include "runtime/store/records.hpp"

namespace nvtee::core {

using store::Role;

class Leg {
 public:
  enum class State : std::uint8_t {
    kNone,       // no leg here
    kAdding,     // asked for by `leg add`: first contact
    kEnlisting,  // its epoch record is in flight
    kStarting,   // in_sync in the record, not seen since the start
    kStale,      // absent, or its association is not up
    kBarrier,    // up; waits until commands of its former association cannot execute any more
    kJoining,    // epoch with `syncing` is in flight
    kFencing,    // receives writes; waits until every write that did not go to it is finished
    kCopying,    // resync
    kPromoting,  // epoch with `in_sync` is in flight
    kInSync,
    kLost,       // failed while commands could be pending on it: the core still waits for it
    kDropping,   // epoch with `stale` is in flight
    kSweeping,   // out of the table; the core finishes what was pending on it
    kReturning,  // the last leg is up again; waits for its barrier, and until the others are dropped
    kReissuing,  // the core sends it again what it had not answered
    kRemoving,   // epoch without it is in flight
    kPurging,    // out of the table for good; the core finishes what was pending on it
  };
  enum class In : std::uint8_t {
    kAdd,
    kGiveUp,
    kUp,
    kBreak,
    kMissing,
    kReady,
    kDurable,
    kDurableDown,
    kFenced,
    kCopied,
    kDrop,
    kSwept,
    kSurvivor,
    kBarrierOver,
    kRemove,
  };

  explicit Leg(unsigned index = 0) : link(index), index_(index) {}

  State state() const { return state_; }
  void go(In in);  // by the table
  void restore(State s) { state_ = s; }
  unsigned index() const { return index_; }
  const char* state_name() const;

  bool configured() const { return state_ != State::kNone; }
  // Serves: every write reaches it and is answered by it.
  bool good() const { return state_ == State::kInSync; }
  // The core waits for its answers, or may.
  bool pending_in_core() const;

  // ---- effects on the core ----------------------------------------------------------------------
  void set_core(Context& ctx, tee::Ctl::LegState state);
  void sweep(Context& ctx, tee::Ctl::Sweep how);
  void on_sweep_done();
  bool swept() const { return sweeps_ == 0; }

  static std::string table();
  static std::string never_taken();

  // Nothing that was sent to it before its present association can execute any more.
  bool barrier_over(const Context& ctx) const;
  Duration in_doubt(const Context& ctx) const;  // guard time that is left; 0 = none
  // Its reservation, if it has one, carries what the store says.
  bool keyed(const FenceTruth& truth) const { return !reservation.used() || reservation.current(truth); }

  LegLink link;
  LegFence reservation;
  LegSpec spec;
  LegFacts facts;
  Role role = Role::kNone;      // durable
  Time lost_at = 0;             // of the last association that was used; 0 = never used since the start
  std::uint64_t lost_in = 0;    // Context::serial of its loss, or of the request to remove it
  std::uint64_t answered = 0;   // the newest Context::serial that a probe of it was issued in and answered
  bool ready = false;           // kBarrier: may join
  bool remains = false;         // kReturning: barrier over; the others are to be dropped before it serves
  bool off_due = false;         // the same: the core is to route nothing to it once the others are keyed
  bool drop_due = false;        // kSweeping, kPurging: the core is to drop it once a leg serves
  bool farewell = false;        // kPurging: its registration is still to be taken back
  bool copied = false;          // kCopying: nothing is left
  std::uint8_t commit_gen = 0;  // association when its epoch change was sent to the store
  bool leaving = false;         // `leg remove` waits
  std::uint64_t request = 0;    // operator's request to answer: add, remove
  Time give_up_at = 0;          // kAdding; kPurging: of the farewell
  RegionBits to_copy;           // kCopying: regions that may differ
  std::uint64_t copied_bytes = 0;
  unsigned copy_round = 0;  // goes up whenever regions that were copied count as not copied again
  std::uint64_t fence = 0;  // kFencing: ticket
  std::uint64_t media_errors = 0;
  std::uint64_t recent_media_errors = 0;
  Time media_window_from = 0;
  std::string reason;        // why it is not in_sync
  std::string copy_trouble;  // why its resync does not get on
  unsigned core_state = tee::Ctl::kLegOff;

 private:
  unsigned index_;
  State state_ = State::kNone;
  unsigned sweeps_ = 0;  // asked for, not done
};

using Legs = std::array<Leg, kMaxLegs>;

}  // namespace nvtee::core
