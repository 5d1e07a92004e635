// Loss, return and change of legs under a whole node.
#include "tests/node/node_rig.hpp"

namespace nvtee {
namespace {

using spec::io::kRead;
using spec::io::kWrite;

void inject(NodeRig& rig, unsigned target, const std::string& rule) {
  auto r = target::parse_fault(rule);
  ASSERT_TRUE(r) << r.error().text();
  ASSERT_TRUE(rig.targets[target]->target().engine().injector().add(*r));
}

TEST(NodeLegs, LossAndReturnOfALegUnderWrites) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  const auto before = pattern(131072, 1);
  ASSERT_EQ(h.write(0, before), spec::st::kOk);
  rig.targets[1]->subsystem().close_all("test");
  const auto after = pattern(131072, 2);
  EXPECT_EQ(h.write(16, after), spec::st::kOk);  // no error whatever happens to the leg
  EXPECT_TRUE(rig.loop.until([&] { return rig.vol().epoch >= 2; }));
  EXPECT_TRUE(rig.until_health("ok"));
  rig.expect_legs_hold(16, after);
  EXPECT_EQ(rig.vol().legs[1].faults, 1u);
}

TEST(NodeLegs, ALegThatStallsIsFaultedAndWritesGoOn) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  ASSERT_EQ(h.write(0, pattern(4096, 1)), spec::st::kOk);
  inject(rig, 1, "stall,opcode=write,count=1");
  const auto data = pattern(4096, 2);
  EXPECT_EQ(h.write(0, data), spec::st::kOk);
  EXPECT_GE(rig.vol().epoch, 2u);
  EXPECT_EQ(h.read(0, 1), data);
}

TEST(NodeLegs, AMediaErrorOfOneLegIsHealedFromTheOther) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  const auto data = pattern(8192, 1);
  ASSERT_EQ(h.write(8, data), spec::st::kOk);
  inject(rig, 0, "error=2/81,opcode=read,count=1");
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(h.read(8, 2), data);
  inject(rig, 0, "error=2/80,opcode=write,count=1");
  const auto next = pattern(8192, 2);
  EXPECT_EQ(h.write(8, next), spec::st::kOk);
  EXPECT_EQ(rig.vol().health, "ok");
}

TEST(NodeLegs, InfrastructureErrorsAreTheLegsFaultAndNeverShown) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  inject(rig, 1, "error=3/2,opcode=write,count=1");
  const auto data = pattern(4096, 1);
  EXPECT_EQ(h.write(0, data), spec::st::kOk);
  EXPECT_TRUE(rig.until_health("ok"));
  EXPECT_GE(rig.vol().epoch, 3u);
  rig.expect_legs_hold(0, data);
}

TEST(NodeLegs, AddRemoveFaultOnline) {
  NodeRig::Options o;
  o.targets = 3;
  NodeRig rig(o);
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  const auto data = pattern(131072, 1);
  ASSERT_EQ(h.write(64, data), spec::st::kOk);
  EXPECT_TRUE(rig.call([&](Node::Done d) { rig.node->fault_leg("vol", 2, std::move(d)); }));
  EXPECT_TRUE(rig.loop.until([&] { return rig.vol().legs[2].state == core::LegState::kStale; }));
  ASSERT_EQ(h.write(96, data), spec::st::kOk);
  EXPECT_TRUE(rig.call([&](Node::Done d) { rig.node->online_leg("vol", 2, std::move(d)); }));
  EXPECT_TRUE(rig.until_health("ok"));
  rig.expect_legs_hold(96, data);

  EXPECT_TRUE(rig.call([&](Node::Done d) { rig.node->remove_leg("vol", 2, std::move(d)); }));
  ASSERT_EQ(h.write(0, data), spec::st::kOk);
  EXPECT_TRUE(rig.call([&](Node::Done d) { rig.node->add_leg("vol", {"c", 1}, std::move(d)); }));
  EXPECT_TRUE(rig.loop.until([&] {
    const auto s = rig.vol();
    unsigned in_sync = 0;
    for (const auto& l : s.legs) in_sync += l.state == core::LegState::kInSync ? 1 : 0;
    return in_sync == 3;
  }));
  rig.expect_legs_hold(0, data);
}

TEST(NodeLegs, TheLastLegIsNeverDropped) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  ASSERT_EQ(h.write(0, pattern(4096, 1)), spec::st::kOk);
  const auto address0 = rig.targets[0]->address();
  const auto address1 = rig.targets[1]->address();
  rig.targets[1].reset();
  EXPECT_EQ(h.write(0, pattern(4096, 2)), spec::st::kOk);
  rig.targets[0].reset();
  const auto data = pattern(4096, 3);
  const unsigned held = h.start(TestHost::sqe(kWrite, 1, 1), data);
  EXPECT_TRUE(rig.loop.until([&] { return !rig.vol().legs[0].connected; }));
  EXPECT_FALSE(h.finished(held));
  rig.start_target(0, address0.port);  // memory targets come back empty: a new identity of the old name
  rig.start_target(1, address1.port);
  const Answer a = h.take(held);  // answered, one way or the other: bounded, P10
  EXPECT_TRUE(a.status == spec::st::kOk || !a.dnr);
}

TEST(NodeLegs, VerifyFindsWhatALegLost) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  ASSERT_EQ(h.write(0, pattern(65536, 1)), spec::st::kOk);
  inject(rig, 1, "lose-write,count=1");
  ASSERT_EQ(h.write(40, pattern(8192, 2)), spec::st::kOk);
  EXPECT_TRUE(rig.call([&](Node::Done d) { rig.node->verify("vol", true, std::move(d)); }));
  EXPECT_TRUE(rig.loop.until([&] { return rig.vol().verify.finished; }));
  EXPECT_EQ(rig.vol().verify.mismatched_blocks, 2u);
  EXPECT_EQ(rig.vol().verify.first_mismatches, (std::vector<std::uint64_t>{40, 41}));
}

TEST(NodeLegs, ARestartKeepsEpochAndDirtyRegions) {
  NodeRig rig;
  {
    TestHost& h = rig.host();
    ASSERT_TRUE(h.connect());
    ASSERT_EQ(h.write(0, pattern(4096, 1)), spec::st::kOk);
    EXPECT_TRUE(rig.call([&](Node::Done d) { rig.node->fault_leg("vol", 1, std::move(d)); }));
    EXPECT_TRUE(rig.loop.until([&] { return rig.vol().epoch == 2; }));
    ASSERT_EQ(h.write(0, pattern(4096, 2)), spec::st::kOk);
    rig.hosts.clear();
  }
  rig.node.reset();  // as a crash
  rig.start_node();
  EXPECT_TRUE(rig.until_health("ok"));
  EXPECT_GE(rig.vol().epoch, 3u);
  rig.expect_legs_hold(0, pattern(4096, 2));
}

TEST(NodeLegs, CreateRefusesWhatCannotWork) {
  NodeRig rig;
  core::NamespaceSpec spec;
  spec.name = "vol2";
  spec.subsystem = kVolume;
  spec.nsid = 2;
  auto create = [&](core::NamespaceSpec s, std::vector<core::LegSpec> legs) {
    return rig.call([&](Node::Done d) { rig.node->create_namespace(s, legs, false, std::move(d)); });
  };
  EXPECT_FALSE(create(spec, {}));
  EXPECT_FALSE(create(spec, {{"nobody", 1}}));
  EXPECT_FALSE(create(spec, {{"a", 9}}));
  EXPECT_FALSE(create(spec, {{"a", 1}, {"a", 1}}));
  auto large = spec;
  large.blocks = 1u << 30;
  const Status0 r = create(large, {{"a", 1}});
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().text().find("blocks"), std::string::npos) << r.error().text();
  auto same = spec;
  same.nsid = 1;
  EXPECT_FALSE(create(same, {{"a", 1}}));
  EXPECT_EQ(rig.status().namespaces.size(), 1u);
}

// Seen to fail without LocalNode::check_holders(): the namespace is made, and its leg refused ever after.
TEST(NodeLegs, CreateRefusesALegInOtherHands) {
  NodeRig rig;
  const auto create = [&] {
    core::NamespaceSpec spec;
    spec.name = "again";
    spec.subsystem = kVolume;
    return rig.call([&](Node::Done d) { rig.node->create_namespace(spec, {{"b", 1}}, false, std::move(d)); });
  };
  ASSERT_TRUE(rig.call([&](Node::Done d) { rig.node->delete_namespace("vol", std::move(d)); }));
  TestHost& other = rig.direct(1);
  const auto registration = [&](std::uint8_t action, std::uint64_t current, std::uint64_t to) {
    auto q = TestHost::sqe(spec::io::kResvRegister);
    q.cdw10 = action;
    q.cdw11 = q.cdw12 = 0;
    std::vector<std::byte> keys(16);
    std::memcpy(keys.data(), &current, 8);
    std::memcpy(keys.data() + 8, &to, 8);
    return other.run(q, keys).status;
  };
  ASSERT_EQ(registration(spec::resv::kActRegister, 0, 0xabcdef), spec::st::kOk);
  const Status0 r = create();
  ASSERT_FALSE(r) << "registered is enough: its owner may take the leg any moment";
  for (const char* what : {"leg b:1", "0x0000000000abcdef", "another cluster",
                           "--subnqn nqn.2026-01.io.nvtee:b", "--clear", "127.0.0.1"})
    EXPECT_NE(r.error().text().find(what), std::string::npos) << what << " is not in: " << r.error().text();
  EXPECT_TRUE(rig.status().namespaces.empty());
  EXPECT_EQ(registration(spec::resv::kActReplace, 0xabcdef, 0x123456), spec::st::kOk) << "untouched";

  EXPECT_EQ(registration(spec::resv::kActUnregister, 0x123456, 0), spec::st::kOk);
  EXPECT_TRUE(create());
  EXPECT_TRUE(rig.until_health("ok"));
}

TEST(NodeLegs, DeleteAndDrain) {
  NodeRig rig;
  TestHost& h = rig.host();
  ASSERT_TRUE(h.connect());
  ASSERT_EQ(h.write(0, pattern(4096, 1)), spec::st::kOk);
  EXPECT_TRUE(rig.call([&](Node::Done d) { rig.node->delete_namespace("vol", std::move(d)); }));
  EXPECT_TRUE(rig.status().namespaces.empty());
  EXPECT_EQ(h.run(TestHost::sqe(kRead), {}, 4096).status, spec::st::kInvalidNamespace);
  EXPECT_TRUE(rig.call([&](Node::Done d) { rig.node->drain(std::move(d)); }));
}

}  // namespace
}  // namespace nvtee
