// Checks an I/O command before anything is done with it. Pure: the same for every backend.
#pragma once

#include <cstdint>

#include "runtime/nvmf/pdu/wire.hpp"

namespace nvtee::target {

struct CommandLimits {
  std::uint32_t max_transfer = 128 * 1024;  // bytes (MDTS)
};

// What is known of the namespace that the command names.
struct Geometry {
  std::uint64_t blocks = 0;
  std::uint8_t block_shift = 12;
};

enum class Flow : std::uint8_t {
  kNone,  // no data
  kOut,   // host to controller
  kIn,    // controller to host
};

struct CommandPlan {
  spec::Status status = spec::st::kOk;  // not kOk: refused (DNR), nothing else is valid
  Flow flow = Flow::kNone;
  std::uint32_t length = 0;  // bytes of data
  bool in_capsule = false;   // kOut: the data comes in the capsule, else ask for it by R2T
  bool has_range = false;    // SLBA and blocks are meaningful
};

// What this target executes.
bool opcode_known(std::uint8_t opcode);
// Checks form, fields, range, MDTS and SGL, in this order. `in_capsule` = data bytes in the capsule.
// The opcode is known and the namespace exists.
CommandPlan check_command(const nvmf::Sqe& sqe, std::uint32_t in_capsule, const Geometry& geometry,
                          const CommandLimits& limits);

}  // namespace nvtee::target
