// nvtee-host discover: the discovery log page of a discovery controller.
#include <fmt/format.h>

#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/nvtee-host/admin_session.hpp"
#include "tools/nvtee-host/command_line.hpp"

namespace nvtee::host {
namespace {

constexpr const char* kHelp = R"(nvtee-host discover ADDR [options]

Prints the discovery log page: which subsystems can be reached, and where. Port 8009 unless named.

  nvtee-host discover 10.0.0.1
  nvtee-host discover 127.0.0.1:4420 -o json
)";
constexpr const char* kDiscoveryNqn = "nqn.2014-08.org.nvmexpress.discovery";
constexpr std::uint64_t kMostRecords = 4096;
constexpr unsigned kTries = 5;

struct Log {
  std::uint64_t generation = 0;
  std::vector<nvmf_disc_log_entry> entries;
};

// Text in a fixed field, without the padding.
template <std::size_t N>
std::string field(const char (&f)[N]) {
  std::string s(f, strnlen(f, N));
  while (!s.empty() && s.back() == ' ') s.pop_back();
  return s;
}

// Header, then everything; again when it changed meanwhile.
Result<Log> read_log(AdminSession& session) {
  for (unsigned i = 0; i < kTries; ++i) {
    const auto header = session.log_page(spec::lid::kDiscovery, 0, 1024);
    if (!header) return std::unexpected(header.error());
    nvmf_discovery_log h;
    std::memcpy(&h, header->data(), sizeof h);
    if (h.numrec > kMostRecords)
      return fail(fmt::format("the log names {} records", std::uint64_t{h.numrec}));
    const auto page =
        session.log_page(spec::lid::kDiscovery, 0, static_cast<std::uint32_t>(1024 * (1 + h.numrec)));
    if (!page) return std::unexpected(page.error());
    const auto again = session.log_page(spec::lid::kDiscovery, 0, 1024);
    if (!again) return std::unexpected(again.error());
    nvmf_discovery_log h2;
    std::memcpy(&h2, again->data(), sizeof h2);
    if (h.genctr != h2.genctr) continue;
    Log log{h.genctr, {}};
    log.entries.resize(h.numrec);
    for (std::size_t n = 0; n < log.entries.size(); ++n)
      std::memcpy(&log.entries[n], page->data() + 1024 * (n + 1), sizeof log.entries[n]);
    return log;
  }
  return fail("the discovery log keeps changing");
}

const char* subtype_name(std::uint8_t s) {
  return s == 1 ? "referral" : s == 2 ? "subsystem" : s == 3 ? "current discovery" : "?";
}
const char* transport_name(std::uint8_t t) {
  return t == 1 ? "rdma" : t == 2 ? "fc" : t == 3 ? "tcp" : t == 254 ? "loop" : "?";
}

void print(const Log& log, bool json) {
  if (json) {
    nlohmann::json j = {{"generation", log.generation}, {"records", nlohmann::json::array()}};
    for (const auto& e : log.entries)
      j["records"].push_back({{"transport", transport_name(e.trtype)},
                              {"family", e.adrfam == 2 ? "ipv6" : "ipv4"},
                              {"type", subtype_name(e.subtype)},
                              {"port_id", static_cast<unsigned>(e.portid)},
                              {"cntlid", static_cast<unsigned>(e.cntlid)},
                              {"treq", static_cast<unsigned>(e.treq)},
                              {"address", field(e.traddr)},
                              {"service", field(e.trsvcid)},
                              {"nqn", field(e.subnqn)}});
    std::cout << j.dump(2) << "\n";
    return;
  }
  fmt::print("{} records, generation {}\n", log.entries.size(), log.generation);
  for (const auto& e : log.entries)
    fmt::print("  {:18} {:5} {:32} {}\n", subtype_name(e.subtype), transport_name(e.trtype),
               field(e.traddr) + ":" + field(e.trsvcid), field(e.subnqn));
}

}  // namespace

int run_discover(const std::vector<std::string>& arguments) {
  po::variables_map map;
  if (const auto exit = parse(arguments, kHelp, connection_options(), "addr", map)) return *exit;
  auto o = connection_from(map, spec::kPortDiscovery);
  if (!o) return complain(o.error().text());
  o->sub_nqn = kDiscoveryNqn;
  if (map["kato"].defaulted()) o->kato_ms = 0;  // a short visit
  auto session = AdminSession::open(std::move(*o));
  if (!session) return complain(session.error().text(), Exit::kFailure);
  const auto log = read_log(**session);
  if (!log) return complain(log.error().text(), Exit::kFailure);
  print(*log, wants_json(map));
  return 0;
}

}  // namespace nvtee::host
