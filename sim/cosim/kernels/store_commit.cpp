// store_commit: what waits for answers waits for those that come next; with any number in it, it would wait
// for tens of thousands.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include <memory>

#include "sim/cosim/kernels/card.hpp"

namespace {

using nvtee::cosim::Random;
namespace Ports = store_commit_top_ports;

class Bursts {
 public:
  explicit Bursts(nvtee::cosim::Biases b) : biases_(std::move(b)) {}

  auto answer(Random& r) {
    ++answers_;
    return nvtee::cosim::random_record<Ports::b>(biases_, r);
  }
  auto pending(Random& r) {
    auto p = nvtee::cosim::random_record<Ports::pending>(biases_, r);
    p.writes = answers_ + 4 - r.below(8);
    return p;
  }

 private:
  nvtee::cosim::Biases biases_;
  unsigned answers_ = 0;
};

}  // namespace

NVTEE_LOCKSTEP(NVTEE_TOP, bench.biases = nvtee::cosim::card_biases(name);
               const auto bursts = std::make_shared<Bursts>(bench.biases);
               bench.source<Ports::b>([bursts](Random& r) { return bursts->answer(r); });
               bench.source<Ports::pending>([bursts](Random& r) { return bursts->pending(r); }))
