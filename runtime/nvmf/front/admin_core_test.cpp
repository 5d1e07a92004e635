// Properties, life of a controller, Linux's bring-up, keep-alive and events.
#include "runtime/nvmf/front/admin_core.hpp"

#include "runtime/nvmf/front/test_tools.hpp"

namespace nvtee::nvmf::test {
namespace {

namespace prop = spec::prop;
namespace fid = spec::fid;
namespace lid = spec::lid;
namespace op = spec::admin;

constexpr std::uint32_t kSmartOff = 0;

// ---- Properties ----

TEST(Properties, CapSaysWhatIsOffered) {
  Unit u;
  const AdminReply r = u.run(property_get(prop::kCap, 1));
  ASSERT_EQ(r.status, st::kOk);
  EXPECT_EQ(r.result & 0xffff, 127u);       // MQES, 0-based
  EXPECT_EQ((r.result >> 16) & 1, 1u);      // CQR
  EXPECT_EQ((r.result >> 24) & 0xff, 60u);  // TO: 30 s
  EXPECT_EQ((r.result >> 37) & 0xff, 1u);   // CSS: NVM only
  EXPECT_EQ((r.result >> 48) & 0xff, 0u);   // MPSMIN = MPSMAX = 4 KiB
  EXPECT_EQ((r.result >> 59) & 3, 1u);      // CRMS
  EXPECT_EQ((r.result >> 36) & 1, 0u);      // no NSSR
  EXPECT_EQ(u.run(property_get(prop::kVs)).result, 0x20100u);
  EXPECT_EQ(u.run(property_get(prop::kCrto)).result & 0xffff, 60u);
}

struct PropertyCase {
  const char* name;
  Sqe sqe;
  spec::Status status;
};

TEST(Properties, WrongOffsetsAndSizes) {
  const PropertyCase cases[] = {
      {"CAP as 4 bytes", property_get(prop::kCap, 0), st::kInvalidField},
      {"CC as 8 bytes", property_get(prop::kCc, 1), st::kInvalidField},
      {"unaligned", property_get(prop::kCc + 1), st::kInvalidField},
      {"upper half of CAP", property_get(4), st::kInvalidField},
      {"NSSR is not offered", property_get(prop::kNssr), st::kInvalidField},
      {"far outside", property_get(0xffff'fff0), st::kInvalidField},
      {"reserved size", property_get(prop::kCap, 5), st::kInvalidField},
      {"set CAP", property_set(prop::kCap, 1, 1), st::kInvalidField},
      {"set CSTS", property_set(prop::kCsts, 1), st::kInvalidField},
      {"set NSSR", property_set(prop::kNssr, 0x4e564d65), st::kInvalidField},
      {"set CC as 8 bytes", property_set(prop::kCc, kCcLinux, 1), st::kInvalidField},
      {"set CC, reserved size", property_set(prop::kCc, kCcLinux, 2), st::kInvalidField},
      {"CC", property_get(prop::kCc), st::kOk},
  };
  for (const PropertyCase& c : cases) {
    Unit u;
    const AdminReply r = u.run(c.sqe);
    EXPECT_EQ(r.status, c.status) << c.name;
    EXPECT_EQ(u.csts(), prop::kCstsReady) << c.name;
  }
}

TEST(Properties, EnableWithWhatIsNotOfferedIsFatal) {
  struct {
    const char* name;
    std::uint32_t cc;
    ControllerKind kind;
    std::uint32_t csts;
  } const cases[] = {
      {"as Linux does", kCcLinux | 1, ControllerKind::kIo, 1},
      {"CSS 6", kCcLinux | 1 | 6 << 4, ControllerKind::kIo, 2},
      {"8 KiB pages", kCcLinux | 1 | 1 << 7, ControllerKind::kIo, 2},
      {"weighted round robin", kCcLinux | 1 | 1 << 11, ControllerKind::kIo, 2},
      {"no entry sizes", 1, ControllerKind::kIo, 2},
      {"no entry sizes on discovery", 1, ControllerKind::kDiscovery, 1},
  };
  for (const auto& c : cases) {
    Unit u(c.kind, info_of(), false);
    EXPECT_EQ(u.csts(), 0u);
    EXPECT_EQ(u.run(property_set(prop::kCc, c.cc)).status, st::kOk);
    EXPECT_EQ(u.csts(), c.csts) << c.name;
  }
}

TEST(Properties, ResetWaitsForQuiesce) {
  Unit u;
  EXPECT_TRUE(u.core.takes_io_queues());
  const auto out = u.step(property_set(prop::kCc, kCcLinux));
  EXPECT_TRUE(out.quiesce);
  EXPECT_EQ(out.reply.status, st::kOk);
  EXPECT_EQ(u.csts(), prop::kCstsReady);  // media may still be touched
  EXPECT_FALSE(u.core.takes_io_queues());
  EXPECT_EQ(u.run(identify_cmd(1)).status, st::kCommandSequence);
  u.core.quiesced();
  EXPECT_EQ(u.csts(), 0u);
  EXPECT_EQ(u.run(property_set(prop::kCc, kCcLinux | 1)).status, st::kOk);
  EXPECT_EQ(u.csts(), prop::kCstsReady);
  EXPECT_TRUE(u.core.takes_io_queues());
}

TEST(Properties, EnableDuringResetStartsWhenQuiet) {
  Unit u;
  u.run(property_set(prop::kCc, kCcLinux));
  EXPECT_FALSE(u.step(property_set(prop::kCc, kCcLinux | 1)).quiesce);
  EXPECT_FALSE(u.core.takes_io_queues());
  u.core.quiesced();
  EXPECT_EQ(u.csts(), prop::kCstsReady);
  EXPECT_TRUE(u.core.takes_io_queues());
}

TEST(Properties, ShutdownNormalAndAbrupt) {
  for (const std::uint32_t shn : {1u, 2u}) {
    Unit u;
    EXPECT_TRUE(u.step(property_set(prop::kCc, kCcLinux | 1 | shn << 14)).quiesce);
    EXPECT_EQ(u.csts(), prop::kCstsReady | prop::kCstsShutdownBusy);
    EXPECT_FALSE(u.core.takes_io_queues());
    EXPECT_FALSE(u.step(property_set(prop::kCc, kCcLinux | 1 | shn << 14)).quiesce);  // once
    u.core.quiesced();
    EXPECT_EQ(u.csts(), prop::kCstsReady | prop::kCstsShutdownDone);
    EXPECT_FALSE(u.core.takes_io_queues());
    u.run(property_set(prop::kCc, kCcLinux));
    u.core.quiesced();
    EXPECT_EQ(u.csts(), 0u);
  }
}

TEST(Properties, ShutdownTogetherWithDisableIsSeenDone) {
  Unit u;
  EXPECT_TRUE(u.step(property_set(prop::kCc, kCcLinux | 1 << 14)).quiesce);
  u.core.quiesced();
  EXPECT_EQ(u.csts(), prop::kCstsShutdownDone);
}

TEST(Properties, ResetPutsFeaturesBack) {
  Unit u;
  Bytes behavior(512);
  behavior[3] = std::byte{1};
  EXPECT_EQ(u.run(set_feature(fid::kHostBehavior, 0, 0, 512), behavior).status, st::kOk);
  EXPECT_EQ(u.run(set_feature(fid::kAsyncEventConfig, spec::aen::kBitAna)).status, st::kOk);
  EXPECT_TRUE(u.core.info().hdisns);
  EXPECT_TRUE(u.step(command(op::kAsyncEvent, 0, 40)).held);
  const auto out = u.step(property_set(prop::kCc, kCcLinux));
  EXPECT_EQ(out.aborted, std::vector<std::uint16_t>{40});
  u.core.quiesced();
  u.run(property_set(prop::kCc, kCcLinux | 1));
  EXPECT_FALSE(u.core.info().hdisns);
  EXPECT_FALSE(u.sub.changes.back().hdisns);
  EXPECT_EQ(u.run(get_feature(fid::kAsyncEventConfig)).result, 0u);
  EXPECT_TRUE(all_zero(u.run(get_feature(fid::kHostBehavior, 0, 0, 0, 512)).data));
}

// ---- Commands in general ----

TEST(AdminCore, RefusesWhatItDoesNotKnow) {
  struct {
    const char* name;
    Sqe sqe;
    spec::Status status;
  } cases[] = {
      {"firmware download", command(0x11), st::kInvalidOpcode},
      {"namespace management", command(op::kNsManagement), st::kInvalidOpcode},
      {"format", command(op::kFormat, 1), st::kInvalidOpcode},
      {"an opcode that moves data both ways", command(0x07), st::kInvalidOpcode},
      {"vendor", command(0xff), st::kInvalidOpcode},
      {"fused", command(op::kIdentify), st::kInvalidField},
      {"second Connect", command(spec::kOpFabrics, spec::fabrics::kConnect), st::kCommandSequence},
      {"Disconnect", command(spec::kOpFabrics, spec::fabrics::kDisconnect), st::kInvalidOpcode},
      {"authentication", command(spec::kOpFabrics, spec::fabrics::kAuthSend), st::kInvalidOpcode},
      {"unknown FCTYPE", command(spec::kOpFabrics, 0x7e), st::kInvalidOpcode},
  };
  cases[5].sqe.flags |= 1;
  for (const auto& c : cases) {
    Unit u;
    const AdminReply r = u.run(c.sqe);
    EXPECT_EQ(r.status, c.status) << c.name;
    EXPECT_TRUE(r.dnr) << c.name;
  }
}

TEST(AdminCore, AbortSaysNotAborted) {
  Unit u;
  Sqe s = command(op::kAbort);
  s.cdw10 = 5u << 16;
  EXPECT_EQ(u.run(s).status, st::kOk);
  EXPECT_EQ(u.run(s).result & 1, 1u);
}

TEST(AdminCore, NothingButFabricsAndKeepAliveBeforeEnable) {
  Unit u(ControllerKind::kIo, info_of(), false);
  for (const std::uint8_t opcode :
       {op::kIdentify, op::kGetLogPage, op::kGetFeatures, op::kAsyncEvent, op::kAbort})
    EXPECT_EQ(u.run(command(opcode)).status, st::kCommandSequence) << int{opcode};
  EXPECT_EQ(u.run(command(op::kKeepAlive)).status, st::kOk);
  EXPECT_EQ(u.run(property_get(prop::kCap, 1)).status, st::kOk);
}

TEST(AdminCore, BackendAnswersItsOwnCommands) {
  Unit u;
  u.sub.backend = [](const Sqe& s, std::span<const std::byte>) -> std::optional<AdminReply> {
    if (s.opcode == op::kNsManagement) return AdminReply{st::kOk, false, 9, {}};
    if (s.opcode == op::kDirectiveReceive) return AdminReply{st::kOk, false, 0, Bytes(32)};
    return {};
  };
  EXPECT_EQ(u.run(command(op::kNsManagement)).result, 9u);
  EXPECT_EQ(u.run(with_length(command(op::kDirectiveReceive), 32)).data.size(), 32u);
  EXPECT_EQ(u.run(with_length(command(op::kDirectiveReceive), 16)).status, st::kSglLength);
  EXPECT_EQ(u.run(command(op::kFormat)).status, st::kInvalidOpcode);
}

// ---- What Linux sends, in its order (facts C8) ----

TEST(AdminCore, LinuxBringUp) {
  Unit u(ControllerKind::kIo, info_of(), false);
  EXPECT_EQ(u.run(property_get(prop::kCap, 1)).status, st::kOk);
  EXPECT_EQ(u.run(property_set(prop::kCc, kCcLinux)).status, st::kOk);  // without EN
  const std::uint64_t cap = u.run(property_get(prop::kCap, 1)).result;
  ASSERT_TRUE(cap >> 59 & 1);
  EXPECT_EQ(u.run(property_get(prop::kCrto)).status, st::kOk);
  EXPECT_EQ(u.run(property_set(prop::kCc, kCcLinux | 1)).status, st::kOk);
  EXPECT_EQ(u.csts() & 1, 1u);
  EXPECT_EQ(u.run(property_get(prop::kVs)).status, st::kOk);

  const Bytes id = u.run(identify_cmd(1)).data;
  ASSERT_EQ(id.size(), 4096u);
  EXPECT_EQ(le(id, 78, 2), u.core.info().cntlid);  // else refused
  EXPECT_GT(le(id, 320, 2), 0u);                   // KAS
  EXPECT_GE(le(id, 1792, 4), 4u);                  // IOCCSZ
  EXPECT_GE(le(id, 1796, 4), 1u);                  // IORCSZ
  EXPECT_EQ(le(id, 1800, 2), 0u);                  // ICDOFF
  EXPECT_NE(le(id, 536, 4) & 3, 0u);               // SGLS
  EXPECT_GT(le(id, 514, 2), 0u);                   // MAXCMD
  const std::uint64_t nn = le(id, 516, 4), mnan = le(id, 540, 4), groups = le(id, 348, 4);
  EXPECT_TRUE(mnan != 0 && mnan <= nn);
  EXPECT_LE(16 + groups * 32 + mnan * 4, std::uint64_t{4096} << le(id, 77, 1));
  EXPECT_EQ(le(id, 76, 1) & 0x0a, 0x0au);  // multi-controller, ANA

  EXPECT_EQ(u.run(log_cmd(lid::kCommandEffects, 4096)).status, st::kOk);
  const Bytes ana = u.run(log_cmd(lid::kAna, static_cast<std::uint32_t>(16 + groups * 32 + mnan * 4))).data;
  EXPECT_EQ(le(ana, 8, 2), 2u);
  for (std::size_t at = 16, n = 0; n < 2; ++n) {
    const std::uint64_t group = le(ana, at, 4), nsids = le(ana, at + 4, 4), state = le(ana, at + 16, 1);
    EXPECT_TRUE(group != 0 && group <= le(id, 344, 4));
    EXPECT_NE(state, 0u);
    at += 32 + 4 * nsids;
  }
  const AdminReply queues = u.run(set_feature(fid::kNumQueues, 3 | 3 << 16));
  EXPECT_EQ(queues.result, 3u | 3u << 16);
  u.core.set_io_queues(4);
  EXPECT_EQ(u.run(set_feature(fid::kNumQueues, 3 | 3 << 16)).status, st::kCommandSequence);
  const std::uint64_t oaes = le(id, 92, 4);
  EXPECT_EQ(u.run(set_feature(fid::kAsyncEventConfig, static_cast<std::uint32_t>(oaes & 0x80000b00))).status,
            st::kOk);
  EXPECT_TRUE(u.step(command(op::kAsyncEvent, 0, 99)).held);

  EXPECT_EQ(u.run(identify_cmd(6)).status, st::kOk);
  const Bytes list = u.run(identify_cmd(2)).data;
  EXPECT_EQ(le(list, 0, 4), 1u);
  EXPECT_EQ(le(list, 4, 4), 5u);
  EXPECT_EQ(le(list, 8, 4), 0u);
  for (const std::uint32_t nsid : {1u, 5u})
    for (const std::uint8_t cns : {3, 8, 0, 5})
      EXPECT_EQ(u.run(identify_cmd(cns, nsid)).status, st::kOk) << int{cns};
  EXPECT_EQ(u.run(command(op::kKeepAlive)).status, st::kOk);
}

// ---- Keep-alive ----

TEST(KeepAlive, RunsFromConnectEnableAndEachKeepAlive) {
  Unit u(ControllerKind::kIo, info_of(5000), false);
  EXPECT_EQ(u.core.keep_alive_deadline(), u.now + 5 * kSecond);
  u.now += kSecond;
  u.run(property_set(prop::kCc, kCcLinux | 1));
  EXPECT_EQ(u.core.keep_alive_deadline(), u.now + 5 * kSecond);
  const Time enabled = u.now;
  u.now += kSecond;
  u.run(identify_cmd(1));  // not traffic based
  EXPECT_EQ(u.core.keep_alive_deadline(), enabled + 5 * kSecond);
  u.run(command(op::kKeepAlive));
  EXPECT_EQ(u.core.keep_alive_deadline(), u.now + 5 * kSecond);
  u.core.keep_alive_expired();
  EXPECT_EQ(u.csts() & prop::kCstsFatal, prop::kCstsFatal);
  EXPECT_FALSE(u.core.takes_io_queues());
}

TEST(KeepAlive, RoundsUpToItsGranularity) {
  Unit u(ControllerKind::kIo, info_of(1));
  EXPECT_EQ(u.core.keep_alive_deadline(), u.now + 100 * kMillisecond);
  Unit longest(ControllerKind::kIo, info_of(0xffff'ffff));
  EXPECT_GT(longest.core.keep_alive_deadline(), u.now + std::uint64_t{0xffff'ffff} * kMillisecond);
}

TEST(KeepAlive, ZeroMeansNoneOnIoAndIdleTimeOnDiscovery) {
  Unit io(ControllerKind::kIo, info_of(0));
  EXPECT_EQ(io.core.keep_alive_deadline(), kNever);
  Unit d(ControllerKind::kDiscovery, info_of(0));
  EXPECT_EQ(d.core.keep_alive_deadline(), d.now + 120 * kSecond);
  d.now += 60 * kSecond;
  d.run(identify_cmd(1));
  EXPECT_EQ(d.core.keep_alive_deadline(), d.now + 120 * kSecond);
}

TEST(KeepAlive, TimeoutCanBeChangedButNotSwitchedOff) {
  Unit u;
  u.now += kSecond;
  EXPECT_EQ(u.run(set_feature(fid::kKeepAliveTimer, 0)).status, st::kKeepAliveInvalid);
  EXPECT_EQ(u.run(set_feature(fid::kKeepAliveTimer, 30'000)).status, st::kOk);
  EXPECT_EQ(u.core.keep_alive_deadline(), u.now + 30 * kSecond);
  EXPECT_EQ(u.run(get_feature(fid::kKeepAliveTimer)).result, 30'000u);
  EXPECT_EQ(u.core.info().kato_ms, 30'000u);
}

// ---- Events ----

struct Events : testing::Test {
  Unit u;
  void enable(std::uint32_t bits) {
    ASSERT_EQ(u.run(set_feature(fid::kAsyncEventConfig, bits)).status, st::kOk);
  }
  void ana() { u.core.raise({spec::aen::kTypeNotice, spec::aen::kAnaChange, lid::kAna}); }
  std::uint32_t next() {
    const auto e = u.core.next_event();
    return e ? e->result : 0;
  }
};

constexpr std::uint32_t kAnaResult = 2 | 3 << 8 | 0x0c << 16, kNsResult = 2 | 0 << 8 | 0x04 << 16;

TEST_F(Events, OnlyWhatWasAskedFor) {
  u.step(command(op::kAsyncEvent, 0, 1));
  ana();
  u.core.namespace_changed(1);
  EXPECT_EQ(next(), 0u);
  enable(spec::aen::kBitNsAttribute);
  ana();
  EXPECT_EQ(next(), 0u);
  u.core.namespace_changed(1);
  EXPECT_EQ(next(), kNsResult);
}

TEST_F(Events, OnePerRequestAndMaskedUntilTheLogIsRead) {
  enable(spec::aen::kBitAna | spec::aen::kBitNsAttribute);
  ana();
  ana();
  EXPECT_EQ(next(), 0u);  // no request yet
  u.step(command(op::kAsyncEvent, 0, 11));
  const auto e = u.core.next_event();
  ASSERT_TRUE(e);
  EXPECT_EQ(e->cid, 11);
  EXPECT_EQ(e->result, kAnaResult);
  u.step(command(op::kAsyncEvent, 0, 12));
  EXPECT_EQ(next(), 0u);  // both were one event
  ana();
  EXPECT_EQ(next(), 0u);  // masked
  u.core.namespace_changed(5);
  EXPECT_EQ(next(), kNsResult);  // another event is not
  u.step(command(op::kAsyncEvent, 0, 13));
  u.run(log_cmd(lid::kAna, 64, 0, true));  // RAE
  ana();
  EXPECT_EQ(next(), 0u);
  u.run(log_cmd(lid::kAna, 64));
  EXPECT_EQ(next(), 0u);  // read: nothing left over
  ana();
  EXPECT_EQ(next(), kAnaResult);
}

TEST_F(Events, FailedReadLeavesTheMask) {
  enable(spec::aen::kBitAna);
  u.step(command(op::kAsyncEvent, 0, 1));
  u.step(command(op::kAsyncEvent, 0, 2));
  ana();
  EXPECT_EQ(next(), kAnaResult);
  EXPECT_EQ(u.run(log_cmd(lid::kAna, 64, 1 << 20)).status, st::kInvalidField);
  EXPECT_EQ(u.run(with_length(log_cmd(lid::kAna, 64), 60)).status, st::kSglLength);
  ana();
  EXPECT_EQ(next(), 0u);
}

TEST_F(Events, BackendMayRaiseWhileItsLogIsRead) {
  u.step(command(op::kAsyncEvent, 0, 1));
  u.step(command(op::kAsyncEvent, 0, 2));
  const AsyncEvent reservation{spec::aen::kTypeIoSpecific, 0, lid::kReservation};
  u.core.raise(reservation);  // needs no FID 0Bh bit
  EXPECT_EQ(next(), 6u | 0x80u << 16);
  u.sub.backend = [&](const Sqe&, std::span<const std::byte>) {
    u.core.raise(reservation);  // another page waits
    return AdminReply{st::kOk, false, 0, Bytes(64)};
  };
  EXPECT_EQ(u.run(log_cmd(lid::kReservation, 64)).status, st::kOk);
  EXPECT_EQ(next(), 6u | 0x80u << 16);
}

// reaches: host.event_requests
TEST_F(Events, RequestLimit) {
  const Bytes id = u.run(identify_cmd(1)).data;
  const auto limit = static_cast<std::uint16_t>(le(id, 259, 1) + 1);
  for (std::uint16_t i = 0; i < limit; ++i) EXPECT_TRUE(u.step(command(op::kAsyncEvent, 0, i)).held);
  EXPECT_EQ(u.run(command(op::kAsyncEvent, 0, 50)).status, st::kAerLimit);
  EXPECT_TRUE(u.core.waits_for_event(0));
  EXPECT_FALSE(u.core.waits_for_event(50));
}

TEST_F(Events, ConfigRefusesWhatIsNotOffered) {
  EXPECT_EQ(u.run(set_feature(fid::kAsyncEventConfig, spec::aen::kBitDiscovery)).status, st::kInvalidField);
  EXPECT_EQ(u.run(set_feature(fid::kAsyncEventConfig, spec::aen::kBitFirmware)).status, st::kInvalidField);
  EXPECT_EQ(u.run(set_feature(fid::kAsyncEventConfig, kSmartOff | 0xff)).status, st::kOk);
}

// reaches: host.pending_events
TEST_F(Events, FloodOfDifferentEventsIsBounded) {
  for (unsigned i = 0; i < 200; ++i)
    u.core.raise({spec::aen::kTypeIoSpecific, static_cast<std::uint8_t>(i), lid::kReservation});
  unsigned reported = 0;
  for (std::uint16_t i = 0; i < 100; ++i) {
    u.step(command(op::kAsyncEvent, 0, i));
    reported += u.core.next_event().has_value();
  }
  EXPECT_EQ(reported, EventQueue::kMaxEvents);
}

TEST(Discovery, PersistentControllerHearsOfChanges) {
  Unit d(ControllerKind::kDiscovery, info_of(60'000));
  d.sub.discovery = Bytes(2048, std::byte{7});
  EXPECT_EQ(d.run(set_feature(fid::kAsyncEventConfig, spec::aen::kBitDiscovery)).status, st::kOk);
  EXPECT_TRUE(d.step(command(op::kAsyncEvent, 0, 3)).held);
  d.core.raise({spec::aen::kTypeNotice, spec::aen::kDiscoveryChange, lid::kDiscovery});
  const auto e = d.core.next_event();
  ASSERT_TRUE(e);
  EXPECT_EQ(e->result, 2u | 0xf0u << 8 | 0x70u << 16);
}

TEST(Discovery, ControllerOffersLittle) {
  Unit d(ControllerKind::kDiscovery, info_of(0));
  d.sub.discovery = Bytes(2048, std::byte{7});
  const Bytes id = d.run(identify_cmd(1)).data;
  EXPECT_EQ(le(id, 111, 1), 2u);  // CNTRLTYPE
  EXPECT_EQ(le(id, 92, 4), spec::aen::kBitDiscovery);
  EXPECT_EQ(le(id, 516, 4), 0u);  // NN
  EXPECT_EQ(le(id, 261, 1), 4u);  // LPA: offsets, no effects log
  EXPECT_FALSE(d.core.takes_io_queues());
  EXPECT_EQ(d.run(identify_cmd(2)).status, st::kInvalidField);
  EXPECT_EQ(d.run(identify_cmd(0, 1)).status, st::kInvalidField);
  EXPECT_EQ(d.run(log_cmd(lid::kSmart, 512)).status, st::kInvalidLogPage);
  EXPECT_EQ(d.run(log_cmd(lid::kAna, 512)).status, st::kInvalidLogPage);
  const Bytes log = d.run(log_cmd(lid::kDiscovery, 1024, 1024)).data;
  EXPECT_EQ(log, Bytes(1024, std::byte{7}));
  EXPECT_EQ(d.run(set_feature(fid::kNumQueues, 1)).status, st::kInvalidField);
  EXPECT_EQ(d.run(get_feature(0x82)).status, st::kInvalidField);
  EXPECT_EQ(d.run(command(op::kFormat)).status, st::kInvalidOpcode);
  EXPECT_EQ(d.run(log_cmd(lid::kSupported, 1024)).data[0x70], std::byte{0});
  EXPECT_EQ(le(d.run(log_cmd(lid::kSupported, 1024)).data, 4 * 0x70, 4), 1u);
}

}  // namespace
}  // namespace nvtee::nvmf::test
