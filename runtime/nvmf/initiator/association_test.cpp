// Bring-up, keep-alive, events, admin commands and the end of an association.
#include "runtime/nvmf/initiator/association.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/nvmf/initiator/test_loop.hpp"

namespace nvtee::nvmf {
namespace {

using testing::HasSubstr;
using Connection = FakePeer::Connection;

struct User final : AssociationDelegate {
  QueueUser io;
  unsigned ups = 0, downs = 0;
  bool transient = false;
  std::string why;
  PeerInfo info;
  std::vector<std::uint32_t> events;
  std::function<void()> then_up, then_down;

  void on_up(InitiatorQueue&, std::uint16_t) override {}
  Transfer* find(InitiatorQueue& q, std::uint16_t cid) override { return io.find(q, cid); }
  void on_response(InitiatorQueue& q, Transfer& t) override { io.on_response(q, t); }
  void on_down(InitiatorQueue&, const std::string&, spec::Status) override {}
  void on_association_up(Association&, const PeerInfo& i) override {
    ++ups;
    info = i;
    if (then_up) then_up();
  }
  void on_association_down(Association&, const std::string& w, bool t) override {
    ++downs;
    why = w;
    transient = t;
    if (then_down) then_down();
  }
  void on_async_event(Association&, std::uint32_t r) override { events.push_back(r); }
};

class Assoc : public testing::Test {
 protected:
  TestLoop loop;
  FakePeer peer{*loop.reactor};
  User user;
  Association::Options options;
  std::unique_ptr<Association> association;

  void SetUp() override {
    options.addresses = {peer.address()};
    options.host_nqn = "nqn.test:host";
    options.sub_nqn = "nqn.test:subsys";
    options.nsid = 1;
    options.io_queues = 2;
  }
  void begin() {
    association = std::make_unique<Association>(*loop.reactor, options, &user);
    EXPECT_EQ(user.ups + user.downs, 0u) << "callbacks come in later turns";
    ASSERT_TRUE(loop.until([&] { return user.ups + user.downs != 0; }));
  }
  void up() {
    begin();
    ASSERT_EQ(user.ups, 1u) << user.why;
  }
  void expect_down(const std::string& why, bool transient) {
    begin();
    EXPECT_EQ(user.ups, 0u);
    EXPECT_THAT(user.why, HasSubstr(why));
    EXPECT_EQ(user.transient, transient);
    EXPECT_FALSE(association->up());
    loop.turns(5);
    EXPECT_EQ(user.downs, 1u);
    EXPECT_EQ(peer.connections(), 0u) << "nothing is left connected";
  }
};

TEST_F(Assoc, ComesUpAsLinuxDoes) {
  up();
  EXPECT_EQ(user.info.cntlid, 1);
  EXPECT_EQ(user.info.io_queues, 2);
  EXPECT_EQ(association->io_queue_count(), 2u);
  EXPECT_EQ(user.info.queue_entries, 128);
  EXPECT_EQ(user.info.in_capsule, 8192u);
  EXPECT_EQ(user.info.max_transfer, 131072u);
  EXPECT_EQ(user.info.ns.nsze, 20000u);
  EXPECT_EQ(user.info.address, peer.address());
  std::vector<std::string> order;
  for (const auto& [qid, s] : peer.seen) {
    const bool connect = s.opcode == spec::kOpFabrics && s.fctype() == spec::fabrics::kConnect;
    std::string name = std::to_string(connect ? s.cdw10 >> 16 : qid) + ":";
    if (s.opcode == spec::kOpFabrics)
      name += s.fctype() == 1 ? "connect" : (s.fctype() == 0 ? "set" : "get") + std::to_string(s.cdw11);
    else
      name += std::to_string(s.opcode) + "/" + std::to_string(s.cdw10);
    order.push_back(name);
  }
  const std::vector<std::string> want = {"0:connect", "0:get0",  "0:set20", "0:get0", "0:set20", "0:get28",
                                         "0:get28",   "0:get28", "0:get8",  "0:6/1",  "0:9/7",   "1:connect",
                                         "2:connect", "0:9/11",  "0:12/0",  "0:6/0"};
  EXPECT_EQ(order, want);
}

TEST_F(Assoc, LimitsOfThePeerAreTaken) {
  peer.options.mqes = 31;
  peer.options.queues = 1;
  peer.options.ioccsz = 4;
  peer.options.mdts = 0;
  up();
  EXPECT_EQ(user.info.queue_entries, 32);
  EXPECT_EQ(user.info.io_queues, 1);
  EXPECT_EQ(user.info.in_capsule, 0u);
  EXPECT_EQ(user.info.max_transfer, 0u);
  // No in-capsule data: even one block goes by R2T.
  association->io_queue(0).submit(user.io.prepare(0, spec::io::kWrite, 1, 1));
  ASSERT_TRUE(loop.until([&] { return user.io.responses == 1; }));
  EXPECT_EQ(peer.h2c.size(), 1u);
}

TEST_F(Assoc, MaxcmdBoundsTheQueue) {
  peer.on_identify = [](nvme_id_ctrl& c) { c.maxcmd = 16; };
  up();
  EXPECT_EQ(user.info.queue_entries, 16);
}

TEST_F(Assoc, IoRunsOnEveryQueue) {
  up();
  for (unsigned q = 0; q < 2; ++q)
    for (unsigned i = 0; i < 50; ++i)
      association->io_queue(q).submit(user.io.prepare(q * 50 + i, spec::io::kWrite, i, 40));
  ASSERT_TRUE(loop.until([&] { return user.io.responses == 100; }));
}

TEST_F(Assoc, AdminOnly) {
  options.io_queues = 0;
  options.nsid = 0;
  up();
  EXPECT_EQ(association->io_queue_count(), 0u);
}

// ---- refusals ----

TEST_F(Assoc, UnknownSubsystemIsFinal) {
  options.sub_nqn = "nqn.test:other";
  expect_down("1/82h", false);
}
TEST_F(Assoc, BusyIsNotFinal) {
  peer.on_connect = [](std::uint16_t) { return spec::st::kConnectBusy; };
  expect_down("1/81h", true);
}
TEST_F(Assoc, RefusedIoQueue) {
  peer.on_connect = [](std::uint16_t qid) { return qid == 2 ? spec::st::kConnectBusy : spec::st::kOk; };
  expect_down("Connect of queue 2", true);
}
TEST_F(Assoc, MissingNamespaceIsFinal) {
  options.nsid = 9;
  expect_down("has no namespace 9", false);
}
TEST_F(Assoc, NobodyListens) {
  peer.stop_listening();
  expect_down("refused", true);
}
TEST_F(Assoc, NoAddress) {
  options.addresses.clear();
  expect_down("no address", false);
}
TEST_F(Assoc, WrongCntlidIsRefused) {
  peer.on_identify = [](nvme_id_ctrl& c) { c.cntlid = 77; };
  expect_down("Identify says controller 77", false);
}
TEST_F(Assoc, IcdoffIsRefused) {
  peer.on_identify = [](nvme_id_ctrl& c) { c.icdoff = 1; };
  expect_down("ICDOFF", false);
}
TEST_F(Assoc, NoKeepAliveIsRefused) {
  peer.on_identify = [](nvme_id_ctrl& c) { c.kas = 0; };
  expect_down("KAS", false);
}
TEST_F(Assoc, NeverReady) {
  peer.options.ready_polls = 1u << 30;
  peer.options.to = 0;  // 500 ms
  expect_down("CAP.TO", true);
}
TEST_F(Assoc, SilentDuringBringUp) {
  options.up_timeout = 50 * kMillisecond;
  peer.on_command = [](Connection&, const Sqe& s, auto) { return s.opcode == spec::admin::kIdentify; };
  expect_down("not up within 50 ms", true);
}
TEST_F(Assoc, ClosedDuringBringUp) {
  peer.on_command = [](Connection& c, const Sqe& s, auto) {
    if (s.opcode == spec::admin::kSetFeatures) c.pdu().close("test");
    return s.opcode == spec::admin::kSetFeatures;
  };
  expect_down("closed", true);
}

TEST_F(Assoc, TheNextAddressIsTried) {
  FakePeer deaf(*loop.reactor);
  const net::Address gone = deaf.address();
  deaf.stop_listening();
  FakePeer busy(*loop.reactor);
  busy.on_connect = [](std::uint16_t) { return spec::st::kConnectBusy; };
  options.addresses = {gone, busy.address(), peer.address()};
  up();
  EXPECT_EQ(user.info.address, peer.address());
  loop.turns(3);
  EXPECT_EQ(busy.connections(), 0u);
}

TEST_F(Assoc, AllAddressesFailAndEachIsNamed) {
  FakePeer busy(*loop.reactor);
  busy.on_connect = [](std::uint16_t) { return spec::st::kConnectBusy; };
  options.sub_nqn = "nqn.test:other";
  options.addresses = {peer.address(), busy.address()};
  expect_down(busy.address().text(), true);
  EXPECT_THAT(user.why, HasSubstr(peer.address().text()));
}

// ---- when up ----

TEST_F(Assoc, AnyLostQueueEndsItOnce) {
  up();
  peer.drop_all();
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  loop.turns(5);
  EXPECT_EQ(user.downs, 1u);
  EXPECT_TRUE(user.transient);
  EXPECT_EQ(association->io_queue_count(), 0u);
}

TEST_F(Assoc, DestroyedInsideOnDown) {
  up();
  user.then_down = [&] { association.reset(); };
  peer.drop_all();
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  loop.turns(5);
  EXPECT_EQ(user.downs, 1u);
}

TEST_F(Assoc, DestroyedInsideOnUp) {
  user.then_up = [&] { association.reset(); };
  association = std::make_unique<Association>(*loop.reactor, options, &user);
  ASSERT_TRUE(loop.until([&] { return user.ups != 0; }));
  loop.turns(5);
  EXPECT_EQ(user.downs, 0u);
  EXPECT_EQ(peer.connections(), 0u);
}

TEST_F(Assoc, DestroyedInsideAnAdminAnswer) {
  up();
  Sqe s{};
  s.opcode = spec::admin::kKeepAlive;
  bool told = false;
  association->admin(s, {}, 0, [&](const Cqe&, auto) {
    told = true;
    association.reset();
  });
  ASSERT_TRUE(loop.until([&] { return told; }));
  loop.turns(5);
  EXPECT_EQ(user.downs, 0u);
}

TEST_F(Assoc, DestroyedInsideAnIoAnswer) {
  up();
  user.io.then = [&](InitiatorQueue&, Transfer&) { association.reset(); };
  for (unsigned i = 0; i < 10; ++i)
    association->io_queue(0).submit(user.io.prepare(i, spec::io::kRead, i, 1));
  ASSERT_TRUE(loop.until([&] { return user.io.responses != 0; }));
  loop.turns(5);
  EXPECT_EQ(user.io.responses, 1u);
}

TEST_F(Assoc, KeepAliveIsSentEveryHalfKato) {
  options.kato_ms = 150;
  up();
  const auto sent = [&] {
    unsigned n = 0;
    for (const auto& c : peer.seen) n += c.sqe.opcode == spec::admin::kKeepAlive;
    return n;
  };
  ASSERT_TRUE(loop.until([&] { return sent() >= 4; }));
  EXPECT_EQ(user.downs, 0u) << user.why;
  EXPECT_EQ(+peer.seen.front().sqe.cdw12, 150u) << "KATO in the Connect";
}

TEST_F(Assoc, KeepAliveExpires) {
  options.kato_ms = 60;
  peer.on_command = [](Connection&, const Sqe& s, auto) { return s.opcode == spec::admin::kKeepAlive; };
  up();
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  EXPECT_THAT(user.why, HasSubstr("keep-alive"));
  EXPECT_TRUE(user.transient);
}

TEST_F(Assoc, NoKeepAliveWhenKatoIsZero) {
  options.kato_ms = 0;
  up();
  loop.turns(30);
  for (const auto& c : peer.seen) EXPECT_NE(c.sqe.opcode, spec::admin::kKeepAlive);
}

TEST_F(Assoc, EventsAreReportedAndTheAerIsArmedAgain) {
  std::vector<std::pair<Connection*, std::uint16_t>> aers;
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    if (s.opcode == spec::admin::kAsyncEvent) aers.emplace_back(&c, s.cid);
    return s.opcode == spec::admin::kAsyncEvent;
  };
  up();
  for (std::uint32_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(loop.until([&] { return aers.size() == i; }));
    aers.back().first->respond(aers.back().second, spec::st::kOk, 0x040002 + (i << 8));
    ASSERT_TRUE(loop.until([&] { return user.events.size() == i; }));
    EXPECT_EQ(user.events.back(), 0x040002u + (i << 8));
  }
}

TEST_F(Assoc, AnEventDuringBringUpComesAfterIt) {
  bool first = true;
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    if (s.opcode != spec::admin::kAsyncEvent || !first) return false;
    first = false;
    c.respond(s.cid, spec::st::kOk, 0x30302);
    return true;
  };
  user.then_up = [&] { EXPECT_TRUE(user.events.empty()); };
  up();
  ASSERT_TRUE(loop.until([&] { return user.events.size() == 1; }));
}

TEST_F(Assoc, RefusedAerIsNotRepeated) {
  unsigned n = 0;
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    if (s.opcode != spec::admin::kAsyncEvent) return false;
    ++n;
    c.respond(s.cid, spec::st::kAerLimit);
    return true;
  };
  up();
  loop.turns(5);
  EXPECT_EQ(n, 1u);
}

TEST_F(Assoc, SixteenAdminCommandsAtATime) {
  up();
  unsigned held = 0, most = 0, done = 0;
  std::vector<std::pair<Connection*, std::uint16_t>> waiting;
  peer.on_command = [&](Connection& c, const Sqe& s, auto) {
    if (s.opcode != spec::admin::kGetLogPage) return false;
    waiting.emplace_back(&c, s.cid);
    most = std::max(most, ++held);
    return true;
  };
  Sqe s{};
  s.opcode = spec::admin::kGetLogPage;
  for (unsigned i = 0; i < 40; ++i)
    association->admin(s, {}, 64, [&](const Cqe& cqe, std::span<const std::byte> in) {
      EXPECT_EQ(spec::status_of_cqe(cqe.status), spec::st::kOk);
      EXPECT_EQ(in.size(), 8u) << "only what came";
      ++done;
    });
  ASSERT_TRUE(loop.until([&] {
    while (!waiting.empty() && held >= std::min(16u, 40 - done)) {
      const auto [c, cid] = waiting.back();
      waiting.pop_back();
      --held;
      const std::array<std::byte, 8> data{};
      c->c2h(cid, 0, data, spec::pdu::kLast);
      c->respond(cid, spec::st::kOk);
    }
    return done == 40;
  }));
  EXPECT_EQ(most, 16u);
}

TEST_F(Assoc, AdminDataOut) {
  up();
  std::vector<std::byte> got;
  peer.on_command = [&](Connection& c, const Sqe& s, std::span<const std::byte> data) {
    if (s.opcode != spec::admin::kSetFeatures) return false;
    got.assign(data.begin(), data.end());
    c.respond(s.cid, spec::st::kOk, 0x1234);
    return true;
  };
  Sqe s{};
  s.opcode = spec::admin::kSetFeatures;
  s.cdw10 = spec::fid::kHostBehavior;
  std::uint64_t result = 0;
  association->admin(s, std::vector<std::byte>(512, std::byte{3}), 0,
                     [&](const Cqe& cqe, auto) { result = cqe.result; });
  ASSERT_TRUE(loop.until([&] { return result != 0; }));
  EXPECT_EQ(result, 0x1234u);
  EXPECT_EQ(got, std::vector<std::byte>(512, std::byte{3}));
}

TEST_F(Assoc, ShutdownSaysSoAndThenEnds) {
  up();
  association->shutdown();
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  EXPECT_EQ(user.why, "shut down");
  EXPECT_EQ(+peer.seen.back().sqe.cdw12 >> 14 & 3, 1u);
}

TEST_F(Assoc, ShutdownIsBounded) {
  peer.on_command = [](Connection&, const Sqe& s, auto) {
    return s.opcode == spec::kOpFabrics && s.fctype() == 0 && (s.cdw12 >> 14 & 3) == 1;
  };
  up();
  association->shutdown();
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  EXPECT_EQ(user.why, "shut down");
}

TEST_F(Assoc, ShutdownBeforeItIsUp) {
  association = std::make_unique<Association>(*loop.reactor, options, &user);
  association->shutdown();
  EXPECT_EQ(user.downs, 0u);
  ASSERT_TRUE(loop.until([&] { return user.downs != 0; }));
  EXPECT_EQ(user.ups, 0u);
}

}  // namespace
}  // namespace nvtee::nvmf
