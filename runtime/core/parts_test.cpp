// The sub-machines, each by itself.
#include <gtest/gtest.h>

#include "hw/kernels/tee_core/region_hash.hpp"
#include "runtime/core/closer.hpp"
#include "runtime/core/gate.hpp"
#include "runtime/core/ledger.hpp"
#include "runtime/core/membership.hpp"
#include "runtime/core/regions.hpp"
#include "runtime/core/throttle.hpp"

namespace nvtee::core {
namespace {

// A context whose actions are kept and can be asked for.
class Parts : public ::testing::Test {
 protected:
  Parts() : ledger("vol0", 64, 1) {
    ctx.spec.name = "vol0";
    ctx.spec.blocks = 64 * 16;
    ctx.spec.block_shift = 16;
    ctx.spec.region_bytes = 1u << 20;
    ctx.geo = {64 * 16, 16, 1u << 20, 4, 64, 2, 2};
    ctx.limits.open_max_bytes = 8u << 20;
    ctx.now = kSecond;
    ctx.serial = 1;
    ctx.out = &actions;
    store::EpochRecord epoch;
    epoch.epoch = 1;
    epoch.legs[0] = {Role::kInSync, 1, "a", 1};
    epoch.legs[1] = {Role::kInSync, 1, "b", 1};
    const auto key = store::record_key("vol0", store::Kind::kEpoch);
    EXPECT_TRUE(ledger.load({{key, store::encode(key, epoch)}}));
  }
  unsigned count(tee::Ctl::Op op) const {
    return static_cast<unsigned>(std::count_if(actions.begin(), actions.end(), [op](const Action& a) {
      return a.kind == Action::Kind::kCtl && a.ctl.op == static_cast<unsigned>(op);
    }));
  }
  unsigned count(Action::Kind kind) const {
    return static_cast<unsigned>(
        std::count_if(actions.begin(), actions.end(), [kind](const Action& a) { return a.kind == kind; }));
  }
  const Action* last(Action::Kind kind) const {
    const auto it =
        std::find_if(actions.rbegin(), actions.rend(), [kind](const Action& a) { return a.kind == kind; });
    return it == actions.rend() ? nullptr : &*it;
  }
  // Answers the commit that was emitted last.
  Ledger::Answer answer(bool ok, bool conflict = false) {
    return ledger.on_done(last(Action::Kind::kCommit)->txn, ok, conflict, ctx.now);
  }
  void commit_all() {
    actions.clear();
    ledger.pump(ctx);
    if (count(Action::Kind::kCommit) != 0) EXPECT_EQ(answer(true), Ledger::Answer::kCommitted);
    actions.clear();
  }
  Context ctx;
  Actions actions;
  Ledger ledger;
};

// ---- ledger -------------------------------------------------------------------------------------
TEST_F(Parts, LedgerGathersWhatIsWantedDuringACommitIntoTheNext) {
  ledger.set_open(1);
  const auto first = ledger.ticket();
  ledger.pump(ctx);
  ASSERT_EQ(count(Action::Kind::kCommit), 1u);
  ledger.set_open(2);
  ledger.set_dirty(1, 9);
  const auto second = ledger.ticket();
  ledger.pump(ctx);
  EXPECT_EQ(count(Action::Kind::kCommit), 1u);  // one in flight
  EXPECT_FALSE(ledger.durable(first));
  EXPECT_EQ(answer(true), Ledger::Answer::kCommitted);
  EXPECT_TRUE(ledger.durable(first));
  EXPECT_FALSE(ledger.durable(second));
  ledger.pump(ctx);
  ASSERT_EQ(count(Action::Kind::kCommit), 2u);
  EXPECT_EQ(last(Action::Kind::kCommit)->transaction.puts.size(), 2u);
  EXPECT_EQ(answer(true), Ledger::Answer::kCommitted);
  EXPECT_TRUE(ledger.durable(second));
  EXPECT_TRUE(ledger.idle());
}

TEST_F(Parts, LedgerWritesAgainWhatAFailedCommitCarried) {
  ledger.set_open(1);
  const auto t = ledger.ticket();
  ledger.pump(ctx);
  ledger.set_open(5);
  EXPECT_EQ(answer(false), Ledger::Answer::kFailed);
  ledger.pump(ctx);
  EXPECT_EQ(count(Action::Kind::kCommit), 1u) << "it waits before it tries again";
  Wake w(ctx.now);
  ledger.wake(w);
  ASSERT_NE(w.at(), kNever);
  ctx.now = w.at();
  ledger.pump(ctx);
  ASSERT_EQ(count(Action::Kind::kCommit), 2u);
  const auto& put = last(Action::Kind::kCommit)->transaction.puts.at(0);
  const auto bits = store::decode_bitmap(put.key, put.value);
  ASSERT_TRUE(bits);
  EXPECT_EQ((*bits)[0], 0b100010u);
  EXPECT_EQ(answer(true), Ledger::Answer::kCommitted);
  EXPECT_TRUE(ledger.durable(t));
}

TEST_F(Parts, LedgerDeletesAnEmptyChunk) {
  ledger.set_open(1);
  commit_all();
  ledger.clear_open(1);
  ledger.pump(ctx);
  EXPECT_EQ(last(Action::Kind::kCommit)->transaction.deletes.size(), 1u);
}

TEST_F(Parts, LedgerEveryCommitExpectsTheEpoch) {
  ledger.set_open(1);
  ledger.pump(ctx);
  ASSERT_EQ(last(Action::Kind::kCommit)->transaction.conditions.size(), 1u);
  EXPECT_EQ(last(Action::Kind::kCommit)->transaction.conditions[0].key,
            store::record_key("vol0", store::Kind::kEpoch));
  EXPECT_EQ(answer(false, true), Ledger::Answer::kLostHome);
}

TEST_F(Parts, LedgerFindsOutWhetherAnUnansweredEpochStands) {
  for (const bool applied : {false, true}) {
    auto next = ledger.epoch();
    const auto old_bytes = store::encode(store::record_key("vol0", store::Kind::kEpoch), next);
    ++next.epoch;
    const auto new_bytes = store::encode(store::record_key("vol0", store::Kind::kEpoch), next);
    const auto t = ledger.want_epoch(next);
    ledger.pump(ctx);
    EXPECT_EQ(answer(false), Ledger::Answer::kFailed);  // an error: it may stand or not
    bool done = false;
    for (int i = 0; i < 4 && !done; ++i) {
      ctx.now += kSecond;
      actions.clear();
      ledger.pump(ctx);
      ASSERT_EQ(count(Action::Kind::kCommit), 1u);
      const bool holds =
          last(Action::Kind::kCommit)->transaction.conditions[0].expect == (applied ? new_bytes : old_bytes);
      const auto a = answer(holds, !holds);
      EXPECT_NE(a, Ledger::Answer::kLostHome);
      done = a == Ledger::Answer::kCommitted;
    }
    EXPECT_TRUE(done);
    EXPECT_TRUE(ledger.durable(t));
    EXPECT_EQ(ledger.epoch().epoch, next.epoch);
  }
}

TEST_F(Parts, LedgerKnowsWhenAnotherNodeWroteTheEpoch) {
  auto next = ledger.epoch();
  ++next.epoch;
  ledger.want_epoch(next);
  ledger.pump(ctx);
  EXPECT_EQ(answer(false), Ledger::Answer::kFailed);
  ctx.now += kSecond;
  ledger.pump(ctx);
  EXPECT_EQ(answer(false, true), Ledger::Answer::kFailed);  // neither the one
  ledger.pump(ctx);
  EXPECT_EQ(answer(false, true), Ledger::Answer::kLostHome);  // nor the other
  actions.clear();
  ledger.pump(ctx);
  EXPECT_EQ(count(Action::Kind::kCommit), 0u) << "no loop without a pause";
}

TEST_F(Parts, LedgerTellsSinceWhenTheStoreIsWaitedFor) {
  EXPECT_EQ(ledger.waiting_since(), kNever);
  ledger.set_open(1);
  ledger.pump(ctx);
  const Time since = ctx.now;
  ctx.now += kSecond;
  EXPECT_EQ(answer(false), Ledger::Answer::kFailed);
  ctx.now += kSecond;
  ledger.pump(ctx);
  EXPECT_EQ(ledger.waiting_since(), since);
  EXPECT_EQ(answer(true), Ledger::Answer::kCommitted);
  EXPECT_EQ(ledger.waiting_since(), kNever);
}

// ---- region bits --------------------------------------------------------------------------------
TEST(RegionBits, FindsMembersAcrossChunks) {
  RegionBits bits(20000);
  EXPECT_EQ(bits.next(0), RegionBits::kNoRegion);
  for (const std::uint32_t r : {0u, 63u, 64u, 4095u, 4096u, 19999u}) EXPECT_TRUE(bits.set(r));
  EXPECT_FALSE(bits.set(64));
  std::vector<std::uint32_t> seen;
  for (std::uint32_t r = bits.next(0); r != RegionBits::kNoRegion; r = bits.next(r + 1)) seen.push_back(r);
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{0, 63, 64, 4095, 4096, 19999}));
  EXPECT_EQ(bits.count(), 6u);
  EXPECT_TRUE(bits.clear(4095));
  EXPECT_FALSE(bits.clear(4095));
  store::BitmapRecord beyond{};
  beyond[63] = std::uint64_t{1} << 63;
  EXPECT_FALSE(bits.load(4, beyond)) << "a region beyond the last one";
  bits.set_all();
  EXPECT_EQ(bits.count(), 20000u);
}

// ---- regions ------------------------------------------------------------------------------------
class RegionParts : public Parts {
 protected:
  RegionParts() : regions(ctx.geo, ctx.limits, ledger) { regions.set_gated(ctx, false); }
  void settle() {
    for (int i = 0; i < 5; ++i) regions.advance(ctx);
  }
  // Opens a region as the engine would, with the store answering.
  void open(std::uint32_t region, unsigned slot) {
    regions.on_miss(ctx, region, slot);
    settle();
    commit_all();
    settle();
    regions.on_set_done(ctx, region, true);
    settle();
  }
  Regions regions;
};

TEST_F(RegionParts, OpensDurablyThenInTheCoreThenResumes) {
  regions.on_miss(ctx, 3, 100);
  settle();
  EXPECT_EQ(count(tee::Ctl::kRegionSet), 0u);
  EXPECT_TRUE(ledger.open().test(3));
  regions.on_miss(ctx, 3, 101);
  ledger.pump(ctx);
  settle();
  EXPECT_EQ(count(tee::Ctl::kRegionSet), 0u) << "P14: not before the store has it";
  EXPECT_EQ(answer(true), Ledger::Answer::kCommitted);
  settle();
  EXPECT_EQ(count(tee::Ctl::kRegionSet), 1u);
  EXPECT_EQ(count(tee::Ctl::kResume), 0u);
  regions.on_set_done(ctx, 3, true);
  EXPECT_EQ(count(tee::Ctl::kResume), 2u);
  regions.on_miss(ctx, 3, 102);  // it missed just before the core opened it
  EXPECT_EQ(count(tee::Ctl::kResume), 3u);
}

// The first miss is on its way to the store; what misses meanwhile goes together.
TEST_F(RegionParts, SeveralMissesAreOneTransaction) {
  regions.on_miss(ctx, 1, 1);
  settle();
  ledger.pump(ctx);
  ASSERT_EQ(count(Action::Kind::kCommit), 1u);
  for (unsigned r = 2; r < 7; ++r) regions.on_miss(ctx, r, r);
  settle();
  ledger.pump(ctx);
  EXPECT_EQ(count(Action::Kind::kCommit), 1u);
  EXPECT_EQ(answer(true), Ledger::Answer::kCommitted);
  settle();
  ledger.pump(ctx);
  ASSERT_EQ(count(Action::Kind::kCommit), 2u);
  const auto& puts = last(Action::Kind::kCommit)->transaction.puts;
  ASSERT_EQ(puts.size(), 1u);
  EXPECT_EQ((*store::decode_bitmap(puts[0].key, puts[0].value))[0], 0b1111110u);
}

TEST_F(RegionParts, SlotThatWasUsedAgainIsResumedOnce) {
  regions.on_miss(ctx, 3, 100);
  regions.on_miss(ctx, 5, 100);  // its queue was closed, the slot used again
  settle();
  commit_all();
  settle();
  regions.on_set_done(ctx, 3, true);
  EXPECT_EQ(count(tee::Ctl::kResume), 0u);
  regions.on_set_done(ctx, 5, true);
  EXPECT_EQ(count(tee::Ctl::kResume), 1u);
  EXPECT_EQ(regions.parked(), 0u);
}

TEST_F(RegionParts, GateFailsWhatIsParked) {
  regions.on_miss(ctx, 3, 100);
  settle();
  regions.set_gated(ctx, true);
  EXPECT_EQ(count(tee::Ctl::kFailParked), 1u);
  regions.on_miss(ctx, 4, 101);  // was on its way
  EXPECT_EQ(count(tee::Ctl::kFailParked), 2u);
  settle();
  EXPECT_FALSE(ledger.open().test(4));
}

TEST_F(RegionParts, ParkedCommandsDoNotWaitForEver) {
  regions.on_miss(ctx, 3, 100);
  settle();
  ledger.pump(ctx);
  ctx.now += ctx.times.hold;
  settle();
  EXPECT_EQ(count(tee::Ctl::kFailParked), 1u);
}

// reaches: tee.open_regions
TEST_F(RegionParts, FullSetMakesRoomByTheLeastRecentlyUsed) {
  // 4 sets: regions 0, 4+1.. share sets by the hash; take five of one set.
  std::vector<std::uint32_t> same;
  for (std::uint32_t r = 0; r < 64 && same.size() < 5; ++r)
    if (tee::region_hash(r, 2) == tee::region_hash(0, 2)) same.push_back(r);
  ASSERT_EQ(same.size(), 5u);
  for (unsigned i = 0; i < 4; ++i) {
    open(same[i], i);
    ctx.now += kSecond;
  }
  actions.clear();
  regions.on_miss(ctx, same[4], 50);
  settle();
  EXPECT_GT(count(tee::Ctl::kRegionQuery), 0u) << "asks who was used last";
  // The first was used just now, the second is the oldest.
  regions.on_info(ctx, same[0], 0);
  regions.on_info(ctx, same[1], 3);
  regions.on_info(ctx, same[2], 2);
  regions.on_info(ctx, same[3], 1);
  settle();
  std::vector<std::uint32_t> batch;
  ASSERT_TRUE(regions.take_chosen(batch, 64));
  EXPECT_EQ(batch, (std::vector<std::uint32_t>{same[1]}));
  EXPECT_FALSE(ledger.open().test(same[4])) << "no room before the victim is gone";
  ledger.clear_open(same[1]);
  commit_all();
  regions.closed(ctx, same[1]);
  settle();
  EXPECT_TRUE(ledger.open().test(same[4]));
}

// reaches: tee.open_bytes
TEST_F(RegionParts, CapEvictsAsManyAsItOpens) {
  for (unsigned i = 0; i < 8; ++i) {
    open(i, i);
    ctx.now += kSecond;
  }
  regions.on_miss(ctx, 20, 20);
  settle();
  for (unsigned i = 0; i < 8; ++i) regions.on_info(ctx, i, 8 - i);
  settle();
  settle();
  std::vector<std::uint32_t> batch;
  ASSERT_TRUE(regions.take_chosen(batch, 64));
  EXPECT_EQ(batch.size(), 1u) << "one opens, one closes";
  settle();
  batch.clear();
  EXPECT_FALSE(regions.take_chosen(batch, 64)) << "the one that is closing counts";
}

TEST_F(RegionParts, IdleRegionClosesOnlyOnAFreshAnswer) {
  open(3, 1);
  actions.clear();
  std::vector<std::uint32_t> batch;
  for (unsigned s = 0; s < 40; ++s) {
    ctx.now += kSecond;
    settle();
    if (count(tee::Ctl::kRegionQuery) != 0) regions.on_info(ctx, 3, 0);  // written all the time
    actions.clear();
  }
  EXPECT_FALSE(regions.take_chosen(batch, 64));
  for (unsigned s = 0; s < 40; ++s) {
    ctx.now += kSecond;
    settle();
    if (count(tee::Ctl::kRegionQuery) != 0) regions.on_info(ctx, 3, s + 1);
    actions.clear();
  }
  EXPECT_TRUE(regions.take_chosen(batch, 64));
}

// P9 (seed 4034752): a command needs two regions of one set, and another namespace has the other ways. The
// first one, opened for it just now, must not make room for the second.
TEST_F(RegionParts, TwoRegionsOfOneSetForOneCommandDoNotDriveEachOtherOut) {
  std::uint32_t second = 1;
  while (tee::region_hash(second, 2) != tee::region_hash(0, 2)) ++second;
  open(0, 7);
  actions.clear();
  regions.on_miss(ctx, second, 7);  // the command looks again, and misses the other one
  settle();
  commit_all();
  settle();
  ctx.now += 20 * kMillisecond;
  regions.on_set_done(ctx, second, false);
  settle();
  std::vector<std::uint32_t> batch;
  EXPECT_FALSE(regions.take_chosen(batch, 64)) << "region 0 is needed by the same command";
  EXPECT_EQ(count(Action::Kind::kWayWanted), 1u);

  // Nobody had one to give: then it must after all.
  ctx.now += 2 * kSecond;
  for (unsigned i = 0; i < 3; ++i) {
    settle();
    regions.on_set_done(ctx, second, false);
    if (count(tee::Ctl::kRegionQuery) != 0) regions.on_info(ctx, 0, 2);
    ctx.now += 6 * kMillisecond;
  }
  settle();
  EXPECT_TRUE(regions.take_chosen(batch, 64));
}

TEST_F(RegionParts, FullTableAsksOtherNamespacesForAWay) {
  regions.on_miss(ctx, 3, 1);
  settle();
  commit_all();
  settle();
  regions.on_set_done(ctx, 3, false);
  EXPECT_EQ(count(Action::Kind::kWayWanted), 1u);
  actions.clear();
  ctx.now += 6 * kMillisecond;
  settle();
  EXPECT_EQ(count(tee::Ctl::kRegionSet), 1u) << "tries again";
  regions.on_set_done(ctx, 3, true);
  EXPECT_EQ(count(tee::Ctl::kResume), 1u);
  // And gives one when it is asked.
  ctx.now += kSecond;
  regions.on_way_wanted(ctx, tee::region_hash(3, 2));
  regions.on_info(ctx, 3, 1);
  regions.on_way_wanted(ctx, tee::region_hash(3, 2));
  std::vector<std::uint32_t> batch;
  EXPECT_TRUE(regions.take_chosen(batch, 64));
}

// Seed 211: at a stop, a region that was durably open and had no way of the core's table stayed open.
TEST_F(RegionParts, ARegionWithoutAWayClosesWhenNobodyWaitsForIt) {
  regions.on_miss(ctx, 3, 1);
  settle();
  commit_all();
  settle();
  regions.on_set_done(ctx, 3, false);
  std::vector<std::uint32_t> batch;
  regions.set_gated(ctx, true);  // what is parked is failed
  regions.set_draining();
  settle();
  EXPECT_TRUE(regions.take_chosen(batch, 64));
  EXPECT_EQ(batch, std::vector<std::uint32_t>{3});
}

// Seed 1355: a command that came between was sent back to the core, which did not know the region, without
// end.
TEST_F(RegionParts, ARegionThatClosesWithoutAWayKeepsItsNewCommandsParked) {
  regions.on_miss(ctx, 3, 1);
  settle();
  commit_all();
  settle();
  regions.on_set_done(ctx, 3, false);
  regions.set_gated(ctx, true);
  regions.set_gated(ctx, false);
  ctx.now += 2 * kSecond;
  settle();  // chosen
  actions.clear();
  regions.on_miss(ctx, 3, 2);
  EXPECT_EQ(count(tee::Ctl::kResume), 0u);
  std::vector<std::uint32_t> batch;
  ASSERT_TRUE(regions.take_chosen(batch, 64));
  ledger.clear_open(3);
  commit_all();
  regions.closed(ctx, 3);
  settle();
  commit_all();
  settle();
  regions.on_set_done(ctx, 3, true);
  EXPECT_EQ(count(tee::Ctl::kResume), 1u);
}

// ---- gate, throttle -----------------------------------------------------------------------------
TEST_F(Parts, GateTellsCoreAndFrontOnceAChange) {
  Gate gate;
  EXPECT_TRUE(gate.apply(ctx));
  EXPECT_EQ(count(tee::Ctl::kSetGate), 1u);
  EXPECT_EQ(last(Action::Kind::kAna)->ana_state, spec::ana::kInaccessible);
  gate.set(Gate::kStore, true);
  EXPECT_FALSE(gate.apply(ctx));
  gate.set(Gate::kStarting, false);
  EXPECT_FALSE(gate.apply(ctx)) << "one reason is left";
  gate.set(Gate::kStore, false);
  EXPECT_TRUE(gate.apply(ctx));
  EXPECT_EQ(last(Action::Kind::kAna)->ana_state, spec::ana::kOptimized);
}

TEST_F(Parts, ThrottleKeepsTheByteRate) {
  Throttle t;
  ctx.limits.resync_max_bytes_per_s = 10 << 20;
  std::uint64_t bytes = 0;
  for (unsigned ms = 0; ms < 2000; ++ms) {
    ctx.now += kMillisecond;
    while (t.take(ctx, 128 << 10)) bytes += 128 << 10;
  }
  EXPECT_NEAR(static_cast<double>(bytes), 20.0 * (1 << 20), 2.0 * (1 << 20));
}

TEST_F(Parts, ThrottleYieldsToHostsAndComesBack) {
  Throttle t;
  for (int i = 0; i < 10; ++i) t.latency(200 * kMicrosecond, false);
  for (int i = 0; i < 60; ++i) t.latency(5 * kMillisecond, true);
  EXPECT_EQ(t.rate(ctx), Throttle::kMinRate) << "never less: a resync ends";
  for (int i = 0; i < 300; ++i) t.latency(210 * kMicrosecond, true);
  EXPECT_EQ(t.rate(ctx), Throttle::kMaxRate);
}

// ---- link ---------------------------------------------------------------------------------------
TEST_F(Parts, LinkBacksOffAndDoubles) {
  LegLink link(0);
  link.enable(ctx, {"a", 1});
  Duration before = 0;
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(link.state(), LegLink::State::kConnecting);
    link.down(ctx, "no route", true);
    const Duration wait = link.next_attempt() - ctx.now;
    EXPECT_GE(wait, before);
    EXPECT_LE(wait, ctx.times.reconnect_max);
    before = wait;
    ctx.now = link.next_attempt();
    link.tick(ctx);
  }
  EXPECT_EQ(before, ctx.times.reconnect_max);
}

TEST_F(Parts, LinkThatFlapsWaitsForTheOperatorUnlessItIsTheLast) {
  for (const bool last_leg : {false, true}) {
    LegLink link(0);
    link.enable(ctx, {"a", 1});
    for (unsigned i = 0; i < ctx.times.flap_limit; ++i) {
      EXPECT_FALSE(link.needs_operator());
      link.up();
      link.fault(ctx, "reset", !last_leg);
      if (!link.needs_operator()) {
        ctx.now = link.next_attempt();
        link.tick(ctx);
      }
    }
    EXPECT_EQ(link.needs_operator(), !last_leg);
    link.online(ctx);
    EXPECT_EQ(link.state(), LegLink::State::kConnecting);
    link.up();
    link.fault(ctx, "reset", true);
    EXPECT_FALSE(link.needs_operator()) << "faults before the operator's word do not count";
    ctx.now += kSecond;
  }
}

TEST_F(Parts, LinkIgnoresOlderAssociations) {
  LegLink link(0);
  link.enable(ctx, {"a", 1});
  const auto old = link.gen();
  link.down(ctx, "x", true);
  EXPECT_FALSE(link.ours(old));
  ctx.now = link.next_attempt();
  link.tick(ctx);
  EXPECT_FALSE(link.ours(old));
  EXPECT_TRUE(link.ours(link.gen()));
}

// ---- facts --------------------------------------------------------------------------------------
TEST_F(Parts, FactsAreRefusedByName) {
  LegFacts f;
  f.blocks = ctx.spec.blocks;
  f.block_shift = 16;
  f.write_zeroes = true;
  EXPECT_EQ(facts_trouble(ctx, f, std::nullopt), "");
  auto refused = [&](auto change, const char* field) {
    LegFacts g = f;
    change(g);
    EXPECT_NE(facts_trouble(ctx, g, std::nullopt).find(field), std::string::npos) << field;
  };
  refused([](LegFacts& g) { g.block_shift = 12; }, "LBADS");
  refused([](LegFacts& g) { --g.blocks; }, "NSZE");
  refused([](LegFacts& g) { g.max_transfer = 4096; }, "MDTS");
  refused([](LegFacts& g) { g.write_zeroes = false; }, "Write Zeroes");
  store::IdentityRecord id{{1}, 5, "S1", "M"};
  f.nguid[0] = 1;
  f.eui64 = 5;
  f.serial = "S2";
  EXPECT_EQ(facts_trouble(ctx, f, id), "") << "the namespace's own ids decide";
  f.eui64 = 6;
  EXPECT_NE(facts_trouble(ctx, f, id).find("EUI64"), std::string::npos);
  f.nguid[0] = 2;
  EXPECT_NE(facts_trouble(ctx, f, id).find("NGUID"), std::string::npos);
  f.nguid = {};
  f.eui64 = 0;
  EXPECT_NE(facts_trouble(ctx, f, store::IdentityRecord{{}, 0, "S1", "M"}).find("serial"), std::string::npos);
}

// ---- tables -------------------------------------------------------------------------------------
TEST(Tables, WhatIsNotInATableStopsTheProcess) {
  Leg leg(0);
  EXPECT_DEATH(leg.go(Leg::In::kSwept), "swept");
  HeldOp op(1);
  EXPECT_DEATH(op.on_held(3), "held");
}

// About 65,536 regions, each 1 to 64 MiB.
TEST(Create, RegionsGrowWithTheNamespace) {
  constexpr std::uint64_t kMiB = 1u << 20, kGiB = kMiB << 10, kTiB = kGiB << 10;
  const struct {
    std::uint64_t size, region;
  } cases[] = {{16 * kMiB, kMiB},        {60 * kGiB, kMiB},     {100 * kGiB, 2 * kMiB},
               {kTiB - kGiB, 16 * kMiB}, {3 * kTiB, 64 * kMiB}, {200 * kTiB, 64 * kMiB}};
  for (const auto& c : cases) {
    NamespaceSpec spec;
    spec.name = "v";
    spec.subsystem = "nqn.2024-01.org.example:v";
    spec.blocks = c.size >> spec.block_shift;
    const auto made = NamespaceControl::create(spec, {{"a", 1}}, true);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(store::decode_namespace(made->puts[0].key, made->puts[0].value)->region_bytes, c.region)
        << c.size;
  }
}

TEST(Tables, ArePrinted) {
  const auto text = transition_tables();
  for (const char* name : {"### leg\n", "### leg link\n", "### epoch\n", "### region\n", "### closer\n",
                           "### copy of a region\n", "### verify\n", "### hold\n", "### namespace\n"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
}

TEST(RegionHash, SetsOfAnotherNamespaceAreTranslated) {
  for (const std::uint32_t ns : {0u, 1u, 5u, 63u})
    for (std::uint32_t r = 0; r < 5000; r += 7)
      EXPECT_EQ(tee::region_hash_of_set(ns, tee::region_set(ns, r, 10), 10), tee::region_hash(r, 10));
}

}  // namespace
}  // namespace nvtee::core
