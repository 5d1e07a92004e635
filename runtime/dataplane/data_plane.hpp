// What the control side asks of a data plane, whichever body it has: software (reactors, sockets) or a card.
// One DataPlane = one engine = one tee core State. Single-threaded: all calls and callbacks on the engine's
// reactor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "hw/kernels/tee_core/records.hpp"
#include "runtime/base/latency_histogram.hpp"
#include "runtime/core/namespace_control.hpp"
#include "runtime/dataplane/punt_plane.hpp"
#include "runtime/net/socket.hpp"
#include "runtime/nvmf/front/subsystem_server.hpp"

namespace nvtee::dataplane {

// Where a leg's association goes.
struct LegTarget {
  std::vector<net::Address> addresses;
  std::string sub_nqn, host_nqn;
  std::array<std::uint8_t, 16> host_id{};
  std::uint32_t nsid = 1;
  unsigned queues = 2;
  unsigned entries = 128;
  bool header_digest = false, data_digest = false;
  unsigned kato_ms = 2000;
  Duration deadline = 2 * kSecond;  // it may owe an answer this long
};

// Called from DataPlane's own turn, never from inside a connection's callback or another call.
class DataPlaneClient {
 public:
  virtual void on_event(const tee::Event& event) = 0;
  // A command that command() put in was answered.
  virtual void on_internal_response(std::uint16_t cid, spec::Status status) = 0;
  virtual void on_leg_up(unsigned ns, unsigned leg, std::uint8_t gen, const core::LegFacts& facts) = 0;
  virtual void on_leg_down(unsigned ns, unsigned leg, std::uint8_t gen, const std::string& why,
                           bool transient) = 0;
  virtual void on_leg_deadline(unsigned ns, unsigned leg, std::uint8_t gen) = 0;
  // Answer of a reserve().
  virtual void on_reserved(unsigned ns, unsigned leg, std::uint8_t gen, const core::Reserved& answer) = 0;
  // The queue is closed and its last slot is free.
  virtual void on_queue_drained(std::uint16_t cntlid) = 0;

 protected:
  ~DataPlaneClient() = default;
};

// Traffic of one namespace as its hosts see it.
struct Traffic {
  std::uint64_t reads = 0, writes = 0, others = 0, read_bytes = 0, write_bytes = 0, errors = 0;
  Duration mean_write_latency = 0;  // exponential mean, recent; 0 when idle
  Duration longest_gap = 0;         // longest time with host commands outstanding and none completed
};

class DataPlane : public PuntPlane {
 public:
  virtual ~DataPlane() = default;

  virtual void open_leg(unsigned ns, unsigned leg, std::uint8_t gen, const LegTarget& target) = 0;
  // A reservation command to a leg that is up, one at a time. on_reserved, on_leg_deadline or on_leg_down
  // follows.
  virtual void reserve(unsigned ns, unsigned leg, const core::Reserve& command) = 0;
  virtual void close_leg(unsigned ns, unsigned leg) = 0;  // at once; nothing of it is reported any more
  virtual std::expected<nvmf::QueueHandler*, spec::Status> open_queue(
      const nvmf::ControllerInfo& controller, std::uint32_t entries,
      nvmf::ControllerConnection& connection) = 0;
  virtual unsigned queues_of(std::uint16_t cntlid) const = 0;  // open or draining
  virtual unsigned queues_in_use() const = 0;
  virtual unsigned slots_in_use() const = 0;  // of commands in flight; looks at all of them
  virtual Traffic traffic(unsigned ns) = 0;
  virtual const LegLatency& leg_latency(unsigned ns, unsigned leg) const = 0;
  virtual void kick() = 0;  // run soon (after the client queued work of its own)
};

}  // namespace nvtee::dataplane
