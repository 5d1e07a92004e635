// placer: data that belong to the verdicts. Drawn by itself each side would soon wait for the other for good.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include <algorithm>
#include <deque>
#include <memory>

#include "sim/cosim/kernels/card.hpp"

namespace {

using nvtee::card::DataBeat;
using nvtee::card::DataFrom;
using nvtee::cosim::Biases;
using nvtee::cosim::Random;

// What was promised at one port and has not come at the other. Data of a session keep the order of its
// verdicts; those of several sessions mix.
class Plan {
 public:
  explicit Plan(Biases b) : biases_(std::move(b)) {}

  DataFrom from(Random& r) {
    if (promised_.empty()) more(r);
    const DataFrom f = promised_.front();
    promised_.pop_front();
    return f;
  }

  DataBeat beat(Random& r) {
    if (pdus_.empty()) more(r);
    // A verdict waits until its session's data before are in, and all verdicts behind it wait too.
    std::size_t free = 1;
    const auto waits = [&](std::size_t i) {
      return std::any_of(pdus_.begin(), pdus_.begin() + static_cast<std::ptrdiff_t>(i),
                         [&](const Pdu& p) { return p.session == pdus_[i].session; });
    };
    while (free < pdus_.size() && !waits(free)) ++free;
    const std::size_t at = r.below(static_cast<unsigned>(free));
    Pdu& p = pdus_[at];
    DataBeat b = nvtee::cosim::random_record<placer_top_ports::beat>(biases_, r);
    b.session = p.session;
    b.first = p.begun ? 0 : 1;
    b.end = p.end ? 1 : 0;
    p.begun = true;
    b.last = --p.beats == 0 ? 1 : 0;
    ended_.push_back(p.end ? p.session : ~0u);
    if (ended_.size() > 3) ended_.pop_front();
    if (p.beats == 0) pdus_.erase(pdus_.begin() + static_cast<std::ptrdiff_t>(at));
    return b;
  }

 private:
  struct Pdu {
    unsigned session, beats;
    bool end, begun;
  };

  bool ending(unsigned session) const {
    return std::any_of(pdus_.begin(), pdus_.end(),
                       [&](const Pdu& p) { return p.end && p.session == session; }) ||
           std::find(ended_.begin(), ended_.end(), session) != ended_.end();
  }

  void more(Random& r) {
    DataFrom f = nvtee::cosim::random_record<placer_top_ports::from>(biases_, r);
    // A session begins anew only after its end has gone through the store.
    unsigned s = r.below(4);
    while (ending(s)) ++s;
    f.session = s;
    f.kind = r.below(5);
    promised_.push_back(f);
    const bool end = f.kind == DataFrom::kEnd;
    const unsigned session = static_cast<unsigned>(f.session.to_uint());
    // A session may end in the middle of its last PDU: its word comes instead of the rest.
    if (end && r.chance(50))
      for (std::size_t i = pdus_.size(); i-- > 0;)
        if (pdus_[i].session == session && !pdus_[i].end) {
          pdus_.erase(pdus_.begin() + static_cast<std::ptrdiff_t>(i));
          break;
        }
    pdus_.push_back({session, end ? 1 : 1 + r.below(4), end, false});
  }

  Biases biases_;
  std::deque<DataFrom> promised_;
  std::deque<Pdu> pdus_;
  std::deque<unsigned> ended_;  // by the last beats, which may be on their way
};

}  // namespace

NVTEE_LOCKSTEP(NVTEE_TOP, bench.biases = nvtee::cosim::card_biases(name);
               bench.rare = nvtee::cosim::card_rare(name);
               const auto plan = std::make_shared<Plan>(nvtee::cosim::card_biases(name));
               bench.source<placer_top_ports::from>([plan](Random& r) { return plan->from(r); });
               bench.source<placer_top_ports::beat>([plan](Random& r) { return plan->beat(r); }))
