#include "tools/nvtee-target/notices.hpp"

#include <algorithm>
#include <cstring>

namespace nvtee::target {

bool NoticeLogs::add(std::uint16_t cntlid, std::uint32_t nsid, Notice notice) {
  Log& log = logs_[cntlid];
  if (++log.count == 0) log.count = 1;  // 0 means "empty"
  const bool was_empty = log.pages.empty();
  // A full queue drops the page; the gap in the counts tells the host.
  if (log.pages.size() < kMaxPages) log.pages.push_back({log.count, nsid, notice});
  return was_empty;
}

std::array<std::byte, 64> NoticeLogs::take(std::uint16_t cntlid) {
  std::array<std::byte, 64> out{};
  const auto it = logs_.find(cntlid);
  if (it == logs_.end() || it->second.pages.empty()) return out;
  const Page page = it->second.pages.front();
  it->second.pages.pop_front();
  std::memcpy(out.data(), &page.count, 8);
  out[8] = static_cast<std::byte>(page.notice);
  out[9] = static_cast<std::byte>(std::min<std::size_t>(it->second.pages.size(), 255));
  std::memcpy(out.data() + 12, &page.nsid, 4);
  return out;
}

}  // namespace nvtee::target
