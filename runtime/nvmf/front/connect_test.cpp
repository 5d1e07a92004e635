// The rules of Connect, of admin data transfers, and of controller ids.
#include <nvme/types.h>

#include <set>

#include "runtime/nvmf/front/cntlid_allocator.hpp"
#include "runtime/nvmf/front/connect_rules.hpp"
#include "runtime/nvmf/front/test_tools.hpp"
#include "runtime/nvmf/front/transfer.hpp"

namespace nvtee::nvmf::test {
namespace {

struct Connect {
  Sqe sqe = command(spec::kOpFabrics, spec::fabrics::kConnect);
  nvmf_connect_data data{};

  explicit Connect(std::uint16_t qid = 0) {
    sqe.cdw10 = std::uint32_t{qid} << 16;
    sqe.cdw11 = 31;
    sqe.cdw12 = 5000;
    data.cntlid = qid == 0 ? 0xffff : 7;
    std::memset(data.hostid, 0xaa, 16);
    sub("nqn.2024-01.test:one");
    host("nqn.host:a");
  }
  void sub(const std::string& s) { put_text(data.subsysnqn, s, '\0'); }
  void host(const std::string& s) { put_text(data.hostnqn, s, '\0'); }
  std::expected<ConnectRequest, ConnectRefusal> parse() const {
    Bytes b = bytes_of(data);
    return parse_connect(sqe, std::span<const std::byte, 1024>(b));
  }
};

constexpr std::uint32_t kInData = 1u << 16;

TEST(ConnectRules, ParsesEveryField) {
  Connect c(3);
  c.sqe.cdw11 = 127 | 4u << 16;
  const auto r = c.parse();
  ASSERT_TRUE(r);
  EXPECT_EQ(r->qid, 3);
  EXPECT_EQ(r->entries, 128u);
  EXPECT_TRUE(r->flow_control_off);
  EXPECT_EQ(r->kato_ms, 0u);  // counts on the admin queue only
  EXPECT_EQ(r->cntlid, 7);
  EXPECT_EQ(r->host_id[0], 0xaa);
  EXPECT_EQ(r->subsystem_nqn, "nqn.2024-01.test:one");
  EXPECT_EQ(r->host_nqn, "nqn.host:a");
  EXPECT_EQ(Connect().parse()->kato_ms, 5000u);
  EXPECT_FALSE(Connect().parse()->flow_control_off);
}

TEST(ConnectRules, Nqns) {
  EXPECT_TRUE(valid_nqn("nqn.2014-08.org.nvmexpress:uuid:12345678-1234-1234-1234-123456789abc"));
  EXPECT_TRUE(valid_nqn("nqn." + std::string(219, 'x')));
  for (const std::string& bad :
       {std::string(), std::string("nqn."), std::string("iqn.2001"), std::string("nqn.a b"),
        std::string("nqn.a\nb"), "nqn." + std::string(220, 'x')})
    EXPECT_FALSE(valid_nqn(bad)) << bad;
}

TEST(ConnectRules, Format) {
  struct {
    const char* name;
    std::function<void(Connect&)> spoil;
    spec::Status status;
    std::uint32_t result;
  } const cases[] = {
      {"RECFMT", [](Connect& c) { c.sqe.cdw10 |= 1; }, st::kConnectIncompatibleFormat, 0},
      {"SUBNQN without an end", [](Connect& c) { std::memset(c.data.subsysnqn, 'n', 256); },
       st::kConnectInvalidParams, kInData | 256},
      {"SUBNQN empty", [](Connect& c) { c.sub(""); }, st::kConnectInvalidParams, kInData | 256},
      {"HOSTNQN without an end", [](Connect& c) { std::memset(c.data.hostnqn, 'n', 256); },
       st::kConnectInvalidParams, kInData | 512},
      {"HOSTNQN too long", [](Connect& c) { c.host("nqn." + std::string(221, 'x')); },
       st::kConnectInvalidParams, kInData | 512},
      {"HOSTNQN with a control character", [](Connect& c) { c.host("nqn.\x01x"); }, st::kConnectInvalidParams,
       kInData | 512},
  };
  for (const auto& t : cases) {
    Connect c;
    t.spoil(c);
    const auto r = c.parse();
    ASSERT_FALSE(r) << t.name;
    EXPECT_EQ(r.error().status, t.status) << t.name;
    EXPECT_EQ(r.error().result, t.result) << t.name;
    EXPECT_TRUE(r.error().dnr) << t.name;
  }
}

TEST(ConnectRules, AdminQueue) {
  FakeSubsystem s;
  s.m.max_controllers = 4;
  struct {
    const char* name;
    std::function<void(Connect&)> spoil;
    std::size_t controllers;
    spec::Status status;
    std::uint32_t result;
    bool dnr;
  } const cases[] = {
      {"unknown subsystem", [](Connect& c) { c.sub("nqn.other"); }, 0, st::kConnectInvalidParams,
       kInData | 256, false},
      {"host not allowed", [](Connect& c) { c.host("nqn.host:b"); }, 0, st::kConnectInvalidHost, 0, true},
      {"static controller", [](Connect& c) { c.data.cntlid = 1; }, 0, st::kConnectInvalidParams, kInData | 16,
       true},
      {"any static controller", [](Connect& c) { c.data.cntlid = 0xfffe; }, 0, st::kConnectInvalidParams,
       kInData | 16, true},
      {"reserved id", [](Connect& c) { c.data.cntlid = 0xfffd; }, 0, st::kConnectInvalidParams, kInData | 16,
       true},
      {"SQSIZE 0", [](Connect& c) { c.sqe.cdw11 = 0; }, 0, st::kConnectInvalidParams, 44, true},
      {"SQSIZE too large", [](Connect& c) { c.sqe.cdw11 = 128; }, 0, st::kConnectInvalidParams, 44, true},
      {"all controllers in use", [](Connect&) {}, 4, st::kConnectBusy, 0, false},
  };
  for (const auto& t : cases) {
    Connect c;
    t.spoil(c);
    const auto bad = check_admin_connect(s.m, *c.parse(), t.controllers);
    ASSERT_TRUE(bad) << t.name;
    EXPECT_EQ(bad->status, t.status) << t.name;
    EXPECT_EQ(bad->result, t.result) << t.name;
    EXPECT_EQ(bad->dnr, t.dnr) << t.name;
  }
  EXPECT_FALSE(check_admin_connect(s.m, *Connect().parse(), 3));
  Connect stranger;
  stranger.host("nqn.host:b");
  s.m.any_host = true;
  EXPECT_FALSE(check_admin_connect(s.m, *stranger.parse(), 0));
}

TEST(ConnectRules, IoQueue) {
  FakeSubsystem s;
  const ControllerInfo info = info_of();
  const IoConnectTarget good{&info, true, false, 4};
  struct {
    const char* name;
    std::function<void(Connect&, IoConnectTarget&)> spoil;
    std::uint32_t result;
    bool dnr;
  } const cases[] = {
      {"no such controller", [](Connect&, IoConnectTarget& t) { t.controller = nullptr; }, kInData | 16,
       false},
      {"before CC.EN", [](Connect&, IoConnectTarget& t) { t.takes_io_queues = false; }, 42, false},
      {"queue exists", [](Connect&, IoConnectTarget& t) { t.queue_exists = true; }, 42, false},
      {"QID above the granted", [](Connect& c, IoConnectTarget&) { c.sqe.cdw10 = 5u << 16; }, 42, true},
      {"SQSIZE above MQES", [](Connect& c, IoConnectTarget&) { c.sqe.cdw11 = 128; }, 44, true},
      {"SQSIZE 0", [](Connect& c, IoConnectTarget&) { c.sqe.cdw11 = 0; }, 44, true},
      {"another host", [](Connect& c, IoConnectTarget&) { c.host("nqn.host:b"); }, kInData | 512, true},
      {"another host id", [](Connect& c, IoConnectTarget&) { c.data.hostid[3] = 1; }, kInData | 0, true},
      {"another subsystem", [](Connect& c, IoConnectTarget&) { c.sub("nqn.other"); }, kInData | 256, false},
  };
  for (const auto& t : cases) {
    Connect c(4);
    IoConnectTarget target = good;
    t.spoil(c, target);
    const auto bad = check_io_connect(s.m, *c.parse(), target);
    ASSERT_TRUE(bad) << t.name;
    EXPECT_EQ(bad->status, st::kConnectInvalidParams) << t.name;
    EXPECT_EQ(bad->result, t.result) << t.name;
    EXPECT_EQ(bad->dnr, t.dnr) << t.name;
  }
  EXPECT_FALSE(check_io_connect(s.m, *Connect(4).parse(), good));
  Connect zero(4);
  std::memset(zero.data.hostid, 0, 16);
  EXPECT_FALSE(check_io_connect(s.m, *zero.parse(), good));
}

// ---- Data transfers ----

using Direction = AdminTransfer::Direction;

TEST(Transfer, Plans) {
  const auto sqe = [](std::uint8_t op, std::uint8_t type, std::uint32_t length, std::uint64_t address = 0) {
    Sqe s = command(op);
    s.sgl = {address, length, {}, type};
    return s;
  };
  constexpr std::uint8_t kSet = spec::admin::kSetFeatures, kGet = spec::admin::kIdentify,
                         kNone = spec::admin::kAbort;
  constexpr std::uint8_t kHere = spec::kSglDataOffset, kThere = spec::kSglTransport;
  struct {
    const char* name;
    Sqe sqe;
    std::uint32_t in_capsule;
    Direction direction;
    std::uint32_t length;
  } const good[] = {
      {"in capsule", sqe(kSet, kHere, 512), 512, Direction::kInCapsule, 512},
      {"by R2T", sqe(kSet, kThere, 4096), 0, Direction::kByR2t, 4096},
      {"to the host", sqe(kGet, kThere, 4096), 0, Direction::kToHost, 4096},
      {"no data, as Linux says it", sqe(kSet, kThere, 0), 0, Direction::kNone, 0},
      {"no data, empty SGL", sqe(kGet, 0, 0), 0, Direction::kNone, 0},
      {"opcode without data", sqe(kNone, 0x77, 99, 5), 0, Direction::kNone, 0},
      {"opcode without data, data sent", sqe(kNone, kHere, 8), 8, Direction::kNone, 0},
      {"both ways: no command of ours", sqe(0x07, kThere, 512), 0, Direction::kNone, 0},
  };
  for (const auto& t : good) {
    const auto plan = plan_transfer(t.sqe, t.in_capsule);
    ASSERT_TRUE(plan) << t.name;
    EXPECT_EQ(plan->direction, t.direction) << t.name;
    EXPECT_EQ(plan->length, t.length) << t.name;
  }
  Sqe prp = sqe(kSet, kThere, 512), metadata = prp;
  prp.flags = 0;
  metadata.flags = 0x80;
  struct {
    const char* name;
    Sqe sqe;
    std::uint32_t in_capsule;
    spec::Status status;
  } const bad[] = {
      {"offset not 0", sqe(kSet, kHere, 512, 8), 512, st::kSglOffset},
      {"says more than came", sqe(kSet, kHere, 512), 256, st::kSglLength},
      {"says less than came", sqe(kSet, kHere, 256), 512, st::kSglLength},
      {"says data, none came", sqe(kSet, kHere, 512), 0, st::kSglLength},
      {"came, but says transport", sqe(kSet, kThere, 512), 512, st::kSglLength},
      {"more than admin data may be", sqe(kSet, kThere, kMaxAdminData + 4), 0, st::kInvalidField},
      {"4 GiB", sqe(kSet, kThere, 0xffff'fffc), 0, st::kInvalidField},
      {"not whole dwords", sqe(kSet, kThere, 10), 0, st::kSglLength},
      {"keyed", sqe(kSet, 0x40, 512), 0, st::kSglType},
      {"segment", sqe(kSet, 0x20, 16), 16, st::kSglType},
      {"plain address", sqe(kGet, 0x00, 4096, 0x1000), 0, st::kSglType},
      {"to the host in the capsule", sqe(kGet, kHere, 4096), 0, st::kSglType},
      {"to the host, data came", sqe(kGet, kThere, 4096), 64, st::kSglLength},
      {"PRP", prp, 0, st::kInvalidField},
      {"metadata SGL", metadata, 0, st::kInvalidField},
  };
  for (const auto& t : bad) {
    const auto plan = plan_transfer(t.sqe, t.in_capsule);
    ASSERT_FALSE(plan) << t.name;
    EXPECT_EQ(plan.error(), t.status) << t.name;
  }
}

TEST(Transfer, FabricsDirectionIsInTheType) {
  Sqe s = with_length(command(spec::kOpFabrics, spec::fabrics::kPropertyGet), 4096);
  EXPECT_EQ(plan_transfer(s, 0)->direction, Direction::kNone);
  s.nsid = spec::fabrics::kAuthReceive;
  EXPECT_EQ(plan_transfer(s, 0)->direction, Direction::kToHost);
  s.nsid = spec::fabrics::kAuthSend;
  EXPECT_EQ(plan_transfer(s, 0)->direction, Direction::kByR2t);
}

// ---- Controller ids ----

TEST(CntlidAllocator, StaysInRangeAndReusesTheOldest) {
  CntlidAllocator ids(10, 13, 6);
  std::set<std::uint16_t> seen;
  std::vector<std::uint16_t> order;
  for (int i = 0; i < 4; ++i) {
    order.push_back(*ids.take());
    seen.insert(order.back());
  }
  EXPECT_EQ(seen, (std::set<std::uint16_t>{10, 11, 12, 13}));
  EXPECT_EQ(order[0], 12);  // the seed
  EXPECT_FALSE(ids.take());
  ids.release(11);
  ids.release(13);
  EXPECT_EQ(ids.take(), 11);
  ids.release(11);
  EXPECT_EQ(ids.take(), 13);
  EXPECT_EQ(ids.take(), 11);
  EXPECT_FALSE(ids.take());
}

TEST(CntlidAllocator, AReleasedIdWaitsForTheWholeRange) {
  CntlidAllocator ids(1, 0xffef, 0);
  const std::uint16_t first = *ids.take();
  ids.release(first);
  for (int i = 1; i < 0xffef; ++i) {
    const std::uint16_t id = *ids.take();
    ASSERT_NE(id, first);
    ids.release(id);
  }
  EXPECT_EQ(ids.take(), first);
}

TEST(CntlidAllocator, EmptyRange) {
  EXPECT_FALSE(CntlidAllocator(5, 4, 9).take());
}

}  // namespace
}  // namespace nvtee::nvmf::test
