// Verify by itself: what it counts.
#include "runtime/core/verify.hpp"

#include <gtest/gtest.h>

namespace nvtee::core {
namespace {

class VerifyPart : public ::testing::Test {
 protected:
  VerifyPart() : ledger("vol0", 64, 1), regions(ctx.geo, ctx.limits, ledger) {
    ctx.geo = {64 * 16, 16, 1u << 20, 4, 64, 2, 2};  // chunks of two blocks
    ctx.now = kSecond;
    ctx.out = &actions;
    for (unsigned i = 0; i < kMaxLegs; ++i) legs[i] = Leg(i);
    for (unsigned i = 0; i < 3; ++i) legs[i].restore(Leg::State::kInSync);
    EXPECT_TRUE(verify.start(ctx));
  }
  void advance() { verify.advance(ctx, legs, regions, true); }
  void hold() {
    advance();
    verify.op(kTagVerify)->on_held(kSlot);
    advance();
  }
  void read(spec::Status status = spec::st::kOk) {
    verify.op(kTagVerify)->on_done(status, 0);
    advance();
  }
  void differs(unsigned block) { verify.on_buffer(ctx, legs, kSlot, false, block << 16); }

  static constexpr unsigned kSlot = 3;
  Context ctx;
  Actions actions;
  Ledger ledger;
  Regions regions;
  Legs legs;
  Verify verify;
};

// The first leg has lost two blocks: both other legs differ from it there, and it is two blocks all the same.
TEST_F(VerifyPart, ABlockIsCountedOnceHoweverManyLegsDiffer) {
  hold();
  read();  // leg 0
  for (unsigned leg = 1; leg < 3; ++leg) {
    read();
    differs(0);
    differs(1);
  }
  EXPECT_EQ(verify.state(), Verify::State::kNext);
  EXPECT_EQ(verify.result().mismatched_blocks, 2u);
  EXPECT_EQ(verify.result().first_mismatches, (std::vector<std::uint64_t>{0, 1}));
  EXPECT_EQ(verify.result().done_bytes, 2u << 16);
}

TEST_F(VerifyPart, ABlockIsCountedOnceWhenItsChunkIsTriedAgain) {
  hold();
  read();
  read();
  differs(0);
  differs(1);
  read(spec::st::kReadError);  // leg 2: the chunk is tried again
  EXPECT_EQ(verify.result().done_bytes, 0u);
  ctx.now += kSecond;
  hold();
  read();
  for (unsigned leg = 1; leg < 3; ++leg) {
    read();
    differs(0);
    differs(1);
  }
  EXPECT_EQ(verify.result().mismatched_blocks, 2u);

  // The next chunk has blocks of its own.
  hold();
  read();
  read();
  differs(1);
  EXPECT_EQ(verify.result().mismatched_blocks, 3u);
  EXPECT_EQ(verify.result().first_mismatches.back(), 3u);
}

}  // namespace
}  // namespace nvtee::core
