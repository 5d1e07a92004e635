// Status as Prometheus metrics: one table, a row a metric.
#include <fmt/format.h>

#include <functional>

#include "runtime/api/json.hpp"

namespace nvtee::api {
namespace {

// Label values are quoted; \, " and newline are escaped.
std::string label(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

struct Family {
  const char *name, *type, *help;
};

void head(std::string& out, const Family& f) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", f.name, f.help, f.name, f.type);
}

struct NamespaceMetric {
  Family family;
  std::uint64_t (*value)(const core::NamespaceStatus&, const NamespaceCounters&);
};
constexpr double kNano = 1e-9;

const NamespaceMetric kNamespaceMetrics[] = {
    {{"nvtee_namespace_reads_total", "counter", "Read commands of hosts."},
     [](const auto&, const auto& c) { return c.reads; }},
    {{"nvtee_namespace_writes_total", "counter", "Write commands of hosts."},
     [](const auto&, const auto& c) { return c.writes; }},
    {{"nvtee_namespace_read_bytes_total", "counter", "Bytes read by hosts."},
     [](const auto&, const auto& c) { return c.read_bytes; }},
    {{"nvtee_namespace_write_bytes_total", "counter", "Bytes written by hosts."},
     [](const auto&, const auto& c) { return c.write_bytes; }},
    {{"nvtee_namespace_errors_total", "counter", "Commands of hosts that ended in an error."},
     [](const auto&, const auto& c) { return c.errors; }},
    {{"nvtee_namespace_epoch", "gauge", "Number of the membership record."},
     [](const auto& n, const auto&) { return n.epoch; }},
    {{"nvtee_namespace_gated", "gauge", "1 while commands wait or are refused."},
     [](const auto& n, const auto&) { return std::uint64_t{n.gated}; }},
    {{"nvtee_namespace_open_bytes", "gauge", "Size of the open set."},
     [](const auto& n, const auto&) { return n.open_bytes; }},
    {{"nvtee_namespace_reconcile_bytes", "gauge", "Still to copy after an unclean stop."},
     [](const auto& n, const auto&) { return n.reconcile_bytes; }},
    {{"nvtee_namespace_region_misses_total", "counter",
      "Writes that had to wait for their region to be opened."},
     [](const auto& n, const auto&) { return n.misses; }},
    {{"nvtee_namespace_healthy", "gauge", "1 when all legs are in sync and nothing is to do."},
     [](const auto& n, const auto&) { return std::uint64_t{n.health == "ok"}; }},
};

struct LegMetric {
  Family family;
  std::uint64_t (*value)(const core::LegStatus&);
};
const LegMetric kLegMetrics[] = {
    {{"nvtee_leg_in_sync", "gauge", "1 when the leg serves reads."},
     [](const auto& l) { return std::uint64_t{l.state == core::LegState::kInSync}; }},
    {{"nvtee_leg_connected", "gauge", "1 while its association is up."},
     [](const auto& l) { return std::uint64_t{l.connected}; }},
    {{"nvtee_leg_dirty_bytes", "gauge", "What the leg has missed."},
     [](const auto& l) { return l.dirty_bytes; }},
    {{"nvtee_leg_to_copy_bytes", "gauge", "Still to copy in the running resync."},
     [](const auto& l) { return l.to_copy_bytes; }},
    {{"nvtee_leg_faults_total", "counter", "Times that the leg was faulted."},
     [](const auto& l) { return l.faults; }},
    {{"nvtee_leg_media_errors_total", "counter", "Media errors repaired from another leg."},
     [](const auto& l) { return l.media_errors; }},
};

void latency(std::string& out, const NodeStatus& s) {
  const Family family{"nvtee_namespace_write_latency_seconds", "gauge",
                      "Recent mean latency of host writes."};
  const Family gap{"nvtee_namespace_longest_gap_seconds", "gauge",
                   "Longest time with commands outstanding and none completed."};
  head(out, family);
  for (std::size_t i = 0; i < s.namespaces.size() && i < s.counters.size(); ++i)
    out += fmt::format("{}{{namespace=\"{}\"}} {}\n", family.name, label(s.namespaces[i].spec.name),
                       static_cast<double>(s.counters[i].mean_write_latency) * kNano);
  head(out, gap);
  for (std::size_t i = 0; i < s.namespaces.size() && i < s.counters.size(); ++i)
    out += fmt::format("{}{{namespace=\"{}\"}} {}\n", gap.name, label(s.namespaces[i].spec.name),
                       static_cast<double>(s.counters[i].longest_gap) * kNano);
}

}  // namespace

std::string metrics_text(const NodeStatus& s) {
  std::string out;
  head(out, {"nvtee_info", "gauge", "Version."});
  out += fmt::format("nvtee_info{{version=\"{}\"}} 1\n", label(s.version));
  head(out, {"nvtee_store_commits_total", "counter", "Durable commits of the metadata store."});
  out += fmt::format("nvtee_store_commits_total {}\n", s.store_commits);
  head(out, {"nvtee_hosts", "gauge", "Connected controllers of hosts."});
  out += fmt::format("nvtee_hosts {}\n", s.hosts.size());
  for (const auto& m : kNamespaceMetrics) {
    head(out, m.family);
    for (std::size_t i = 0; i < s.namespaces.size() && i < s.counters.size(); ++i)
      out += fmt::format("{}{{namespace=\"{}\"}} {}\n", m.family.name, label(s.namespaces[i].spec.name),
                         m.value(s.namespaces[i], s.counters[i]));
  }
  latency(out, s);
  for (const auto& m : kLegMetrics) {
    head(out, m.family);
    for (const auto& ns : s.namespaces)
      for (unsigned i = 0; i < core::kMaxLegs; ++i)
        if (ns.legs[i].state != core::LegState::kNone && ns.legs[i].state != core::LegState::kRemoved)
          out += fmt::format("{}{{namespace=\"{}\",leg=\"{}\",peer=\"{}\"}} {}\n", m.family.name,
                             label(ns.spec.name), i, label(ns.legs[i].spec.peer), m.value(ns.legs[i]));
  }
  return out;
}

}  // namespace nvtee::api
