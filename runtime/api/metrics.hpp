// The node in numbers, for Prometheus. Names are stable; docs/METRICS.md is printed from the table here.
#pragma once

#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/api/rate_meter.hpp"
#include "runtime/dataplane/node.hpp"

namespace nvtee::api {

using Families = std::vector<prometheus::MetricFamily>;

// All families, those without a member left out. `own`: bounds that the API counts.
Families metric_families(const NodeStatus& status, const RateMeter& rates, const limits::InUse& own);
// When the node did not answer.
Families metrics_of_silence();
std::string metrics_text(const Families& families);  // text format 0.0.4
std::string metrics_table();                         // Markdown, as it stands in docs/METRICS.md

// The listener for scrapes: HTTP on a loopback address, /metrics. `gather` is called on a thread of its own
// and may wait.
class MetricsListener {
 public:
  static Result<std::unique_ptr<MetricsListener>> start(const net::Address& address,
                                                        std::function<Families()> gather);
  ~MetricsListener();
  net::Address address() const;  // with the real port

 private:
  struct Impl;
  MetricsListener();
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::api
