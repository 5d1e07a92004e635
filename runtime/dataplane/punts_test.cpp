// Punted commands against a data plane that only writes down what it was asked.
#include "runtime/dataplane/punts.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace nvtee::dataplane {
namespace {

class FakePlane final : public DataPlane {
 public:
  void ctl(const tee::Ctl& c) override { ctls.push_back(c); }
  void command(const nvmf::Sqe& s) override { commands.push_back(s); }
  std::byte* buffer(unsigned slot) override {
    return buffers.try_emplace(slot, 128 * 1024).first->second.data();
  }
  const nvmf::Sqe& punted(unsigned slot) const override { return sqes.at(slot); }
  void open_leg(unsigned, unsigned, std::uint8_t, const LegTarget&) override {}
  void reserve(unsigned, unsigned, const core::Reserve&) override {}
  void close_leg(unsigned, unsigned) override {}
  std::expected<nvmf::QueueHandler*, spec::Status> open_queue(const nvmf::ControllerInfo&, std::uint32_t,
                                                              nvmf::ControllerConnection&) override {
    return std::unexpected(spec::st::kConnectBusy);
  }
  unsigned queues_of(std::uint16_t) const override { return 0; }
  unsigned queues_in_use() const override { return 0; }
  unsigned slots_in_use() const override { return 0; }
  const LegLatency& leg_latency(unsigned, unsigned) const override { return latency; }
  LegLatency latency;
  Traffic traffic(unsigned) override { return {}; }
  void kick() override {}

  // The status that slot was answered with, or -1.
  int answer(unsigned slot) const {
    for (const auto& c : ctls) {
      if (c.op.to_uint() == tee::Ctl::kPuntDone && c.slot.to_uint() == slot)
        return static_cast<int>(c.status.to_uint());
    }
    return -1;
  }
  unsigned count(tee::Ctl::Op op) const {
    unsigned n = 0;
    for (const auto& c : ctls) n += c.op.to_uint() == static_cast<unsigned>(op) ? 1 : 0;
    return n;
  }

  std::vector<tee::Ctl> ctls;
  std::vector<nvmf::Sqe> commands;
  std::map<unsigned, std::vector<std::byte>> buffers;
  std::map<unsigned, nvmf::Sqe> sqes;
};

class PuntsTest : public testing::Test {
 protected:
  PuntsTest() : punts(plane, [this](std::uint32_t nsid) { return lookup(nsid); }) {}

  std::optional<PuntNamespace> lookup(std::uint32_t nsid) const {
    if (nsid != 1) return std::nullopt;
    PuntNamespace n;
    n.index = 5;
    n.blocks = 1000;
    n.block_shift = 12;
    n.in_sync_mask = in_sync;
    return n;
  }
  void dsm(unsigned slot, const std::vector<std::pair<std::uint64_t, std::uint32_t>>& ranges,
           std::uint32_t attributes = 4) {
    nvmf::Sqe q{};
    q.opcode = spec::io::kDsm;
    q.nsid = 1;
    q.cdw10 = static_cast<std::uint32_t>(ranges.size() - 1);
    q.cdw11 = attributes;
    q.sgl.length = static_cast<std::uint32_t>(ranges.size() * 16);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      std::memcpy(plane.buffer(slot) + i * 16 + 4, &ranges[i].second, 4);
      std::memcpy(plane.buffer(slot) + i * 16 + 8, &ranges[i].first, 8);
    }
    plane.sqes[slot] = q;
    punts.start(slot);
  }
  void compare(unsigned slot) {
    nvmf::Sqe q{};
    q.opcode = spec::io::kCompare;
    q.nsid = 1;
    q.cdw10 = 7;
    q.cdw12 = 1;  // two blocks
    plane.sqes[slot] = q;
    punts.start(slot);
  }
  void event(tee::Event::Kind kind, unsigned slot, spec::Status status = 0) {
    tee::Event e{};
    e.kind = kind;
    e.slot = slot;
    e.tag = Punts::kTagBase;
    e.status = status;
    EXPECT_TRUE(punts.on_event(e));
  }
  void answer_all(spec::Status status = spec::st::kOk) {
    for (std::size_t i = 0; i < plane.commands.size(); ++i) punts.on_response(plane.commands[i].cid, status);
  }

  FakePlane plane;
  Punts punts;
  unsigned in_sync = 0b11;
};

TEST_F(PuntsTest, DeallocateIsWriteZeroesRangeByRange) {
  dsm(9, {{10, 5}, {100, 70}});
  ASSERT_EQ(plane.commands.size(), 4u);  // 5, and 32 + 32 + 6
  std::uint64_t blocks = 0;
  for (const auto& c : plane.commands) {
    EXPECT_EQ(c.opcode, spec::io::kWriteZeroes);
    EXPECT_TRUE(c.cdw12 & spec::kCdw12Deac);
    EXPECT_LE(std::uint64_t{c.blocks()} << 12, Punts::kMaxBytes);
    blocks += c.blocks();
  }
  EXPECT_EQ(blocks, 75u);
  EXPECT_EQ(plane.answer(9), -1);
  answer_all();
  EXPECT_EQ(plane.answer(9), spec::st::kOk);
}

TEST_F(PuntsTest, RangesOutsideAreRefusedBeforeAnythingIsDone) {
  dsm(9, {{10, 5}, {999, 2}});
  EXPECT_TRUE(plane.commands.empty());
  EXPECT_EQ(plane.answer(9), spec::st::kLbaRange);
  dsm(10, {{~std::uint64_t{0}, 1}});
  EXPECT_EQ(plane.answer(10), spec::st::kLbaRange);
}

TEST_F(PuntsTest, HintsAndEmptyRangesDoNothing) {
  dsm(9, {{10, 5}}, 1);
  EXPECT_EQ(plane.answer(9), spec::st::kOk);
  dsm(10, {{10, 0}});
  EXPECT_EQ(plane.answer(10), spec::st::kOk);
  EXPECT_TRUE(plane.commands.empty());
}

TEST_F(PuntsTest, ShortRangeListsAreRefused) {
  plane.sqes[9] = {};
  plane.sqes[9].opcode = spec::io::kDsm;
  plane.sqes[9].nsid = 1;
  plane.sqes[9].cdw10 = 1;
  plane.sqes[9].cdw11 = 4;
  plane.sqes[9].sgl.length = 16;
  punts.start(9);
  EXPECT_EQ(plane.answer(9), spec::st::kSglLength);
}

// reaches: tee.punt_commands
TEST_F(PuntsTest, CommandsInFlightAreBoundedAndASmallJobNeedNotWait) {
  dsm(1, {{0, 1000}});  // 32 pieces
  dsm(2, {{0, 1}});
  EXPECT_EQ(plane.commands.size(), Punts::kMaxCommands);
  punts.on_response(plane.commands[0].cid, 0);
  ASSERT_EQ(plane.commands.size(), Punts::kMaxCommands + 1);  // the small one has the first free place
  EXPECT_EQ(plane.commands.back().blocks(), 1u);
  for (std::size_t i = 1; i < plane.commands.size(); ++i) punts.on_response(plane.commands[i].cid, 0);
  EXPECT_EQ(plane.answer(1), spec::st::kOk);
  EXPECT_EQ(plane.answer(2), spec::st::kOk);
}

TEST_F(PuntsTest, TheFirstFailureEndsTheJobAfterItsCommands) {
  dsm(9, {{10, 5}, {100, 70}});
  punts.on_response(plane.commands[1].cid, spec::st::kPathInternal);
  EXPECT_EQ(plane.answer(9), -1);
  punts.on_response(plane.commands[0].cid, 0);
  punts.on_response(plane.commands[2].cid, 0);
  punts.on_response(plane.commands[3].cid, 0);
  EXPECT_EQ(plane.answer(9), spec::st::kPathInternal);
}

TEST_F(PuntsTest, CompareHoldsReadsOneLegAndCompares) {
  compare(9);
  ASSERT_EQ(plane.count(tee::Ctl::kHold), 1u);
  EXPECT_EQ(plane.ctls[0].ns.to_uint(), 5u);
  EXPECT_EQ(plane.ctls[0].nlb.to_uint(), 2u);
  event(tee::Event::kHeld, 3);
  ASSERT_EQ(plane.count(tee::Ctl::kIssue), 1u);
  EXPECT_EQ(plane.ctls[1].mask.to_uint(), 1u);
  event(tee::Event::kIssueDone, 3);
  EXPECT_EQ(plane.answer(9), spec::st::kOk);
  EXPECT_EQ(plane.count(tee::Ctl::kRelease), 1u);

  plane.ctls.clear();
  plane.buffer(9)[8191] = std::byte{1};
  compare(9);
  event(tee::Event::kHeld, 3);
  event(tee::Event::kIssueDone, 3);
  EXPECT_EQ(plane.answer(9), spec::st::kCompareFailure);
}

TEST_F(PuntsTest, CompareTriesTheOtherLegThenGivesUp) {
  compare(9);
  event(tee::Event::kHeld, 3);
  event(tee::Event::kIssueDone, 3, spec::st::kReadError);
  EXPECT_EQ(plane.count(tee::Ctl::kIssue), 2u);
  event(tee::Event::kIssueDone, 3, spec::st::kReadError);
  EXPECT_EQ(plane.answer(9), spec::st::kReadError);
  EXPECT_EQ(plane.count(tee::Ctl::kRelease), 1u);
}

TEST_F(PuntsTest, NoSlotForTheHoldIsATransientAnswer) {
  compare(9);
  event(tee::Event::kHoldRefused, 0);
  EXPECT_EQ(plane.answer(9), spec::st::kInterrupted);
  EXPECT_EQ(plane.count(tee::Ctl::kRelease), 0u);
}

TEST_F(PuntsTest, WhatIsNotOfferedIsRefused) {
  plane.sqes[9] = {};
  plane.sqes[9].opcode = spec::io::kWrite;
  plane.sqes[9].flags = 2;  // fused, second
  plane.sqes[9].nsid = 1;
  punts.start(9);
  EXPECT_EQ(plane.answer(9), spec::st::kInvalidField);
  plane.sqes[10] = {};
  plane.sqes[10].opcode = 0x90;
  plane.sqes[10].nsid = 1;
  punts.start(10);
  EXPECT_EQ(plane.answer(10), spec::st::kInvalidOpcode);
  plane.sqes[11] = {};
  plane.sqes[11].nsid = 2;
  punts.start(11);
  EXPECT_EQ(plane.answer(11), spec::st::kInvalidNamespace);
}

TEST_F(PuntsTest, OthersTagsAreNotOurs) {
  tee::Event e{};
  e.kind = tee::Event::kHeld;
  e.tag = 7;
  EXPECT_FALSE(punts.on_event(e));
}

}  // namespace
}  // namespace nvtee::dataplane
