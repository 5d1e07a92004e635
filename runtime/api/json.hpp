// What the control API answers: status structs as JSON. docs/API.md describes the objects; fields are only
// ever added.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/api/rate_meter.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/dataplane/node.hpp"

namespace nvtee::api {

using Json = nlohmann::ordered_json;

const char* leg_state_text(core::LegState state);    // "in_sync", "stale", "syncing", "removed", "none"
const char* severity_text(core::Severity severity);  // "info", "notice", "warning", "critical"
const char* ana_text(std::uint8_t ana_state);        // "optimized"...

// The worst of the namespaces' states, for the whole node; "unknown" when a namespace has a state that is not
// known here.
std::string worst_health(const std::vector<core::NamespaceStatus>& namespaces);

Json namespace_json(const core::NamespaceStatus& ns, const NamespaceCounters* counters,
                    const RateMeter& rates, Time now);
Json leg_json(const core::NamespaceStatus& ns, unsigned index, const RateMeter& rates, Time now);
Json verify_json(const core::NamespaceStatus& ns);
Json resync_json(const core::NamespaceStatus& ns, const RateMeter& rates, Time now);
Json peer_json(const PeerStatus& peer);
Json host_json(const HostStatus& host);
Json subsystem_json(const SubsystemConfig& subsystem);
Json event_json(const OperatorEvent& event);
// Namespaces that ought to be there and are not, with the reason: by name.
using Missing = std::map<std::string, std::string>;
Json node_json(const NodeStatus& status, std::uint64_t last_event, const RateMeter& rates, Time now,
               const Missing& missing);

// Every bound with what is used of it now: `own` is what the API itself counts.
Json limits_json(const NodeStatus& status, const limits::InUse& own);

}  // namespace nvtee::api
