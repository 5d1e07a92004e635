// nvtee-host discover: the discovery log page of a discovery controller.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/nvtee-host/admin_session.hpp"
#include "tools/nvtee-host/command_line.hpp"
#include "tools/nvtee-host/discovery_log.hpp"

namespace nvtee::host {
namespace {

constexpr const char* kHelp = R"(nvtee-host discover ADDR [options]

Prints the discovery log page: which subsystems can be reached, and where. Port 8009 unless named.

  nvtee-host discover 10.0.0.1
  nvtee-host discover 127.0.0.1:4420 -o json
)";
constexpr const char* kDiscoveryNqn = "nqn.2014-08.org.nvmexpress.discovery";
constexpr unsigned kTries = 5;

// Header, then everything; again when it changed meanwhile.
Result<DiscoveryLog> read_log(AdminSession& session) {
  for (unsigned i = 0; i < kTries; ++i) {
    const auto header = session.log_page(spec::lid::kDiscovery, 0, 1024);
    if (!header) return std::unexpected(header.error());
    const auto head = parse_discovery_header(*header);
    if (!head) return std::unexpected(head.error());
    const auto page =
        session.log_page(spec::lid::kDiscovery, 0, static_cast<std::uint32_t>(1024 * (1 + head->records)));
    if (!page) return std::unexpected(page.error());
    const auto again = session.log_page(spec::lid::kDiscovery, 0, 1024);
    if (!again) return std::unexpected(again.error());
    const auto head_again = parse_discovery_header(*again);
    if (!head_again) return std::unexpected(head_again.error());
    if (head->generation == head_again->generation) return parse_discovery_log(*page);
  }
  return fail("the discovery log keeps changing");
}

const char* subtype_name(std::uint8_t s) {
  return s == 1 ? "referral" : s == 2 ? "subsystem" : s == 3 ? "current discovery" : "?";
}
const char* transport_name(std::uint8_t t) {
  return t == 1 ? "rdma" : t == 2 ? "fc" : t == 3 ? "tcp" : t == 254 ? "loop" : "?";
}

void print(const DiscoveryLog& log, bool json) {
  if (json) {
    nlohmann::json j = {{"generation", log.generation}, {"records", nlohmann::json::array()}};
    for (const auto& e : log.entries)
      j["records"].push_back({{"transport", transport_name(e.trtype)},
                              {"family", e.adrfam == 2 ? "ipv6" : "ipv4"},
                              {"type", subtype_name(e.subtype)},
                              {"port_id", static_cast<unsigned>(e.portid)},
                              {"cntlid", static_cast<unsigned>(e.cntlid)},
                              {"treq", static_cast<unsigned>(e.treq)},
                              {"address", discovery_text(e.traddr)},
                              {"service", discovery_text(e.trsvcid)},
                              {"nqn", discovery_text(e.subnqn)}});
    std::cout << j.dump(2) << "\n";
    return;
  }
  fmt::print("{} records, generation {}\n", log.entries.size(), log.generation);
  for (const auto& e : log.entries)
    fmt::print("  {:18} {:5} {:32} {}\n", subtype_name(e.subtype), transport_name(e.trtype),
               discovery_text(e.traddr) + ":" + discovery_text(e.trsvcid), discovery_text(e.subnqn));
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
