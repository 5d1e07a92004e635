// nvtee-host identify: the controller and its namespaces.
#include <fmt/format.h>

#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/nvtee-host/admin_session.hpp"
#include "tools/nvtee-host/command_line.hpp"
#include "tools/nvtee-host/text.hpp"

namespace nvtee::host {
namespace {

constexpr const char* kHelp = R"(nvtee-host identify ADDR --subnqn NQN [options]

Prints what a subsystem says of its controller and of its namespaces, with ANA states and, for dispersed namespaces,
the participating subsystems.

  nvtee-host identify 127.0.0.1:4420 --subnqn nqn.2026-01.example:vol1
  nvtee-host identify 127.0.0.1:4420 --subnqn nqn.2026-01.example:vol1 -o json
)";

using nlohmann::json;

template <std::size_t N>
std::string ascii(const char (&f)[N]) {
  std::string s(f, strnlen(f, N));
  while (!s.empty() && s.back() == ' ') s.pop_back();
  return s;
}

std::string hex(const std::uint8_t* p, std::size_t n) {
  std::string s;
  for (std::size_t i = 0; i < n; ++i) s += fmt::format("{:02x}", p[i]);
  return s;
}

template <class T>
T take(const std::vector<std::byte>& data, std::size_t at = 0) {
  T v{};
  if (at + sizeof v <= data.size()) std::memcpy(&v, data.data() + at, sizeof v);
  return v;
}

json controller_json(const nvmf::PeerInfo& info) {
  const nvme_id_ctrl& c = info.ctrl;
  return {{"address", info.address.text()},
          {"cntlid", info.cntlid},
          {"serial", ascii(c.sn)},
          {"model", ascii(c.mn)},
          {"firmware", ascii(c.fr)},
          {"version", fmt::format("{}.{}.{}", c.ver >> 16, c.ver >> 8 & 0xff, c.ver & 0xff)},
          {"type", c.cntrltype},
          {"subnqn", ascii(c.subnqn)},
          {"max_transfer", info.max_transfer},
          {"in_capsule", info.in_capsule},
          {"queue_entries", (info.cap & 0xffff) + 1},
          {"maxcmd", static_cast<unsigned>(c.maxcmd)},
          {"keep_alive_granularity_ms", c.kas * 100u},
          {"cmic", c.cmic},
          {"oncs", static_cast<unsigned>(c.oncs)},
          {"fuses", static_cast<unsigned>(c.fuses)},
          {"oaes", static_cast<std::uint32_t>(c.oaes)},
          {"ctratt", static_cast<std::uint32_t>(c.ctratt)},
          {"vwc", c.vwc},
          {"anatt_s", c.anatt},
          {"anacap", c.anacap},
          {"nn", static_cast<std::uint32_t>(c.nn)}};
}

json namespace_json(AdminSession& session, std::uint32_t nsid, const nvme_id_ns& n) {
  const nvme_lbaf& format = n.lbaf[n.flbas & 0xf];
  json j = {{"nsid", nsid},
            {"blocks", static_cast<std::uint64_t>(n.nsze)},
            {"capacity", static_cast<std::uint64_t>(n.ncap)},
            {"used", static_cast<std::uint64_t>(n.nuse)},
            {"block_size", 1u << format.ds},
            {"metadata", static_cast<unsigned>(format.ms)},
            {"nguid", hex(n.nguid, sizeof n.nguid)},
            {"eui64", hex(n.eui64, sizeof n.eui64)},
            {"shared", (n.nmic & 1) != 0},
            {"dispersed", (n.nmic & 2) != 0},
            {"rescap", n.rescap},
            {"dlfeat", n.dlfeat},
            {"anagrpid", static_cast<std::uint32_t>(n.anagrpid)}};
  if (const auto ids = session.identify(spec::cns::kNsDescriptors, nsid)) {
    for (std::size_t at = 0; at + 4 <= ids->size();) {
      const auto type = take<std::uint8_t>(*ids, at), length = take<std::uint8_t>(*ids, at + 1);
      if (length == 0 || at + 4 + length > ids->size()) break;
      if (type == 3 && length == 16)
        j["uuid"] = hex(reinterpret_cast<const std::uint8_t*>(ids->data()) + at + 4, 16);
      at += 4u + length;
    }
  }
  if (!(n.nmic & 2)) return j;
  // Participating subsystems (LID 17h): 256-byte header with their number, then their NQNs.
  if (const auto log = session.log_page(spec::lid::kDispersedSubsystems, nsid, 256 + 16 * 256)) {
    json names = json::array();
    const auto count = std::min<std::uint64_t>(take<std::uint64_t>(*log, 8), 16);
    for (std::size_t i = 0; i < count; ++i) {
      const char* p = reinterpret_cast<const char*>(log->data()) + 256 * (i + 1);
      names.push_back(std::string(p, strnlen(p, 256)));
    }
    j["participating"] = std::move(names);
  }
  return j;
}

json ana_json(AdminSession& session, const nvmf::PeerInfo& info) {
  json groups = json::array();
  if (!(info.ctrl.cmic & 8)) return groups;
  constexpr std::uint32_t kLength = 4096;
  const auto log = session.log_page(spec::lid::kAna, spec::kNsidAll, kLength);
  if (!log) return groups;
  std::size_t at = 16;
  for (unsigned i = 0; i < take<std::uint16_t>(*log, 8) && at + 32 <= log->size(); ++i) {
    const auto count = take<std::uint32_t>(*log, at + 4);
    const auto state = take<std::uint8_t>(*log, at + 16) & 0xf;
    json g = {{"group", take<std::uint32_t>(*log, at)},
              {"state", state == spec::ana::kOptimized        ? "optimized"
                        : state == spec::ana::kNonOptimized   ? "non-optimized"
                        : state == spec::ana::kInaccessible   ? "inaccessible"
                        : state == spec::ana::kPersistentLoss ? "persistent loss"
                                                              : "change"},
              {"namespaces", json::array()}};
    at += 32;
    for (std::uint32_t n = 0; n < count && at + 4 <= log->size(); ++n, at += 4)
      g["namespaces"].push_back(take<std::uint32_t>(*log, at));
    groups.push_back(std::move(g));
  }
  return groups;
}

Result<json> gather(AdminSession& session) {
  const nvmf::PeerInfo info = session.info();
  json j = {{"controller", controller_json(info)}, {"namespaces", json::array()}};
  std::uint32_t last = 0;
  for (bool more = true; more;) {
    const auto list = session.identify(spec::cns::kActiveNsList, last);
    if (!list) return std::unexpected(list.error());
    std::size_t i = 0;
    for (; i < 1024; ++i) {
      const auto nsid = take<std::uint32_t>(*list, i * 4);
      if (nsid == 0 || nsid <= last) break;
      last = nsid;
      const auto ns = session.identify(spec::cns::kNamespace, nsid);
      if (!ns) return std::unexpected(ns.error());
      j["namespaces"].push_back(namespace_json(session, nsid, take<nvme_id_ns>(*ns)));
    }
    more = i == 1024;
  }
  j["ana"] = ana_json(session, info);
  return j;
}

void print_text(const json& j) {
  const json& c = j["controller"];
  fmt::print("controller {} at {}  ({} {}, serial {}, NVMe {})\n", c["cntlid"].get<unsigned>(),
             c["address"].get<std::string>(), c["model"].get<std::string>(), c["firmware"].get<std::string>(),
             c["serial"].get<std::string>(), c["version"].get<std::string>());
  fmt::print("  subsystem {}\n", c["subnqn"].get<std::string>());
  fmt::print("  most data per command {}, in a capsule {}, queue entries {}, volatile cache {}\n",
             c["max_transfer"].get<std::uint64_t>() == 0 ? "unlimited"
                                                         : bytes_text(c["max_transfer"].get<std::uint64_t>()),
             bytes_text(c["in_capsule"].get<std::uint64_t>()), c["queue_entries"].get<unsigned>(),
             c["vwc"].get<unsigned>() & 1 ? "yes" : "no");
  const auto oncs = c["oncs"].get<unsigned>();
  fmt::print("  optional commands:{}{}{}{}{}\n", oncs & 1 ? " compare" : "", oncs & 4 ? " dsm" : "",
             oncs & 8 ? " write-zeroes" : "", oncs & 32 ? " reservations" : "",
             c["fuses"].get<unsigned>() & 1 ? " compare-and-write" : "");
  for (const json& n : j["namespaces"]) {
    fmt::print("namespace {}: {} blocks of {} bytes ({}), NGUID {}{}{}, ANA group {}\n",
               n["nsid"].get<unsigned>(), n["blocks"].get<std::uint64_t>(), n["block_size"].get<unsigned>(),
               bytes_text(n["blocks"].get<std::uint64_t>() * n["block_size"].get<unsigned>()),
               n["nguid"].get<std::string>(), n["shared"].get<bool>() ? ", shared" : "",
               n["dispersed"].get<bool>() ? ", dispersed" : "", n["anagrpid"].get<unsigned>());
    if (n.contains("participating"))
      for (const json& p : n["participating"]) fmt::print("  also through {}\n", p.get<std::string>());
  }
  for (const json& g : j["ana"])
    fmt::print("ANA group {}: {} (namespaces {})\n", g["group"].get<unsigned>(),
               g["state"].get<std::string>(), g["namespaces"].dump());
}

}  // namespace

int run_identify(const std::vector<std::string>& arguments) {
  po::options_description options = connection_options();
  options.add_options()("subnqn,n", po::value<std::string>()->required(), "NQN of the subsystem");
  po::variables_map map;
  if (const auto exit = parse(arguments, kHelp, options, "addr", map)) return *exit;
  const auto o = connection_from(map, spec::kPortIo);
  if (!o) return complain(o.error().text());
  auto session = AdminSession::open(*o);
  if (!session) return complain(session.error().text(), Exit::kFailure);
  const auto j = gather(**session);
  if (!j) return complain(j.error().text(), Exit::kFailure);
  if (wants_json(map))
    std::cout << j->dump(2) << "\n";
  else
    print_text(*j);
  return 0;
}

}  // namespace nvtee::host
