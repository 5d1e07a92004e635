#include "runtime/nvmf/front/transfer.hpp"

namespace nvtee::nvmf {
namespace {

using Direction = AdminTransfer::Direction;
namespace st = spec::st;

enum : std::uint8_t { kToController = 1, kToHost = 2 };  // low two bits of an opcode or FCTYPE

std::uint8_t direction_bits(const Sqe& sqe) {
  return (sqe.opcode == spec::kOpFabrics ? sqe.fctype() : sqe.opcode) & 3;
}

std::expected<AdminTransfer, spec::Status> to_controller(const Sqe& sqe, std::uint32_t in_capsule) {
  const Sgl& sgl = sqe.sgl;
  if (sgl.type == spec::kSglDataOffset) {
    if (sgl.address != 0) return std::unexpected(st::kSglOffset);
    if (sgl.length != in_capsule) return std::unexpected(st::kSglLength);
    return AdminTransfer{Direction::kInCapsule, in_capsule};
  }
  if (sgl.type != spec::kSglTransport) return std::unexpected(st::kSglType);
  if (in_capsule != 0) return std::unexpected(st::kSglLength);
  if (sgl.length > kMaxAdminData) return std::unexpected(st::kInvalidField);
  // An R2T moves whole dwords.
  if (sgl.length % 4 != 0) return std::unexpected(st::kSglLength);
  return AdminTransfer{Direction::kByR2t, sgl.length};
}

}  // namespace

std::expected<AdminTransfer, spec::Status> plan_transfer(const Sqe& sqe, std::uint32_t in_capsule) {
  const std::uint8_t bits = direction_bits(sqe);
  // Nothing to move: what the SGL says does not matter (Linux fills it in for every command).
  if (bits == 0 || bits == (kToController | kToHost)) return AdminTransfer{};
  if (sqe.sgl.length == 0 && in_capsule == 0) return AdminTransfer{};
  if ((sqe.flags & spec::kPsdtMask) != spec::kPsdtSgl) return std::unexpected(st::kInvalidField);
  if (bits == kToController) return to_controller(sqe, in_capsule);
  if (sqe.sgl.type != spec::kSglTransport) return std::unexpected(st::kSglType);
  if (in_capsule != 0) return std::unexpected(st::kSglLength);
  return AdminTransfer{Direction::kToHost, sqe.sgl.length};
}

}  // namespace nvtee::nvmf
