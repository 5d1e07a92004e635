// The membership record and its changes. Legs say which role they want next; this machine decides which
// changes go together, proves that a leg remains, and makes the new epoch durable by compare-and-set.
#pragma once

#include "runtime/core/ledger.hpp"
#include "runtime/core/leg.hpp"
#include "runtime/core/probe.hpp"

namespace nvtee::core {

class Epoch {
 public:
  enum class State : std::uint8_t { kIdle, kProving, kCommitting, kNotHome };
  enum class In : std::uint8_t {
    kProve,    // a leg that is durably in_sync is to go: a remaining one must answer something newer first
    kGiveUp,   // nothing to prove any more, or nobody left to prove it
    kCommit,   // the record goes to the store
    kDurable,  // it is durable
    kNotHome,  // another node wrote the record, or holds the legs: for good, a restart takes stock again
  };

  // Level-triggered: call after every change. True when a record became durable in this call: `changed()`
  // says whose roles.
  bool advance(Legs& legs, Ledger& ledger, Prober& prober);
  void not_home();

  State state() const { return state_; }
  unsigned changed() const { return changing_; }
  static std::string table();
  static std::string never_taken();

 private:
  struct Plan {
    unsigned changes = 0;     // legs whose role changes
    unsigned drops = 0;       // of them: durably in_sync, not in_sync after
    unsigned unproven = 0;    // good legs that have not answered yet
    bool proven = false;      // one good leg has
    std::uint64_t since = 0;  // Context::serial of the newest loss
    std::array<Role, kMaxLegs> roles{};
  };
  Plan plan(const Legs& legs) const;
  void commit(Legs& legs, Ledger& ledger, const Plan& plan);
  void go(In in);

  State state_ = State::kIdle;
  unsigned changing_ = 0;
  Ledger::Ticket ticket_ = 0;
};

}  // namespace nvtee::core
