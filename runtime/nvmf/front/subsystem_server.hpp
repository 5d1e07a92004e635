// The controllers of one NVM subsystem as hosts see them: admin queues, keep-alive, events, I/O queue
// admission. Lives on one reactor with all of its queues. Used by the front (over the tee core) and by
// nvtee-target.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/nvmf/front/model.hpp"

namespace nvtee::nvmf {

struct ControllerInfo {
  std::uint16_t cntlid = 0;
  std::string host_nqn;
  std::array<std::uint8_t, 16> host_id{};
  std::uint32_t kato_ms = 0;  // 0: the host asked for no keep-alive
  net::Address peer, local;
  // Host Behavior Support (FID 16h) as this controller's host set it; false again after every controller
  // reset.
  bool hdisns = false;  // the host knows dispersed namespaces
  bool acre = false;    // the host knows command retry delays
};

// One entry of the error log (LID 01h).
struct ErrorRecord {
  std::uint16_t sqid = 0;
  std::uint16_t cid = 0;
  spec::Status status = 0;
  bool dnr = false;
  std::uint16_t location = 0xffff;  // byte 7:0 and bit 10:8 of the parameter in error in the SQE; FFFFh: none
  std::uint64_t lba = 0;
  std::uint32_t nsid = 0;
  std::uint64_t command_specific = 0;
};

// Where I/O queues go. Implemented by the engine and by nvtee-target.
class IoBackend {
 public:
  // A checked I/O Connect (entries = queue size). Returns the queue's handler, or the status to refuse it
  // with (spec::st::kConnectBusy when out of resources). The handler lives until its on_closed().
  virtual std::expected<QueueHandler*, spec::Status> open_queue(const ControllerInfo& controller,
                                                                std::uint16_t qid, std::uint32_t entries,
                                                                ControllerConnection& connection) = 0;
  // The controller is being reset, shut down or is gone: its queues' connections are closed already. Calls
  // `done` when none of its commands can touch media any more (CC.EN = 0 and SHN wait for it). May call it at
  // once.
  virtual void quiesce(const ControllerInfo& controller, std::function<void()> done) = 0;
  // Commands that the admin core does not know, and features/logs that belong to the backend (reservations:
  // FID 82h, 83h, LID 80h, 17h; SMART counters, LID 02h). For Get Log Page `data` is the log page from its
  // first byte on: the caller cuts out what was asked for. Length and SGL are checked before this is called,
  // so that reading may consume. Default: not handled. The span is what the command carried.
  struct AdminReply {
    spec::Status status = 0;
    bool dnr = true;
    std::uint64_t result = 0;
    std::vector<std::byte> data;
  };
  virtual std::optional<AdminReply> admin(const ControllerInfo&, const Sqe&, std::span<const std::byte>) {
    return {};
  }
  // Host id, KATO or Host Behavior Support changed by Set Features, or were reset with the controller.
  virtual void controller_changed(const ControllerInfo&) {}
  // May a host whose HDISNS is 0 name this dispersed namespace (NMIC bit 1) in Set Features, Directives and
  // Format? If not, the command is refused with 0/26h. NSID FFFFFFFFh is asked about each dispersed namespace
  // in turn.
  virtual bool dispersed_access(const ControllerInfo&, std::uint32_t nsid) {
    static_cast<void>(nsid);
    return true;
  }

 protected:
  ~IoBackend() = default;
};

class SubsystemServer {
 public:
  SubsystemServer(net::Reactor& reactor, SubsystemModel model, IoBackend* backend);
  ~SubsystemServer();

  // Takes a connection whose Connect capsule has arrived (from the Listener, on this reactor's thread).
  // `token` is kept as long as the connection lives (the listener counts by it).
  void connect(std::unique_ptr<ControllerConnection> connection, const Sqe& sqe,
               std::span<const std::byte, 1024> data, std::shared_ptr<void> token = {});

  // Change it, then call the matching notice. On the reactor's thread only.
  SubsystemModel& model();
  const SubsystemModel& model() const;
  void namespaces_changed(std::uint32_t nsid);  // added, removed, resized, attribute: LID 04h + AEN
  void ana_changed();                           // CHGCNT + AEN
  // any_host or hosts changed: controllers of hosts that may no longer connect are closed. The discovery log
  // learns of it by SubsystemRegistry::update().
  void hosts_changed();
  // An I/O command ended in an error that the host should find in the controller's error log.
  void record_error(std::uint16_t cntlid, const ErrorRecord& record);
  // Asynchronous event of the I/O-command-set type (reservation log page) to the controllers of one host or
  // all.
  void raise_event(const std::function<bool(const ControllerInfo&)>& to, std::uint8_t type, std::uint8_t info,
                   std::uint8_t log_page);

  // Ends every controller and connection (drain first: the backend's business). Neither these nor the
  // destructor may be called from inside IoBackend::open_queue or admin; connections are freed later in the
  // same turn.
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

  // Nulled (on the reactor's thread) when the server is destroyed: for those who come back to it later.
  struct Handle {
    SubsystemServer* server = nullptr;
  };
  std::shared_ptr<Handle> handle() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
