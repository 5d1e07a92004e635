// One controller's admin queue without I/O: commands in, replies and wishes out. Time is a parameter.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/base/time.hpp"
#include "runtime/nvmf/front/admin_types.hpp"
#include "runtime/nvmf/front/events.hpp"
#include "runtime/nvmf/front/features.hpp"
#include "runtime/nvmf/front/log_pages.hpp"
#include "runtime/nvmf/front/properties.hpp"

namespace nvtee::nvmf {

class AdminCore {
 public:
  // A discovery controller without a KATO of its own ends after this long without a command.
  static constexpr std::uint32_t kIdleDiscoveryMs = 120'000;
  // Most that one command may move when the model sets no MDTS.
  static constexpr std::uint64_t kMostBytes = 1024 * 1024;

  AdminCore(ControllerKind kind, SubsystemView& view, ControllerInfo info, Time now);
  AdminCore(const AdminCore&) = delete;
  AdminCore& operator=(const AdminCore&) = delete;

  struct Outcome {
    bool held = false;                     // an event request: answered by next_event() some day
    AdminReply reply = {};                 // unless held
    bool quiesce = false;                  // close the I/O queues, wait for the backend, then quiesced()
    std::vector<std::uint16_t> aborted{};  // event requests to answer as aborted (0/07h)
  };
  // One command with the data it carried.
  Outcome execute(const Sqe& sqe, std::span<const std::byte> data, Time now);
  void quiesced() { properties_.quiesced(); }

  // Events; what can be reported comes out of next_event() until it is empty.
  void namespace_changed(std::uint32_t nsid);
  void raise(const AsyncEvent& event);
  std::optional<EventQueue::Completion> next_event() { return events_.next(); }
  bool waits_for_event(std::uint16_t cid) const { return events_.holds(cid); }

  // kNever: no keep-alive. Once it has passed, keep_alive_expired() and the end of all connections.
  Time keep_alive_deadline() const;
  void keep_alive_expired() { properties_.fail(); }

  void record_error(const ErrorRecord& record) { logs_.errors().record(record); }

  const ControllerInfo& info() const { return info_; }
  bool takes_io_queues() const { return kind_ == ControllerKind::kIo && properties_.takes_io_queues(); }
  bool enabled() const { return properties_.ready(); }
  unsigned granted_queues() const { return features_.granted_queues(); }
  void set_io_queues(unsigned n) { io_queues_ = n; }
  unsigned io_queues() const { return io_queues_; }

 private:
  Outcome fabrics(const Sqe& sqe, Time now);
  Outcome property_set(const Sqe& sqe, Time now);
  Outcome event_request(const Sqe& sqe);
  AdminReply plain(const Sqe& sqe, std::span<const std::byte> data, Time now);
  AdminReply other(const Sqe& sqe, std::span<const std::byte> data);
  std::uint32_t effective_kato_ms() const;

  ControllerKind kind_;
  SubsystemView& view_;
  ControllerInfo info_;
  Properties properties_;
  EventQueue events_;
  Features features_;
  LogPages logs_;
  unsigned io_queues_ = 0;
  Time keep_alive_from_;
};

}  // namespace nvtee::nvmf
