// What has to be done so that a node is what a configuration file says: computed from two descriptions, done
// by others.
#pragma once

#include <string>
#include <vector>

#include "runtime/api/json.hpp"
#include "runtime/nvteed/config.hpp"

namespace nvtee::cli {

struct Step {
  std::string words;  // "create namespace vol1 on left:1, right:1"
  std::string method, path;
  api::Json body;
  bool removes = false;  // something goes away
};

struct Plan {
  std::vector<Step> steps;            // in order
  std::vector<std::string> restarts;  // read at the daemon's start only: "times.hold: \"20s\" -> \"10s\""
  std::vector<std::string> kept;      // not in the file, and not asked to go
  std::vector<std::string> refused;   // cannot be done while the namespace exists, or before a restart

  bool nothing() const { return steps.empty() && restarts.empty() && kept.empty() && refused.empty(); }
  std::string text() const;
  api::Json json() const;
};

// `running`: the configuration in force; `status`: the node as /v1/status shows it.
Plan make_plan(const config::Config& wanted, const config::Config& running, const api::Json& status,
               bool prune);

}  // namespace nvtee::cli
