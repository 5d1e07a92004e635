// Which set of the core's 4-way region table a region belongs to. HLS subset. Shared by the core, which looks
// regions up, and the runtime, which mirrors the table to choose victims.
//
// Consecutive regions of a namespace never collide (a sequential writer fills set after set); namespaces are
// shifted against each other. Two regions of one namespace share a set exactly when region_hash() is equal,
// whatever the namespace's row is.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_REGION_HASH_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_REGION_HASH_HPP

#include <stdint.h>

namespace nvtee {
namespace tee {

constexpr unsigned kRegionWays = 4;

// 0 .. 2^set_bits - 1; set_bits 1..16.
constexpr uint32_t region_hash(uint32_t region, unsigned set_bits) {
  return (region ^ (region >> set_bits)) & ((1u << set_bits) - 1u);
}
constexpr uint32_t region_set(uint32_t ns, uint32_t region, unsigned set_bits) {
  return (region_hash(region, set_bits) + ns * 0x9e5u) & ((1u << set_bits) - 1u);
}

// region_hash() of the regions of namespace row `ns` that lie in this set.
constexpr uint32_t region_hash_of_set(uint32_t ns, uint32_t set, unsigned set_bits) {
  return (set - ns * 0x9e5u) & ((1u << set_bits) - 1u);
}

}  // namespace tee
}  // namespace nvtee

#endif
