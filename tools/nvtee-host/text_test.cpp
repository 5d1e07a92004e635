#include <gtest/gtest.h>

#include "tools/nvtee-host/histogram.hpp"
#include "tools/nvtee-host/text.hpp"
#include "tools/nvtee-host/workload.hpp"

namespace nvtee::host {
namespace {

TEST(Text, Bytes) {
  EXPECT_EQ(*parse_bytes("512"), 512u);
  EXPECT_EQ(*parse_bytes("4k"), 4096u);
  EXPECT_EQ(*parse_bytes("4K"), 4096u);
  EXPECT_EQ(*parse_bytes("1.5m"), 3u << 19);
  EXPECT_EQ(*parse_bytes("2GiB"), 2ull << 30);
  for (const char* bad : {"", "k", "-1", "4x", "4 k", "1e30", "nan"}) EXPECT_FALSE(parse_bytes(bad)) << bad;
}

TEST(Text, Time) {
  EXPECT_EQ(*parse_time("10"), 10 * kSecond);
  EXPECT_EQ(*parse_time("500ms"), 500 * kMillisecond);
  EXPECT_EQ(*parse_time("2m"), 120 * kSecond);
  EXPECT_FALSE(parse_time("2d"));
}

TEST(Text, Sizes) {
  const auto s = *parse_sizes("4k:70,512-128k:30");
  ASSERT_EQ(s.size(), 2u);
  EXPECT_EQ(s[0].least, 4096u);
  EXPECT_EQ(s[0].most, 4096u);
  EXPECT_EQ(s[0].weight, 70u);
  EXPECT_EQ(s[1].least, 512u);
  EXPECT_EQ(s[1].most, 131072u);
  for (const char* bad : {"", "0", "8k-4k", "4k:x", "4k:1:2", "1-2-3"}) EXPECT_FALSE(parse_sizes(bad)) << bad;
}

TEST(Text, Range) {
  EXPECT_EQ(parse_range("1m:2m")->offset, 1u << 20);
  EXPECT_EQ(parse_range("1m:2m")->length, 2u << 20);
  EXPECT_EQ(parse_range("1m:")->length, 0u);
  for (const char* bad : {"1m", "1m:0", "x:1", "1:2:3"}) EXPECT_FALSE(parse_range(bad)) << bad;
}

TEST(Text, Mix) {
  const Mix m = *parse_mix("read=70,write=20,dsm=10");
  EXPECT_EQ(m, (Mix{70, 20, 0, 0, 0, 10}));
  for (const char* bad : {"", "read", "read=0", "trim=1", "read=-1"}) EXPECT_FALSE(parse_mix(bad)) << bad;
  EXPECT_TRUE(parse_rw("write")->sequential);
  EXPECT_FALSE(parse_rw("trimwrite"));
}

TEST(Workload, StaysInsideItsRangeAndKeepsTheMix) {
  Workload::Options o;
  o.sizes = *parse_sizes("512-8k:50,64k:50");
  o.mix = *parse_mix("read=50,write=40,flush=10");
  o.range = {1 << 20, 1 << 20};
  o.fua_percent = 25;
  auto w = *Workload::create(o, 512, 1 << 20);
  EXPECT_EQ(w.most_blocks(), 128u);
  std::array<unsigned, kKinds> kinds{};
  unsigned fua = 0, large = 0;
  std::uint64_t lowest = ~0ull, highest = 0;
  for (unsigned i = 0; i < 100000; ++i) {
    const Task t = w.next();
    ++kinds[static_cast<std::size_t>(t.kind)];
    fua += t.fua;
    if (t.kind == Kind::kFlush) continue;
    ASSERT_TRUE(t.blocks == 128 || (t.blocks >= 1 && t.blocks <= 16));
    large += t.blocks == 128;
    lowest = std::min(lowest, t.lba);
    highest = std::max(highest, t.lba + t.blocks);
  }
  EXPECT_EQ(lowest, 2048u);
  EXPECT_EQ(highest, 4096u);
  EXPECT_NEAR(kinds[0], 50000, 1500);
  EXPECT_NEAR(kinds[2], 10000, 700);
  EXPECT_NEAR(fua, 10000, 700);
  EXPECT_NEAR(large, 45000, 1500);
}

TEST(Workload, SameSeedSameTasks) {
  Workload::Options o;
  o.sizes = *parse_sizes("512-128k");
  auto a = *Workload::create(o, 512, 1 << 20), b = *Workload::create(o, 512, 1 << 20);
  o.seed = 2;
  auto c = *Workload::create(o, 512, 1 << 20);
  unsigned differ = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    const Task x = a.next(), y = b.next();
    EXPECT_EQ(x.lba, y.lba);
    EXPECT_EQ(x.blocks, y.blocks);
    differ += c.next().lba != x.lba;
  }
  EXPECT_GT(differ, 900u);
}

TEST(Workload, RefusesWhatDoesNotFit) {
  const auto refused = [](auto change) {
    Workload::Options o;
    change(o);
    return !Workload::create(o, 4096, 1000).has_value();
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& o) { o.sizes = {{512, 4096, 1}}; }));
  EXPECT_TRUE(refused([](auto& o) { o.range = {0, 1 << 30}; }));
  EXPECT_TRUE(refused([](auto& o) { o.range = {1 << 30, 0}; }));
  EXPECT_TRUE(refused([](auto& o) { o.range = {100, 0}; }));
  EXPECT_TRUE(refused([](auto& o) { o.sizes = {{1 << 20, 1 << 20, 1}}, o.range = {0, 1 << 19}; }));
}

TEST(Histogram, PercentilesAreWithinTwoPercent) {
  Histogram h;
  for (Duration v = 1; v <= 1'000'000; ++v) h.add(v);
  EXPECT_NEAR(static_cast<double>(h.percentile(0.5)), 500'000, 10'000);
  EXPECT_NEAR(static_cast<double>(h.percentile(0.99)), 990'000, 20'000);
  EXPECT_EQ(h.max(), 1'000'000u);
  EXPECT_EQ(h.percentile(1), 1'000'000u);
  EXPECT_EQ(h.mean(), 500'000u);
  h.add(~Duration{0} >> 1);
  EXPECT_EQ(Histogram{}.percentile(0.5), 0u);
}

}  // namespace
}  // namespace nvtee::host
