// Every CNS by the bytes of its layout (facts C3, C4, A4), and what is refused.
#include "runtime/nvmf/front/identify.hpp"

#include "runtime/nvmf/front/test_tools.hpp"

namespace nvtee::nvmf::test {
namespace {

TEST(Identify, ControllerLayout) {
  Unit u;
  u.sub.m.oncs = 0x2d;  // Compare, DSM, Write Zeroes, Reservations
  u.sub.m.fuses = 1;
  u.sub.m.vwc = 7;
  const Bytes id = u.run(identify_cmd(1)).data;
  ASSERT_EQ(id.size(), 4096u);
  EXPECT_EQ(text(id, 4, 20), "SN-1                ");
  EXPECT_EQ(text(id, 24, 40), "nvtee" + std::string(35, ' '));
  EXPECT_EQ(text(id, 64, 8), "0.1     ");
  EXPECT_EQ(c_text(id, 768), "nqn.2024-01.test:one");
  struct {
    const char* name;
    std::size_t at, size;
    std::uint64_t value;
  } const fields[] = {
      {"VID", 0, 2, 0},
      {"CMIC", 76, 1, 0x0b},
      {"MDTS", 77, 1, 5},
      {"CNTLID", 78, 2, 7},
      {"VER", 80, 4, 0x20100},
      {"RTD3E", 88, 4, 10000000},
      {"OAES", 92, 4, 0x900},
      {"CTRATT", 96, 4, 0x40001},
      {"CNTRLTYPE", 111, 1, 1},
      {"CRDT1", 128, 2, 0},
      {"OACS", 256, 2, 0},
      {"ACL", 258, 1, 3},
      {"AERL", 259, 1, 3},
      {"FRMW", 260, 1, 3},
      {"LPA", 261, 1, 0x26},
      {"ELPE", 262, 1, 63},
      {"KAS", 320, 2, 1},
      {"ANATT", 342, 1, 10},
      {"ANACAP", 343, 1, 0x1f},
      {"ANAGRPMAX", 344, 4, 64},
      {"NANAGRPID", 348, 4, 64},
      {"CQT", 386, 2, 5000},
      {"SQES", 512, 1, 0x66},
      {"CQES", 513, 1, 0x44},
      {"MAXCMD", 514, 2, 128},
      {"NN", 516, 4, 64},
      {"ONCS", 520, 2, 0x3d},
      {"FUSES", 522, 2, 1},
      {"FNA", 524, 1, 0},
      {"VWC", 525, 1, 7},
      {"AWUN", 526, 2, 0},
      {"AWUPF", 528, 2, 0},
      {"SGLS", 536, 4, 0x300001},
      {"MNAN", 540, 4, 64},
      {"IOCCSZ", 1792, 4, (64 + 8192) / 16},
      {"IORCSZ", 1796, 4, 1},
      {"ICDOFF", 1800, 2, 0},
      {"FCATT", 1802, 1, 0},
      {"MSDBD", 1803, 1, 1},
      {"OFCS", 1804, 2, 0},
      {"DCTYPE", 1806, 1, 0},
  };
  for (const auto& f : fields) EXPECT_EQ(le(id, f.at, f.size), f.value) << f.name;
}

TEST(Identify, ControllerWithoutAna) {
  Unit u;
  u.sub.m.ana = false;
  const Bytes id = u.run(identify_cmd(1)).data;
  EXPECT_EQ(le(id, 76, 1), 3u);
  EXPECT_EQ(le(id, 92, 4), 0x100u);
  EXPECT_EQ(le(id, 525, 1), 4u);  // no cache; Flush not for all namespaces
  EXPECT_EQ(le(id, 342, 2), 0u);
  EXPECT_EQ(le(id, 344, 8), 0u);
  EXPECT_EQ(le(u.run(identify_cmd(0, 1)).data, 92, 4), 0u);
  EXPECT_EQ(u.run(log_cmd(spec::lid::kAna, 64)).status, st::kInvalidLogPage);
}

TEST(Identify, LongNamesAreCutNotOverrun) {
  Unit u;
  u.sub.m.serial = std::string(30, 'S');
  u.sub.m.model = std::string(50, 'M');
  u.sub.m.firmware = std::string(12, 'F');
  const Bytes id = u.run(identify_cmd(1)).data;
  EXPECT_EQ(text(id, 4, 68), std::string(20, 'S') + std::string(40, 'M') + std::string(8, 'F'));
}

TEST(Identify, NamespaceLayout) {
  Unit u;
  NamespaceModel& ns = u.sub.m.namespaces[5];
  ns.nmic = 3;
  ns.rescap = 0xff;
  ns.nsfeat = 0x12;
  ns.atomic_blocks = 8;
  ns.preferred_granularity = 16;
  ns.dlfeat = 9;
  ns.write_protected = true;
  const Bytes id = u.run(identify_cmd(0, 5)).data;
  ASSERT_EQ(id.size(), 4096u);
  struct {
    const char* name;
    std::size_t at, size;
    std::uint64_t value;
  } const fields[] = {
      {"NSZE", 0, 8, 2048},
      {"NCAP", 8, 8, 2048},
      {"NUSE", 16, 8, 2048},
      {"NSFEAT", 24, 1, 0x12},
      {"NLBAF", 25, 1, 0},
      {"FLBAS", 26, 1, 0},
      {"MC", 27, 1, 0},
      {"DPC", 28, 1, 0},
      {"DPS", 29, 1, 0},
      {"NMIC", 30, 1, 3},
      {"RESCAP", 31, 1, 0xff},
      {"DLFEAT", 33, 1, 9},
      {"NAWUN", 34, 2, 7},
      {"NAWUPF", 36, 2, 7},
      {"NACWU", 38, 2, 7},
      {"NABO", 42, 2, 0},
      {"NPWG", 64, 2, 15},
      {"NPWA", 66, 2, 15},
      {"NPDG", 68, 2, 15},
      {"NOWS", 72, 2, 15},
      {"ANAGRPID", 92, 4, 2},
      {"NSATTR", 99, 1, 1},
      {"NVMCAP", 48, 8, 2048 * 512},
      {"NVMCAP high", 56, 8, 0},
      {"EUI64", 120, 8, 0},
      {"LBAF0 MS", 128, 2, 0},
      {"LBAF0 LBADS", 130, 1, 9},
      {"LBAF1", 132, 4, 0},
  };
  for (const auto& f : fields) EXPECT_EQ(le(id, f.at, f.size), f.value) << f.name;
  EXPECT_EQ(Bytes(id.begin() + 104, id.begin() + 120), Bytes(16, std::byte{0x15}));
}

TEST(Identify, AtomicityOnlyWhenClaimed) {
  Unit u;
  u.sub.m.namespaces[1].atomic_blocks = 8;
  u.sub.m.namespaces[1].preferred_granularity = 16;
  const Bytes id = u.run(identify_cmd(0, 1)).data;
  EXPECT_EQ(le(id, 34, 6), 0u);
  EXPECT_EQ(le(id, 64, 8), 0u);
}

TEST(Identify, HugeCapacityFillsBothHalves) {
  Unit u;
  u.sub.m.namespaces[1].blocks = std::uint64_t{1} << 60;
  const Bytes id = u.run(identify_cmd(0, 1)).data;
  EXPECT_EQ(le(id, 48, 8), 0u);
  EXPECT_EQ(le(id, 56, 8), 256u);
}

TEST(Identify, DescriptorList) {
  Unit u;
  u.sub.m.namespaces[1].uuid.fill(0x77);
  Bytes id = u.run(identify_cmd(3, 1)).data;
  EXPECT_EQ(le(id, 0, 4), 0x1002u);  // NIDT 2, NIDL 16
  EXPECT_EQ(id[4], std::byte{0x11});
  EXPECT_EQ(le(id, 20, 4), 0x1003u);  // UUID
  EXPECT_EQ(id[24], std::byte{0x77});
  EXPECT_EQ(le(id, 40, 4), 0x0104u);  // CSI
  EXPECT_TRUE(all_zero(id, 44));
  u.sub.m.namespaces[1].nguid.fill(0);
  id = u.run(identify_cmd(3, 1)).data;
  EXPECT_EQ(le(id, 0, 4), 0x1003u);
}

TEST(Identify, IndependentLayout) {
  Unit u;
  NamespaceModel& ns = u.sub.m.namespaces[5];
  ns.nmic = 3;
  ns.rescap = 0x7f;
  ns.nsfeat = 0x1a;  // of these only UIDREUSE means the same here
  ns.write_protected = true;
  Bytes id = u.run(identify_cmd(8, 5)).data;
  EXPECT_EQ(le(id, 0, 4), 0x007f0308u);
  EXPECT_EQ(le(id, 4, 4), 2u);   // ANAGRPID
  EXPECT_EQ(le(id, 8, 1), 1u);   // NSATTR
  EXPECT_EQ(le(id, 14, 1), 1u);  // NSTAT: ready
  ns.ready = false;
  id = u.run(identify_cmd(8, 5)).data;
  EXPECT_EQ(le(id, 14, 1), 0u);
}

TEST(Identify, DatasetManagementLimits) {
  Unit u;
  u.sub.m.max_dsm_ranges = 16;
  u.sub.m.max_dsm_range_blocks = 0x12345;
  u.sub.m.max_dsm_blocks = 0x123456789a;
  const Bytes nvm = u.run(identify_cmd(6)).data;
  EXPECT_EQ(le(nvm, 3, 1), 16u);
  EXPECT_EQ(le(nvm, 4, 4), 0x12345u);
  EXPECT_EQ(le(nvm, 8, 8), 0x123456789au);
}

TEST(Identify, ListsAndCommandSets) {
  Unit u;
  const Bytes list = u.run(identify_cmd(2, 1)).data;
  EXPECT_EQ(le(list, 0, 8), 5u);
  EXPECT_TRUE(all_zero(u.run(identify_cmd(2, 5)).data));
  EXPECT_EQ(le(u.run(identify_cmd(7, 0)).data, 0, 8), 1u | std::uint64_t{5} << 32);
  const Bytes controllers = u.run(identify_cmd(0x13, 0, 4)).data;
  EXPECT_EQ(le(controllers, 0, 8), 2u | 7u << 16 | std::uint64_t{9} << 32);
  EXPECT_EQ(le(u.run(identify_cmd(0x12, 5, 0)).data, 0, 2), 3u);
  const Bytes nvm = u.run(identify_cmd(6)).data;
  EXPECT_EQ(le(nvm, 1, 1), 5u);  // WZSL
  EXPECT_TRUE(all_zero(nvm, 2));
  EXPECT_TRUE(all_zero(u.run(identify_cmd(5, 1)).data));
  const Bytes sets = u.run(identify_cmd(0x1c, 0, 0xffff)).data;
  EXPECT_EQ(le(sets, 0, 8), 1u);
  EXPECT_TRUE(all_zero(sets, 8));
}

TEST(Identify, MoreNamespacesThanOneListHolds) {
  Unit u;
  u.sub.m.max_namespaces = 5000;
  for (std::uint32_t n = 1; n <= 2000; ++n) u.sub.m.namespaces[n];
  const Bytes first = u.run(identify_cmd(2, 0)).data;
  EXPECT_EQ(le(first, 4092, 4), 1024u);
  const Bytes second = u.run(identify_cmd(2, 1024)).data;
  EXPECT_EQ(le(second, 0, 4), 1025u);
  EXPECT_EQ(le(second, (2000 - 1025) * 4, 8), 2000u);
}

TEST(Identify, Refusals) {
  struct {
    const char* name;
    Sqe sqe;
    spec::Status status;
  } cases[] = {
      {"NSID 0", identify_cmd(0, 0), st::kInvalidNamespace},
      {"NSID above NN", identify_cmd(0, 65), st::kInvalidNamespace},
      {"NSID FFFFFFFFh without management", identify_cmd(0, 0xffffffff), st::kInvalidNamespace},
      {"descriptors of an inactive NSID", identify_cmd(3, 2), st::kInvalidNamespace},
      {"descriptors, NSID 0", identify_cmd(3, 0), st::kInvalidNamespace},
      {"list after FFFFFFFEh", identify_cmd(2, 0xfffffffe), st::kInvalidNamespace},
      {"list after FFFFFFFFh", identify_cmd(7, 0xffffffff), st::kInvalidNamespace},
      {"another command set", identify_cmd(5, 1, 0, 2), st::kInvalidField},
      {"another command set's controller", identify_cmd(6, 0, 0, 1), st::kInvalidField},
      {"another command set's list", identify_cmd(7, 0, 0, 3), st::kInvalidField},
      {"command sets of another controller", identify_cmd(0x1c, 0, 8), st::kInvalidField},
      {"controllers of an inactive NSID", identify_cmd(0x12, 2), st::kInvalidNamespace},
      {"allocated list", identify_cmd(0x10), st::kInvalidField},
      {"NVM sets", identify_cmd(4), st::kInvalidField},
      {"unknown", identify_cmd(0xfe), st::kInvalidField},
      {"short buffer", with_length(identify_cmd(1), 4092), st::kSglLength},
      {"long buffer", with_length(identify_cmd(1), 8192), st::kSglLength},
      {"no buffer", with_length(identify_cmd(0, 1), 0), st::kSglLength},
      {"inactive NSID, short buffer", with_length(identify_cmd(0, 2), 512), st::kSglLength},
  };
  for (const auto& c : cases) {
    Unit u;
    const AdminReply r = u.run(c.sqe);
    EXPECT_EQ(r.status, c.status) << c.name;
    EXPECT_TRUE(r.dnr && r.data.empty()) << c.name;
  }
}

TEST(Identify, InactiveNamespaceIsZeros) {
  for (const std::uint8_t cns : {0, 5, 8}) {
    Unit u;
    const AdminReply r = u.run(identify_cmd(cns, 2));
    EXPECT_EQ(r.status, st::kOk) << int{cns};
    EXPECT_EQ(r.data, Bytes(4096)) << int{cns};
  }
}

}  // namespace
}  // namespace nvtee::nvmf::test
