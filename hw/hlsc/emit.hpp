// A scheduled kernel as a Verilog module.
#ifndef NVTEE_HW_HLSC_EMIT_HPP
#define NVTEE_HW_HLSC_EMIT_HPP

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw/hlsc/schedule.hpp"
#include "hw/hlsc/verilog.hpp"

namespace hlsc {

struct EmitOptions {
  bool trace = false;  // ap_fire, ap_idle, ap_vis_*
};

// Leaves of a table that are written under the same condition lie in one memory.
struct MemoryGroup {
  std::vector<unsigned> leaves;
  unsigned bits = 0;
  Val enable;
  bool written = false;
};

class Emitter {
 public:
  Emitter(const Kernel& k, const Schedule& s, const EmitOptions& o);
  std::string text();
  // By memory; leaves that nobody reads are in none.
  const std::vector<std::vector<MemoryGroup>>& groups() const { return groups_; }
  // As they are in the module: a C++ name that is a word of Verilog has been changed.
  const std::vector<std::string>& stream_names() const { return stream_names_; }
  const std::vector<std::string>& scalar_names() const { return scalar_names_; }
  // By bit of a stream's record: whether the module looks at it.
  const std::vector<bool>& head_used(size_t stream) const { return head_used_[stream]; }

 private:
  struct Base {
    std::string name;
    unsigned lo = 0;     // of the node's bit 0 in it
    unsigned width = 1;  // of the whole
  };
  void make_groups();
  void mark(const Val& v);
  std::string expr(const Val& v, int stage);
  std::string piece(const Piece& p, int stage);
  const Base& base(const Node* n, int stage);
  bool stable(const Node* n) const;
  int copy_index(const Node* n, int stage) const;
  std::string strobe(int stage);  // the call is in this stage, and not held back
  std::string in_stage(int stage) const;
  void define(const Node* n);
  void define_read(const Node* n);
  std::string operation(const Node* n, int stage);
  void ports(std::string& to);
  void control();
  void registers();
  void memory(size_t index);
  void roms();
  void streams();
  void trace();
  void declare_copy(const Node* n, int index);
  void line(const std::string& text, const Loc& loc = {});

  const Kernel& k_;
  const Schedule& s_;
  EmitOptions o_;
  Names names_;
  std::vector<std::vector<MemoryGroup>> groups_;
  std::vector<std::vector<int>> group_of_;  // [memory][leaf]
  std::set<const Node*> used_;
  std::vector<std::vector<bool>> head_used_;
  std::unordered_map<const Node*, Base> bases_;
  std::map<std::pair<unsigned, int>, Base> copies_;  // (node id, copy)
  std::vector<std::string> register_names_, stream_names_, scalar_names_, rom_names_;
  std::map<std::pair<size_t, size_t>, std::string> group_names_;
  std::set<std::pair<size_t, unsigned>> reads_done_;  // (memory, port)
  int strobes_ = 0;                                   // highest st[] used
  std::string declarations_, body_;
};

}  // namespace hlsc

#endif
