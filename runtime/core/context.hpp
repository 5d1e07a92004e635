// What the sub-machines of one namespace share: its description, the time of this step, and where actions go.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "runtime/base/check.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/core/namespace_control.hpp"

namespace nvtee::core {

struct Geometry {
  std::uint64_t blocks = 0;
  std::uint8_t block_shift = 0;
  std::uint64_t region_bytes = 0;
  std::uint8_t region_shift = 0;  // log2 of blocks in a region
  std::uint32_t regions = 0;
  unsigned set_bits = 0;           // of the core's region table
  std::uint32_t chunk_blocks = 0;  // of a copy; at most what one command of the core may carry

  std::uint32_t region_of(std::uint64_t lba) const { return static_cast<std::uint32_t>(lba >> region_shift); }
  std::uint64_t first_block(std::uint32_t region) const { return std::uint64_t{region} << region_shift; }
  std::uint64_t end_block(std::uint32_t region) const {
    return std::min(blocks, (std::uint64_t{region} + 1) << region_shift);
  }
};

// Tags of holds, within this namespace's 256.
constexpr unsigned kTagCopy = 0;  // + chunk, up to kMaxCopyDepth
constexpr unsigned kMaxCopyDepth = limits::kCopyDepth;
constexpr unsigned kTagProbe = 32;  // + leg
constexpr unsigned kTagCloseFlush = 40;
constexpr unsigned kTagCopyFlush = 41;
constexpr unsigned kTagVerify = 42;
constexpr unsigned kTags = 64;

// How long until something refused for want of room in the core is tried again.
constexpr Duration kRetry = 5 * kMillisecond;

struct Context {
  NamespaceSpec spec;
  Times times;
  Limits limits;
  Geometry geo;
  std::uint16_t tag_base = 0;
  Time now = 0;
  std::uint64_t serial =
      0;  // of this step: what is issued in step n is newer than what was reported in step n or before
  Actions* out = nullptr;

  Action& emit(Action::Kind kind) {
    out->emplace_back();
    out->back().kind = kind;
    return out->back();
  }
  tee::Ctl& ctl(tee::Ctl::Op op) {
    tee::Ctl& c = emit(Action::Kind::kCtl).ctl;
    c.op = op;
    return c;
  }
  void event(Severity severity, const char* name, std::string text) {
    Action& a = emit(Action::Kind::kEvent);
    a.severity = severity;
    a.name = name;
    a.text = std::move(text);
  }
  void reply(std::uint64_t request, bool ok, std::string text) {
    if (request == 0) return;
    Action& a = emit(Action::Kind::kReply);
    a.request = request;
    a.ok = ok;
    a.text = std::move(text);
  }
  void set_region(std::uint32_t region, tee::Ctl::RegionState state) {
    tee::Ctl& c = ctl(tee::Ctl::kRegionSet);
    c.region = region;
    c.region_state = state;
  }
};

// When to be called again: the earliest of the times added that is still to come. What is due now was done in
// this step.
class Wake {
 public:
  explicit Wake(Time now) : now_(now) {}
  void add(Time t) {
    if (t > now_) at_ = std::min(at_, t);
  }
  Time at() const { return at_; }

 private:
  Time now_;
  Time at_ = kNever;
};

}  // namespace nvtee::core
