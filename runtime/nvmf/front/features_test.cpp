#include "runtime/nvmf/front/features.hpp"

#include "runtime/nvmf/front/test_tools.hpp"

namespace nvtee::nvmf::test {
namespace {

namespace fid = spec::fid;

TEST(Features, SetThenGetAndSelect) {
  struct {
    const char* name;
    std::uint8_t fid;
    std::uint32_t nsid, set, current, fallback, capabilities;
  } const cases[] = {
      {"arbitration", fid::kArbitration, 0, 0x07, 0x07, 0, 4},
      {"power", fid::kPowerManagement, 0, 0, 0, 0, 4},
      {"temperature", fid::kTemperature, 0, 350, 350, 0xffff, 4},
      {"error recovery", fid::kErrorRecovery, 5, 100, 100, 0, 6},
      {"write cache", fid::kVolatileWriteCache, 0, 1, 1, 1, 0},
      {"queues", fid::kNumQueues, 0, 0x00030007, 0x00070007, 0x000f000f, 4},
      {"write atomicity", fid::kWriteAtomicity, 0, 1, 1, 0, 4},
      {"events", fid::kAsyncEventConfig, 0, 0x900, 0x900, 0, 4},
      {"keep alive", fid::kKeepAliveTimer, 0, 1500, 1500, 0, 4},
  };
  for (const auto& c : cases) {
    Unit u;
    u.sub.m.vwc = 1;
    EXPECT_EQ(u.run(set_feature(c.fid, c.set, c.nsid)).status, st::kOk) << c.name;
    EXPECT_EQ(u.run(get_feature(c.fid, 0, c.nsid)).result, c.current) << c.name;
    EXPECT_EQ(u.run(get_feature(c.fid, 1, c.nsid)).result, c.fallback) << c.name;
    EXPECT_EQ(u.run(get_feature(c.fid, 2, c.nsid)).result, c.fallback) << c.name;
    EXPECT_EQ(u.run(get_feature(c.fid, 3, c.nsid)).result, c.capabilities) << c.name;
    EXPECT_EQ(u.run(get_feature(c.fid, 4, c.nsid)).status, st::kInvalidField) << c.name;
    EXPECT_EQ(u.run(get_feature(c.fid, 0, c.nsid)).result, c.current) << c.name;
  }
}

TEST(Features, Refusals) {
  Sqe save = set_feature(fid::kArbitration, 1);
  save.cdw10 |= 1u << 31;
  struct {
    const char* name;
    Sqe sqe;
    spec::Status status;
  } const cases[] = {
      {"save", save, st::kFeatureNotSaveable},
      {"namespace given where none counts", set_feature(fid::kArbitration, 1, 1), st::kFeatureNotNs},
      {"all namespaces where none counts", set_feature(fid::kArbitration, 1, spec::kNsidAll), st::kOk},
      {"power state 1", set_feature(fid::kPowerManagement, 1), st::kInvalidField},
      {"sensor 3", set_feature(fid::kTemperature, 3u << 16 | 300), st::kInvalidField},
      {"reserved threshold kind", get_feature(fid::kTemperature, 0, 0, 2u << 20), st::kInvalidField},
      {"recovery of no namespace", set_feature(fid::kErrorRecovery, 1, 2), st::kInvalidNamespace},
      {"recovery, NSID 0", get_feature(fid::kErrorRecovery, 0, 0), st::kInvalidNamespace},
      {"recovery with DULBE", set_feature(fid::kErrorRecovery, 1u << 16, 1), st::kInvalidField},
      {"write cache not present", get_feature(fid::kVolatileWriteCache), st::kInvalidField},
      {"timestamp not offered", get_feature(fid::kTimestamp, 0, 0, 0, 8), st::kInvalidField},
      {"queues FFFFh", set_feature(fid::kNumQueues, 0xffff), st::kInvalidField},
      {"64-bit host id", get_feature(fid::kHostId, 0, 0, 0, 8), st::kHostIdFormat},
      {"set 64-bit host id", set_feature(fid::kHostId, 0, 0, 8), st::kHostIdFormat},
      {"host id, short buffer", get_feature(fid::kHostId, 0, 0, 1, 8), st::kSglLength},
      {"behavior, short buffer", set_feature(fid::kHostBehavior, 0, 0, 16), st::kSglLength},
      {"behavior, no buffer", get_feature(fid::kHostBehavior), st::kSglLength},
      {"interrupt coalescing", get_feature(0x08), st::kInvalidField},
      {"set interrupt coalescing", set_feature(0x08, 1), st::kInvalidField},
      {"reservations without a backend", get_feature(fid::kResvPersist, 0, 1), st::kInvalidField},
      {"vendor", get_feature(0xff), st::kInvalidField},
      {"FID 0", get_feature(0), st::kInvalidField},
  };
  for (const auto& c : cases) {
    Unit u;
    EXPECT_EQ(u.run(c.sqe, Bytes(c.sqe.opcode == spec::admin::kSetFeatures ? c.sqe.sgl.length : 0)).status,
              c.status)
        << c.name;
  }
}

TEST(Features, WriteCacheCannotBeSwitchedOff) {
  Unit u;
  u.sub.m.vwc = 1;
  EXPECT_EQ(u.run(set_feature(fid::kVolatileWriteCache, 0)).status, st::kFeatureNotChangeable);
  EXPECT_EQ(u.run(get_feature(fid::kVolatileWriteCache)).result, 1u);
}

TEST(Features, ErrorRecoveryIsPerNamespace) {
  Unit u;
  u.run(set_feature(fid::kErrorRecovery, 7, spec::kNsidAll));
  u.run(set_feature(fid::kErrorRecovery, 9, 1));
  EXPECT_EQ(u.run(get_feature(fid::kErrorRecovery, 0, 1)).result, 9u);
  EXPECT_EQ(u.run(get_feature(fid::kErrorRecovery, 0, 5)).result, 7u);
  u.sub.m.namespaces.erase(1);
  EXPECT_EQ(u.run(get_feature(fid::kErrorRecovery, 0, 1)).status, st::kInvalidNamespace);
}

// reaches: host.queues_per_controller
TEST(Features, QueuesAreCappedAndRemembered) {
  Unit u;
  EXPECT_EQ(u.core.granted_queues(), 16u);
  EXPECT_EQ(u.run(set_feature(fid::kNumQueues, 99 | 99 << 16)).result, 15u | 15u << 16);
  EXPECT_EQ(u.run(set_feature(fid::kNumQueues, 0)).result, 0u);
  EXPECT_EQ(u.core.granted_queues(), 1u);
}

TEST(Features, TimestampRuns) {
  Unit u;
  u.sub.m.oncs = 1u << 6;
  Bytes t = u.run(get_feature(fid::kTimestamp, 0, 0, 0, 8)).data;
  ASSERT_EQ(t.size(), 8u);
  EXPECT_EQ(t[6], std::byte{0});
  Bytes set(8);
  const std::uint64_t ms = 0x123456789abc;
  std::memcpy(set.data(), &ms, 6);
  EXPECT_EQ(u.run(set_feature(fid::kTimestamp, 0, 0, 8), set).status, st::kOk);
  u.now += 1234 * kMillisecond;
  t = u.run(get_feature(fid::kTimestamp, 0, 0, 0, 8)).data;
  EXPECT_EQ(le(t, 0, 6), ms + 1234);
  EXPECT_EQ(t[6], std::byte{2});
  EXPECT_EQ(u.run(set_feature(fid::kTimestamp, 0, 0, 8), Bytes(4)).status, st::kSglLength);
}

TEST(Features, HostBehaviorIsToldToTheBackend) {
  Unit u;
  Bytes b(512);
  b[0] = b[3] = std::byte{1};
  EXPECT_EQ(u.run(set_feature(fid::kHostBehavior, 0, 0, 512), b).status, st::kOk);
  EXPECT_TRUE(u.core.info().hdisns && u.core.info().acre);
  ASSERT_EQ(u.sub.changes.size(), 1u);
  EXPECT_TRUE(u.sub.changes[0].hdisns);
  EXPECT_EQ(u.run(get_feature(fid::kHostBehavior, 0, 0, 0, 512)).data, b);
  EXPECT_TRUE(all_zero(u.run(get_feature(fid::kHostBehavior, 1, 0, 0, 512)).data));
  EXPECT_TRUE(u.core.info().hdisns);  // asking for the default changes nothing
  b[3] = std::byte{2};
  EXPECT_EQ(u.run(set_feature(fid::kHostBehavior, 0, 0, 512), b).status, st::kInvalidField);
  EXPECT_TRUE(u.core.info().hdisns);
  EXPECT_EQ(u.run(set_feature(fid::kHostBehavior, 0, 0, 512), Bytes(512)).status, st::kOk);  // replaces all
  EXPECT_FALSE(u.core.info().hdisns || u.core.info().acre);
}

TEST(Features, HostIdCanBeGivenOnceNotChanged) {
  Unit u;
  EXPECT_EQ(u.run(get_feature(fid::kHostId, 0, 0, 1, 16)).data, Bytes(16, std::byte{0xaa}));
  EXPECT_EQ(u.run(set_feature(fid::kHostId, 1, 0, 16), Bytes(16, std::byte{0xaa})).status, st::kOk);
  EXPECT_EQ(u.run(set_feature(fid::kHostId, 1, 0, 16), Bytes(16, std::byte{0xbb})).status,
            st::kCommandSequence);
  EXPECT_EQ(u.run(set_feature(fid::kHostId, 1, 0, 16), Bytes(16)).status, st::kCommandSequence);
  ControllerInfo none = info_of();
  none.host_id = {};
  Unit fresh(ControllerKind::kIo, none);
  EXPECT_EQ(fresh.run(set_feature(fid::kHostId, 1, 0, 16), Bytes(16, std::byte{0xbb})).status, st::kOk);
  EXPECT_EQ(fresh.core.info().host_id[15], 0xbb);
  EXPECT_EQ(fresh.sub.changes.size(), 1u);
}

TEST(Features, BackendOwnsTheRest) {
  Unit u;
  Bytes seen;
  u.sub.backend = [&](const Sqe& s, std::span<const std::byte> d) -> std::optional<AdminReply> {
    seen.assign(d.begin(), d.end());
    if ((s.cdw10 & 0xff) == fid::kResvPersist) return AdminReply{st::kOk, false, 1, {}};
    if ((s.cdw10 & 0xff) == 0xc0) return AdminReply{st::kOk, false, 0, Bytes(16)};
    return {};
  };
  EXPECT_EQ(u.run(get_feature(fid::kResvPersist, 0, 1)).result, 1u);
  EXPECT_EQ(u.run(set_feature(fid::kResvPersist, 1, 1)).status, st::kOk);
  EXPECT_EQ(u.run(get_feature(0xc0, 0, 0, 0, 16)).data.size(), 16u);
  EXPECT_EQ(u.run(get_feature(0xc0, 0, 0, 0, 8)).status, st::kSglLength);
  EXPECT_EQ(u.run(set_feature(0xc0, 0, 0, 4), Bytes(4, std::byte{1})).status, st::kOk);
  EXPECT_EQ(seen, Bytes(4, std::byte{1}));
  EXPECT_EQ(u.run(get_feature(0xc1)).status, st::kInvalidField);
}

TEST(Features, DispersedNamespacesAreGated) {
  Unit u;
  u.sub.m.namespaces[5].nmic = 3;
  const Sqe named = set_feature(fid::kErrorRecovery, 1, 5),
            all = set_feature(fid::kErrorRecovery, 1, spec::kNsidAll);
  EXPECT_EQ(u.run(named).status, st::kOk);  // the policy allows it
  u.sub.dispersed_allowed = false;
  EXPECT_EQ(u.run(named).status, st::kDispersedNotEnabled);
  EXPECT_TRUE(u.run(named).dnr);
  EXPECT_EQ(u.run(all).status, st::kDispersedNotEnabled);
  EXPECT_EQ(u.run(set_feature(fid::kErrorRecovery, 1, 1)).status, st::kOk);             // another namespace
  EXPECT_EQ(u.run(set_feature(fid::kArbitration, 1, spec::kNsidAll)).status, st::kOk);  // touches none
  EXPECT_EQ(u.run(get_feature(fid::kErrorRecovery, 0, 5)).status, st::kOk);             // reading is free
  Bytes b(512);
  b[3] = std::byte{1};
  u.run(set_feature(fid::kHostBehavior, 0, 0, 512), b);
  EXPECT_EQ(u.run(named).status, st::kOk);
}

}  // namespace
}  // namespace nvtee::nvmf::test
