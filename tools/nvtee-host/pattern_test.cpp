#include "tools/nvtee-host/pattern.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace nvtee::host {
namespace {

using Block = std::vector<std::byte>;

Block make(const BlockTag& tag, std::size_t size = 512) {
  Block b(size);
  fill_block(b, tag);
  return b;
}

const BlockTag kTag{100, 7, 0x1234, 1};

TEST(Pattern, SaysWhatItIs) {
  for (const std::size_t size : {512u, 4096u}) {
    const Block b = make(kTag, size);
    const BlockContent c = inspect_block(b);
    EXPECT_EQ(c.content, Content::kPattern);
    ASSERT_TRUE(c.has_tag);
    EXPECT_EQ(c.tag, kTag);
    EXPECT_TRUE(block_is(b, kTag));
  }
}

TEST(Pattern, EveryFieldOfTheTagMatters) {
  const Block b = make(kTag);
  BlockTag t = kTag;
  EXPECT_FALSE(block_is(b, (t.lba++, t)));
  t = kTag;
  EXPECT_FALSE(block_is(b, (t.sequence++, t)));
  t = kTag;
  EXPECT_FALSE(block_is(b, (t.session++, t)));
  t = kTag;
  EXPECT_FALSE(block_is(b, (t.nsid++, t)));
}

TEST(Pattern, EveryWrongByteShows) {
  const Block good = make(kTag);
  for (std::size_t i = 0; i < good.size(); ++i) {
    Block b = good;
    b[i] ^= std::byte{0x10};
    EXPECT_FALSE(block_is(b, kTag)) << i;
    EXPECT_NE(inspect_block(b).content, Content::kPattern) << i;
  }
}

TEST(Pattern, ZeroesAndOnes) {
  EXPECT_EQ(inspect_block(Block(512, std::byte{0})).content, Content::kZeroes);
  EXPECT_EQ(inspect_block(Block(512, std::byte{0xff})).content, Content::kOnes);
  EXPECT_EQ(inspect_block(Block(512, std::byte{1})).content, Content::kOther);
}

TEST(Pattern, ATearIsFoundWhereItIs) {
  const BlockTag newer{100, 9, 0x1234, 1};
  for (std::size_t at = 64; at < 512; at += 64) {
    Block b = make(kTag);
    std::memcpy(b.data(), make(newer).data(), at);
    const BlockContent c = inspect_block(b);
    EXPECT_EQ(c.content, Content::kTorn);
    EXPECT_EQ(c.tag, newer);
    ASSERT_TRUE(c.has_second);
    EXPECT_EQ(c.second, kTag);
    EXPECT_EQ(c.changes_at, at);
  }
}

TEST(Pattern, ATearInsideACellIsATear) {
  const BlockTag newer{100, 9, 0x1234, 1};
  Block b = make(kTag);
  std::memcpy(b.data(), make(newer).data(), 200);
  const BlockContent c = inspect_block(b);
  EXPECT_EQ(c.content, Content::kTorn);
  EXPECT_EQ(c.tag, newer);
  EXPECT_EQ(c.second, kTag);
}

TEST(Pattern, HalfZeroesIsATear) {
  Block b = make(kTag);
  std::memset(b.data() + 256, 0, 256);
  EXPECT_EQ(inspect_block(b).content, Content::kTorn);
  b = make(kTag);
  std::memset(b.data(), 0, 256);
  EXPECT_EQ(inspect_block(b).content, Content::kTorn);
}

TEST(Pattern, DamageIsNotATear) {
  Block b = make(kTag);
  b[300] ^= std::byte{1};
  const BlockContent c = inspect_block(b);
  EXPECT_EQ(c.content, Content::kOther);
  EXPECT_TRUE(c.has_tag);
  EXPECT_EQ(c.tag, kTag);
  EXPECT_EQ(c.changes_at, 256u);
}

TEST(Pattern, ABlockShiftedByACellIsNotItself) {
  Block b = make(kTag);
  std::memmove(b.data() + 64, b.data(), 448);
  EXPECT_NE(inspect_block(b).content, Content::kPattern);
}

}  // namespace
}  // namespace nvtee::host
