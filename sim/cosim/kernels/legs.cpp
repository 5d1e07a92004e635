// legs: answers to what it asked the legs, most of the time; drawn by itself hardly a word of them would
// belong.
#include NVTEE_MODEL_H
#include NVTEE_SOURCE_CPP
#include NVTEE_PORTS_H
#include <deque>
#include <memory>

#include "sim/cosim/kernels/tee.hpp"

namespace {

using nvtee::cosim::Biases;
using nvtee::cosim::Random;
using nvtee::tee::Peek;
using nvtee::tee::Todo;
using nvtee::tee::Work;

class Legs {
 public:
  explicit Legs(Biases b) : biases_(std::move(b)) {}

  void asked(const Todo& t) {
    for (unsigned i = 0; i < nvtee::tee::kLegs; ++i) {
      if (t.kind != Todo::kIssue || !t.mask[static_cast<int>(i)]) continue;
      Work w = Work();
      w.kind = Work::kAnswer;
      w.cmd.slot = t.slot;
      w.cmd.ns = t.ns;
      w.leg = i;
      w.cid_gen = t.cid_gen[i];
      owed_.push_back(w);
    }
    if (owed_.size() > 16) owed_.pop_front();
  }
  void peeked(const Peek& p) {
    Work w = Work();
    w.kind = Work::kPeeked;
    w.cmd.slot = p.slot;
    w.cmd.ns = p.ns;
    owed_.push_back(w);
  }

  Work work(Random& r) {
    Work w = nvtee::cosim::random_record<legs_top_ports::in>(biases_, r);
    if (r.chance(80)) {  // legs that are there
      w.legs.active = r.of(std::vector<unsigned>{3, 3, 7, 15, 1});
      w.legs.in_sync = r.chance(70) ? static_cast<unsigned>(w.legs.active) : r.below(16);
    }
    if (owed_.empty() || r.chance(35)) return w;
    const std::size_t at = r.below(static_cast<unsigned>(owed_.size()));
    const Work of = owed_[at];
    if (r.chance(90)) owed_.erase(owed_.begin() + static_cast<std::ptrdiff_t>(at));
    w.kind = of.kind;
    w.cmd.slot = of.cmd.slot;
    w.cmd.ns = of.cmd.ns;
    w.leg = of.leg;
    w.cid_gen = of.cid_gen;
    if (r.chance(50)) w.status = 0;
    if (r.chance(20)) w.status = r.below(48);
    return w;
  }

 private:
  Biases biases_;
  std::deque<Work> owed_;
};

}  // namespace

NVTEE_LOCKSTEP(NVTEE_TOP, bench.biases = nvtee::cosim::tee_biases(name);
               const auto legs = std::make_shared<Legs>(nvtee::cosim::tee_biases(name));
               bench.source<legs_top_ports::in>([legs](Random& r) { return legs->work(r); });
               bench.sink<legs_top_ports::todo>([legs](const Todo& t) { legs->asked(t); });
               bench.sink<legs_top_ports::peek>([legs](const Peek& p) { legs->peeked(p); }))
