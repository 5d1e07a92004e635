#include "tools/nvtee-host/shadow.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <optional>

namespace nvtee::host {
namespace {

using testing::HasSubstr;
constexpr std::uint32_t kSize = 512;

Shadow::Identity identity() {
  Shadow::Identity id;
  id.nsid = 1;
  id.block_size = kSize;
  id.blocks = 100000;
  id.session = 0xabcdef;
  return id;
}

// A shadow and the medium it shadows, which tests spoil at will.
class ShadowTest : public testing::Test {
 protected:
  Shadow shadow{identity(), {}};
  std::vector<std::byte> disk = std::vector<std::byte>(1000 * kSize, std::byte{0x33});
  std::vector<Violation> found;

  std::span<std::byte> place(std::uint64_t lba, std::uint32_t n = 1) {
    return std::span(disk).subspan(lba * kSize, std::size_t{n} * kSize);
  }
  Shadow::Op begin(std::uint64_t lba, std::uint32_t n = 1, WriteKind kind = WriteKind::kData) {
    return shadow.begin_write(kind, lba, n);
  }
  // The data reaches the medium.
  void apply(Shadow::Op op, std::uint64_t lba, std::uint32_t n = 1) { shadow.fill(op, place(lba, n)); }
  std::uint64_t write(std::uint64_t lba, std::uint32_t n = 1, Outcome outcome = Outcome::kAcked,
                      bool effect = true) {
    const Shadow::Op op = begin(lba, n);
    const std::uint64_t sequence = shadow.sequence(op);
    if (effect) apply(op, lba, n);
    shadow.end_write(op, outcome);
    return sequence;
  }
  void zero(std::uint64_t lba, std::uint32_t n = 1, WriteKind kind = WriteKind::kZeroes, bool effect = true) {
    const Shadow::Op op = begin(lba, n, kind);
    if (effect) std::memset(place(lba, n).data(), 0, std::size_t{n} * kSize);
    shadow.end_write(op, Outcome::kAcked);
  }
  std::vector<Fault> end(Shadow::Op read, std::uint64_t lba, std::uint32_t n = 1) {
    found.clear();
    shadow.end_read(read, place(lba, n), found);
    std::vector<Fault> out;
    for (const Violation& v : found) out.push_back(v.fault);
    return out;
  }
  std::vector<Fault> read(std::uint64_t lba, std::uint32_t n = 1) {
    return end(shadow.begin_read(lba, n), lba, n);
  }
  std::vector<std::byte> keep(std::uint64_t lba, std::uint32_t n = 1) {
    const auto p = place(lba, n);
    return {p.begin(), p.end()};
  }
  void put(std::uint64_t lba, const std::vector<std::byte>& data) {
    std::memcpy(disk.data() + lba * kSize, data.data(), data.size());
  }
};

using Faults = std::vector<Fault>;

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

// ---- volatile caches ----

class Volatile : public ShadowTest {
 protected:
  void SetUp() override { shadow.set_rules({.volatile_cache = true}); }
  void flush() { shadow.end_flush(shadow.begin_flush(), true); }
  void write_fua(std::uint64_t lba) {
    const Shadow::Op op = shadow.begin_write(WriteKind::kData, lba, 1, true);
    apply(op, lba);
    shadow.end_write(op, Outcome::kAcked);
  }
};

TEST_F(Volatile, BeforeALossOfPowerNothingMayGo) {
  write(5);
  const auto old = keep(5);
  write(5);
  put(5, old);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(Volatile, UnflushedWritesMayGo) {
  const auto before = keep(5);
  write(5);
  write(5);
  const auto middle = keep(5);
  write(5);
  const auto last = keep(5);
  for (const auto& data : {before, middle, last}) {
    SetUp();
    Shadow copy{identity(), {.volatile_cache = true}};
    std::swap(copy, shadow);
    for (int i = 0; i < 3; ++i) write(5);  // the same sequences
    shadow.power_lost();
    put(5, data);
    EXPECT_EQ(read(5), Faults{});
    put(5, data == last ? middle : last);
    EXPECT_EQ(read(5).size(), 1u) << "chosen once";
  }
}

TEST_F(Volatile, FlushedWritesMayNot) {
  write(5);
  const auto old = keep(5);
  write(5);
  flush();
  const auto flushed = keep(5);
  write(5);
  shadow.power_lost();
  put(5, flushed);
  EXPECT_EQ(read(5), Faults{});
  put(5, old);
  EXPECT_EQ(read(5), Faults{Fault::kStale});
}

TEST_F(Volatile, FlushedWritesMayNotEvenWhereNothingFollowed) {
  write(5);
  write(5, 1, Outcome::kAcked, false);
  flush();
  EXPECT_EQ(shadow.blocks_in_doubt(), 0u);
  shadow.power_lost();
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(Volatile, AFlushCoversWhatWasAnsweredBeforeItBegan) {
  write(5);
  const auto old = keep(5);
  const Shadow::Op f = shadow.begin_flush();
  write(5);
  shadow.end_flush(f, true);
  shadow.power_lost();
  put(5, old);
  EXPECT_EQ(read(5), Faults{});
}

TEST_F(Volatile, AFailedFlushCoversNothing) {
  const auto before = keep(5);
  write(5);
  shadow.end_flush(shadow.begin_flush(), false);
  shadow.power_lost();
  put(5, before);
  EXPECT_EQ(read(5), Faults{});
}

TEST_F(Volatile, FuaIsDurableAtOnce) {
  write(5);
  const auto old = keep(5);
  write_fua(5);
  shadow.power_lost();
  put(5, old);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(Volatile, WhatALossChoseIsDurable) {
  write(5);
  flush();
  const auto durable = keep(5);
  write(5);
  const auto unflushed = keep(5);
  shadow.power_lost();
  put(5, durable);
  EXPECT_EQ(read(5), Faults{});
  shadow.power_lost();
  put(5, unflushed);
  EXPECT_EQ(read(5), Faults{Fault::kStale});
}

TEST_F(Volatile, LostWritesAtALossOfPower) {
  write(5);
  flush();
  const auto durable = keep(5);
  const Shadow::Op op = begin(5);
  apply(op, 5);
  const auto unanswered = keep(5);
  EXPECT_EQ(read(5), Faults{});
  shadow.end_write(op, Outcome::kLost);
  shadow.power_lost();
  put(5, durable);
  EXPECT_EQ(read(5), Faults{}) << "seen before, but never answered, so never durable";
  SetUp();
  write(6);
  put(6, unanswered);
  EXPECT_EQ(read(6), Faults{Fault::kMisdirected});
}

TEST_F(Volatile, HistoriesAreForgottenAtAFlush) {
  for (int i = 0; i < 100; ++i) write(5, 10);
  flush();
  shadow.power_lost();
  EXPECT_EQ(shadow.blocks_in_doubt(), 0u);
  EXPECT_EQ(read(5, 10), Faults{});
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

class StateFile : public ShadowTest {
 protected:
  std::string dir, path;
  void SetUp() override {
    char name[] = "/tmp/nvtee-host-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir = name;
    path = dir + "/state";
  }
  void TearDown() override {
    ::unlink(path.c_str());
    ::unlink((path + ".new").c_str());
    ::rmdir(dir.c_str());
  }
  void reload() {
    ASSERT_TRUE(shadow.save(path).has_value());
    auto r = Shadow::load(path, shadow.rules());
    ASSERT_TRUE(r.has_value()) << r.error().text();
    EXPECT_EQ(r->identity(), shadow.identity());
    EXPECT_EQ(r->last_sequence(), shadow.last_sequence());
    EXPECT_EQ(r->blocks_in_doubt(), shadow.blocks_in_doubt());
    shadow = std::move(*r);
  }
};

TEST_F(StateFile, KeepsWhatIsLegal) {
  write(5, 3);
  const auto old = keep(5, 3);
  write(5, 3);
  zero(7);
  write(20);
  const auto before = keep(20);
  write(20, 1, Outcome::kLost, true);
  const auto after = keep(20);
  reload();
  EXPECT_EQ(read(5, 3), Faults{});
  put(20, before);
  EXPECT_EQ(read(20), Faults{});
  reload();
  put(20, after);
  EXPECT_EQ(read(20), Faults{});
  reload();
  put(20, before);
  EXPECT_EQ(read(20), Faults{Fault::kStale}) << "it was seen before the file was written";
  put(5, old);
  EXPECT_EQ(read(5, 3), (Faults{Fault::kStale, Fault::kStale, Fault::kStale}));
}

TEST_F(StateFile, AWriteInFlightBecomesALostOne) {
  write(5);
  const auto before = keep(5);
  const Shadow::Op op = begin(5);
  apply(op, 5);
  const auto after = keep(5);
  put(5, before);
  ASSERT_TRUE(shadow.save(path).has_value());
  shadow = std::move(*Shadow::load(path, {}));
  EXPECT_EQ(read(5), Faults{});
  put(5, after);
  EXPECT_EQ(read(5), Faults{});
  write(5);
  put(5, after);
  EXPECT_EQ(read(5), Faults{Fault::kLost});
}

TEST_F(StateFile, KeepsWhatALossOfPowerMayBringBack) {
  shadow.set_rules({.volatile_cache = true});
  write(5);
  const auto old = keep(5);
  shadow.end_flush(shadow.begin_flush(), true);
  write(5);
  const auto durable = keep(5);
  shadow.end_flush(shadow.begin_flush(), true);
  write(5);
  for (const bool good : {true, false}) {
    ASSERT_TRUE(shadow.save(path).has_value());
    auto copy = std::move(*Shadow::load(path, shadow.rules()));
    std::swap(copy, shadow);
    shadow.power_lost();
    put(5, good ? durable : old);
    EXPECT_EQ(read(5).size(), good ? 0u : 1u);
    std::swap(copy, shadow);
  }
}

TEST_F(StateFile, SequencesGoOn) {
  write(5);
  write(5);
  reload();
  EXPECT_EQ(write(5), 3u);
  EXPECT_EQ(read(5), Faults{});
}

TEST_F(StateFile, EveryDamageIsNoticed) {
  write(5, 3);
  write(6, 1, Outcome::kLost, true);
  ASSERT_TRUE(shadow.save(path).has_value());
  std::string bytes;
  {
    std::ifstream in(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  ASSERT_TRUE(Shadow::load(path, {}).has_value());
  const auto loads = [&](const std::string& b) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << b;
    return Shadow::load(path, {}).has_value();
  };
  for (std::size_t i = 0; i < bytes.size(); i += i < 200 || i + 200 > bytes.size() ? 1 : 997) {
    std::string b = bytes;
    b[i] = static_cast<char>(b[i] ^ 0x41);
    EXPECT_FALSE(loads(b)) << i;
  }
  for (const std::size_t n :
       {std::size_t{0}, std::size_t{7}, std::size_t{60}, bytes.size() / 2, bytes.size() - 1})
    EXPECT_FALSE(loads(bytes.substr(0, n))) << n;
  EXPECT_TRUE(loads(bytes));
}

TEST_F(StateFile, MissingFileIsAnError) {
  EXPECT_FALSE(Shadow::load(dir + "/none", {}).has_value());
}

}  // namespace
}  // namespace nvtee::host
