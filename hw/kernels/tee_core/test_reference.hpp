// What must happen, said a second time without the core's code: the status of a command at the door, and
// which values a read may see.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "hw/kernels/tee_core/records.hpp"

namespace nvtee::tee::test {

// ---- the door -------------------------------------------------------------------------------------------
struct RefNamespace {
  bool valid = false;
  uint32_t nsid = 0;
  uint64_t blocks = 0;
  unsigned lbads = 9, region_shift = 4;
  bool compare = true, reservations = false;
  unsigned gate_read = 0, gate_write = 0;
  unsigned host_gate[64] = {};
};

struct RefLimits {
  uint64_t max_blocks = 0;
  uint64_t max_bytes = 0;
};

struct RefAnswer {
  unsigned status = 0;
  bool dnr = false;
};

// The plain reading of DESIGN's "Checked before the tee", in the order that check.hpp promises.
inline RefAnswer door(const std::vector<RefNamespace>& all, const RefLimits& limits, const HostIn& h,
                      bool leased) {
  const unsigned op = h.opcode.to_uint();
  const bool range = op == 1 || op == 2 || op == 5 || op == 8;
  const bool resv = op == 0x0d || op == 0x0e || op == 0x11 || op == 0x15;
  if (!range && !resv && op != 0 && op != 9) return {0x001, true};
  if ((h.flags.to_uint() >> 6) != 1) return {0x002, true};
  const RefNamespace* ns = nullptr;
  for (const auto& n : all)
    if (n.valid && n.nsid == h.nsid.to_uint()) ns = &n;
  if (ns == nullptr) return {0x00b, true};
  if (resv && !ns->reservations) return {0x001, true};
  const bool reads = op == 2 || op == 5;
  const unsigned host = ns->host_gate[h.queue.to_uint()];
  if (host & 4) return {0x026, true};
  if (!leased) return {0x300, false};
  if (const unsigned gate = reads ? ns->gate_read : ns->gate_write; gate != 0) return {gate, false};
  if (!resv && (host & (reads ? 1u : 2u))) return {0x083, true};
  const bool in = op & 1, out = op & 2;
  if (in || out) {
    const unsigned type = h.sgl_type.to_uint();
    if (type != 0x5a && !(type == 0x01 && in)) return {0x011, true};
    if (type == 0x01 && h.sgl_address_nonzero.to_uint()) return {0x016, true};
  }
  const uint64_t count = (h.cdw12.to_uint() & 0xffff) + 1;
  if (range) {
    if ((h.cdw12.to_uint() >> 26) & 0xf) return {0x002, true};
    if (count > limits.max_blocks || (count << ns->lbads) > limits.max_bytes) return {0x002, true};
    if (count > ns->blocks || h.slba.to_uint64() > ns->blocks - count) return {0x080, true};
  }
  const uint64_t length = h.sgl_length.to_uint();
  const uint64_t capsule = h.length.to_uint();
  if (in || out) {
    if (range && length != (count << ns->lbads)) return {0x00f, true};
    if (length == 0 || length > limits.max_bytes || length % 4 != 0) return {0x00f, true};
  }
  if (in && h.sgl_type.to_uint() == 0x01) {
    if (capsule != length || capsule > 8192) return {0x00f, true};
  } else if (capsule != 0) {
    return {0x00f, true};
  }
  return {};
}

// ---- registers ------------------------------------------------------------------------------------------
// Every block is an atomic register (P2). A write may take effect between `start` and `end` (never, if it was
// not acknowledged: end stays open).
class Registers {
 public:
  static constexpr uint64_t kOpen = ~0ull;

  unsigned begin_write(uint64_t block, uint64_t token, uint64_t now) {
    auto& h = history_[block];
    if (h.empty()) h.push_back({0, 0, 0, next_++});
    h.push_back({token, now, kOpen, next_++});
    return h.back().id;
  }
  void end_write(uint64_t block, unsigned id, uint64_t now) {
    for (auto& w : history_[block])
      if (w.id == id) w.end = now;
  }
  // A read that began at `start` and ends now may return `token`: some write of it that had begun, and that
  // no other write certainly replaced before the read began.
  bool may_read(uint64_t block, uint64_t token, uint64_t start) const {
    const auto it = history_.find(block);
    if (it == history_.end()) return token == 0;
    for (const auto& w : it->second) {
      if (w.token != token) continue;
      bool replaced = false;
      for (const auto& o : it->second) replaced |= o.end < start && o.start > w.end && w.end != kOpen;
      if (!replaced) return true;
    }
    return false;
  }

 private:
  struct Write {
    uint64_t token, start, end;
    unsigned id;
  };
  std::map<uint64_t, std::vector<Write>> history_;
  unsigned next_ = 1;
};

}  // namespace nvtee::tee::test
