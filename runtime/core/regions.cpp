#include "runtime/core/regions.hpp"
#include "runtime/core/planted.hpp"

#include "hw/kernels/tee_core/region_hash.hpp"

namespace nvtee::core {
namespace {

using S = Regions::State;
using I = Regions::In;
constexpr std::array<const char*, 10> kStates = {"waiting",   "committing", "installing", "no_way",
                                                 "open",      "chosen",     "closing",    "placing",
                                                 "reconcile", "unplaced"};
constexpr std::array<const char*, 11> kInputs = {"room",  "durable", "placed", "full",  "retry", "choose",
                                                 "close", "closed",  "reopen", "equal", "drop"};
constexpr Transition<S, I> kRows[] = {
    {S::kWaiting, I::kRoom, S::kCommitting, "its open bit goes to the store"},
    {S::kWaiting, I::kDrop, S::kWaiting, "nobody waits for it any more: forgotten"},
    {S::kCommitting, I::kDurable, S::kInstalling, "kRegionSet open"},
    {S::kInstalling, I::kPlaced, S::kOpen, "kResume to all that are parked"},
    {S::kInstalling, I::kFull, S::kNoWay, "ask the other namespaces for a way"},
    {S::kNoWay, I::kRetry, S::kInstalling, "kRegionSet open"},
    {S::kNoWay, I::kChoose, S::kChosen, "nobody waits for it: it is closed"},
    {S::kOpen, I::kChoose, S::kChosen, "idle, or the least recently used when room is needed"},
    {S::kChosen, I::kClose, S::kClosing, "kRegionSet closing"},
    {S::kClosing, I::kClosed, S::kWaiting, "durably closed and out of the table: forgotten"},
    {S::kClosing, I::kReopen, S::kWaiting, "durably closed and out of the table, but commands wait for it"},
    {S::kPlacing, I::kPlaced, S::kReconcile, "commands for it park"},
    {S::kPlacing, I::kFull, S::kUnplaced, "the gate stays closed until it is equal"},
    {S::kReconcile, I::kEqual, S::kInstalling, "all in_sync legs are equal there: kRegionSet open"},
    {S::kUnplaced, I::kEqual, S::kInstalling, "all in_sync legs are equal there: kRegionSet open"},
};
TransitionTable transitions("region", kStates, kInputs, kRows);

constexpr Duration kAgeTick = kSecond;
constexpr Duration kFresh = 200 * kMillisecond;  // an answer about a region's age is good for that long

void erase(std::vector<std::uint32_t>& list, std::uint32_t region) {
  std::erase(list, region);
}

}  // namespace

std::string Regions::table() {
  return transitions.print();
}
std::string Regions::never_taken() {
  return transitions.never_taken();
}

Regions::Regions(const Geometry& geo, const Limits& limits, Ledger& ledger)
    : geo_(geo), limits_(limits), ledger_(ledger), ways_(std::size_t{1} << geo.set_bits) {}

// One that is on its way to the store has its way of the table reserved.
bool Regions::has_way(State s) {
  return s != State::kWaiting && s != State::kNoWay && s != State::kUnplaced;
}
bool Regions::counts_open(State s) {
  return s != State::kWaiting;
}

// All changes of state pass here, so that the counts follow.
void Regions::go(std::uint32_t region, Entry& e, In in) {
  const State before = e.state;
  e.state = transitions.next(e.state, in);
  const auto way = [&](State s) { return has_way(s) ? 1 : 0; };
  auto& ways = ways_[tee::region_hash(region, geo_.set_bits)];
  ways = static_cast<std::uint8_t>(ways + way(e.state) - way(before));
  open_count_ = open_count_ + (counts_open(e.state) ? 1 : 0) - (counts_open(before) ? 1 : 0);
  const auto leaving = [](State s) { return s == State::kChosen || s == State::kClosing; };
  leaving_ = leaving_ + (leaving(e.state) ? 1 : 0) - (leaving(before) ? 1 : 0);
  const auto rec = [](State s) {
    return s == State::kPlacing || s == State::kReconcile || s == State::kUnplaced;
  };
  reconciling_ = reconciling_ + (rec(e.state) ? 1 : 0) - (rec(before) ? 1 : 0);
  const auto loose = [](State s) { return s == State::kPlacing || s == State::kUnplaced; };
  unplaced_ = unplaced_ + (loose(e.state) ? 1 : 0) - (loose(before) ? 1 : 0);
}

// ---- parked commands ----------------------------------------------------------------------------
void Regions::park(const Context& ctx, std::uint32_t region, Entry& e, unsigned slot) {
  if (e.parked.empty()) e.parked_since = ctx.now;
  // A slot that is still noted elsewhere was discarded with its queue and used again.
  if (parked_in_[slot] == 0) ++parked_total_;
  parked_in_[slot] = region + 1;
  e.parked.push_back(static_cast<std::uint16_t>(slot));
}

void Regions::resume(Context& ctx, std::uint32_t region, Entry& e) {
  for (const std::uint16_t slot : e.parked) {
    if (parked_in_[slot] != region + 1) continue;
    parked_in_[slot] = 0;
    --parked_total_;
    ctx.ctl(tee::Ctl::kResume).slot = slot;
  }
  e.parked.clear();
}

void Regions::fail(Context& ctx, std::uint32_t region, Entry& e) {
  for (const std::uint16_t slot : e.parked) {
    if (parked_in_[slot] != region + 1) continue;
    parked_in_[slot] = 0;
    --parked_total_;
    tee::Ctl& c = ctx.ctl(tee::Ctl::kFailParked);
    c.slot = slot;
    c.status = spec::st::kPathInternal;
  }
  e.parked.clear();
}

// ---- inputs -------------------------------------------------------------------------------------
void Regions::reconcile(Context& ctx, std::uint32_t region) {
  NVTEE_CHECK(ledger_.open().test(region), "P4: a region to reconcile is in the durable open set");
  Entry& e = entries_[region];
  e.state = State::kPlacing;
  e.used = ctx.now;
  ++ways_[tee::region_hash(region, geo_.set_bits)];
  ++open_count_;
  ++reconciling_;
  ++unplaced_;
  ctx.set_region(region, tee::Ctl::kReconcile);
}

void Regions::on_miss(Context& ctx, std::uint32_t region, unsigned slot) {
  NVTEE_CHECK(region < geo_.regions, "the core checks the LBA range");
  NVTEE_CHECK(slot < parked_in_.size(), "a slot number has 13 bits");
  ++misses_;
  if (gated_) {
    tee::Ctl& c = ctx.ctl(tee::Ctl::kFailParked);
    c.slot = slot;
    c.status = spec::st::kPathInternal;
    return;
  }
  auto [it, fresh] = entries_.try_emplace(region);
  Entry& e = it->second;
  if (fresh) waiting_.push_back(region);
  e.used = ctx.now;
  park(ctx, region, e, slot);
  // It missed before the core saw the region open.
  if (e.placed && (e.state == State::kOpen || e.state == State::kChosen)) resume(ctx, region, e);
}

void Regions::on_set_done(Context& ctx, std::uint32_t region, bool placed) {
  const auto it = entries_.find(region);
  if (it == entries_.end()) return;
  Entry& e = it->second;
  switch (e.state) {
    case State::kPlacing:
      go(region, e, placed ? In::kPlaced : In::kFull);
      return;
    case State::kInstalling:
      go(region, e, placed ? In::kPlaced : In::kFull);
      e.placed = placed;
      if (placed) {
        e.used = e.placed_at = ctx.now;
        age_list_.push_back(region);
        if (age_at_ == kNever) age_at_ = ctx.now + kAgeTick;
        return resume(ctx, region, e);
      }
      no_way_.push_back(region);
      e.retry_at = ctx.now + (e.parked.empty() ? kSecond : kRetry);
      // Another region of ours makes room first; only when there is none are the other namespaces asked.
      if (!choose_oldest(ctx, tee::region_hash(region, geo_.set_bits), &e))
        ctx.emit(Action::Kind::kWayWanted).ctl.region = region;
      return;
    default:
      return;
  }
}

void Regions::on_info(Context& ctx, std::uint32_t region, unsigned age_s) {
  const auto it = entries_.find(region);
  if (it == entries_.end()) return;
  const Duration age = age_s * kSecond;
  it->second.informed = ctx.now;
  it->second.used = std::max(it->second.used, ctx.now > age ? ctx.now - age : 0);
}

void Regions::on_way_wanted(Context& ctx, std::uint32_t hash) {
  (void)choose_oldest(ctx, hash);
}

void Regions::equal(Context& ctx, std::uint32_t region) {
  Entry& e = entries_.at(region);
  NVTEE_CHECK(ledger_.open().test(region), "P14: a region is open in the store before it is in the core");
  go(region, e, In::kEqual);
  ctx.set_region(region, tee::Ctl::kOpen);
}

void Regions::set_gated(Context& ctx, bool gated) {
  if (gated_ == gated) return;
  gated_ = gated;
  if (!gated_) return;
  for (auto& [region, e] : entries_) fail(ctx, region, e);
}

// ---- admission ----------------------------------------------------------------------------------
std::uint64_t Regions::cap() const {
  return std::max<std::uint64_t>(limits_.open_max_bytes / geo_.region_bytes, 4);
}

bool Regions::has_room(std::uint32_t region) const {
  // The cap is soft: a victim closes beside the opening, but no more than an eighth above it.
  if (open_count_ >= cap() + std::max<std::uint64_t>(cap() / 8, 2)) return false;
  return ways_[tee::region_hash(region, geo_.set_bits)] < tee::kRegionWays;
}

void Regions::make_room(Context& ctx, std::uint32_t region) {
  const auto hash = tee::region_hash(region, geo_.set_bits);
  if (ways_[hash] >= tee::kRegionWays) (void)choose_oldest(ctx, hash);
}

// Back to the cap, one region a call.
void Regions::trim(Context& ctx) {
  const std::uint64_t counted = open_count_ - leaving_;
  if (counted > cap() || (counted == cap() && !waiting_.empty())) (void)choose_oldest(ctx, std::nullopt);
}

// Chooses the least recently used region, of a set or of all. Uses are known from the last answer of the
// core, so the oldest by that are asked about first: true when one was chosen, or is leaving the set already.
// `waiting`: the region that room is made for.
bool Regions::choose_oldest(Context& ctx, std::optional<std::uint32_t> hash, const Entry* waiting) {
  std::array<std::pair<Time, std::uint32_t>, kAsked> old;
  std::size_t n = 0;
  for (const auto& [region, e] : entries_) {
    if (hash && tee::region_hash(region, geo_.set_bits) != *hash) continue;
    if (hash && (e.state == State::kChosen || e.state == State::kClosing)) return true;
    if (e.state != State::kOpen || (waiting && together(ctx, e, *waiting))) continue;
    const std::pair candidate(e.used, region);
    if (n == old.size() && old.back() <= candidate) continue;
    if (n < old.size()) ++n;
    old[n - 1] = candidate;
    for (std::size_t i = n - 1; i > 0 && old[i] < old[i - 1]; --i) std::swap(old[i], old[i - 1]);
  }
  if (n == 0) return false;
  if (known_use(ctx, entries_.at(old[0].second))) {
    choose(old[0].second);
    return true;
  }
  for (std::size_t i = 0; i < n; ++i)
    if (!known_use(ctx, entries_.at(old[i].second))) ask_age(ctx, old[i].second);
  return false;
}

// P9: a command may need two regions of one set. It waits for the second one right after the first was opened
// for it: to close that one again would go round for ever, while another namespace could make room. Not for
// long, should nobody have any.
bool Regions::together(const Context& ctx, const Entry& open, const Entry& waiting) {
  constexpr Duration kTogether = 100 * kMillisecond;
  if (waiting.parked.empty() || ctx.now > waiting.parked_since + kSecond) return false;
  return open.placed_at + kTogether > waiting.parked_since;
}

// An answer is good for a moment; one that does not come is not waited for.
bool Regions::known_use(const Context& ctx, const Entry& e) {
  return ctx.now <= e.informed + kFresh || (e.asked > e.informed && ctx.now > e.asked + kFresh) ||
         ctx.now <= e.used + kFresh;
}

void Regions::ask_age(Context& ctx, std::uint32_t region) {
  Entry& e = entries_.at(region);
  if (e.asked > e.informed && ctx.now <= e.asked + kFresh) return;  // the answer is on its way
  e.asked = ctx.now;
  asked_until_ = ctx.now + kFresh + 1;
  ctx.ctl(tee::Ctl::kRegionQuery).region = region;
}

void Regions::choose(std::uint32_t region) {
  go(region, entries_.at(region), In::kChoose);
  chosen_.push_back(region);
}

void Regions::admit_waiting(Context& ctx) {
  if (waiting_.empty()) return;
  std::size_t kept = 0;
  for (const std::uint32_t region : waiting_) {
    Entry& e = entries_.at(region);
    const bool wanted = std::any_of(e.parked.begin(), e.parked.end(),
                                    [&](std::uint16_t slot) { return parked_in_[slot] == region + 1; });
    if (!wanted) {
      go(region, e, In::kDrop);
      entries_.erase(region);
      continue;
    }
    make_room(ctx, region);  // not gated: nobody is parked then
    if (!has_room(region)) {
      waiting_[kept++] = region;
      continue;
    }
    go(region, e, In::kRoom);
    // A region whose close is not durable yet cannot be here, so the bit is new.
    ledger_.set_open(region);
    e.ticket = ledger_.ticket();
    committing_.push_back(region);
  }
  waiting_.resize(kept);
}

void Regions::advance(Context& ctx) {
  std::size_t kept = 0;
  for (const std::uint32_t region : committing_) {
    Entry& e = entries_.at(region);
    if (!ledger_.durable(e.ticket) && !planted(Bug::kOpenBeforeDurable)) {
      committing_[kept++] = region;
      continue;
    }
    go(region, e, In::kDurable);
    NVTEE_CHECK(ledger_.open().test(region), "P14: a region is open in the store before it is in the core");
    ctx.set_region(region, tee::Ctl::kOpen);
  }
  committing_.resize(kept);
  retry_no_way(ctx);
  expire(ctx);
  age(ctx);
  admit_waiting(ctx);
  trim(ctx);
}

void Regions::retry_no_way(Context& ctx) {
  std::size_t kept = 0;
  for (const std::uint32_t region : no_way_) {
    Entry& e = entries_.at(region);
    if (ctx.now < e.retry_at && !(draining_ && e.parked.empty())) {
      no_way_[kept++] = region;
      continue;
    }
    if (e.parked.empty()) {
      choose(region);
      continue;
    }
    go(region, e, In::kRetry);
    ctx.set_region(region, tee::Ctl::kOpen);
  }
  no_way_.resize(kept);
}

// Nothing waits for ever: what has been parked for longer than times.hold ends 3/00h, and the host tries
// elsewhere or again.
void Regions::expire(Context& ctx) {
  if (parked_total_ == 0 || ctx.now < expire_at_) return;
  expire_at_ = ctx.now + kAgeTick;
  for (auto& [region, e] : entries_)
    if (!e.parked.empty() && ctx.now >= e.parked_since + ctx.times.hold) fail(ctx, region, e);
}

// ---- ages ---------------------------------------------------------------------------------------
// Once a second: closes what is idle by a fresh answer, and asks the core for the ages of some regions, so
// that each is asked twice in idle_close.
void Regions::age(Context& ctx) {
  if (draining_) {
    for (const std::uint32_t region : age_list_)
      if (entries_.at(region).state == State::kOpen) choose(region);
    return;
  }
  if (ctx.now < age_at_) return;
  age_at_ = age_list_.empty() ? kNever : ctx.now + kAgeTick;
  for (const std::uint32_t region : age_list_) {
    const Entry& e = entries_.at(region);
    if (e.state != State::kOpen || ctx.now < e.used + ctx.times.idle_close) continue;
    if (e.informed + 2 * kAgeTick > ctx.now && e.informed > e.used)
      choose(region);
    else
      ask_age(ctx, region);
  }
  const std::size_t share =
      age_list_.size() * 2 * kSecond / std::max<Duration>(ctx.times.idle_close, kSecond) + 8;
  for (std::size_t n = std::min(share, age_list_.size()); n > 0; --n) {
    if (age_next_ >= age_list_.size()) age_next_ = 0;
    ask_age(ctx, age_list_[age_next_++]);
  }
}

void Regions::wake(Wake& w) const {
  w.add(age_at_);
  for (const std::uint32_t region : no_way_) w.add(entries_.at(region).retry_at);
  if (parked_total_ != 0) w.add(expire_at_);
  w.add(asked_until_);
}

// ---- closer, copier, others ---------------------------------------------------------------------
bool Regions::take_chosen(std::vector<std::uint32_t>& batch, std::size_t most) {
  while (!chosen_.empty() && batch.size() < most) {
    const std::uint32_t region = chosen_.back();
    chosen_.pop_back();
    go(region, entries_.at(region), In::kClose);
    erase(age_list_, region);
    batch.push_back(region);
  }
  return !batch.empty();
}

void Regions::closed(Context& ctx, std::uint32_t region) {
  Entry& e = entries_.at(region);
  NVTEE_CHECK(!ledger_.open().test(region),
              "P13: a region leaves the core's table after it is durably closed");
  if (gated_) fail(ctx, region, e);
  const bool wanted = !e.parked.empty();
  e.placed = false;
  go(region, e, wanted ? In::kReopen : In::kClosed);
  if (!wanted) {
    entries_.erase(region);
    return;
  }
  waiting_.push_back(region);
}

std::uint32_t Regions::next_reconcile(std::uint32_t from, bool waited) const {
  std::uint32_t after = RegionBits::kNoRegion;
  for (const auto& [region, e] : entries_) {
    if (e.state != State::kReconcile && e.state != State::kUnplaced) continue;
    if (waited && e.parked.empty()) continue;
    if (region >= from) after = std::min(after, region);
  }
  return after;
}

bool Regions::reconciles(std::uint32_t region) const {
  const auto it = entries_.find(region);
  return it != entries_.end() &&
         (it->second.state == State::kReconcile || it->second.state == State::kUnplaced ||
          it->second.state == State::kPlacing);
}

std::optional<std::uint64_t> Regions::quiet_block() const {
  for (std::uint32_t r = 0, tried = 0; r < geo_.regions && tried < 64; ++r, ++tried)
    if (!entries_.contains(r) && !ledger_.open().test(r)) return geo_.first_block(r);
  for (std::uint32_t r = geo_.regions, tried = 0; r-- > 0 && tried < 64; ++tried)
    if (!entries_.contains(r) && !ledger_.open().test(r)) return geo_.first_block(r);
  return std::nullopt;
}

}  // namespace nvtee::core
