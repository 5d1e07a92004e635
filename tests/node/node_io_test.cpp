// What a host sees through a whole node, and what the legs hold afterwards.
#include "tests/node/node_rig.hpp"

namespace nvtee {
namespace {

using spec::io::kCompare;
using spec::io::kDsm;
using spec::io::kFlush;
using spec::io::kRead;
using spec::io::kWrite;
using spec::io::kWriteZeroes;

struct Case {
  unsigned block_shift;
  bool digests;
  bool flow_control_off;
};

class NodeIo : public testing::TestWithParam<Case> {
 protected:
  NodeRig::Options options() const {
    NodeRig::Options o;
    o.block_shift = static_cast<std::uint8_t>(GetParam().block_shift);
    o.peer_digests = GetParam().digests;
    return o;
  }
  TestHost::Options host_options() const {
    TestHost::Options o;
    o.queues = 2;
    o.header_digest = o.data_digest = GetParam().digests;
    o.flow_control_off = GetParam().flow_control_off;
    return o;
  }
  unsigned block() const { return 1u << GetParam().block_shift; }
};

TEST_P(NodeIo, WritesOfEverySizeReachAllLegsAndReadBack) {
  NodeRig rig(options());
  TestHost& h = rig.host(host_options());
  ASSERT_TRUE(h.connect()) << h.why;
  std::uint64_t lba = 3;
  for (const std::size_t bytes :
       {std::size_t{4096}, std::size_t{8192}, std::size_t{12288}, std::size_t{65536}, std::size_t{131072}}) {
    const auto data = pattern(bytes, bytes);
    EXPECT_EQ(h.write(lba, data, block()), spec::st::kOk) << bytes;
    EXPECT_EQ(h.read(lba, static_cast<std::uint32_t>(bytes / block()), block()), data) << bytes;
    rig.expect_legs_hold(lba, data);
    lba += bytes / block();
  }
  EXPECT_EQ(h.run(TestHost::sqe(kFlush)).status, spec::st::kOk);
  EXPECT_EQ(rig.vol().health, "ok");
}

INSTANTIATE_TEST_SUITE_P(All, NodeIo,
                         testing::Values(Case{12, false, true}, Case{9, false, false}, Case{12, true, false},
                                         Case{9, true, true}));

TEST(NodeIo, ManyOverlappingWritesLeaveTheLegsEqual) {
  NodeRig rig;
  TestHost::Options o;
  o.queues = 4;
  TestHost& h = rig.host(o);
  ASSERT_TRUE(h.connect());
  std::vector<unsigned> tickets;
  for (unsigned i = 0; i < 200; ++i) {
    tickets.push_back(h.start(TestHost::sqe(kWrite, i % 5, 4), pattern(4 * 4096, i), 0, i % 4));
  }
  for (const unsigned t : tickets) EXPECT_EQ(h.take(t).status, spec::st::kOk);
  rig.expect_legs_hold(0, h.read(0, 9));
}

TEST(NodeIo, WriteZeroesCompareAndDeallocate) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  const auto data = pattern(32 * 4096, 1);
  ASSERT_EQ(h.write(100, data), spec::st::kOk);
  EXPECT_EQ(h.run(TestHost::sqe(kCompare, 100, 32), data).status, spec::st::kOk);
  auto other = data;
  other[5000] ^= std::byte{1};
  EXPECT_EQ(h.run(TestHost::sqe(kCompare, 100, 32), other).status, spec::st::kCompareFailure);
  EXPECT_EQ(h.run(TestHost::sqe(kWriteZeroes, 100, 4)).status, spec::st::kOk);
  rig.expect_legs_hold(100, std::vector<std::byte>(4 * 4096));

  // As Linux sends it: the buffer has room for 256 ranges whatever NR says.
  std::vector<std::byte> ranges(4096);
  const std::uint32_t blocks[2] = {2, 20};
  const std::uint64_t lbas[2] = {104, 110};
  for (unsigned i = 0; i < 2; ++i) {
    std::memcpy(ranges.data() + i * 16 + 4, &blocks[i], 4);
    std::memcpy(ranges.data() + i * 16 + 8, &lbas[i], 8);
  }
  auto dsm = TestHost::sqe(kDsm);
  dsm.cdw10 = 1;
  dsm.cdw11 = 4;
  dsm.cdw12 = 0;
  EXPECT_EQ(h.run(dsm, ranges).status, spec::st::kOk);
  rig.expect_legs_hold(104, std::vector<std::byte>(2 * 4096));
  rig.expect_legs_hold(106, {data.begin() + 6 * 4096, data.begin() + 10 * 4096});
  rig.expect_legs_hold(110, std::vector<std::byte>(20 * 4096));
}

// reaches: host.transfer
TEST(NodeIo, BadCommandsGetTheirStatusAndCostNothingElse) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  const std::uint64_t blocks = (32u << 20) / 4096;
  EXPECT_EQ(h.run(TestHost::sqe(kWrite, blocks - 1, 2), pattern(8192, 1)).status, spec::st::kLbaRange);
  EXPECT_EQ(h.run(TestHost::sqe(kRead, ~std::uint64_t{0} - 1, 8), {}, 8 * 4096).status, spec::st::kLbaRange);
  EXPECT_EQ(h.run(TestHost::sqe(kWrite, 0, 1, 7), pattern(4096, 1)).status, spec::st::kInvalidNamespace);
  EXPECT_EQ(h.run(TestHost::sqe(kRead, 0, 64), {}, 64 * 4096).status, spec::st::kInvalidField);  // over MDTS
  EXPECT_EQ(h.run(TestHost::sqe(kWrite, 0, 2), pattern(4096, 1)).status, spec::st::kSglLength);
  EXPECT_EQ(h.run(TestHost::sqe(spec::io::kCopy)).status, spec::st::kInvalidOpcode);
  EXPECT_EQ(h.run(TestHost::sqe(spec::io::kWriteUncorrectable)).status, spec::st::kInvalidOpcode);
  EXPECT_EQ(h.run(TestHost::sqe(kFlush, 0, 1, spec::kNsidAll)).status, spec::st::kInvalidNamespace);
  auto fused = TestHost::sqe(kCompare);
  fused.flags |= 1;
  EXPECT_EQ(h.run(fused, pattern(4096, 1)).status, spec::st::kInvalidField);
  EXPECT_EQ(h.write(0, pattern(4096, 2)), spec::st::kOk);
  EXPECT_EQ(rig.vol().epoch, 1u);
}

TEST(NodeIo, HostsNotOnTheListAreRefused) {
  NodeRig::Options o;
  o.allowed_hosts = {"nqn.2026-01.io.nvtee:friend"};
  NodeRig rig(o);
  EXPECT_FALSE(rig.host().connect());
  TestHost::Options f;
  f.nqn = "nqn.2026-01.io.nvtee:friend";
  EXPECT_TRUE(rig.host(f).connect());
}

TEST(NodeIo, AHostThatLeavesInMidLoadLeavesNothingBehind) {
  NodeRig rig;
  for (unsigned round = 0; round < 5; ++round) {
    TestHost& h = rig.host();
    ASSERT_TRUE(h.connect());
    for (unsigned i = 0; i < 60; ++i) h.start(TestHost::sqe(kWrite, i, 32), pattern(32 * 4096, i));
    h.close();
  }
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  const auto data = pattern(131072, 9);
  EXPECT_EQ(h.write(0, data), spec::st::kOk);  // behind all older copies of the same blocks
  rig.expect_legs_hold(0, data);
  EXPECT_EQ(rig.vol().health, "ok");
}

}  // namespace
}  // namespace nvtee
