// A host association with one NVM subsystem: admin queue, controller enable, identify, keep-alive, K I/O
// queues. One attempt: it comes up, or goes down with a reason, once. Who wants another makes a new one (with
// back-off).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nvme/types.h>

#include "runtime/nvmf/initiator/queue.hpp"

namespace nvtee::nvmf {

// What the peer says of itself, and of the namespace asked for.
struct PeerInfo {
  net::Address address;  // the one that answered
  std::uint16_t cntlid = 0;
  std::uint64_t cap = 0;
  nvme_id_ctrl ctrl{};
  nvme_id_ns ns{};  // of Options::nsid (all zero when nsid == 0)
  std::uint32_t nsid = 0;
  std::uint32_t max_transfer = 0;   // bytes per command: MDTS, or 0 = no limit
  std::uint32_t in_capsule = 0;     // bytes of in-capsule data on I/O queues
  std::uint16_t queue_entries = 0;  // granted, per I/O queue
  std::uint16_t io_queues = 0;
};

class Association;

class AssociationDelegate : public InitiatorQueueDelegate {
 public:
  // Everything is up: admin(), submit() may be used.
  virtual void on_association_up(Association& association, const PeerInfo& info) = 0;
  // It ended; `transient` is false when trying again cannot help (refused by NQN, namespace missing...). Once
  // only. Destroy it inside or later. Deadline and keep-alive expiry end it too.
  virtual void on_association_down(Association& association, const std::string& why, bool transient) = 0;
  // An asynchronous event was reported by the peer (AER result dword), already re-armed.
  virtual void on_async_event(Association& association, std::uint32_t result) = 0;

 protected:
  ~AssociationDelegate() = default;
};

class Association {
 public:
  struct Options {
    std::vector<net::Address> addresses;  // tried in order
    std::string host_nqn, sub_nqn;
    std::array<std::uint8_t, 16> host_id{};
    std::uint32_t nsid = 0;       // namespace to identify; 0 = none. Missing namespace: down, not transient
    std::uint16_t io_queues = 1;  // wanted; fewer may be granted; 0 = admin only (discovery)
    std::uint16_t queue_entries = 128;  // wanted; clamped to MQES + 1
    std::uint32_t kato_ms = 2000;
    bool header_digest = false, data_digest = false;
    bool flow_control_off = true;
    unsigned user_timeout_ms = 0;
    Duration up_timeout = 3 * kSecond;  // per address, whole bring-up
  };
  // delegate: I/O queue callbacks (find, on_response) go to it; admin traffic is handled inside.
  // on_down of an I/O queue is turned into on_association_down.
  Association(net::Reactor& reactor, Options options, AssociationDelegate* delegate);
  ~Association();  // closes silently

  // An admin command; `done(cqe, data_in)` comes once, or never if the association goes down. Bound: 16 at a
  // time.
  void admin(const Sqe& sqe, std::vector<std::byte> data_out, std::uint32_t in_length,
             std::function<void(const Cqe&, std::span<const std::byte>)> done);
  // Sends CC.SHN=01b, waits (bounded) for the answer, then closes. on_association_down follows.
  void shutdown();
  void close();  // at once, silently

  bool up() const;
  unsigned io_queue_count() const;
  InitiatorQueue& io_queue(unsigned index);  // 0-based
  const PeerInfo& info() const;
  net::Reactor& reactor();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nvtee::nvmf
