// A namespace's whole control machine and the keys on its legs: what the simulator found where parts of it
// meet, each as the shortest story that shows it.
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/core/fake_leg.hpp"
#include "runtime/core/leg_fence.hpp"
#include "runtime/core/region_bits.hpp"
#include "runtime/store/records.hpp"

namespace nvtee::core {
namespace {

using store::Role;

// The machine over its durable records. The core answers what it must, legs answer when a test says so.
class FencedControl : public ::testing::Test {
 protected:
  FencedControl() {
    setup.spec.name = "vol0";
    setup.spec.subsystem = "nqn.2026-01.io.nvtee:unit";
    setup.spec.blocks = 1024;
    setup.spec.block_shift = 16;
    setup.spec.region_bytes = 1u << 20;
    for (auto& f : fakes) f.first_of_node = 100;
    const auto made = NamespaceControl::create(setup.spec, {{"a", 1}, {"b", 1}, {"c", 1}}, true);
    EXPECT_TRUE(made);
    if (made) keep(*made);
  }
  void keep(const store::Transaction& t) {
    for (const auto& key : t.deletes) records.erase(key);
    for (const auto& put : t.puts) records[put.key] = put.value;
  }
  store::Bytes key(store::Kind kind) const { return store::record_key("vol0", kind); }
  std::uint64_t starts() {
    return store::decode_marker(key(store::Kind::kMarker), records.at(key(store::Kind::kMarker)))
        ->incarnation;
  }
  void roles(Role a, Role b, Role c) {
    auto r = *store::decode_epoch(key(store::Kind::kEpoch), records.at(key(store::Kind::kEpoch)));
    r.legs[0].role = a;
    r.legs[1].role = b;
    r.legs[2].role = c;
    records[key(store::Kind::kEpoch)] = store::encode(key(store::Kind::kEpoch), r);
  }
  std::uint64_t foreign_number(std::uint32_t number) const {
    return FenceKey{fence_tag(setup.spec), number, 1, false}.packed();
  }

  void start() {
    std::vector<store::Transaction::Put> puts;
    for (const auto& [k, v] : records) puts.push_back({k, v});
    auto made = NamespaceControl::restore(setup, puts);
    ASSERT_TRUE(made);
    control = std::move(*made);
    actions.clear();
    reserves.clear();
    next_ = 0;
    Input in;
    in.kind = Input::Kind::kStart;
    step(in);
  }
  void step(const Input& in) {
    control->step(in, now, actions);
    while (next_ < actions.size()) {
      const Action a = actions[next_++];
      carry_out(a);
    }
  }
  void core(tee::Event::Kind kind, const Action& a) {
    Input in;
    in.kind = Input::Kind::kCore;
    in.event.kind = kind;
    in.event.region = a.ctl.region;
    in.event.leg = a.ctl.leg;
    in.event.tag = a.ctl.tag;
    control->step(in, now, actions);
  }
  void carry_out(const Action& a) {
    using K = Action::Kind;
    if (a.kind == K::kAttachLeg) gens[a.leg] = a.gen;
    if (a.kind == K::kReserve) reserves.push_back(a);
    if (a.kind == K::kAna) ana = a.ana_state;
    if (a.kind == K::kCommit) {
      keep(a.transaction);
      Input in;
      in.kind = Input::Kind::kStoreDone;
      in.txn = a.txn;
      in.ok = true;
      control->step(in, now, actions);
    }
    if (a.kind != K::kCtl) return;
    switch (a.ctl.op.to_uint()) {
      case tee::Ctl::kRegionSet:
        return core(tee::Event::kRegionSetDone, a);
      case tee::Ctl::kFence:
        return core(tee::Event::kFenceDone, a);
      case tee::Ctl::kLegSweep:
        return core(tee::Event::kSweepDone, a);
      case tee::Ctl::kHold:
        ++holds;
        return core(tee::Event::kHeld, a);
      case tee::Ctl::kIssue:
        return core(tee::Event::kIssueDone, a);
      case tee::Ctl::kCopy:
        ++copies;
        return;
      default:
        return;
    }
  }
  void up(unsigned leg, bool reservations) {
    Input in;
    in.kind = Input::Kind::kLegUp;
    in.leg = leg;
    in.gen = gens[leg];
    in.facts.blocks = setup.spec.blocks;
    in.facts.block_shift = setup.spec.block_shift;
    in.facts.write_zeroes = true;
    in.facts.reservations = reservations;
    in.facts.nguid[0] = static_cast<std::uint8_t>(leg + 1);
    step(in);
  }
  // Answers the oldest reservation command; false when there is none.
  bool answer(spec::Status status = spec::st::kOk) {
    if (reserves.empty()) return false;
    const Action a = reserves.front();
    reserves.erase(reserves.begin());
    Input in;
    in.kind = Input::Kind::kReserved;
    in.leg = a.leg;
    in.gen = a.gen;
    in.reserved = fakes[a.leg].answer(100 + a.gen, a.reserve);
    if (status != spec::st::kOk) in.reserved.status = status;
    step(in);
    return true;
  }
  void answer_all() {
    for (int i = 0; i < 100 && answer(); ++i) {
    }
  }
  void pass(Duration d) {
    const Time end = now + d;
    while (now < end) {
      now = std::min(end, std::max(control->wake_at(), now + 1));
      step(Input{});
    }
  }
  bool served() const { return ana == spec::ana::kOptimized; }

  NamespaceControl::Setup setup;
  std::map<store::Bytes, store::Bytes> records;
  std::unique_ptr<NamespaceControl> control;
  std::array<FakeLeg, 4> fakes;
  std::array<std::uint8_t, 4> gens{};
  std::vector<Action> reserves;  // not answered yet
  unsigned holds = 0, copies = 0;
  std::uint8_t ana = 0;
  Time now = 100 * kSecond;
  Actions actions;

 private:
  std::size_t next_ = 0;
};

// Seed 9000304: a daemon with an old copy of its records counted each of its starts, and came up to the
// number on the legs by being started again and again: then it took them (P6).
TEST_F(FencedControl, StartsWithAnOldCopyAreNotCounted) {
  for (auto& f : fakes) {
    f.keys = {{5, foreign_number(4)}};
    f.holder = 5;
    f.persistent = true;
  }
  const auto before = starts();
  for (unsigned n = 0; n < 8; ++n) {
    start();
    for (unsigned leg = 0; leg < 3; ++leg) up(leg, true);
    answer_all();
    pass(setup.times.start_wait * 2);
    answer_all();
    EXPECT_FALSE(served()) << "start " << n;
    EXPECT_EQ(starts(), before) << "start " << n;
    EXPECT_NE(control->status(now).gate_reason.find("older"), std::string::npos);
  }
  for (unsigned leg = 0; leg < 3; ++leg) EXPECT_EQ(fakes[leg].keys.at(5), foreign_number(4));
}

// Seed 9001784: a leg that was not there at the start was dropped, and hosts were served before the legs that
// remain carried the epoch that says so (P6).
TEST_F(FencedControl, HostsAreServedWhenTheLegsCarryTheEpoch) {
  roles(Role::kInSync, Role::kInSync, Role::kRemoved);
  start();
  up(0, true);
  pass(setup.times.start_wait / 2);
  answer_all();
  ASSERT_FALSE(served()) << "leg 1 is waited for";
  // The one that remains proves itself by a probe, the epoch without leg 1 is made durable.
  pass(setup.times.start_wait / 2);
  ASSERT_EQ(control->status(now).legs[1].state, LegState::kStale);
  ASSERT_EQ(reserves.size(), 1u);
  ASSERT_EQ(reserves[0].reserve.op, Reserve::Op::kReplace);
  EXPECT_FALSE(served()) << "leg 0 carries the number of the epoch before";
  answer_all();
  EXPECT_TRUE(served());
  EXPECT_EQ(FenceKey::of(fakes[0].keys.begin()->second).number, control->status(now).fence_number);
}

// Seed 200000089: a namespace was deleted a moment after one of its legs had lost its association and had
// come back. The leg was given back, and what the former association had sent was executed then: the legs,
// closed as equal, were not (P2).
TEST_F(FencedControl, ALegIsGivenBackWhenNothingOlderCanArrive) {
  start();
  for (unsigned leg = 0; leg < 3; ++leg) up(leg, true);
  answer_all();
  ASSERT_TRUE(served());
  pass(kSecond);
  Input lost;
  lost.kind = Input::Kind::kLegDown;
  lost.leg = 0;
  lost.gen = gens[0];
  step(lost);
  const Time lost_at = now;
  pass(setup.times.reconnect_min * 2);
  up(0, true);
  answer_all();
  ASSERT_TRUE(control->status(now).legs[0].proven);

  Input drain;
  drain.kind = Input::Kind::kDrain;
  drain.ok = true;
  step(drain);
  answer_all();
  EXPECT_TRUE(fakes[1].keys.empty() && fakes[2].keys.empty()) << "these two have not been away";
  EXPECT_EQ(fakes[0].keys.size(), 1u);
  EXPECT_EQ(control->wake_at(), lost_at + setup.times.guard_time);
  pass(lost_at + setup.times.guard_time - now);
  answer_all();
  EXPECT_TRUE(fakes[0].keys.empty());
  EXPECT_EQ(actions.back().kind, Action::Kind::kDrained);
}

// Seed 200000919: the machine was told to drain when it had drained; its legs, whose links were off, went on
// from where they were, and met what no table has.
TEST_F(FencedControl, ADrainAfterTheEndIsAnsweredAndNothingElse) {
  start();
  for (unsigned leg = 0; leg < 3; ++leg) up(leg, false);
  ASSERT_TRUE(served());
  for (unsigned leg = 0; leg < 3; ++leg) {
    Input lost;
    lost.kind = Input::Kind::kLegDown;
    lost.leg = leg;
    lost.gen = gens[leg];
    step(lost);
  }
  pass(setup.times.reconnect_min * 2);
  up(0, false);  // the last one: it waits for guard_time, since the others are in sync in the record
  Input drain;
  drain.kind = Input::Kind::kDrain;
  step(drain);
  while (actions.back().kind != Action::Kind::kDrained) pass(100 * kMillisecond);
  now += setup.times.guard_time * 2;
  const std::size_t before = actions.size();
  step(drain);
  ASSERT_EQ(actions.size(), before + 1);
  EXPECT_EQ(actions.back().kind, Action::Kind::kDrained);
}

// Seed 9004327: one leg said that the records are an old copy; the gates closed, and the reconcile of what
// the last stop had left open went on copying between the legs that have no reservations (P6).
TEST_F(FencedControl, WhoseRecordsAreAnOldCopyReconcilesNothing) {
  for (const bool old : {false, true}) {
    roles(Role::kInSync, Role::kInSync, Role::kStale);
    const auto open = store::open_key("vol0", 0);
    store::BitmapRecord bits{};
    bits[0] = 1;
    records[open] = store::encode_bitmap(open, bits);
    fakes[2].keys = {{5, foreign_number(old ? 50 : 1)}};
    fakes[2].holder = 5;
    fakes[2].persistent = true;
    holds = copies = 0;
    start();
    up(2, true);
    answer_all();
    up(0, false);
    up(1, false);
    answer_all();
    pass(setup.times.guard_time * 2);
    EXPECT_EQ(control->status(now).gate_reason.find("older") != std::string::npos, old);
    EXPECT_EQ(holds != 0, !old);
    EXPECT_EQ(copies != 0, !old);
  }
}

}  // namespace
}  // namespace nvtee::core
