// Every bound of the product in one place (P10): how many, how large, how long, and what happens when it is
// reached. The code takes its numbers from here; `nvtee limits` and docs/LIMITS.md are printed from the table
// below; each bound has a test that reaches it (marked "reaches: NAME").
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "runtime/base/time.hpp"

namespace nvtee::limits {

// ---- hosts: connections ---------------------------------------------------------------------------------
inline constexpr unsigned kHandshakes = 256;    // connections of a listener before Connect is answered
inline constexpr unsigned kConnections = 4096;  // of a listener, wherever they are served
inline constexpr Duration kHandshakeTime = 5 * kSecond;
inline constexpr std::size_t kQueuedPdus = 64 * 1024;  // PDUs that wait to leave one connection

// ---- hosts: controllers and queues ----------------------------------------------------------------------
inline constexpr std::uint16_t kControllers = 256;         // of a subsystem
inline constexpr std::uint16_t kControllersPerHost = 64;   // of a subsystem, by host NQN
inline constexpr std::uint16_t kQueuesPerController = 16;  // I/O queues
inline constexpr unsigned kQueues = 63;                    // I/O queues of a subsystem, all hosts together
inline constexpr unsigned kQueuesPerHost = 48;             // so that one host never has them all
inline constexpr std::uint16_t kQueueEntries = 128;        // of an I/O queue and of the admin queue
inline constexpr std::uint32_t kTransfer = 128 * 1024;     // MDTS, bytes
inline constexpr std::uint32_t kInCapsule = 8 * 1024;      // data bytes in a capsule
inline constexpr std::size_t kAdminTransfers = 32;         // admin commands of a controller waiting for data
inline constexpr std::size_t kAdminAnswerBytes = 1 << 20;  // admin data that waits to leave one connection
inline constexpr unsigned kEventRequests = 4;              // Asynchronous Event Requests of a controller
inline constexpr unsigned kPendingEvents = 32;  // asynchronous events of a controller, not yet told

// ---- the tee --------------------------------------------------------------------------------------------
inline constexpr unsigned kSlots = 64 * 128;  // commands in flight of a subsystem, our own 128 included
inline constexpr std::uint64_t kPoolBytes = std::uint64_t{kSlots} * kTransfer;
inline constexpr unsigned kNamespaces = 64;     // of a subsystem
inline constexpr unsigned kLegs = 4;            // of a namespace
inline constexpr unsigned kOpenRegions = 4096;  // of a subsystem: the core's table
inline constexpr unsigned kPuntCommands = 32;   // commands of the runtime's own for punted ones, a subsystem
inline constexpr unsigned kCopyDepth = 32;      // chunks in flight of one copy
inline constexpr std::size_t kMismatches = 16;  // differing blocks that a verify lists
inline constexpr unsigned kLegQueues = 4;       // I/O queues of a leg
inline constexpr unsigned kLegEntries = 1024;   // of one of them
inline constexpr std::size_t kCommitItems = 256;  // transactions in one commit of the store

// ---- the configuration ----------------------------------------------------------------------------------
inline constexpr std::size_t kConfigBytes = 1 << 20;
inline constexpr std::size_t kConfigProblems = 50;  // that are told of
inline constexpr std::size_t kSubsystems = 64, kPeers = 256, kAddresses = 16, kAllowedHosts = 1024;
inline constexpr std::size_t kDiscoveryEntries = kSubsystems * kAddresses;

// ---- the operator's side --------------------------------------------------------------------------------
inline constexpr std::size_t kEvents = 10'000;
inline constexpr std::size_t kEventText = 4096;  // bytes
inline constexpr unsigned kApiClients = 64;
inline constexpr unsigned kApiHeader = 8 * 1024, kApiBody = 64 * 1024;
inline constexpr Duration kApiRequestTime = 10 * kSecond, kApiAnswerTime = 10 * kSecond;
inline constexpr Duration kApiWait = 60 * kSecond;
inline constexpr std::uint64_t kApiAnswer = 64u << 20;  // bytes that a client takes
inline constexpr unsigned kMetricsClients = 4;
inline constexpr Duration kMetricsTime = 2 * kSecond;
inline constexpr unsigned kLogRate = 500, kLogBurst = 2000;  // lines a second; at once

// One row of `nvtee limits`.
struct Bound {
  const char* name;   // stable: "host.queues"
  const char* scope;  // whose: "a subsystem"
  std::uint64_t value;
  const char* unit;     // "" = a number of things; "bytes", "ms", "1/s"
  const char* key;      // configuration key that sets it, or ""
  const char* meaning;  // of what
  const char* reached;  // what happens then
};
std::span<const Bound> bounds();

// How much of a bound is used now, by name: the most of any scope. Bounds that are not in it cannot be
// counted (a time, a size that is checked).
using InUse = std::map<std::string, std::uint64_t>;
void note(InUse& in_use, const char* name, std::uint64_t value);  // keeps the larger one

std::string bounds_table();  // Markdown, as it stands in docs/LIMITS.md

}  // namespace nvtee::limits
