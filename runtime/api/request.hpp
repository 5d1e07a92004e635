// Internal to the API: the parts of a request, taken apart and checked.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/api/json.hpp"
#include "runtime/base/result.hpp"

namespace nvtee::api {

struct Target {
  std::vector<std::string> segments;  // "/v1/namespaces/a" -> v1, namespaces, a; percent-decoded
  std::map<std::string, std::string> query;
};
Result<Target> parse_target(const std::string& target);

Result<std::uint64_t> query_number(const Target& target, const std::string& name, std::uint64_t fallback,
                                   std::uint64_t most);

// "left" (NSID 1) or "left:3", as on the command line, or {"peer": "left", "nsid": 3}.
Result<core::LegSpec> parse_leg(const Json& value);
Result<core::LegSpec> parse_leg_text(const std::string& text);

// The body of POST /v1/namespaces.
struct CreateRequest {
  core::NamespaceSpec spec;  // subsystem empty and nsid 0 when not given
  std::uint64_t size = 0;
  std::vector<core::LegSpec> legs;
  bool assume_equal = false;
};
Result<CreateRequest> parse_create(const std::string& body);
// The body of POST /v1/resync/rate: {"bytes_per_second": 100000000 or "100MB"}; 0 or 1 MiB to 1 TiB.
Result<std::uint64_t> parse_rate(const std::string& body);
// The body of POST .../legs.
Result<core::LegSpec> parse_add_leg(const std::string& body);

}  // namespace nvtee::api
