#include "tools/nvtee-host/command_line.hpp"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

namespace nvtee::host {
namespace {

// A stable identity of this machine, so that reservations and access lists know it again.
std::string default_host_nqn() {
  for (const char* path : {"/etc/nvme/hostnqn"}) {
    std::ifstream in(path);
    std::string line;
    if (std::getline(in, line) && line.starts_with("nqn.")) return line;
  }
  std::ifstream in("/etc/machine-id");
  std::string id;
  if (!std::getline(in, id) || id.size() < 32) id = std::string(32, '0');
  return fmt::format("nqn.2014-08.org.nvmexpress:uuid:{}-{}-{}-{}-{}", id.substr(0, 8), id.substr(8, 4),
                     id.substr(12, 4), id.substr(16, 4), id.substr(20, 12));
}

// 32 hex digits, with or without dashes.
Result<std::array<std::uint8_t, 16>> parse_host_id(const std::string& text) {
  std::array<std::uint8_t, 16> id{};
  std::string hex;
  for (const char c : text)
    if (c != '-') hex += c;
  if (hex.size() != 32 || hex.find_first_not_of("0123456789abcdefABCDEF") != hex.npos)
    return fail("--hostid: '" + text + "' is not a UUID");
  for (std::size_t i = 0; i < 16; ++i)
    id[i] = static_cast<std::uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  return id;
}

// The same NQN always gives the same identifier (FNV-1a, twice).
std::array<std::uint8_t, 16> host_id_of(const std::string& nqn) {
  std::array<std::uint8_t, 16> id{};
  for (std::uint64_t half = 0; half < 2; ++half) {
    std::uint64_t h = 0xcbf29ce484222325ull + half;
    for (const char c : nqn) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    std::memcpy(id.data() + 8 * half, &h, 8);
  }
  return id;
}

}  // namespace

int complain(const std::string& text, Exit exit) {
  std::cerr << "nvtee-host: " << text << "\n";
  return static_cast<int>(exit);
}

po::options_description connection_options() {
  po::options_description o("Connection");
  o.add_options()(
      "addr,a", po::value<std::vector<std::string>>()->composing(),
      "address of the subsystem, HOST:PORT, numeric; again (or with commas) for more, tried in order")(
      "hostnqn", po::value<std::string>(),
      "NQN of this host (default: /etc/nvme/hostnqn, else from the machine id)")(
      "hostid", po::value<std::string>(), "host identifier, a UUID (default: follows from the NQN)")(
      "hdgst", po::bool_switch(), "header digests")("ddgst", po::bool_switch(), "data digests")(
      "flow-control", po::bool_switch(), "keep SQ flow control on")(
      "kato", po::value<unsigned>()->default_value(5000), "keep-alive timeout in ms, 0 = none")(
      "connect-timeout", po::value<std::string>()->default_value("3s"), "for one address to come up")(
      "output,o", po::value<std::string>()->default_value("text"), "text or json")("help,h", "this text");
  return o;
}

Result<nvmf::Association::Options> connection_from(const po::variables_map& map, std::uint16_t default_port) {
  nvmf::Association::Options o;
  if (!map.count("addr")) return fail("no address", "name the subsystem's address: --addr 127.0.0.1:4420");
  for (const std::string& list : map["addr"].as<std::vector<std::string>>()) {
    std::stringstream in(list);
    for (std::string one; std::getline(in, one, ',');) {
      const auto a = net::parse_address(one, default_port);
      if (!a) return std::unexpected(a.error());
      o.addresses.push_back(*a);
    }
  }
  if (o.addresses.empty()) return fail("no address", "name the subsystem's address: --addr 127.0.0.1:4420");
  o.host_nqn = map.count("hostnqn") ? map["hostnqn"].as<std::string>() : default_host_nqn();
  if (o.host_nqn.empty() || o.host_nqn.size() > 223) return fail("--hostnqn has 1 to 223 characters");
  o.host_id = host_id_of(o.host_nqn);
  if (map.count("hostid")) {
    const auto id = parse_host_id(map["hostid"].as<std::string>());
    if (!id) return std::unexpected(id.error());
    o.host_id = *id;
  }
  o.header_digest = map["hdgst"].as<bool>();
  o.data_digest = map["ddgst"].as<bool>();
  o.flow_control_off = !map["flow-control"].as<bool>();
  o.kato_ms = map["kato"].as<unsigned>();
  const auto timeout = parse_time(map["connect-timeout"].as<std::string>());
  if (!timeout || *timeout == 0) return fail("--connect-timeout: not a time");
  o.up_timeout = *timeout;
  if (const std::string& f = map["output"].as<std::string>(); f != "text" && f != "json")
    return fail("--output is text or json");
  if (map.count("subnqn")) o.sub_nqn = map["subnqn"].as<std::string>();
  if (o.sub_nqn.size() > 223) return fail("--subnqn has at most 223 characters");
  return o;
}

bool wants_json(const po::variables_map& map) {
  return map["output"].as<std::string>() == "json";
}

std::optional<int> parse(const std::vector<std::string>& arguments, const char* help,
                         const po::options_description& options, const char* positional,
                         po::variables_map& map) {
  try {
    po::positional_options_description places;
    places.add(positional, -1);
    po::store(po::command_line_parser(arguments).options(options).positional(places).run(), map);
    if (map.count("help")) {
      std::cout << help << "\n" << options << "\n";
      return 0;
    }
    po::notify(map);
  } catch (const po::error& e) {
    return complain(std::string(e.what()) + " (see --help)");
  }
  return {};
}

}  // namespace nvtee::host
