#include "sim/cluster/model_steps.hpp"

#include <fmt/format.h>

#include "sim/cluster/world.hpp"

namespace nvtee::cluster {
namespace {

Shape with(Shape s, unsigned bit, bool on) {
  return static_cast<Shape>(on ? s | bit : s & ~bit);
}

}  // namespace

std::string shape_text(Shape s) {
  const auto bit = [s](unsigned b) { return (s & b) != 0 ? 1 : 0; };
  return fmt::format("{} in_sync {}{} open {} dirty {}{} serves {}{} syncing {}{} core {}",
                     bit(kUp) != 0 ? "up  " : "down", bit(kInSync0), bit(2 * kInSync0), bit(kOpenDurable),
                     bit(kDirty0), bit(2 * kDirty0), bit(kServes0), bit(2 * kServes0), bit(kSyncing0),
                     bit(2 * kSyncing0), bit(kOpenInCore));
}

template <class F>
void ModelSteps::change(F f) {
  for (unsigned r = 0; r < regions_; ++r) {
    const Shape next = f(r, now_[r]);
    if (next != now_[r]) ++seen[{now_[r], next}];
    now_[r] = next;
  }
}

void ModelSteps::records(const World& world) {
  if (!wanted) return;
  const bool first = regions_ == 0;
  regions_ = world.plan.setup.regions;
  const auto look = [&](unsigned r, Shape s) {
    s = with(s, kOpenDurable, world.check.open(r));
    for (unsigned leg = 0; leg < 2; ++leg) {
      s = with(s, kInSync0 << leg, world.check.epoch().legs[leg].role == store::Role::kInSync);
      s = with(s, kDirty0 << leg, world.check.dirty(leg, r));
    }
    return s;
  };
  if (first)
    for (unsigned r = 0; r < regions_; ++r) now_[r] = look(r, 0);
  else
    change(look);
}

void ModelSteps::told(const tee::Ctl& ctl) {
  if (!wanted) return;
  if (ctl.op == tee::Ctl::kSetLeg) {
    const unsigned leg = ctl.leg.to_uint();
    change([&](unsigned, Shape s) {
      s = with(s, kServes0 << leg, ctl.leg_state == tee::Ctl::kLegInSync);
      return with(s, kSyncing0 << leg, ctl.leg_state == tee::Ctl::kLegSyncing);
    });
  } else if (ctl.op == tee::Ctl::kRegionSet) {
    change([&](unsigned r, Shape s) {
      return r == ctl.region.to_uint() ? with(s, kOpenInCore, ctl.region_state != tee::Ctl::kNone) : s;
    });
  }
}

void ModelSteps::node(bool up) {
  if (!wanted) return;
  change([&](unsigned, Shape s) {
    constexpr unsigned kDurable = 3 * kInSync0 | kOpenDurable | 3 * kDirty0;
    return with(static_cast<Shape>(s & kDurable), kUp, up);
  });
}

}  // namespace nvtee::cluster
