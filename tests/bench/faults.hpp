// What faults cost: a leg that falls silent, a peer of many namespaces that dies, a resync against a plain
// copy.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace nvtee::bench {

// Prints and returns what it measured. Needs root for the network namespaces of the first part, which is left
// out with the reason elsewhere. `only`: parts whose name contains it ("resync", "peer death", "silent
// loss").
nlohmann::json fault_figures(unsigned rounds, const std::string& only);

}  // namespace nvtee::bench
