// One simulated node: the control machine, the model core, a store that can be slow or fail, legs, hosts, and
// a checker of the invariants after everything that happens. Faults come from a plan; a crash may come
// between any two actions.
#pragma once

#include <memory>
#include <optional>
#include <sstream>

#include "runtime/core/sim_core.hpp"
#include "runtime/store/memory_store.hpp"
#include "runtime/store/records.hpp"

namespace nvtee::core::sim {

struct SimSetup {
  std::uint64_t seed = 1;
  unsigned legs = 2;
  unsigned regions = 12;
  unsigned region_sets_log2 = 1;  // 2 sets of 4 ways: conflicts happen
  std::uint64_t open_cap = 5;     // regions
  bool caches = false;            // legs have volatile caches
  bool assume_equal = true;
  unsigned crash_one_in = 0;  // actions
  bool trace = false;
};

// What a block may hold, as a host may find out (P1, P2, P3). Writes to a block are concurrent, acknowledged
// or in doubt.
class BlockHistory {
 public:
  explicit BlockHistory(unsigned blocks) : blocks_(blocks) {}
  void write_begun(std::uint64_t b, Value v) { blocks_[b].open.insert(v); }
  void write_acked(std::uint64_t b, Value v);
  // Failed or lost with its node: it may have taken effect, once, up to the next acknowledged write or read.
  void write_in_doubt(std::uint64_t b, Value v) {
    blocks_[b].open.erase(v);
    blocks_[b].doubt.insert(v);
  }
  void read_begun(std::uint64_t b) { ++blocks_[b].readers; }
  void read_abandoned(std::uint64_t b) {
    if (--blocks_[b].readers == 0) blocks_[b].lately.clear();
  }
  // Empty when right.
  std::string read_done(std::uint64_t b, Value v);
  std::string content(std::uint64_t b, Value v) const;  // at rest: may it be v?
  // Flush: what had been acknowledged when it began survives a loss of all power from its end on.
  std::vector<std::uint64_t> acked() const;
  void flushed(const std::vector<std::uint64_t>& acked);
  void power_lost();  // of everything: each block may hold anything from its last flush on

 private:
  struct Block {
    std::set<Value> open;         // writes under way
    std::set<Value> doubt;        // may take effect
    std::set<Value> now{0};       // what it may hold, of the settled writes
    Value last = 0;               // the newest acknowledged
    std::vector<Value> acks{0};   // in their order, from the flushed one on
    std::uint64_t first_ack = 0;  // number of acks[0]
    unsigned readers = 0;
    std::set<Value> lately;  // what it may have held while readers were under way
  };
  std::vector<Block> blocks_;
};

class Node {
 public:
  explicit Node(SimSetup setup);
  ~Node();

  void start();  // from the store
  void crash();
  bool running() const { return control_ != nullptr; }
  void input(Input in);
  void run_until(Time t);
  bool run_until(Time limit, const std::function<bool()>& done);
  NamespaceStatus status() const { return control_->status(agenda.now); }
  void drop_association(unsigned leg, const std::string& why);
  void lose_power(unsigned leg);
  std::uint64_t operate(Input::Kind kind, unsigned leg);
  std::optional<bool> reply(std::uint64_t request) const;

  // ---- hosts ------------------------------------------------------------------------------------
  void load(unsigned depth);  // keeps that many commands under way; 0 = none any more
  unsigned host_ops() const { return host_ops_; }

  // ---- checks -----------------------------------------------------------------------------------
  void check();  // P4, P13, ...: after each thing that happens
  bool legs_identical() const;
  void fail(const std::string& what);
  std::string failure;  // first violation
  bool ok() const { return failure.empty(); }
  std::string trace() const { return trace_.str(); }

  Agenda agenda;
  Chance chance;
  SimSetup setup;
  std::vector<std::unique_ptr<SimLeg>> legs;
  std::shared_ptr<store::MemoryStore> store;
  // ---- faults of the store ----------------------------------------------------------------------
  unsigned store_fail_one_in = 0;  // half of them take effect nevertheless
  Duration store_stall = 0;
  bool store_dead = false;  // answers only when alive again
  std::uint64_t crashes = 0, acked = 0, refused = 0, reads = 0, drained = 0, commits = 0;
  std::vector<std::string> events;
  bool watch_p4 = true;
  BlockHistory history;
  // Test of the tests: how the driver betrays the machine (planted bugs of the driver).
  std::function<bool(Action&)> tamper;  // false: the action is swallowed

 private:
  struct Association {
    std::uint8_t gen = 0;
    bool up = false, wanted = false;
    std::uint64_t number = 0;
    std::map<std::uint64_t, Time> owed;  // by command id: asked at
  };
  void pump_inputs();
  void act(Action& a);
  void attach(const Action& a);
  void commit(Action& a);
  void carry_out(std::uint64_t life, std::uint64_t txn, store::Transaction t, bool fail, bool applied);
  void to_leg(unsigned leg, std::uint8_t gen, std::uint8_t opcode, std::uint64_t lba, unsigned count,
              std::vector<Value> data, unsigned slot, std::uint64_t id);
  void core_event(tee::Event e);
  void watch_deadlines();
  void arm();
  void host_step();
  void read_durable();
  std::string trace_of(const Action& a) const;

  std::unique_ptr<NamespaceControl> control_;
  std::unique_ptr<SimCore> core_;
  std::uint64_t life_ = 0;  // incarnations of the node: what belongs to an older one is ignored
  std::array<Association, kMaxLegs> links_;
  std::uint64_t next_association_ = 1;
  std::vector<Input> inputs_;
  bool stepping_ = false;
  std::optional<std::vector<Value>> saved_;
  unsigned load_ = 0, host_ops_ = 0;
  Value next_value_ = 1;
  std::map<std::uint64_t, HostOp> under_way_;  // host commands, by number: in doubt after a crash
  std::uint64_t next_host_ = 1, next_request_ = 1;
  std::map<std::uint64_t, bool> replies_;
  // The durable records, decoded.
  store::EpochRecord epoch_;
  std::set<std::uint32_t> open_;
  std::array<std::set<std::uint32_t>, kMaxLegs> dirty_;
  bool store_changed_ = true;
  Time event_at_ = 0;
  std::ostringstream trace_;
};

constexpr unsigned kBlockShift = 16, kRegionShift = 4;  // 64 KiB blocks, 1 MiB regions
constexpr unsigned kBlocksPerRegion = 1u << kRegionShift;

}  // namespace nvtee::core::sim
