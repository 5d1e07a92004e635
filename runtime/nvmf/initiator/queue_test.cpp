// The queue against a well-behaved peer, however it splits, aligns and orders things.
#include "runtime/nvmf/initiator/queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/base/crc32c.hpp"
#include "runtime/nvmf/initiator/test_loop.hpp"

namespace nvtee::nvmf {
namespace {

using testing::HasSubstr;

class Queue : public testing::Test {
 protected:
  TestLoop loop;
  FakePeer peer{*loop.reactor};
  QueueUser user;
  std::unique_ptr<InitiatorQueue> queue;

  void start(const InitiatorQueue::Options& o = queue_options()) {
    queue = std::make_unique<InitiatorQueue>(*loop.reactor, peer.address(), o, &user);
    ASSERT_TRUE(loop.until([&] { return user.ups + user.downs != 0; }));
    ASSERT_EQ(user.downs, 0u) << user.why;
    peer.seen.clear();
  }
  void run(Transfer& t) {
    const unsigned before = user.responses;
    queue->submit(t);
    ASSERT_TRUE(loop.until([&] { return user.responses > before || user.downs != 0; }));
    ASSERT_EQ(user.downs, 0u) << user.why;
  }
  bool memory_is(std::uint64_t lba, const std::vector<std::byte>& data) {
    return std::memcmp(peer.memory().data() + lba * 512, data.data(), data.size()) == 0;
  }
  void write_and_read_back(std::uint64_t lba, std::uint32_t blocks) {
    run(user.prepare(0, spec::io::kWrite, lba, blocks));
    ASSERT_EQ(user.status(0), spec::st::kOk);
    ASSERT_TRUE(memory_is(lba, user.slots[0].buffer));
    const auto written = user.slots[0].buffer;
    run(user.prepare(1, spec::io::kRead, lba, blocks));
    ASSERT_EQ(user.status(1), spec::st::kOk);
    ASSERT_EQ(user.slots[1].buffer, written);
  }
};

TEST_F(Queue, AdminConnectGivesTheControllerId) {
  start(queue_options(0, 32));
  EXPECT_EQ(user.cntlid, 1);
  EXPECT_TRUE(queue->up());
  EXPECT_EQ(queue->qid(), 0);
  EXPECT_EQ(queue->oldest_unanswered(), kNever);
}

TEST_F(Queue, SmallWritesTravelInTheCapsule) {
  start();
  write_and_read_back(10, 16);  // 8 KiB: the limit
  EXPECT_TRUE(peer.h2c.empty());
  ASSERT_EQ(peer.seen.size(), 2u);
  EXPECT_EQ(+peer.seen[0].sqe.sgl.type, spec::kSglDataOffset);
  EXPECT_EQ(+peer.seen[0].sqe.sgl.length, 8192u);
  EXPECT_EQ(+peer.seen[0].sqe.sgl.address, 0u);
  EXPECT_EQ(+peer.seen[1].sqe.sgl.type, spec::kSglTransport);
  EXPECT_EQ(+peer.seen[1].sqe.flags, spec::kPsdtSgl);
}

TEST_F(Queue, InCapsuleLimitOfThePeerIsKept) {
  start();
  queue->set_max_in_capsule(4096);
  write_and_read_back(10, 9);
  EXPECT_EQ(peer.h2c.size(), 1u);
  queue->set_max_in_capsule(0);
  write_and_read_back(10, 1);
  EXPECT_EQ(peer.h2c.size(), 2u);
}

TEST_F(Queue, H2CDataIsCutToMaxH2CData) {
  peer.options.max_h2c_data = 4096;
  start();
  write_and_read_back(0, 40);  // 20 KiB
  const std::vector<std::pair<std::uint32_t, std::uint32_t>> want = {
      {0, 4096}, {4096, 4096}, {8192, 4096}, {12288, 4096}, {16384, 4096}};
  EXPECT_EQ(peer.h2c, want);
}

class Splits : public Queue, public testing::WithParamInterface<std::tuple<unsigned, unsigned, unsigned>> {};

TEST_P(Splits, AnySplitOfR2tH2cAndC2hCarriesTheData) {
  const auto [r2t, h2c, c2h] = GetParam();
  peer.options.r2t_bytes = r2t;
  peer.options.max_h2c_data = h2c;
  peer.options.c2h_bytes = c2h;
  start();
  for (const std::uint32_t blocks : {17u, 33u, 100u, 255u}) write_and_read_back(blocks * 3, blocks);
}
INSTANTIATE_TEST_SUITE_P(Sizes, Splits,
                         testing::Values(std::tuple{4u, 4096u, 512u}, std::tuple{512u, 4096u, 4u},
                                         std::tuple{5000u, 4096u, 1000u}, std::tuple{12288u, 8192u, 65536u},
                                         std::tuple{0u, 4096u, 0u}, std::tuple{100000u, 131072u, 100000u}));

struct Profile {
  bool header, data;
  std::uint8_t cpda;
};
class Profiles : public Queue, public testing::WithParamInterface<Profile> {};

TEST_P(Profiles, DigestsAndAlignment) {
  const Profile p = GetParam();
  peer.options.cpda = p.cpda;
  auto o = queue_options();
  o.header_digest = p.header;
  o.data_digest = p.data;
  start(o);
  EXPECT_EQ(queue->header_digest(), p.header);
  EXPECT_EQ(queue->data_digest(), p.data);
  write_and_read_back(5, 3);
  write_and_read_back(5, 200);
  peer.options.r2t_bytes = 5000;
  write_and_read_back(7, 90);
}
INSTANTIATE_TEST_SUITE_P(All, Profiles,
                         testing::Values(Profile{false, false, 0}, Profile{true, false, 1},
                                         Profile{false, true, 7}, Profile{true, true, 0},
                                         Profile{true, true, 15}, Profile{true, true, 31},
                                         Profile{false, false, 31}));

TEST_F(Queue, AKnownDigestIsReusedWhereOnePduCarriesAll) {
  auto o = queue_options();
  o.data_digest = true;
  start(o);
  peer.on_command = [](FakePeer::Connection&, const Sqe&, auto) { return false; };
  // A wrong "known" digest must show at the peer: that proves it was the one sent.
  for (const std::uint32_t blocks : {4u}) {
    Transfer& t = user.prepare(0, spec::io::kWrite, 0, blocks);
    t.out_digest_known = true;
    t.out_digest = crc32c(0, t.out, t.out_length) ^ 1;
    run(t);
    EXPECT_EQ(user.status(0), spec::st::kTransientTransport);
  }
  // Where several PDUs carry it, the digest of the whole is of no use: computed anew, so the write succeeds.
  peer.options.r2t_bytes = 8192;
  Transfer& t = user.prepare(0, spec::io::kWrite, 0, 64);
  t.out_digest_known = true;
  t.out_digest = crc32c(0, t.out, t.out_length) ^ 1;
  run(t);
  EXPECT_EQ(user.status(0), spec::st::kOk);
}

TEST_F(Queue, SuccessFlagStandsForTheResponse) {
  peer.options.success_flag = true;
  start();
  for (unsigned i = 0; i < 300; ++i) write_and_read_back(i, 2);
  EXPECT_EQ(queue->outstanding(), 0u);
}

TEST_F(Queue, DepthIsEntriesLessOneAndTheRestWaitsInOrder) {
  std::vector<std::uint16_t> kept;
  start(queue_options(1, 8));
  FakePeer::Connection* connection = nullptr;
  peer.on_command = [&](FakePeer::Connection& c, const Sqe& s, auto) {
    connection = &c;
    kept.push_back(s.cid);
    return true;
  };
  for (unsigned i = 0; i < 20; ++i) queue->submit(user.prepare(i, spec::io::kFlush, 0, 1));
  ASSERT_TRUE(loop.until([&] { return kept.size() == 7; }));
  loop.turns(5);
  EXPECT_EQ(kept.size(), 7u);
  EXPECT_EQ(queue->outstanding(), 7u);
  EXPECT_EQ(queue->oldest_unanswered(), user.slots[0].transfer.submitted);
  // Answered in the reverse order: each answer lets the next waiting one go.
  for (unsigned answered = 0; answered < 20; ++answered) {
    const std::uint16_t cid = kept.back();
    kept.pop_back();
    connection->respond(cid, spec::st::kOk);
    ASSERT_TRUE(loop.until([&] { return user.responses == answered + 1; }));
    const std::size_t want = std::min<std::size_t>(7, 20 - user.responses);
    ASSERT_TRUE(loop.until([&] { return kept.size() == want; }));
  }
  EXPECT_EQ(queue->oldest_unanswered(), kNever);
  for (unsigned i = 0; i + 1 < peer.seen.size(); ++i)
    EXPECT_EQ((peer.seen[i].sqe.cid & 0xff) + 1, peer.seen[i + 1].sqe.cid & 0xff);
}

// ---- flow control ----

TEST_F(Queue, FlowControlHoldsCommandsBackUntilSqhdMoves) {
  peer.options.grant_flow_control_off = false;
  start(queue_options(1, 6));  // SQ indices 0..5; the Connect was 0
  std::vector<std::uint16_t> kept;
  FakePeer::Connection* connection = nullptr;
  peer.on_command = [&](FakePeer::Connection& c, const Sqe& s, auto) {
    connection = &c;
    kept.push_back(s.cid);
    return true;
  };
  for (unsigned i = 0; i < 9; ++i) queue->submit(user.prepare(i, spec::io::kFlush, 0, 1));
  // Answers command i with this SQHD; then exactly `sent` commands must have come.
  const auto answer = [&](unsigned i, std::uint16_t sqhd, std::size_t sent) {
    Cqe c{};
    c.cid = kept[i];
    c.sqhd = sqhd;
    connection->respond_raw(c);
    ASSERT_TRUE(loop.until([&] { return user.responses == i + 1; }));
    loop.turns(5);
    ASSERT_EQ(kept.size(), sent) << i;
  };
  ASSERT_TRUE(loop.until([&] { return kept.size() == 5; }));  // indices 1..5
  answer(0, 1, 5);                                            // one answered, but the SQ is as full as it was
  answer(1, 4, 7);  // three places: two used, then 5 are outstanding
  answer(2, 3, 8);  // older than what is known (overtaken inside the peer): the third place is used
  answer(3, 4, 8);  // full again
  for (unsigned i = 4; i < 8; ++i)
    answer(i, 4, i < 7 ? 8 : 9);  // none outstanding: all free, whatever SQHD says
  answer(8, 4, 9);
}

TEST_F(Queue, FlowControlWorksRoundTheRing) {
  peer.options.grant_flow_control_off = false;
  start(queue_options(1, 5));
  for (unsigned round = 0; round < 20; ++round) {
    const unsigned before = user.responses;
    for (unsigned i = 0; i < 13; ++i) queue->submit(user.prepare(i, spec::io::kRead, i, 1));
    ASSERT_TRUE(loop.until([&] { return user.responses == before + 13; })) << round;
  }
}

// SPDK sets SUCCESS with flow control on: no SQHD comes with it.
TEST_F(Queue, SuccessFlagWithFlowControlOn) {
  peer.options.grant_flow_control_off = false;
  peer.options.success_flag = peer.options.success_with_flow_control = true;
  start(queue_options(1, 5));
  for (unsigned round = 0; round < 20; ++round) {
    const unsigned before = user.responses;
    for (unsigned i = 0; i < 13; ++i)
      queue->submit(user.prepare(i, i % 3 ? spec::io::kRead : spec::io::kWrite, i, 1));
    ASSERT_TRUE(loop.until([&] { return user.responses == before + 13; })) << round;
  }
}

// ---- memory safety ----

TEST_F(Queue, AnErrorBeforeAnyR2tEndsTheCommand) {
  start();
  peer.on_command = [](FakePeer::Connection& c, const Sqe& s, auto) {
    c.respond(s.cid, spec::st::kReservationConflict);
    return true;
  };
  run(user.prepare(0, spec::io::kWrite, 0, 64));
  EXPECT_EQ(user.status(0), spec::st::kReservationConflict);
  EXPECT_TRUE(peer.h2c.empty());
}

// The peer answers while megabytes of that command are still queued for sending, and reads nothing: the
// response must wait until the queue has let go of the memory.
TEST_F(Queue, AResponseWaitsForItsOwnUnsentBytes) {
  peer.options.max_h2c_data = 1 << 20;
  peer.options.mdts = 0;
  start();
  FakePeer::Connection* connection = nullptr;
  Sqe held{};
  peer.on_command = [&](FakePeer::Connection& c, const Sqe& s, auto) {
    if (s.opcode != spec::io::kWrite) return false;
    connection = &c;
    held = s;
    c.pdu().pause_rx();
    c.start_write(s);
    c.respond(s.cid, spec::st::kInternal);
    return true;
  };
  Transfer& big = user.prepare(0, spec::io::kWrite, 0, 16384);  // 8 MiB: more than the socket buffers take
  queue->submit(big);
  ASSERT_TRUE(loop.until([&] { return connection != nullptr; }));
  loop.turns(50);
  EXPECT_EQ(user.responses, 0u);
  EXPECT_GT(big.unsent, 0u);
  peer.on_execute = [](FakePeer::Connection&, const Sqe&, auto) { return true; };  // answered already
  connection->pdu().resume_rx();
  ASSERT_TRUE(loop.until([&] { return user.responses == 1 || user.downs != 0; }));
  EXPECT_EQ(user.responses, 1u) << user.why;
  EXPECT_EQ(user.status(0), spec::st::kInternal);
  EXPECT_EQ(big.unsent, 0u);
}

TEST_F(Queue, DestroyedInsideAResponse) {
  start();
  user.then = [&](InitiatorQueue&, Transfer&) { queue.reset(); };
  for (unsigned i = 0; i < 5; ++i) queue->submit(user.prepare(i, spec::io::kRead, i, 8));
  ASSERT_TRUE(loop.until([&] { return user.responses != 0; }));
  loop.turns(5);
  EXPECT_EQ(user.responses, 1u);
  EXPECT_EQ(user.downs, 0u);
}

TEST_F(Queue, ClosedInsideAResponse) {
  start();
  user.then = [&](InitiatorQueue& q, Transfer&) { q.close(); };
  for (unsigned i = 0; i < 5; ++i) queue->submit(user.prepare(i, spec::io::kRead, i, 8));
  ASSERT_TRUE(loop.until([&] { return user.responses != 0; }));
  loop.turns(5);
  EXPECT_EQ(user.responses, 1u);
  EXPECT_EQ(user.downs, 0u);
  EXPECT_FALSE(queue->up());
}

TEST_F(Queue, DestroyedInsideOnDown) {
  start();
  user.then_down = [&] { queue.reset(); };
  peer.on_command = [](FakePeer::Connection& c, const Sqe&, auto) {
    c.pdu().close("gone");
    return true;
  };
  queue->submit(user.prepare(0, spec::io::kRead, 0, 8));
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  loop.turns(3);
  EXPECT_EQ(user.responses, 0u);
}

TEST_F(Queue, ResubmittingInsideAResponseKeepsTheQueueFull) {
  start(queue_options(1, 16));
  unsigned left = 2000;
  user.then = [&](InitiatorQueue& q, Transfer& t) {
    if (left == 0) return;
    --left;
    const unsigned slot = t.sqe.cid & 0xff;
    q.submit(user.prepare(slot, left % 2 ? spec::io::kRead : spec::io::kWrite, left % 100, 1 + left % 30));
  };
  for (unsigned i = 0; i < 15; ++i) queue->submit(user.prepare(i, spec::io::kRead, i, 8));
  ASSERT_TRUE(loop.until([&] { return user.responses == 2015; }));
  EXPECT_EQ(queue->outstanding(), 0u);
}

}  // namespace
}  // namespace nvtee::nvmf
