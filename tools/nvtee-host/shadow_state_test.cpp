// The shadow behind volatile caches, and its state file.
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "tools/nvtee-host/shadow_rig.hpp"

namespace nvtee::host {
namespace {

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

// ---- state file ----

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
