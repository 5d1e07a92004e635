// Checks that need more than one value: references, duplicates, the order of times.
#include <algorithm>
#include <bit>

#include "runtime/nvteed/config_reader.hpp"
#include "runtime/nvteed/nqn.hpp"
#include "runtime/nvteed/units.hpp"

namespace nvtee::config {
namespace {

std::string at(const char* list, std::size_t index, const char* key = nullptr) {
  return key ? fmt::format("{}[{}].{}", list, index + 1, key) : fmt::format("{}[{}]", list, index + 1);
}

// Refuses the second and later uses of a value among list[i].key.
template <class V>
void unique(Reader& r, const std::vector<V>& values, const char* list, const char* key) {
  std::map<V, std::size_t> first;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == V{}) continue;  // missing: refused already
    const auto [found, fresh] = first.emplace(values[i], i);
    if (!fresh)
      r.refuse_at(at(list, i, key), at(list, i, key),
                  fmt::format("\"{}\" is taken by {}", values[i], at(list, found->second)),
                  "a value used once");
  }
}

template <class T, class V>
std::vector<V> column(const std::vector<T>& rows, V (*get)(const T&)) {
  std::vector<V> out;
  for (const T& row : rows) out.push_back(get(row));
  return out;
}

std::string known(const std::vector<std::string>& names, const char* what) {
  std::string out;
  for (const auto& name : names)
    if (!name.empty()) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? fmt::format("there is no [[{}]] in the file", what) : out;
}

struct Order {
  const char *smaller, *bigger;
  Duration (*small)(const NodeConfig&);
  Duration (*big)(const NodeConfig&);
  bool may_be_equal;
  const char* why;
};
#define TIME(member) [](const NodeConfig& c) { return c.member; }
constexpr Order kOrders[] = {
    {"probe", "leg_deadline", TIME(times.probe), TIME(times.leg_deadline), false,
     "a remaining leg is probed while the deadline runs"},
    {"leg_deadline", "hold", TIME(times.leg_deadline), TIME(times.hold), false,
     "a fault is found before commands stop waiting for a leg"},
    {"gate", "hold", TIME(times.gate), TIME(times.hold), false,
     "an epoch is made durable before commands stop waiting for a leg"},
    {"leg_deadline", "guard_time", TIME(times.leg_deadline), TIME(times.guard_time), true,
     "a lost leg's commands may run as long as a live one's"},
    {"leg_deadline", "idle_close", TIME(times.leg_deadline), TIME(times.idle_close), false,
     "closing a region flushes every leg"},
    {"reconnect_min", "reconnect_max", TIME(times.reconnect_min), TIME(times.reconnect_max), true,
     "pauses grow from the one to the other"},
    {"reconnect_min", "start_wait", TIME(times.reconnect_min), TIME(times.start_wait), false,
     "a leg is tried again before it is given up at start"},
    {"start_wait", "hold", TIME(times.start_wait), TIME(times.hold), false,
     "hosts' commands wait while legs are awaited at start"},
    {"reconnect_max", "flap_window", TIME(times.reconnect_max), TIME(times.flap_window), false,
     "a flapping leg is seen to flap"},
};
#undef TIME

void check_times(Reader& r, Config& config) {
  const NodeConfig& c = config.node;
  for (const Order& o : kOrders) {
    const Duration small = o.small(c), big = o.big(c);
    if (small < big || (small == big && o.may_be_equal)) continue;
    const std::string name = fmt::format("times.{}", o.smaller), other = fmt::format("times.{}", o.bigger);
    if (r.refused(name) || r.refused(other)) continue;
    r.refuse_at(r.given(name) ? name : other, name,
                fmt::format("{} is not {} {} ({}): {}", text::exact_duration(small),
                            o.may_be_equal ? "at most" : "below", other, text::exact_duration(big), o.why),
                fmt::format("{} than times.{}", o.may_be_equal ? "not longer" : "shorter", o.bigger));
  }
  const Duration answer = c.times.hold + c.times.leg_deadline + c.times.gate;
  if (answer >= 30 * kSecond)
    config.warnings.push_back(
        fmt::format("times: hold + leg_deadline + gate is {}: Linux hosts give a command up after 30s unless "
                    "their nvme_core.io_timeout is raised",
                    text::exact_duration(answer)));
}

template <class T>
void check_count(Reader& r, const std::vector<T>& tables, const char* name, std::size_t most) {
  if (tables.size() <= most) return;
  r.refuse_at(at(name, most), at(name, most), fmt::format("is one of {} tables", tables.size()),
              fmt::format("at most {} [[{}]]", most, name));
}

void check_peers(Reader& r, Config& config) {
  const NodeConfig& c = config.node;
  check_count(r, c.peers, "peer", limits::kPeers);
  unique(r, column<PeerConfig, std::string>(c.peers, [](const PeerConfig& p) { return p.name; }), "peer",
         "name");
  for (std::size_t i = 0; i < c.peers.size(); ++i) {
    const PeerConfig& p = c.peers[i];
    if (r.given(at("peer", i, "addresses")) && p.addresses.empty())
      r.refuse_at(at("peer", i, "addresses"), at("peer", i, "addresses"), "has no usable address",
                  "at least one address");
    for (std::size_t j = 0; j < p.addresses.size(); ++j)
      if (p.addresses[j].port == 0)
        r.refuse_at(at("peer", i, "addresses"), fmt::format("{}[{}]", at("peer", i, "addresses"), j + 1),
                    fmt::format("\"{}\" has port 0", p.addresses[j].text()), "ports 1 to 65535");
    const Duration kato = p.kato_ms * kMillisecond;
    if (kato >= c.times.guard_time)
      r.refuse_at(r.given(at("peer", i, "keep_alive")) ? at("peer", i, "keep_alive") : "times.guard_time",
                  at("peer", i, "keep_alive"),
                  fmt::format("{} is not below times.guard_time ({}): a peer may run a lost leg's commands "
                              "until it misses our keep-alive",
                              text::exact_duration(kato), text::exact_duration(c.times.guard_time)),
                  "shorter than times.guard_time");
    for (const SubsystemConfig& s : c.subsystems)
      if (!s.nqn.empty() && s.nqn == p.subnqn)
        r.refuse_at(at("peer", i, "nqn"), at("peer", i, "nqn"),
                    fmt::format("\"{}\" is a [[subsystem]] of this node", p.subnqn),
                    "a subsystem that another program serves");
    if (const auto odd = nqn_malformed(p.subnqn); odd && !p.subnqn.empty())
      config.warnings.push_back(fmt::format("{}: \"{}\" {}", at("peer", i, "nqn"), p.subnqn, *odd));
  }
}

void check_subsystems(Reader& r, Config& config) {
  const NodeConfig& c = config.node;
  check_count(r, c.subsystems, "subsystem", limits::kSubsystems);
  unique(r,
         column<SubsystemConfig, std::string>(c.subsystems, [](const SubsystemConfig& s) { return s.nqn; }),
         "subsystem", "nqn");
  unique(
      r,
      column<SubsystemConfig, std::string>(c.subsystems, [](const SubsystemConfig& s) { return s.serial; }),
      "subsystem", "serial");
  for (std::size_t i = 0; i < c.subsystems.size(); ++i) {
    const SubsystemConfig& s = c.subsystems[i];
    if (s.any_host && !s.hosts.empty())
      r.refuse_at(at("subsystem", i, "hosts"), at("subsystem", i, "hosts"), "is given with any_host = true",
                  "hosts, or any_host = true");
    if (!s.any_host && s.hosts.empty())
      config.warnings.push_back(
          fmt::format("{}: any_host is false and hosts is empty: no host can connect", at("subsystem", i)));
    for (const std::string& h : s.hosts)
      if (const auto odd = nqn_malformed(h))
        config.warnings.push_back(fmt::format("{}: \"{}\" {}", at("subsystem", i, "hosts"), h, *odd));
  }
}

void check_listeners(Reader& r, Config& config) {
  const NodeConfig& c = config.node;
  std::map<std::string, std::string> used;
  const auto note = [&](const std::vector<net::Address>& list, const char* key) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string field = fmt::format("node.{}[{}]", key, i + 1);
      const auto [found, fresh] = used.emplace(list[i].text(), field);
      if (!fresh && list[i].port != 0)
        r.refuse_at(field, field, fmt::format("\"{}\" is taken by {}", list[i].text(), found->second),
                    "an address used once");
    }
  };
  note(c.listen, "listen");
  note(c.discovery, "discovery");
  if (c.listen.empty() && !r.given("node.listen"))
    config.warnings.emplace_back("node.listen is empty: no host can connect");
}

void check_legs(Reader& r, const Config& config, std::size_t i,
                std::map<std::pair<std::string, std::uint32_t>, std::string>& used) {
  const auto peers =
      column<PeerConfig, std::string>(config.node.peers, [](const PeerConfig& p) { return p.name; });
  const DeclaredNamespace& n = config.namespaces[i];
  for (std::size_t l = 0; l < n.legs.size(); ++l) {
    const std::string leg = fmt::format("{}[{}]", at("namespace", i, "legs"), l + 1), field = leg + ".peer";
    const std::string& peer = n.legs[l].peer;
    if (peer.empty()) continue;
    if (std::ranges::find(peers, peer) == peers.end()) {
      const auto near = text::nearest(peer, peers);
      r.refuse_at(
          field, field,
          fmt::format("\"{}\" is not a peer{}", peer, near ? fmt::format("; did you mean '{}'?", *near) : ""),
          known(peers, "peer"));
    }
    const auto [found, fresh] = used.emplace(std::pair(peer, n.legs[l].nsid), leg);
    if (!fresh)
      r.refuse_at(
          leg, leg,
          fmt::format("namespace {} of peer \"{}\" is {} already", n.legs[l].nsid, peer, found->second),
          "each namespace of a peer in one leg only");
  }
}

void check_size(Reader& r, DeclaredNamespace& n, std::size_t i, const core::Limits& limits) {
  if (n.block_size == 0 && n.size) n.block_size = 4096;
  if (n.block_size == 0) return;
  n.spec.block_shift = static_cast<std::uint8_t>(std::countr_zero(n.block_size));
  if (n.size % n.block_size)
    r.refuse_at(
        at("namespace", i, "size"), at("namespace", i, "size"),
        fmt::format("{} is not a multiple of block_size ({})", text::exact_size(n.size), n.block_size),
        "whole blocks");
  n.spec.blocks = n.size >> n.spec.block_shift;
  if (n.spec.region_bytes > limits.open_max_bytes)
    r.refuse_at(at("namespace", i, "region_size"), at("namespace", i, "region_size"),
                fmt::format("{} is above limits.open_max ({}): not one region could be open",
                            text::exact_size(n.spec.region_bytes), text::exact_size(limits.open_max_bytes)),
                "at most limits.open_max");
}

void check_namespaces(Reader& r, Config& config) {
  unique(r,
         column<DeclaredNamespace, std::string>(config.namespaces,
                                                [](const DeclaredNamespace& n) { return n.spec.name; }),
         "namespace", "name");
  const auto subsystems = column<SubsystemConfig, std::string>(
      config.node.subsystems, [](const SubsystemConfig& s) { return s.nqn; });
  std::map<std::pair<std::string, std::uint32_t>, std::size_t> nsids;
  std::map<std::pair<std::string, std::uint32_t>, std::string> legs;
  std::map<text::Id16, std::size_t> ids;
  for (std::size_t i = 0; i < config.namespaces.size(); ++i) {
    DeclaredNamespace& n = config.namespaces[i];
    if (!n.spec.subsystem.empty() && std::ranges::find(subsystems, n.spec.subsystem) == subsystems.end())
      r.refuse_at(at("namespace", i, "subsystem"), at("namespace", i, "subsystem"),
                  fmt::format("\"{}\" is not a subsystem", n.spec.subsystem), known(subsystems, "subsystem"));
    const auto [nsid, fresh] = nsids.emplace(std::pair(n.spec.subsystem, n.spec.nsid), i);
    if (!fresh)
      r.refuse_at(
          r.given(at("namespace", i, "nsid")) ? at("namespace", i, "nsid") : at("namespace", i),
          at("namespace", i, "nsid"),
          fmt::format("{} is taken by {} in that subsystem", n.spec.nsid, at("namespace", nsid->second)),
          "an NSID used once in a subsystem");
    for (const auto& [key, id] : {std::pair{"nguid", n.spec.nguid}, std::pair{"uuid", n.spec.uuid}})
      if (const auto [found, first] = ids.emplace(id, i); !first && !text::is_zero(id))
        r.refuse_at(at("namespace", i, key), at("namespace", i, key),
                    fmt::format("{} is taken by {}", text::nguid_text(id), at("namespace", found->second)),
                    "an identifier used once");
    check_legs(r, config, i, legs);
    check_size(r, n, i, config.node.limits);
  }
}

}  // namespace

void check(Reader& reader, Config& config) {
  check_times(reader, config);
  check_peers(reader, config);
  check_subsystems(reader, config);
  check_listeners(reader, config);
  check_namespaces(reader, config);
  if (config.node.state_file == kMemoryState)
    config.warnings.emplace_back("node.state_file is \":memory:\": nothing survives a stop");
}

}  // namespace nvtee::config
