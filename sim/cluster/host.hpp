// A host: keeps commands under way on hot blocks, loses its connection, waits until nothing of it can be
// under way any more, and tries again on a new one.
#pragma once

#include <memory>
#include <vector>

#include "sim/cluster/net.hpp"
#include "sim/cluster/ops.hpp"

namespace nvtee::cluster {

class World;

// A host's I/O queue: one connection. CIDs index `ops`.
struct Conn {
  Conn(Agenda& agenda, Chance& chance, Pipe::Receiver* node, Pipe::Receiver* host)
      : to_node(agenda, chance, node), to_host(agenda, chance, host) {}
  std::uint32_t number = 0;
  unsigned host = 0;
  unsigned queue = 0;        // of the core; 0 = none
  bool host_open = true;     // the host uses it
  bool node_open = true;     // the node does
  Time last_heard = 0;       // by the node
  Time owed_since = kNever;  // the node waits for data
  Pipe to_node, to_host;
  std::vector<std::uint32_t> ops;   // open, as the checker sees them
  std::vector<std::uint32_t> cids;  // operations by CID
};

enum : std::uint8_t { kMsgCommand = 1, kMsgData, kMsgFin, kMsgKeepAlive, kMsgResponse, kMsgR2t, kMsgRst };

class Host final : public Pipe::Receiver {
 public:
  Host(World& world, unsigned index);
  void start();
  void stop() { stopped_ = true; }  // no new commands
  bool idle() const { return under_way_.empty() && retries_.empty(); }
  void drop(bool tell);  // closes its connection; the node hears of it or not
  Conn* conn() { return conn_; }
  Time stalled_until = 0;  // sends no data
  unsigned bad_digest_one_in = 0;
  std::uint64_t done = 0, refused = 0, good_since_heal = 0;
  Time oldest() const;
  void arrived(Pipe& pipe, const Msg& msg) override;
  void arrived_at_node(Conn& conn, const Msg& msg);

  unsigned index;

 private:
  void connect();
  void think();
  void submit(std::uint32_t op);
  std::uint32_t make_op();
  void response(std::uint32_t op, spec::Status status);
  void send_data(std::uint32_t op, std::uint32_t slot);
  void watch();
  void keep_alive();
  World& world_;
  Chance chance_;
  Conn* conn_ = nullptr;
  std::vector<std::uint32_t> under_way_;
  std::vector<std::uint32_t> left_behind_;  // on the connection that was given up last
  std::vector<std::uint32_t> retries_;
  bool stopped_ = false, connecting_ = false, thinking_ = false;
  std::size_t busy() const { return under_way_.size() + retries_.size() + pausing_; }
  unsigned pausing_ = 0;  // to be tried again in a moment
};

}  // namespace nvtee::cluster
