// The Node of this process: reactors on threads, one engine per subsystem, listeners, the store.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/dataplane/engine.hpp"
#include "runtime/dataplane/node.hpp"
#include "runtime/dataplane/peer_probe.hpp"
#include "runtime/nvmf/front/listener.hpp"

namespace nvtee::dataplane {

class LocalNode final : public Node {
 public:
  explicit LocalNode(const NodeConfig& config);
  ~LocalNode() override;
  Status0 open();  // once, before anything else

  void status(std::function<void(NodeStatus)> done) override;
  void create_namespace(core::NamespaceSpec spec, std::vector<core::LegSpec> legs, bool assume_equal,
                        Done done) override;
  void delete_namespace(const std::string& name, Done done) override;
  void add_leg(const std::string& ns, core::LegSpec leg, Done done) override;
  void remove_leg(const std::string& ns, unsigned leg, Done done) override;
  void fault_leg(const std::string& ns, unsigned leg, Done done) override;
  void online_leg(const std::string& ns, unsigned leg, Done done) override;
  void verify(const std::string& ns, bool start, Done done) override;
  void set_resync_rate(std::uint64_t bytes_per_second, Done done) override;
  EventLog& events() override { return events_; }
  void drain(Done done) override;

 private:
  // A namespace being made: probes run one after the other on the engine's reactor.
  struct Creation {
    core::NamespaceSpec spec;
    std::vector<core::LegSpec> legs;
    std::vector<PeerProbe::Found> found;
    bool assume_equal = false;
    Engine* engine = nullptr;
    std::unique_ptr<PeerProbe> probe;
    Done done;
  };

  Status0 open_store();
  Status0 open_engines();
  Status0 restore_namespaces();
  Status0 open_listeners();
  Status0 check_creation(Creation& c);
  void probe_next(const std::shared_ptr<Creation>& c);
  Status0 check_holders(const core::NamespaceSpec& spec, const core::LegSpec& leg,
                        const std::optional<core::Reserved>& reserved) const;
  void create_records(const std::shared_ptr<Creation>& c);
  void finish_creation(const std::shared_ptr<Creation>& c, Status0 result);
  void operate(const std::string& ns, core::Input input, Done done);
  Engine* engine_of(const std::string& ns);
  LegTarget target_of(const core::LegSpec& leg) const;
  NodeStatus gather(const std::vector<Engine::View>& views);

  NodeConfig config_;
  EventLog events_;
  std::unique_ptr<store::MetaStore> store_;
  std::unique_ptr<store::CommitQueue> commits_;
  NodeShared shared_;
  std::vector<std::unique_ptr<net::Reactor>> reactors_;
  std::vector<std::unique_ptr<Engine>> engines_;
  nvmf::SubsystemRegistry registry_;
  std::vector<std::unique_ptr<nvmf::Listener>> listeners_;
  std::vector<net::Address> listen_, discovery_;
  std::vector<std::thread> threads_;
  std::mutex names_mutex_;
  std::map<std::string, Engine*> names_;  // namespaces, those being created included
  std::map<std::string, std::uint32_t> name_nsid_;
  std::atomic<std::uint64_t> resync_rate_{0};
  std::atomic<bool> draining_{false};
  std::unique_ptr<net::Timer> drain_limit_;
  std::uint64_t started_ms_ = 0;
};

}  // namespace nvtee::dataplane
