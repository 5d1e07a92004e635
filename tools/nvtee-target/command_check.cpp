#include "tools/nvtee-target/command_check.hpp"

#include <algorithm>

#include "hw/nvme/spec.hpp"
#include "tools/nvtee-target/reservation.hpp"

namespace nvtee::target {
namespace {

namespace io = spec::io;
namespace st = spec::st;

constexpr std::uint32_t kDsmRange = 16;

bool within(std::uint64_t lba, std::uint64_t blocks, std::uint64_t size) {
  return lba <= size && blocks <= size - lba;
}

CommandPlan refused(spec::Status status) {
  CommandPlan p;
  p.status = status;
  return p;
}

// Direction and length by opcode; the status is set where a field is bad.
CommandPlan by_opcode(const nvmf::Sqe& q, const Geometry& g) {
  CommandPlan p;
  switch (q.opcode) {
    case io::kRead:
    case io::kWrite:
    case io::kCompare:
      p.flow = q.opcode == io::kRead ? Flow::kIn : Flow::kOut;
      p.length = q.blocks() << g.block_shift;  // at most 65536 blocks of 4 KiB
      p.has_range = true;
      if (q.opcode == io::kWrite && (q.cdw12 & spec::kCdw12DtypeMask) != 0) return refused(st::kInvalidField);
      break;
    case io::kWriteZeroes:
      p.has_range = true;
      if ((q.cdw12 & spec::kCdw12DtypeMask) != 0) return refused(st::kInvalidField);
      break;
    case io::kDsm:
      p.flow = Flow::kOut;
      // Hosts may send more than the ranges that count (Linux: always 4 KiB); the rest is not looked at.
      p.length = std::max(((q.cdw10 & 0xff) + 1) * kDsmRange, q.sgl.length);
      break;
    case io::kResvRegister:
    case io::kResvAcquire:
    case io::kResvRelease:
      p.flow = Flow::kOut;
      p.length = reservation_data_length(q.opcode);
      break;
    case io::kResvReport: {
      const std::uint64_t bytes = (std::uint64_t{q.cdw10} + 1) * 4;
      p.flow = Flow::kIn;
      p.length = bytes > ~std::uint32_t{0} ? ~std::uint32_t{0} : static_cast<std::uint32_t>(bytes);
      if ((q.cdw11 & 1) == 0) return refused(st::kHostIdFormat);
      break;
    }
    default:
      break;
  }
  return p;
}

// Exactly one descriptor, and it says the length that the plan has.
spec::Status check_sgl(const nvmf::Sqe& q, std::uint32_t in_capsule, CommandPlan& p) {
  if (p.flow == Flow::kNone) {
    if (in_capsule != 0) return st::kSglLength;
    return q.sgl.length != 0 && (q.sgl.type == spec::kSglDataOffset || q.sgl.type == spec::kSglTransport)
               ? st::kSglLength
               : st::kOk;
  }
  if (q.sgl.type == spec::kSglTransport) {
    if (in_capsule != 0) return st::kSglLength;
  } else if (q.sgl.type == spec::kSglDataOffset && p.flow == Flow::kOut) {
    if (q.sgl.address != 0) return st::kSglOffset;
    if (q.sgl.length != in_capsule) return st::kSglLength;
    p.in_capsule = true;
  } else {
    return st::kSglType;
  }
  return q.sgl.length == p.length ? st::kOk : st::kSglLength;
}

}  // namespace

bool opcode_known(std::uint8_t opcode) {
  switch (opcode) {
    case io::kFlush:
    case io::kWrite:
    case io::kRead:
    case io::kCompare:
    case io::kWriteZeroes:
    case io::kDsm:
    case io::kResvRegister:
    case io::kResvReport:
    case io::kResvAcquire:
    case io::kResvRelease:
      return true;
    default:
      return false;
  }
}

CommandPlan check_command(const nvmf::Sqe& sqe, std::uint32_t in_capsule, const Geometry& geometry,
                          const CommandLimits& limits) {
  if ((sqe.flags & spec::kFuseMask) != 0 || (sqe.flags & spec::kPsdtMask) != spec::kPsdtSgl)
    return refused(st::kInvalidField);
  CommandPlan p = by_opcode(sqe, geometry);
  if (p.status != st::kOk) return p;
  if (p.has_range && !within(sqe.slba(), sqe.blocks(), geometry.blocks)) return refused(st::kLbaRange);
  if (p.length > limits.max_transfer) return refused(st::kInvalidField);
  if (const spec::Status s = check_sgl(sqe, in_capsule, p); s != st::kOk) return refused(s);
  return p;
}

}  // namespace nvtee::target
