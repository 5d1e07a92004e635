// The controllers of one NVM subsystem as hosts see them: admin queues, keep-alive, events, I/O queue admission.
// Lives on one reactor with all of its queues. Used by the front (over the tee core) and by nvtee-target.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/nvmf/front/model.hpp"

namespace nvtee::nvmf {

struct ControllerInfo {
  std::uint16_t cntlid = 0;
  std::string host_nqn;
  std::array<std::uint8_t, 16> host_id{};
  std::uint32_t kato_ms = 0;
  net::Address peer;
};

// Where I/O queues go. Implemented by the engine and by nvtee-target.
class IoBackend {
 public:
  // A checked I/O Connect (entries = queue size). Returns the queue's handler, or the status to refuse it with
  // (spec::st::kConnectBusy when out of resources). The handler lives until its on_closed().
  virtual std::expected<QueueHandler*, spec::Status> open_queue(const ControllerInfo& controller, std::uint16_t qid,
                                                                std::uint32_t entries,
                                                                ControllerConnection& connection) = 0;
  // The controller is being reset, shut down or is gone: its queues' connections are closed already. Calls `done` when none
  // of its commands can touch media any more (CC.EN = 0 and SHN wait for it). May call it at once.
  virtual void quiesce(const ControllerInfo& controller, std::function<void()> done) = 0;
  // Commands that the admin core does not know, and features/logs that belong to the backend (reservations: FID 82h, 83h,
  // LID 80h; SMART counters). Default: not handled.
  struct AdminReply {
    spec::Status status = 0;
    bool dnr = true;
    std::uint64_t result = 0;
    std::vector<std::byte> data;
  };
  virtual std::optional<AdminReply> admin(const ControllerInfo&, const Sqe&, std::span<const std::byte>) { return {}; }

 protected:
  ~IoBackend() = default;
};

class SubsystemServer {
 public:
  SubsystemServer(net::Reactor& reactor, SubsystemModel model, IoBackend* backend);
  ~SubsystemServer();

  // Takes a connection whose Connect capsule has arrived (from the Listener, on this reactor's thread).
  void connect(std::unique_ptr<ControllerConnection> connection, const Sqe& sqe,
               std::span<const std::byte, 1024> data);

  // Change it, then call the matching notice. On the reactor's thread only.
  SubsystemModel& model();
  const SubsystemModel& model() const;
  void namespaces_changed(std::uint32_t nsid);  // added, removed, resized, attribute: LID 04h + AEN
  void ana_changed();                           // CHGCNT + AEN
  // Asynchronous event of the I/O-command-set type (reservation log page) to the controllers of one host or all.
  void raise_event(const std::function<bool(const ControllerInfo&)>& to, std::uint8_t type, std::uint8_t info,
                   std::uint8_t log_page);

  // Ends every controller and connection (drain first: the backend's business).
  void close_all(const std::string& why);
  void close_controller(std::uint16_t cntlid, const std::string& why);

  struct ControllerStatus {
    ControllerInfo info;
    unsigned io_queues = 0;
    bool enabled = false;
    std::uint64_t connected_ms = 0;
  };
  std::vector<ControllerStatus> controllers() const;
  net::Reactor& reactor();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
