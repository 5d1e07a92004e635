// One table of metrics, a row each: what Prometheus gets and what docs/METRICS.md says.
#include "runtime/api/metrics.hpp"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace nvtee::api {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr double kPerSecond = 1e9;  // a Duration over it is seconds

// What the rows look at.
struct View {
  const NodeStatus& node;
  const RateMeter& rates;
  const limits::InUse& own;
};
using Labels = std::vector<ClientMetric::Label>;
using Put = std::function<void(Labels, double)>;

struct Row {
  const char *name, *labels, *help;
  MetricType type;
  void (*fill)(const View&, const Put&);
};

template <class F>
void each_namespace(const View& v, F f) {
  for (std::size_t i = 0; i < v.node.namespaces.size() && i < v.node.counters.size(); ++i)
    f(v.node.namespaces[i], v.node.counters[i]);
}
template <class F>
void each_leg(const View& v, F f) {
  for (std::size_t n = 0; n < v.node.namespaces.size(); ++n)
    for (unsigned i = 0; i < core::kMaxLegs; ++i) {
      const auto& leg = v.node.namespaces[n].legs[i];
      if (leg.state != core::LegState::kNone && leg.state != core::LegState::kRemoved) f(n, i, leg);
    }
}
Labels leg_labels(const View& v, std::size_t n, unsigned i) {
  const auto& ns = v.node.namespaces[n];
  return {{"namespace", ns.spec.name}, {"leg", std::to_string(i)}, {"peer", ns.legs[i].spec.peer}};
}

constexpr const char* kNs = "namespace";
constexpr const char* kLeg = "namespace, leg, peer";

#define NAMESPACE_ROW(name_, type, help, expression)                                          \
  {name_, kNs, help, MetricType::type, [](const View& v, const Put& put) {                    \
     each_namespace(v, [&]([[maybe_unused]] const auto& ns, [[maybe_unused]] const auto& c) { \
       put({{"namespace", ns.spec.name}}, static_cast<double>(expression));                   \
     });                                                                                      \
   }}
#define LEG_ROW(name_, type, help, expression)                                    \
  {name_, kLeg, help, MetricType::type, [](const View& v, const Put& put) {       \
     each_leg(v, [&](std::size_t n, unsigned i, [[maybe_unused]] const auto& l) { \
       put(leg_labels(v, n, i), static_cast<double>(expression));                 \
     });                                                                          \
   }}

const Row kRows[] = {
    {"nvtee_up", "", "1 while the node answers; without it only this one is given.", MetricType::Gauge,
     [](const View&, const Put& put) { put({}, 1); }},
    {"nvtee_info", "version", "Version of the daemon.", MetricType::Gauge,
     [](const View& v, const Put& put) { put({{"version", v.node.version}}, 1); }},
    {"nvtee_uptime_seconds", "", "Since the node was started.", MetricType::Gauge,
     [](const View& v, const Put& put) { put({}, static_cast<double>(v.node.uptime_ms) / 1000); }},
    {"nvtee_store_commits_total", "", "Durable commits of the metadata store.", MetricType::Counter,
     [](const View& v, const Put& put) { put({}, static_cast<double>(v.node.store_commits)); }},
    {"nvtee_store_transactions_total", "", "Transactions in them.", MetricType::Counter,
     [](const View& v, const Put& put) { put({}, static_cast<double>(v.node.store_transactions)); }},
    {"nvtee_hosts", "", "Connected controllers of hosts.", MetricType::Gauge,
     [](const View& v, const Put& put) { put({}, static_cast<double>(v.node.hosts.size())); }},
    {"nvtee_limit", "bound", "Value of a bound (docs/LIMITS.md).", MetricType::Gauge,
     [](const View&, const Put& put) {
       for (const auto& b : limits::bounds()) put({{"bound", b.name}}, static_cast<double>(b.value));
     }},
    {"nvtee_limit_used", "bound", "How much of it is used, where that is counted.", MetricType::Gauge,
     [](const View& v, const Put& put) {
       for (const auto* in_use : {&v.node.in_use, &v.own})
         for (const auto& [bound, used] : *in_use) put({{"bound", bound}}, static_cast<double>(used));
     }},
    NAMESPACE_ROW("nvtee_namespace_healthy", Gauge, "1 when all legs are in sync and nothing is to do.",
                  ns.health == "ok"),
    NAMESPACE_ROW("nvtee_namespace_gated", Gauge, "1 while commands wait or are refused.", ns.gated),
    NAMESPACE_ROW("nvtee_namespace_epoch", Gauge, "Number of the membership record.", ns.epoch),
    NAMESPACE_ROW("nvtee_namespace_reads_total", Counter, "Read commands of hosts.", c.reads),
    NAMESPACE_ROW("nvtee_namespace_writes_total", Counter, "Write commands of hosts.", c.writes),
    NAMESPACE_ROW("nvtee_namespace_others_total", Counter, "Other commands of hosts.", c.others),
    NAMESPACE_ROW("nvtee_namespace_read_bytes_total", Counter, "Bytes read by hosts.", c.read_bytes),
    NAMESPACE_ROW("nvtee_namespace_write_bytes_total", Counter, "Bytes written by hosts.", c.write_bytes),
    NAMESPACE_ROW("nvtee_namespace_errors_total", Counter, "Commands of hosts that ended in an error.",
                  c.errors),
    NAMESPACE_ROW("nvtee_namespace_write_latency_seconds", Gauge,
                  "Recent mean latency of host writes; 0 when idle.",
                  static_cast<double>(c.mean_write_latency) / kPerSecond),
    NAMESPACE_ROW("nvtee_namespace_longest_gap_seconds", Gauge,
                  "Longest time with commands outstanding and none completed, since the start.",
                  static_cast<double>(c.longest_gap) / kPerSecond),
    NAMESPACE_ROW("nvtee_namespace_open_bytes", Gauge,
                  "Size of the open set: what would be copied after an unclean stop.", ns.open_bytes),
    NAMESPACE_ROW("nvtee_namespace_reconcile_bytes", Gauge, "Still to copy after an unclean stop.",
                  ns.reconcile_bytes),
    NAMESPACE_ROW("nvtee_namespace_region_misses_total", Counter,
                  "Writes that had to wait for their region to be opened.", ns.misses),
    NAMESPACE_ROW("nvtee_namespace_region_closes_total", Counter, "Regions closed.", ns.closes),
    LEG_ROW("nvtee_leg_in_sync", Gauge, "1 when the leg serves reads.", l.state == core::LegState::kInSync),
    LEG_ROW("nvtee_leg_connected", Gauge, "1 while its association is up.", l.connected),
    LEG_ROW("nvtee_leg_needs_operator", Gauge, "1 while it waits for `nvtee leg online`.", l.needs_operator),
    LEG_ROW("nvtee_leg_out_of_sync_bytes", Gauge,
            "What the leg lacks: missed while it is away, still to copy while it is synced.",
            l.state == core::LegState::kSyncing ? l.to_copy_bytes : l.dirty_bytes),
    LEG_ROW("nvtee_leg_copied_bytes", Gauge, "Copied to it by the running resync.", l.copied_bytes),
    LEG_ROW("nvtee_leg_resync_bytes_per_second", Gauge,
            "Rate of the running resync over the last 10 s; 0 when none runs.",
            v.rates.bytes_per_second(v.node.namespaces[n].spec.name, i).value_or(0)),
    LEG_ROW("nvtee_leg_faults_total", Counter, "Times that the leg was faulted.", l.faults),
    LEG_ROW("nvtee_leg_media_errors_total", Counter, "Media errors repaired from another leg.",
            l.media_errors),
};

struct HistogramRow {
  const char *name, *help;
  LatencyHistogram LegLatency::* which;
};
const HistogramRow kHistograms[] = {
    {"nvtee_leg_read_latency_seconds", "Reads of the leg, our own included: from sent to answered.",
     &LegLatency::reads},
    {"nvtee_leg_write_latency_seconds", "Writes to the leg, our own included: from sent to answered.",
     &LegLatency::writes},
};

ClientMetric histogram(Labels labels, const LatencyHistogram& h) {
  ClientMetric m;
  m.label = std::move(labels);
  std::uint64_t so_far = 0;
  for (unsigned i = 0; i < LatencyHistogram::kBuckets; ++i) {
    so_far += h.counts[i];
    if (i + 1 < LatencyHistogram::kBuckets)
      m.histogram.bucket.push_back({so_far, static_cast<double>(LatencyHistogram::bound(i)) / kPerSecond});
  }
  m.histogram.sample_count = so_far;
  m.histogram.sample_sum = static_cast<double>(h.sum) / kPerSecond;
  return m;
}

MetricFamily family_of(const Row& row, const View& view) {
  MetricFamily f{row.name, row.help, row.type, {}};
  row.fill(view, [&](Labels labels, double value) {
    ClientMetric m;
    m.label = std::move(labels);
    m.gauge.value = m.counter.value = value;
    f.metric.push_back(std::move(m));
  });
  return f;
}

}  // namespace

Families metric_families(const NodeStatus& status, const RateMeter& rates, const limits::InUse& own) {
  const View view{status, rates, own};
  Families out;
  for (const Row& row : kRows) out.push_back(family_of(row, view));
  for (const HistogramRow& row : kHistograms) {
    MetricFamily f{row.name, row.help, MetricType::Histogram, {}};
    each_leg(view, [&](std::size_t n, unsigned i, const auto&) {
      if (n < status.leg_latency.size())
        f.metric.push_back(histogram(leg_labels(view, n, i), status.leg_latency[n][i].*row.which));
    });
    out.push_back(std::move(f));
  }
  std::erase_if(out, [](const MetricFamily& f) { return f.metric.empty(); });
  return out;
}

Families metrics_of_silence() {
  MetricFamily f{kRows[0].name, kRows[0].help, MetricType::Gauge, {ClientMetric{}}};
  return {f};
}

std::string metrics_text(const Families& families) {
  return prometheus::TextSerializer().Serialize(families);
}

std::string metrics_table() {
  const auto type_text = [](MetricType t) {
    return t == MetricType::Counter ? "counter" : t == MetricType::Gauge ? "gauge" : "histogram";
  };
  std::string out = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const Row& r : kRows)
    out += fmt::format("| `{}` | {} | {} | {} |\n", r.name, type_text(r.type), r.labels, r.help);
  for (const HistogramRow& r : kHistograms)
    out += fmt::format("| `{}` | histogram | {} | {} |\n", r.name, kLeg, r.help);
  return out;
}

}  // namespace nvtee::api
