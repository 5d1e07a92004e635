// nvteed: reads the configuration, starts the node and its API, makes declared namespaces, logs, and stops in
// order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/dataplane/node.hpp"
#include "runtime/nvteed/command_line.hpp"

namespace nvtee::daemon {

// Exit codes.
enum Exit : int {
  kStopped = 0,  // drained: the next start has nothing to reconcile
  kFailed = 1,   // configuration, store or listeners refused; nothing was served
  kUsage = 2,
  kUnclean = 3,  // stopped without a full drain (second signal, or not in time): the next start reconciles
};

using StartNode = std::function<Result<std::unique_ptr<Node>>(const NodeConfig&)>;

const cmdline::Command& command();
// The whole program. `start` is Node::start, or a test's own.
int run(const std::vector<std::string>& arguments, const StartNode& start);

}  // namespace nvtee::daemon
