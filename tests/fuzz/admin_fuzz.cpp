// Admin and fabrics commands with their SGLs, as a sequence to one controller; Connect with its data; the
// discovery log.
#include "runtime/nvmf/front/connect_rules.hpp"
#include "runtime/nvmf/front/discovery.hpp"
#include "runtime/nvmf/front/test_tools.hpp"
#include "runtime/nvmf/front/transfer.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace nvtee::fuzz {
namespace {

using namespace nvmf;
using nvmf::test::Unit;
namespace st = spec::st;

void connect(Input& in) {
  const auto sqe = in.take<Sqe>();
  std::array<std::byte, 1024> data{};
  const auto given = in.bytes(data.size());
  std::copy(given.begin(), given.end(), data.begin());
  const auto request = parse_connect(sqe, data);
  if (!request) return must(request.error().status != st::kOk, "a refusal has a status");
  must(valid_nqn(request->subsystem_nqn) && valid_nqn(request->host_nqn),
       "names that are passed on are NQNs");
  must(request->entries >= 1 && request->entries <= 65536, "entries are SQSIZE + 1");
  nvmf::test::FakeSubsystem s;
  const auto info = nvmf::test::info_of();
  (void)check_admin_connect(s.m, *request, 1);
  (void)check_io_connect(s.m, *request, {&info, true, false, 4});
}

void commands(Input& in, ControllerKind kind) {
  Unit u(kind);
  u.sub.m.oncs = 0x60;
  u.sub.m.namespaces[5].nmic = 3;
  const DiscoveryEntry entry{{"192.0.2.1", 4420}, "nqn.2024-01.test:one", 1};
  u.sub.discovery = discovery_log(3, std::span(&entry, 1), {"192.0.2.7", 4420});
  for (int i = 0; i < 64 && in.more(); ++i) {
    const auto sqe = in.take<Sqe>();
    const auto in_capsule = in.take<std::uint16_t>() % 8193;
    const auto plan = plan_transfer(sqe, in_capsule);
    if (!plan) {
      must(plan.error() != st::kOk, "a refusal has a status");
      continue;
    }
    must(plan->direction == AdminTransfer::Direction::kToHost || plan->length <= kMaxAdminData,
         "data of an admin command is bounded");
    std::vector<std::byte> data;
    if (plan->direction == AdminTransfer::Direction::kByR2t ||
        plan->direction == AdminTransfer::Direction::kInCapsule) {
      const auto given = in.bytes(plan->length);
      data.assign(given.begin(), given.end());
      data.resize(plan->length);
    }
    u.now += kMillisecond;
    const auto out = u.core.execute(sqe, data, u.now);
    if (out.quiesce) u.core.quiesced();
    for (int events = 0; u.core.next_event(); ++events) must(events < 100, "events end");
    if (out.held) continue;
    must(out.reply.status == st::kOk || out.reply.data.empty(), "a refusal has no data");
    must(out.reply.data.size() <= AdminCore::kMostBytes, "answers are bounded");
    must(out.reply.data.empty() || out.reply.data.size() == sqe.sgl.length,
         "an answer is as long as asked for");
  }
}

}  // namespace

void one(Input in) {
  switch (in.take<std::uint8_t>() % 3) {
    case 0:
      return connect(in);
    case 1:
      return commands(in, ControllerKind::kIo);
    default:
      return commands(in, ControllerKind::kDiscovery);
  }
}

Seeds seeds() {
  using namespace nvmf::test;
  Seeds out;
  const Sqe all[] = {identify_cmd(1),
                     identify_cmd(0, 1),
                     identify_cmd(2),
                     identify_cmd(3, 1),
                     identify_cmd(6),
                     log_cmd(1, 64),
                     log_cmd(2, 512),
                     log_cmd(0x0c, 128),
                     log_cmd(0x70, 1024, 0),
                     log_cmd(5, 4096),
                     get_feature(7),
                     set_feature(7, 0xf000f),
                     set_feature(0x0b, 0xffff),
                     get_feature(0x0e, 0, 0, 0, 8),
                     set_feature(0x16, 0, 0, 512),
                     property_get(0, 1),
                     property_set(0x14, kCcLinux | 1),
                     command(spec::admin::kAsyncEvent),
                     command(spec::admin::kKeepAlive),
                     command(spec::admin::kAbort)};
  for (std::uint8_t kind : {1, 2})
    for (const Sqe& s : all)
      out.push_back(Seed().put(kind).put(s).put(std::uint16_t{0}).text(std::string(512, '\1')));
  Seed together;
  together.put(std::uint8_t{1});
  for (const Sqe& s : all) together.put(s).put(std::uint16_t{0});
  out.push_back(together);
  Sqe c = command(spec::kOpFabrics, spec::fabrics::kConnect);
  c.sgl = {0, 1024, {}, spec::kSglDataOffset};
  c.cdw11 = 31;
  std::string data(1024, '\0');
  data.replace(16, 2, "\xff\xff");
  data.replace(256, 20, "nqn.2024-01.test:one");
  data.replace(512, 10, "nqn.host:a");
  out.push_back(Seed().put(std::uint8_t{0}).put(c).text(data));
  return out;
}

}  // namespace nvtee::fuzz
