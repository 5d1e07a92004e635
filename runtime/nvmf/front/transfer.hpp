// What data an admin or fabrics command moves, by its opcode and SGL (Base §4.3, TCP 1.0 §3.2): checked
// before anything else is looked at.
#pragma once

#include <cstdint>
#include <expected>

#include "runtime/nvmf/pdu/wire.hpp"

namespace nvtee::nvmf {

// Most data that an admin command may bring. Every command that we know brings at most 4096 bytes.
inline constexpr std::uint32_t kMaxAdminData = spec::kMaxAdminInCapsule;

struct AdminTransfer {
  enum class Direction : std::uint8_t { kNone, kInCapsule, kByR2t, kToHost };
  Direction direction = Direction::kNone;
  std::uint32_t length = 0;  // bytes
};

// `in_capsule`: data bytes that came with the capsule.
std::expected<AdminTransfer, spec::Status> plan_transfer(const Sqe& sqe, std::uint32_t in_capsule);

}  // namespace nvtee::nvmf
