#include "runtime/base/limits.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/check.hpp"

namespace nvtee::limits {
namespace {

constexpr const char* kBytes = "bytes";
constexpr const char* kMs = "ms";

constexpr std::uint64_t ms(Duration d) {
  return d / kMillisecond;
}

constexpr Bound kBounds[] = {
    {"host.handshakes", "a listener", kHandshakes, "", "", "Connections without an answered Connect.",
     "A further one is closed at once."},
    {"host.handshake_time", "a connection", ms(kHandshakeTime), kMs, "", "Time from accept to Connect.",
     "The connection is closed."},
    {"host.connections", "a listener", kConnections, "", "", "Connections in all.",
     "A further one is closed at once."},
    {"host.queued_pdus", "a connection", kQueuedPdus, "", "",
     "PDUs that wait because the other side does not read.",
     "The connection is closed; its commands are discarded."},
    {"host.controllers", "a subsystem", kControllers, "", "", "Controllers of all hosts.",
     "Connect is refused: 1/81h (controller busy), may be tried again."},
    {"host.controllers_per_host", "a host and subsystem", kControllersPerHost, "", "",
     "Controllers of one host NQN.", "Connect is refused: 1/81h, may be tried again."},
    {"host.queues_per_controller", "a controller", kQueuesPerController, "", "", "I/O queues.",
     "Set Features (Number of Queues) grants no more; Connect for a higher QID is refused: 1/82h."},
    {"host.queues", "a subsystem", kQueues, "", "", "I/O queues of all hosts.",
     "Connect is refused: 1/81h, may be tried again."},
    {"host.queues_per_host", "a host and subsystem", kQueuesPerHost, "", "", "I/O queues of one host NQN.",
     "Connect is refused: 1/81h, may be tried again."},
    {"host.queue_entries", "a queue", kQueueEntries, "", "", "Entries, and so commands in flight.",
     "Connect for more is refused: 1/82h. More commands at once than entries - 1: TermReq (FES 2), the "
     "connection "
     "ends."},
    {"host.transfer", "a command", kTransfer, kBytes, "", "Data of one command (MDTS).",
     "The command is refused: 0/02h (invalid field)."},
    {"host.in_capsule", "a command", kInCapsule, kBytes, "", "Data in a command capsule.",
     "TermReq (FES 5, data transfer limit exceeded): the connection ends."},
    {"host.admin_transfers", "a controller", kAdminTransfers, "", "",
     "Admin commands that wait for their data.",
     "A further one is answered 0/21h (interrupted, may be tried again)."},
    {"host.admin_answers", "a controller", kAdminAnswerBytes, kBytes, "",
     "Admin data that the host has asked for and does not read.",
     "A further command with data is answered 0/21h (interrupted, may be tried again)."},
    {"host.event_requests", "a controller", kEventRequests, "", "", "Asynchronous Event Requests.",
     "A further one is answered 1/05h (limit exceeded)."},
    {"host.pending_events", "a controller", kPendingEvents, "", "",
     "Different asynchronous events not yet told.",
     "A further one is dropped; the log pages still tell of it."},
    {"host.data_deadline", "a command", 5000, kMs, "times.host_data_deadline",
     "Time for the data of a write to arrive.", "The connection is closed."},
    {"tee.slots", "a subsystem", kSlots, "", "", "Commands in flight, our own included.",
     "Cannot be passed: each queue has its own."},
    {"tee.pool", "a subsystem", kPoolBytes, kBytes, "",
     "Buffers of commands in flight; memory is used only once a slot is.",
     "Cannot be passed: one buffer a slot."},
    {"tee.namespaces", "a subsystem", kNamespaces, "", "", "Namespaces.",
     "Creating a further one is refused."},
    {"tee.legs", "a namespace", kLegs, "", "", "Legs.", "Adding a further one is refused."},
    {"tee.open_bytes", "a namespace", std::uint64_t{1} << 30, kBytes, "limits.open_max",
     "Open set: what is copied after an unclean stop.",
     "Soft: the region not written for longest is closed first; writes to new regions wait for it."},
    {"tee.open_regions", "a subsystem", kOpenRegions, "", "", "Open regions in the core's table.",
     "A region is closed to make room; writes to new regions wait for it."},
    {"tee.punt_commands", "a subsystem", kPuntCommands, "", "",
     "Commands of our own for Dataset Management and the like.", "Further ones wait for their turn."},
    {"copy.depth", "a namespace", kCopyDepth, "", "limits.copy_depth", "Chunks in flight of a copy.",
     "The configuration is refused."},
    {"verify.mismatches", "a namespace", kMismatches, "", "", "Differing blocks that are listed.",
     "Further ones are counted, not listed."},
    {"leg.queues", "a leg", kLegQueues, "", "peer.queues", "I/O queues.", "The configuration is refused."},
    {"leg.entries", "a leg's queue", kLegEntries, "", "peer.entries", "Entries of an I/O queue.",
     "The configuration is refused."},
    {"store.commit", "the node", kCommitItems, "", "", "Transactions that one commit makes durable.",
     "Further ones go with the next commit."},
    {"config.file", "the configuration", kConfigBytes, kBytes, "", "Size of the file.",
     "The file is refused."},
    {"config.problems", "the configuration", kConfigProblems, "", "", "Problems that are told of at once.",
     "Further ones are told of when these are corrected."},
    {"config.subsystems", "the configuration", kSubsystems, "", "", "[[subsystem]] tables.",
     "The file is refused."},
    {"config.peers", "the configuration", kPeers, "", "", "[[peer]] tables.", "The file is refused."},
    {"config.addresses", "a list", kAddresses, "", "",
     "Addresses of node.listen, node.discovery, peer.addresses.", "The file is refused."},
    {"config.allowed_hosts", "a subsystem", kAllowedHosts, "", "", "Entries of subsystem.hosts.",
     "The file is refused."},
    {"discovery.entries", "the discovery log", kDiscoveryEntries, "", "", "Subsystems times listeners.",
     "Cannot be passed: the configuration's own bounds."},
    {"event.kept", "the node", kEvents, "", "", "Events that are kept.",
     "The oldest is dropped; readers are told how many they missed."},
    {"event.text", "an event", kEventText, kBytes, "", "Text of one event.", "It is cut."},
    {"api.clients", "the node", kApiClients, "", "", "Connections to the API's socket.",
     "A further one is answered 503 (busy) and closed."},
    {"api.header", "a request", kApiHeader, kBytes, "", "Header of a request.",
     "431; the connection is closed."},
    {"api.body", "a request", kApiBody, kBytes, "", "Body of a request.", "413; the connection is closed."},
    {"api.request_time", "a request", ms(kApiRequestTime), kMs, "", "Time for a whole request to arrive.",
     "The connection is closed."},
    {"api.answer_time", "a request", ms(kApiAnswerTime), kMs, "", "Time for a whole answer to be taken.",
     "The connection is closed."},
    {"api.wait", "a request", ms(kApiWait), kMs, "", "Longest wait for events.", "400 for a longer one."},
    {"api.answer", "an answer", kApiAnswer, kBytes, "", "Answer that the nvtee command takes.",
     "nvtee reports a broken answer."},
    {"metrics.clients", "the node", kMetricsClients, "", "", "Scrapes at once.",
     "A further one waits until one is served, or has said nothing for 2 s."},
    {"log.rate", "the node", kLogRate, "1/s", "",
     "Lines in the long run; 2,000 at once. Errors have an own share.",
     "Lines are dropped, and how many is written."},
};

}  // namespace

std::span<const Bound> bounds() {
  return kBounds;
}

void note(InUse& in_use, const char* name, std::uint64_t value) {
  NVTEE_CHECK(std::ranges::any_of(kBounds, [&](const Bound& b) { return std::string_view(b.name) == name; }),
              "what is counted is a bound of the table");
  std::uint64_t& most = in_use[name];
  most = std::max(most, value);
}

std::string bounds_table() {
  std::string out =
      "| bound | of | value | configuration | what | when it is reached |\n|---|---|---|---|---|---|\n";
  for (const Bound& b : kBounds)
    out +=
        fmt::format("| `{}` | {} | {}{}{} | {} | {} | {} |\n", b.name, b.scope, b.value, *b.unit ? " " : "",
                    b.unit, *b.key ? fmt::format("`{}`", b.key) : "", b.meaning, b.reached);
  return out;
}

}  // namespace nvtee::limits
