// Network namespaces of a test: of its own process, and one for each target, joined by a pair of virtual
// links. All are gone with the process, however it ends.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/cluster.hpp"

namespace nvtee::e2e {

// Own network for this process. "" when done, else the reason why not (no root, a container without the
// right).
std::string enter_namespaces();
// The ip command; true when it succeeded.
bool ip(const std::vector<std::string>& words);
// A namespace for target `t` (0 to 25) with a link to ours.
bool add_space(unsigned t);
std::string space_of(unsigned t);    // its name
std::string outer(unsigned t);       // our end of its link
std::string address_of(unsigned t);  // its address
Place place_of(unsigned t);          // where a target runs that lives in it

}  // namespace nvtee::e2e
