// The subsystem's backend: I/O queues of all controllers, reservation features and logs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "runtime/nvmf/front/subsystem_server.hpp"
#include "tools/nvtee-target/engine.hpp"
#include "tools/nvtee-target/notices.hpp"
#include "tools/nvtee-target/queue.hpp"

namespace nvtee::target {

class Target final : public nvmf::IoBackend, private EngineHost, private QueueOwner, private net::Deferred {
 public:
  Target(net::Reactor& reactor, const QueueOptions& options);
  ~Target();

  // Before the first connection. The server outlives every queue.
  void attach(nvmf::SubsystemServer* server) { server_ = server; }

  Engine& engine() { return engine_; }
  // Closes every I/O queue; admin connections stay.
  void drop_queues(const std::string& why);
  std::size_t queues() const { return queues_.size(); }
  unsigned outstanding() const;
  // New I/O queues are refused with Controller Busy.
  void refuse_queues(bool refuse) { refuse_queues_ = refuse; }
  // Takes no more commands, and calls back, later, when those that had begun are answered.
  void drain(std::function<void()> done);

  // IoBackend.
  std::expected<nvmf::QueueHandler*, spec::Status> open_queue(
      const nvmf::ControllerInfo& controller, std::uint16_t qid, std::uint32_t entries,
      nvmf::ControllerConnection& connection) override;
  void quiesce(const nvmf::ControllerInfo& controller, std::function<void()> done) override;
  std::optional<AdminReply> admin(const nvmf::ControllerInfo& controller, const nvmf::Sqe& sqe,
                                  std::span<const std::byte> data) override;
  void controller_changed(const nvmf::ControllerInfo& controller) override;

 private:
  struct Waiter {
    std::uint16_t cntlid;
    std::function<void()> done;
  };

  std::vector<ControllerOfHost> controllers() override;
  void notify(std::uint32_t nsid, std::span<const NoticeTo> notices) override;
  void on_queue_over(Queue& queue) override;
  void on_deferred() override;

  void check_drained();
  bool at_work(std::uint16_t cntlid) const;
  std::shared_ptr<Session> session_of(const nvmf::ControllerInfo& controller);
  AdminReply set_feature(const nvmf::Sqe& sqe);
  AdminReply get_feature(const nvmf::Sqe& sqe);
  AdminReply set_persistence(Namespace& ns, bool ptpl);
  AdminReply smart_page() const;

  net::Reactor& reactor_;
  QueueOptions options_;
  Engine engine_;
  nvmf::SubsystemServer* server_ = nullptr;
  NoticeLogs notices_;
  std::map<std::uint16_t, std::weak_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<std::unique_ptr<Queue>> graveyard_;  // over, destroyed at the end of the turn
  std::vector<Waiter> waiters_;
  net::Timer drain_timer_;
  std::function<void()> drained_;
  bool refuse_queues_ = false;
};

}  // namespace nvtee::target
