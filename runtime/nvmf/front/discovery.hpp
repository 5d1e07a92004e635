// The discovery log (LID 70h) and the registry behind it: which subsystems a process serves, at which
// addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/nvmf/front/subsystem_server.hpp"

namespace nvtee::nvmf {

inline constexpr std::string_view kDiscoveryNqn = "nqn.2014-08.org.nvmexpress.discovery";

// One line of the discovery log (LID 70h).
struct DiscoveryEntry {
  net::Address address;
  std::string nqn;
  std::uint16_t port_id = 1;
};

// The log page's bytes (Base §5.1.12.3.1): header and one 1024-byte entry each. An address of all zeros
// stands for `local`, the address at which the asking host reached us.
std::vector<std::byte> discovery_log(std::uint64_t generation, std::span<const DiscoveryEntry> entries,
                                     const net::Address& local);

// Shared by all listeners of a process. Thread-safe: subsystems may live on other reactors.
class SubsystemRegistry {
 public:
  SubsystemRegistry();
  ~SubsystemRegistry();
  // By its NQN. Called on the subsystem's reactor thread, or while its loop does not run yet.
  // remove() must come before the server's reactor is destroyed.
  void add(SubsystemServer* server);
  // The allow-list in the server's model changed. On the subsystem's reactor thread.
  void update(SubsystemServer* server);
  void remove(const std::string& nqn);
  // Addresses under which the subsystems can be reached, for the discovery log; bumps GENCTR and raises F0h
  // events.
  void set_addresses(std::vector<net::Address> addresses);
  // The entries that this host may see (any_host or in the allow-list).
  std::vector<DiscoveryEntry> entries(const std::string& host_nqn) const;
  std::uint64_t generation() const;

  // Runs `then` on the subsystem's reactor with the server, or with nullptr when it has gone meanwhile.
  // False: no such NQN.
  bool post(const std::string& nqn, std::function<void(net::Reactor&, SubsystemServer*)> then);
  // `changed` runs on `reactor` after each change of the log, until the returned token is dropped (on that
  // thread).
  std::shared_ptr<void> subscribe(net::Reactor& reactor, std::function<void()> changed);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
