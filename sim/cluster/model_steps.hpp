// A run as the Promela model of sim/model would see it: each region of a namespace with two legs is the
// model's one block, and what changes in its records and in the core's routing is a step from one shape to
// another. A test compares the steps with those that the model can take.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "hw/kernels/tee_core/records.hpp"

namespace nvtee::cluster {

class World;

// Bits, in the order of the model's inline `shape`.
enum ShapeBit : unsigned {
  kUp = 1,            // the node runs
  kInSync0 = 2,       // in the epoch record; leg 1 the next bit
  kOpenDurable = 8,   // in the open set
  kDirty0 = 16,       // in the dirty maps
  kServes0 = 64,      // the core routes to the leg as in sync
  kSyncing0 = 256,    // ... as syncing
  kOpenInCore = 1024  // the core's table has the region
};
using Shape = std::uint16_t;
std::string shape_text(Shape shape);  // "up in_sync 11 open 1 dirty 00 serves 11 syncing 00 core 1"

class ModelSteps {
 public:
  std::map<std::pair<Shape, Shape>, std::uint64_t> seen;
  void records(const World& world);  // they may have changed
  void told(const tee::Ctl& ctl);
  void node(bool up);
  bool wanted = false;

 private:
  template <class F>
  void change(F f);
  static constexpr unsigned kMost = 64;
  unsigned regions_ = 0;
  std::array<Shape, kMost> now_{};
};

}  // namespace nvtee::cluster
