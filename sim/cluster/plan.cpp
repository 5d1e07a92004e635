#include "sim/cluster/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "runtime/core/machine_states.hpp"
#include "sim/cluster/chance.hpp"
#include "sim/cluster/stories.hpp"

namespace nvtee::cluster {
namespace {

constexpr const char* kNames[] = {
    "reset",         "duplicate",    "delay",        "cut_one_way", "swizzle_clog", "crash",
    "crash_at_step", "pause",        "clock_stop",   "power_loss",  "blackout",     "refuse",
    "infra",         "executed",     "stuck",        "slow",        "flap",         "legs_together",
    "store_stall",   "store_errors", "version_skew", "operator",    "host_reset",   "host_cut",
    "host_stall",    "bad_digest",   "takeover",     "mute",        "restart",      "power_and_crash",
    "flush_fails",   "store_slow",   "media",        "impostor",    "old_store"};
static_assert(std::size(kNames) == kFaultKinds);

// How often a class comes up, against the others.
constexpr unsigned kWeight[] = {8, 4, 5, 5, 4, 6, 5, 4, 3, 6, 1, 4, 4, 6,
                                6, 4, 2, 5, 4, 4, 2, 9, 6, 4, 4, 2, 1, 4};
static_assert(std::size(kWeight) == kPlainKinds);

Duration length_of(FaultKind kind, Chance& c) {
  const bool is_long = c.one_in(6);
  switch (kind) {
    case FaultKind::kCrash:
    case FaultKind::kCrashAtStep:
    case FaultKind::kBlackout:
    case FaultKind::kRestart:
    case FaultKind::kLegAndNode:
      return c.between(kMillisecond, 250 * kMillisecond);
    case FaultKind::kPause:
    case FaultKind::kClockStop:
      return is_long ? c.between(300 * kMillisecond, kSecond)
                     : c.between(2 * kMillisecond, 250 * kMillisecond);
    case FaultKind::kFlap:
      return c.between(200 * kMillisecond, 1200 * kMillisecond);
    default:
      return is_long ? c.between(500 * kMillisecond, 2500 * kMillisecond)
                     : c.between(5 * kMillisecond, 400 * kMillisecond);
  }
}

Setup make_setup(std::uint64_t seed, Chance& c) {
  Setup s;
  s.seed = seed;
  static constexpr unsigned kLegs[] = {1, 2, 2, 2, 2, 3, 3, 3, 4, 2};
  s.legs = kLegs[c.below(std::size(kLegs))];
  s.spares = std::min(4 - s.legs, c.pick(3));
  s.hosts = 1 + c.pick(3);
  s.depth = 1 + c.pick(4);
  static constexpr unsigned kShifts[] = {16, 16, 15, 12};
  s.block_shift = kShifts[c.below(std::size(kShifts))];
  s.regions = 5 + c.pick(8);
  s.hot_blocks = 16u << c.pick(3);
  s.open_cap = 4 + c.pick(3);
  s.cached_legs = c.one_in(2) ? 0 : c.pick(16);
  if (c.one_in(6)) s.cached_legs = 15;
  s.assume_equal = !c.one_in(4);
  s.lease = c.one_in(4);
  s.copy_depth = 1 + c.pick(4);
  s.think = c.between(6, 24) * kMillisecond;
  s.exec = c.between(100, 1500) * kMicrosecond;
  return s;
}

// Those that plans have drawn from so far; more would change the plan of every seed.
constexpr unsigned kOldStates = 71;
constexpr unsigned kOldKinds = static_cast<unsigned>(FaultKind::kOldStore);

// States that a run hardly ever meets by itself, or for a moment only.
std::vector<unsigned> rare_states() {
  std::vector<unsigned> list;
  for (const char* name : {"namespace draining", "namespace drained", "leg adding",      "leg enlisting",
                           "leg joining",        "leg fencing",       "leg promoting",   "leg sweeping",
                           "leg reissuing",      "leg removing",      "leg removing",    "leg purging",
                           "leg purging",        "leg enlisting",     "link off",        "link operator",
                           "epoch not_home",     "region installing", "region no_way",   "region placing",
                           "region unplaced",    "closer marking",    "closer clearing", "verify comparing",
                           "verify comparing",   "verify other",      "verify holding",  "gate no_leg",
                           "gate no_leg",        "gate draining",     "hold refused",    "hold refused",
                           "hold refused",       "copy failing",      "hold refused",    "hold refused",
                           "gate no_leg",        "gate no_leg",       "gate no_leg",     "verify comparing",
                           "verify holding",     "verify holding",    "leg purging",     "leg purging",
                           "leg removing",       "namespace drained", "closer clearing"})
    for (unsigned s = 0; s < core::kMachineStates; ++s)
      if (core::machine_state_name(s) == name) list.push_back(s);
  return list;
}

// The fault before one that waits for a rare state leads there.
void lead_to(Fault& f, const std::string& state, Chance& c) {
  const auto operate = [&](unsigned what) {
    f.kind = FaultKind::kOperator;
    f.param = f.param / 8 * 8 + what;
  };
  if (state == "gate no_leg") {
    f.kind = FaultKind::kLegsTogether;
    f.length = c.between(2100, 3200) * kMillisecond;
    f.param |= 0x7f;  // all of them
  } else if (state.starts_with("verify")) {
    operate(5);
  } else if (state == "leg removing" || state == "leg purging") {
    operate(2);
  } else if (state == "leg adding" || state == "leg enlisting") {
    operate(3);
  } else if (state == "namespace drained" || state == "namespace draining" || state == "link off") {
    f.kind = FaultKind::kRestart;
    f.length = length_of(f.kind, c);
  }
}

void sort_by_time(Plan& p) {
  std::sort(p.faults.begin(), p.faults.end(), [](const Fault& a, const Fault& b) {
    return std::pair(a.at, a.param) < std::pair(b.at, b.param);
  });
}

}  // namespace

const char* fault_name(FaultKind kind) {
  return kind < FaultKind::kEnd ? kNames[static_cast<unsigned>(kind)] : "?";
}

Plan plain_plan(std::uint64_t seed) {
  Chance c(seed, 1);
  Plan p;
  p.setup = make_setup(seed, c);
  p.safety = c.between(3, 6) * kSecond;
  // A run has some classes of faults, or all of them.
  unsigned weight[kPlainKinds], total = 0;
  const unsigned share = c.one_in(3) ? 100 : 15 + c.pick(50);
  for (unsigned k = 0; k < kPlainKinds; ++k) {
    weight[k] = c.percent(share) ? kWeight[k] : 0;
    total += weight[k];
  }
  if (total == 0) total = weight[0] = 1;
  const unsigned count = 16 + c.pick(24);
  for (unsigned i = 0; i < count; ++i) {
    Fault f;
    f.at = 30 * kMillisecond + c.below(p.safety);
    // Faults come in groups, too: close together they meet what the former one has begun.
    if (i != 0 && c.one_in(3)) f.at = p.faults.back().at + c.below(30 * kMillisecond);
    auto at = c.pick(total);
    unsigned k = 0;
    while (at >= weight[k]) at -= weight[k++];
    f.kind = static_cast<FaultKind>(k);
    f.target = c.pick(1u << 16);
    f.length = length_of(f.kind, c);
    f.param = c.next();
    p.faults.push_back(f);
  }
  sort_by_time(p);
  return p;
}

namespace {

// What plans have beside those of the first two simulators.
void fill_up(Plan& p, std::uint64_t seed, bool rarest) {
  Chance c(seed, 7);
  p.setup.full = true;
  p.setup.latency = c.one_in(2);
  p.setup.resync_rate = c.one_in(4) ? c.between(6, 60) << 20 : 0;
  p.setup.nameless = c.one_in(6);
  const unsigned newer = c.one_in(2) ? 0 : 10 + c.pick(25);
  for (Fault& f : p.faults) {
    if (f.state >= 0 || !c.percent(newer)) continue;
    f.kind = static_cast<FaultKind>(kWaitingKinds + c.pick(kOldKinds - kWaitingKinds));
    f.length = length_of(f.kind, c);
  }
  // States that even waiting faults hardly meet, each with the fault before it that leads there.
  static constexpr const char* kRarest[] = {"leg reissuing",     "leg reissuing",     "leg reissuing",
                                            "namespace drained", "namespace drained", "verify comparing",
                                            "leg removing",      "leg enlisting"};
  p.setup.too_late = rarest;
  for (std::size_t i = 1; rarest && i < p.faults.size(); ++i) {
    Fault& f = p.faults[i];
    if (f.state < 0 || !c.one_in(7)) continue;
    const std::string name = kRarest[c.below(std::size(kRarest))];
    f.state = state_named(name);
    f.kind = static_cast<FaultKind>(c.pick(kFaultKinds));
    f.length = length_of(f.kind, c);
    if (p.faults[i - 1].state < 0)
      lead_to(p.faults[i - 1], name == "leg reissuing" ? "gate no_leg" : name, c);
  }
  for (unsigned stories = c.pick(4); stories > 1; --stories) tell_early_story(p, c);
  sort_by_time(p);
}

// Legs with reservations in two thirds of the runs; where all have them, sometimes an old copy of the
// records.
void reserve_legs(Plan& p, std::uint64_t seed) {
  Chance c(seed, 8);
  if (c.one_in(3)) return;
  p.setup.reserved_legs = c.one_in(2) ? 15 : c.pick(16);
  if (p.setup.reserved_legs != 15 || !c.one_in(4)) return;
  Fault f;
  f.at = 100 * kMillisecond + c.below(p.safety / 2);
  f.kind = FaultKind::kOldStore;
  f.length = c.between(50 * kMillisecond, 3 * kSecond);
  p.faults.push_back(f);
  sort_by_time(p);
}

// What came last: faults that wait for states of the legs' fences, and the later stories.
void add_newest(Plan& p, std::uint64_t seed) {
  Chance c(seed, 9);
  const unsigned fences = p.setup.reserved_legs == 0 || c.one_in(2) ? 0 : 5 + c.pick(20);
  const int leaving = state_named("fence leaving");
  for (std::size_t i = 0; i < p.faults.size(); ++i) {
    Fault& f = p.faults[i];
    if (f.state >= 0 || !c.percent(fences)) continue;
    f.state =
        c.one_in(4) ? leaving : static_cast<int>(kOldStates + c.pick(core::kMachineStates - kOldStates));
    f.kind = static_cast<FaultKind>(c.pick(kOldKinds));
    f.length = length_of(f.kind, c);
    if (f.state != leaving || i == 0 || p.faults[i - 1].state >= 0) continue;
    p.faults[i - 1].kind = FaultKind::kOperator;
    p.faults[i - 1].param = p.faults[i - 1].param / 8 * 8 + 2;  // remove
  }
  if (p.setup.reserved_legs == 15 && c.one_in(3)) {
    const unsigned states = core::kMachineStates;
    Fault f;
    f.at = 100 * kMillisecond + c.below(p.safety / 2);
    f.kind = FaultKind::kOldStore;
    f.length = c.between(50 * kMillisecond, 3 * kSecond);
    const auto rare = rare_states();
    f.state = static_cast<int>(c.one_in(2) ? rare[c.below(rare.size())] : c.pick(states));
    p.faults.push_back(f);
  }
  if (c.one_in(3)) tell_late_story(p, c);
  sort_by_time(p);
}

// What happens once in a while only (odd.cpp), and its stories.
void add_odd(Plan& p, std::uint64_t seed) {
  Chance c(seed, 11);
  if (c.one_in(3)) return;
  p.setup.odd = true;
  // A namespace is deleted, and something happens while one leg has been given back and another one has not.
  if (p.setup.reserved_legs != 0 && c.percent(40)) {
    Fault f;
    f.at = 100 * kMillisecond + c.below(p.safety);
    f.kind = FaultKind::kRestart;
    f.length = length_of(f.kind, c);
    f.param = kDeletes;
    p.faults.push_back(f);
    for (unsigned n = 1 + c.pick(2); n > 0; --n) {
      f.kind = static_cast<FaultKind>(c.pick(kFaultKinds));
      f.target = c.pick(1u << 16);
      f.length = length_of(f.kind, c);
      f.param = c.next();
      f.state = state_named("fence left");
      p.faults.push_back(f);
    }
  }
  if (c.one_in(3)) tell_odd_story(p, c);
  sort_by_time(p);
}

// Faults of a plan are made to wait for states of the node's machines.
void let_wait(Plan& p, std::uint64_t seed, unsigned kinds) {
  Chance c(seed, 6);
  if (c.one_in(3)) p.setup.flap_limit = 3 + c.pick(5);
  p.setup.neighbour = c.one_in(3);
  const bool restarts = c.one_in(3);
  const bool operators = c.one_in(3);
  const unsigned waiting = c.one_in(4) ? 0 : 20 + c.pick(40);
  const auto rare = rare_states();
  for (std::size_t i = 0; i < p.faults.size(); ++i) {
    Fault& f = p.faults[i];
    if (restarts && c.one_in(12)) f.kind = FaultKind::kRestart;
    if (operators && c.one_in(5)) f.kind = FaultKind::kOperator;
    if (!c.percent(waiting)) continue;
    const bool is_rare = !c.one_in(3);
    f.state = static_cast<int>(is_rare ? rare[c.below(rare.size())] : c.pick(kOldStates));
    if (!is_rare && c.one_in(2)) continue;
    f.kind = static_cast<FaultKind>(c.pick(kinds));
    f.length = length_of(f.kind, c);
    if (!is_rare) continue;
    f.at /= 2;  // it may have to wait for long
    const std::string name = core::machine_state_name(static_cast<unsigned>(f.state));
    if (name == "hold refused" || name == "region no_way") p.setup.neighbour = true;
    if (i != 0 && p.faults[i - 1].state < 0 && !c.one_in(3)) lead_to(p.faults[i - 1], name, c);
  }
}

}  // namespace

Plan make_plan(std::uint64_t seed, Recipe recipe) {
  Plan p = plain_plan(seed);
  if (recipe == Recipe::kPlain) return p;
  let_wait(p, seed, recipe == Recipe::kWaiting ? kWaitingKinds : kOldKinds);
  if (recipe == Recipe::kWaiting) return p;
  fill_up(p, seed, recipe != Recipe::kStories);
  if (recipe == Recipe::kStories) return p;
  reserve_legs(p, seed);
  if (recipe != Recipe::kFull) return p;
  add_newest(p, seed);
  add_odd(p, seed);
  return p;
}

Plan make_story_plan(std::uint64_t seed, StoryKind which) {
  Plan p = plain_plan(seed);
  p.setup.full = true;
  Chance c(seed, 10);
  p.setup.odd = which >= StoryKind::kOddFirst;
  std::erase_if(p.faults, [&](const Fault&) { return !c.one_in(4); });
  if (c.one_in(2)) p.setup.reserved_legs = c.one_in(2) ? 15 : c.pick(16);
  for (unsigned i = 0; i < 3; ++i) tell_story(p, c, which);
  sort_by_time(p);
  return p;
}

Plan as_the_model(Plan p) {
  p.setup.legs = 2;
  p.setup.spares = 0;
  std::erase_if(p.faults, [](const Fault& f) {
    return f.kind == FaultKind::kOperator || f.kind == FaultKind::kTakeover || f.kind == FaultKind::kOldStore;
  });
  return p;
}

Plan make_liar_plan(std::uint64_t seed) {
  Chance c(seed, 2);
  Plan p;
  p.setup = make_setup(seed, c);
  p.setup.liars = true;
  p.setup.legs = 2 + c.pick(3);
  p.setup.spares = 0;
  p.setup.assume_equal = true;
  p.setup.cached_legs = 0;
  p.safety = kSecond;
  return p;
}

std::string describe(const Plan& p) {
  const Setup& s = p.setup;
  std::string out = fmt::format(
      "seed {}: {} legs (caches {:04b}, reservations {:04b}), {} spares, {} hosts x {}, {} byte blocks, {} "
      "regions, open cap {}, "
      "{}{}{}{}{}{}\n",
      s.seed, s.legs, s.cached_legs, s.reserved_legs, s.spares, s.hosts, s.depth, 1u << s.block_shift,
      s.regions, s.open_cap, s.assume_equal ? "legs equal" : "legs to be copied", s.lease ? ", lease" : "",
      s.neighbour ? ", neighbour" : "", s.latency ? ", latency told" : "",
      s.resync_rate != 0 ? fmt::format(", copies at most {} MiB/s", s.resync_rate >> 20) : "",
      s.nameless ? ", legs without NGUID" : "");
  for (const Fault& f : p.faults)
    out +=
        fmt::format("  {:9.6f} {} target {} for {:.3f} ms param {:x}{}\n", static_cast<double>(f.at) / 1e9,
                    fault_name(f.kind), f.target, static_cast<double>(f.length) / 1e6, f.param,
                    f.state < 0 ? "" : " when " + core::machine_state_name(static_cast<unsigned>(f.state)));
  return out;
}

}  // namespace nvtee::cluster
