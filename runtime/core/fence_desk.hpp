// Fences of one namespace: the core runs one at a time, so those who ask share the next one.
#pragma once

#include "runtime/core/context.hpp"

namespace nvtee::core {

class FenceDesk {
 public:
  using Ticket = std::uint64_t;
  // A fence that starts after this call, so that it covers every table write emitted before.
  Ticket ask() { return wanted_ = started_ + 1; }
  bool done(Ticket t) const { return done_ >= t; }

  void pump(Context& ctx) {
    if (running_ || wanted_ <= started_) return;
    ctx.ctl(tee::Ctl::kFence);
    ++started_;
    running_ = true;
  }
  void on_done() {
    NVTEE_CHECK(running_, "the core answers a fence once");
    running_ = false;
    done_ = started_;
  }

 private:
  Ticket wanted_ = 0, started_ = 0, done_ = 0;
  bool running_ = false;
};

}  // namespace nvtee::core
