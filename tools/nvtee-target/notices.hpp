// Reservation Notification log pages (LID 80h; nvme-facts A9): one queue of pages for each controller.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "tools/nvtee-target/reservation.hpp"

namespace nvtee::target {

class NoticeLogs {
 public:
  static constexpr std::size_t kMaxPages = 255;

  // True: the log was empty before, an event is due.
  bool add(std::uint16_t cntlid, std::uint32_t nsid, Notice notice);
  // The oldest page, taken from the queue; the empty page when there is none.
  std::array<std::byte, 64> take(std::uint16_t cntlid);
  void forget(std::uint16_t cntlid) { logs_.erase(cntlid); }

 private:
  struct Page {
    std::uint64_t count;
    std::uint32_t nsid;
    Notice notice;
  };
  struct Log {
    std::uint64_t count = 0;
    std::deque<Page> pages;
  };
  std::map<std::uint16_t, Log> logs_;
};

// Does the mask (FID 82h, CDW11 bits 1-3) suppress this notice?
constexpr bool notice_masked(std::uint8_t mask, Notice notice) {
  return (mask >> static_cast<std::uint8_t>(notice)) & 1;
}

}  // namespace nvtee::target
