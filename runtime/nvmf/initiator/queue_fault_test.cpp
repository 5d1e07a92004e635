// The queue against peers that refuse, break the protocol, or vanish.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

#include "runtime/base/crc32c.hpp"
#include "runtime/nvmf/initiator/test_loop.hpp"

namespace nvtee::nvmf {
namespace {

using testing::HasSubstr;
using Connection = FakePeer::Connection;

class Fault : public testing::Test {
 protected:
  TestLoop loop;
  FakePeer peer{*loop.reactor};
  QueueUser user;
  std::unique_ptr<InitiatorQueue> queue;

  void begin(const InitiatorQueue::Options& o = queue_options()) {
    queue = std::make_unique<InitiatorQueue>(*loop.reactor, peer.address(), o, &user);
    EXPECT_EQ(user.ups + user.downs, 0u) << "callbacks come in later turns";
    ASSERT_TRUE(loop.until([&] { return user.ups + user.downs != 0; }));
  }
  void expect_refused(const std::string& why, const InitiatorQueue::Options& o = queue_options()) {
    begin(o);
    EXPECT_EQ(user.ups, 0u);
    EXPECT_THAT(user.why, HasSubstr(why));
    EXPECT_FALSE(queue->up());
  }
  // One command (slot 0) whose header makes the peer run `script`; then the queue must go down, having said
  // `fes`.
  void expect_fatal(std::uint8_t opcode, std::uint32_t blocks, std::uint16_t fes, const std::string& why,
                    std::function<void(Connection&, const Sqe&)> script) {
    begin();
    peer.on_command = [&](Connection& c, const Sqe& s, auto) {
      script(c, s);
      return true;
    };
    queue->submit(user.prepare(0, opcode, 0, blocks));
    ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
    ASSERT_TRUE(loop.until([&] { return peer.connections() == 0; }));
    EXPECT_THAT(user.why, HasSubstr(why));
    EXPECT_THAT(user.why, HasSubstr("(FES " + std::to_string(fes) + ")"));
    EXPECT_EQ(user.responses, 0u);
    EXPECT_EQ(user.downs, 1u);
  }
  std::vector<std::byte> bytes(std::size_t n) { return std::vector<std::byte>(n, std::byte{0x5a}); }
};

// ---- connecting ----

TEST_F(Fault, NobodyListens) {
  peer.stop_listening();
  expect_refused("refused");
}

TEST_F(Fault, ThePeerTakesTheConnectionAndSaysNothing) {
  net::Fd listener = std::move(*net::listen_tcp({"127.0.0.1", 0}));
  auto o = queue_options();
  o.up_timeout = 50 * kMillisecond;
  queue = std::make_unique<InitiatorQueue>(*loop.reactor, *net::local_address(listener.get()), o, &user);
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  EXPECT_THAT(user.why, HasSubstr("no answer to ICReq within 50 ms"));
}

TEST_F(Fault, ConnectIsNeverAnswered) {
  peer.on_connect = [&](std::uint16_t) {
    peer.on_connect = nullptr;
    return spec::st::kOk;
  };
  peer.on_icresp = [](IcResp&) {};
  auto o = queue_options();
  o.up_timeout = 50 * kMillisecond;
  o.sub_nqn = std::string(223, 'x');
  // The fake answers every Connect; a raw listener that sends a good ICResp only.
  net::Fd listener = std::move(*net::listen_tcp({"127.0.0.1", 0}));
  queue = std::make_unique<InitiatorQueue>(*loop.reactor, *net::local_address(listener.get()), o, &user);
  struct Mute final : PduDelegate {
    std::unique_ptr<PduConnection> pdu;
    DataSink on_data_header(const PduAny&, std::uint32_t) override { return DataSink::drop(); }
    std::optional<Fatal> on_pdu(const PduAny& p, const ReceivedData&) override {
      if (p.head.type != spec::pdu::kICReq) return {};
      IcResp a{};
      a.head = {spec::pdu::kICResp, 0, spec::pdu::kHlenIC, 0, sizeof a};
      a.maxh2cdata = 4096;
      pdu->send_pdu(a);
      return {};
    }
    void on_sent(std::uint64_t) override {}
    void on_close(const std::string&) override {}
  } mute;
  ASSERT_TRUE(loop.until([&] {
    if (!mute.pdu) {
      auto fd = net::accept_tcp(listener.get());
      if (fd && *fd)
        mute.pdu = std::make_unique<PduConnection>(*loop.reactor, std::move(*fd),
                                                   PduConnection::Side::kController, &mute);
    }
    return user.downs != 0;
  }));
  EXPECT_THAT(user.why, HasSubstr("no answer to Connect within 50 ms"));
}

TEST_F(Fault, ConnectRefusedNamesTheStatus) {
  peer.on_connect = [](std::uint16_t) { return spec::st::kConnectInvalidHost; };
  expect_refused("status 1/84h");
  EXPECT_EQ(user.refused, spec::st::kConnectInvalidHost);
}

TEST_F(Fault, UnknownSubsystemNamesTheField) {
  auto o = queue_options();
  o.sub_nqn = "nqn.test:other";
  expect_refused("byte 256 of the data", o);
  EXPECT_EQ(user.refused, spec::st::kConnectInvalidParams);
}

TEST_F(Fault, DigestRefusedByThePeer) {
  peer.options.data_digest = false;
  auto o = queue_options();
  o.header_digest = o.data_digest = true;
  expect_refused("refuses the data digest", o);
}

TEST_F(Fault, DigestNotAskedFor) {
  peer.on_icresp = [](IcResp& r) { r.dgst = 1; };
  expect_refused("digest that was not asked for");
}

TEST_F(Fault, BadIcResp) {
  peer.on_icresp = [](IcResp& r) { r.pfv = 1; };
  expect_refused("PFV");
}
TEST_F(Fault, BadCpda) {
  peer.on_icresp = [](IcResp& r) { r.cpda = 32; };
  expect_refused("CPDA");
}
TEST_F(Fault, MaxH2CDataTooSmall) {
  peer.on_icresp = [](IcResp& r) { r.maxh2cdata = 4092; };
  expect_refused("MAXH2CDATA 4092");
}
TEST_F(Fault, MaxH2CDataUneven) {
  peer.on_icresp = [](IcResp& r) { r.maxh2cdata = 4098; };
  expect_refused("MAXH2CDATA 4098");
}

// ---- R2T ----

TEST_F(Fault, R2tBeyondTheData) {
  expect_fatal(spec::io::kWrite, 64, spec::fes::kOutOfRange, "R2T for bytes 0+32772",
               [](Connection& c, const Sqe& s) { c.r2t(s.cid, 1, 0, 32768 + 4); });
}
TEST_F(Fault, R2tOffsetOverflows) {
  expect_fatal(spec::io::kWrite, 64, spec::fes::kOutOfRange, "R2T for bytes",
               [](Connection& c, const Sqe& s) { c.r2t(s.cid, 1, 0xfffffffc, 8); });
}
TEST_F(Fault, R2tWithAGap) {
  expect_fatal(spec::io::kWrite, 64, spec::fes::kSequenceError, "after 0 were asked for",
               [](Connection& c, const Sqe& s) { c.r2t(s.cid, 1, 4096, 4096); });
}
TEST_F(Fault, R2tOfLengthZero) {
  expect_fatal(spec::io::kWrite, 64, spec::fes::kInvalidHeaderField, "length 0",
               [](Connection& c, const Sqe& s) { c.r2t(s.cid, 1, 0, 0); });
}
TEST_F(Fault, R2tTwiceForTheSameBytes) {
  expect_fatal(spec::io::kWrite, 64, spec::fes::kSequenceError, "after 4096 were asked for",
               [](Connection& c, const Sqe& s) {
                 c.r2t(s.cid, 1, 0, 4096);
                 c.r2t(s.cid, 2, 0, 4096);
               });
}
TEST_F(Fault, TwoR2tsAtOnce) {
  expect_fatal(spec::io::kWrite, 64, spec::fes::kLimitExceeded, "second R2T",
               [](Connection& c, const Sqe& s) {
                 c.r2t(s.cid, 1, 0, 4096);
                 c.r2t(s.cid, 2, 4096, 4096);
               });
}
TEST_F(Fault, R2tForARead) {
  expect_fatal(spec::io::kRead, 8, spec::fes::kInvalidHeaderField, "owes no data",
               [](Connection& c, const Sqe& s) { c.r2t(s.cid, 1, 0, 4096); });
}
TEST_F(Fault, R2tForDataThatWasInTheCapsule) {
  expect_fatal(spec::io::kWrite, 8, spec::fes::kInvalidHeaderField, "owes no data",
               [](Connection& c, const Sqe& s) { c.r2t(s.cid, 1, 0, 4096); });
}
TEST_F(Fault, R2tForACommandThatIsNot) {
  expect_fatal(spec::io::kWrite, 64, spec::fes::kInvalidHeaderField, "owes no data",
               [](Connection& c, const Sqe& s) { c.r2t(static_cast<std::uint16_t>(s.cid + 1), 1, 0, 4096); });
}

// The bytes of a TermReq, as a peer that reads to the end sees them.
TEST_F(Fault, ATermReqIsSent) {
  net::Fd listener = std::move(*net::listen_tcp({"127.0.0.1", 0}));
  queue = std::make_unique<InitiatorQueue>(*loop.reactor, *net::local_address(listener.get()),
                                           queue_options(), &user);
  net::Fd socket;
  std::vector<std::uint8_t> got;
  // Reads n bytes more, turning the loop meanwhile; fewer at the end of the stream.
  const auto read_more = [&](std::size_t n) {
    const std::size_t want = got.size() + n;
    bool end = false;
    EXPECT_TRUE(loop.until([&] {
      std::uint8_t b[256];
      const ssize_t r = ::recv(socket.get(), b, std::min(sizeof b, want - got.size()), MSG_DONTWAIT);
      if (r > 0) got.insert(got.end(), b, b + r);
      end = r == 0;
      return end || got.size() == want;
    }));
  };
  const auto write = [&](const void* p, std::size_t n) {
    ASSERT_EQ(::send(socket.get(), p, n, MSG_NOSIGNAL), static_cast<ssize_t>(n));
  };
  ASSERT_TRUE(loop.until([&] {
    if (auto fd = net::accept_tcp(listener.get()); fd) socket = std::move(*fd);
    return static_cast<bool>(socket);
  }));
  read_more(sizeof(IcReq));
  IcResp ic{};
  ic.head = {spec::pdu::kICResp, 0, spec::pdu::kHlenIC, 0, sizeof ic};
  ic.maxh2cdata = 4096;
  write(&ic, sizeof ic);
  read_more(sizeof(CapsuleCmd) + 1024);
  CapsuleResp resp{};
  resp.head = {spec::pdu::kCapsuleResp, 0, spec::pdu::kHlenResp, 0, sizeof resp};
  resp.cqe.sqhd = 0xffff;
  write(&resp, sizeof resp);
  ASSERT_TRUE(loop.until([&] { return user.ups == 1; }));
  R2tPdu r{};
  r.head = {spec::pdu::kR2T, 0, spec::pdu::kHlenR2T, 0, sizeof r};
  r.cccid = 0x7777;
  r.r2tl = 4;
  got.clear();
  write(&r, sizeof r);
  read_more(1000);
  ASSERT_EQ(got.size(), sizeof(TermReq) + sizeof r);
  TermReq t;
  std::memcpy(&t, got.data(), sizeof t);
  EXPECT_EQ(+t.head.type, spec::pdu::kH2CTermReq);
  EXPECT_EQ(+t.fes, spec::fes::kInvalidHeaderField);
  EXPECT_EQ(+t.fei, 8u);
  EXPECT_EQ(std::memcmp(got.data() + sizeof t, &r, sizeof r), 0) << "the offending header follows";
  EXPECT_EQ(user.downs, 0u) << "until the peer closes, or a second has passed";
  socket.reset();
  ASSERT_TRUE(loop.until([&] { return user.downs == 1; }));
}

// ---- C2HData ----

TEST_F(Fault, C2HBeyondTheBuffer) {
  expect_fatal(spec::io::kRead, 8, spec::fes::kOutOfRange, "C2HData for bytes 0+4100",
               [this](Connection& c, const Sqe& s) { c.c2h(s.cid, 0, bytes(4100), spec::pdu::kLast); });
}
TEST_F(Fault, C2HOutOfOrder) {
  expect_fatal(spec::io::kRead, 8, spec::fes::kSequenceError, "C2HData for bytes 2048+2048 after 0",
               [this](Connection& c, const Sqe& s) { c.c2h(s.cid, 2048, bytes(2048), spec::pdu::kLast); });
}
TEST_F(Fault, C2HTwice) {
  expect_fatal(spec::io::kRead, 8, spec::fes::kSequenceError, "after 2048",
               [this](Connection& c, const Sqe& s) {
                 c.c2h(s.cid, 0, bytes(2048), 0);
                 c.c2h(s.cid, 0, bytes(2048), spec::pdu::kLast);
               });
}
TEST_F(Fault, C2HAfterLast) {
  expect_fatal(spec::io::kRead, 8, spec::fes::kSequenceError, "LAST", [this](Connection& c, const Sqe& s) {
    c.c2h(s.cid, 0, bytes(2048), spec::pdu::kLast);
    c.c2h(s.cid, 2048, bytes(2048), spec::pdu::kLast);
  });
}
TEST_F(Fault, C2HForAWrite) {
  expect_fatal(spec::io::kWrite, 8, spec::fes::kInvalidHeaderField, "awaits none",
               [this](Connection& c, const Sqe& s) { c.c2h(s.cid, 0, bytes(4096), spec::pdu::kLast); });
}
TEST_F(Fault, SuccessBeforeAllReadDataIsNoSuccess) {
  expect_fatal(spec::io::kRead, 8, spec::fes::kSequenceError, "success after 2048 of 4096 bytes",
               [this](Connection& c, const Sqe& s) {
                 c.c2h(s.cid, 0, bytes(2048), spec::pdu::kLast);
                 c.respond(s.cid, spec::st::kOk);
               });
}
TEST_F(Fault, SuccessFlagBeforeAllReadData) {
  expect_fatal(spec::io::kRead, 8, spec::fes::kSequenceError, "success after 2048 of 4096 bytes",
               [this](Connection& c, const Sqe& s) {
                 c.c2h(s.cid, 0, bytes(2048), spec::pdu::kLast | spec::pdu::kSuccess);
               });
}
TEST_F(Fault, SuccessBeforeAllWriteDataIsNoSuccess) {
  expect_fatal(spec::io::kWrite, 64, spec::fes::kSequenceError, "success after 0 of 32768 bytes",
               [](Connection& c, const Sqe& s) { c.respond(s.cid, spec::st::kOk); });
}

TEST_F(Fault, AFailedReadMayLackData) {
  begin();
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    c.c2h(s.cid, 0, bytes(2048), 0);
    c.respond(s.cid, spec::st::kReadError);
    return true;
  };
  queue->submit(user.prepare(0, spec::io::kRead, 0, 8));
  ASSERT_TRUE(loop.until([&] { return user.responses != 0; }));
  EXPECT_EQ(user.status(0), spec::st::kReadError);
}

class BadDataDigest : public Fault, public testing::WithParamInterface<bool> {};

TEST_P(BadDataDigest, CompletesTheCommandWithATransportError) {
  auto o = queue_options();
  o.data_digest = true;
  begin(o);
  const bool success = GetParam();
  bool spoil = true;
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    if (!spoil) return false;
    const auto data = bytes(2048);
    c.c2h(s.cid, 0, data, 0, crc32c(0, data.data(), data.size()) ^ 0x100);
    c.c2h(s.cid, 2048, data,
          static_cast<std::uint8_t>(spec::pdu::kLast | (success ? spec::pdu::kSuccess : 0)));
    if (!success) c.respond(s.cid, spec::st::kOk);
    return true;
  };
  queue->submit(user.prepare(0, spec::io::kRead, 0, 8));
  ASSERT_TRUE(loop.until([&] { return user.responses + user.downs != 0; }));
  EXPECT_EQ(user.status(0), spec::st::kTransientTransport);
  EXPECT_TRUE(queue->up()) << "a wrong data digest is not fatal";
  spoil = false;
  queue->submit(user.prepare(0, spec::io::kRead, 0, 8));
  ASSERT_TRUE(loop.until([&] { return user.responses == 2; }));
  EXPECT_EQ(user.status(0), spec::st::kOk);
}
INSTANTIATE_TEST_SUITE_P(BothEnds, BadDataDigest, testing::Bool());

// ---- responses ----

TEST_F(Fault, AnAnswerToNothing) {
  expect_fatal(spec::io::kFlush, 1, spec::fes::kInvalidHeaderField, "not outstanding",
               [](Connection& c, const Sqe& s) {
                 c.respond(static_cast<std::uint16_t>(s.cid ^ 0x1000), spec::st::kOk);
               });
}

TEST_F(Fault, TheSameAnswerTwice) {
  begin();
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    c.respond(s.cid, spec::st::kOk);
    c.respond(s.cid, spec::st::kOk);
    return true;
  };
  queue->submit(user.prepare(0, spec::io::kFlush, 0, 1));
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  EXPECT_EQ(user.responses, 1u);
}

TEST_F(Fault, LateAnswersAreDroppedWhereAllowed) {
  auto o = queue_options();
  o.late_ok = true;
  begin(o);
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    const auto other = static_cast<std::uint16_t>(s.cid ^ 0x1000);
    c.c2h(other, 0, bytes(512), 0);
    c.r2t(other, 5, 0, 512);
    c.respond(other, spec::st::kOk);
    return false;
  };
  queue->submit(user.prepare(0, spec::io::kRead, 0, 1));
  ASSERT_TRUE(loop.until([&] { return user.responses + user.downs != 0; }));
  EXPECT_EQ(user.downs, 0u) << user.why;
  EXPECT_EQ(user.status(0), spec::st::kOk);
}

// An answer to a command that still waits for room was never earned.
TEST_F(Fault, AnAnswerToACommandNotYetSent) {
  begin(queue_options(1, 2));
  Connection* connection = nullptr;
  peer.on_command = [&](Connection& c, const Sqe&, auto) {
    connection = &c;
    return true;
  };
  queue->submit(user.prepare(0, spec::io::kFlush, 0, 1));
  Transfer& waiting = user.prepare(1, spec::io::kFlush, 0, 1);
  queue->submit(waiting);
  ASSERT_TRUE(loop.until([&] { return connection != nullptr; }));
  connection->respond(waiting.sqe.cid, spec::st::kOk);
  ASSERT_TRUE(loop.until([&] { return user.responses + user.downs != 0; }));
  EXPECT_EQ(user.responses, 0u);
}

TEST_F(Fault, ATerminationNamesItsReason) {
  begin();
  peer.on_command = [&](Connection& c, const Sqe&, auto) {
    c.pdu().terminate({spec::fes::kLimitExceeded, 0}, nullptr, 0, "test");
    return true;
  };
  queue->submit(user.prepare(0, spec::io::kRead, 0, 1));
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  EXPECT_THAT(user.why, HasSubstr("FES 5"));
}

TEST_F(Fault, ThePeerCloses) {
  begin();
  peer.drop_all();
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  EXPECT_THAT(user.why, HasSubstr("closed"));
  EXPECT_EQ(user.downs, 1u);
}

// Between a protocol error and the end of the connection, the owner does not know yet: submit() must be
// harmless.
TEST_F(Fault, SubmitWhileEnding) {
  begin();
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    c.respond(s.cid, spec::st::kOk);
    c.r2t(s.cid, 1, 0, 0);
    c.pdu().pause_rx();  // and does not close
    return true;
  };
  queue->submit(user.prepare(0, spec::io::kFlush, 0, 1));
  ASSERT_TRUE(loop.until([&] { return user.responses == 1 && !queue->up(); }));
  if (user.downs == 0) queue->submit(user.prepare(1, spec::io::kFlush, 0, 1));
  ASSERT_TRUE(loop.until([&] { return user.downs == 1; }));
  EXPECT_EQ(user.responses, 1u);
}

}  // namespace
}  // namespace nvtee::nvmf
