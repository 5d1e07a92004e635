// A world around one core: hosts, legs and a runtime, all random, all from one seed, with checks of the
// invariants at the core's border. Nothing here knows how the core works, except what `forwarded` says about
// admission.
#pragma once

#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "hw/kernels/tee_core/test_core.hpp"
#include "hw/kernels/tee_core/test_reference.hpp"

namespace nvtee::tee::test {

struct WorldOptions {
  unsigned actions = 6000;
  unsigned faults = 40;  // of 1000 leg answers
};

class World {
 public:
  static constexpr unsigned kNs = 2, kLegsUsed = 3, kQueues = 4, kDepth = 8, kSlots = 32, kMaxBlocks = 8;
  static constexpr unsigned kBlocks = 96, kRegionShift = 4, kSetBits = 1;

  World(std::unique_ptr<CoreUnderTest> core, uint64_t seed, WorldOptions options = {});

  // Runs to the end. Empty: all is well; else what was broken.
  std::string run();

  // How often things happened, so that a test can tell that it tested something.
  std::map<std::string, unsigned> seen;

 private:
  struct Broken {
    std::string what;
  };
  struct HostCmd {
    uint64_t id = 0, start = 0, slba = 0;
    unsigned queue = 0, cid = 0, opcode = 0, ns = 0, count = 0, slot = 0, length = 0, sent = 0;
    bool placed = false, punt = false, punted = false, collects = false, r2t_due = false, in_capsule = false,
         piece = false, whole = false, digest_bad = false;
    bool punt_answered = false;
    bool touched = false, answered = false, dead = false;  // dead: its queue was closed
    bool before_gate = false;                              // admitted when its namespace's gate closed
    std::vector<uint64_t> tokens, captured;
    std::vector<unsigned> writes;  // register ids
    std::set<unsigned> statuses;   // that it may get beside success
    bool is_write() const { return opcode == spec::io::kWrite || opcode == spec::io::kWriteZeroes; }
  };
  struct LegOp {
    LegTx tx;
    bool executed = false;
  };
  struct Leg {
    unsigned state = Ctl::kLegOff, gen = 0;
    std::vector<uint64_t> data = std::vector<uint64_t>(kBlocks, 0);
    std::list<LegOp> ops;
    uint64_t resync_at = 0;  // next block to copy while syncing
    bool fence_asked = false, fenced = false, copying = false;
  };
  struct Region {
    unsigned state = Ctl::kNone;
    bool busy = false, fenced = false, wanted = false;
    std::vector<unsigned> parked;  // slots
  };
  struct Hold {
    unsigned tag = 0, slot = 0, ns = 0, count = 0, turns = 0;
    uint64_t lba = 0;
    bool exclusive = false, regions = false, held = false, busy = false;
    int resync_leg = -1;
    unsigned resync_gen = 0, op = 0;
    std::vector<unsigned> writes;
  };
  struct Fence {
    std::vector<uint64_t> waits_for;  // host commands
    std::vector<unsigned> holds;
    std::function<void()> done;
  };
  struct Ns {
    Leg legs[kLegsUsed];
    std::map<uint32_t, Region> regions;
    bool fencing = false;
    Fence fence;
    std::deque<std::function<void()>> fences;  // asked for meanwhile
    std::deque<unsigned> sweeps;               // under way: how
    bool gate_shut = false, not_home = false;
    bool failed = false;  // a sweep failed commands; the core begins none until the gates are opened
  };
  struct Queue {
    bool open = false, draining = false, shut = false;  // shut: nothing may be said on it any more
  };

  [[noreturn]] static void broken(const std::string& what) { throw Broken{what}; }
  static void must(bool ok, const char* what) {
    if (!ok) broken(what);
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(rng_() % n); }
  bool chance(unsigned of_1000) { return below(1000) < of_1000; }

  // NVTEE_TRACE=1 tells the story of a seed.
  template <class... T>
  void trace(const T&... parts) const {
    if (!trace_) return;
    std::cerr << now_ << ':';
    ((std::cerr << ' ' << parts), ...);
    std::cerr << '\n';
  }

  // ---- test_world.cpp: set-up, the core's turns, the loop ----
  static Ctl order(unsigned op, unsigned ns = 0);
  void send(const Ctl& c) { backlog_.push_back(c); }
  void set_up();
  void feed();
  void send_later(unsigned most);
  void step_core();
  bool drain(unsigned most);
  void settle();
  void act();
  void forget_answered();
  void wind_up();
  void heal();
  bool at_rest();
  std::string unrest();
  void check_end();
  void noise();

  // ---- test_world_hosts.cpp ----
  HostIn random_command(unsigned queue, unsigned ns);
  void spoil(HostIn& h);
  void host_command();
  void remember(const HostIn& h, const RefAnswer& expected, const Placement& p);
  Placement put(const HostIn& h);
  void put_note(const HostIn& h);
  void host_data();
  void data_header(HostCmd& c);
  void data_done(HostCmd& c);
  void bad_header(HostCmd& c);
  void host_sent();
  void close_queue(unsigned q);
  void on_host_out(const HostOut& h);
  void check_success(HostCmd& c);
  HostCmd* command_in(unsigned slot);
  template <class F>
  void each_live(F f) {
    for (auto& [id, c] : cmds_)
      if (!c.answered) f(c);
  }

  // ---- test_world_legs.cpp ----
  Ctl leg_order(unsigned ns, unsigned leg) const;
  void set_leg(unsigned ns, unsigned leg);
  void on_leg_tx(const LegTx& tx);
  void check_host_tx(HostCmd& c, const LegTx& tx);
  void check_region(unsigned ns, uint64_t slba, unsigned count);
  void check_overlap(const LegTx& tx, bool exclusive);
  bool exclusive_slot(unsigned slot);
  void leg_turn();
  void execute(unsigned ns, unsigned leg, LegOp& op, bool part);
  unsigned fault(unsigned ns, unsigned leg, LegOp& op);
  void answer(const LegTx& tx, unsigned status);
  void break_leg(unsigned ns, unsigned leg);
  void drop_leg(unsigned ns, unsigned leg);
  void sweep(unsigned ns, unsigned leg, unsigned how);
  bool failing(unsigned ns) const;
  unsigned legs_in(unsigned ns, unsigned state) const;
  int any_in_sync(unsigned ns);

  // ---- test_world_runtime.cpp ----
  void on_event(const Event& e);
  void on_miss(const Event& e);
  void on_region_set(const Event& e);
  void on_held(const Event& e);
  void on_issue_done(const Event& e);
  void on_punt(const Event& e);
  void on_drained(const Event& e);
  void open_region(unsigned ns, uint32_t region);
  void close_region(unsigned ns, uint32_t region);
  void set_region(unsigned ns, uint32_t region, unsigned state);
  void region_closed(unsigned ns, uint32_t region);
  void make_way(unsigned ns, uint32_t region);
  void fence(unsigned ns, std::function<void()> done);
  void start_fence(unsigned ns, std::function<void()> done);
  void on_fence_done(unsigned ns);
  void runtime_turn();
  void resync_turn(unsigned ns, unsigned leg);
  void want_hold();
  void hold_turn(Hold& h);
  void release(Hold& h);
  void send_gates(unsigned ns);
  void open_gates(unsigned ns);
  void shut_gates();
  void toggle_lease();
  void want_close();

  WorldOptions options_;
  const bool trace_ = std::getenv("NVTEE_TRACE") != nullptr;
  std::mt19937_64 rng_;
  std::unique_ptr<CoreUnderTest> core_;
  uint64_t now_ = 1, lease_ = Registers::kOpen, next_id_ = 1, next_token_ = 1;
  unsigned next_cid_ = 1, next_tag_ = 1;
  bool winding_ = false, lease_over_ = false;
  std::deque<Ctl> backlog_;
  std::deque<Ctl> later_;  // orders about legs: the runtime takes its time between them
  std::vector<RefNamespace> ref_;
  Ns ns_[kNs];
  Queue queues_[kQueues];
  std::map<uint64_t, HostCmd> cmds_;                          // by id
  std::map<unsigned, uint64_t> by_slot_;                      // host commands that own a slot
  std::map<std::pair<unsigned, unsigned>, uint64_t> by_cid_;  // (queue, cid)
  std::map<unsigned, uint64_t> sending_;  // slot -> command whose read data are on their way
  std::map<unsigned, Hold> holds_;        // by tag
  std::vector<uint64_t> buffers_[kSlots];
  Registers registers_[kNs];
  std::deque<LegIn> old_answers_;
};

}  // namespace nvtee::tee::test
