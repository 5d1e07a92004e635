// A model of the tee core's contract (hw/kernels/tee_core/records.hpp), for tests of the control machines:
// admission by regions and gates, guard, legs, holds, fences, sweeps. Simple and literal; the real core is
// tested elsewhere.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>

#include "hw/kernels/tee_core/region_hash.hpp"
#include "runtime/core/sim_world.hpp"

namespace nvtee::core::sim {

struct HostOp {
  bool write = false, flush = false;
  std::uint64_t lba = 0;
  unsigned count = 1;
  std::vector<Value> data;
  std::function<void(spec::Status, const std::vector<Value>&)> done;
};

class SimCore {
 public:
  struct Outside {
    // Sends to a leg; the answer comes by on_answer().
    std::function<void(unsigned leg, std::uint8_t gen, std::uint8_t opcode, std::uint64_t lba, unsigned count,
                       std::vector<Value> data, unsigned slot, std::uint64_t id)>
        send;
    std::function<void(tee::Event)> event;
    std::function<void(std::uint64_t lba, unsigned count)> write_admitted;               // checks P14
    std::function<void(std::uint64_t lba, const std::vector<Value>& data)> write_acked;  // checks P1
  };
  SimCore(Chance& chance, Outside outside, unsigned region_shift, unsigned set_bits)
      : chance_(chance), out_(std::move(outside)), region_shift_(region_shift), set_bits_(set_bits) {}

  void ctl(const tee::Ctl& c, Time now);
  void submit(HostOp op, Time now);
  void on_answer(unsigned leg, std::uint8_t gen, unsigned slot, std::uint64_t id, const SimLeg::Answer& a);
  const std::vector<Value>& buffer(unsigned slot) { return cmds_.at(slot).data; }
  unsigned refuse_one_in = 0;  // holds that are refused

 private:
  struct Cmd {
    enum State { kParked, kGuard, kMain, kWaiting, kHeld, kIssued, kCopyRead, kCopyWrite } state = kParked;
    bool hold = false, exclusive = false, failed = false, not_home = false, releasing = false;
    HostOp op;
    std::uint64_t id = 0, order = 0;
    unsigned tag = 0, slot = 0;
    unsigned pending = 0, stuck = 0, good = 0, bad = 0, tried = 0, targets = 0;
    std::uint8_t opcode = 0;
    std::uint8_t gen[4] = {};
    std::uint64_t ids[4] = {};
    spec::Status status = 0;
    std::vector<Value> data;
  };
  struct LegRow {
    unsigned state = 0;
    std::uint8_t gen = 0;
  };

  unsigned alloc();
  unsigned active() const;
  unsigned in_sync() const;
  unsigned region_state(std::uint32_t r) const;
  std::uint32_t missed(const HostOp& op) const;
  void look(Cmd& c, Time now);
  void admit(Cmd& c);
  void grant();
  void begin(Cmd& c, unsigned not_to);
  void issue(Cmd& c, unsigned mask);
  void settle(Cmd& c);
  void finish(Cmd& c, spec::Status status);
  void gone(Cmd& c, unsigned leg);
  void issue_over(Cmd& c);
  void order(const tee::Ctl& c);
  void sweep(unsigned leg, unsigned how);
  void region_set(const tee::Ctl& c, Time now);
  void tell(tee::Event e) { out_.event(e); }
  static tee::Event event(unsigned kind) {
    tee::Event e{};
    e.kind = kind;
    return e;
  }
  void check_fence();

  Chance& chance_;
  Outside out_;
  unsigned region_shift_, set_bits_;
  bool look_reads_ = false;
  spec::Status gate_ = spec::st::kPathInternal;
  LegRow legs_[4];
  struct RegionRow {
    unsigned state = 0;
    Time used = 0;
  };
  std::map<std::uint32_t, RegionRow> regions_;
  std::map<unsigned, Cmd> cmds_;   // by slot
  std::list<unsigned> guard_;      // slots in the order of admission
  std::set<std::uint64_t> fence_;  // commands it waits for
  bool fencing_ = false;
  std::uint64_t next_id_ = 1;
  unsigned next_slot_ = 0;
};

}  // namespace nvtee::core::sim
