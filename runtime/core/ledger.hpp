// The durable records of one namespace: what is wanted of them, and one commit in flight. Whatever is wanted
// while a commit is in flight goes together into the next one. A ticket says when a want is durable:
// `durable(ticket)`.
//
// Every commit is conditional on the epoch record, so a node that is no longer home changes nothing (P6). A
// commit whose answer was an error may have taken effect or not: everything it carried is written again, and
// the epoch is then expected to be either the old one or the new one.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "runtime/core/context.hpp"
#include "runtime/core/region_bits.hpp"
#include "runtime/store/records.hpp"

namespace nvtee::core {

class Ledger {
 public:
  using Ticket = std::uint64_t;
  enum class Answer : std::uint8_t { kNotOurs, kCommitted, kFailed, kLostHome };

  Ledger(const std::string& name, std::uint32_t regions, std::uint64_t first_txn);

  // From the records of the store; everything loaded is durable.
  Status0 load(const std::vector<store::Transaction::Put>& records);

  // ---- epoch ------------------------------------------------------------------------------------
  const store::EpochRecord& epoch() const { return epoch_; }  // durable
  bool epoch_pending() const { return next_epoch_.has_value(); }
  Ticket want_epoch(store::EpochRecord next);  // next.epoch = epoch().epoch + 1; none may be pending

  // ---- maps. The queries answer what is wanted, durable or not yet ------------------------------
  const RegionBits& open() const { return open_.bits; }
  const RegionBits& dirty(unsigned leg) const { return dirty_[leg].bits; }
  void set_open(std::uint32_t region) { change(open_, region, true); }
  void clear_open(std::uint32_t region) { change(open_, region, false); }
  void set_dirty(unsigned leg, std::uint32_t region) { change(dirty_[leg], region, true); }
  void clear_dirty(unsigned leg, std::uint32_t region) { change(dirty_[leg], region, false); }
  void set_dirty_all(unsigned leg);
  void clear_dirty_all(unsigned leg);

  const std::optional<store::IdentityRecord>& identity(unsigned leg) const { return identity_[leg]; }
  void want_identity(unsigned leg, std::optional<store::IdentityRecord> identity);
  const store::MarkerRecord& marker() const { return marker_; }
  void want_marker(store::MarkerRecord marker);

  // ---- commits ----------------------------------------------------------------------------------
  // --------------------------------------------------------------------------------------------- Of
  // everything wanted so far: durable once this holds.
  Ticket ticket() const { return builds_ + 1; }
  bool durable(Ticket t) const { return done_ >= t; }
  bool idle() const { return !in_flight_ && !wants_; }
  // Emits a commit when something is wanted and none is in flight.
  void pump(Context& ctx);
  Answer on_done(std::uint64_t txn, bool ok, bool conflict, Time now);
  // Since when the oldest unmet want has been waiting for the store; kNever when there is none.
  Time waiting_since() const { return waiting_since_; }
  void wake(Wake& w) const {
    if (!in_flight_ && wants_) w.add(retry_at_);
  }
  bool failing() const { return failures_ != 0; }
  std::uint64_t commits() const { return done_count_; }

 private:
  struct Map {
    RegionBits bits;
    std::vector<bool> changed;  // by chunk
    std::vector<std::uint32_t> list,
        sent;  // chunks changed since the last build; carried by the commit in flight
  };
  void change(Map& map, std::uint32_t region, bool to);
  void mark(Map& map, std::uint32_t chunk);
  void collect(Map& map, store::Transaction& t, int leg);
  void collect_epoch(store::Transaction& t);
  void put_back();
  Status0 load_one(const store::Transaction::Put& record);

  std::string name_;
  store::EpochRecord epoch_;
  store::Bytes epoch_key_, epoch_bytes_;  // as the store holds it
  std::optional<store::EpochRecord> next_epoch_;
  store::Bytes next_epoch_bytes_;
  bool epoch_in_flight_ = false;
  bool epoch_unsure_ = false;  // an epoch commit ended in an error: old or new may stand
  bool expect_new_ = false;    // which of the two this attempt expects
  unsigned conflicts_ = 0;     // in a row; both expectations refused = another node wrote

  Map open_;
  std::array<Map, kMaxLegs> dirty_;
  std::array<std::optional<store::IdentityRecord>, kMaxLegs> identity_;
  store::MarkerRecord marker_;
  bool marker_changed_ = false, marker_sent_ = false;
  std::uint8_t identity_changed_ = 0, identity_sent_ = 0;  // bit per leg

  bool wants_ = false, in_flight_ = false;
  Ticket builds_ = 0, done_ = 0;
  std::uint64_t next_txn_, txn_ = 0, done_count_ = 0;
  Time waiting_since_ = kNever, retry_at_ = 0;
  unsigned failures_ = 0;
};

}  // namespace nvtee::core
