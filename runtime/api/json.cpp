#include "runtime/api/json.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "hw/nvme/spec.hpp"
#include "runtime/nvteed/units.hpp"

namespace nvtee::api {
namespace {

std::vector<std::string> texts(const std::vector<net::Address>& addresses) {
  std::vector<std::string> out;
  for (const auto& a : addresses) out.push_back(a.text());
  return out;
}

Json counters_json(const NamespaceCounters& c) {
  return {{"reads", c.reads},
          {"writes", c.writes},
          {"others", c.others},
          {"read_bytes", c.read_bytes},
          {"write_bytes", c.write_bytes},
          {"errors", c.errors},
          {"mean_write_latency_ns", c.mean_write_latency},
          {"longest_gap_ns", c.longest_gap}};
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

const char* leg_state_text(core::LegState state) {
  switch (state) {
    case core::LegState::kNone:
      return "none";
    case core::LegState::kInSync:
      return "in_sync";
    case core::LegState::kStale:
      return "stale";
    case core::LegState::kSyncing:
      return "syncing";
    case core::LegState::kRemoved:
      return "removed";
  }
  return "unknown";
}

const char* severity_text(core::Severity severity) {
  switch (severity) {
    case core::Severity::kInfo:
      return "info";
    case core::Severity::kNotice:
      return "notice";
    case core::Severity::kWarning:
      return "warning";
    case core::Severity::kCritical:
      return "critical";
  }
  return "unknown";
}

const char* ana_text(std::uint8_t ana_state) {
  switch (ana_state) {
    case spec::ana::kOptimized:
      return "optimized";
    case spec::ana::kNonOptimized:
      return "non-optimized";
    case spec::ana::kInaccessible:
      return "inaccessible";
    case spec::ana::kPersistentLoss:
      return "persistent-loss";
    case spec::ana::kChange:
      return "change";
    default:
      return "unknown";
  }
}

std::string worst_health(const std::vector<core::NamespaceStatus>& namespaces) {
  constexpr std::array kOrder = {"ok", "resyncing", "reconciling", "degraded", "gated", "down", "unknown"};
  std::size_t worst = 0;
  for (const auto& ns : namespaces) {
    const auto at = std::ranges::find_if(kOrder, [&](const char* h) { return ns.health == h; });
    const auto rank = at == kOrder.end() ? kOrder.size() - 1 : static_cast<std::size_t>(at - kOrder.begin());
    worst = std::max(worst, rank);
  }
  return kOrder[worst];
}

Json leg_json(const core::NamespaceStatus& ns, unsigned index, const RateMeter& rates, Time now) {
  const core::LegStatus& l = ns.legs[index];
  const auto eta = rates.eta(ns.spec.name, index, l.to_copy_bytes);
  Json out{{"leg", index},
           {"peer", l.spec.peer},
           {"nsid", l.spec.nsid},
           {"state", leg_state_text(l.state)},
           {"connected", l.connected},
           {"needs_operator", l.needs_operator},
           {"reason", l.reason},
           {"dirty_bytes", l.dirty_bytes},
           {"to_copy_bytes", l.to_copy_bytes},
           {"copied_bytes", l.copied_bytes},
           {"bytes_per_second", or_null(rates.bytes_per_second(ns.spec.name, index))},
           {"eta_seconds", eta ? Json(*eta / kSecond) : Json(nullptr)},
           {"faults", l.faults},
           {"media_errors", l.media_errors},
           {"next_attempt_ms", nullptr},
           {"in_doubt_ms", l.in_doubt_left / kMillisecond},
           {"fence", l.reservation ? "reservation" : "guard_time"},
           {"fence_key", l.fence_key == 0 ? Json(nullptr) : Json(fmt::format("{:#018x}", l.fence_key))}};
  if (l.next_attempt != 0 && l.next_attempt != kNever)
    out["next_attempt_ms"] = l.next_attempt > now ? (l.next_attempt - now) / kMillisecond : 0;
  return out;
}

Json verify_json(const core::NamespaceStatus& ns) {
  const auto& v = ns.verify;
  return {{"running", v.running},
          {"finished", v.finished},
          {"done_bytes", v.done_bytes},
          {"total_bytes", v.total_bytes},
          {"mismatched_blocks", v.mismatched_blocks},
          {"first_mismatches", v.first_mismatches},
          {"error", v.error}};
}

Json namespace_json(const core::NamespaceStatus& ns, const NamespaceCounters* counters,
                    const RateMeter& rates, Time now) {
  Json legs = Json::array();
  for (unsigned i = 0; i < core::kMaxLegs; ++i)
    if (ns.legs[i].state != core::LegState::kNone && ns.legs[i].state != core::LegState::kRemoved)
      legs.push_back(leg_json(ns, i, rates, now));
  Json out{{"name", ns.spec.name},
           {"subsystem", ns.spec.subsystem},
           {"nsid", ns.spec.nsid},
           {"nguid", text::nguid_text(ns.spec.nguid)},
           {"uuid", text::uuid_text(ns.spec.uuid)},
           {"size_bytes", ns.spec.blocks << ns.spec.block_shift},
           {"blocks", ns.spec.blocks},
           {"block_size", std::uint64_t{1} << ns.spec.block_shift},
           {"region_bytes", ns.spec.region_bytes},
           {"health", ns.health.empty() ? "unknown" : ns.health},
           {"advice", ns.advice},
           {"epoch", ns.epoch},
           {"fence_number", ns.fence_number},
           {"guard_time_ms", ns.guard_time / kMillisecond},
           {"ana", ana_text(ns.ana_state)},
           {"gated", ns.gated},
           {"gate_reason", ns.gate_reason},
           {"open_regions", ns.open_regions},
           {"open_bytes", ns.open_bytes},
           {"reconcile_bytes", ns.reconcile_bytes},
           {"region_misses", ns.misses},
           {"region_closes", ns.closes},
           {"legs", std::move(legs)},
           {"verify", verify_json(ns)}};
  out["counters"] = counters ? counters_json(*counters) : Json(nullptr);
  return out;
}

Json resync_json(const core::NamespaceStatus& ns, const RateMeter& rates, Time now) {
  Json legs = Json::array();
  for (unsigned i = 0; i < core::kMaxLegs; ++i)
    if (ns.legs[i].state == core::LegState::kSyncing || ns.legs[i].state == core::LegState::kStale)
      legs.push_back(leg_json(ns, i, rates, now));
  return {{"namespace", ns.spec.name},
          {"health", ns.health.empty() ? "unknown" : ns.health},
          {"reconcile_bytes", ns.reconcile_bytes},
          {"legs", std::move(legs)}};
}

Json peer_json(const PeerStatus& peer) {
  const PeerConfig& c = peer.config;
  return {{"name", c.name},
          {"nqn", c.subnqn},
          {"addresses", texts(c.addresses)},
          {"identity", peer.identity},
          {"legs", peer.legs},
          {"legs_connected", peer.legs_connected},
          {"last_error", peer.last_error},
          {"queues", c.queues},
          {"entries", c.entries},
          {"header_digest", c.header_digest},
          {"data_digest", c.data_digest},
          {"keep_alive_ms", c.kato_ms}};
}

Json host_json(const HostStatus& host) {
  return {{"subsystem", host.subsystem}, {"host_nqn", host.host_nqn},   {"address", host.address},
          {"cntlid", host.cntlid},       {"io_queues", host.io_queues}, {"connected_ms", host.connected_ms}};
}

Json subsystem_json(const SubsystemConfig& s) {
  return {{"nqn", s.nqn}, {"serial", s.serial}, {"any_host", s.any_host}, {"hosts", s.hosts}};
}

Json event_json(const OperatorEvent& e) {
  return {{"id", e.id},     {"unix_ms", e.unix_ms}, {"severity", severity_text(e.severity)},
          {"name", e.name}, {"namespace", e.ns},    {"text", e.text}};
}

Json node_json(const NodeStatus& s, std::uint64_t last_event, const RateMeter& rates, Time now,
               const Missing& missing) {
  Json absent = Json::array();
  for (const auto& [name, reason] : missing)
    if (std::ranges::none_of(s.namespaces, [&](const auto& ns) { return ns.spec.name == name; }))
      absent.push_back({{"name", name}, {"reason", reason}});
  const std::string worst = worst_health(s.namespaces);
  Json namespaces = Json::array(), peers = Json::array(), hosts = Json::array(), subsystems = Json::array();
  for (std::size_t i = 0; i < s.namespaces.size(); ++i)
    namespaces.push_back(
        namespace_json(s.namespaces[i], i < s.counters.size() ? &s.counters[i] : nullptr, rates, now));
  for (const auto& p : s.peers) peers.push_back(peer_json(p));
  for (const auto& h : s.hosts) hosts.push_back(host_json(h));
  for (const auto& x : s.subsystems) subsystems.push_back(subsystem_json(x));
  return {{"version", s.version},
          {"pid", ::getpid()},
          {"uptime_ms", s.uptime_ms},
          {"health", !absent.empty() && worst != "unknown" ? "down" : worst},
          {"draining", s.draining},
          {"host_nqn", s.host_nqn},
          {"state_file", s.state_file},
          {"listen", texts(s.listen)},
          {"discovery", texts(s.discovery)},
          {"store", {{"commits", s.store_commits}, {"transactions", s.store_transactions}}},
          {"last_event", last_event},
          {"namespaces", std::move(namespaces)},
          {"missing_namespaces", std::move(absent)},
          {"peers", std::move(peers)},
          {"subsystems", std::move(subsystems)},
          {"hosts", std::move(hosts)}};
}

}  // namespace nvtee::api
