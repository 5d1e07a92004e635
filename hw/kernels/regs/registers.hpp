// Byte offsets of the card's registers, for kernels and driver. HLS subset.
#ifndef NVTEE_HW_KERNELS_REGS_REGISTERS_HPP
#define NVTEE_HW_KERNELS_REGS_REGISTERS_HPP

#include <stdint.h>

namespace nvtee {
namespace card {
namespace reg {

#define NVTEE_REG(name, offset, access, what) constexpr uint16_t k##name = offset;
#include "hw/kernels/regs/registers.def"
#undef NVTEE_REG

constexpr uint32_t kIdValue = 0x4554564e;  // "NVTE"
constexpr uint32_t kVersionValue = 1u << 16;
constexpr unsigned kMailWords = 16;
constexpr unsigned kCounterRows = 12;

// Doorbell 7:0
enum Mail { kMailTee = 0, kMailCard = 1, kMailTcp = 2, kMailHostIn = 3 };
// First byte of a ring entry
enum RingKind { kRingTee = 1, kRingCard = 2, kRingTcp = 3, kRingHostOut = 4 };

}  // namespace reg
}  // namespace card
}  // namespace nvtee

#endif
