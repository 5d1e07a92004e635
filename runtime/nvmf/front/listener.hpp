// Accepts connections, does IC, reads Connect, and hands the connection to the subsystem it names: on that
// subsystem's reactor, so that all queues of a subsystem run on one core. Serves the discovery subsystem
// itself.
#pragma once

#include <memory>

#include "runtime/base/limits.hpp"
#include "runtime/nvmf/front/discovery.hpp"
#include "runtime/nvmf/front/subsystem_server.hpp"

namespace nvtee::nvmf {

class Listener {
 public:
  struct Options {
    net::Address address;  // port 0: picked by the system
    FrontProfile profile;
    bool serve_subsystems = true;  // false on a discovery-only port (8009)
    bool serve_discovery = true;   // the discovery NQN is reachable on every port by default
    unsigned max_handshakes =
        limits::kHandshakes;  // connections before Connect is answered; more are closed at once
    unsigned max_connections = limits::kConnections;  // in all
    Duration handshake_timeout = limits::kHandshakeTime;
  };
  // Everything of a Listener happens on the reactor's thread (or before its loop runs).
  static Result<std::unique_ptr<Listener>> create(net::Reactor& reactor, SubsystemRegistry& registry,
                                                  const Options& options);
  ~Listener();  // ends handshakes and discovery controllers; NVM subsystems keep their connections
  net::Address address() const;  // with the real port
  void close();                  // stops accepting; established connections live on
  unsigned connections() const;  // all that came in here and live, wherever they are served
  unsigned handshakes() const;   // those of them without an answered Connect; any thread, as connections()

 private:
  struct Impl;
  Listener();
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
