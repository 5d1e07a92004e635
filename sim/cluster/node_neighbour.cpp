// Another namespace of the same node, as far as ours meets it: it has ways of the core's region table, gives
// them back and asks for ours, and its holds take slots of the runtime's queue, up to the last one.
#include "hw/kernels/tee_core/region_hash.hpp"
#include "sim/cluster/core_config.hpp"
#include "sim/cluster/node_later.hpp"

namespace nvtee::cluster {

namespace {
constexpr unsigned kNeighbour = 1, kRegions = 12;  // its index in the core; regions that it may have open
constexpr unsigned kBits = CoreConfig::kRegionSetBits;
}  // namespace

void Node::start_neighbour() {
  neighbour_regions_ = 0;
  neighbour_slots_.clear();
  tee::Ctl c{};
  c.op = tee::Ctl::kSetNamespace;
  c.ns = kNeighbour;
  c.flag = 1;
  c.nsid = 2;
  c.lba = world_.blocks;
  c.shift_a = world_.plan.setup.block_shift;
  c.shift_b = 20 - world_.plan.setup.block_shift;
  ctl(c);
  const unsigned many = world_.chance.pick(9);
  for (unsigned i = 0; i < many; ++i)
    neighbour_region(static_cast<unsigned>(world_.chance.below(kRegions)), true);
  later(world_.chance.between(1, 200) * kMillisecond, [this] { neighbour_step(); });
}

void Node::neighbour_region(std::uint32_t region, bool open) {
  tee::Ctl c{};
  c.op = tee::Ctl::kRegionSet;
  c.ns = kNeighbour;
  c.region = region;
  c.region_state = open ? tee::Ctl::kOpen : tee::Ctl::kNone;
  ctl(c);
  const std::uint64_t bit = std::uint64_t{1} << region;
  neighbour_regions_ = open ? neighbour_regions_ | bit : neighbour_regions_ & ~bit;
}

// One thing of those that it does, then another one some time later.
void Node::neighbour_step() {
  const auto region = static_cast<std::uint32_t>(world_.chance.below(kRegions));
  switch (world_.chance.pick(4)) {
    case 0:
      neighbour_region(region, (neighbour_regions_ >> region & 1) == 0);
      break;
    case 1: {
      core::Input in;
      in.kind = core::Input::Kind::kWayWanted;
      in.region = tee::region_hash_of_set(0, tee::region_set(kNeighbour, region, kBits), kBits);
      input(std::move(in));
      break;
    }
    default:
      release_neighbour();  // what came late
      for (unsigned i = static_cast<unsigned>(world_.chance.below(6)); i < kDepth; ++i) {
        tee::Ctl c{};
        c.op = tee::Ctl::kHold;
        c.ns = kNeighbour;
        c.tag = 0x4000 + i;
        ctl(c);
      }
      later(world_.chance.between(1, 12) * kMillisecond, [this] { release_neighbour(); });
  }
  pump();
  if (up()) later(world_.chance.between(5, 150) * kMillisecond, [this] { neighbour_step(); });
}

void Node::release_neighbour() {
  for (const unsigned slot : neighbour_slots_) {
    tee::Ctl c{};
    c.op = tee::Ctl::kRelease;
    c.slot = slot;
    ctl(c);
  }
  neighbour_slots_.clear();
  pump();
}

void Node::neighbour_event(const tee::Event& e) {
  if (e.kind == tee::Event::kHeld) neighbour_slots_.push_back(e.slot.to_uint());
  if (e.kind == tee::Event::kRegionSetDone && e.status != 0)
    neighbour_regions_ &= ~(std::uint64_t{1} << e.region.to_uint());
}

// Our namespace has no way for a region: the neighbour gives up one of that set, a little later.
void Node::way_wanted(std::uint32_t region) {
  if (!world_.plan.setup.neighbour) return;
  const std::uint32_t set = tee::region_set(0, region, kBits);
  later(world_.chance.between(1, 40) * kMillisecond, [this, set] {
    for (std::uint32_t r = 0; r < kRegions; ++r) {
      if ((neighbour_regions_ >> r & 1) == 0 || tee::region_set(kNeighbour, r, kBits) != set) continue;
      neighbour_region(r, false);
      break;
    }
    pump();
  });
}

}  // namespace nvtee::cluster
