// The discovery log page (LID 70h) as a controller sends it: nothing in it is believed.
#pragma once

#include <nvme/types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace nvtee::host {

constexpr std::uint64_t kMostDiscoveryRecords = 4096;

struct DiscoveryHeader {
  std::uint64_t generation = 0, records = 0;
};
// Of the page's first 1024 bytes. Refuses more records than anybody has.
Result<DiscoveryHeader> parse_discovery_header(std::span<const std::byte> page);

struct DiscoveryLog {
  std::uint64_t generation = 0;
  std::vector<nvmf_disc_log_entry> entries;
};
// Of a whole page; refuses one that is shorter than it says.
Result<DiscoveryLog> parse_discovery_log(std::span<const std::byte> page);

// Text of a fixed field, without the padding; what a terminal must not see is replaced by '?'.
std::string discovery_text(const char* field, std::size_t size);
template <std::size_t N>
std::string discovery_text(const char (&field)[N]) {
  return discovery_text(field, N);
}

}  // namespace nvtee::host
