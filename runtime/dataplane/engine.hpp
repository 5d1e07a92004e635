// An engine: one front subsystem, its namespaces' control machines, and the data plane that carries them, all
// on one reactor. It is the driver of the control machines: their actions go to the data plane, the store and
// the front; what happened comes back as inputs.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/limits.hpp"
#include "runtime/core/namespace_control.hpp"
#include "runtime/dataplane/data_plane.hpp"
#include "runtime/dataplane/loss_group.hpp"
#include "runtime/dataplane/node.hpp"
#include "runtime/dataplane/punts.hpp"
#include "runtime/nvmf/front/subsystem_server.hpp"
#include "runtime/store/meta_store.hpp"

namespace nvtee::dataplane {

// Shared by the engines of a node; read-only after start.
struct NodeShared {
  const NodeConfig* config = nullptr;
  std::map<std::string, PeerConfig> peers;
  // Of this incarnation (DESIGN §6, Fencing); its last bytes differ from association to association.
  std::array<std::uint8_t, 16> host_id{};
  bool reservations = true;  // legs that can are fenced by reservations
  store::CommitQueue* commits = nullptr;
  EventLog* events = nullptr;
};

class Engine final : private DataPlaneClient, private nvmf::IoBackend {
 public:
  using Records = std::vector<store::Transaction::Put>;

  static Result<std::unique_ptr<Engine>> create(net::Reactor& reactor, const SubsystemConfig& subsystem,
                                                const NodeShared& shared);
  ~Engine();

  // All of these on the reactor's thread.
  nvmf::SubsystemServer& server() { return *server_; }
  const SubsystemConfig& subsystem() const { return subsystem_; }
  net::Reactor& reactor() { return reactor_; }
  // Restores a namespace from its durable records and starts serving it as soon as its legs allow.
  Status0 add_namespace(const core::NamespaceSpec& spec, const Records& records);
  // Stops serving it; `done` when its regions are closed and its legs detached (the records are still there).
  void remove_namespace(const std::string& name, Node::Done done);
  bool has(const std::string& name) const;
  // kAddLeg, kRemoveLeg, kFaultLeg, kOnlineLeg, kVerifyStart, kVerifyStop.
  void operate(const std::string& ns, core::Input input, Node::Done done);
  void set_resync_rate(std::uint64_t bytes_per_second);  // of all namespaces, later ones too
  void drain(std::function<void()> done);

  struct PeerView {
    unsigned legs = 0, connected = 0;
    std::string last_error, identity;
  };
  struct View {
    std::vector<core::NamespaceStatus> namespaces;
    std::vector<NamespaceCounters> counters;
    std::vector<HostStatus> hosts;
    std::map<std::string, PeerView> peers;
    limits::InUse in_use;
    std::vector<std::array<LegLatency, core::kMaxLegs>> leg_latency;
  };
  View view() const;

 private:
  struct Ns {
    unsigned index = 0;
    core::NamespaceSpec spec;
    std::unique_ptr<core::NamespaceControl> control;
    std::unique_ptr<net::Timer> wake;
    std::array<unsigned, core::kMaxLegs> leg_state{};  // as last written to the core
    bool reconciling = false;                          // the same
    std::map<std::uint64_t, Node::Done> requests;
    std::function<void()> drained;
    std::vector<std::byte> saved;  // verify's copy of a buffer
    bool removing = false;
    std::uint64_t writes_reported = 0;  // counter at the last report of their latency
  };
  struct Pending {
    unsigned ns;
    core::Input input;
  };
  using Commit = store::CommitQueue::Item;

  Engine(net::Reactor& reactor, const SubsystemConfig& subsystem, const NodeShared& shared);

  // DataPlaneClient
  void on_event(const tee::Event& event) override;
  void on_internal_response(std::uint16_t cid, spec::Status status) override;
  void on_leg_up(unsigned ns, unsigned leg, std::uint8_t gen, const core::LegFacts& facts) override;
  void on_leg_down(unsigned ns, unsigned leg, std::uint8_t gen, const std::string& why,
                   bool transient) override;
  void on_leg_deadline(unsigned ns, unsigned leg, std::uint8_t gen) override;
  void on_reserved(unsigned ns, unsigned leg, std::uint8_t gen, const core::Reserved& answer) override;
  void on_queue_drained(std::uint16_t cntlid) override;
  // IoBackend
  std::expected<nvmf::QueueHandler*, spec::Status> open_queue(
      const nvmf::ControllerInfo& controller, std::uint16_t qid, std::uint32_t entries,
      nvmf::ControllerConnection& connection) override;
  void quiesce(const nvmf::ControllerInfo& controller, std::function<void()> done) override;

  void input(unsigned ns, core::Input input);
  void act(Ns& ns, core::Action& action);
  void act_ctl(Ns& ns, tee::Ctl ctl);
  void attach(Ns& ns, const core::Action& action);
  void commit(Ns& ns, core::Action& action);
  void note_loss(unsigned ns, const std::string& peer);
  void commit_losses();
  void compare(Ns& ns, const core::Action& action);
  void want_way(const Ns& ns, std::uint32_t region);
  void show_ana(Ns& ns, std::uint8_t state);
  void report_latency();
  void forget(unsigned ns);
  void count(View& view) const;
  Ns* find(const std::string& name) const;
  std::optional<PuntNamespace> punt_namespace(std::uint32_t nsid) const;
  std::optional<unsigned> owner_of(const tee::Event& event) const;

  net::Reactor& reactor_;
  SubsystemConfig subsystem_;
  const NodeShared& shared_;
  std::unique_ptr<DataPlane> plane_;
  std::unique_ptr<nvmf::SubsystemServer> server_;
  std::unique_ptr<Punts> punts_;
  std::array<std::unique_ptr<Ns>, 64> namespaces_;
  std::deque<Pending> inputs_;
  bool stepping_ = false;
  core::Actions actions_;
  std::vector<std::pair<std::uint16_t, std::function<void()>>> quiescing_;
  std::map<std::string, PeerView> peers_;
  std::uint64_t next_request_ = 1;
  std::uint32_t associations_ = 0;
  std::optional<std::uint64_t> resync_rate_;  // set by an operator
  net::Timer latency_timer_;
  LossGroup<Commit> losses_;
  std::string lost_peer_;  // of the last loss, whose other namespaces are expected
  net::Timer loss_timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace nvtee::dataplane
