#include "runtime/nvmf/front/log_pages.hpp"

#include "runtime/nvmf/front/test_tools.hpp"

namespace nvtee::nvmf::test {
namespace {

namespace lid = spec::lid;

TEST(LogPages, SupportedPages) {
  Unit u;
  u.sub.m.oncs = 0x20;
  u.sub.m.namespaces[5].nmic = 3;
  const Bytes log = u.run(log_cmd(lid::kSupported, 1024)).data;
  for (unsigned id = 0; id < 256; ++id) {
    const bool there = id <= 5 || id == 0x0c || id == 0x12 || id == 0x13 || id == 0x17 || id == 0x80;
    EXPECT_EQ(le(log, id * 4, 4), there ? 1u : 0u) << id;
  }
  // What is listed without a backend's help can be read.
  for (const unsigned id : {0u, 1u, 2u, 3u, 4u, 5u, 0x0cu, 0x12u, 0x13u})
    EXPECT_EQ(u.run(log_cmd(static_cast<std::uint8_t>(id), 512)).status, st::kOk) << id;
}

TEST(LogPages, RequestChecks) {
  Sqe index = log_cmd(lid::kSupported, 64);
  index.cdw14 = 1u << 23;
  Sqe other_set = log_cmd(lid::kCommandEffects, 4096);
  other_set.cdw14 = 2u << 24;
  struct {
    const char* name;
    Sqe sqe;
    spec::Status status;
  } const cases[] = {
      {"unknown page", log_cmd(0x7f, 64), st::kInvalidLogPage},
      {"discovery on an I/O controller", log_cmd(lid::kDiscovery, 64), st::kInvalidLogPage},
      {"reservations without a backend", log_cmd(lid::kReservation, 64), st::kInvalidLogPage},
      {"offset of half a dword", log_cmd(lid::kSupported, 64, 2), st::kInvalidField},
      {"offset at the end", log_cmd(lid::kSupported, 64, 1024), st::kOk},
      {"offset behind the end", log_cmd(lid::kSupported, 64, 1028), st::kInvalidField},
      {"offset far behind", log_cmd(lid::kSupported, 64, ~std::uint64_t{3}), st::kInvalidField},
      {"index offset", index, st::kInvalidField},
      {"another command set", other_set, st::kInvalidField},
      {"buffer shorter than NUMD", with_length(log_cmd(lid::kSupported, 64), 60), st::kSglLength},
      {"buffer longer than NUMD", with_length(log_cmd(lid::kSupported, 64), 68), st::kSglLength},
      {"MDTS", log_cmd(lid::kSupported, 128 * 1024), st::kOk},
      {"above MDTS", log_cmd(lid::kSupported, 128 * 1024 + 4), st::kInvalidField},
  };
  for (const auto& c : cases) {
    Unit u;
    EXPECT_EQ(u.run(c.sqe).status, c.status) << c.name;
  }
  Unit u;
  Sqe most = log_cmd(lid::kSupported, 64);
  most.cdw10 |= 0xffffu << 16;
  most.cdw11 = 0xffff;  // 16 GiB
  most.sgl.length = 0;
  EXPECT_EQ(u.run(most).status, st::kInvalidField);
  u.sub.m.mdts = 0;
  EXPECT_EQ(u.run(most).status, st::kInvalidField);
}

TEST(LogPages, CutsOutAndPadsWithZeros) {
  Unit u;
  const Bytes whole = u.run(log_cmd(lid::kFirmware, 512)).data;
  EXPECT_EQ(le(whole, 0, 1), 1u);
  EXPECT_EQ(text(whole, 8, 8), "0.1     ");
  const Bytes part = u.run(log_cmd(lid::kFirmware, 8, 8)).data;
  EXPECT_EQ(text(part, 0, 8), "0.1     ");
  const Bytes more = u.run(log_cmd(lid::kFirmware, 1024, 8)).data;
  EXPECT_EQ(text(more, 0, 8), "0.1     ");
  EXPECT_TRUE(all_zero(more, 504));
}

TEST(LogPages, ErrorLogNewestFirst) {
  Unit u;
  EXPECT_TRUE(all_zero(u.run(log_cmd(lid::kError, 64 * 64)).data));
  for (std::uint16_t i = 1; i <= 70; ++i) {
    ErrorRecord r;
    r.sqid = 2;
    r.cid = i;
    r.status = st::kReadError;
    r.dnr = true;
    r.lba = 1000 + i;
    r.nsid = 5;
    r.location = 0x0028;
    r.command_specific = 0x1122;
    u.core.record_error(r);
  }
  const Bytes log = u.run(log_cmd(lid::kError, 64 * 64)).data;
  EXPECT_EQ(le(log, 0, 8), 70u);
  EXPECT_EQ(le(log, 8, 2), 2u);
  EXPECT_EQ(le(log, 10, 2), 70u);
  EXPECT_EQ(le(log, 12, 2), 0x8000u | 0x281u << 1);
  EXPECT_EQ(le(log, 14, 2), 0x0028u);
  EXPECT_EQ(le(log, 16, 8), 1070u);
  EXPECT_EQ(le(log, 24, 4), 5u);
  EXPECT_EQ(le(log, 29, 1), 3u);  // TCP
  EXPECT_EQ(le(log, 32, 8), 0x1122u);
  EXPECT_EQ(le(log, 63 * 64, 8), 7u);
  EXPECT_EQ(le(u.run(log_cmd(lid::kSmart, 512)).data, 176, 8), 70u);
}

TEST(LogPages, SmartFromTheBackend) {
  Unit u;
  Bytes log = u.run(log_cmd(lid::kSmart, 512)).data;
  EXPECT_EQ(le(log, 3, 1), 100u);  // spare
  EXPECT_EQ(le(log, 128, 8), 77u);
  EXPECT_EQ(le(log, 32, 8), 0u);
  u.sub.backend = [](const Sqe& s, std::span<const std::byte>) -> std::optional<AdminReply> {
    if ((s.cdw10 & 0xff) != lid::kSmart) return {};
    Bytes page(512);
    page[32] = std::byte{9};
    return AdminReply{st::kOk, false, 0, page};
  };
  log = u.run(log_cmd(lid::kSmart, 512)).data;
  EXPECT_EQ(le(log, 32, 8), 9u);
  Sqe one = log_cmd(lid::kSmart, 512);
  one.nsid = 1;
  EXPECT_EQ(u.run(one).status, st::kInvalidField);
  one.nsid = 0;
  EXPECT_EQ(u.run(one).status, st::kOk);
}

TEST(LogPages, BackendPageOfOddSizeDoesNoHarm) {
  Unit u;
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, std::size_t{5000}}) {
    u.sub.backend = [size](const Sqe&, std::span<const std::byte>) {
      return AdminReply{st::kOk, false, 0, Bytes(size)};
    };
    EXPECT_EQ(u.run(log_cmd(lid::kSmart, 512)).data.size(), 512u);
    EXPECT_EQ(u.run(log_cmd(0xc0, 512)).data.size(), 512u);
  }
}

TEST(LogPages, ChangedNamespaces) {
  Unit u;
  u.core.namespace_changed(9);
  u.core.namespace_changed(2);
  u.core.namespace_changed(9);
  EXPECT_EQ(le(u.run(log_cmd(lid::kChangedNs, 4096, 0, true)).data, 0, 8), 2u | std::uint64_t{9} << 32);
  const Bytes log = u.run(log_cmd(lid::kChangedNs, 4096)).data;
  EXPECT_EQ(le(log, 0, 8), 2u | std::uint64_t{9} << 32);
  EXPECT_TRUE(all_zero(log, 8));
  EXPECT_TRUE(all_zero(u.run(log_cmd(lid::kChangedNs, 4096)).data));
  for (std::uint32_t n = 1; n <= 1024; ++n) u.core.namespace_changed(n);
  EXPECT_EQ(le(u.run(log_cmd(lid::kChangedNs, 4096, 0, true)).data, 4092, 4), 1024u);
  u.core.namespace_changed(1025);
  const Bytes many = u.run(log_cmd(lid::kChangedNs, 4096)).data;
  EXPECT_EQ(le(many, 0, 4), 0xffffffffu);
  EXPECT_TRUE(all_zero(many, 4));
  EXPECT_TRUE(all_zero(u.run(log_cmd(lid::kChangedNs, 4096)).data));
}

TEST(LogPages, CommandEffectsFollowOncs) {
  Unit u;
  Bytes log = u.run(log_cmd(lid::kCommandEffects, 4096)).data;
  const auto admin = [&](unsigned op) { return le(log, op * 4, 4); };
  const auto io = [&](unsigned op) { return le(log, 1024 + op * 4, 4); };
  for (const unsigned op : {0x02u, 0x06u, 0x08u, 0x09u, 0x0au, 0x0cu, 0x18u})
    EXPECT_EQ(admin(op) & 1, 1u) << op;
  EXPECT_EQ(admin(0x80), 0u);
  EXPECT_EQ(io(0), 1u);
  EXPECT_EQ(io(1), 3u);
  EXPECT_EQ(io(2), 1u);
  for (const unsigned op : {4u, 5u, 8u, 9u, 0xdu, 0x19u}) EXPECT_EQ(io(op), 0u) << op;
  u.sub.m.oncs = 0x2d;
  log = u.run(log_cmd(lid::kCommandEffects, 4096)).data;
  EXPECT_EQ(io(5), 1u);
  EXPECT_EQ(io(8), 3u);
  EXPECT_EQ(io(9), 3u);
  EXPECT_EQ(io(0x0d) & io(0x0e) & io(0x11) & io(0x15), 1u);
  EXPECT_EQ(io(0x19), 0u);
}

TEST(LogPages, FeatureEffects) {
  Unit u;
  Bytes log = u.run(log_cmd(lid::kFeatureEffects, 1024)).data;
  EXPECT_EQ(le(log, 4 * 0x07, 4), 1u | 2u << 20);  // controller scope
  EXPECT_EQ(le(log, 4 * 0x05, 4), 1u | 1u << 20);  // namespace scope
  EXPECT_EQ(le(log, 4 * 0x06, 4), 0u);
  EXPECT_EQ(le(log, 4 * 0x83, 4), 0u);
  u.sub.m.vwc = 1;
  u.sub.m.oncs = 0x20;
  log = u.run(log_cmd(lid::kFeatureEffects, 1024)).data;
  EXPECT_NE(le(log, 4 * 0x06, 4), 0u);
  EXPECT_NE(le(log, 4 * 0x83, 4), 0u);
}

// ---- ANA ----

TEST(AnaLog, GroupsAscendingWithTheirNamespaces) {
  Unit u;
  u.sub.add(9, 100, 12, 1);
  u.sub.m.namespaces[5].ana_state = spec::ana::kInaccessible;
  u.sub.history.update(u.sub.m);
  const Bytes log = u.run(log_cmd(lid::kAna, 128)).data;
  EXPECT_EQ(le(log, 8, 2), 2u);   // NAGD
  EXPECT_EQ(le(log, 16, 4), 1u);  // group 1
  EXPECT_EQ(le(log, 20, 4), 2u);  // two namespaces
  EXPECT_EQ(le(log, 32, 1), 1u);  // optimized
  EXPECT_EQ(le(log, 48, 8), 1u | std::uint64_t{9} << 32);
  EXPECT_EQ(le(log, 56, 4), 2u);  // group 2
  EXPECT_EQ(le(log, 72, 1), 3u);  // inaccessible
  EXPECT_EQ(le(log, 88, 4), 5u);
  EXPECT_TRUE(all_zero(log, 92));
}

TEST(AnaLog, GroupsOnly) {
  Unit u;
  const Bytes log = u.run(log_cmd(lid::kAna, 128, 0, false, 1)).data;
  EXPECT_EQ(le(log, 8, 2), 2u);
  EXPECT_EQ(le(log, 16, 8), 1u);  // AGID 1, NNV 0
  EXPECT_EQ(le(log, 48, 8), 2u);
  EXPECT_TRUE(all_zero(log, 80));
}

TEST(AnaLog, ChangeCounts) {
  FakeSubsystem s;
  const std::uint64_t first = s.history.change_count();
  s.history.update(s.m);
  EXPECT_EQ(s.history.change_count(), first);  // nothing changed
  const std::uint64_t one = s.history.groups().at(1).change_count;
  s.m.namespaces[5].ana_state = spec::ana::kChange;
  s.history.update(s.m);
  EXPECT_EQ(s.history.change_count(), first + 1);
  EXPECT_EQ(s.history.groups().at(2).change_count, first + 1);
  EXPECT_EQ(s.history.groups().at(1).change_count, one);
  s.m.namespaces[5].ana_group = 1;  // group 2 disappears
  s.history.update(s.m);
  EXPECT_EQ(s.history.change_count(), first + 2);
  EXPECT_EQ(s.history.groups().size(), 1u);
  EXPECT_EQ(s.history.groups().at(1).change_count, first + 2);
}

// ---- Discovery ----

// reaches: discovery.entries
TEST(DiscoveryLog, LargestPage) {
  std::vector<DiscoveryEntry> entries(limits::kDiscoveryEntries,
                                      {{"192.0.2.1", 4420}, "nqn.2024-01.test:one", 1});
  EXPECT_EQ(discovery_log(1, entries, {"192.0.2.1", 4420}).size(), 1024 + limits::kDiscoveryEntries * 1024);
}

TEST(DiscoveryLog, Layout) {
  const DiscoveryEntry entries[] = {{{"192.0.2.1", 4420}, "nqn.a:1", 1},
                                    {{"fd00::2", 4421}, "nqn.a:2", 2},
                                    {{"0.0.0.0", 4420}, "nqn.a:3", 3}};
  const Bytes log = discovery_log(17, entries, {"198.51.100.9", 8009});
  ASSERT_EQ(log.size(), 4096u);
  EXPECT_EQ(le(log, 0, 8), 17u);
  EXPECT_EQ(le(log, 8, 8), 3u);
  EXPECT_EQ(le(log, 16, 2), 0u);
  struct {
    std::uint8_t family;
    const char *nqn, *address, *port;
  } const want[] = {{1, "nqn.a:1", "192.0.2.1", "4420"},
                    {2, "nqn.a:2", "fd00::2", "4421"},
                    {1, "nqn.a:3", "198.51.100.9", "4420"}};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t at = 1024 * (i + 1);
    EXPECT_EQ(le(log, at, 1), 3u);  // TCP
    EXPECT_EQ(le(log, at + 1, 1), want[i].family);
    EXPECT_EQ(le(log, at + 2, 1), 2u);  // NVM subsystem
    EXPECT_EQ(le(log, at + 3, 1), 6u);  // no secure channel, flow control may be off
    EXPECT_EQ(le(log, at + 4, 2), i + 1);
    EXPECT_EQ(le(log, at + 6, 2), 0xffffu);
    EXPECT_GE(le(log, at + 8, 2), 32u);
    EXPECT_EQ(c_text(log, at + 32), want[i].port);
    EXPECT_EQ(c_text(log, at + 256), want[i].nqn);
    EXPECT_EQ(c_text(log, at + 512), want[i].address);
    EXPECT_EQ(le(log, at + 768, 1), 0u);  // SECTYPE
  }
}

}  // namespace
}  // namespace nvtee::nvmf::test
