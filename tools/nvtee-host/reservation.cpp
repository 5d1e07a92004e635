// nvtee-host reservation: who is registered on a namespace, who holds it; and clearing what was left behind.
#include <fmt/format.h>

#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/nvtee-host/command_line.hpp"
#include "tools/nvtee-host/report.hpp"

namespace nvtee::host {
namespace {

constexpr const char* kHelp = R"(nvtee-host reservation ADDR --subnqn NQN [--nsid N] [--clear]

Prints the registrations and the reservation of a namespace. With --clear it takes them all away: only for what was left
behind by a host or a cluster that is gone for good, since whoever holds it now loses it.

  nvtee-host reservation 127.0.0.1:4420 --subnqn nqn.2026-01.example:array1
  nvtee-host reservation 127.0.0.1:4420 --subnqn nqn.2026-01.example:array1 --clear
)";

using nlohmann::json;

struct Registration {
  std::uint16_t cntlid = 0;
  bool holder = false;
  std::uint64_t key = 0;
  std::array<std::uint8_t, 16> host{};
};
struct Registrations {
  std::uint32_t generation = 0;
  unsigned type = 0;
  bool persistent = false;
  std::vector<Registration> list;
};

// One I/O queue, one command at a time.
class Session final : private nvmf::AssociationDelegate {
 public:
  static Result<std::unique_ptr<Session>> open(nvmf::Association::Options o) {
    auto reactor = net::Reactor::create();
    if (!reactor) return std::unexpected(reactor.error());
    std::unique_ptr<Session> s(new Session);
    s->reactor_ = std::move(*reactor);
    s->host_ = o.host_id;
    s->nsid_ = o.nsid;
    o.io_queues = 1;
    nvmf::AssociationDelegate* const self = s.get();
    s->association_ = std::make_unique<nvmf::Association>(*s->reactor_, std::move(o), self);
    while (!s->up_ && !s->down_) s->reactor_->turn(kSecond);
    if (s->down_) return fail(s->why_);
    return s;
  }
  bool offered() const {
    const auto& info = association_->info();
    return (info.ctrl.oncs & spec::resv::kOncsBit) != 0 && info.ns.rescap != 0;
  }
  const std::array<std::uint8_t, 16>& host() const { return host_; }

  Result<Registrations> report() {
    data_.assign(64 + 64 * 255, std::byte{0});
    const auto length = static_cast<std::uint32_t>(data_.size());
    if (auto r = run(spec::io::kResvReport, length / 4 - 1, spec::resv::kReportExtended, 0, length); !r)
      return std::unexpected(r.error());
    Registrations out;
    const auto* d = reinterpret_cast<const std::uint8_t*>(data_.data());
    std::memcpy(&out.generation, d, 4);
    out.type = d[4];
    out.persistent = d[9] != 0;
    const unsigned count = std::min<unsigned>(d[5] | d[6] << 8, 255);
    for (unsigned i = 0; i < count; ++i) {
      const std::uint8_t* e = d + 64 + std::size_t{i} * 64;
      Registration r;
      std::memcpy(&r.cntlid, e, 2);
      r.holder = (e[2] & 1) != 0;
      std::memcpy(&r.key, e + 8, 8);
      std::memcpy(r.host.data(), e + 16, 16);
      out.list.push_back(r);
    }
    return out;
  }
  // Register or Acquire with two keys.
  Status0 change(std::uint8_t opcode, std::uint32_t cdw10, std::uint64_t current, std::uint64_t other) {
    data_.assign(16, std::byte{0});
    std::memcpy(data_.data(), &current, 8);
    std::memcpy(data_.data() + 8, &other, 8);
    return run(opcode, cdw10, 0, 16, 0);
  }

 private:
  Session() = default;
  Status0 run(std::uint8_t opcode, std::uint32_t cdw10, std::uint32_t cdw11, std::uint32_t out,
              std::uint32_t in) {
    transfer_ = {};
    transfer_.sqe.opcode = opcode;
    transfer_.sqe.flags = spec::kPsdtSgl;
    transfer_.sqe.cid = 1;
    transfer_.sqe.nsid = nsid_;
    transfer_.sqe.cdw10 = cdw10;
    transfer_.sqe.cdw11 = cdw11;
    (out != 0 ? transfer_.out_length : transfer_.in_length) = out + in;
    transfer_.out = data_.data();
    transfer_.in = data_.data();
    answered_ = false;
    association_->io_queue(0).submit(transfer_);
    const Time end = reactor_->now() + 30 * kSecond;
    while (!answered_ && !down_ && reactor_->now() < end) reactor_->turn(100 * kMillisecond);
    if (!answered_) return fail(down_ ? why_ : fmt::format("command {:02x}h was not answered", opcode));
    const auto status = spec::status_of_cqe(transfer_.cqe.status);
    if (status == spec::st::kOk) return {};
    return fail(fmt::format("command {:02x}h failed: {}", opcode, status_text(status)), {}, status);
  }
  void on_up(nvmf::InitiatorQueue&, std::uint16_t) override {}
  void on_down(nvmf::InitiatorQueue&, const std::string&, spec::Status) override {}
  nvmf::Transfer* find(nvmf::InitiatorQueue&, std::uint16_t) override {
    return answered_ ? nullptr : &transfer_;
  }
  void on_response(nvmf::InitiatorQueue&, nvmf::Transfer&) override { answered_ = true; }
  void on_association_up(nvmf::Association&, const nvmf::PeerInfo&) override { up_ = true; }
  void on_association_down(nvmf::Association&, const std::string& why, bool) override {
    down_ = true;
    why_ = why;
  }
  void on_async_event(nvmf::Association&, std::uint32_t) override {}

  std::unique_ptr<net::Reactor> reactor_;
  nvmf::Transfer transfer_;
  std::vector<std::byte> data_;
  std::array<std::uint8_t, 16> host_{};
  std::uint32_t nsid_ = 1;
  bool up_ = false, down_ = false, answered_ = true;
  std::string why_;
  std::unique_ptr<nvmf::Association> association_;  // gone first: it points to the transfer
};

// Registers, preempts everybody, and unregisters, which releases.
Status0 clear(Session& s) {
  constexpr std::uint64_t kOwnKey = 0x6e76746565636c72;
  constexpr std::uint32_t kPreempt = spec::resv::kActPreempt | std::uint32_t{spec::resv::kExclusiveAccess}
                                                                   << 8;
  if (auto r = s.change(spec::io::kResvRegister, spec::resv::kActRegister, 0, kOwnKey); !r) return r;
  for (unsigned round = 0; round < 512; ++round) {
    const auto now = s.report();
    if (!now) return std::unexpected(now.error());
    const Registration* victim = nullptr;
    for (const Registration& r : now->list)
      if (r.host != s.host() && (victim == nullptr || r.holder)) victim = &r;
    if (victim == nullptr) return s.change(spec::io::kResvRegister, spec::resv::kActUnregister, kOwnKey, 0);
    const bool all = now->type >= spec::resv::kWeAllRegistrants;
    if (auto r = s.change(spec::io::kResvAcquire, kPreempt, kOwnKey, all ? 0 : victim->key); !r) return r;
  }
  return fail("the registrations come back: somebody is at work", "stop it first");
}

json to_json(const Registrations& r) {
  json list = json::array();
  for (const auto& e : r.list) {
    std::string host;
    for (const auto b : e.host) host += fmt::format("{:02x}", b);
    list.push_back({{"cntlid", e.cntlid},
                    {"holder", e.holder},
                    {"key", fmt::format("{:#018x}", e.key)},
                    {"host", host}});
  }
  return {{"generation", r.generation},
          {"type", r.type},
          {"persistent", r.persistent},
          {"registrants", std::move(list)}};
}

const char* type_text(unsigned type) {
  static constexpr const char* kNames[] = {"none",
                                           "write exclusive",
                                           "exclusive access",
                                           "write exclusive, registrants only",
                                           "exclusive access, registrants only",
                                           "write exclusive, all registrants",
                                           "exclusive access, all registrants"};
  return type < std::size(kNames) ? kNames[type] : "?";
}

}  // namespace

int run_reservation(const std::vector<std::string>& arguments) {
  po::options_description options = connection_options();
  options.add_options()("subnqn,n", po::value<std::string>()->required(), "NQN of the subsystem")(
      "nsid", po::value<std::uint32_t>()->default_value(1), "namespace")(
      "clear", po::bool_switch(), "take the reservation and all registrations away");
  po::variables_map map;
  if (const auto exit = parse(arguments, kHelp, options, "addr", map)) return *exit;
  auto o = connection_from(map, spec::kPortIo);
  if (!o) return complain(o.error().text());
  o->nsid = map["nsid"].as<std::uint32_t>();
  auto session = Session::open(*o);
  if (!session) return complain(session.error().text(), Exit::kFailure);
  if (!(*session)->offered())
    return complain("the namespace has no reservations (ONCS, RESCAP)", Exit::kFailure);
  if (map["clear"].as<bool>())
    if (auto r = clear(**session); !r) return complain(r.error().text(), Exit::kFailure);
  const auto now = (*session)->report();
  if (!now) return complain(now.error().text(), Exit::kFailure);
  const json j = to_json(*now);
  if (wants_json(map)) {
    std::cout << j.dump(2) << "\n";
    return 0;
  }
  fmt::print("reservation: {}{}, generation {}\n", type_text(now->type),
             now->persistent ? ", persistent" : "", now->generation);
  for (const json& e : j["registrants"])
    fmt::print("  key {} host {} controller {}{}\n", e["key"].get<std::string>(),
               e["host"].get<std::string>(), e["cntlid"].get<unsigned>(),
               e["holder"].get<bool>() ? ", holder" : "");
  return 0;
}

}  // namespace nvtee::host
