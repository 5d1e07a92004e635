#include "tools/nvtee-host/discovery_log.hpp"

#include <fmt/format.h>

namespace nvtee::host {
namespace {

constexpr std::size_t kRecord = 1024;

}  // namespace

Result<DiscoveryHeader> parse_discovery_header(std::span<const std::byte> page) {
  if (page.size() < kRecord) return fail("the discovery log is shorter than its header");
  nvmf_discovery_log h;
  std::memcpy(&h, page.data(), sizeof h);
  if (h.numrec > kMostDiscoveryRecords)
    return fail(fmt::format("the discovery log names {} records", std::uint64_t{h.numrec}));
  return DiscoveryHeader{h.genctr, h.numrec};
}

Result<DiscoveryLog> parse_discovery_log(std::span<const std::byte> page) {
  const auto header = parse_discovery_header(page);
  if (!header) return std::unexpected(header.error());
  if (page.size() / kRecord < header->records + 1)
    return fail(fmt::format("the discovery log names {} records and has {}", header->records,
                            page.size() / kRecord - 1));
  DiscoveryLog log{header->generation, {}};
  log.entries.resize(header->records);
  for (std::size_t n = 0; n < log.entries.size(); ++n)
    std::memcpy(&log.entries[n], page.data() + kRecord * (n + 1), sizeof log.entries[n]);
  return log;
}

std::string discovery_text(const char* field, std::size_t size) {
  std::string s(field, strnlen(field, size));
  while (!s.empty() && s.back() == ' ') s.pop_back();
  for (char& c : s)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  return s;
}

}  // namespace nvtee::host
