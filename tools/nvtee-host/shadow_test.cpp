// The shadow's rules, one by one, and planted bugs of a target.
#include "tools/nvtee-host/shadow_rig.hpp"

namespace nvtee::host {
namespace {

TEST_F(ShadowTest, UntouchedBlocksHoldAnything) {
  EXPECT_EQ(read(0, 10), Faults{});
  std::memset(place(3).data(), 0, kSize);
  EXPECT_EQ(read(3), Faults{});
}

TEST_F(ShadowTest, WhatWasWrittenReadsBack) {
  write(5, 8);
  EXPECT_EQ(read(0, 20), Faults{});
  write(7, 2);
  EXPECT_EQ(read(5, 8), Faults{});
  EXPECT_EQ(shadow.blocks_in_doubt(), 0u);
}

// ---- planted bugs of a target ----

TEST_F(ShadowTest, LostWrite) {
  write(5);
  write(5, 1, Outcome::kAcked, false);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
  EXPECT_THAT(found[0].text, HasSubstr("holds write #1 of block 5, must hold write #2"));
  EXPECT_EQ(found[0].lba, 5u);
  EXPECT_EQ(found[0].expected, 2u);
}

TEST_F(ShadowTest, LostFirstWrite) {
  write(5, 1, Outcome::kAcked, false);
  EXPECT_EQ(read(5), Faults{Fault::kCorrupt}) << "what was there before is not known";
  write(6, 1, Outcome::kAcked, false);
  std::memset(place(6).data(), 0, kSize);
  EXPECT_EQ(read(6), Faults{Fault::kLost});
}

TEST_F(ShadowTest, AFaultIsToldOnceAndHealedByAWrite) {
  write(5);
  write(5, 1, Outcome::kAcked, false);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
  EXPECT_EQ(read(5), Faults{});
  write(5);
  EXPECT_EQ(read(5), Faults{});
  write(5, 1, Outcome::kAcked, false);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(ShadowTest, StaleAfterItWasRead) {
  write(5);
  const auto old = keep(5);
  write(5);
  EXPECT_EQ(read(5), Faults{});
  put(5, old);
  EXPECT_EQ(read(5), Faults{Fault::kStale});
  EXPECT_THAT(found[0].text, HasSubstr("which was read before"));
}

TEST_F(ShadowTest, TornBlock) {
  write(5);
  const auto old = keep(5);
  write(5);
  std::memcpy(place(5).data() + 256, old.data() + 256, 256);
  EXPECT_EQ(read(5), Faults{Fault::kTorn});
  EXPECT_THAT(found[0].text, HasSubstr("write #2 of block 5, from byte 256 on write #1 of block 5"));
}

TEST_F(ShadowTest, TornWrite) {
  write(10, 4);
  const auto old = keep(12, 2);
  write(10, 4);
  put(12, old);
  EXPECT_EQ(read(10, 4), (Faults{Fault::kTorn, Fault::kTorn}));
  EXPECT_THAT(found[0].text, HasSubstr("torn: block 10 has it"));
}

TEST_F(ShadowTest, MisdirectedWrite) {
  write(5);
  write(6);
  const Shadow::Op op = begin(5);
  shadow.fill(op, place(6));  // lands one block off
  shadow.end_write(op, Outcome::kAcked);
  EXPECT_EQ(read(6), Faults{Fault::kMisdirected});
  EXPECT_THAT(found[0].text, HasSubstr("holds write #3 of block 5"));
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(ShadowTest, MisdirectedIntoUntouchedBlocks) {
  const Shadow::Op op = begin(5);
  shadow.fill(op, place(500));
  shadow.end_write(op, Outcome::kAcked);
  EXPECT_EQ(read(500), Faults{Fault::kMisdirected});
}

TEST_F(ShadowTest, WrongNamespace) {
  write(5);
  fill_block(place(5), {5, 1, 0xabcdef, 2});
  EXPECT_EQ(read(5), Faults{Fault::kMisdirected});
  EXPECT_THAT(found[0].text, HasSubstr("namespace 2"));
}

TEST_F(ShadowTest, OtherSession) {
  write(5);
  fill_block(place(5), {5, 1, 0x999, 1});
  EXPECT_EQ(read(5), Faults{Fault::kForeign});
  fill_block(place(6), {6, 1, 0x999, 1});
  EXPECT_EQ(read(6), Faults{}) << "where this session has not written, others may have";
}

TEST_F(ShadowTest, OwnDataNeverWrittenThere) {
  fill_block(place(5), {5, 77, 0xabcdef, 1});
  EXPECT_EQ(read(5), Faults{Fault::kUnwritten});
  write(6);
  fill_block(place(6), {6, 77, 0xabcdef, 1});
  EXPECT_EQ(read(6), Faults{Fault::kUnwritten});
}

TEST_F(ShadowTest, CorruptBlock) {
  write(5);
  place(5)[300] ^= std::byte{4};
  EXPECT_EQ(read(5), Faults{Fault::kCorrupt});
  EXPECT_THAT(found[0].text, HasSubstr("damage at byte 256"));
}

// ---- write zeroes and deallocate ----

TEST_F(ShadowTest, WriteZeroesReadsAsZeroes) {
  write(5);
  zero(5);
  EXPECT_EQ(read(5), Faults{});
  write(5);
  zero(5, 1, WriteKind::kZeroes, false);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
  EXPECT_THAT(found[0].text, HasSubstr("must hold zeroes (#4)"));
}

TEST_F(ShadowTest, ZeroesThatShouldHaveBeenOverwritten) {
  zero(5);
  EXPECT_EQ(read(5), Faults{});
  write(5, 1, Outcome::kAcked, false);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(ShadowTest, DeallocateIsAHint) {
  write(5);
  const auto data = keep(5);
  zero(5, 1, WriteKind::kDeallocate, false);
  EXPECT_EQ(read(5), Faults{}) << "not followed";
  std::memset(place(5).data(), 0, kSize);
  EXPECT_EQ(read(5), Faults{}) << "followed later";
  EXPECT_EQ(read(5), Faults{});
  put(5, data);
  EXPECT_EQ(read(5), Faults{Fault::kStale}) << "and not undone";
}

TEST_F(ShadowTest, DeallocatedMayReadAsOnesUnlessTheNamespaceSaysZeroes) {
  write(5);
  zero(5, 1, WriteKind::kDeallocate, false);
  std::memset(place(5).data(), 0xff, kSize);
  EXPECT_EQ(read(5), Faults{});
  shadow.set_rules({.deallocate_ones = false});
  write(6);
  zero(6, 1, WriteKind::kDeallocate, false);
  std::memset(place(6).data(), 0xff, kSize);
  EXPECT_EQ(read(6), Faults{Fault::kLost});
}

TEST_F(ShadowTest, DeallocateMayNotTouchLaterData) {
  write(5);
  zero(5, 1, WriteKind::kDeallocate, false);
  write(5);
  std::memset(place(5).data(), 0, kSize);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(ShadowTest, DeallocateThatMustZero) {
  shadow.set_rules({.deallocate_zeroes = true});
  write(5);
  zero(5, 1, WriteKind::kDeallocate, true);
  EXPECT_EQ(read(5), Faults{});
  write(6);
  zero(6, 1, WriteKind::kDeallocate, false);
  EXPECT_EQ(read(6), Faults{Fault::kLost});
}

// ---- writes in flight, failed, lost ----

TEST_F(ShadowTest, AWriteInFlightMayOrMayNotShow) {
  write(5);
  const Shadow::Op op = begin(5);
  EXPECT_EQ(read(5), Faults{}) << "not yet";
  apply(op, 5);
  EXPECT_EQ(read(5), Faults{}) << "now";
  shadow.end_write(op, Outcome::kAcked);
  EXPECT_EQ(read(5), Faults{});
  EXPECT_EQ(shadow.blocks_in_doubt(), 0u);
}

TEST_F(ShadowTest, AWriteInFlightThatWasSeenMayNotVanish) {
  write(5);
  const auto old = keep(5);
  const Shadow::Op op = begin(5);
  apply(op, 5);
  EXPECT_EQ(read(5), Faults{});
  put(5, old);
  EXPECT_EQ(read(5), Faults{Fault::kStale});
  shadow.end_write(op, Outcome::kAcked);
}

TEST_F(ShadowTest, AReadMayReturnWhatWasThereWhenItBegan) {
  write(5);
  const Shadow::Op r = shadow.begin_read(5, 1);
  const auto old = keep(5);
  write(5);
  const auto now = keep(5);
  put(5, old);
  EXPECT_EQ(end(r, 5), Faults{}) << "the read overlapped the write";
  EXPECT_EQ(read(5), Faults{Fault::kLost}) << "this one did not";
  put(5, now);
}

TEST_F(ShadowTest, AReadThatBeganAfterTheAnswerMayNot) {
  write(5);
  const auto old = keep(5);
  const Shadow::Op early = shadow.begin_read(5, 1);
  write(5);
  const Shadow::Op late = shadow.begin_read(5, 1);
  put(5, old);
  EXPECT_EQ(end(late, 5), Faults{Fault::kLost});
  EXPECT_EQ(end(early, 5), Faults{});
}

TEST_F(ShadowTest, ConcurrentWritesInEitherOrder) {
  for (const bool second_last : {false, true}) {
    const Shadow::Op a = begin(5, 3), b = begin(6, 3);
    if (second_last) {
      apply(a, 5, 3);
      apply(b, 6, 3);
    } else {
      apply(b, 6, 3);
      apply(a, 5, 3);
    }
    shadow.end_write(a, Outcome::kAcked);
    shadow.end_write(b, Outcome::kAcked);
    EXPECT_EQ(read(5, 4), Faults{});
    EXPECT_EQ(shadow.blocks_in_doubt(), 0u) << "the read has told which was last";
  }
}

TEST_F(ShadowTest, ConcurrentWritesSettleOnce) {
  const Shadow::Op a = begin(5), b = begin(5);
  apply(a, 5);
  const auto first = keep(5);
  apply(b, 5);
  shadow.end_write(a, Outcome::kAcked);
  shadow.end_write(b, Outcome::kAcked);
  EXPECT_EQ(shadow.blocks_in_doubt(), 1u);
  EXPECT_EQ(read(5), Faults{});
  put(5, first);
  EXPECT_EQ(read(5), Faults{Fault::kStale});
}

TEST_F(ShadowTest, EqualValuesAreNoDoubt) {
  const Shadow::Op a = begin(5, 1, WriteKind::kZeroes), b = begin(5, 1, WriteKind::kZeroes);
  shadow.end_write(a, Outcome::kAcked);
  shadow.end_write(b, Outcome::kAcked);
  EXPECT_EQ(shadow.blocks_in_doubt(), 0u);
}

TEST_F(ShadowTest, FailedWriteHappenedOrNot) {
  write(5);
  write(5, 1, Outcome::kFailed, false);
  EXPECT_EQ(shadow.blocks_in_doubt(), 1u);
  EXPECT_EQ(read(5), Faults{});
  EXPECT_EQ(shadow.blocks_in_doubt(), 0u) << "it ended before the read: if it is not there, it never will be";
  write(6);
  write(6, 1, Outcome::kFailed, true);
  EXPECT_EQ(read(6), Faults{});
}

TEST_F(ShadowTest, FailedWriteMayNotComeAfterItWasSeenNotToBe) {
  write(5);
  const Shadow::Op op = begin(5);
  std::vector<std::byte> late(kSize);
  shadow.fill(op, late);
  shadow.end_write(op, Outcome::kFailed);
  EXPECT_EQ(read(5), Faults{});
  put(5, late);
  EXPECT_EQ(read(5), Faults{Fault::kStale});
}

TEST_F(ShadowTest, LostWriteMayStillCome) {
  write(5);
  const Shadow::Op op = begin(5);
  std::vector<std::byte> late(kSize);
  shadow.fill(op, late);
  shadow.end_write(op, Outcome::kLost);
  EXPECT_EQ(read(5), Faults{});
  EXPECT_EQ(shadow.blocks_in_doubt(), 1u);
  const auto old = keep(5);
  put(5, late);
  EXPECT_EQ(read(5), Faults{});
  put(5, old);
  EXPECT_EQ(read(5), Faults{Fault::kStale}) << "but it does not go again";
}

TEST_F(ShadowTest, LostWriteMayNotComeAfterANewerAcknowledgedOne) {
  const Shadow::Op op = begin(5);
  std::vector<std::byte> late(kSize);
  shadow.fill(op, late);
  shadow.end_write(op, Outcome::kLost);
  write(5);
  EXPECT_EQ(shadow.blocks_in_doubt(), 0u);
  put(5, late);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(ShadowTest, UnlessTheRulesAllowLateWrites) {
  shadow.set_rules({.late_lost_writes = true});
  const Shadow::Op op = begin(5);
  std::vector<std::byte> late(kSize);
  shadow.fill(op, late);
  shadow.end_write(op, Outcome::kLost);
  const std::uint64_t n = write(5);
  const auto newer = keep(5);
  put(5, late);
  EXPECT_EQ(read(5), Faults{});
  put(5, newer);
  EXPECT_EQ(read(5), Faults{Fault::kStale}) << "once seen, it has replaced the newer one, #" << n;
}

TEST_F(ShadowTest, LostWriteConcurrentWithAnAcknowledgedOne) {
  const Shadow::Op lost = begin(5), acked = begin(5);
  std::vector<std::byte> a(kSize), b(kSize);
  shadow.fill(lost, a);
  shadow.fill(acked, b);
  shadow.end_write(acked, Outcome::kAcked);
  shadow.end_write(lost, Outcome::kLost);
  put(5, b);
  EXPECT_EQ(read(5), Faults{});
  put(5, a);
  EXPECT_EQ(read(5), Faults{}) << "it may come later";
  put(5, b);
  EXPECT_EQ(read(5), Faults{Fault::kStale});
}

TEST_F(ShadowTest, SeveralLostWrites) {
  write(5);
  std::vector<std::vector<std::byte>> late(4, std::vector<std::byte>(kSize));
  for (auto& l : late) {
    const Shadow::Op op = begin(5);
    shadow.fill(op, l);
    shadow.end_write(op, Outcome::kLost);
  }
  EXPECT_EQ(read(5), Faults{});
  put(5, late[2]);
  EXPECT_EQ(read(5), Faults{});
  put(5, late[1]);
  EXPECT_EQ(read(5), Faults{Fault::kStale}) << "each was begun when the one before was lost: no going back";
}

TEST_F(ShadowTest, PartsOfALostWriteAreIndependent) {
  write(10, 4);
  const auto old = keep(10, 4);
  const Shadow::Op op = begin(10, 4);
  apply(op, 10, 4);
  const auto newer = keep(10, 4);
  shadow.end_write(op, Outcome::kLost);
  put(10, old);
  std::memcpy(place(12).data(), newer.data() + 2 * kSize, kSize);
  EXPECT_EQ(read(10, 4), Faults{});
  EXPECT_EQ(shadow.blocks_in_doubt(), 3u);
}

TEST_F(ShadowTest, DroppedReadSaysNothing) {
  write(5);
  const Shadow::Op r = shadow.begin_read(5, 1);
  write(5);
  EXPECT_EQ(shadow.blocks_in_doubt(), 0u);
  shadow.drop_read(r);
  EXPECT_EQ(read(5), Faults{});
}

// ---- compare ----

TEST_F(ShadowTest, Compare) {
  write(5, 4);
  zero(7);
  std::vector<std::byte> data(4 * kSize);
  ASSERT_TRUE(shadow.expect(5, 4, data));
  EXPECT_TRUE(std::memcmp(data.data(), place(5, 4).data(), data.size()) == 0);
  EXPECT_FALSE(shadow.expect(4, 4, data)) << "block 4 is not known";
  ASSERT_TRUE(shadow.expect(5, 4, data));
  shadow.end_compare(shadow.begin_read(5, 4), data, true, found);
  EXPECT_TRUE(found.empty());
  shadow.end_compare(shadow.begin_read(5, 4), data, false, found);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].fault, Fault::kMiscompare);
}

TEST_F(ShadowTest, CompareBesideAWriteMayFail) {
  write(5);
  std::vector<std::byte> data(kSize);
  ASSERT_TRUE(shadow.expect(5, 1, data));
  const Shadow::Op c = shadow.begin_read(5, 1);
  write(5);
  shadow.end_compare(c, data, false, found);
  EXPECT_TRUE(found.empty());
}

TEST_F(ShadowTest, CompareThatSucceedsOnReplacedDataIsAFault) {
  write(5);
  std::vector<std::byte> data(kSize);
  ASSERT_TRUE(shadow.expect(5, 1, data));
  write(5);
  shadow.end_compare(shadow.begin_read(5, 1), data, true, found);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].fault, Fault::kLost);
}

// ---- walking, state file ----

TEST_F(ShadowTest, NextWritten) {
  EXPECT_EQ(shadow.next_written(0, 8).blocks, 0u);
  write(5, 3);
  write(8, 20);
  write(900);
  auto r = shadow.next_written(0, 8);
  EXPECT_EQ(r.lba, 5u);
  EXPECT_EQ(r.blocks, 8u);
  r = shadow.next_written(13, 100);
  EXPECT_EQ(r.lba, 13u);
  EXPECT_EQ(r.blocks, 15u);
  r = shadow.next_written(28, 100);
  EXPECT_EQ(r.lba, 900u);
  EXPECT_EQ(r.blocks, 1u);
  EXPECT_EQ(shadow.next_written(901, 1).blocks, 0u);
}

}  // namespace
}  // namespace nvtee::host
