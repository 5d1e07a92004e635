// Which node is computed in which clock of a call.
//
// A call takes N clocks, phases 0 .. N-1 (N = II). Records at heads of streams, registers and tables do not
// change before its last phase, in which everything is committed. Logic is cut into stages of at most
// `budget` LUT levels, as early as possible; what only flows to output streams may go on after phase N-1.
#ifndef NVTEE_HW_HLSC_SCHEDULE_HPP
#define NVTEE_HW_HLSC_SCHEDULE_HPP

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw/hlsc/kernel.hpp"
#include "hw/hlsc/lutmap.hpp"

namespace hlsc {

struct ScheduleOptions {
  double budget = 6;  // LUT levels a stage
  bool auto_ii = false;
  bool balance = false;  // take wide conditions as balanced, though the graph is not: before optimize()
};

struct Time {
  int stage = 0;
  double level = 0;
};

class Schedule {
 public:
  Schedule(Kernel& k, const ScheduleOptions& o);

  const Time& at(const Node* n) const { return times_.at(n); }
  bool known(const Node* n) const { return times_.count(n) != 0; }
  Time at(const Val& v) const;
  int ii() const { return ii_; }
  int stall_stage() const { return stall_stage_; }
  const Val& stall() const { return stall_; }
  const Val& start() const { return start_; }
  // When the record goes into the stream's buffer.
  int write_stage(const StreamPort& p) const;
  int last_stage() const { return last_stage_; }
  double worst_level() const { return worst_level_; }
  // By stream and bit of its record: the LUT levels of the deepest logic that it goes through in one clock.
  std::vector<std::vector<int>> head_levels() const;

  // The longest path, latest node first.
  struct Step {
    const Node* node;
    Time time;
  };
  std::vector<Step> path_to(const Val& v) const;
  std::vector<Step> longest_path() const;

 private:
  Time visit(const Val& v);
  Time visit(const Node* n);
  LutMap::Bits bits_of(const Val& v, int stage);
  const LutMap::Bits& bits_of(const Node* n, int stage);
  LutMap::Bits logic(const Node* n, int stage);
  LutMap::Bits shifted(const Node* n, int stage);
  int depth_of(const LutMap::Bits& b) const;
  Loc where_it_turns() const;
  void place_requests();
  void make_start();
  void check_ii();
  void root(const Val& v, const std::string& what, const Loc& loc, bool commits);

  struct Root {
    Val v;
    std::string what;
    Loc loc;
    bool commits;
  };

  Kernel& k_;
  Graph& g_;
  ScheduleOptions o_;
  std::unordered_map<const Node*, Time> times_;
  std::unordered_map<const Node*, const Node*> critical_;
  std::unordered_map<const Node*, bool> open_;
  LutMap map_;
  std::unordered_map<const Node*, LutMap::Bits> bits_;           // in the stage where it is made
  std::map<std::pair<unsigned, int>, LutMap::Bits> later_bits_;  // in a later one: from a register
  std::vector<Root> roots_;
  int ii_ = 1, stall_stage_ = 0, last_stage_ = 0;
  double worst_level_ = 0;
  Val stall_, start_;
};

}  // namespace hlsc

#endif
