// One simulated world: a node (tee core, control machines, metadata), peers, hosts, the network between them
// and the faults of a plan, in one thread and in virtual time. A checker looks at everything that happens.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/cluster/agenda.hpp"
#include "sim/cluster/chance.hpp"
#include "sim/cluster/checker.hpp"
#include "sim/cluster/coverage.hpp"
#include "sim/cluster/disk.hpp"
#include "sim/cluster/host.hpp"
#include "sim/cluster/model_steps.hpp"
#include "sim/cluster/net.hpp"
#include "sim/cluster/node.hpp"
#include "sim/cluster/ops.hpp"
#include "sim/cluster/peer.hpp"
#include "sim/cluster/plan.hpp"
#include "sim/cluster/trace.hpp"

namespace nvtee::cluster {

struct Result {
  std::string failure;     // empty: every invariant held
  unsigned property = 0;   // n of Pn; 0 = another one
  std::uint64_t hash = 0;  // of the trace
  std::uint64_t events = 0, ops = 0, faults = 0, crashes = 0;
  Duration virtual_time = 0;
  std::string trace;
};

core::NamespaceSpec spec_of(const Setup& setup);

class World {
 public:
  explicit World(const Plan& plan, bool want_trace = false);
  ~World();
  Result run();

  Plan plan;
  Agenda agenda;
  Trace trace;
  Chance chance;  // of the network
  Checker check;
  Coverage coverage;
  ModelSteps model;
  Ops ops;
  Disk disk;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<Node> node;
  std::vector<std::unique_ptr<Host>> hosts;
  std::vector<std::unique_ptr<Conn>> conns;
  unsigned blocks = 0, region_blocks = 0;
  std::vector<std::uint32_t> hot;
  bool faults_over = false;
  Duration guard = 0;  // what was sent to a leg before its association ended may execute that long
  std::uint64_t faults_done = 0;

  Time now() const { return agenda.now; }
  template <class... A>
  void note(Line line, A... a) {
    trace.note(agenda.now, line, a...);
  }
  bool ok() const { return check.failure.empty(); }
  std::uint32_t fence_number() const;  // what the durable records give the keys of legs
  bool old_store = false;              // the node has an old copy of its records, and must not serve
  void cover_fault(FaultKind kind);
  // A fault waits for one of these states: it comes at once, before anything else happens.
  bool waited_for() const { return !waiting_.empty(); }
  bool reached(const core::MachineStates& states);

 private:
  void set_up();
  void arm(std::size_t index);
  void inject(std::size_t index);
  void restart(const Fault& f);
  void stop_when_drained(Time until, Duration away, std::uint32_t life);
  void leg_fault(const Fault& f);
  void host_fault(const Fault& f);
  void operate(const Fault& f);
  // odd.cpp
  void odd_operator(const Fault& f);
  void meddle(Peer& p, Chance& c, Duration length);
  void stop_meddling();
  void look_at_drained();
  void swizzle(const Fault& f);
  void power_loss(unsigned peer, const Fault& f);
  void takeover(const Fault& f);
  void take_copy(const Fault& f);
  void bring_copy();
  void bring_newest();
  void heal();
  void run_until(Time t);
  template <class P>
  bool run_until(Time t, P done);
  bool well();
  void wind_up();
  void check_verify();
  void check_end();
  std::map<store::Bytes, store::Bytes> copy_, newest_;
  bool copied_ = false;
  Chance fault_chance_;
  std::vector<std::size_t> waiting_;  // faults that wait for a state
};

// Runs a plan, whatever it does: a broken check of the product is a failure like any other.
Result run_plan(const Plan& plan, bool want_trace = false, Coverage* coverage = nullptr);
// The same, with the steps of each region as the model would see them.
Result run_plan(const Plan& plan, ModelSteps& steps);

}  // namespace nvtee::cluster
