// The target over loopback beyond reading and writing: malformed commands, reservations and their events,
// resets, fault injection by the control socket, the end.
#include <nvme/types.h>

#include <thread>

#include "tools/nvtee-target/test_rig.hpp"

namespace nvtee::target {
namespace {

namespace io = spec::io;
namespace st = spec::st;

class Subsystem : public testing::Test {
 protected:
  void serve_with(Config c) {
    c.control_path = dir_ / "c.sock";
    server_ = serve(loop_, std::move(c));
    ASSERT_TRUE(server_);
  }
  void serve_file() {
    Config c;
    c.namespaces = {file_namespace(dir_ / "a.img", 16 << 20)};
    serve_with(std::move(c));
  }
  void serve_memory() {
    Config c;
    c.namespaces = {mem_namespace(16 << 20), mem_namespace(1 << 20, 9, 5)};
    serve_with(std::move(c));
  }
  std::unique_ptr<TestHost> host(std::uint8_t id = 1, std::uint16_t queues = 1) {
    TestHost::Options o;
    o.id = id;
    o.nqn = "nqn.2024-01.test:host" + std::to_string(id);
    o.queues = queues;
    auto h = std::make_unique<TestHost>(loop_, server_->address(), o);
    EXPECT_TRUE(h->connect()) << h->why;
    return h;
  }
  // Asks the control socket from another thread, as a program would, while the loop runs here.
  nlohmann::json ask(const std::vector<std::string>& words) {
    nlohmann::json reply;
    std::atomic<bool> done = false;
    std::thread asker([&] {
      const auto r = control_request(dir_ / "c.sock", words);
      reply = r ? *r : nlohmann::json{{"ok", false}, {"error", r.error().text()}};
      done = true;
    });
    EXPECT_TRUE(loop_.until([&] { return done.load(); }));
    asker.join();
    return reply;
  }

  Loop loop_;
  TempDir dir_;
  std::unique_ptr<Server> server_;
};

TEST_F(Subsystem, MalformedCommandsAreRefusedAndTheQueueLives) {
  serve_memory();
  auto h = host();
  const auto data = pattern(4096, 1);
  const auto status = [&](nvmf::Sqe q, const std::vector<std::byte>& out = {}, std::uint32_t in = 0) {
    const Answer a = h->run(q, out, in);
    EXPECT_TRUE(a.dnr);
    return a.status;
  };
  EXPECT_EQ(status(TestHost::sqe(io::kRead, 0, 1, 0), {}, 4096), st::kInvalidNamespace);
  EXPECT_EQ(status(TestHost::sqe(io::kRead, 0, 1, 2), {}, 4096), st::kInvalidNamespace);
  EXPECT_EQ(status(TestHost::sqe(io::kFlush, 0, 1, spec::kNsidAll)), st::kInvalidNamespace);
  EXPECT_EQ(status(TestHost::sqe(io::kVerify)), st::kInvalidOpcode);
  EXPECT_EQ(status(TestHost::sqe(0xfe)), st::kInvalidOpcode);
  EXPECT_EQ(status(TestHost::sqe(io::kRead, 4096), {}, 4096), st::kLbaRange);
  EXPECT_EQ(status(TestHost::sqe(io::kWrite, ~std::uint64_t{0}), data), st::kLbaRange);
  EXPECT_EQ(status(TestHost::sqe(io::kWrite, 4095, 2), pattern(8192, 1)), st::kLbaRange);
  EXPECT_EQ(status(TestHost::sqe(io::kWrite, 0, 2), data), st::kSglLength);               // in capsule
  EXPECT_EQ(status(TestHost::sqe(io::kWrite, 0, 3), pattern(16384, 1)), st::kSglLength);  // by R2T
  EXPECT_EQ(status(TestHost::sqe(io::kRead, 0, 2), {}, 4096), st::kSglLength);
  EXPECT_EQ(status(TestHost::sqe(io::kRead, 0, 33), {}, 33 * 4096), st::kInvalidField);  // over MDTS
  EXPECT_EQ(status(TestHost::sqe(io::kWrite, 0, 33), pattern(33 * 4096, 1)), st::kInvalidField);
  auto fused = TestHost::sqe(io::kWrite);
  fused.flags |= 1;
  EXPECT_EQ(status(fused, data), st::kInvalidField);
  auto report = TestHost::sqe(io::kResvReport);
  report.cdw10 = 1023;
  report.cdw11 = 0;
  EXPECT_EQ(status(report, {}, 4096), st::kHostIdFormat);
  nvmf::Sqe fabrics{};
  fabrics.opcode = spec::kOpFabrics;
  fabrics.flags = spec::kPsdtSgl;
  fabrics.nsid = spec::fabrics::kPropertyGet;
  EXPECT_EQ(status(fabrics), st::kInvalidOpcode);
  EXPECT_EQ(h->write(0, data), st::kOk);
  EXPECT_TRUE(h->read(0, 1) == data);
  EXPECT_EQ(server_->target().outstanding(), 0u);
}

TEST_F(Subsystem, NamespacesAreApart) {
  serve_memory();
  auto h = host();
  EXPECT_EQ(h->write(0, pattern(512, 1), 512, 0, 5), st::kOk);
  EXPECT_EQ(h->write(0, pattern(4096, 2)), st::kOk);
  EXPECT_TRUE(h->read(0, 1, 512, 5) == pattern(512, 1));
  EXPECT_TRUE(h->read(0, 1) == pattern(4096, 2));
}

TEST_F(Subsystem, SqFlowControlAndDisconnectOfAQueue) {
  serve_memory();
  auto h = host(1, 2);
  nvmf::Sqe q{};
  q.opcode = spec::kOpFabrics;
  q.flags = spec::kPsdtSgl;
  q.nsid = spec::fabrics::kDisconnect;
  const unsigned t = h->start(q, {}, 0, 1);
  EXPECT_TRUE(loop_.until([&] { return h->finished(t) || h->down; }));
  EXPECT_TRUE(
      loop_.until([&] { return h->down; }));  // our initiator takes a lost queue as a lost association
  EXPECT_TRUE(loop_.until([&] { return server_->target().queues() == 0; }));
}

TEST_F(Subsystem, OnlyAllowedHosts) {
  Config c;
  c.namespaces = {mem_namespace(1 << 20)};
  c.allowed_hosts = {"nqn.2024-01.test:host1"};
  serve_with(std::move(c));
  auto good = host(1);
  TestHost::Options o;
  o.nqn = "nqn.2024-01.test:host2";
  TestHost bad(loop_, server_->address(), o);
  EXPECT_FALSE(bad.connect());
}

// ---- reservations ----

TEST_F(Subsystem, ReservationsFenceHostsAndTellThem) {
  serve_file();
  auto a = host(1), b = host(2);
  EXPECT_EQ(a->resv_register(0, 0xa, 0, 3u << 30), st::kOk);
  EXPECT_EQ(b->resv_register(0, 0xb), st::kOk);
  EXPECT_EQ(a->resv_acquire(0xa, 1), st::kOk);
  const auto data = pattern(4096, 1);
  EXPECT_EQ(a->write(0, data), st::kOk);
  const Answer refused = b->run(TestHost::sqe(io::kWrite), data);
  EXPECT_EQ(refused.status, st::kReservationConflict);
  EXPECT_TRUE(refused.dnr);
  EXPECT_TRUE(b->read(0, 1) == data);
  EXPECT_EQ(b->resv_acquire(0xb, 1), st::kReservationConflict);

  const Answer r = b->resv_report();
  ASSERT_EQ(r.status, st::kOk);
  nvme_resv_status status;
  std::memcpy(&status, r.data.data(), 64);
  EXPECT_EQ(status.gen, 2u);
  EXPECT_EQ(status.rtype, 1);
  EXPECT_EQ(status.regctl[0], 2);
  EXPECT_EQ(status.ptpls, 1);
  nvme_registered_ctrl_ext entry;
  std::memcpy(&entry, r.data.data() + 64, sizeof entry);
  EXPECT_EQ(entry.rcsts & 1, 1);
  EXPECT_EQ(entry.rkey, 0xau);
  EXPECT_EQ(entry.cntlid, a->association().info().cntlid);
  EXPECT_EQ(b->resv_report(64).status, st::kOk);  // cut short is no error

  // Preempt: the old holder is told by an event, and reads what it was.
  EXPECT_EQ(b->resv_acquire(0xb, 2, 1, 0xa), st::kOk);
  EXPECT_TRUE(loop_.until([&] { return !a->events.empty(); }));
  EXPECT_EQ(a->events[0] & 7, spec::aen::kTypeIoSpecific);
  EXPECT_EQ(a->events[0] >> 16 & 0xff, spec::lid::kReservation);
  nvmf::Sqe log{};
  log.opcode = spec::admin::kGetLogPage;
  log.cdw10 = spec::lid::kReservation | 15u << 16;
  const Answer page = a->admin(log, {}, 64);
  ASSERT_EQ(page.status, st::kOk);
  EXPECT_EQ(std::to_integer<int>(page.data[0]), 1);
  EXPECT_EQ(std::to_integer<int>(page.data[8]), 1);   // registration preempted
  EXPECT_EQ(std::to_integer<int>(page.data[12]), 1);  // namespace 1
  EXPECT_EQ(std::to_integer<int>(a->admin(log, {}, 64).data[8]), 0);
  EXPECT_TRUE(b->events.empty());
  EXPECT_EQ(a->run(TestHost::sqe(io::kRead), {}, 4096).status, st::kReservationConflict);
}

TEST_F(Subsystem, MaskedNoticesStaySilent) {
  serve_memory();
  auto a = host(1), b = host(2);
  nvmf::Sqe set{};
  set.opcode = spec::admin::kSetFeatures;
  set.nsid = spec::kNsidAll;
  set.cdw10 = spec::fid::kResvNotifyMask;
  set.cdw11 = 0x2;
  EXPECT_EQ(a->admin(set).status, st::kOk);
  nvmf::Sqe get{};
  get.opcode = spec::admin::kGetFeatures;
  get.nsid = 1;
  get.cdw10 = spec::fid::kResvNotifyMask;
  EXPECT_EQ(a->admin(get).result & 0xffffffff, 2u);
  get.nsid = spec::kNsidAll;
  EXPECT_EQ(a->admin(get).status, st::kInvalidField);
  EXPECT_EQ(a->resv_register(0, 0xa), st::kOk);
  EXPECT_EQ(b->resv_register(0, 0xb), st::kOk);
  EXPECT_EQ(b->resv_acquire(0xb, 1, 1, 0xa), st::kOk);  // registration preempted: masked
  EXPECT_EQ(a->resv_register(0, 0xa), st::kOk);
  EXPECT_EQ(b->resv_acquire(0xb, 3), st::kOk);
  EXPECT_EQ(b->resv_release(0xb, 3), st::kOk);  // reservation released: not masked
  EXPECT_TRUE(loop_.until([&] { return !a->events.empty(); }));
  nvmf::Sqe log{};
  log.opcode = spec::admin::kGetLogPage;
  log.cdw10 = spec::lid::kReservation | 15u << 16;
  EXPECT_EQ(std::to_integer<int>(a->admin(log, {}, 64).data[8]), 2);
}

TEST_F(Subsystem, ReservationsSurviveARestartOnlyWithPtpl) {
  serve_file();
  {
    auto a = host(1);
    EXPECT_EQ(a->resv_register(0, 0xa, 0, 3u << 30), st::kOk);
    EXPECT_EQ(a->resv_acquire(0xa, 2), st::kOk);
  }
  server_.reset();
  serve_file();
  auto b = host(2);
  EXPECT_EQ(b->run(TestHost::sqe(io::kRead), {}, 4096).status, st::kReservationConflict);
  {
    auto a = host(1);
    EXPECT_EQ(a->run(TestHost::sqe(io::kRead), {}, 4096).status, st::kOk);
    // PTPL off by the feature: the next restart forgets.
    nvmf::Sqe set{};
    set.opcode = spec::admin::kSetFeatures;
    set.nsid = 1;
    set.cdw10 = spec::fid::kResvPersist;
    EXPECT_EQ(a->admin(set).status, st::kOk);
  }
  b.reset();
  server_.reset();
  serve_file();
  b = host(2);
  EXPECT_EQ(b->run(TestHost::sqe(io::kRead), {}, 4096).status, st::kOk);
}

TEST_F(Subsystem, MemoryCannotKeepReservationsThroughPowerLoss) {
  serve_memory();
  EXPECT_EQ(server_->subsystem().model().namespaces.at(1).rescap, 0xfe);
  auto a = host(1);
  EXPECT_EQ(a->resv_register(0, 0xa, 0, 3u << 30), st::kInvalidField);
  EXPECT_EQ(a->resv_register(0, 0xa), st::kOk);
  nvmf::Sqe set{};
  set.opcode = spec::admin::kSetFeatures;
  set.nsid = 1;
  set.cdw10 = spec::fid::kResvPersist;
  set.cdw11 = 1;
  EXPECT_EQ(a->admin(set).status, st::kInvalidField);
}

TEST_F(Subsystem, ReservationsCanBeTurnedOff) {
  Config c;
  c.namespaces = {file_namespace(dir_ / "a.img", 16 << 20)};
  c.reservations = false;
  serve_with(std::move(c));
  EXPECT_EQ(server_->subsystem().model().namespaces.at(1).rescap, 0);
  auto a = host(1);
  EXPECT_EQ(a->association().info().ctrl.oncs & spec::resv::kOncsBit, 0);
  EXPECT_EQ(a->resv_register(0, 0xa), st::kInvalidOpcode);
  EXPECT_EQ(a->resv_report().status, st::kInvalidOpcode);
  EXPECT_EQ(a->write(0, pattern(4096, 1)), st::kOk);
}

TEST_F(Subsystem, IdentityOutlivesRestartAndRename) {
  serve_file();
  const auto before = server_->subsystem().model().namespaces.at(1);
  server_.reset();
  Config c;
  c.subnqn = "nqn.2024-01.test:renamed";
  c.namespaces = {file_namespace(dir_ / "a.img", 0)};
  serve_with(std::move(c));
  EXPECT_EQ(server_->subsystem().model().namespaces.at(1).nguid, before.nguid);
  EXPECT_EQ(server_->subsystem().model().namespaces.at(1).uuid, before.uuid);
}

// ---- identify: what hosts are told ----

TEST_F(Subsystem, IdentifyTellsWhatIsServed) {
  Config c;
  auto n = file_namespace(dir_ / "a.img", 16 << 20);
  n.durability = Durability::kFlush;
  c.namespaces = {n};
  serve_with(std::move(c));
  auto h = host();
  const nvme_id_ctrl& ctrl = h->association().info().ctrl;
  EXPECT_EQ(ctrl.vwc & 1, 1);
  EXPECT_EQ(ctrl.mdts, 5);
  EXPECT_EQ(ctrl.oncs & 0x2d, 0x2d);
  nvmf::Sqe q{};
  q.opcode = spec::admin::kIdentify;
  q.nsid = 1;
  const Answer a = h->admin(q, {}, 4096);
  ASSERT_EQ(a.status, st::kOk);
  nvme_id_ns ns;
  std::memcpy(&ns, a.data.data(), sizeof ns);
  EXPECT_EQ(ns.nsze, (16u << 20) / 4096);
  EXPECT_EQ(ns.rescap, 0xff);
  EXPECT_EQ(ns.dlfeat, 9);
  EXPECT_EQ(ns.lbaf[0].ds, 12);
  nvmf::Sqe smart{};
  smart.opcode = spec::admin::kGetLogPage;
  smart.nsid = spec::kNsidAll;
  smart.cdw10 = spec::lid::kSmart | 127u << 16;
  EXPECT_EQ(h->write(0, pattern(4096, 1)), st::kOk);
  const Answer s = h->admin(smart, {}, 512);
  ASSERT_EQ(s.status, st::kOk);
  nvme_smart_log smart_log;
  std::memcpy(&smart_log, s.data.data(), sizeof smart_log);
  EXPECT_EQ(smart_log.host_writes[0], 1);
  EXPECT_EQ(smart_log.data_units_written[0], 1);
}

// ---- the end of a host ----

TEST_F(Subsystem, AHostThatGoesTakesItsUnbegunCommandsAlong) {
  serve_file();
  auto a = host(1), b = host(2);
  EXPECT_EQ(ask({"stall", "host=nqn.2024-01.test:host1"})["ok"], true);
  std::vector<unsigned> tickets;
  for (unsigned i = 0; i < 8; ++i) a->start(TestHost::sqe(io::kWrite, i), pattern(4096, i));
  EXPECT_TRUE(loop_.until([&] { return server_->target().engine().stalled() == 8; }));
  a->close();
  EXPECT_TRUE(loop_.until([&] { return server_->target().queues() == 1; }));
  EXPECT_EQ(server_->target().engine().stalled(), 0u);
  EXPECT_EQ(ask({"resume"})["resumed"], 0);
  EXPECT_TRUE(b->read(0, 8) == std::vector<std::byte>(8 * 4096));
}

TEST_F(Subsystem, ControllerResetWaitsForItsCommands) {
  serve_file();
  auto a = host(1);
  for (unsigned i = 0; i < 16; ++i) a->start(TestHost::sqe(io::kWrite, i * 32, 32), pattern(32 * 4096, i));
  nvmf::Sqe set{};
  set.opcode = spec::kOpFabrics;
  set.nsid = spec::fabrics::kPropertySet;
  set.cdw11 = spec::prop::kCc;  // CC := 0
  a->association().admin(set, {}, 0, [](const nvmf::Cqe&, std::span<const std::byte>) {});
  EXPECT_TRUE(loop_.until([&] { return server_->target().queues() == 0; }));
  EXPECT_EQ(server_->target().engine().pending(), 0u);
}

// ---- faults by the control socket ----

TEST_F(Subsystem, ControlInjectsAndReports) {
  serve_memory();
  auto h = host();
  auto r = ask({"inject", "error=2/81,opcode=read", "count=2"});
  EXPECT_EQ(r["ok"], true);
  EXPECT_EQ(r["id"], 1);
  EXPECT_EQ(h->run(TestHost::sqe(io::kRead), {}, 4096).status, st::kReadError);
  r = ask({"status"});
  EXPECT_EQ(r["ok"], true);
  EXPECT_EQ(r["rules"][0]["hits"], 1);
  EXPECT_EQ(r["controllers"].size(), 1u);
  EXPECT_EQ(r["controllers"][0]["io_queues"], 1);
  EXPECT_EQ(r["namespaces"][0]["injected"], 1);
  EXPECT_EQ(ask({"clear", "1"})["ok"], true);
  EXPECT_EQ(ask({"clear", "1"})["ok"], false);
  EXPECT_EQ(h->run(TestHost::sqe(io::kRead), {}, 4096).status, st::kOk);
  for (const std::vector<std::string>& bad : {std::vector<std::string>{"dance"},
                                              {"inject"},
                                              {"inject", "thunder"},
                                              {"ana", "blue"},
                                              {"drop-connections", "x"},
                                              {"refuse-queues"},
                                              {}})
    EXPECT_EQ(ask(bad)["ok"], false);
}

TEST_F(Subsystem, StallHoldsAnswersAndResumeGivesThem) {
  serve_file();
  auto h = host();
  EXPECT_EQ(ask({"stall"})["ok"], true);
  const unsigned w = h->start(TestHost::sqe(io::kWrite), pattern(4096, 1));
  const unsigned f = h->start(TestHost::sqe(io::kFlush));
  EXPECT_TRUE(loop_.until([&] { return server_->target().engine().stalled() == 2; }));
  EXPECT_FALSE(h->finished(w) || h->finished(f));
  EXPECT_EQ(ask({"resume"})["resumed"], 2);
  EXPECT_EQ(h->take(w).status, st::kOk);
  EXPECT_EQ(h->take(f).status, st::kOk);
}

TEST_F(Subsystem, ConnectionsDropAndQueuesAreRefused) {
  serve_memory();
  auto h = host();
  EXPECT_EQ(ask({"drop-connections"})["io_queues"], 1);
  EXPECT_TRUE(loop_.until([&] { return h->down; }));
  EXPECT_EQ(ask({"refuse-queues", "on"})["ok"], true);
  TestHost late(loop_, server_->address());
  EXPECT_FALSE(late.connect());
  EXPECT_EQ(ask({"refuse-queues", "off"})["ok"], true);
  EXPECT_TRUE(host(3)->up);
}

TEST_F(Subsystem, AnaStateGatesIo) {
  serve_memory();
  auto h = host();
  EXPECT_EQ(ask({"ana", "inaccessible"})["ok"], true);
  const Answer a = h->run(TestHost::sqe(io::kRead), {}, 4096);
  EXPECT_EQ(a.status, st::kAnaInaccessible);
  EXPECT_FALSE(a.dnr);
  EXPECT_TRUE(loop_.until([&] { return !h->events.empty(); }));
  EXPECT_EQ(ask({"ana", "non-optimized"})["ok"], true);
  EXPECT_EQ(h->run(TestHost::sqe(io::kRead), {}, 4096).status, st::kOk);
}

TEST_F(Subsystem, LosingPowerDropsWhatWasNotFlushed) {
  Config c;
  auto n = file_namespace(dir_ / "a.img", 16 << 20);
  n.cache = true;
  c.namespaces = {n};
  serve_with(std::move(c));
  auto h = host();
  EXPECT_EQ(h->write(0, pattern(4096, 1)), st::kOk);
  EXPECT_EQ(h->run(TestHost::sqe(io::kFlush)).status, st::kOk);
  EXPECT_EQ(h->write(0, pattern(4096, 2)), st::kOk);
  EXPECT_EQ(h->write(1, pattern(4096, 3), 4096, spec::kCdw12Fua), st::kOk);
  EXPECT_EQ(ask({"lose-power"})["lost_blocks"], 1);
  EXPECT_TRUE(loop_.until([&] { return h->down; }));
  auto again = host();
  EXPECT_TRUE(again->read(0, 1) == pattern(4096, 1));
  EXPECT_TRUE(again->read(1, 1) == pattern(4096, 3));
}

// ---- the end of the target ----

TEST_F(Subsystem, DrainAnswersWhatWasSentAndFlushesTheCache) {
  Config c;
  auto n = file_namespace(dir_ / "a.img", 16 << 20);
  n.cache = true;
  c.namespaces = {n};
  serve_with(std::move(c));
  auto h = host();
  EXPECT_EQ(ask({"stall"})["ok"], true);
  const unsigned t = h->start(TestHost::sqe(io::kWrite, 7), pattern(4096, 7));
  EXPECT_TRUE(loop_.until([&] { return server_->target().engine().stalled() == 1; }));
  bool drained = false;
  server_->drain([&] { drained = true; });
  EXPECT_TRUE(loop_.until([&] { return drained; }));
  EXPECT_TRUE(loop_.until([&] { return h->down; }));
  EXPECT_TRUE(h->finished(t));
  server_.reset();
  serve_file();
  EXPECT_TRUE(host()->read(7, 1) == pattern(4096, 7));
}

TEST_F(Subsystem, RefusesToStartOnWhatIsInUseOrDamaged) {
  serve_file();
  Config c;
  c.namespaces = {file_namespace(dir_ / "a.img", 0)};
  c.listen = {"127.0.0.1", 0};
  auto second = Server::create(*loop_.reactor, c);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text().find("in use"), std::string::npos);
  Config d;
  d.listen = server_->address();
  d.namespaces = {mem_namespace(1 << 20)};
  EXPECT_FALSE(Server::create(*loop_.reactor, d));  // the port is taken
  server_.reset();
  std::filesystem::resize_file(dir_ / "a.img.nvtee", 20);
  auto damaged = Server::create(*loop_.reactor, c);
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().text().find("damaged"), std::string::npos);
}

}  // namespace
}  // namespace nvtee::target
