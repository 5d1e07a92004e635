// Legs that go and come back, step by step: what the simulator found, each as the shortest story that shows
// it.
#include <gtest/gtest.h>

#include "runtime/core/flush_round.hpp"
#include "runtime/core/membership.hpp"

namespace nvtee::core {
namespace {

using LS = Leg::State;

class Members : public ::testing::Test {
 protected:
  Members() : ledger("vol0", 64, 1) {
    ctx.spec.name = "vol0";
    ctx.spec.blocks = 64 * 16;
    ctx.spec.block_shift = 16;
    ctx.spec.region_bytes = 1u << 20;
    ctx.geo = {64 * 16, 16, 1u << 20, 4, 64, 2, 2};
    ctx.now = 100 * kSecond;
    ctx.out = &actions;
    store::EpochRecord epoch;
    epoch.epoch = 1;
    epoch.legs[0] = {Role::kInSync, 1, "a", 1};
    epoch.legs[1] = {Role::kInSync, 1, "b", 1};
    const auto key = store::record_key("vol0", store::Kind::kEpoch);
    EXPECT_TRUE(ledger.load({{key, store::encode(key, epoch)}}));
    members.restore(ledger, 64);
    members.start(ctx, false);
    settle();
  }
  Leg& leg(unsigned i) { return members.legs[i]; }

  // A step, until nothing changes any more. Commits stay in flight.
  void settle() {
    ++ctx.serial;
    for (int i = 0; i < 20; ++i) members.advance(ctx, ledger, fences, true);
    ledger.pump(ctx);
  }
  void pass(Duration d) {
    ctx.now += d;
    settle();
  }
  void up(unsigned i) {
    LegFacts f;
    f.blocks = ctx.spec.blocks;
    f.block_shift = 16;
    f.write_zeroes = true;
    f.volatile_cache = true;
    f.nguid[0] = static_cast<std::uint8_t>(i + 1);
    ++ctx.serial;
    members.on_up(ctx, ledger, i, leg(i).link.gen(), f);
    settle();
  }
  void down(unsigned i) {
    ++ctx.serial;
    members.on_down(ctx, i, leg(i).link.gen(), "cable", true);
    settle();
  }
  void swept(unsigned i) {
    leg(i).on_sweep_done();
    settle();
  }
  void answer_commits() {
    for (int i = 0; i < 10; ++i) {
      const auto it = std::find_if(actions.rbegin(), actions.rend(),
                                   [](const Action& a) { return a.kind == Action::Kind::kCommit; });
      if (it == actions.rend()) return;
      if (ledger.on_done(it->txn, true, false, ctx.now) == Ledger::Answer::kNotOurs) return;
      settle();
    }
  }
  // The last thing that the core was told of a leg; kLegOff when nothing was.
  unsigned routed(unsigned i) const {
    unsigned state = tee::Ctl::kLegOff;
    for (const Action& a : actions)
      if (a.kind == Action::Kind::kCtl && a.ctl.op == tee::Ctl::kSetLeg && a.ctl.leg == i)
        state = a.ctl.leg_state.to_uint();
    return state;
  }
  // Sweeps of a leg that the core was asked for since `from`.
  std::vector<unsigned> sweeps(unsigned i, std::size_t from) const {
    std::vector<unsigned> out;
    for (std::size_t k = from; k < actions.size(); ++k)
      if (actions[k].kind == Action::Kind::kCtl && actions[k].ctl.op == tee::Ctl::kLegSweep &&
          actions[k].ctl.leg == i)
        out.push_back(actions[k].ctl.sweep.to_uint());
    return out;
  }
  // Both legs serve, then both are lost, leg 0 first.
  void lose_both() {
    up(0);
    up(1);
    answer_commits();
    ASSERT_TRUE(leg(0).good() && leg(1).good());
    down(0);
    down(1);
    ASSERT_EQ(leg(0).state(), LS::kLost);
    ASSERT_EQ(leg(1).state(), LS::kLost);
    pass(ctx.times.reconnect_min);  // connecting again
  }

  Context ctx;
  Actions actions;
  Ledger ledger;
  FenceDesk fences;
  Membership members;
};

// Seed 1002454: a read was answered from the leg that came back first, and a crash could have made the other
// one, with newer data, the source of the reconcile.
TEST_F(Members, TheLastLegServesWhenTheOthersAreDurablyDropped) {
  lose_both();
  up(1);
  pass(ctx.times.start_wait + 1);  // leg 0 is not waited for any longer
  ASSERT_EQ(leg(1).state(), LS::kReturning);
  const std::size_t from = actions.size();
  pass(ctx.times.guard_time);
  EXPECT_EQ(leg(0).state(), LS::kDropping);
  EXPECT_EQ(leg(1).state(), LS::kReturning) << "leg 0 is in sync in the record";
  EXPECT_TRUE(sweeps(1, from).empty());
  answer_commits();
  EXPECT_EQ(leg(0).role, Role::kStale);
  EXPECT_EQ(leg(1).state(), LS::kReissuing);
  EXPECT_EQ(sweeps(1, from), std::vector<unsigned>{tee::Ctl::kReissue});
  EXPECT_EQ(routed(0), tee::Ctl::kLegOff);
  // What only leg 0 owed is finished when leg 1 was asked again, not before (P1).
  EXPECT_TRUE(sweeps(0, from).empty());
  swept(1);
  EXPECT_TRUE(leg(1).good());
  EXPECT_EQ(sweeps(0, from), std::vector<unsigned>{tee::Ctl::kDrop});
  swept(0);
  EXPECT_EQ(leg(0).state(), LS::kStale);
}

// What it says must be newer than the other's loss: else it may be us who are cut off.
TEST_F(Members, TheLastLegIsAskedAnewWhenItCameBackBeforeTheOtherWasLost) {
  up(0);
  up(1);
  answer_commits();
  down(1);
  pass(ctx.times.reconnect_min);
  up(1);  // its drop is still to be proven by leg 0
  ASSERT_EQ(leg(1).state(), LS::kLost);
  const auto gen = leg(1).link.gen();
  down(0);
  pass(ctx.times.start_wait + ctx.times.guard_time);
  EXPECT_EQ(leg(1).state(), LS::kLost) << "its association is older than the loss of leg 0";
  EXPECT_FALSE(leg(1).link.is_up());
  pass(ctx.times.reconnect_max);
  EXPECT_NE(leg(1).link.gen(), gen);
  up(1);
  pass(ctx.times.start_wait + 1);
  pass(ctx.times.guard_time);
  answer_commits();
  EXPECT_EQ(leg(0).role, Role::kStale);
  EXPECT_EQ(leg(1).state(), LS::kReissuing);
}

// A drop that becomes durable when no leg serves any more finishes nothing: the answers of the leg that
// remains may have gone with its cache. Commands end when the host has waited long enough.
TEST_F(Members, ADropFinishesNothingWhileNoLegServes) {
  up(0);
  up(1);
  answer_commits();
  leg(0).answered = 1000;  // as a probe would have it
  down(1);
  ASSERT_EQ(leg(1).state(), LS::kDropping);
  down(0);
  const std::size_t from = actions.size();
  answer_commits();
  ASSERT_EQ(leg(1).role, Role::kStale);
  EXPECT_EQ(leg(1).state(), LS::kSweeping);
  EXPECT_TRUE(sweeps(1, from).empty());
  members.fail_pending(ctx);
  EXPECT_EQ(sweeps(1, from), std::vector<unsigned>{tee::Ctl::kFail});
  swept(1);
  EXPECT_EQ(leg(1).state(), LS::kSweeping) << "new commands may be pending on it";
  leg(0).on_sweep_done();
  pass(ctx.times.reconnect_max);
  up(0);
  pass(ctx.times.start_wait + 1);
  pass(ctx.times.guard_time);
  ASSERT_EQ(leg(0).state(), LS::kReissuing);
  swept(0);
  EXPECT_EQ(sweeps(1, from), (std::vector<unsigned>{tee::Ctl::kFail, tee::Ctl::kDrop}));
}

// Seed 1026339: what was under way to a leg that was removed executed after it had been added again.
TEST_F(Members, ALegThatIsAddedAgainWaitsUntilItsOldCommandsCannotExecute) {
  ctx.times.guard_time = 5 * kSecond;
  up(0);
  up(1);
  answer_commits();
  pass(60 * kSecond);
  leg(0).answered = 1000;
  members.remove(ctx, 1, 1);
  settle();
  answer_commits();
  ASSERT_EQ(leg(1).state(), LS::kPurging);
  swept(1);
  answer_commits();
  ASSERT_FALSE(leg(1).configured());
  members.add(ctx, {"b", 1}, 2);
  settle();
  up(1);
  answer_commits();
  EXPECT_EQ(leg(1).state(), LS::kBarrier);
  pass(ctx.times.guard_time - 1);
  EXPECT_EQ(leg(1).state(), LS::kBarrier);
  pass(1);
  EXPECT_EQ(leg(1).state(), LS::kJoining);
}

// Seed 1729: a node was stopped and started again before the commands of a leg that it had lost were over.
TEST_F(Members, AStaleLegWaitsAfterACleanStartToo) {
  up(0);
  up(1);
  answer_commits();
  leg(0).answered = 1000;
  down(1);
  answer_commits();
  swept(1);
  Membership next;
  next.restore(ledger, 64);
  next.start(ctx, false);
  EXPECT_EQ(next.legs[0].lost_at, 0u);
  EXPECT_EQ(next.legs[1].lost_at, ctx.now);
}

// Seed 1008109: a leg whose promotion was on its way to the store had come back on another association, and
// counted as clean: a region was closed without a mark for what it held.
TEST_F(Members, APromotionInFlightIsOfOneAssociation) {
  up(0);
  up(1);
  answer_commits();
  Leg& l = leg(1);
  l.restore(LS::kPromoting);
  l.role = Role::kSyncing;
  l.facts.volatile_cache = leg(0).facts.volatile_cache = false;
  l.commit_gen = l.link.gen();
  FlushRound round(kTagCloseFlush);
  round.start();
  round.advance(ctx, members.legs);
  EXPECT_TRUE(round.clean(leg(0)));
  EXPECT_TRUE(round.clean(l));
  down(1);
  pass(ctx.times.reconnect_min);
  up(1);
  ASSERT_EQ(l.state(), LS::kPromoting);
  round.start();
  round.advance(ctx, members.legs);
  EXPECT_TRUE(round.clean(leg(0)));
  EXPECT_FALSE(round.clean(l));
}

// Seed 5506847: the only leg in sync returned without what its cache had held, and was read, while the
// promotion of another one, with newer data, was on its way to the store: a crash could have made that one
// the source.
TEST_F(Members, TheLastLegWaitsForAPromotionInFlight) {
  up(0);
  up(1);
  answer_commits();
  Leg& l = leg(1);
  l.restore(LS::kCopying);
  l.role = Role::kSyncing;
  l.to_copy.clear_all();
  settle();
  ASSERT_EQ(l.state(), LS::kPromoting);
  down(1);
  down(0);
  pass(ctx.times.reconnect_min);
  up(0);
  pass(ctx.times.start_wait + 1);
  pass(ctx.times.guard_time);
  EXPECT_EQ(leg(0).state(), LS::kReturning);
  EXPECT_FALSE(leg(0).good());
  answer_commits();
  EXPECT_EQ(l.role, Role::kStale);
  EXPECT_EQ(leg(0).state(), LS::kReissuing);
}

}  // namespace
}  // namespace nvtee::core
