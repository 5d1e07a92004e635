// Whether hosts may use the namespace, and what is shown of it. Closed = reads, writes and Flush end 3/00h
// DNR 0, ANA inaccessible; regions stay open. Any one reason closes it.
#pragma once

#include "runtime/core/context.hpp"

namespace nvtee::core {

class Gate {
 public:
  enum Reason : unsigned { kStarting = 1, kStore = 2, kNoLeg = 4, kNotHome = 8, kDraining = 16, kDoubt = 32 };

  void set(Reason r, bool on) { reasons_ = on ? reasons_ | r : reasons_ & ~static_cast<unsigned>(r); }
  bool has(Reason r) const { return (reasons_ & r) != 0; }
  bool closed() const { return reasons_ != 0; }
  bool shown_closed() const { return shown_ != 0; }
  unsigned reasons() const { return reasons_; }
  std::uint8_t ana_state() const { return shown_ == 0 ? spec::ana::kOptimized : spec::ana::kInaccessible; }

  // Tells core and front when it changed; true then.
  bool apply(Context& ctx) {
    const unsigned before = shown_;
    shown_ = reasons_;
    if (!first_ && (before != 0) == (shown_ != 0)) return false;
    first_ = false;
    tee::Ctl& c = ctx.ctl(tee::Ctl::kSetGate);
    c.status = closed() ? spec::st::kPathInternal : spec::st::kOk;
    c.status2 = c.status;
    ctx.emit(Action::Kind::kAna).ana_state = ana_state();
    return true;
  }

 private:
  unsigned reasons_ = kStarting, shown_ = kStarting;
  bool first_ = true;
};

}  // namespace nvtee::core
