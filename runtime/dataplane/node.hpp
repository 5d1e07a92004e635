// A node: reactors with their engines, listeners, the metadata store. What the daemon, tests and (later) the
// simulator's real-process runs start. All methods are thread-safe unless said otherwise; callbacks come on
// an engine's thread and must not block.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/latency_histogram.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/base/result.hpp"
#include "runtime/core/namespace_control.hpp"
#include "runtime/net/socket.hpp"

namespace nvtee {

struct PeerConfig {
  std::string name;                     // used by legs
  std::vector<net::Address> addresses;  // tried in order
  std::string subnqn;
  unsigned queues = 2;  // K, 1-4 I/O queues per leg
  unsigned entries = 128;
  bool header_digest = false, data_digest = false;
  unsigned kato_ms = 2000;
};

struct SubsystemConfig {
  std::string nqn;
  std::string serial;  // empty: derived from the NQN
  bool any_host = false;
  std::vector<std::string> hosts;  // allowed host NQNs
};

// How a leg is kept from commands of former associations and nodes.
enum class Fencing : std::uint8_t {
  kAuto,       // by a reservation where the leg has them, else by waiting for guard_time
  kGuardTime,  // always by waiting
};

struct NodeConfig {
  std::string state_file;               // SQLite metadata; empty = memory (tests only)
  std::string api_socket;               // unix socket of the control API
  std::string host_nqn;                 // ours, towards peers
  std::vector<net::Address> listen;     // I/O (and discovery) listeners
  std::vector<net::Address> discovery;  // discovery-only listeners (port 8009)
  std::optional<net::Address> metrics;  // loopback; the daemon's own business
  unsigned reactors = 1;
  Duration busy_poll = 50 * kMicrosecond;
  std::vector<PeerConfig> peers;
  std::vector<SubsystemConfig> subsystems;
  core::Times times;
  core::Limits limits;
  Fencing fencing = Fencing::kAuto;
  Duration host_data_deadline = 5 * kSecond;
  std::string log_level = "info";
};

struct OperatorEvent {
  std::uint64_t id = 0;  // ascending, no gaps in the ring
  std::uint64_t unix_ms = 0;
  core::Severity severity = core::Severity::kInfo;
  std::string name;  // stable: "leg.faulted"
  std::string ns;    // namespace name or empty
  std::string text;
};

// The last events, bounded; older ones are dropped and counted.
class EventLog {
 public:
  explicit EventLog(std::size_t capacity = limits::kEvents) : capacity_(capacity) {}
  void add(core::Severity severity, std::string name, std::string ns, std::string text);
  // Events with id > after, at most `max`.
  std::vector<OperatorEvent> after(std::uint64_t after, std::size_t max) const;
  std::uint64_t last_id() const;
  std::size_t size() const;  // kept
  // Called (on the adding thread) after each add. Returns a handle for unsubscribe.
  unsigned subscribe(std::function<void()> on_add);
  void unsubscribe(unsigned handle);

 private:
  mutable std::mutex mutex_;
  std::size_t capacity_;
  std::uint64_t next_id_ = 1;
  std::deque<OperatorEvent> events_;
  std::map<unsigned, std::function<void()>> subscribers_;
  unsigned next_handle_ = 1;
};

struct HostStatus {
  std::string subsystem, host_nqn, address;
  std::uint16_t cntlid = 0;
  unsigned io_queues = 0;
  std::uint64_t connected_ms = 0;
};
struct PeerStatus {
  PeerConfig config;
  unsigned legs = 0, legs_connected = 0;
  std::string last_error;
  std::string identity;  // "MODEL SERIAL" of the last association
};
struct NamespaceCounters {
  std::uint64_t reads = 0, writes = 0, others = 0, read_bytes = 0, write_bytes = 0, errors = 0;
  Duration mean_write_latency = 0;  // recent
  Duration longest_gap = 0;         // longest time with commands outstanding and none completed, since start
};
struct NodeStatus {
  std::string version, state_file, host_nqn;
  std::uint64_t uptime_ms = 0;
  std::vector<net::Address> listen, discovery;  // with real ports
  std::vector<core::NamespaceStatus> namespaces;
  std::vector<NamespaceCounters> counters;                          // same order
  std::vector<std::array<LegLatency, core::kMaxLegs>> leg_latency;  // same order
  std::vector<PeerStatus> peers;
  std::vector<HostStatus> hosts;
  std::vector<SubsystemConfig> subsystems;
  std::uint64_t store_commits = 0, store_transactions = 0;
  bool draining = false;
  core::Limits limits;  // those in force
  Duration host_data_deadline = 5 * kSecond;
  limits::InUse in_use;
};

class Node {
 public:
  // Opens the store, binds the listeners, restores namespaces, starts the reactors' threads. Refuses with
  // reason and remedy.
  static Result<std::unique_ptr<Node>> start(const NodeConfig& config);
  virtual ~Node() = default;  // stops at once (as a crash would): drain() first for a clean stop

  using Done = std::function<void(Status0)>;
  virtual void status(std::function<void(NodeStatus)> done) = 0;
  // size in blocks 0 = taken from the first leg's peer. nguid/uuid all zero = generated. `assume_equal`: legs
  // are known to be equal.
  virtual void create_namespace(core::NamespaceSpec spec, std::vector<core::LegSpec> legs, bool assume_equal,
                                Done done) = 0;
  virtual void delete_namespace(const std::string& name, Done done) = 0;
  virtual void add_leg(const std::string& ns, core::LegSpec leg, Done done) = 0;
  // `leg` is the index 0-3.
  virtual void remove_leg(const std::string& ns, unsigned leg, Done done) = 0;
  virtual void fault_leg(const std::string& ns, unsigned leg, Done done) = 0;
  virtual void online_leg(const std::string& ns, unsigned leg, Done done) = 0;
  virtual void verify(const std::string& ns, bool start, Done done) = 0;
  // Of every namespace, until the next start; 0 = only the latency throttle.
  virtual void set_resync_rate(std::uint64_t bytes_per_second, Done done) = 0;
  virtual EventLog& events() = 0;
  // Stops admission, answers what is outstanding, closes regions, marks clean; bounded. Then the node may be
  // destroyed.
  virtual void drain(Done done) = 0;
};

}  // namespace nvtee
