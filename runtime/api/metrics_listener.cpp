// Prometheus' own HTTP server in front of a function that gathers.
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include "runtime/api/metrics.hpp"

namespace nvtee::api {
namespace {

struct Collected final : prometheus::Collectable {
  explicit Collected(std::function<Families()> g) : gather(std::move(g)) {}
  std::vector<prometheus::MetricFamily> Collect() const override { return gather(); }
  std::function<Families()> gather;
};

}  // namespace

struct MetricsListener::Impl {
  net::Address address;
  std::shared_ptr<Collected> collected;
  std::unique_ptr<prometheus::Exposer> exposer;
};

MetricsListener::MetricsListener() : impl_(std::make_unique<Impl>()) {}
MetricsListener::~MetricsListener() {
  impl_->exposer.reset();
}

Result<std::unique_ptr<MetricsListener>> MetricsListener::start(const net::Address& address,
                                                                std::function<Families()> gather) {
  std::unique_ptr<MetricsListener> l(new MetricsListener);
  Impl& im = *l->impl_;
  im.address = address;
  im.collected = std::make_shared<Collected>(std::move(gather));
  const std::string timeout = std::to_string(limits::kMetricsTime / kMillisecond);
  try {
    im.exposer = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
        "listening_ports", address.text(), "num_threads", std::to_string(limits::kMetricsClients),
        "request_timeout_ms", timeout, "enable_keep_alive", "no"});
    im.exposer->RegisterCollectable(im.collected);
    im.address.port = static_cast<std::uint16_t>(im.exposer->GetListeningPorts().at(0));
  } catch (const std::exception& e) {
    return fail("cannot listen for metrics on " + address.text() + ": " + e.what(),
                "choose another address with node.metrics");
  }
  return l;
}

net::Address MetricsListener::address() const {
  return impl_->address;
}

}  // namespace nvtee::api
