// The whole target inside one reactor: stores, engine, subsystem, listener, control socket. Tests run it
// in-process.
#pragma once

#include <functional>
#include <memory>

#include "runtime/net/reactor.hpp"
#include "runtime/nvmf/front/listener.hpp"
#include "tools/nvtee-target/config.hpp"
#include "tools/nvtee-target/control.hpp"
#include "tools/nvtee-target/target.hpp"
#include "tools/nvtee-target/uring.hpp"

namespace nvtee::target {

class Server final : private ControlHandler {
 public:
  // Opens everything and listens. Errors name what the user gave and what to do.
  static Result<std::unique_ptr<Server>> create(net::Reactor& reactor, const Config& config);
  ~Server();  // waits for what is at the stores

  net::Address address() const { return listener_->address(); }
  Target& target() { return *target_; }
  nvmf::SubsystemServer& subsystem() { return *subsystem_; }

  // Stops accepting, lets commands finish (stalled ones are let go), writes caches back, then calls `done`
  // once; bounded by the configuration's drain time.
  void drain(std::function<void()> done);

 private:
  Server(net::Reactor& reactor, const Config& config);
  Status0 add_namespace(const NamespaceConfig& config);
  Status0 add_stores(const NamespaceConfig& config, Namespace& ns);
  Status0 add_sidecar(const NamespaceConfig& config, Namespace& ns);
  Result<Uring*> uring();
  nvmf::SubsystemModel model() const;
  void flush_next();
  void drained();
  nlohmann::json control(const std::vector<std::string>& words) override;
  nlohmann::json status() const;
  nlohmann::json inject(const std::vector<std::string>& words);
  nlohmann::json set_ana(const std::vector<std::string>& words);
  nlohmann::json lose_power();

  struct FlushStep;

  net::Reactor& reactor_;
  Config config_;
  std::unique_ptr<Uring> uring_;    // when something needs it; outlives the stores
  std::unique_ptr<Target> target_;  // owns namespaces and queues
  nvmf::SubsystemRegistry registry_;
  std::unique_ptr<nvmf::SubsystemServer> subsystem_;
  std::unique_ptr<nvmf::Listener> listener_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<net::Timer> drain_timer_;
  std::unique_ptr<FlushStep> flush_;
  std::function<void()> on_drained_;
};

}  // namespace nvtee::target
