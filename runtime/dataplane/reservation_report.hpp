// The Reservation Report command: who is registered on a leg, who holds it. NVM Express Base 2.0, 7.5.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "runtime/core/namespace_control.hpp"
#include "runtime/nvmf/initiator/queue.hpp"

namespace nvtee::dataplane {

// Bytes of a Host Identifier that all associations of this process share; the others tell them apart.
constexpr std::size_t kHostIdOfNode = 12;

// Room for 63 registrants; more are Reserved::truncated.
constexpr std::size_t kReservationReportBytes = 4096;

// `data` has kReservationReportBytes and is the caller's until the answer; it is cleared.
void make_reservation_report(nvmf::Transfer& transfer, std::uint32_t nsid, std::uint16_t cid,
                             std::span<std::byte> data);
// What a report says that succeeded with `done` bytes of data. `host_id`: of the association that asked.
core::Reserved read_reservation_report(std::span<const std::byte> data, std::size_t done,
                                       const std::array<std::uint8_t, 16>& host_id);

// Why a leg cannot become one of a namespace that is about to be made: somebody who is registered on it (the
// holder first) would be preempted, or keep its commands out. Such a namespace has no keys anywhere yet: one
// of its own tag with a number comes of newer records of it than those that are about to be written.
struct InOtherHands {
  std::uint64_t key = 0;
  bool same_node = false;  // another namespace of this process uses it
  bool newer = false;      // of a namespace with these very identifiers, with newer records
};
std::optional<InOtherHands> in_other_hands(const core::NamespaceSpec& spec, const core::Reserved& seen);

}  // namespace nvtee::dataplane
