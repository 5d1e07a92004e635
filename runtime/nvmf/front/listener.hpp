// Accepts connections, does IC, reads Connect, and hands the connection to the subsystem it names: on that
// subsystem's reactor, so that all queues of a subsystem run on one core. Serves the discovery subsystem itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/nvmf/front/subsystem_server.hpp"

namespace nvtee::nvmf {

// One line of the discovery log (LID 70h).
struct DiscoveryEntry {
  net::Address address;
  std::string nqn;
  std::uint16_t port_id = 1;
};

// Shared by all listeners of a process. Thread-safe: subsystems may live on other reactors.
class SubsystemRegistry {
 public:
  SubsystemRegistry();
  ~SubsystemRegistry();
  void add(SubsystemServer* server);           // by its NQN
  void remove(const std::string& nqn);
  // Addresses under which the subsystems can be reached, for the discovery log; bumps GENCTR and raises F0h events.
  void set_addresses(std::vector<net::Address> addresses);
  // The entries that this host may see (any_host or in the allow-list).
  std::vector<DiscoveryEntry> entries(const std::string& host_nqn) const;
  std::uint64_t generation() const;

 private:
  friend class Listener;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Listener {
 public:
  struct Options {
    net::Address address;            // port 0: picked by the system
    FrontProfile profile;
    bool serve_subsystems = true;    // false on a discovery-only port (8009)
    bool serve_discovery = true;     // the discovery NQN is reachable on every port by default
    unsigned max_handshakes = 256;   // connections before Connect is answered; more are closed at once
    unsigned max_connections = 4096; // in all
    Duration handshake_timeout = 5 * kSecond;
  };
  static Result<std::unique_ptr<Listener>> create(net::Reactor& reactor, SubsystemRegistry& registry,
                                                  const Options& options);
  ~Listener();
  net::Address address() const;  // with the real port
  void close();                  // stops accepting; established connections live on

 private:
  struct Impl;
  Listener();
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
