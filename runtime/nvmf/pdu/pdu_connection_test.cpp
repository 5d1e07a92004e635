// Two connections, or one and plain bytes, over loopback TCP.
#include "runtime/nvmf/pdu/pdu_connection.hpp"

#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <thread>

#include "runtime/nvmf/pdu/test_tools.hpp"

namespace nvtee::nvmf {
namespace {

using namespace test;

struct PairTest : testing::Test {
  std::unique_ptr<net::Reactor> reactor = *net::Reactor::create();
  Recorder host, controller;
  std::unique_ptr<PduConnection> h, c;

  void connect(const Terms& terms = {}, int buffer = 0) {
    auto [a, b] = tcp_pair(buffer);
    h = std::make_unique<PduConnection>(*reactor, std::move(a), Side::kHost, &host);
    c = std::make_unique<PduConnection>(*reactor, std::move(b), Side::kController, &controller);
    h->set_terms(terms);
    c->set_terms(terms);
  }
  template <class F>
  void until(F done) {
    turn_until(*reactor, done);
  }
};

// One connection under test, the other end is plain bytes.
struct RawTest : testing::Test {
  std::unique_ptr<net::Reactor> reactor = *net::Reactor::create();
  Recorder us;
  RawPeer peer;
  std::unique_ptr<PduConnection> c;

  void connect(Side side, const Terms& terms = {}, int buffer = 0) {
    auto [a, b] = tcp_pair(buffer);
    peer.fd = std::move(a);
    c = std::make_unique<PduConnection>(*reactor, std::move(b), side, &us);
    c->set_terms(terms);
  }
  template <class F>
  void until(F done) {
    turn_until(*reactor, [&] {
      if (peer.fd) peer.receive();
      return done();
    });
  }
  // Turns that find nothing to do.
  void settle() {
    for (int i = 0; i < 5; ++i) reactor->turn(kMillisecond);
  }
};

TEST_F(PairTest, EveryDigestAndAlignmentCombination) {
  for (bool hd : {false, true})
    for (bool dd : {false, true})
      for (std::uint32_t align : {0u, 4u, 8u, 32u, 128u}) {
        SCOPED_TRACE(testing::Message() << "hd " << hd << " dd " << dd << " align " << align);
        host = {};
        controller = {};
        connect({hd, dd, align, align, 1 << 20});
        const std::size_t sizes[] = {4, 512, 4096, 8192, 128 * 1024, 1 << 20};
        std::vector<Bytes> datas;
        std::uint16_t id = 0;
        for (std::size_t n : sizes) {
          datas.push_back(pattern(n, id));
          h->send_pdu(command(id), datas.back(), 100u + id);
          h->send_pdu(data_pdu(p::kH2CData, id, n), datas.back(), 200u + id);
          c->send_pdu(r2t(id));
          c->send_pdu(data_pdu(p::kC2HData, id, n), datas.back(), 300u + id);
          c->send_pdu(response(id));
          ++id;
        }
        until([&] { return controller.got.size() == 12 && host.got.size() == 18; });
        for (std::size_t i = 0; i < 6; ++i) {
          EXPECT_EQ(controller.got[2 * i].bytes, datas[i]);
          EXPECT_EQ(controller.got[2 * i + 1].bytes, datas[i]);
          EXPECT_EQ(host.got[3 * i].pdu.head.type, p::kR2T);
          EXPECT_EQ(host.got[3 * i + 1].bytes, datas[i]);
          EXPECT_EQ(host.got[3 * i + 2].pdu.head.type, p::kCapsuleResp);
          EXPECT_TRUE(host.got[3 * i + 1].data.digest_ok);
          EXPECT_EQ(host.got[3 * i + 1].data.digest_present, dd);
        }
        EXPECT_EQ(host.sent.size(), 12u);
        EXPECT_EQ(controller.sent, (std::vector<std::uint64_t>{300, 301, 302, 303, 304, 305}));
        EXPECT_TRUE(host.closed.empty() && controller.closed.empty());
        EXPECT_EQ(h->queued_tx_bytes(), 0u);
        EXPECT_NE(c->last_rx(), 0u);
      }
}

TEST_F(PairTest, ManyCoalescedPdusKeepTheirOrder) {
  connect({true, true, 0, 0, 8192});
  const Bytes data = pattern(4096, 1);
  constexpr int kMany = 3000;
  for (int i = 0; i < kMany; ++i)
    h->send_pdu(command(static_cast<std::uint16_t>(i)),
                i % 3 == 0 ? std::span<const std::byte>(data) : std::span<const std::byte>{},
                static_cast<std::uint64_t>(i) + 1);
  until([&] { return controller.got.size() == kMany; });
  for (int i = 0; i < kMany; ++i) {
    ASSERT_EQ(id_of(controller.got[static_cast<std::size_t>(i)].pdu), i);
    ASSERT_EQ(host.sent[static_cast<std::size_t>(i)], static_cast<std::uint64_t>(i) + 1);
    if (i % 3 == 0) {
      ASSERT_EQ(controller.got[static_cast<std::size_t>(i)].bytes, data);
    }
  }
}

TEST_F(PairTest, TinyBuffersMakePartialWrites) {
  connect({true, true, 0, 64, 1 << 20}, 2048);
  std::vector<Bytes> datas;
  for (std::uint16_t i = 0; i < 6; ++i) {
    datas.push_back(pattern(100'000u + 4u * i, i));
    h->send_pdu(command(i), datas.back(), i + 1u);
    h->send_pdu(command(i));
  }
  reactor->turn(0);
  reactor->turn(0);
  EXPECT_GT(h->queued_tx_bytes(), 0u);
  EXPECT_LT(host.sent.size(), 6u);
  until([&] { return controller.got.size() == 12; });
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(controller.got[2 * i].bytes, datas[i]);
  EXPECT_EQ(host.sent, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
}

TEST_F(PairTest, TokenZeroCopies) {
  connect({false, true, 0, 0, 1 << 16});
  {
    Bytes small = pattern(512, 1), large = pattern(40'000, 2);
    h->send_pdu(command(1), small);
    h->send_pdu(command(2), large);
    std::fill(small.begin(), small.end(), std::byte{0});
    std::fill(large.begin(), large.end(), std::byte{0});
  }
  until([&] { return controller.got.size() == 2; });
  EXPECT_EQ(controller.got[0].bytes, pattern(512, 1));
  EXPECT_EQ(controller.got[1].bytes, pattern(40'000, 2));
  EXPECT_TRUE(host.sent.empty());
}

TEST_F(PairTest, KnownDigestIsUsedAsItIs) {
  connect({false, true, 0, 0, 8192});
  const Bytes d = pattern(512, 1);
  h->send_pdu(command(1), d, 1, 0x12345678u);
  until([&] { return controller.got.size() == 1; });
  EXPECT_FALSE(controller.got[0].data.digest_ok);
  EXPECT_TRUE(controller.closed.empty());
}

TEST_F(PairTest, AnswersSentInsideCallbacks) {
  connect({true, false, 0, 0, 8192});
  controller.pdu_hook = [&] { c->send_pdu(response(id_of(controller.got.back().pdu))); };
  host.pdu_hook = [&] {
    if (host.got.size() < 500) h->send_pdu(command(static_cast<std::uint16_t>(host.got.size())));
  };
  h->send_pdu(command(0));
  until([&] { return host.got.size() == 500; });
}

// ---- malformed input ----

TEST_F(RawTest, MalformedPduEndsOnlyItsConnection) {
  auto [a, b] = tcp_pair();
  Recorder other;
  RawPeer other_peer{std::move(a), {}, false};
  PduConnection fine(*reactor, std::move(b), Side::kController, &other);
  connect(Side::kController, {true, false, 0, 0, 8192});
  const Bytes bad = [] {
    Bytes w = wire(Terms{true, false, 0, 0, 0}, command(5));
    w[20] ^= std::byte{1};
    return w;
  }();
  peer.send(wire(c->terms(), command(4)));
  peer.send(bad);
  peer.send(wire(c->terms(), command(6)));  // never taken
  until([&] { return peer.eof; });
  ASSERT_EQ(us.got.size(), 1u);
  EXPECT_EQ(std::uint16_t{peer.term_req().fes}, spec::fes::kHeaderDigest);
  std::uint32_t digest;
  std::memcpy(&digest, bad.data() + 72, 4);
  EXPECT_EQ(std::uint32_t{peer.term_req().fei}, digest);
  ASSERT_EQ(peer.in.size(), 24u + 72);
  EXPECT_TRUE(std::equal(bad.begin(), bad.begin() + 72, peer.in.begin() + 24));  // what it was about
  EXPECT_TRUE(us.closed.empty());                                                // waits for the peer
  EXPECT_FALSE(c->open());
  peer.fd.reset();
  until([&] { return us.closed.size() == 1; });
  EXPECT_NE(us.closed[0].find("CapsuleCmd"), std::string::npos) << us.closed[0];
  EXPECT_NE(us.closed[0].find("header digest"), std::string::npos) << us.closed[0];

  other_peer.send(wire(Terms{}, command(9)));
  turn_until(*reactor, [&] { return other.got.size() == 1; });
  EXPECT_TRUE(fine.open());
}

TEST_F(RawTest, RefusalsOfTheDelegateBecomeTermReqs) {
  for (bool at_header : {true, false}) {
    us = {};
    peer = {};
    (at_header ? us.header_fatal : us.pdu_fatal) = Fatal{4, 77};
    connect(Side::kHost);
    peer.send(wire(Terms{}, data_pdu(p::kC2HData, 1, 64), pattern(64, 1)));
    until([&] { return peer.eof; });
    EXPECT_EQ(peer.term_req().head.type, p::kH2CTermReq);
    peer.send(pattern(5000, 1));  // still read, so that our close is no reset, and dropped
    int unread = -1;
    for (int i = 0; i < 10 && unread != 0; ++i) {
      reactor->turn(kMillisecond);
      ASSERT_EQ(::ioctl(c->fd(), FIONREAD, &unread), 0);
    }
    EXPECT_EQ(unread, 0);
    EXPECT_TRUE(us.closed.empty());
    EXPECT_EQ(std::uint16_t{peer.term_req().fes}, 4);
    EXPECT_EQ(std::uint32_t{peer.term_req().fei}, 77u);
    peer.fd.reset();
    until([&] { return us.closed.size() == 1; });
  }
}

TEST_F(RawTest, PeerThatDoesNotCloseAfterTermReqIsClosedInASecond) {
  connect(Side::kController);
  const Time begin = reactor->now();
  peer.send(pattern(300, 3));
  until([&] { return us.closed.size() == 1; });
  EXPECT_GE(reactor->now() - begin, 900 * kMillisecond);
  EXPECT_LE(reactor->now() - begin, 3 * kSecond);
}

TEST_F(RawTest, ReceivedTermReqIsReadable) {
  connect(Side::kController);
  TermReq t{};
  t.head = {p::kH2CTermReq, 0, p::kHlenTermReq, 0, 24 + 72};
  t.fes = 5;
  peer.send(&t, sizeof t);
  until([&] { return us.closed.size() == 1; });
  EXPECT_NE(us.closed[0].find("transfer limit exceeded"), std::string::npos) << us.closed[0];
  peer.receive();
  EXPECT_TRUE(peer.in.empty());  // a TermReq is not answered
}

TEST_F(RawTest, MalformedTermReqIsIgnoredAndClosed) {
  connect(Side::kHost);
  TermReq t{};
  t.head = {p::kC2HTermReq, 0, p::kHlenTermReq, 0, 153};
  peer.send(&t, sizeof t);
  until([&] { return us.closed.size() == 1; });
  EXPECT_NE(us.closed[0].find("malformed"), std::string::npos);
  peer.receive();
  EXPECT_TRUE(peer.in.empty());
}

TEST_F(RawTest, TermReqGoesBehindAStartedPduAndInFrontOfWaitingOnes) {
  connect(Side::kController, {}, 16 << 10);
  const Bytes big = pattern(512 << 10, 1);
  c->send_pdu(data_pdu(p::kC2HData, 1, big.size()), big, 1);
  c->send_pdu(data_pdu(p::kC2HData, 2, big.size()), big, 2);
  for (int i = 0; i < 3; ++i) reactor->turn(0);
  c->terminate({2, 0}, nullptr, 0, "test");
  c->send_pdu(response(3));  // too late
  until([&] { return peer.eof; });
  ASSERT_EQ(peer.in.size(), 24 + big.size() + 24);
  EXPECT_TRUE(std::equal(big.begin(), big.end(), peer.in.begin() + 24));
  peer.in.erase(peer.in.begin(), peer.in.end() - 24);
  EXPECT_EQ(std::uint16_t{peer.term_req().fes}, 2);
  EXPECT_EQ(us.sent, (std::vector<std::uint64_t>{1}));
}

TEST_F(RawTest, CloseWhenSentDeliversEverything) {
  connect(Side::kController, {}, 2048);
  const Bytes big = pattern(1 << 20, 1);
  c->send_pdu(data_pdu(p::kC2HData, 1, big.size()), big, 1);
  c->close_when_sent("done");
  EXPECT_FALSE(c->open());
  peer.send(wire(Terms{}, command(1)));  // dropped
  until([&] { return peer.eof; });
  EXPECT_EQ(peer.in.size(), 24 + big.size());
  peer.fd.reset();
  until([&] { return !us.closed.empty(); });
  EXPECT_EQ(us.closed, (std::vector<std::string>{"done"}));
  EXPECT_TRUE(us.got.empty());
}

// ---- hang-up ----

TEST_F(RawTest, HostsHangUpCountsBeforeItsBufferedCapsules) {
  connect(Side::kController);
  for (std::uint16_t i = 0; i < 10; ++i) peer.send(wire(Terms{}, command(i)));
  peer.fd.reset();
  until([&] { return us.closed.size() == 1; });
  EXPECT_TRUE(us.got.empty());
}

TEST_F(RawTest, HangUpIsSeenWhilePausedAndKeptBytesAreDropped) {
  connect(Side::kController);
  us.pdu_hook = [&] { c->pause_rx(); };
  Bytes many;
  for (std::uint16_t i = 0; i < 10; ++i) {
    const Bytes w = wire(Terms{}, command(i));
    many.insert(many.end(), w.begin(), w.end());
  }
  peer.send(many);
  until([&] { return us.got.size() == 1; });
  settle();
  EXPECT_EQ(us.got.size(), 1u);
  peer.fd.reset();
  until([&] { return us.closed.size() == 1; });
  c->resume_rx();
  settle();
  EXPECT_EQ(us.got.size(), 1u);
}

TEST_F(RawTest, AsAHostWeReadToTheEnd) {
  connect(Side::kHost);
  for (std::uint16_t i = 0; i < 10; ++i) peer.send(wire(Terms{}, response(i)));
  peer.fd.reset();
  until([&] { return us.closed.size() == 1; });
  EXPECT_EQ(us.got.size(), 10u);
}

TEST_F(RawTest, AsAHostWeReadToTheEndAlsoWhenSendingFailsFirst) {
  connect(Side::kHost);
  // Between the socket events and the sending of one turn: last answers, then a reset.
  reactor->post([&] {
    for (std::uint16_t i = 0; i < 10; ++i) peer.send(wire(Terms{}, response(i)));
    const linger now{1, 0};
    ::setsockopt(peer.fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer.fd.reset();
    c->send_pdu(command(1));
  });
  until([&] { return us.closed.size() == 1; });
  EXPECT_EQ(us.got.size(), 10u);
}

// ---- pausing and moving ----

TEST_F(RawTest, PauseKeepsWhatWasReadAndResumeTakesItFirst) {
  connect(Side::kController);
  bool resume_inside = false;
  us.pdu_hook = [&] {
    c->pause_rx();
    if (resume_inside) c->resume_rx();
  };
  Bytes many;
  for (std::uint16_t i = 0; i < 40; ++i) {
    const Bytes w = wire(Terms{}, command(i), pattern(64u + 4 * i, i));
    many.insert(many.end(), w.begin(), w.end());
  }
  peer.send(many);
  for (std::size_t n = 1; n <= 20; ++n) {
    until([&] { return us.got.size() == n; });
    settle();
    EXPECT_EQ(us.got.size(), n);
    if (n == 20) resume_inside = true;
    c->resume_rx();
  }
  until([&] { return us.got.size() == 40; });
  for (std::uint16_t i = 0; i < 40; ++i) {
    EXPECT_EQ(id_of(us.got[i].pdu), i);
    EXPECT_EQ(us.got[i].bytes, pattern(64u + 4 * i, i));
  }
}

TEST_F(PairTest, ResumedInsideTheCallbackKeepsTheOrder) {
  connect({false, true, 0, 0, 8192});
  controller.pdu_hook = [&] {
    c->pause_rx();
    c->resume_rx();
  };
  const Bytes data = pattern(1024, 1);
  constexpr std::size_t kMany = 600;  // much more than one read takes: kept bytes come before the socket's
  for (std::size_t i = 0; i < kMany; ++i) h->send_pdu(command(static_cast<std::uint16_t>(i)), data, 1);
  until([&] { return controller.got.size() == kMany; });
  for (std::size_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(id_of(controller.got[i].pdu), i);
    ASSERT_EQ(controller.got[i].bytes, data);
  }
  EXPECT_TRUE(controller.closed.empty());
}

TEST_F(RawTest, DetachAndAttachInMidStream) {
  auto second = *net::Reactor::create();
  Bytes stream;
  constexpr std::uint16_t kMany = 12;
  for (std::uint16_t i = 0; i < kMany; ++i) {
    const Bytes w = wire(Terms{true, true, 0, 8, 0}, command(i), pattern(16u * i, i));
    stream.insert(stream.end(), w.begin(), w.end());
  }
  for (std::size_t cut = 1; cut < stream.size(); cut += 13) {
    us = {};
    peer = {};
    connect(Side::kController, {true, true, 8, 8, 8192});
    net::Reactor* at = reactor.get();
    peer.send(stream.data(), cut);
    auto move = [&] {
      c->send_pdu(response(1));  // while detached: leaves later
      at = at == reactor.get() ? second.get() : reactor.get();
      c->attach(*at);
    };
    // Half of the moves are inside a callback: what was read already must go along.
    bool detached = false;
    if (cut % 2 == 0) {
      us.pdu_hook = [&] {
        if (us.got.size() % 3 == 1) {
          c->detach();
          detached = true;
        }
      };
    }
    for (int i = 0; i < 4; ++i) {
      at->turn(kMillisecond);
      if (!detached) c->detach();
      detached = false;
      move();
    }
    us.pdu_hook = nullptr;
    peer.send(stream.data() + cut, stream.size() - cut);
    turn_until(*at, [&] { return us.got.size() == kMany; });
    for (std::uint16_t i = 0; i < kMany; ++i) {
      ASSERT_EQ(id_of(us.got[i].pdu), i);
      ASSERT_EQ(us.got[i].bytes, pattern(16u * i, i));
    }
    c.reset();
  }
}

TEST_F(RawTest, MovesToAnotherThreadFromInsideACallback) {
  auto second = *net::Reactor::create();
  connect(Side::kController);
  us.pdu_hook = [&] {
    if (us.got.size() == 1) {
      c->detach();
      second->post([&] { c->attach(*second); });
    } else if (us.got.size() == 400) {
      second->stop();
    }
  };
  std::thread other([&] {
    net::Timer give_up(*second, [&] { second->stop(); });
    give_up.arm_in(10 * kSecond);
    second->run();
  });
  Bytes many;
  for (std::uint16_t i = 0; i < 400; ++i) {
    const Bytes w = wire(Terms{}, command(i));
    many.insert(many.end(), w.begin(), w.end());
  }
  peer.send(many);
  for (int i = 0; i < 20; ++i) reactor->turn(kMillisecond);
  other.join();
  ASSERT_EQ(us.got.size(), 400u);
  for (std::uint16_t i = 0; i < 400; ++i) EXPECT_EQ(id_of(us.got[i].pdu), i);
  c.reset();  // before its reactor
}

// ---- destruction and closing inside every callback ----

TEST_F(PairTest, DestroyOrCloseInEveryCallback) {
  enum What { kDestroy, kClose, kTerminate, kGently };
  for (What what : {kDestroy, kClose, kTerminate, kGently})
    for (int where = 0; where < 4; ++where) {
      SCOPED_TRACE(testing::Message() << "what " << what << " where " << where);
      host = {};
      controller = {};
      connect({true, true, 0, 0, 1 << 20});
      auto act = [&] {
        switch (what) {
          case kDestroy:
            c.reset();
            break;
          case kClose:
            c->close("test");
            break;
          case kTerminate:
            c->terminate({2, 0}, nullptr, 0, "test");
            break;
          case kGently:
            c->close_when_sent("test");
            break;
        }
      };
      (where == 0   ? controller.header_hook
       : where == 1 ? controller.pdu_hook
       : where == 2 ? controller.sent_hook
                    : controller.close_hook) = act;
      const Bytes d = pattern(70'000, 1);
      for (std::uint16_t i = 0; i < 8; ++i) {
        h->send_pdu(command(i), d, i + 1u);
        c->send_pdu(data_pdu(p::kC2HData, i, d.size()), d, i + 1u);
      }
      if (where == 3) turn_until(*reactor, [&] { return host.got.size() == 8; }), h->close("first");
      until([&] { return !host.closed.empty(); });
      if (what != kDestroy) until([&] { return !controller.closed.empty(); });
      EXPECT_LE(controller.headers, where == 0 ? 1u : 8u);
      if (where <= 1) {
        EXPECT_LE(controller.got.size(), 1u);
      }
      EXPECT_LE(controller.closed.size(), 1u);
    }
}

TEST_F(PairTest, DestroyInsideOnCloseAfterCloseItself) {
  connect();
  controller.close_hook = [&] { c.reset(); };
  c->close("test");
  EXPECT_FALSE(c);
  EXPECT_EQ(controller.closed, (std::vector<std::string>{"test"}));
  until([&] { return !host.closed.empty(); });
  h->close("again");
  h->send_pdu(command(1));
  h->terminate({1, 0}, nullptr, 0, "x");
  h->pause_rx();
  h->resume_rx();
  reactor->turn(0);
  EXPECT_EQ(host.closed.size(), 1u);
}

TEST_F(PairTest, BrokenSocketIsToldInALaterTurn) {
  int raw[2];
  ASSERT_EQ(::pipe(raw), 0);
  ::close(raw[1]);
  net::Fd bad(raw[0]);
  const int number = bad.get();
  auto elsewhere = net::Fd(::dup(number));
  bad.reset();  // the number is not open any more
  PduConnection x(*reactor, net::Fd(number), Side::kHost, &host);
  EXPECT_TRUE(host.closed.empty());
  reactor->turn(0);
  EXPECT_EQ(host.closed.size(), 1u);
}

TEST_F(RawTest, OneWakeUpTakesABoundedAmount) {
  connect(Side::kController, {}, 8 << 20);  // buffers as large as the system allows
  us.drop = true;
  const Bytes w = wire(Terms{}, command(1), pattern(8192, 1));
  // Fills the socket, whose small buffer takes whole PDUs or a part of one: the rest of it goes first the
  // next time.
  std::size_t sent = 0;
  auto fill = [&] {
    while (sent < (4u << 20)) {
      const std::size_t from = sent % w.size();
      const ssize_t n = ::send(peer.fd.get(), w.data() + from, w.size() - from, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  };
  us.pdu_hook = fill;  // a host that always has more
  fill();
  reactor->turn(kSecond);
  EXPECT_GT(us.got.size(), 0u);
  EXPECT_LE(us.got.size(), (768u << 10) / w.size());
  until([&] {
    fill();
    return us.got.size() >= (4u << 20) / w.size();
  });
}

// ---- random bytes into whole connections ----

TEST_F(RawTest, RandomBytesNeverCrash) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::minstd_rand engine(seed);
    auto rng = [&] { return static_cast<std::uint32_t>(engine() >> 3); };
    us = {};
    peer = {};
    const Terms t{(rng() & 1) != 0, (rng() & 1) != 0, 0, 0, 65536};
    connect(rng() & 1 ? Side::kController : Side::kHost, t);
    us.pdu_hook = [&] {
      switch (rng() % 12) {
        case 0:
          c->close("x");
          break;
        case 1:
          c->terminate({1, 1}, &us, 200, "x");
          break;
        case 2:
          c->pause_rx();
          break;
        case 3:
          c.reset();
          break;
        case 4:
          c->close_when_sent("x");
          break;
        default:
          c->send_pdu(response(1));
          break;
      }
    };
    for (int step = 0; step < 12 && !peer.eof; ++step) {
      const Bytes d = pattern(4 * (rng() % 2000), rng());
      Bytes b = rng() % 4 == 0   ? pattern(rng() % 300, rng())
                : rng() % 2 == 0 ? wire(t, command(1), d)
                                 : wire(t, data_pdu(rng() & 1 ? p::kC2HData : p::kH2CData, 1, d.size()), d);
      if (rng() % 3 == 0 && !b.empty()) b[rng() % std::min<std::size_t>(b.size(), 80)] ^= std::byte{4};
      [[maybe_unused]] const ssize_t n = ::send(peer.fd.get(), b.data(), b.size(), MSG_NOSIGNAL);
      reactor->turn(0);
      peer.receive();
      if (c) c->resume_rx();
      if (rng() % 10 == 0) peer.fd.reset(), peer.eof = true;
    }
    c.reset();
    ASSERT_LE(us.closed.size(), 1u);
  }
}

}  // namespace
}  // namespace nvtee::nvmf
