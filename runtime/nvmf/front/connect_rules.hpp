// The Connect command (Base §6.3): its fields, and every reason to refuse it. No state of its own.
//
// DNR: Linux gives a controller up for good when a Connect is refused with DNR = 1. So it is set only where
// trying again cannot help; an unknown subsystem or controller may be one that is still coming back.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "runtime/nvmf/front/admin_types.hpp"

namespace nvtee::nvmf {

struct ConnectRequest {
  std::uint16_t qid = 0;
  std::uint32_t entries = 0;  // SQSIZE + 1
  std::uint32_t kato_ms = 0;  // admin queue only
  bool flow_control_off = false;
  std::array<std::uint8_t, 16> host_id{};
  std::uint16_t cntlid = 0;
  std::string subsystem_nqn, host_nqn;
};

struct ConnectRefusal {
  spec::Status status = 0;
  std::uint32_t result = 0;  // IPO and IATTR with 1/82h
  bool dnr = true;
  std::string why;  // for the log
};

// Offsets that IPO names.
namespace connect_offset {
constexpr std::uint16_t kRecfmt = 40, kQid = 42, kSqsize = 44;                     // in the SQE
constexpr std::uint16_t kHostId = 0, kCntlid = 16, kSubNqn = 256, kHostNqn = 512;  // in the data
}  // namespace connect_offset

ConnectRefusal bad_sqe_field(std::uint16_t offset, std::string why, bool dnr = true);
ConnectRefusal bad_data_field(std::uint16_t offset, std::string why, bool dnr = true);

// "nqn." and 5..223 bytes without control characters or blanks, terminated by NUL.
bool valid_nqn(std::string_view nqn);

std::expected<ConnectRequest, ConnectRefusal> parse_connect(const Sqe& sqe,
                                                            std::span<const std::byte, 1024> data);

// Refusals that depend on the subsystem alone. `controllers`: how many it has now.
std::optional<ConnectRefusal> check_admin_connect(const SubsystemModel& model, const ConnectRequest& request,
                                                  std::size_t controllers, std::size_t of_this_host = 0);

// What an I/O queue's Connect is held against.
struct IoConnectTarget {
  const ControllerInfo* controller = nullptr;  // nullptr: no such CNTLID here
  bool takes_io_queues = false;                // CC.EN = 1, RDY, not shutting down
  bool queue_exists = false;                   // that QID
  unsigned queues = 0;                         // granted
  std::size_t queues_of_host = 0;              // open, over all of its controllers
};
std::optional<ConnectRefusal> check_io_connect(const SubsystemModel& model, const ConnectRequest& request,
                                               const IoConnectTarget& target);

}  // namespace nvtee::nvmf
