// What faults cost: a leg that falls silent, a peer of many namespaces that dies, a resync against a plain
// copy.
#pragma once

#include <nlohmann/json.hpp>

namespace nvtee::bench {

// Prints and returns what it measured. Needs root for the network namespaces of the first part, which is left
// out with the reason elsewhere.
nlohmann::json fault_figures(unsigned rounds);

}  // namespace nvtee::bench
