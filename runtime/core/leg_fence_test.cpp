// The reservation of a leg against a leg that keeps registrations as NVMe says, and against other nodes.
#include "runtime/core/leg_fence.hpp"

#include <gtest/gtest.h>

#include "runtime/core/fake_leg.hpp"
#include "runtime/core/membership.hpp"

namespace nvtee::core {
namespace {

using S = LegFence::State;
using V = LegFence::Verdict;
using Op = Reserve::Op;

class Fences : public ::testing::Test {
 protected:
  Fences() {
    ctx.out = &actions;
    truth = {7, 10, 9};
    leg.first_of_node = 100;
  }
  std::uint64_t key(std::uint32_t number, unsigned gen, bool doubt = false, std::uint32_t tag = 7) {
    return FenceKey{tag, number, static_cast<std::uint8_t>(gen), doubt}.packed();
  }
  // Carries out what is asked for, up to `steps` commands.
  V run(unsigned host, unsigned steps = 100) {
    V v = V::kWait;
    fence.advance(ctx, truth, in_doubt);
    while (v == V::kWait && !actions.empty() && steps-- != 0) {
      const Action a = actions.front();
      actions.erase(actions.begin());
      EXPECT_EQ(a.kind, Action::Kind::kReserve);
      done.push_back(a.reserve.op);
      v = fence.on_answer(ctx, truth, leg.answer(host, a.reserve));
    }
    return v;
  }
  V take(unsigned host, std::uint8_t gen) {
    fence.begin(0, gen, in_doubt);
    actions.clear();
    done.clear();
    return run(host);
  }

  Context ctx;
  Actions actions;
  FenceTruth truth;
  FakeLeg leg;
  LegFence fence;
  Duration in_doubt = 0;
  std::vector<Op> done;
};

TEST_F(Fences, KeysArePackedAsDocumented) {
  EXPECT_EQ((FenceKey{0xabcdef, 0x12345678, 0x55, true}.packed()), 0xabcdef12345678abu);
  EXPECT_EQ(FenceKey::of(0xabcdef12345678abu), (FenceKey{0xabcdef, 0x12345678, 0x55, true}));
  NamespaceSpec a, b;
  b.nguid[3] = 1;
  EXPECT_NE(fence_tag(a), fence_tag(b));
  EXPECT_NE(fence_tag(a), 0u);
  EXPECT_EQ(fence_tag(a) >> 24, 0u);
}

TEST_F(Fences, AFreshLegIsRegisteredAndHeld) {
  EXPECT_EQ(take(100, 1), V::kHeld);
  EXPECT_EQ(leg.keys.at(100), key(10, 1));
  EXPECT_EQ(leg.holder, 100u);
  EXPECT_TRUE(leg.persistent);
  EXPECT_FALSE(fence.proven()) << "nobody says what was sent to it before";
  EXPECT_TRUE(fence.current(truth));
  EXPECT_EQ(done,
            (std::vector{Op::kReport, Op::kRegister, Op::kReport, Op::kAcquire, Op::kReport, Op::kReplace}));
}

TEST_F(Fences, WaitsUntilThisStartIsDurable) {
  truth.number = 0;
  EXPECT_EQ(take(100, 1), V::kWait);
  EXPECT_EQ(fence.state(), S::kWaiting);
  EXPECT_EQ(done, std::vector{Op::kReport}) << "whose it is can be said before";
  EXPECT_TRUE(fence.judged());
  truth.number = 10;
  EXPECT_EQ(run(100), V::kHeld);
}

TEST_F(Fences, AnOlderIncarnationIsPreemptedAndItsCommandsAreOver) {
  leg.keys = {{5, key(9, 3)}};
  leg.holder = 5;
  leg.persistent = true;
  in_doubt = kSecond;
  EXPECT_EQ(take(100, 1), V::kHeld);
  EXPECT_EQ(leg.keys, (std::map<unsigned, std::uint64_t>{{100, key(10, 1)}}));
  EXPECT_EQ(leg.holder, 100u);
  EXPECT_EQ(leg.aborted, std::vector{5u});
  EXPECT_TRUE(fence.proven());
}

TEST_F(Fences, AFormerAssociationOfOursIsPreemptedToo) {
  EXPECT_EQ(take(100, 1), V::kHeld);
  in_doubt = kSecond;
  EXPECT_EQ(take(101, 2), V::kHeld);
  EXPECT_EQ(leg.aborted, std::vector{100u});
  EXPECT_TRUE(fence.proven());
  EXPECT_EQ(leg.keys, (std::map<unsigned, std::uint64_t>{{101, key(10, 2)}}));
}

// A preemption may be cut short while the victim's commands are still aborted. Who comes next must not take
// it for a barrier.
TEST_F(Fences, APreemptionThatWasCutShortProvesNothing) {
  EXPECT_EQ(take(100, 1), V::kHeld);
  in_doubt = kSecond;
  fence.begin(0, 2, in_doubt);
  actions.clear();
  (void)run(101, 4);  // Report, Register, Report, Preempt and Abort: answered for nobody
  EXPECT_EQ(leg.keys, (std::map<unsigned, std::uint64_t>{{101, key(10, 2, true)}}));
  EXPECT_EQ(take(102, 3), V::kHeld);
  EXPECT_FALSE(fence.proven());
  EXPECT_EQ(leg.keys.at(102), key(10, 3, true)) << "and who comes after that must not either";
  // When guard_time is over the next key says so.
  in_doubt = 0;
  ++truth.number;
  (void)run(102);
  EXPECT_EQ(leg.keys.at(102), key(11, 3));
  in_doubt = kSecond;
  EXPECT_EQ(take(103, 4), V::kHeld);
  EXPECT_TRUE(fence.proven());
}

TEST_F(Fences, SeveralFormerRegistrationsGo) {
  leg.keys = {{5, key(9, 3)}, {6, key(8, 4)}, {100, key(10, 1)}};
  leg.holder = 6;
  leg.persistent = true;
  EXPECT_EQ(take(101, 2), V::kHeld);
  EXPECT_EQ(leg.keys, (std::map<unsigned, std::uint64_t>{{101, key(10, 2)}}));
}

TEST_F(Fences, AnotherClustersLegIsRefused) {
  leg.keys = {{5, key(1, 1, false, 8)}};
  leg.holder = 5;
  EXPECT_EQ(take(100, 1), V::kRefused);
  EXPECT_NE(fence.why().find("not of this namespace"), std::string::npos);
  EXPECT_EQ(leg.keys.size(), 1u) << "nothing was changed";
}

TEST_F(Fences, AKeyNewerThanTheStoreWasIsRefused) {
  leg.keys = {{5, key(10, 1)}};
  leg.holder = 5;
  EXPECT_EQ(take(100, 1), V::kStale) << "10 is ours now, but the store that was read had 9";
  EXPECT_NE(fence.why().find("older copy"), std::string::npos);
  EXPECT_EQ(leg.keys.size(), 1u);
  EXPECT_FALSE(fence.used());
}

TEST_F(Fences, TheKeyFollowsTheEpoch) {
  EXPECT_EQ(take(100, 1), V::kHeld);
  ++truth.number;
  EXPECT_FALSE(fence.current(truth));
  EXPECT_EQ(run(100), V::kWait);
  EXPECT_TRUE(fence.current(truth));
  EXPECT_EQ(leg.keys.at(100), key(11, 1));
}

TEST_F(Fences, WhoIsPreemptedLearnsItWithTheNextEpoch) {
  EXPECT_EQ(take(100, 1), V::kHeld);
  leg.keys = {{5, key(12, 1)}};
  leg.holder = 5;
  ++truth.number;
  EXPECT_EQ(run(100), V::kPreempted);
}

TEST_F(Fences, ErrorsEndTheAttempt) {
  leg.error = spec::st::kInternal;
  EXPECT_EQ(take(100, 1), V::kFailed);
  EXPECT_FALSE(fence.used());
  leg.error = 0;
  EXPECT_EQ(take(101, 2), V::kHeld);
  leg.error = spec::st::kInternal;
  ++truth.number;
  EXPECT_EQ(run(101), V::kFailed);
}

TEST_F(Fences, ALegThatNeverSettlesIsGivenUp) {
  leg.persistent = false;
  fence.begin(0, 1, 0);
  fence.advance(ctx, truth, 0);
  V v = V::kWait;
  unsigned commands = 0;
  while (v == V::kWait && commands++ < 1000) {
    const Action a = actions.back();
    actions.clear();
    v = fence.on_answer(ctx, truth, a.reserve.op == Op::kReport ? Reserved{} : Reserved{});
  }
  EXPECT_EQ(v, V::kFailed);
  EXPECT_LT(commands, 100u);
}

TEST_F(Fences, LeavingUnregisters) {
  EXPECT_EQ(take(100, 1), V::kHeld);
  fence.leave(ctx);
  EXPECT_EQ(run(100), V::kLeft);
  EXPECT_TRUE(leg.keys.empty());
  EXPECT_EQ(leg.holder, 0u);
  EXPECT_TRUE(fence.left());
}

// Seed 300000818: the leg had answered Register (unregister) with an error, and counted as given back.
TEST_F(Fences, AnUnregistrationThatFailsIsNone) {
  EXPECT_EQ(take(100, 1), V::kHeld);
  leg.error = spec::st::kInternal;
  fence.leave(ctx);
  EXPECT_EQ(run(100), V::kFailed);
  EXPECT_NE(fence.why().find("could not be given back"), std::string::npos) << fence.why();
  EXPECT_EQ(leg.keys.size(), 1u);

  leg.error = 0;
  EXPECT_EQ(take(101, 2), V::kHeld);
  leg.keys.clear();  // somebody was faster
  fence.leave(ctx);
  EXPECT_EQ(run(101), V::kLeft);
}

// ---- in a namespace ---------------------------------------------------------------------------------
// Two legs with reservations, as the machine uses them.
class FencedLegs : public ::testing::Test {
 protected:
  FencedLegs() : ledger("vol0", 64, 1) {
    ctx.spec.name = "vol0";
    ctx.spec.blocks = 64 * 16;
    ctx.spec.block_shift = 16;
    ctx.spec.region_bytes = 1u << 20;
    ctx.geo = {64 * 16, 16, 1u << 20, 4, 64, 2, 2};
    ctx.now = 100 * kSecond;
    ctx.out = &actions;
    store::EpochRecord epoch;
    epoch.epoch = 5;
    epoch.legs[0] = {Role::kInSync, 1, "a", 1};
    epoch.legs[1] = {Role::kInSync, 1, "b", 1};
    const auto at = store::record_key("vol0", store::Kind::kEpoch);
    EXPECT_TRUE(ledger.load({{at, store::encode(at, epoch)}}));
    for (auto& l : fakes) l.first_of_node = 100;
    members.restore(ledger, 64);
  }
  void start() {
    members.start(ctx, false);
    settle();
  }
  Leg& leg(unsigned i) { return members.legs[i]; }
  void settle() {
    ++ctx.serial;
    for (int i = 0; i < 20; ++i) members.advance(ctx, ledger, fences, true);
    if (!claimed_ && members.may_claim(ctx)) {
      claimed_ = true;
      ledger.want_marker({1, false});
      members.claim(ledger.ticket());
    }
    ledger.pump(ctx);
  }
  void up(unsigned i) {
    LegFacts f;
    f.blocks = ctx.spec.blocks;
    f.block_shift = 16;
    f.write_zeroes = true;
    f.reservations = true;
    f.nguid[0] = static_cast<std::uint8_t>(i + 1);
    ++ctx.serial;
    members.on_up(ctx, ledger, i, leg(i).link.gen(), f);
    settle();
  }
  // Commands to leg i that were not answered yet, in their order.
  bool reserve(unsigned i) {
    while (next_ < actions.size()) {
      const Action a = actions[next_++];
      if (a.kind != Action::Kind::kReserve) continue;
      if (a.leg != i) {
        waiting.push_back(a);
        continue;
      }
      answer(a);
      return true;
    }
    for (auto it = waiting.begin(); it != waiting.end(); ++it) {
      if (it->leg != i) continue;
      const Action a = *it;
      waiting.erase(it);
      answer(a);
      return true;
    }
    return false;
  }
  void answer(const Action& a) {
    members.on_reserved(ctx, ledger, a.leg, a.gen, fakes[a.leg].answer(100 + a.gen, a.reserve));
    settle();
  }
  void reserve_all(unsigned i) {
    while (reserve(i)) {
    }
  }
  void commit() {
    for (int i = 0; i < 10; ++i) {
      const auto it = std::find_if(actions.rbegin(), actions.rend(),
                                   [](const Action& a) { return a.kind == Action::Kind::kCommit; });
      if (it == actions.rend() || ledger.on_done(it->txn, true, false, ctx.now) == Ledger::Answer::kNotOurs)
        return;
      settle();
    }
  }
  std::uint64_t number(unsigned i) {
    EXPECT_EQ(fakes[i].keys.size(), 1u);
    return fakes[i].keys.empty() ? 0 : FenceKey::of(fakes[i].keys.begin()->second).number;
  }
  bool routed(unsigned i) const {
    unsigned state = tee::Ctl::kLegOff;
    for (const Action& a : actions)
      if (a.kind == Action::Kind::kCtl && a.ctl.op == tee::Ctl::kSetLeg && a.ctl.leg == i)
        state = a.ctl.leg_state.to_uint();
    return state != tee::Ctl::kLegOff;
  }
  // The legs that are up are looked at, the start is counted and made durable.
  void first_looks() {
    reserve_all(0);
    reserve_all(1);
    if (!claimed_) {
      ctx.now += ctx.times.start_wait / 2;
      settle();
    }
    commit();
  }
  void both_serve() {
    start();
    up(0);
    up(1);
    first_looks();
    reserve_all(0);
    reserve_all(1);
    ASSERT_TRUE(leg(0).good() && leg(1).good());
    members.served();
  }

  Context ctx;
  Actions actions;
  std::vector<Action> waiting;
  Ledger ledger;
  FenceDesk fences;
  Membership members;
  std::array<FakeLeg, 2> fakes;

 private:
  bool claimed_ = false;
  std::size_t next_ = 0;
};

TEST_F(FencedLegs, ALegIsNotUsedBeforeItsReservationIsHeld) {
  start();
  up(0);
  EXPECT_TRUE(reserve(0));
  EXPECT_FALSE(reserve(0)) << "the start is not durable: it has no fence number";
  first_looks();
  while (reserve(0)) {
    if (!leg(0).reservation.held()) {
      EXPECT_FALSE(leg(0).link.is_up());
      EXPECT_FALSE(routed(0));
    }
  }
  EXPECT_TRUE(leg(0).good());
  EXPECT_EQ(number(0), 6u);  // epoch 5, first start
}

// A write may be acknowledged without the lost leg only when the leg that remains says that the epoch has
// changed: else an older copy of the record would count the lost leg as in sync, and nobody could tell.
TEST_F(FencedLegs, NothingIsFinishedBeforeTheRemainingLegCarriesTheEpoch) {
  both_serve();
  leg(0).answered = 1000;
  members.on_down(ctx, 1, leg(1).link.gen(), "cable", true);
  settle();
  ASSERT_EQ(leg(1).state(), Leg::State::kDropping);
  commit();
  ASSERT_EQ(leg(1).role, Role::kStale);
  EXPECT_EQ(number(0), 6u);
  EXPECT_TRUE(routed(1)) << "leg 0 does not carry epoch 6 yet";
  reserve_all(0);
  EXPECT_EQ(number(0), 7u);
  EXPECT_FALSE(routed(1));
}

TEST_F(FencedLegs, ALegThatCannotTakeTheNewKeyIsFaulted) {
  both_serve();
  leg(0).answered = 1000;
  members.on_down(ctx, 1, leg(1).link.gen(), "cable", true);
  settle();
  commit();
  fakes[0].error = spec::st::kInternal;
  reserve_all(0);
  EXPECT_EQ(leg(0).state(), Leg::State::kLost);
}

TEST_F(FencedLegs, ALegThatDoesNotAnswerAReservationIsTriedAgain) {
  start();
  up(0);
  const auto gen = leg(0).link.gen();
  ASSERT_TRUE(leg(0).reservation.busy());
  members.on_deadline(ctx, 0, gen);
  settle();
  EXPECT_EQ(leg(0).link.state(), LegLink::State::kBackoff);
  ctx.now += ctx.times.reconnect_min;
  settle();
  up(0);
  first_looks();
  reserve_all(0);
  EXPECT_TRUE(leg(0).link.is_up());
}

// With a proof nobody waits for guard_time.
TEST_F(FencedLegs, AReturningLegJoinsAtOnceWhenItsFormerAssociationWasPreempted) {
  both_serve();
  leg(0).answered = 1000;
  members.on_down(ctx, 1, leg(1).link.gen(), "cable", true);
  settle();
  commit();
  reserve_all(0);
  leg(1).on_sweep_done();
  settle();
  ctx.now += ctx.times.reconnect_min;
  settle();
  up(1);
  ASSERT_LT(ctx.now, leg(1).lost_at + ctx.times.guard_time);
  reserve_all(1);
  EXPECT_TRUE(leg(1).reservation.proven());
  EXPECT_EQ(leg(1).state(), Leg::State::kJoining);
}

// An old copy of the store: each of its legs carries what the newer record had.
TEST_F(FencedLegs, AnOldCopyOfTheStoreIsRecognised) {
  fakes[0].keys = {{5, FenceKey{fence_tag(ctx.spec), 7, 1, false}.packed()}};
  fakes[0].holder = 5;
  start();
  up(0);
  reserve_all(0);
  EXPECT_FALSE(leg(0).link.is_up());
  EXPECT_NE(members.stale_store().find("older copy"), std::string::npos);
  EXPECT_EQ(fakes[0].keys.size(), 1u);
  // However often it is started: it never counts up to the legs' number.
  ctx.now += ctx.times.start_wait;
  EXPECT_FALSE(members.may_claim(ctx));
}

TEST_F(FencedLegs, OnceHostsAreServedANewerKeyRefusesThatLegAlone) {
  both_serve();
  leg(0).answered = 1000;
  members.on_down(ctx, 1, leg(1).link.gen(), "cable", true);
  settle();
  commit();
  reserve_all(0);
  leg(1).on_sweep_done();
  fakes[1].keys = {{5, FenceKey{fence_tag(ctx.spec), 50, 1, false}.packed()}};
  fakes[1].holder = 5;
  ctx.now += ctx.times.reconnect_min;
  settle();
  up(1);
  reserve_all(1);
  EXPECT_FALSE(leg(1).link.is_up());
  EXPECT_EQ(members.stale_store(), "");
  EXPECT_TRUE(leg(0).good());
}

TEST_F(FencedLegs, ARemovedLegIsGivenBack) {
  both_serve();
  leg(0).answered = 1000;
  members.remove(ctx, 1, 1);
  settle();
  commit();
  reserve_all(0);
  ASSERT_EQ(leg(1).state(), Leg::State::kPurging);
  // What it owes is dropped when its association is gone (seed 40075392).
  EXPECT_FALSE(leg(1).link.is_up());
  leg(1).on_sweep_done();
  settle();
  EXPECT_EQ(leg(1).state(), Leg::State::kPurging);
  ctx.now += ctx.times.reconnect_min;
  settle();
  up(1);
  reserve_all(1);
  EXPECT_TRUE(fakes[1].keys.empty());
  EXPECT_FALSE(leg(1).configured());
}

// Seeds 60107824, 60128521: a leg that had lost its cache was removed while regions were to be reconciled;
// they counted as equal at once, since one leg was left, and it was still read.
TEST_F(FencedLegs, NothingIsEqualWhileARemovedLegIsStillRead) {
  both_serve();
  leg(0).answered = 1000;
  EXPECT_TRUE(members.all_settled());
  members.remove(ctx, 1, 1);
  settle();
  commit();
  ASSERT_EQ(leg(1).state(), Leg::State::kPurging);
  EXPECT_FALSE(members.all_settled());
  reserve_all(0);  // the new number: now routing is off
  EXPECT_TRUE(members.all_settled());
}

TEST_F(FencedLegs, ALegThatDoesNotAnswerIsRemovedAllTheSame) {
  both_serve();
  leg(0).answered = 1000;
  members.remove(ctx, 1, 1);
  settle();
  commit();
  reserve_all(0);
  leg(1).on_sweep_done();
  ctx.now += ctx.times.start_wait;
  settle();
  EXPECT_EQ(fakes[1].keys.size(), 1u);
  EXPECT_FALSE(leg(1).configured());
}

// Seed 1271: the last leg returned while another one, in promotion, was away on paper only: its next
// association was taking the reservation already. Losing it ended that, and nobody asked again (P9).
TEST_F(FencedLegs, TheReservationOfANewerAssociationGoesOnWhenThePromotionIsLost) {
  both_serve();
  Leg& l = leg(1);
  l.restore(Leg::State::kCopying);
  l.role = Role::kSyncing;
  l.to_copy.clear_all();
  ASSERT_TRUE(l.to_copy.set(0));
  members.on_down(ctx, 0, leg(0).link.gen(), "cable", true);
  ctx.now += ctx.times.reconnect_min;
  settle();
  up(0);
  reserve_all(0);
  ctx.now += ctx.times.start_wait;
  settle();
  ASSERT_EQ(leg(0).state(), Leg::State::kReissuing);
  l.to_copy.clear_all();
  settle();
  ASSERT_EQ(l.state(), Leg::State::kPromoting);
  members.on_down(ctx, 1, l.link.gen(), "cable", true);
  ctx.now += ctx.times.reconnect_min;
  settle();
  up(1);
  ASSERT_TRUE(l.reservation.busy());
  leg(0).on_sweep_done();
  settle();
  ASSERT_TRUE(leg(0).good());
  ASSERT_EQ(l.reason, "the leg that it was copied from was away meanwhile");
  reserve_all(1);
  EXPECT_TRUE(l.link.is_up());
}

}  // namespace
}  // namespace nvtee::core
