// What an NVMe Qualified Name must look like (NVM Express Base 2.x, "NVMe Qualified Names").
#pragma once

#include <optional>
#include <string>

namespace nvtee {

constexpr std::size_t kMaxNqn = 223;  // bytes, without the NUL
constexpr const char* kDiscoveryNqn = "nqn.2014-08.org.nvmexpress.discovery";

// What keeps it from being used at all ("is empty", "has a space"...): for names that others made.
std::optional<std::string> nqn_unusable(const std::string& nqn);
// What keeps it from being a well-formed NQN that is not the discovery service's: for names that we show.
std::optional<std::string> nqn_malformed(const std::string& nqn);

}  // namespace nvtee
