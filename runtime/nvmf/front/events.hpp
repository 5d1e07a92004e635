// Asynchronous events of one controller (Base §5.1.2): requests waiting, events waiting, and the masking
// between an event's delivery and the reading of its log page.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hw/nvme/spec.hpp"
#include "runtime/base/limits.hpp"

namespace nvtee::nvmf {

struct AsyncEvent {
  std::uint8_t type = 0;
  std::uint8_t info = 0;
  std::uint8_t log_page = 0;
};

class EventQueue {
 public:
  static constexpr unsigned kMaxRequests = limits::kEventRequests;  // AERL + 1
  static constexpr unsigned kMaxEvents = limits::kPendingEvents;    // distinct (type, info); more are dropped

  // A request arrived. False: one more than AERL + 1.
  bool submit(std::uint16_t cid);
  bool holds(std::uint16_t cid) const;

  // Waits to be reported, unless the same event waits already or was reported and its log not read since.
  void raise(const AsyncEvent& event);
  // The host read the page with RAE = 0: what it says is known, and its events may be reported anew.
  // Returns what was forgotten, for restore() should the read fail after all.
  struct Entry {
    AsyncEvent event;
    bool reported;  // and masked until its log is read
  };
  std::vector<Entry> log_read(std::uint8_t log_page);
  void restore(const std::vector<Entry>& forgotten);

  struct Completion {
    std::uint16_t cid;
    std::uint32_t result;
  };
  // An event that can be reported now, if a request and an unreported event are there.
  std::optional<Completion> next();

  // Controller reset: everything is forgotten; the returned requests are to be answered as aborted.
  std::vector<std::uint16_t> reset();

 private:
  bool known(const AsyncEvent& event) const;

  std::vector<std::uint16_t> requests_;
  std::vector<Entry> entries_;  // oldest first
};

}  // namespace nvtee::nvmf
