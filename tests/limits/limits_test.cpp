// Bounds of a whole node: each is reached, refuses clearly, and disturbs nobody else.
#include "tests/limits/rig.hpp"

namespace nvtee {
namespace {

namespace st = spec::st;
using spec::io::kRead;
using spec::io::kWrite;

constexpr const char* kGreedy = "nqn.2026-01.io.nvtee:greedy";
constexpr const char* kGood = "nqn.2026-01.io.nvtee:good";

// reaches: host.queues
TEST(NodeLimits, QueuesOfASubsystem) {
  LimitsRig rig;
  std::vector<LimitsRig::Controller> greedy;
  for (int i = 0; i < 3; ++i) greedy.push_back(rig.controller(kGreedy, limits::kQueuesPerController));
  auto last = rig.controller(kGreedy, 0);
  EXPECT_EQ(rig.add_queue(last, kGreedy), st::kConnectBusy) << "one host has as many as it may";
  auto good = rig.controller(kGood, limits::kQueues - limits::kQueuesPerHost);
  EXPECT_EQ(rig.in_use("host.queues"), limits::kQueues);
  EXPECT_EQ(rig.in_use("host.queues_per_host"), limits::kQueuesPerHost);
  EXPECT_EQ(rig.add_queue(good, kGood), st::kConnectBusy);
  // All of them work.
  const auto data = nvmf::test::Bytes(4096, std::byte{7});
  EXPECT_EQ(good.io[3]->call(LimitsRig::io(kWrite, 1, 1), {}, data).status, st::kOk);
  EXPECT_EQ(greedy[0].io[15]->call(LimitsRig::io(kRead, 1, 1)).data, data);
  greedy[1].io.pop_back();
  EXPECT_TRUE(rig.hosts.until([&] { return rig.add_queue(good, kGood) == st::kOk; }));
}

// Every slot that hosts can have is held by a host that owes the data of its writes; another host's commands
// are served meanwhile, and memory stays where it is.
// reaches: tee.slots
// reaches: tee.pool
// reaches: host.data_deadline
TEST(NodeLimits, SlotsHeldByAHostThatOwesItsData) {
  LimitsRig rig;
  auto good = rig.controller(kGood, 1);
  std::vector<LimitsRig::Controller> greedy;
  for (int i = 0; i < 3; ++i) greedy.push_back(rig.controller(kGreedy, limits::kQueuesPerController));
  for (auto& c : greedy)
    for (auto& q : c.io) q->answer_r2t = false;
  for (auto& c : greedy)
    for (auto& q : c.io)
      for (unsigned i = 0; i < limits::kQueueEntries - 1u; ++i) q->submit(LimitsRig::io(kWrite, 64, 32));
  const unsigned held = limits::kQueuesPerHost * (limits::kQueueEntries - 1u);
  EXPECT_TRUE(rig.hosts.until([&] { return rig.in_use("tee.slots") >= held; }));
  EXPECT_EQ(rig.in_use("tee.pool"), rig.in_use("tee.slots") * limits::kTransfer);
  const auto data = nvmf::test::Bytes(131072, std::byte{9});
  EXPECT_EQ(good.io[0]->call(LimitsRig::io(kWrite, 64, 32), {}, data).status, st::kOk)
      << "P12: what waits for its host holds nothing but its slot";
  EXPECT_EQ(good.io[0]->call(LimitsRig::io(kRead, 64, 32)).data, data);
  // One command too many in a queue is the host's fault and costs its connection only.
  greedy[0].io[0]->submit(LimitsRig::io(kRead, 0, 1));
  EXPECT_TRUE(rig.hosts.until([&] { return greedy[0].io[0]->closed(); }));
  // The data does not come: the connections end, the slots are free again.
  EXPECT_TRUE(rig.hosts.until([&] { return rig.in_use("tee.slots") == 0; }));
  for (auto& c : greedy)
    for (auto& q : c.io) EXPECT_TRUE(rig.hosts.until([&] { return q->closed(); }));
  EXPECT_EQ(good.io[0]->call(LimitsRig::io(kRead, 64, 32)).data, data);
}

// reaches: tee.legs
TEST(NodeLimits, LegsOfANamespace) {
  LimitsRig rig;
  core::NamespaceSpec spec;
  spec.name = "wide";
  spec.subsystem = kVolume;
  spec.nsid = 2;
  std::vector<core::LegSpec> legs;
  for (std::uint32_t i = 0; i <= limits::kLegs; ++i) legs.push_back({"a", i + 2});
  const auto r = rig.call([&](Node::Done d) { rig.node().create_namespace(spec, legs, true, std::move(d)); });
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().what.find("at most 4 legs"), std::string::npos) << r.error().what;
  EXPECT_EQ(rig.status().namespaces.size(), 1u);
}

// More namespaces than a subsystem has are refused before anything of them is written.
// reaches: tee.namespaces
TEST(NodeLimits, NamespacesOfASubsystem) {
  TempDir dir;
  Loop loop;
  target::Config t;
  t.listen = {"127.0.0.1", 0};
  t.subnqn = "nqn.2026-01.io.nvtee:a";
  for (std::uint32_t i = 1; i <= limits::kNamespaces + 1; ++i)
    t.namespaces.push_back(target::mem_namespace(1 << 20, 12, i));
  auto server = std::move(*target::Server::create(*loop.reactor, t));
  NodeConfig c;
  c.state_file = dir / "state.db";
  c.host_nqn = "nqn.2026-01.io.nvtee:node";
  c.listen = {{"127.0.0.1", 0}};
  c.subsystems.push_back({kVolume, "", true, {}});
  PeerConfig p;
  p.name = "a";
  p.addresses = {server->address()};
  p.subnqn = t.subnqn;
  p.queues = 1;
  c.peers.push_back(p);
  auto node = std::move(*Node::start(c));
  const auto create = [&](std::uint32_t nsid, std::uint32_t leg) {
    core::NamespaceSpec spec;
    spec.name = "v" + std::to_string(leg);
    spec.subsystem = kVolume;
    spec.nsid = nsid;
    auto done = std::make_shared<std::optional<Status0>>();
    auto mutex = std::make_shared<std::mutex>();
    node->create_namespace(spec, {{"a", leg}}, true, [=](Status0 r) {
      const std::lock_guard lock(*mutex);
      *done = std::move(r);
    });
    loop.until([&] {
      const std::lock_guard lock(*mutex);
      return done->has_value();
    });
    return done->value_or(fail("not answered"));
  };
  for (std::uint32_t i = 1; i <= limits::kNamespaces; ++i) {
    const auto r = create(i, i);
    ASSERT_TRUE(r) << i << ": " << r.error().text();
  }
  const auto more = create(limits::kNamespaces, limits::kNamespaces + 1);
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().what.find("has 64 namespaces already"), std::string::npos) << more.error().what;
  EXPECT_FALSE(create(limits::kNamespaces + 1, limits::kNamespaces + 1)) << "no such NSID is shown to hosts";
  node.reset();
  EXPECT_TRUE(Node::start(c)) << "nothing of the refused one is in the store";
}

// reaches: verify.mismatches
TEST(NodeLimits, MismatchesThatAreListed) {
  NodeRig rig;
  TestHost& d = rig.direct(1);
  ASSERT_EQ(d.write(8, pattern(131072, 1)), st::kOk);  // 32 blocks behind the node's back
  ASSERT_TRUE(rig.call([&](Node::Done done) { rig.node->verify("vol", true, std::move(done)); }));
  EXPECT_TRUE(rig.loop.until([&] { return rig.vol().verify.finished; }));
  EXPECT_EQ(rig.vol().verify.mismatched_blocks, 32u);
  EXPECT_EQ(rig.vol().verify.first_mismatches.size(), limits::kMismatches);
}

}  // namespace
}  // namespace nvtee
