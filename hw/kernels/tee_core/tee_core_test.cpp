// The whole core by hand: each command, order and event once, and the rules that are easier to show than to
// find.
#include "hw/kernels/tee_core/tee_core.hpp"

#include <gtest/gtest.h>

#include "hw/kernels/tee_core/test_rig.hpp"

namespace nvtee::tee {
namespace {

using test::command;
using test::in_capsule;
using test::kNsid;
using test::Rig;
using test::SmallConfig;
namespace io = spec::io;
namespace st = spec::st;

class Core : public ::testing::Test {
 protected:
  Core() {
    rig.set_up(2);
    rig.set_region(0, Ctl::kOpen);
    rig.expect_event(Event::kRegionSetDone);
  }
  Rig<SmallConfig> rig;
};

TEST_F(Core, WriteIsAnsweredAfterBothLegs) {
  const unsigned slot = rig.write(1, 0xabc, 3, 2);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  EXPECT_TRUE(rig.quiet());
  EXPECT_EQ(a.leg, 0);
  EXPECT_EQ(b.leg, 1);
  EXPECT_EQ(b.nsid, 101u);
  EXPECT_EQ(a.opcode, io::kWrite);
  EXPECT_EQ(a.slot, slot);
  EXPECT_EQ(a.slba, 3u);
  EXPECT_EQ(a.nlb, 1);
  EXPECT_EQ(a.length, 1024u);
  rig.answer(b);
  EXPECT_TRUE(rig.quiet());
  rig.answer(b);  // twice: dropped
  EXPECT_TRUE(rig.quiet());
  rig.answer(a);
  rig.expect_response(0xabc, 0);
  rig.expect_idle();
}

TEST_F(Core, WriteByR2t) {
  const Placement p = rig.put(command(1, 5, io::kWrite, 0, 2));
  const HostOut r2t = rig.next_out();
  EXPECT_EQ(r2t.kind, HostOut::kR2t);
  EXPECT_EQ(r2t.slot, p.slot);
  EXPECT_EQ(r2t.length, 1024u);
  EXPECT_EQ(rig.data(1, p.slot, 5, 0, 512, false).action, Placement::kPlace);
  rig.done(1, p.slot);
  EXPECT_TRUE(rig.quiet());
  EXPECT_EQ(rig.data(1, p.slot, 5, 512, 512, true).action, Placement::kPlace);
  EXPECT_TRUE(rig.quiet());
  rig.done(1, p.slot);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx());
  rig.expect_response(5, 0);
  rig.expect_idle();
}

TEST_F(Core, BadDigestReachesNoLeg) {
  const Placement p = rig.put(in_capsule(command(1, 5, io::kWrite, 0, 2)));
  rig.done(1, p.slot, false);
  rig.expect_response(5, st::kTransientTransport);
  rig.expect_idle();
}

TEST_F(Core, ReadGoesToOneLegAndKeepsItsBufferUntilSent) {
  const Placement p = rig.put(command(1, 9, io::kRead, 4, 4));
  const LegTx t = rig.next_tx();
  EXPECT_TRUE(rig.quiet());
  rig.answer(t);
  const HostOut h = rig.next_out();
  EXPECT_EQ(h.kind, HostOut::kReadData);
  EXPECT_EQ(h.length, 2048u);
  EXPECT_EQ(h.slot, p.slot);
  EXPECT_EQ(rig.core().slots_used(), 1u);
  rig.sent(1, p.slot);
  rig.expect_idle();
}

TEST_F(Core, RegionMissParksUntilResume) {
  const unsigned slot = rig.write(1, 1, 14, 4);  // regions 0 and 1
  const Event e = rig.expect_event(Event::kRegionMiss);
  EXPECT_EQ(e.region, 1u);
  EXPECT_EQ(e.slot, slot);
  EXPECT_EQ(e.flag, 1);
  rig.set_region(1, Ctl::kOpen);
  rig.expect_event(Event::kRegionSetDone);
  EXPECT_TRUE(rig.quiet());
  rig.slot_order(Ctl::kResume, slot);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx());
  rig.expect_response(1, 0);
  rig.expect_idle();
}

TEST_F(Core, FailParkedAnswersUnexecuted) {
  const unsigned slot = rig.write(1, 1, 16, 1);
  rig.expect_event(Event::kRegionMiss);
  rig.slot_order(Ctl::kFailParked, slot, st::kPathInternal);
  rig.expect_response(1, st::kPathInternal);
  rig.expect_idle();
}

TEST_F(Core, OverlappingWritesGoOneAfterTheOther) {
  rig.write(1, 1, 0, 4);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  rig.write(2, 2, 3, 4);
  rig.put(command(2, 3, io::kRead, 0, 1));  // a reader behind the first writer only
  EXPECT_TRUE(rig.quiet());
  rig.answer(a);
  rig.answer(b);
  rig.expect_response(1, 0);
  EXPECT_EQ(rig.tx.size(), 3u);
  while (!rig.tx.empty()) rig.answer(rig.next_tx());
  EXPECT_EQ(rig.out.size(), 2u);
  EXPECT_EQ(rig.core().guard_waiting(), 0u);
}

TEST_F(Core, HoldIssueCopyRelease) {
  rig.hold(0, 4, false, 77);
  const unsigned slot = rig.expect_event(Event::kHeld).slot;
  rig.write(1, 1, 0, 1);
  EXPECT_TRUE(rig.quiet());  // waits for the hold
  rig.copy(slot, 0, 2);
  const LegTx r = rig.next_tx();
  EXPECT_EQ(r.opcode, io::kRead);
  rig.answer(r);
  const LegTx w = rig.next_tx();
  EXPECT_EQ(w.opcode, io::kWrite);
  EXPECT_EQ(w.leg, 1);
  rig.answer(w);
  Event e = rig.expect_event(Event::kIssueDone);
  EXPECT_EQ(e.tag, 77);
  EXPECT_EQ(e.status, 0);
  rig.issue(slot, io::kFlush, 0);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx(), st::kInternal);
  e = rig.expect_event(Event::kIssueDone);
  EXPECT_EQ(e.status, st::kInternal);
  EXPECT_EQ(e.mask, 2);
  rig.slot_order(Ctl::kRelease, slot);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx());
  rig.expect_response(1, 0);
  rig.expect_idle();
}

TEST_F(Core, FenceWaitsForWhatWasAdmittedOnly) {
  rig.fence();
  rig.expect_event(Event::kFenceDone);
  rig.write(1, 1, 0, 1);
  rig.fence();
  rig.write(1, 2, 1, 1);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  EXPECT_TRUE(rig.events.empty());
  rig.answer(a);
  rig.answer(b);
  rig.expect_event(Event::kFenceDone);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx());
  rig.out.clear();
  rig.expect_idle();
}

TEST_F(Core, LegLossGatesUntilTheSweep) {
  rig.write(1, 1, 0, 1);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  rig.answer(a);
  rig.answer(b, st::kPathInternal);
  Event e = rig.expect_event(Event::kLegFault);
  EXPECT_EQ(e.leg, 1);
  EXPECT_TRUE(rig.quiet());
  rig.set_leg(1, Ctl::kLegOff, 1);
  EXPECT_TRUE(rig.quiet());
  rig.sweep(1, Ctl::kDrop);
  rig.expect_response(1, 0);
  rig.expect_event(Event::kSweepDone);
  rig.expect_idle();
}

TEST_F(Core, ReissueToANewIncarnation) {
  rig.write(1, 1, 0, 1);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  rig.answer(a);
  rig.set_leg(1, Ctl::kLegInSync, 2);
  rig.answer(b);          // of the old incarnation
  rig.write(1, 2, 1, 1);  // already asked of the new one
  rig.next_tx();
  const LegTx own = rig.next_tx();
  EXPECT_EQ(own.gen, 2);
  rig.sweep(1, Ctl::kReissue);
  const LegTx again = rig.next_tx();
  EXPECT_EQ(again.gen, 2);
  EXPECT_NE(again.cid + 0, b.cid + 0);
  rig.expect_event(Event::kSweepDone);
  EXPECT_TRUE(rig.quiet());
  rig.answer(again);
  rig.expect_response(1, 0);
}

// The last leg lost power and came back: what it had answered before may be gone with its cache (P1).
TEST_F(Core, ReissueAsksAgainWhatTheFormerIncarnationHadDone) {
  rig.write(1, 1, 0, 1);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  rig.answer(a);
  rig.set_leg(a.leg.to_uint(), Ctl::kLegInSync, 2);
  rig.sweep(a.leg.to_uint(), Ctl::kReissue);
  rig.expect_event(Event::kSweepDone);
  const LegTx again = rig.next_tx();
  EXPECT_EQ(again.leg, a.leg);
  EXPECT_EQ(again.gen, 2);
  rig.set_leg(b.leg.to_uint(), Ctl::kLegOff, 2);
  rig.sweep(b.leg.to_uint(), Ctl::kDrop);
  rig.expect_event(Event::kSweepDone);
  EXPECT_TRUE(rig.quiet());  // the gate: the leg that is left has not done it yet
  rig.answer(again);
  rig.expect_response(1, 0);
}

TEST_F(Core, LastLegFails) {
  rig.set_leg(1, Ctl::kLegOff, 1);
  rig.write(1, 1, 0, 1);
  rig.put(command(1, 2, io::kRead, 8, 1));
  rig.next_tx();
  rig.next_tx();
  rig.sweep(0, Ctl::kFail);
  rig.expect_response(1, st::kPathInternal);
  rig.expect_response(2, st::kPathInternal);
  rig.expect_event(Event::kSweepDone);
  rig.expect_idle();
}

// A failed write is on one leg only: a read that waited for its block must not show it (P3).
TEST_F(Core, WhoWaitedForAFailedWriteFailsToo) {
  rig.write(1, 1, 0, 1);
  rig.put(command(1, 2, io::kRead, 0, 1));
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  rig.answer(a);
  EXPECT_TRUE(rig.quiet());
  rig.set_gate(st::kPathInternal, st::kPathInternal);
  rig.sweep(b.leg.to_uint(), Ctl::kFail);
  rig.expect_response(1, st::kPathInternal);
  rig.expect_response(2, st::kPathInternal);
  rig.expect_event(Event::kSweepDone);
  rig.expect_idle();
  rig.set_gate(0, 0);
  rig.put(command(1, 3, io::kRead, 0, 1));
  EXPECT_EQ(rig.tx.size(), 1u);
}

TEST_F(Core, NoLegKeepsCommandsUntilOneIsThere) {
  rig.set_leg(0, Ctl::kLegOff, 1);
  rig.set_leg(1, Ctl::kLegSyncing, 1);
  rig.write(1, 1, 0, 1);
  rig.put(command(1, 2, io::kRead, 8, 1));
  EXPECT_TRUE(rig.quiet());
  rig.set_leg(0, Ctl::kLegInSync, 2);
  rig.sweep(0, Ctl::kReissue);
  EXPECT_EQ(rig.tx.size(), 3u);
  while (!rig.tx.empty()) rig.answer(rig.next_tx());
  EXPECT_EQ(rig.out.size(), 2u);
}

TEST_F(Core, PuntAndItsAnswer) {
  HostIn h = command(1, 4, io::kDsm, 0, 1);
  h.sgl_length = 16;
  const Placement p = rig.put(in_capsule(h));
  EXPECT_TRUE(rig.quiet());
  rig.done(1, p.slot);
  const Event e = rig.expect_event(Event::kPunt);
  EXPECT_EQ(e.slot, p.slot);
  EXPECT_EQ(e.tag, 4);
  rig.slot_order(Ctl::kPuntDone, p.slot, st::kLbaRange, true);
  rig.expect_response(4, st::kLbaRange);
  rig.expect_idle();
}

TEST_F(Core, QueueCloseDrains) {
  rig.put(command(1, 1, io::kWrite, 0, 1));  // waits for its payload
  rig.next_out();
  rig.write(1, 2, 16, 1);  // parked
  rig.expect_event(Event::kRegionMiss);
  rig.write(1, 3, 1, 1);  // admitted
  rig.close_queue(1);
  EXPECT_TRUE(rig.events.empty());
  EXPECT_EQ(rig.core().slots_used(), 1u);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx());
  EXPECT_EQ(rig.expect_event(Event::kQueueDrained).queue, 1);
  rig.expect_idle();
  EXPECT_EQ(rig.put(command(1, 4, io::kRead, 0, 1)).action, Placement::kDiscard);
  rig.expect_idle();
  rig.open_queue(1);
  EXPECT_EQ(rig.put(command(1, 4, io::kRead, 0, 1)).action, Placement::kPlace);
}

TEST_F(Core, LeaseEndsSuccess) {
  rig.write(1, 1, 0, 1);
  rig.set_lease(5);
  rig.now = 5;
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx());
  rig.expect_response(1, st::kPathInternal);
  rig.put(command(1, 2, io::kRead, 0, 1));
  rig.expect_response(2, st::kPathInternal);
  rig.expect_idle();
}

TEST_F(Core, GatesCloseForWhatWaitsForItsPayload) {
  const Placement p = rig.put(in_capsule(command(1, 1, io::kWrite, 0, 1)));
  rig.set_gate(0, st::kAnaTransition);
  rig.done(1, p.slot);
  rig.expect_response(1, st::kAnaTransition);
  rig.expect_idle();
}

TEST_F(Core, MixedAnswersAreRepairedUnderTheGuard) {
  rig.write(1, 1, 0, 1);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  rig.answer(a, st::kWriteFault);
  rig.answer(b);
  const LegTx again = rig.next_tx();
  EXPECT_EQ(again.leg, 0);
  EXPECT_EQ(again.opcode, io::kWrite);
  EXPECT_TRUE(rig.quiet());
  rig.answer(again);
  rig.expect_response(1, 0);
  rig.expect_idle();
}

TEST_F(Core, AllFailedIsRepairedFromOneLegThenAnsweredSo) {
  rig.write(1, 1, 0, 1);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  rig.answer(a, st::kWriteFault);
  rig.answer(b, st::kWriteFault);
  const LegTx r = rig.next_tx();
  EXPECT_EQ(r.opcode, io::kRead);
  rig.answer(r);
  const LegTx w = rig.next_tx();
  EXPECT_EQ(w.opcode, io::kWrite);
  EXPECT_NE(w.leg, r.leg);
  rig.answer(w);
  rig.expect_response(1, st::kWriteFault);
  rig.expect_idle();
}

TEST_F(Core, AllRefusedPassesThrough) {
  rig.write(1, 1, 0, 1);
  const LegTx a = rig.next_tx(), b = rig.next_tx();
  rig.answer(a, st::kLbaRange);
  rig.answer(b, st::kLbaRange);
  EXPECT_EQ(rig.out.front().dnr, 1);
  rig.expect_response(1, st::kLbaRange);
  rig.expect_idle();
}

TEST_F(Core, MediaErrorFailsOverAndRewrites) {
  const Placement p = rig.put(command(1, 1, io::kRead, 0, 1));
  const LegTx a = rig.next_tx();
  rig.answer(a, st::kReadError);
  const LegTx b = rig.next_tx();
  EXPECT_NE(b.leg, a.leg);
  rig.answer(b);
  const LegTx w = rig.next_tx();
  EXPECT_EQ(w.leg, a.leg);
  EXPECT_EQ(w.opcode, io::kWrite);
  rig.answer(w);
  const Event e = rig.expect_event(Event::kMediaError);
  EXPECT_EQ(e.flag, 1);
  EXPECT_EQ(rig.next_out().kind, HostOut::kReadData);
  rig.sent(1, p.slot);
  rig.expect_idle();
}

TEST_F(Core, MediaErrorInAClosedRegionIsLeftToTheRuntime) {
  const Placement p = rig.put(command(1, 1, io::kRead, 14, 4));  // region 1 is not open
  const LegTx a = rig.next_tx();
  rig.answer(a, st::kReadError);
  rig.answer(rig.next_tx());
  const Event e = rig.expect_event(Event::kMediaError);
  EXPECT_EQ(e.flag, 0);
  EXPECT_EQ(e.leg, a.leg);
  EXPECT_EQ(rig.next_out().kind, HostOut::kReadData);
  rig.sent(1, p.slot);
  rig.expect_idle();
}

TEST_F(Core, NotHomeClosesTheGates) {
  rig.write(1, 1, 0, 1);
  rig.answer(rig.next_tx(), st::kReservationConflict);
  rig.expect_event(Event::kNotHome);
  rig.answer(rig.next_tx());
  rig.expect_response(1, st::kPathInternal);
  rig.put(command(1, 2, io::kRead, 0, 1));
  rig.expect_response(2, st::kPathInternal);
  rig.set_gate(0, 0);
  rig.put(command(1, 3, io::kRead, 0, 1));
  EXPECT_EQ(rig.tx.size(), 1u);
}

TEST_F(Core, ReconcilingRegionsParkReads) {
  Ctl c = test::order(Ctl::kSetNamespace);
  c.flag = c.flag2 = c.flag3 = 1;
  c.nsid = kNsid;
  c.lba = 1 << 20;
  c.shift_a = 9;
  c.shift_b = 4;
  rig.send(c);
  rig.set_region(3, Ctl::kReconcile);
  rig.expect_event(Event::kRegionSetDone);
  const Placement p = rig.put(command(1, 1, io::kRead, 50, 1));
  const Event e = rig.expect_event(Event::kRegionMiss);
  EXPECT_EQ(e.region, 3u);
  EXPECT_EQ(e.flag, 0);
  rig.put(command(1, 2, io::kRead, 70, 1));  // region 4 is not known: reads pass
  EXPECT_EQ(rig.tx.size(), 1u);
  rig.set_region(3, Ctl::kNone);
  rig.expect_event(Event::kRegionSetDone);
  rig.slot_order(Ctl::kResume, p.slot.to_uint());
  EXPECT_EQ(rig.tx.size(), 2u);
}

TEST_F(Core, FlushGoesToSyncingLegsTooAndFaultsWhoCannot) {
  rig.set_leg(2, Ctl::kLegSyncing, 1);
  rig.put(command(1, 1, io::kFlush, 0, 1));
  ASSERT_EQ(rig.tx.size(), 3u);
  EXPECT_EQ(rig.tx.front().length, 0u);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx(), st::kInternal);
  rig.answer(rig.next_tx());
  EXPECT_EQ(rig.expect_event(Event::kLegFault).leg, 1);
  EXPECT_TRUE(rig.quiet());
  rig.set_leg(1, Ctl::kLegOff, 1);
  rig.sweep(1, Ctl::kDrop);
  rig.expect_response(1, 0);
}

TEST_F(Core, CompareGoesToOneLeg) {
  const Placement p = rig.put(in_capsule(command(1, 1, io::kCompare, 0, 2)));
  EXPECT_TRUE(rig.quiet());
  rig.done(1, p.slot.to_uint());
  ASSERT_EQ(rig.tx.size(), 1u);
  rig.answer(rig.next_tx(), st::kCompareFailure);
  EXPECT_EQ(rig.out.front().dnr, 1);
  rig.expect_response(1, st::kCompareFailure);
  rig.expect_idle();
}

TEST_F(Core, WriteZeroesKeepsItsBits) {
  HostIn h = command(1, 1, io::kWriteZeroes, 0, 2);
  h.cdw12 = 1 | spec::kCdw12Deac | spec::kCdw12Fua | spec::kCdw12Stc | (1u << 20);
  rig.put(h);
  const LegTx t = rig.next_tx();
  EXPECT_EQ(t.cdw12_high, spec::kCdw12Deac | spec::kCdw12Fua);
  EXPECT_EQ(t.length, 0u);
  rig.answer(t);
  rig.answer(rig.next_tx());
  rig.expect_response(1, 0);
}

TEST_F(Core, HostGates) {
  Ctl c = test::order(Ctl::kSetHostGate);
  c.queue = 1;
  c.mask = 2;
  rig.send(c);
  rig.put(command(1, 1, io::kFlush, 0, 1));
  EXPECT_EQ(rig.out.front().dnr, 1);
  rig.expect_response(1, st::kReservationConflict);
  rig.put(command(1, 2, io::kRead, 0, 1));
  rig.put(command(2, 3, io::kFlush, 0, 1));
  EXPECT_EQ(rig.tx.size(), 3u);
  c.mask = 4;
  rig.send(c);
  rig.put(command(1, 4, io::kRead, 0, 1));
  EXPECT_EQ(rig.out.front().dnr, 1);
  rig.expect_response(4, st::kDispersedNotEnabled);
}

TEST_F(Core, MoreCommandsThanTheQueueHolds) {
  for (unsigned i = 0; i < 8; ++i)
    EXPECT_EQ(rig.put(command(1, i, io::kRead, 0, 1)).action, Placement::kPlace);
  const Placement p = rig.put(command(1, 8, io::kRead, 0, 1));
  EXPECT_EQ(p.action, Placement::kFatal);
  EXPECT_EQ(p.fes, spec::fes::kSequenceError);
  rig.out.clear();
  rig.answer(rig.next_tx());
  rig.sent(1, rig.next_out().slot.to_uint());
  EXPECT_EQ(rig.put(command(1, 9, io::kRead, 0, 1)).action, Placement::kPlace);
}

TEST_F(Core, HoldsRunOutAndFailParked) {
  for (unsigned i = 0; i < 8; ++i) rig.hold(i, 1, true, i);
  EXPECT_EQ(rig.events.size(), 8u);
  rig.events.clear();
  rig.hold(9, 1, true, 9);
  EXPECT_EQ(rig.expect_event(Event::kHoldRefused).tag, 9);
  rig.slot_order(Ctl::kRelease, 3);
  rig.hold(200, 1, true, 10, true);
  const unsigned slot = rig.expect_event(Event::kRegionMiss).slot.to_uint();
  EXPECT_EQ(slot, 3u);
  rig.slot_order(Ctl::kFailParked, slot, st::kPathInternal);
  EXPECT_EQ(rig.expect_event(Event::kHoldRefused).tag, 10);
  EXPECT_TRUE(rig.quiet());
}

TEST_F(Core, OrdersAboutALegThatIsOffSaySo) {
  rig.hold(0, 2, true, 5);
  const unsigned slot = rig.expect_event(Event::kHeld).slot.to_uint();
  rig.issue(slot, io::kRead, 8);
  Event e = rig.expect_event(Event::kIssueDone);
  EXPECT_EQ(e.status, st::kPathInternal);
  EXPECT_EQ(e.mask, 8);
  rig.copy(slot, 0, 0b1010);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx());
  e = rig.expect_event(Event::kIssueDone);
  EXPECT_EQ(e.mask, 8);
  rig.issue(slot, io::kWrite, 0);
  rig.slot_order(Ctl::kRelease, slot);  // waits for the issue
  rig.answer(rig.next_tx());
  EXPECT_EQ(rig.core().slots_used(), 1u);
  rig.answer(rig.next_tx());
  rig.expect_event(Event::kIssueDone);
  rig.expect_idle();
  rig.issue(slot, io::kRead, 1);
  EXPECT_EQ(rig.expect_event(Event::kIssueDone).status, st::kCommandSequence);
}

TEST_F(Core, ContentThatNobodyCanReadFaultsAllButOne) {
  rig.write(1, 1, 0, 1);
  rig.answer(rig.next_tx(), st::kWriteFault);
  rig.answer(rig.next_tx(), st::kWriteFault);
  rig.answer(rig.next_tx(), st::kReadError);
  rig.answer(rig.next_tx(), st::kReadError);
  EXPECT_EQ(rig.expect_event(Event::kLegFault).leg, 1);
  EXPECT_TRUE(rig.quiet());
  rig.set_leg(1, Ctl::kLegOff, 1);
  rig.sweep(1, Ctl::kDrop);
  rig.expect_response(1, st::kWriteFault);
  rig.expect_event(Event::kSweepDone);
  rig.expect_idle();
}

TEST_F(Core, FailedRepairGatesTheWrite) {
  rig.write(1, 1, 0, 1);
  rig.answer(rig.next_tx(), st::kWriteFault);
  rig.answer(rig.next_tx());
  rig.answer(rig.next_tx(), st::kWriteFault);  // the repair
  EXPECT_EQ(rig.expect_event(Event::kLegFault).leg, 0);
  EXPECT_TRUE(rig.quiet());
  rig.set_leg(0, Ctl::kLegInSync, 2);
  rig.sweep(0, Ctl::kReissue);
  const LegTx again = rig.next_tx();
  EXPECT_EQ(again.opcode, io::kWrite);
  rig.expect_event(Event::kSweepDone);
  rig.answer(again);
  rig.expect_response(1, 0);
  rig.expect_idle();
}

TEST_F(Core, ReadThatAllLegsFail) {
  rig.put(command(1, 1, io::kRead, 0, 1));
  rig.answer(rig.next_tx(), st::kReadError);
  rig.answer(rig.next_tx(), st::kReadError);
  EXPECT_EQ(rig.expect_event(Event::kMediaError).leg, 0);
  EXPECT_EQ(rig.expect_event(Event::kMediaError).leg, 1);
  rig.expect_response(1, st::kReadError);
  rig.expect_idle();
}

TEST_F(Core, PuntedReadHasData) {
  Ctl c = test::order(Ctl::kSetNamespace);
  c.flag = 1;
  c.nsid = kNsid;
  c.lba = 1 << 20;
  c.shift_a = 9;
  c.shift_b = 4;
  c.value = 1;  // reservations are offered
  rig.send(c);
  HostIn h = command(1, 1, io::kResvReport, 0, 1);
  h.sgl_length = 64;
  const Placement p = rig.put(h);
  rig.expect_event(Event::kPunt);
  rig.slot_order(Ctl::kPuntDone, p.slot.to_uint());
  const HostOut out = rig.next_out();
  EXPECT_EQ(out.kind, HostOut::kReadData);
  EXPECT_EQ(out.length, 64u);
  rig.sent(1, p.slot.to_uint());
  rig.expect_idle();
}

TEST_F(Core, ReadsAreSpreadOrPreferred) {
  unsigned to[2] = {};
  for (unsigned i = 0; i < 6; ++i) {
    rig.put(command(1, i, io::kRead, i, 1));
    ++to[rig.next_tx().leg.to_uint()];
  }
  EXPECT_GT(to[0], 0u);
  EXPECT_GT(to[1], 0u);
  Ctl c = test::order(Ctl::kSetNamespace);
  c.flag = 1;
  c.nsid = kNsid;
  c.lba = 1 << 20;
  c.shift_a = 9;
  c.shift_b = 4;
  c.mask = 2;
  rig.send(c);
  for (unsigned i = 0; i < 6; ++i) {
    rig.put(command(2, i, io::kRead, i, 1));
    EXPECT_EQ(rig.next_tx().leg, 1);
  }
}

// Nothing is static: cores side by side do not know of each other.
TEST(Cores, LiveSideBySide) {
  std::vector<std::unique_ptr<Rig<SmallConfig>>> rigs;
  for (unsigned i = 0; i < 16; ++i) {
    rigs.push_back(std::make_unique<Rig<SmallConfig>>());
    rigs.back()->set_up(1 + i % 4);
    rigs.back()->set_region(0, Ctl::kOpen);
    rigs.back()->events.clear();
  }
  for (unsigned i = 0; i < 16; ++i) rigs[i]->write(1, i, 0, 1);
  for (unsigned i = 0; i < 16; ++i) EXPECT_EQ(rigs[i]->tx.size(), 1 + i % 4);
  for (unsigned i = 0; i < 16; ++i) {
    while (!rigs[i]->tx.empty()) rigs[i]->answer(rigs[i]->next_tx());
    rigs[i]->expect_response(i, 0);
    rigs[i]->expect_idle();
  }
}

}  // namespace
}  // namespace nvtee::tee
