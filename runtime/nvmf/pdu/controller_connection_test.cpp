// The handshake of the controller's side and its accounting, with a host of plain PDUs.
#include "runtime/nvmf/pdu/controller_connection.hpp"

#include <gtest/gtest.h>

#include "runtime/nvmf/pdu/test_tools.hpp"

namespace nvtee::nvmf {
namespace {

using namespace test;

struct Decider final : ConnectHandler {
  std::vector<Sqe> connects;
  Bytes data;
  std::vector<std::string> early;
  std::function<void(ControllerConnection&)> decide, on_early;
  void on_connect(ControllerConnection& c, const Sqe& sqe, std::span<const std::byte, 1024> d) override {
    connects.push_back(sqe);
    data.assign(d.begin(), d.end());
    if (decide) decide(c);
  }
  void on_early_close(ControllerConnection& c, const std::string& why) override {
    early.push_back(why);
    if (on_early) on_early(c);
  }
};

struct Queue final : QueueHandler {
  struct Command {
    Sqe sqe;
    Bytes data;
    ReceivedData received;
  };
  std::vector<Command> commands;
  std::vector<DataPdu> h2c;
  Bytes h2c_memory = Bytes(1 << 20);
  std::vector<std::uint64_t> sent;
  std::vector<std::string> closed;
  std::function<DataSink()> command_hook;
  std::function<void()> data_hook, close_hook;

  DataSink on_command(const Sqe& sqe, std::uint32_t n) override {
    commands.push_back({sqe, Bytes(n), {}});
    if (command_hook) return command_hook();
    return DataSink::to(commands.back().data.data());
  }
  void on_command_data(const ReceivedData& d) override {
    commands.back().received = d;
    if (data_hook) data_hook();
  }
  DataSink on_h2c_header(const DataPdu&) override { return DataSink::to(h2c_memory.data()); }
  void on_h2c_data(const DataPdu& pdu, const ReceivedData&) override { h2c.push_back(pdu); }
  void on_sent(std::uint64_t token) override { sent.push_back(token); }
  void on_closed(const std::string& why) override {
    closed.push_back(why);
    if (close_hook) close_hook();
  }
};

struct ControllerTest : testing::Test {
  std::unique_ptr<net::Reactor> reactor = *net::Reactor::create();
  FrontProfile profile;
  Decider decider;
  Queue queue;
  Recorder host;
  std::unique_ptr<PduConnection> h;
  std::unique_ptr<ControllerConnection> c;

  void connect() {
    auto [a, b] = tcp_pair();
    h = std::make_unique<PduConnection>(*reactor, std::move(a), Side::kHost, &host);
    c = std::make_unique<ControllerConnection>(*reactor, std::move(b), profile, &decider);
  }
  template <class F>
  void until(F done) {
    turn_until(*reactor, done);
  }
  void settle() {
    for (int i = 0; i < 5; ++i) reactor->turn(kMillisecond);
  }
  static CapsuleCmd connect_command() {
    CapsuleCmd k = command(7, spec::kOpFabrics);
    k.sqe.nsid = spec::fabrics::kConnect;
    k.sqe.sgl = {0, 1024, {}, spec::kSglDataOffset};
    return k;
  }
  IcResp ic(std::uint8_t dgst = 0, std::uint8_t hpda = 0) {
    h->send_pdu(ic_request(dgst, hpda));
    until([&] { return host.got.size() == 1; });
    const IcResp r = host.got.at(0).pdu.icresp;
    EXPECT_EQ(r.head.type, p::kICResp);
    Terms t;
    t.header_digest = (r.dgst & 1) != 0;
    t.data_digest = (r.dgst & 2) != 0;
    t.tx_align = (r.cpda + 1u) * 4;
    t.rx_align = (hpda + 1u) * 4;
    t.max_rx_data = 1 << 20;
    h->set_terms(t);
    return r;
  }
  void go_live(std::uint16_t qid, std::uint32_t entries, bool fc_off = false, std::uint8_t dgst = 0,
               std::uint8_t hpda = 0) {
    decider.decide = [&, qid, entries, fc_off](ControllerConnection& k) {
      k.accept(&queue, 0x1234, qid, entries, fc_off);
    };
    connect();
    ic(dgst, hpda);
    h->send_pdu(connect_command(), pattern(1024, 3));
    until([&] { return host.got.size() == 2; });
    host.got.clear();
  }
  // The TermReq that ended the connection, as the host's side tells it.
  void expect_term(const char* fes) {
    until([&] { return !host.closed.empty(); });
    EXPECT_NE(host.closed[0].find(fes), std::string::npos) << host.closed[0];
  }
};

TEST_F(ControllerTest, HandshakeAndConnect) {
  profile.cpda = 3;
  decider.decide = [&](ControllerConnection& k) { k.accept(&queue, 0x1234, 1, 128, false); };
  connect();
  const IcResp r = ic(3);
  EXPECT_EQ(r.pfv, 0);
  EXPECT_EQ(r.cpda, 3);
  EXPECT_EQ(r.dgst, 3);
  EXPECT_EQ(r.maxh2cdata, 128u * 1024);
  EXPECT_EQ(r.head.plen, 128u);
  h->send_pdu(connect_command(), pattern(1024, 3));
  until([&] { return host.got.size() == 2; });
  EXPECT_EQ(decider.data, pattern(1024, 3));
  const Cqe& cqe = host.got[1].pdu.resp.cqe;
  EXPECT_EQ(cqe.cid, 7);
  EXPECT_EQ(cqe.status, 0);
  EXPECT_EQ(cqe.result, 0x1234u);
  EXPECT_EQ(cqe.sqhd, 1);
  EXPECT_EQ(c->qid(), 1);
  EXPECT_TRUE(c->header_digest() && c->data_digest());
  settle();
  EXPECT_EQ(c->outstanding(), 0u);
}

TEST_F(ControllerTest, DigestsOnlyWhenAskedAndAllowed) {
  for (int allow = 0; allow < 4; ++allow)
    for (std::uint8_t ask = 0; ask < 4; ++ask) {
      host = {};
      profile.allow_header_digest = (allow & 1) != 0;
      profile.allow_data_digest = (allow & 2) != 0;
      connect();
      EXPECT_EQ(ic(ask).dgst, ask & allow);
    }
}

TEST_F(ControllerTest, BadIcRequests) {
  struct Case {
    std::function<void(IcReq&)> spoil;
    const char* expected;
  };
  for (const Case& k : {Case{[](IcReq& q) { q.pfv = 1; }, "FES 6, FEI 8"},
                        {[](IcReq& q) { q.hpda = 32; }, "FES 1, FEI 10"}}) {
    host = {};
    decider.early.clear();
    connect();
    IcReq q = ic_request();
    k.spoil(q);
    h->send_pdu(q);
    expect_term(k.expected);
    until([&] { return decider.early.size() == 1; });
  }
}

TEST_F(ControllerTest, WrongOrderIsASequenceError) {
  connect();
  h->send_pdu(command(1));  // before ICReq
  expect_term("FES 2");
  host = {};
  connect();
  ic();
  h->send_pdu(ic_request());  // twice
  expect_term("FES 2");
  host = {};
  connect();
  ic();
  h->send_pdu(data_pdu(p::kH2CData, 1, 64), pattern(64, 1));  // before Connect
  expect_term("FES 2");
  EXPECT_TRUE(decider.connects.empty());
}

TEST_F(ControllerTest, FirstCapsuleThatIsNoGoodConnect) {
  struct Case {
    std::function<void(CapsuleCmd&)> spoil;
    std::size_t data;
    spec::Status expected;
  };
  for (const Case& k :
       {Case{[](CapsuleCmd& x) { x.sqe.opcode = spec::admin::kIdentify; }, 0, spec::st::kCommandSequence},
        {[](CapsuleCmd& x) { x.sqe.nsid = spec::fabrics::kPropertyGet; }, 0, spec::st::kCommandSequence},
        {[](CapsuleCmd&) {}, 0, spec::st::kSglLength},
        {[](CapsuleCmd&) {}, 1020, spec::st::kSglLength},
        {[](CapsuleCmd&) {}, 8192, spec::st::kSglLength},
        {[](CapsuleCmd& x) { x.sqe.sgl.length = 1023; }, 1024, spec::st::kSglLength},
        {[](CapsuleCmd& x) { x.sqe.sgl.type = spec::kSglTransport; }, 0, spec::st::kSglType},
        {[](CapsuleCmd& x) { x.sqe.sgl.address = 4; }, 1024, spec::st::kSglOffset}}) {
    host = {};
    decider.early.clear();
    connect();
    ic();
    CapsuleCmd cmd = connect_command();
    k.spoil(cmd);
    h->send_pdu(cmd, pattern(k.data, 1));
    until([&] { return host.got.size() == 2 && host.closed.size() == 1; });
    EXPECT_EQ(host.got[1].pdu.resp.cqe.status, spec::cqe_status(k.expected, true));
    EXPECT_EQ(host.got[1].pdu.resp.cqe.cid, 7);
    until([&] { return decider.early.size() == 1; });
    EXPECT_TRUE(decider.connects.empty());
  }
}

TEST_F(ControllerTest, ConnectWithAWrongDigestMayBeTriedAgain) {
  connect();
  ic(2);
  h->send_pdu(connect_command(), pattern(1024, 1), 0, 0xdeadbeefu);
  until([&] { return host.got.size() == 2; });
  EXPECT_EQ(host.got[1].pdu.resp.cqe.status, spec::cqe_status(spec::st::kTransientTransport, false));
  EXPECT_TRUE(decider.connects.empty());
}

TEST_F(ControllerTest, RefusalReachesTheHost) {
  decider.decide = [](ControllerConnection& k) {
    k.refuse(spec::st::kConnectInvalidParams, 0x10000 | 256, true);
  };
  decider.on_early = [&](ControllerConnection&) { c.reset(); };
  connect();
  ic();
  h->send_pdu(connect_command(), pattern(1024, 3));
  h->send_pdu(command(1));  // not looked at
  until([&] { return host.closed.size() == 1 && !c; });
  ASSERT_EQ(host.got.size(), 2u);
  EXPECT_EQ(host.got[1].pdu.resp.cqe.status, spec::cqe_status(spec::st::kConnectInvalidParams, true));
  EXPECT_EQ(host.got[1].pdu.resp.cqe.result, 0x10000u | 256);
  EXPECT_NE(decider.early.at(0).find("1/82h"), std::string::npos) << decider.early[0];
}

TEST_F(ControllerTest, NothingIsTakenWhileUndecidedAndHangUpIsNoticed) {
  decider.on_early = [&](ControllerConnection&) { c.reset(); };
  connect();
  ic();
  h->send_pdu(connect_command(), pattern(1024, 3));
  h->send_pdu(command(1));
  until([&] { return decider.connects.size() == 1; });
  settle();
  EXPECT_EQ(host.got.size(), 1u);
  h->close("gone");
  until([&] { return decider.early.size() == 1; });
  EXPECT_FALSE(c);
}

TEST_F(ControllerTest, DecidedLaterOnAnotherReactor) {
  auto second = *net::Reactor::create();
  decider.decide = [](ControllerConnection& k) { k.release(); };
  connect();
  ic();
  h->send_pdu(connect_command(), pattern(1024, 3));
  h->send_pdu(command(1));
  until([&] { return decider.connects.size() == 1; });
  c->adopt(*second);
  c->accept(&queue, 1, 1, 4, true);
  turn_until(*second, [&] { return queue.commands.size() == 1; });
  until([&] { return host.got.size() == 2; });
  EXPECT_EQ(host.got[1].pdu.resp.cqe.sqhd, 0xffff);
  c.reset();  // before its reactor
}

TEST_F(ControllerTest, DestroyedInsideOnConnect) {
  decider.decide = [&](ControllerConnection&) { c.reset(); };
  connect();
  ic();
  h->send_pdu(connect_command(), pattern(1024, 3));
  until([&] { return !host.closed.empty(); });
  EXPECT_TRUE(decider.early.empty());
}

TEST_F(ControllerTest, CommandsDataAndAnswers) {
  go_live(1, 16, false, 3, 15);  // digests, host wants 64-byte alignment
  const Bytes in = pattern(8192, 1), part = pattern(4096, 2), out = pattern(16384, 4);
  h->send_pdu(command(1), in, 1);
  h->send_pdu(command(2));
  until([&] { return queue.commands.size() == 2; });
  EXPECT_EQ(queue.commands[0].data, in);
  EXPECT_TRUE(queue.commands[0].received.digest_present);
  EXPECT_EQ(c->outstanding(), 2u);
  c->send_r2t(2, 9, 0, 4096);
  until([&] { return host.got.size() == 1; });
  EXPECT_EQ(host.got[0].pdu.r2t.ttag, 9);
  EXPECT_EQ(host.got[0].pdu.r2t.r2tl, 4096u);
  h->send_pdu(data_pdu(p::kH2CData, 2, 4096), part, 2);
  until([&] { return queue.h2c.size() == 1; });
  EXPECT_TRUE(std::equal(part.begin(), part.end(), queue.h2c_memory.begin()));
  c->send_response(2, spec::st::kOk);
  c->send_data(1, out, 55);
  c->send_response(1, spec::st::kLbaRange, true, 0x77);
  until([&] { return host.got.size() == 4; });
  EXPECT_EQ(host.got[1].pdu.resp.cqe.sqhd, 2);
  EXPECT_EQ(host.got[2].bytes, out);
  EXPECT_EQ(host.got[2].pdu.head.pdo, 64);
  EXPECT_TRUE(host.got[2].pdu.head.flags & p::kLast);
  EXPECT_EQ(host.got[3].pdu.resp.cqe.sqhd, 3);
  EXPECT_EQ(host.got[3].pdu.resp.cqe.status, spec::cqe_status(spec::st::kLbaRange, true));
  EXPECT_EQ(host.got[3].pdu.resp.cqe.result, 0x77u);
  EXPECT_EQ(queue.sent, (std::vector<std::uint64_t>{55}));
  EXPECT_EQ(c->outstanding(), 0u);
}

TEST_F(ControllerTest, SqHeadWrapsAtTheQueueSize) {
  go_live(1, 3);
  std::vector<int> heads;
  for (std::uint16_t i = 0; i < 6; ++i) {
    h->send_pdu(command(i));
    until([&] { return queue.commands.size() == i + 1u; });
    c->send_response(i, spec::st::kOk);
    until([&] { return host.got.size() == i + 1u; });
    heads.push_back(host.got.back().pdu.resp.cqe.sqhd);
  }
  EXPECT_EQ(heads, (std::vector{2, 0, 1, 2, 0, 1}));  // Connect was 1
}

TEST_F(ControllerTest, SuccessFlagStandsForTheAnswer) {
  go_live(1, 3, true);
  ASSERT_TRUE(c->may_use_success());
  for (std::uint16_t i = 0; i < 6; ++i) {  // more than the queue holds: they do not pile up
    h->send_pdu(command(i));
    until([&] { return queue.commands.size() == i + 1u; });
    c->send_data_part(i, 0, pattern(8, i), false, false, 0);
    c->send_data_part(i, 8, pattern(8, i), true, true, 0);
    until([&] { return host.got.size() == 2 * (i + 1u); });
    EXPECT_EQ(host.got.back().pdu.head.flags, p::kLast | p::kSuccess);
    EXPECT_EQ(host.got.back().pdu.data.datao, 8u);
    EXPECT_EQ(host.got[host.got.size() - 2].pdu.head.flags, 0);
  }
}

// reaches: host.queue_entries
TEST_F(ControllerTest, HostMayNotExceedItsQueue) {
  go_live(1, 4);
  for (std::uint16_t i = 0; i < 3; ++i) h->send_pdu(command(i));
  until([&] { return queue.commands.size() == 3; });
  settle();
  EXPECT_TRUE(c->open());
  h->send_pdu(command(3));
  expect_term("FES 2");
  until([&] { return queue.closed.size() == 1; });
  EXPECT_EQ(queue.commands.size(), 3u);
  EXPECT_TRUE(decider.early.empty());
}

// reaches: host.in_capsule
TEST_F(ControllerTest, InCapsuleLimits) {
  profile.in_capsule = 4096;
  struct Case {
    std::uint16_t qid;
    std::uint8_t opcode;
    std::size_t size;
    bool good;
  };
  for (const Case& k : {Case{1, spec::io::kWrite, 4096, true},
                        {1, spec::io::kWrite, 4100, false},
                        {1, spec::kOpFabrics, 8192, true},
                        {0, spec::admin::kSetFeatures, 8192, true},
                        {0, spec::admin::kSetFeatures, 8196, false}}) {
    SCOPED_TRACE(testing::Message() << k.qid << " " << k.size);
    host = {};
    queue = {};
    go_live(k.qid, 16);
    h->send_pdu(command(1, k.opcode), pattern(k.size, 1));
    if (k.good) {
      until([&] { return queue.commands.size() == 1 && queue.commands[0].received.length == k.size; });
    } else {
      expect_term("FES 5");
      EXPECT_TRUE(queue.commands.empty());
    }
  }
}

TEST_F(ControllerTest, TooLargeDataPduIsALimitError) {
  profile.max_h2c_data = 4096;
  profile.in_capsule = 8192;
  go_live(1, 16);
  h->send_pdu(data_pdu(p::kH2CData, 1, 4100), pattern(4100, 1));
  expect_term("FES 5");
  EXPECT_TRUE(queue.h2c.empty());
}

TEST_F(ControllerTest, HandlerMayRefuseCloseOrDestroyInItsCalls) {
  for (int what = 0; what < 4; ++what)
    for (std::size_t data : {std::size_t{0}, std::size_t{512}}) {
      SCOPED_TRACE(testing::Message() << what << " with data " << data);
      host = {};
      queue = {};
      go_live(1, 16);
      queue.close_hook = [&] { c.reset(); };
      bool told = false;
      queue.data_hook = [&] { told = true; };
      queue.command_hook = [&]() -> DataSink {
        switch (what) {
          case 0:
            return DataSink::refuse(1, 40);
          case 1:
            c->close("test");
            return DataSink::drop();
          case 2:
            c->terminate({4, 0}, nullptr, 0, "test");
            return DataSink::drop();
          default:
            c.reset();
            return DataSink::drop();
        }
      };
      h->send_pdu(command(1), pattern(data, 1));
      until([&] { return !host.closed.empty(); });
      EXPECT_FALSE(told);
      until([&] { return !c; });
      EXPECT_EQ(queue.closed.size(), what == 3 ? 0u : 1u);
    }
}

TEST_F(ControllerTest, RandomBytesNeverCrash) {
  decider.decide = [&](ControllerConnection& k) { k.accept(&queue, 1, 1, 8, false); };
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::minstd_rand engine(seed);
    auto rng = [&] { return static_cast<std::uint32_t>(engine() >> 3); };
    queue = {};
    decider.early.clear();
    queue.data_hook = [&] {
      if (rng() % 2) c->send_response(queue.commands.back().sqe.cid, spec::st::kOk);
    };
    auto [a, b] = tcp_pair();
    RawPeer peer{std::move(a), {}, false};
    c = std::make_unique<ControllerConnection>(*reactor, std::move(b), profile, &decider);
    const Terms t{};
    auto send = [&](Bytes w) {
      if (rng() % 4 == 0 && !w.empty())
        w[rng() % std::min<std::size_t>(w.size(), 60)] ^= static_cast<std::byte>(1u << rng() % 8);
      [[maybe_unused]] const ssize_t n = ::send(peer.fd.get(), w.data(), w.size(), MSG_NOSIGNAL);
      reactor->turn(0);
      peer.receive();
    };
    send(wire(t, ic_request(static_cast<std::uint8_t>(rng() % 8 == 0 ? 1 : 0))));
    send(wire(t, connect_command(), pattern(1024, seed)));
    for (int i = 0; i < 8; ++i) {
      const Bytes d = pattern(4 * (rng() % 1000), seed);
      send(rng() % 2 ? wire(t, command(static_cast<std::uint16_t>(i)), d)
                     : wire(t, data_pdu(p::kH2CData, 1, d.size()), d));
    }
    peer.fd.reset();
    turn_until(*reactor, [&] { return queue.closed.size() + decider.early.size() == 1; });
    c.reset();
  }
}

}  // namespace
}  // namespace nvtee::nvmf
