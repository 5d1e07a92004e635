// The controllers of one subsystem on one reactor: what SubsystemServer shows, and the discovery service of a
// listener.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/net/reactor.hpp"
#include "runtime/nvmf/front/admin_core.hpp"
#include "runtime/nvmf/front/admin_queue.hpp"
#include "runtime/nvmf/front/cntlid_allocator.hpp"
#include "runtime/nvmf/front/connect_rules.hpp"

namespace nvtee::nvmf {

class Server final : private SubsystemView, private AdminQueue::Owner, private ConnectHandler {
 public:
  // The page for one host, reached at an address of ours.
  using DiscoverySource = std::function<std::vector<std::byte>(const ControllerInfo&)>;

  // backend: nullptr for discovery; discovery: empty for I/O subsystems.
  Server(net::Reactor& reactor, ControllerKind kind, SubsystemModel model, IoBackend* backend,
         DiscoverySource discovery);
  ~Server();

  void connect(std::unique_ptr<ControllerConnection> connection, const Sqe& sqe,
               std::span<const std::byte, 1024> data, std::shared_ptr<void> token);
  // Takes a connection only to refuse its Connect.
  void refuse(std::unique_ptr<ControllerConnection> connection, const ConnectRefusal& refusal,
              std::shared_ptr<void> token);

  SubsystemModel& own_model() { return model_; }
  void namespaces_changed(std::uint32_t nsid);
  void ana_changed();
  void hosts_changed();
  void raise_event(const std::function<bool(const ControllerInfo&)>& to, const AsyncEvent& event);
  void record_error(std::uint16_t cntlid, const ErrorRecord& record);
  void close_all(const std::string& why);
  void close_controller(std::uint16_t cntlid, const std::string& why);
  std::vector<SubsystemServer::ControllerStatus> status() const;
  net::Reactor& reactor() { return reactor_; }

 private:
  struct IoQueue;
  struct Controller;
  // Things that ended while their own code may still be running: freed at the end of the turn.
  class Graveyard final : public net::Deferred {
   public:
    explicit Graveyard(net::Reactor& reactor) : reactor_(reactor) {}
    void bury(std::shared_ptr<void> what);

   private:
    void on_deferred() override;
    net::Reactor& reactor_;
    std::vector<std::shared_ptr<void>> dead_;
  };
  struct Refused {
    std::unique_ptr<ControllerConnection> connection;
    std::shared_ptr<void> token;
  };
  struct Incoming {  // a connection whose Connect is being decided
    std::unique_ptr<ControllerConnection> connection;
    std::shared_ptr<void> token;
    ConnectRequest request;
  };

  struct HostUse {
    std::size_t controllers = 0, queues = 0;
  };
  HostUse use_of(const std::string& host_nqn) const;
  void connect_admin(Incoming in);
  void connect_io(Incoming in);
  void quiesce(Controller& controller);
  void close_io_queues(Controller& controller, const std::string& why);
  void io_closed(std::uint16_t cntlid, std::uint16_t qid);
  void end(std::uint16_t cntlid, const std::string& why);
  void watch_keep_alive(Controller& controller);
  void keep_alive_due(std::uint16_t cntlid);
  void report(Controller& controller);
  void check_pause();

  // SubsystemView
  const SubsystemModel& model() const override { return model_; }
  const AnaHistory& ana() const override { return ana_; }
  std::vector<std::uint16_t> controller_ids() const override;
  std::uint64_t power_on_hours() const override;
  std::vector<std::byte> discovery_page(const ControllerInfo& asking) const override;
  std::optional<AdminReply> ask_backend(const ControllerInfo&, const Sqe&,
                                        std::span<const std::byte>) override;
  void controller_changed(const ControllerInfo&) override;
  bool dispersed_access(const ControllerInfo&, std::uint32_t nsid) override;
  // AdminQueue::Owner
  AdminCore::Outcome admin_command(std::uint16_t cntlid, const Sqe& sqe,
                                   std::span<const std::byte> data) override;
  void admin_answered(std::uint16_t cntlid, const AdminCore::Outcome& outcome) override;
  void admin_closed(std::uint16_t cntlid, const std::string& why) override;
  // ConnectHandler, of refused connections
  void on_connect(ControllerConnection&, const Sqe&, std::span<const std::byte, 1024>) override {}
  void on_early_close(ControllerConnection& connection, const std::string& why) override;

  net::Reactor& reactor_;
  ControllerKind kind_;
  SubsystemModel model_;
  IoBackend* backend_;
  DiscoverySource discovery_;
  AnaHistory ana_;
  CntlidAllocator ids_;
  Time started_;
  Duration pause_seen_;  // Reactor::total_pause() when it was last looked at
  net::Timer pause_timer_;
  Graveyard graveyard_;
  std::map<std::uint16_t, std::unique_ptr<Controller>> controllers_;  // by CNTLID
  std::map<ControllerConnection*, Refused> refused_;
  std::shared_ptr<Server*> self_;  // for answers that may come after our end
};

}  // namespace nvtee::nvmf
