// The legs of a namespace together: contact, loss, return, survivor, and what each change of epoch does to
// core and legs.
#pragma once

#include "runtime/core/epoch.hpp"
#include "runtime/core/fence_desk.hpp"
#include "runtime/core/ledger.hpp"
#include "runtime/core/leg.hpp"
#include "runtime/core/probe.hpp"

namespace nvtee::core {

class Membership {
 public:
  Legs legs;
  Epoch epoch;
  Prober prober;

  // ---- inputs -----------------------------------------------------------------------------------
  void restore(const Ledger& ledger, std::uint32_t regions);
  void start(Context& ctx, bool unclean);
  // The start may be counted: every leg has been looked at, or cannot be, or start_wait is half over. Not
  // before: with each start an old copy of the store would come nearer to the keys that tell its age.
  bool may_claim(const Context& ctx) const;
  // When this is durable, the start has its fence number.
  void claim(Ledger::Ticket started) { started_ = started; }
  void on_up(Context& ctx, Ledger& ledger, unsigned leg, std::uint8_t gen, const LegFacts& facts);
  void on_down(Context& ctx, unsigned leg, std::uint8_t gen, const std::string& why, bool transient);
  void on_deadline(Context& ctx, unsigned leg, std::uint8_t gen);
  void on_core_fault(Context& ctx, unsigned leg, std::uint8_t gen, spec::Status status);
  void on_reserved(Context& ctx, Ledger& ledger, unsigned leg, std::uint8_t gen, const Reserved& answer);
  void on_media_error(Context& ctx, unsigned leg, std::uint64_t lba, bool repaired);
  void fault(Context& ctx, unsigned leg, const std::string& why);
  void disable_all(Context& ctx);

  // ---- operator: each request is answered once --------------------------------------------------
  void add(Context& ctx, const LegSpec& spec, std::uint64_t request);
  void remove(Context& ctx, unsigned leg, std::uint64_t request);
  void operator_fault(Context& ctx, unsigned leg, std::uint64_t request);
  void online(Context& ctx, unsigned leg, std::uint64_t request);

  // `may_join`: no reconcile under way, gates open. Call until nothing changes.
  void advance(Context& ctx, Ledger& ledger, FenceDesk& fences, bool may_join);
  // Store or hold time is over: what waits for lost legs ends 3/00h, again and again while this is called.
  void fail_pending(Context& ctx);

  // Commands were failed while a leg that is durably in sync was away: legs differ where they wrote, and
  // nobody may see it until that leg is durably dropped, or back (P3).
  bool doubt() const { return doubt_ != 0; }

  // Deleting the namespace: reservations are given back. True when nothing is held any more.
  bool give_back(Context& ctx);
  // Every leg that was configured at the start has said whose it is, or cannot be asked: a store that is an
  // old copy may be recognised by any of them.
  bool all_asked(const Context& ctx) const;
  bool keyed(const Context& ctx, const Ledger& ledger) const;  // every leg that serves carries the epoch
  bool all_proven() const;  // every leg in sync: nothing sent before our start can execute any more
  // A leg's key showed that the store is an old copy, or that another node serves.
  const std::string& stale_store() const { return stale_store_; }
  const std::string& preempted() const { return preempted_; }  // a leg's reservation was taken from us
  void served() { served_ = true; }                            // hosts are served from here on
  FenceTruth truth(const Context& ctx, const Ledger& ledger) const;

  bool any_good() const;
  bool all_settled() const;  // every durably in_sync leg serves
  Time held_since() const { return held_since_; }
  void wake(Wake& w, const Context& ctx) const;

 private:
  bool advance_leg(Context& ctx, Ledger& ledger, FenceDesk& fences, Leg& leg, bool may_join);
  void apply_epoch(Context& ctx, Ledger& ledger, FenceDesk& fences);
  void came_up(Context& ctx, Ledger& ledger, Leg& leg);
  void refuse(Context& ctx, Leg& leg, const std::string& why);
  void watch_fences(Context& ctx, const Ledger& ledger);
  void begin_copy(Context& ctx, const Ledger& ledger, Leg& leg);
  void distrust_copies(Context& ctx, const Ledger& ledger);
  void lose(Context& ctx, Leg& leg, const std::string& why);
  void keep_last(Context& ctx);
  void part(Context& ctx, Leg& leg);
  bool said_farewell(Context& ctx, Leg& leg);
  void watch_doubt(FenceDesk& fences);
  void watch_held(Context& ctx);
  void choose_survivor(Context& ctx);
  bool wait_alone(Context& ctx, Leg& leg);
  void drop_from_core(Context& ctx, const Ledger& ledger, Leg& leg);
  bool last_one(const Leg& leg) const;  // durably in_sync, and no other leg serves
  void give_up_adding(Context& ctx, Leg& leg, const std::string& why);

  Ledger::Ticket started_ = ~Ledger::Ticket{0};
  std::uint64_t accepted_ = 0;  // fence number of the store as it was read
  std::string stale_store_, preempted_;
  bool served_ = false;
  Time started_at_ = 0;
  bool unclean_ = false;
  Time held_since_ = kNever;
  Time candidate_at_ = kNever;  // when the first lost leg was back, while none serves
  Time last_fail_ = 0;
  bool giving_back_ = false;  // the namespace is deleted
  Time removed_at_ = 0;       // the last removal: commands of that leg may execute for guard_time
  unsigned doubt_ = 0;        // bit per leg
  bool failed_ = false;       // a fence is to be asked for
  std::uint64_t doubt_fence_ = 0;
};

// Refusal of a leg's facts, naming the field; empty = acceptable.
std::string facts_trouble(const Context& ctx, const LegFacts& facts,
                          const std::optional<store::IdentityRecord>& known);

}  // namespace nvtee::core
