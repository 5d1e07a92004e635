// Persistent reservations of one namespace (Base 2.1 §8.1.22; nvme-facts E4): plain values, no I/O, no time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hw/nvme/spec.hpp"

namespace nvtee::target {

using HostId = std::array<std::uint8_t, 16>;

struct Registrant {
  HostId host{};
  std::uint64_t key = 0;
  bool operator==(const Registrant&) const = default;
};

struct ReservationState {
  std::uint32_t generation = 0;
  bool ptpl = false;      // persist through power loss
  std::uint8_t type = 0;  // spec::resv type of the reservation, 0 = none
  HostId holder{};        // types 1-4; unused for 5-6, where every registrant holds
  std::vector<Registrant> registrants;
  bool operator==(const ReservationState&) const = default;

  bool all_registrants() const {
    return type == spec::resv::kWeAllRegistrants || type == spec::resv::kEaAllRegistrants;
  }
  const Registrant* find(const HostId& host) const;
  bool holds(const HostId& host) const;  // host is a (the) holder
};

// How a command touches the namespace.
enum class AccessGroup : std::uint8_t { kNone, kRead, kWrite };
AccessGroup access_group(std::uint8_t io_opcode);

// The access matrix. Checked when a command starts.
bool access_allowed(const ReservationState& state, const HostId& host, AccessGroup group);

enum class Notice : std::uint8_t {  // type byte of log page 80h
  kRegistrationPreempted = 1,
  kReservationReleased = 2,
  kReservationPreempted = 3,
};

struct NoticeTo {
  HostId host{};
  Notice notice{};
  bool operator==(const NoticeTo&) const = default;
};

enum class ReservationCommand : std::uint8_t { kRegister, kAcquire, kRelease };

struct ReservationRequest {
  ReservationCommand command{};
  HostId host{};
  std::uint8_t action = 0;        // RREGA, RACQA or RRELA
  bool ignore_key = false;        // IEKEY
  std::uint8_t cptpl = 0;         // Register: 0 no change, 2 clear, 3 set
  std::uint8_t type = 0;          // Acquire, Release: RTYPE
  std::uint64_t current_key = 0;  // CRKEY
  std::uint64_t other_key = 0;    // NRKEY (Register) or PRKEY (Acquire)
};

// Reads the request out of a Register, Acquire or Release command; `data` holds 16 (Release: 8) bytes.
ReservationRequest parse_reservation(std::uint8_t io_opcode, std::uint32_t cdw10, const HostId& host,
                                     std::span<const std::byte> data);
// Bytes of data that the command carries (16 or 8).
std::uint32_t reservation_data_length(std::uint8_t io_opcode);

struct ReservationOutcome {
  spec::Status status = spec::st::kOk;
  bool changed = false;           // the state is not what it was: persist before answering if ptpl says so
  std::vector<NoticeTo> notices;  // for hosts other than the caller
  std::vector<HostId> victims;    // preempted hosts (not the caller)
  bool abort = false;             // their commands are aborted, and waited for, before the answer
};

// Executes the command on `state`, atomically: a refused command leaves it as it was.
ReservationOutcome execute(ReservationState& state, const ReservationRequest& request);

// Most hosts that can be registered: beyond it Register fails with an internal error.
constexpr std::size_t kMaxRegistrants = 4096;

struct ControllerOfHost {
  HostId host{};
  std::uint16_t cntlid = 0;
};
// Reservation Status data structure, extended form (EDS = 1): a registrant has one entry for each of its
// controllers, or one with CNTLID FFFFh when none is associated.
std::vector<std::byte> reservation_report(const ReservationState& state,
                                          std::span<const ControllerOfHost> controllers);

}  // namespace nvtee::target
