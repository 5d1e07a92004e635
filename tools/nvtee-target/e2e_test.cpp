// The whole target over loopback, against the initiator: every command, both block sizes, every backend.
#include <ostream>

#include "tools/nvtee-target/test_rig.hpp"

namespace nvtee::target {
namespace {

namespace io = spec::io;
namespace st = spec::st;

enum class Backing { kMem, kFile, kCached };

struct Shape {
  Backing backing;
  std::uint8_t shift;
  bool digests;
  std::uint32_t r2t, c2h;
  bool flow_control_off;
};
std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << (s.backing == Backing::kMem    ? "mem"
                 : s.backing == Backing::kFile ? "file"
                                               : "cached")
             << (1u << s.shift) << (s.digests ? "digests" : "") << "r2t" << s.r2t << "c2h" << s.c2h
             << (s.flow_control_off ? "" : "flow");
}

class Commands : public testing::TestWithParam<Shape> {
 protected:
  static constexpr std::uint64_t kSize = 16 << 20;

  void SetUp() override {
    const Shape& p = GetParam();
    Config c;
    c.r2t_bytes = p.r2t;
    c.c2h_bytes = p.c2h;
    NamespaceConfig n = p.backing == Backing::kMem ? mem_namespace(kSize, p.shift)
                                                   : file_namespace(dir_ / "a.img", kSize, p.shift);
    n.cache = p.backing == Backing::kCached;
    n.cache_size = 8 << 20;
    n.chaos_seed = p.backing == Backing::kCached ? std::optional<std::uint64_t>(3) : std::nullopt;
    c.namespaces = {n};
    server_ = serve(loop_, c);
    ASSERT_TRUE(server_);
    TestHost::Options o;
    o.queues = 2;
    o.header_digest = o.data_digest = p.digests;
    o.flow_control_off = p.flow_control_off;
    host_ = std::make_unique<TestHost>(loop_, server_->address(), o);
    ASSERT_TRUE(host_->connect()) << host_->why;
    block_ = 1u << p.shift;
  }
  spec::Status write(std::uint64_t lba, const std::vector<std::byte>& data, std::uint32_t cdw12 = 0) {
    return host_->write(lba, data, block_, cdw12);
  }
  std::vector<std::byte> read(std::uint64_t lba, std::uint32_t blocks) {
    return host_->read(lba, blocks, block_);
  }

  Loop loop_;
  TempDir dir_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<TestHost> host_;
  unsigned block_ = 4096;
};

TEST_P(Commands, WhatIsWrittenIsRead) {
  EXPECT_TRUE(read(5, 3) == std::vector<std::byte>(3 * block_));  // fresh blocks are zero
  for (const std::uint32_t bytes : {block_, 8192u, 12288u, 65536u, 131072u}) {
    const auto data = pattern(bytes, bytes);
    EXPECT_EQ(write(7, data), st::kOk) << bytes;
    EXPECT_TRUE(read(7, bytes / block_) == data) << bytes;
  }
  const auto last = pattern(block_, 9);
  EXPECT_EQ(write(kSize / block_ - 1, last, spec::kCdw12Fua), st::kOk);
  EXPECT_TRUE(read(kSize / block_ - 1, 1) == last);
  EXPECT_EQ(host_->run(TestHost::sqe(io::kFlush)).status, st::kOk);
  EXPECT_TRUE(read(kSize / block_ - 1, 1) == last);
}

TEST_P(Commands, CompareTellsEqualFromDifferent) {
  const auto data = pattern(16384, 1);
  ASSERT_EQ(write(100, data), st::kOk);
  const auto compare = TestHost::sqe(io::kCompare, 100, 16384 / block_);
  EXPECT_EQ(host_->run(compare, data).status, st::kOk);
  auto other = data;
  other.back() ^= std::byte{1};
  const Answer a = host_->run(compare, other);
  EXPECT_EQ(a.status, st::kCompareFailure);
  EXPECT_TRUE(a.dnr);
  EXPECT_TRUE(read(100, 16384 / block_) == data);
}

TEST_P(Commands, WriteZeroesAndDeallocateLeaveZeroesAndNeighbours) {
  const std::uint32_t blocks = 131072 / block_;
  const auto data = pattern(131072, 2);
  for (const std::uint32_t deac : {0u, spec::kCdw12Deac}) {
    ASSERT_EQ(write(64, data), st::kOk);
    auto q = TestHost::sqe(io::kWriteZeroes, 65, blocks - 2);
    q.cdw12 |= deac;
    ASSERT_EQ(host_->run(q).status, st::kOk);
    auto want = data;
    std::fill(want.begin() + block_, want.end() - block_, std::byte{0});
    EXPECT_TRUE(read(64, blocks) == want);
  }
  // Larger than any data transfer.
  auto all = TestHost::sqe(io::kWriteZeroes, 0, kSize / 2 / block_);
  ASSERT_EQ(host_->run(all).status, st::kOk);
  EXPECT_TRUE(read(64, blocks) == std::vector<std::byte>(131072));
}

TEST_P(Commands, DsmDeallocatesEachRange) {
  const std::uint32_t blocks = 131072 / block_;
  const auto data = pattern(131072, 3);
  ASSERT_EQ(write(0, data), st::kOk);
  std::vector<std::byte> ranges(48);
  const auto put = [&](unsigned i, std::uint32_t n, std::uint64_t lba) {
    std::memcpy(ranges.data() + i * 16 + 4, &n, 4);
    std::memcpy(ranges.data() + i * 16 + 8, &lba, 8);
  };
  put(0, 2, 1);
  put(1, 0, 5);
  put(2, 1, blocks - 1);
  auto q = TestHost::sqe(io::kDsm);
  q.cdw10 = 2;
  q.cdw11 = 4;
  q.cdw12 = 0;
  ranges.resize(4096, std::byte{0xff});  // as Linux sends them: the rest is no range
  ASSERT_EQ(host_->run(q, ranges).status, st::kOk);
  auto want = data;
  std::fill(want.begin() + block_, want.begin() + 3 * block_, std::byte{0});
  std::fill(want.end() - block_, want.end(), std::byte{0});
  EXPECT_TRUE(read(0, blocks) == want);
  // A range beyond the end: nothing is done at all.
  ASSERT_EQ(write(0, data), st::kOk);
  put(2, 2, kSize / block_ - 1);
  EXPECT_EQ(host_->run(q, ranges).status, st::kLbaRange);
  EXPECT_TRUE(read(0, blocks) == data);
  // Hints without "deallocate" change nothing.
  put(2, 1, 4);
  q.cdw11 = 3;
  EXPECT_EQ(host_->run(q, ranges).status, st::kOk);
  EXPECT_TRUE(read(0, blocks) == data);
}

TEST_P(Commands, ManyAtOnceOnTwoQueues) {
  constexpr unsigned kCommands = 120;
  std::vector<unsigned> tickets;
  for (unsigned i = 0; i < kCommands; ++i)
    tickets.push_back(
        host_->start(TestHost::sqe(io::kWrite, i * 32ull, 16384 / block_), pattern(16384, i), 0, i % 2));
  for (const unsigned t : tickets) EXPECT_EQ(host_->take(t).status, st::kOk);
  tickets.clear();
  for (unsigned i = 0; i < kCommands; ++i)
    tickets.push_back(
        host_->start(TestHost::sqe(io::kRead, i * 32ull, 16384 / block_), {}, 16384, (i + 1) % 2));
  for (unsigned i = 0; i < kCommands; ++i)
    EXPECT_TRUE(host_->take(tickets[i]).data == pattern(16384, i)) << i;
}

// Concurrent writers of the same blocks: every read sees one of them whole, block by block.
TEST_P(Commands, OverlappingWritesAreNeverTorn) {
  const std::uint32_t blocks = 65536 / block_;
  std::vector<std::vector<std::byte>> versions;
  for (unsigned v = 0; v < 4; ++v)
    versions.push_back(std::vector<std::byte>(65536, static_cast<std::byte>(v + 1)));
  std::vector<unsigned> writes, reads;
  for (unsigned round = 0; round < 20; ++round) {
    writes.push_back(
        host_->start(TestHost::sqe(io::kWrite, 8 + round % 3, blocks), versions[round % 4], 0, round % 2));
    reads.push_back(host_->start(TestHost::sqe(io::kRead, 8, blocks), {}, 65536, (round + 1) % 2));
  }
  for (const unsigned t : writes) EXPECT_EQ(host_->take(t).status, st::kOk);
  for (const unsigned t : reads) {
    const Answer a = host_->take(t);
    ASSERT_EQ(a.status, st::kOk);
    for (std::uint32_t b = 0; b < blocks; ++b)
      for (unsigned i = 1; i < block_; ++i) ASSERT_EQ(a.data[b * block_ + i], a.data[b * block_]) << b;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Commands,
                         testing::Values(Shape{Backing::kMem, 12, false, 0, 0, true},
                                         Shape{Backing::kMem, 9, true, 0, 0, true},
                                         Shape{Backing::kMem, 12, true, 4096, 4096, false},
                                         Shape{Backing::kFile, 12, false, 0, 0, true},
                                         Shape{Backing::kFile, 9, true, 16384, 8192, false},
                                         Shape{Backing::kCached, 12, true, 0, 0, true},
                                         Shape{Backing::kCached, 9, false, 65536, 0, true}),
                         [](const auto& p) {
                           std::ostringstream name;
                           name << p.param;
                           return name.str();
                         });

}  // namespace
}  // namespace nvtee::target
