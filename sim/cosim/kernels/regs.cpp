// regs: writes that are mails, most of the time. With address and data drawn apart hardly a mail would go to
// the kernel that has no room just then.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include <deque>
#include <memory>

#include "sim/cosim/kernels/card.hpp"

namespace {

using nvtee::card::CardCtl;
using nvtee::cosim::Random;
namespace reg = nvtee::card::reg;
namespace Ports = regs_top_ports;

class Writes {
 public:
  explicit Writes(nvtee::cosim::Biases b) : biases_(std::move(b)) {}

  auto address(Random& r) {
    if (addresses_.empty()) more(r);
    return taken(addresses_);
  }
  auto data(Random& r) {
    if (data_.empty()) more(r);
    return taken(data_);
  }

 private:
  template <class T>
  static T taken(std::deque<T>& all) {
    const T first = all.front();
    all.pop_front();
    return first;
  }

  void more(Random& r) {
    if (r.chance(40)) return any(r);
    const unsigned port = r.below(2) << 8;
    const unsigned to = r.of(std::vector<unsigned>{reg::kMailTee, reg::kMailCard, reg::kMailCard,
                                                   reg::kMailCard, reg::kMailTcp, reg::kMailHostIn});
    word(r, reg::kMail0, r.below(CardCtl::kRawSend + 1) | port);
    word(r, reg::kDoorbell, to | port);
  }

  void any(Random& r) {
    addresses_.push_back(nvtee::cosim::random_record<Ports::awaddr>(biases_, r));
    data_.push_back(nvtee::cosim::random_record<Ports::wdata>(biases_, r));
  }
  void word(Random& r, unsigned at, unsigned value) {
    any(r);
    addresses_.back().addr = at;
    data_.back().data = value;
  }

  nvtee::cosim::Biases biases_;
  std::deque<Ports::awaddr::type> addresses_;
  std::deque<Ports::wdata::type> data_;
};

}  // namespace

NVTEE_LOCKSTEP(NVTEE_TOP, bench.biases = nvtee::cosim::card_biases(name);
               const auto writes = std::make_shared<Writes>(bench.biases);
               bench.source<Ports::awaddr>([writes](Random& r) { return writes->address(r); });
               bench.source<Ports::wdata>([writes](Random& r) { return writes->data(r); }))
