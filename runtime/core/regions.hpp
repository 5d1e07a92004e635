// The regions of one namespace that the core lets writes into, and those on their way there: misses, the
// durable open, the core's table of four ways, ages, victims. Closing is the closer's.
#pragma once

#include <unordered_map>
#include <vector>

#include "runtime/core/ledger.hpp"
#include "runtime/core/transition.hpp"

namespace nvtee::core {

class Regions {
 public:
  enum class State : std::uint8_t {
    kWaiting,     // a command is parked; no room yet: cap, ways, or the gate
    kCommitting,  // the open bit is on its way to the store
    kInstalling,  // kRegionSet open is on its way to the core
    kNoWay,       // the core's set is full of other namespaces' regions
    kOpen,
    kChosen,     // to be closed: waits for the closer
    kClosing,    // in the closer's batch
    kPlacing,    // after an unclean stop: kRegionSet reconcile is on its way to the core
    kReconcile,  // after an unclean stop: legs may differ; commands park
    kUnplaced,   // as kReconcile, but the core has no way for it: the gate stays closed until it is copied
  };
  enum class In : std::uint8_t {
    kRoom,
    kDurable,
    kPlaced,
    kFull,
    kRetry,
    kChoose,
    kClose,
    kClosed,
    kReopen,
    kEqual,
    kDrop
  };

  Regions(const Geometry& geo, const Limits& limits, Ledger& ledger);

  // ---- inputs -----------------------------------------------------------------------------------
  void reconcile(Context& ctx, std::uint32_t region);  // at the start: a region of the durable open set
  void on_miss(Context& ctx, std::uint32_t region, unsigned slot);
  void on_set_done(Context& ctx, std::uint32_t region, bool placed);
  void on_info(Context& ctx, std::uint32_t region, unsigned age_s);
  void on_way_wanted(Context& ctx, std::uint32_t hash);  // another namespace needs a way of this set
  void equal(Context& ctx, std::uint32_t region);        // reconcile: all in_sync legs are equal there
  void advance(Context& ctx);
  void set_gated(Context& ctx, bool gated);  // true: what is parked is failed, nothing new is admitted
  void set_draining() { draining_ = true; }

  // ---- for the closer ---------------------------------------------------------------------------
  bool take_chosen(std::vector<std::uint32_t>& batch, std::size_t most);  // kChosen -> kClosing
  void closed(Context& ctx, std::uint32_t region);  // out of the core's table and the store
  bool idle() const { return entries_.empty(); }

  // ---- for the copier ---------------------------------------------------------------------------
  // ---------------------------------------------------------------------------------------- The first region
  // >= from to reconcile; with `waited`, that a command waits for. kNoRegion when there is none.
  std::uint32_t next_reconcile(std::uint32_t from, bool waited) const;
  std::uint64_t reconciling() const { return reconciling_; }
  bool reconciles(std::uint32_t region) const;
  std::uint64_t unplaced() const { return unplaced_; }

  // ---- for others -------------------------------------------------------------------------------
  std::optional<std::uint64_t> quiet_block() const;  // of a region without any write under way
  std::uint64_t open_count() const { return open_count_; }
  std::uint64_t misses() const { return misses_; }
  std::uint64_t parked() const { return parked_total_; }
  void wake(Wake& w) const;
  template <class F>
  void states(F each) const {
    for (const auto& [region, e] : entries_) each(e.state);
  }
  static std::string table();
  static std::string never_taken();

 private:
  struct Entry {
    State state = State::kWaiting;
    Ledger::Ticket ticket = 0;
    Time used = 0, informed = 0;  // last known use; when the core was asked last
    Time asked = 0;               // when it was asked about
    Time retry_at = 0;            // kNoWay
    Time parked_since = 0;
    Time placed_at = 0;   // when it was opened in the core's table
    bool placed = false;  // it has been open in the core's table, and not closed since
    std::vector<std::uint16_t> parked;
  };
  using Map = std::unordered_map<std::uint32_t, Entry>;

  void go(std::uint32_t region, Entry& e, In in);
  void park(const Context& ctx, std::uint32_t region, Entry& e, unsigned slot);
  void resume(Context& ctx, std::uint32_t region, Entry& e);
  void fail(Context& ctx, std::uint32_t region, Entry& e);
  void admit_waiting(Context& ctx);
  bool has_room(std::uint32_t region) const;
  std::uint64_t cap() const;
  void make_room(Context& ctx, std::uint32_t region);
  void trim(Context& ctx);
  bool choose_oldest(Context& ctx, std::optional<std::uint32_t> hash, const Entry* waiting = nullptr);
  static bool together(const Context& ctx, const Entry& open, const Entry& waiting);
  static bool known_use(const Context& ctx, const Entry& e);
  void ask_age(Context& ctx, std::uint32_t region);
  void expire(Context& ctx);
  void choose(std::uint32_t region);
  void age(Context& ctx);
  void retry_no_way(Context& ctx);
  static bool has_way(State s);
  static bool counts_open(State s);

  const Geometry& geo_;
  const Limits& limits_;
  Ledger& ledger_;
  Map entries_;
  std::vector<std::uint32_t> waiting_, committing_, chosen_, no_way_, age_list_;
  std::vector<std::uint8_t> ways_;  // by hash: ways of the core's table that this namespace holds
  std::array<std::uint32_t, 8192> parked_in_{};  // by slot: region + 1
  std::uint64_t open_count_ = 0, reconciling_ = 0, unplaced_ = 0, misses_ = 0, parked_total_ = 0;
  std::uint64_t leaving_ = 0;  // chosen or closing
  std::size_t age_next_ = 0;
  Time age_at_ = kNever, expire_at_ = 0, asked_until_ = 0;
  static constexpr std::size_t kAsked = 4;  // at once, for one victim
  bool gated_ = true, draining_ = false;
};

}  // namespace nvtee::core
