// Controllers over real sockets: connect, refusals, data by R2T, events, keep-alive, reset, and what ends
// what.
#include "runtime/nvmf/front/loopback_tools.hpp"

namespace nvtee::nvmf::test {
namespace {

namespace prop = spec::prop;
namespace fid = spec::fid;
using ConnectAs = HostQueue::ConnectAs;

struct Loopback : testing::Test {
  Loop loop;
  TestBackend backend;
  SubsystemRegistry registry;
  std::unique_ptr<SubsystemServer> server;
  std::unique_ptr<Listener> listener;

  Loopback() { start(test_model()); }
  ~Loopback() override {
    listener.reset();
    if (server) registry.remove("nqn.2024-01.test:one");
  }
  void start(SubsystemModel m, Listener::Options o = any_port()) {
    if (server) registry.remove(server->model().nqn);
    server = std::make_unique<SubsystemServer>(*loop.reactor, std::move(m), &backend);
    registry.add(server.get());
    auto l = Listener::create(*loop.reactor, registry, o);
    ASSERT_TRUE(l) << l.error().text();
    listener = std::move(*l);
  }
  net::Address at() { return listener->address(); }
  std::unique_ptr<HostQueue> queue(bool digests = false) {
    return std::make_unique<HostQueue>(loop, at(), digests);
  }
  // A connected and enabled controller.
  std::unique_ptr<HostQueue> admin(const ConnectAs& as = {}, bool digests = false) {
    auto h = queue(digests);
    const auto a = h->connect(as);
    EXPECT_EQ(a.status, st::kOk);
    cntlid = static_cast<std::uint16_t>(a.result);
    EXPECT_EQ(h->call(property_set(prop::kCc, kCcLinux | 1)).status, st::kOk);
    return h;
  }
  std::unique_ptr<HostQueue> io(std::uint16_t qid) {
    auto h = queue();
    EXPECT_EQ(h->connect({.qid = qid, .cntlid = cntlid}).status, st::kOk);
    return h;
  }
  std::uint16_t cntlid = 0;
};

TEST_F(Loopback, LinuxConnectsAllItsQueues) {
  for (const bool digests : {false, true}) {
    auto h = admin({}, digests);
    EXPECT_EQ(h->ic().dgst, digests ? 3 : 0);
    const Bytes id = h->call(identify_cmd(1)).data;
    ASSERT_EQ(id.size(), 4096u);
    EXPECT_EQ(le(id, 78, 2), cntlid);
    EXPECT_EQ(h->call(set_feature(fid::kNumQueues, 3 | 3 << 16)).result, 3u | 3u << 16);
    // Linux opens all sockets and does ICReq on each before the first I/O Connect.
    std::vector<std::unique_ptr<HostQueue>> queues;
    for (int i = 0; i < 4; ++i) queues.push_back(queue(digests));
    std::vector<std::uint16_t> cids;
    for (std::uint16_t i = 0; i < 4; ++i)
      cids.push_back(queues[i]->submit_connect({.qid = static_cast<std::uint16_t>(i + 1), .cntlid = cntlid}));
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(queues[i]->wait(cids[i]).status, st::kOk);
    for (auto& q : queues) EXPECT_EQ(q->call(command(spec::io::kRead, 1)).status, st::kOk);
    EXPECT_EQ(server->controllers().at(0).io_queues, 4u);
    EXPECT_TRUE(server->controllers().at(0).enabled);
    EXPECT_EQ(backend.last.host_nqn, "nqn.host:a");
    EXPECT_EQ(backend.last.host_id[7], 0xaa);
    EXPECT_EQ(backend.last.peer.host, "127.0.0.1");
    EXPECT_EQ(backend.open, 4);
    // The admin connection goes: so does everything else, the queues before quiesce.
    h.reset();
    EXPECT_TRUE(loop.until([&] { return server->controllers().empty(); }));
    EXPECT_EQ(backend.open, 0);
    EXPECT_EQ(backend.open_at_quiesce, 0);
    for (auto& q : queues) EXPECT_TRUE(loop.until([&] { return q->closed(); }));
    EXPECT_TRUE(loop.until([&] { return listener->connections() == 0; }));
  }
}

TEST_F(Loopback, FlowControlOffIsGranted) {
  auto h = queue();
  const auto a = h->connect({.flow_control_off = true});
  EXPECT_EQ(a.status, st::kOk);
  EXPECT_EQ(a.sqhd, 0xffff);
}

TEST_F(Loopback, RefusedConnectsSayWhyAndEnd) {
  auto h = admin();
  auto running = io(1);
  struct {
    const char* name;
    ConnectAs as;
    spec::Status status;
    std::uint64_t result;
    bool dnr;
  } const cases[] = {
      {"unknown subsystem", {.sub = "nqn.none"}, st::kConnectInvalidParams, 1u << 16 | 256, false},
      {"malformed host", {.host = "host"}, st::kConnectInvalidParams, 1u << 16 | 512, true},
      {"host not allowed", {.host = "nqn.host:b"}, st::kConnectInvalidHost, 0, true},
      {"static controller", {.cntlid = 3}, st::kConnectInvalidParams, 1u << 16 | 16, true},
      {"no such controller",
       {.qid = 2, .cntlid = static_cast<std::uint16_t>(cntlid ^ 1)},
       st::kConnectInvalidParams,
       1u << 16 | 16,
       false},
      {"a queue that lives", {.qid = 1, .cntlid = cntlid}, st::kConnectInvalidParams, 42, false},
      {"more queues than granted", {.qid = 17, .cntlid = cntlid}, st::kConnectInvalidParams, 42, true},
      {"another host's controller",
       {.host = "nqn.host:c", .qid = 2, .cntlid = cntlid},
       st::kConnectInvalidParams,
       1u << 16 | 512,
       true},
  };
  for (const auto& c : cases) {
    auto q = queue();
    const auto a = q->connect(c.as);
    EXPECT_EQ(a.status, c.status) << c.name;
    EXPECT_EQ(a.result, c.result) << c.name;
    EXPECT_EQ(a.dnr, c.dnr) << c.name;
    EXPECT_TRUE(loop.until([&] { return q->closed(); })) << c.name;
  }
  EXPECT_EQ(running->call(command(spec::io::kRead, 1)).status, st::kOk);
  EXPECT_TRUE(loop.until([&] { return listener->connections() == 2; }));
}

TEST_F(Loopback, IoConnectBeforeEnable) {
  auto h = queue();
  const auto a = h->connect({});
  auto q = queue();
  const auto refused = q->connect({.qid = 1, .cntlid = static_cast<std::uint16_t>(a.result)});
  EXPECT_EQ(refused.status, st::kConnectInvalidParams);
  EXPECT_EQ(refused.result, 42u);
  EXPECT_FALSE(refused.dnr);
}

TEST_F(Loopback, BackendWithoutRoom) {
  auto h = admin();
  backend.refuse = true;
  EXPECT_EQ(queue()->connect({.qid = 1, .cntlid = cntlid}).status, st::kConnectBusy);
  backend.refuse = false;
  backend.close_on_open = true;
  auto q = queue();
  EXPECT_EQ(q->connect({.qid = 1, .cntlid = cntlid}).status, 0xffff);
  EXPECT_TRUE(q->closed());
  EXPECT_EQ(backend.open, 0);  // its handler heard of the end
  backend.close_on_open = false;
  EXPECT_EQ(queue()->connect({.qid = 1, .cntlid = cntlid}).status, st::kOk);
}

// reaches: host.controllers
TEST_F(Loopback, ControllersAreCounted) {
  SubsystemModel m = test_model();
  m.max_controllers = 2;
  m.cntlid_first = 0x100;
  m.cntlid_last = 0x1ff;
  start(m);
  auto a = admin();
  EXPECT_TRUE(cntlid >= 0x100 && cntlid <= 0x1ff);
  const std::uint16_t first = cntlid;
  auto b = admin();
  EXPECT_NE(cntlid, first);
  auto c = queue();
  const auto busy = c->connect({});
  EXPECT_EQ(busy.status, st::kConnectBusy);
  EXPECT_FALSE(busy.dnr);
  a.reset();
  EXPECT_TRUE(loop.until([&] { return server->controllers().size() == 1; }));
  auto d = admin();
  EXPECT_NE(cntlid, first);
}

// reaches: host.controllers_per_host
// reaches: host.queues_per_host
TEST_F(Loopback, OneHostCannotTakeWhatOthersNeed) {
  SubsystemModel m = test_model();
  m.any_host = true;
  m.max_controllers_per_host = 2;
  m.max_queues_per_host = 3;
  start(m);
  auto a = admin(), b = admin();
  const std::uint16_t id = cntlid;
  const auto busy = queue()->connect({});
  EXPECT_EQ(busy.status, st::kConnectBusy);
  EXPECT_FALSE(busy.dnr);
  std::vector<std::unique_ptr<HostQueue>> io;
  for (std::uint16_t qid = 1; qid <= 3; ++qid) {
    io.push_back(queue());
    EXPECT_EQ(io.back()->connect({.qid = qid, .cntlid = id}).status, st::kOk);
  }
  EXPECT_EQ(queue()->connect({.qid = 4, .cntlid = id}).status, st::kConnectBusy);
  // Another host has all it needs.
  auto other = queue();
  const auto joined = other->connect({.host = "nqn.host:other"});
  ASSERT_EQ(joined.status, st::kOk);
  other->call(property_set(prop::kCc, kCcLinux | 1));
  auto other_io = queue();
  EXPECT_EQ(
      other_io
          ->connect({.host = "nqn.host:other", .qid = 1, .cntlid = static_cast<std::uint16_t>(joined.result)})
          .status,
      st::kOk);
  // What is given back may be taken again.
  io.pop_back();
  EXPECT_TRUE(loop.until([&] { return queue()->connect({.qid = 4, .cntlid = id}).status == st::kOk; }));
}

// ---- Admin data ----

TEST_F(Loopback, FeatureDataInCapsuleAndByR2t) {
  auto h = admin();
  Bytes data(512);
  data[3] = std::byte{1};
  Sqe here = set_feature(fid::kHostBehavior, 0, 0, 512);
  here.sgl.type = spec::kSglDataOffset;
  EXPECT_EQ(h->call(here, data).status, st::kOk);
  EXPECT_TRUE(server->controllers().at(0).info.hdisns);
  data[3] = std::byte{0};
  EXPECT_EQ(h->call(set_feature(fid::kHostBehavior, 0, 0, 512), {}, data).status, st::kOk);
  EXPECT_FALSE(server->controllers().at(0).info.hdisns);
  ASSERT_EQ(h->r2ts.size(), 1u);
  EXPECT_EQ(h->r2ts[0].r2to, 0u);
  EXPECT_EQ(h->r2ts[0].r2tl, 512u);
  EXPECT_NE(h->r2ts[0].ttag, 0);
}

TEST_F(Loopback, DamagedDataIsRetriedNotFatal) {
  auto h = admin({}, true);
  Sqe s = set_feature(fid::kHostBehavior, 0, 0, 512);
  s.sgl.type = spec::kSglDataOffset;
  Bytes data(512);
  data[3] = std::byte{1};
  const auto a = h->wait(h->submit(s, data, {}, 0xdeadbeef));
  EXPECT_EQ(a.status, st::kTransientTransport);
  EXPECT_FALSE(a.dnr);
  EXPECT_FALSE(server->controllers().at(0).info.hdisns);
  EXPECT_EQ(h->call(s, data).status, st::kOk);
}

TEST_F(Loopback, DataInPiecesOneOfThemDamaged) {
  for (const bool damage : {true, false}) {
    auto h = admin({}, true);
    h->answer_r2t = false;
    Bytes data(512);
    data[3] = std::byte{1};
    const std::uint16_t cid = h->submit(set_feature(fid::kHostBehavior, 0, 0, 512));
    ASSERT_TRUE(loop.until([&] { return !h->r2ts.empty(); }));
    for (const std::uint32_t at : {0u, 256u}) {
      DataPdu d{};
      d.head = {p::kH2CData, at == 256 ? p::kLast : std::uint8_t{0}, p::kHlenData, 0, 0};
      d.cccid = cid;
      d.ttag = h->r2ts[0].ttag;
      d.datao = at;
      d.datal = 256;
      const bool spoil = damage && at == 0;
      h->pdu().send_pdu(d, std::span(data).subspan(at, 256), 0,
                        spoil ? std::optional<std::uint32_t>{1} : std::nullopt);
    }
    const auto a = h->wait(cid);
    EXPECT_EQ(a.status, damage ? st::kTransientTransport : st::kOk);
    EXPECT_FALSE(a.dnr);
    EXPECT_EQ(server->controllers().at(0).info.hdisns, !damage);
    server->close_all("next");
  }
}

struct H2cCase {
  const char* name;
  std::function<void(DataPdu&)> spoil;
  std::uint32_t size;
  int fes, fei;
};

TEST_F(Loopback, WrongH2CDataEndsTheConnection) {
  const H2cCase cases[] = {
      {"TTAG", [](DataPdu& d) { d.ttag += 9; }, 512, 1, 10},
      {"CCCID", [](DataPdu& d) { d.cccid ^= 1; }, 512, 1, 8},
      {"offset not 0", [](DataPdu& d) { d.datao = 4; }, 508, 4, 0},
      {"offset far away", [](DataPdu& d) { d.datao = 0xffff'fffc; }, 512, 4, 0},
      {"too much", [](DataPdu&) {}, 1024, 4, 0},
      {"LAST too early", [](DataPdu&) {}, 256, 1, 1},
      {"LAST missing", [](DataPdu& d) { d.head.flags = 0; }, 512, 1, 1},
  };
  for (const H2cCase& c : cases) {
    auto h = admin();
    h->answer_r2t = false;
    h->submit(set_feature(fid::kHostBehavior, 0, 0, 512));
    ASSERT_TRUE(loop.until([&] { return !h->r2ts.empty(); })) << c.name;
    DataPdu d{};
    d.head = {p::kH2CData, p::kLast, p::kHlenData, 0, 0};
    d.cccid = h->r2ts[0].cccid;
    d.ttag = h->r2ts[0].ttag;
    d.datal = c.size;
    c.spoil(d);
    h->pdu().send_pdu(d, Bytes(c.size));
    EXPECT_TRUE(loop.until([&] { return h->closed(); })) << c.name;
    const std::string want = "FES " + std::to_string(c.fes) + ", FEI " + std::to_string(c.fei);
    EXPECT_NE(h->why().find(want), std::string::npos) << c.name << ": " << h->why();
    EXPECT_TRUE(loop.until([&] { return server->controllers().empty(); })) << c.name;
  }
}

TEST_F(Loopback, WrongSglsAreAnsweredNotFatal) {
  auto h = admin();
  Sqe keyed = identify_cmd(1), segment = set_feature(fid::kHostBehavior, 0, 0, 512), huge = segment,
      shorter = segment;
  keyed.sgl.type = 0x40;
  segment.sgl.type = 0x20;
  huge.sgl.length = 1 << 20;
  shorter.sgl = {0, 100, {}, spec::kSglDataOffset};
  EXPECT_EQ(h->call(keyed).status, st::kSglType);
  EXPECT_EQ(h->call(segment).status, st::kSglType);
  EXPECT_EQ(h->call(huge).status, st::kInvalidField);
  EXPECT_EQ(h->call(shorter, Bytes(64)).status, st::kSglLength);
  EXPECT_EQ(h->call(identify_cmd(1)).status, st::kOk);
}

TEST_F(Loopback, CidInUse) {
  auto h = admin();
  h->answer_r2t = false;
  const std::uint16_t held = h->submit(command(spec::admin::kAsyncEvent));
  const std::uint16_t waiting = h->submit(set_feature(fid::kHostBehavior, 0, 0, 512));
  ASSERT_TRUE(loop.until([&] { return !h->r2ts.empty(); }));
  for (const std::uint16_t cid : {held, waiting}) {
    CapsuleCmd c{};
    c.head = {p::kCapsuleCmd, 0, p::kHlenCmd, 0, 0};
    c.sqe = command(spec::admin::kKeepAlive, 0, cid);
    h->pdu().send_pdu(c);
    EXPECT_EQ(h->wait(cid).status, st::kCidConflict);
  }
}

TEST_F(Loopback, TransfersWaitingForDataAreBounded) {
  SubsystemModel m = test_model();
  start(m);
  auto h = queue();
  ConnectAs as;
  const auto a = h->connect(as);
  ASSERT_EQ(a.status, st::kOk);
  h->call(property_set(prop::kCc, kCcLinux | 1));
  h->answer_r2t = false;
  // SQSIZE 31: 31 commands may wait. One more is the host's fault and ends the connection.
  for (int i = 0; i < 31; ++i) h->submit(set_feature(fid::kHostBehavior, 0, 0, 512));
  EXPECT_TRUE(loop.until([&] { return h->r2ts.size() == 31; }));
  h->submit(command(spec::admin::kKeepAlive));
  EXPECT_TRUE(loop.until([&] { return h->closed(); }));
  EXPECT_TRUE(loop.until([&] { return server->controllers().empty(); }));
}

// reaches: host.admin_transfers
TEST_F(Loopback, TransfersBeyondTheBoundMayBeTriedAgain) {
  start(test_model());
  auto h = queue();
  ASSERT_EQ(h->connect({.entries = 128}).status, st::kOk);
  h->call(property_set(prop::kCc, kCcLinux | 1));
  h->answer_r2t = false;
  for (std::size_t i = 0; i < limits::kAdminTransfers; ++i)
    h->submit(set_feature(fid::kHostBehavior, 0, 0, 512));
  EXPECT_TRUE(loop.until([&] { return h->r2ts.size() == limits::kAdminTransfers; }));
  const auto more = h->call(set_feature(fid::kHostBehavior, 0, 0, 512));
  EXPECT_EQ(more.status, st::kInterrupted);
  EXPECT_FALSE(more.dnr);
  EXPECT_EQ(h->call(command(spec::admin::kKeepAlive)).status, st::kOk);
}

// reaches: host.admin_answers
TEST_F(Loopback, HostThatDoesNotReadIsNotServedWithoutEnd) {
  start(test_model());
  auto h = queue();
  ASSERT_EQ(h->connect({.entries = 128}).status, st::kOk);
  h->call(property_set(prop::kCc, kCcLinux | 1));
  h->pdu().pause_rx();
  std::vector<std::uint16_t> asked;
  for (int i = 0; i < 120; ++i) asked.push_back(h->submit(log_cmd(spec::lid::kError, 128 * 1024)));
  loop.settle();
  auto other = admin();  // served meanwhile
  EXPECT_EQ(other->call(command(spec::admin::kKeepAlive)).status, st::kOk);
  h->pdu().resume_rx();
  unsigned served = 0, later = 0;
  for (const auto cid : asked) {
    const auto a = h->wait(cid);
    served += a.status == st::kOk && a.data.size() == 128 * 1024;
    later += a.status == st::kInterrupted && !a.dnr && a.data.empty();
  }
  EXPECT_EQ(served + later, 120u);
  EXPECT_GE(served, 7u);
  EXPECT_GE(later, 1u);
  EXPECT_EQ(h->call(log_cmd(spec::lid::kError, 128 * 1024)).status, st::kOk);
}

// ---- Events ----

TEST_F(Loopback, HostHearsOfNamespacesAndAna) {
  auto h = admin();
  EXPECT_EQ(h->call(set_feature(fid::kAsyncEventConfig, 0x900)).status, st::kOk);
  const std::uint16_t first = h->submit(command(spec::admin::kAsyncEvent));
  loop.settle();
  EXPECT_FALSE(h->answered(first));
  server->model().namespaces[3].blocks = 50;
  server->model().namespaces[3].ana_group = 3;
  server->namespaces_changed(3);
  EXPECT_EQ(h->wait(first).result, 2u | 4u << 16);
  EXPECT_EQ(le(h->call(log_cmd(spec::lid::kChangedNs, 4096)).data, 0, 8), 3u);
  EXPECT_EQ(le(h->call(identify_cmd(2)).data, 0, 8), 1u | std::uint64_t{3} << 32);

  server->model().namespaces[3].ana_state = spec::ana::kInaccessible;
  server->ana_changed();  // no request outstanding: kept
  EXPECT_EQ(h->call(command(spec::admin::kAsyncEvent)).result, 2u | 3u << 8 | 0x0cu << 16);
  const Bytes log = h->call(log_cmd(spec::lid::kAna, 128)).data;
  EXPECT_EQ(le(log, 8, 2), 2u);
  EXPECT_EQ(le(log, 52, 4), 3u);
  EXPECT_EQ(le(log, 68, 1), 3u);
}

TEST_F(Loopback, EventsToOneHostOnly) {
  SubsystemModel m = test_model();
  m.any_host = true;
  start(m);
  auto a = admin({.host = "nqn.host:a"});
  auto b = admin({.host = "nqn.host:b"});
  const auto wait_a = a->submit(command(spec::admin::kAsyncEvent));
  const auto wait_b = b->submit(command(spec::admin::kAsyncEvent));
  loop.settle();
  server->raise_event([](const ControllerInfo& c) { return c.host_nqn == "nqn.host:b"; },
                      spec::aen::kTypeIoSpecific, 0, spec::lid::kReservation);
  EXPECT_EQ(b->wait(wait_b).result, 6u | 0x80u << 16);
  loop.settle();
  EXPECT_FALSE(a->answered(wait_a));
}

TEST_F(Loopback, ErrorLogOfOneController) {
  auto h = admin();
  server->record_error(cntlid, {.sqid = 1, .cid = 5, .status = st::kReadError, .lba = 77, .nsid = 1});
  server->record_error(static_cast<std::uint16_t>(cntlid ^ 1), {});  // nobody there
  const Bytes log = h->call(log_cmd(spec::lid::kError, 128)).data;
  EXPECT_EQ(le(log, 0, 8), 1u);
  EXPECT_EQ(le(log, 16, 8), 77u);
  EXPECT_TRUE(all_zero(log, 64));
}

// ---- Reset, shutdown, end ----

TEST_F(Loopback, ResetClosesQueuesAndWaitsForTheBackend) {
  auto h = admin();
  auto q = io(1);
  backend.hold = true;
  const auto event = h->submit(command(spec::admin::kAsyncEvent));
  EXPECT_EQ(h->call(property_set(prop::kCc, kCcLinux)).status, st::kOk);
  EXPECT_EQ(h->wait(event).status, st::kAbortRequested);
  EXPECT_TRUE(loop.until([&] { return q->closed(); }));
  EXPECT_EQ(backend.open, 0);
  EXPECT_EQ(h->call(property_get(prop::kCsts)).result & 1, 1u);  // RDY until media is quiet
  ASSERT_EQ(backend.waiting.size(), 1u);
  backend.waiting[0]();
  EXPECT_EQ(h->call(property_get(prop::kCsts)).result, 0u);
  EXPECT_EQ(h->call(property_set(prop::kCc, kCcLinux | 1)).status, st::kOk);
  auto again = io(1);
  EXPECT_EQ(again->call(command(spec::io::kRead, 1)).status, st::kOk);
}

TEST_F(Loopback, OnlyTheLastQuiesceCounts) {
  auto h = admin();
  backend.hold = true;
  h->call(property_set(prop::kCc, kCcLinux | 1 | 1 << 14));  // shutdown
  h->call(property_set(prop::kCc, kCcLinux));                // and a reset before it is done
  ASSERT_EQ(backend.waiting.size(), 2u);
  backend.waiting[0]();
  EXPECT_EQ(h->call(property_get(prop::kCsts)).result & 1, 1u);
  backend.waiting[1]();
  EXPECT_EQ(h->call(property_get(prop::kCsts)).result & 1, 0u);
}

TEST_F(Loopback, ShutdownCompletesWhenQuiet) {
  auto h = admin();
  auto q = io(1);
  backend.hold = true;
  EXPECT_EQ(h->call(property_set(prop::kCc, kCcLinux | 1 | 1 << 14)).status, st::kOk);
  EXPECT_EQ(h->call(property_get(prop::kCsts)).result & prop::kCstsShstMask, prop::kCstsShutdownBusy);
  EXPECT_TRUE(loop.until([&] { return q->closed(); }));
  backend.waiting[0]();
  EXPECT_EQ(h->call(property_get(prop::kCsts)).result & prop::kCstsShstMask, prop::kCstsShutdownDone);
  EXPECT_EQ(queue()->connect({.qid = 1, .cntlid = cntlid}).status, st::kConnectInvalidParams);
}

TEST_F(Loopback, LateQuiesceAnswersDoNoHarm) {
  auto h = admin();
  backend.hold = true;
  h->call(property_set(prop::kCc, kCcLinux));
  h.reset();
  EXPECT_TRUE(loop.until([&] { return server->controllers().empty(); }));
  auto h2 = admin();
  h2->call(property_set(prop::kCc, kCcLinux));
  registry.remove(server->model().nqn);
  server.reset();
  for (auto& f : backend.waiting) f();
  EXPECT_TRUE(loop.until([&] { return h2->closed(); }));
}

TEST_F(Loopback, SilentHostIsDroppedWithItsQueues) {
  auto h = admin({.kato_ms = 1'000});
  auto q = io(1);
  EXPECT_TRUE(loop.until([&] { return h->closed() && q->closed(); }));
  EXPECT_TRUE(server->controllers().empty());
  EXPECT_EQ(backend.quiesces, 1);
  EXPECT_EQ(backend.open, 0);
}

// The loop stands still while commands wait in the socket: they are not executed.
TEST_F(Loopback, WhatWaitedThroughALongPauseIsDiscarded) {
  struct {
    std::uint32_t kato_ms, pause_ms;
    bool survives;
  } const cases[] = {{1'000, 600, false}, {600'000, 100, true}, {0, 100, true}};
  for (const auto& c : cases) {
    auto h = admin({.kato_ms = c.kato_ms});
    auto q = io(1);
    const int before = backend.commands;
    const std::uint16_t cid = q->submit(command(spec::io::kWrite, 1));
    loop.reactor->turn(0);  // sends it; nobody has read it yet
    const timespec pause{0, c.pause_ms * 1'000'000};
    ::nanosleep(&pause, nullptr);
    EXPECT_EQ(q->wait(cid).status, c.survives ? st::kOk : 0xffff) << c.kato_ms;
    EXPECT_EQ(backend.commands, before + c.survives) << c.kato_ms;
    EXPECT_EQ(server->controllers().empty(), !c.survives) << c.kato_ms;
    server->close_all("next");
  }
}

TEST_F(Loopback, HostsTakenOffTheListAreClosed) {
  SubsystemModel m = test_model();
  m.hosts.insert("nqn.host:b");
  start(m);
  auto a = admin();
  auto b = admin({.host = "nqn.host:b"});
  server->model().hosts.erase("nqn.host:b");
  server->hosts_changed();
  EXPECT_TRUE(loop.until([&] { return b->closed(); }));
  EXPECT_EQ(a->call(identify_cmd(1)).status, st::kOk);
  EXPECT_EQ(queue()->connect({.host = "nqn.host:b"}).status, st::kConnectInvalidHost);
}

TEST_F(Loopback, CloseControllerAndAll) {
  auto a = admin();
  const std::uint16_t first = cntlid;
  auto b = admin();
  server->close_controller(first, "told to");
  EXPECT_TRUE(loop.until([&] { return a->closed(); }));
  EXPECT_EQ(b->call(identify_cmd(1)).status, st::kOk);
  server->close_all("told to");
  EXPECT_TRUE(loop.until([&] { return b->closed(); }));
  EXPECT_TRUE(server->controllers().empty());
}

TEST_F(Loopback, IoQueueMayGoAlone) {
  auto h = admin();
  auto q = io(1);
  q.reset();
  EXPECT_TRUE(loop.until([&] { return server->controllers().at(0).io_queues == 0; }));
  auto again = io(1);
  EXPECT_EQ(h->call(identify_cmd(1)).status, st::kOk);
}

}  // namespace
}  // namespace nvtee::nvmf::test
