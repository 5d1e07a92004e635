// Runs one call of a kernel symbolically: every path at once, values as graph nodes, memory bit by bit.
//
// Blocks are visited in order of the control flow; where ways meet, what differs becomes a multiplexer. Loops
// are run round by round until no way leads back. What a call asks of streams and memories is kept in
// "slots" beside the memory, so that meeting ways join them by the same rule.
#ifndef NVTEE_HW_HLSC_EXEC_HPP
#define NVTEE_HW_HLSC_EXEC_HPP

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw/hlsc/frontend.hpp"
#include "hw/hlsc/kernel.hpp"

namespace hlsc {

// offset + sum of index * scale, in bytes, in an object. Object -1: null.
struct Address {
  struct Term {
    Val index;  // 64 bits
    int64_t scale;
    bool operator==(const Term& o) const { return scale == o.scale && index == o.index; }
  };
  int object = -1;
  int64_t offset = 0;
  llvm::SmallVector<Term, 1> terms;
  bool operator==(const Address& o) const {
    return object == o.object && offset == o.offset && terms == o.terms;
  }
};

// One of several addresses, by condition; the last one's condition does not matter.
struct Pointer {
  struct Choice {
    Val when;
    Address to;
  };
  std::vector<Choice> choices;
};

struct Sym {
  enum Kind { kNone, kInt, kPointer, kParts };
  Kind kind = kNone;
  Val v;
  Pointer p;
  std::vector<Sym> parts;
};

// What an object or slot holds.
struct Content {
  Val bits;
  std::map<uint64_t, Pointer> pointers;  // by byte
};

struct State {
  PathLits lits;
  struct Known {
    Bdd::Id bdd = Bdd::kTrue;  // what holds, or more
    bool exact = true;         // not more
  };
  std::vector<Known> before;  // of each literal: what was known before it
  Bdd::Id bdd = Bdd::kTrue;
  bool exact = true;
  std::vector<std::shared_ptr<const Content>> memory;  // by object; null = its first content
};

// An instance that a dataflow function makes.
struct Instance {
  struct Arg {
    int object = -1;  // stream, or struct of streams
    int64_t offset = 0;
    std::string scalar;  // own scalar parameter that is handed on
    std::optional<llvm::APInt> constant;
  };
  llvm::Function* kernel = nullptr;
  std::vector<Arg> args;
  Loc loc;
};

struct ExecOptions {
  std::set<std::string> as_registers;  // arrays that are only indexed by constants
};

class Exec {
 public:
  Exec(Program& program, llvm::Function& f, Types& types, Warnings& warnings, const ExecOptions& options);

  // Of a kernel function.
  Kernel run();
  // Arrays that no variable index reached: better registers. Then the kernel is to be run again.
  std::set<std::string> constant_arrays() const;

  // Of a dataflow function: what it calls, and the streams it owns.
  struct Object {
    enum Kind { kLocal, kStatic, kConstant, kParam, kSlot };
    Kind kind = kLocal;
    std::string name;
    uint64_t bytes = 0;
    const Type* type = nullptr;  // may be unknown
    llvm::Type* ir = nullptr;
    std::shared_ptr<const Content> first;
    Loc loc;
    int param = 0;  // of the function
  };
  std::vector<Instance> run_dataflow(const std::set<llvm::Function*>& kernels);
  const std::vector<Object>& objects() const { return objects_; }
  const std::vector<ScalarPort>& scalars() const { return kernel_.scalars; }
  // Name and type of the stream at an offset of an object.
  struct StreamId {
    std::string name, cpp;
    const Type* type = nullptr;
  };
  StreamId stream_at(int object, int64_t offset, const Loc& loc) const;

 private:
  struct Edge {
    State state;
    std::vector<Sym> phis;
  };
  // An array of a static object that became memories: one per index of the dimensions that are split.
  struct Region {
    int object;
    uint64_t start, bytes;      // in the object
    uint64_t row_bytes, depth;  // of each bank
    uint64_t bank_bytes = 0;    // 0: one bank
    int first_memory = 0;
    unsigned banks = 1;
    std::vector<int> read_slots, write_slots;  // [bank * kMaxPorts + port], [bank]
    bool used = false, variable_index = false;
    std::string name;
  };
  static constexpr unsigned kMaxPorts = 4;

  // ---- setting up (exec_setup.cpp)
  void make_params();
  void make_scalar(llvm::Argument& a, const Type* t, const std::string& name);
  void make_statics(llvm::GlobalVariable& g);
  void lay_out_static(int object, const Type* t, uint64_t offset, const std::string& path,
                      const llvm::APInt* init, Val& bits);
  bool lay_out_array(int object, const Type* t, uint64_t offset, const std::string& path,
                     const llvm::APInt* init);
  void make_memory(Region& r, const Type* row, const std::string& name, const llvm::APInt* init);
  const Pragma* variable_pragma(const std::string& kind, const std::string& path) const;
  void warn_of_pragmas_without_effect();
  int object_of(const llvm::GlobalVariable& g);
  int new_object(Object o);
  int new_slot(const std::string& name, const Val& first);
  llvm::APInt initial_bits(const llvm::Constant& c, uint64_t bytes) const;
  void write_constant(const llvm::Constant& c, uint64_t byte, llvm::APInt& to) const;

  // ---- control flow (exec.cpp)
  void execute();
  void run_blocks(llvm::Loop* within, const std::vector<llvm::BasicBlock*>& order);
  void run_loop(llvm::Loop* l, const std::vector<llvm::BasicBlock*>& order);
  void run_block(llvm::BasicBlock* b, State s);
  void leave(llvm::BasicBlock* from, llvm::BasicBlock* to, const State& s);
  void branch(llvm::BasicBlock* from, llvm::BasicBlock* to, State s, const Val& condition);
  Edge merge(std::vector<Edge> edges, size_t depth);
  Edge merge_two(const Edge& a, const Edge& b);
  Sym merge_sym(const Val& c, const Sym& a, const Sym& b);
  std::shared_ptr<const Content> merge_content(const Val& c, const std::shared_ptr<const Content>& a,
                                               const std::shared_ptr<const Content>& b);
  void assume(State& s, const Val& condition);
  bool feasible(const State& s, const Val& condition);
  Val under(const Val& v, const State& s);  // what the path has decided already
  bool impossible(const Val& bit, const State& s) { return g().bdd().disjoint(g().bdd_of(bit), s.bdd); }
  Val all_of(const PathLits& lits, size_t from);

  // ---- instructions (exec_inst.cpp)
  void instruction(llvm::Instruction& i, State& s);
  void call(llvm::CallInst& c, State& s);
  bool intrinsic(llvm::CallInst& c, State& s);
  Sym binary(llvm::BinaryOperator& b, const State& s);
  Sym compare(llvm::ICmpInst& c, const State& s);
  Sym cast(llvm::CastInst& c, const State& s);
  Sym get(llvm::Value* v, const State& s);
  Val bits(llvm::Value* v, const State& s);
  Pointer pointer(llvm::Value* v, const State& s);
  Sym constant(const llvm::Constant& c);
  void name_values(llvm::Instruction& i);
  void suggest_name(const Val& v, const std::string& name);

  // ---- memory (exec_memory.cpp)
  const Content& content(const State& s, int object) const;
  Content& change(State& s, int object);
  Sym load_sym(llvm::Type* t, const Pointer& p, State& s);
  void store_sym(const Sym& v, llvm::Type* t, const Pointer& p, State& s);
  Val load(const Pointer& p, uint64_t width, State& s);
  void store(const Pointer& p, const Val& v, State& s);
  Val load_at(const Address& a, uint64_t width, State& s);
  void store_at(const Address& a, const Val& v, State& s);
  Pointer load_pointer(const Pointer& p, State& s);
  void copy(const Pointer& to, const Pointer& from, uint64_t bytes, State& s);
  Val load_window(const Val& all, Address a, size_t term, uint64_t width, uint64_t from, uint64_t to,
                  llvm::Type* ir);
  void store_window(Val& all, Address a, size_t term, const Val& v, const Val& when, uint64_t from,
                    uint64_t to, llvm::Type* ir);
  struct Stride {
    uint64_t start, count;
  };
  uint64_t from_begin(Address& a, size_t term, const Stride& st);
  Stride array_around(llvm::Type* ir, uint64_t from, uint64_t to, uint64_t offset, uint64_t scale) const;
  Region* region_of(const Address& a);
  struct RowAddress {
    Val bank;  // empty: the only one
    Val index;
    uint64_t byte = 0;  // in the row
    Address inner;      // offset and terms within the row
  };
  RowAddress row_address(const Region& r, const Address& a);
  Val load_row(Region& r, const Address& a, uint64_t width, State& s);
  void store_row(Region& r, const Address& a, const Val& v, State& s);
  Val read_bank(Region& r, unsigned bank, const Val& index, uint64_t from, uint64_t to, State& s);
  void write_bank(Region& r, unsigned bank, const Val& index, uint64_t byte, const Val& v, State& s);
  Val leaf_source(int memory, unsigned port, unsigned leaf);
  Val memory_leaf(Region& r, unsigned bank, const Val& index, unsigned leaf, State& s);
  Val row_image(const Memory& m, const std::vector<Val>& leaves) const;

  // ---- streams (exec_stream.cpp)
  int port_of(const Pointer& p, const Loc& loc);
  void find_ports(const llvm::Value& v, const Address& a);
  void stream_read(const Pointer& from, const Pointer& to, State& s);
  void stream_write(const Pointer& to, const Pointer& from, State& s);
  Val stream_empty(const Pointer& p, const State& s);
  Val stream_full(const Pointer& p, const State& s);
  void effect(const State& s);
  void sort_ports();
  void collect(State& end);

  Graph& g() { return *kernel_.graph; }
  const Graph& g() const { return *kernel_.graph; }
  [[noreturn]] void no(const std::string& what, const std::string& remedy) const {
    refuse(at_, what, remedy);
  }

  Program& program_;
  llvm::Function& f_;
  Types& types_;
  Warnings& warnings_;
  ExecOptions options_;
  Kernel kernel_;
  Loc at_;
  const llvm::DataLayout& layout_;

  std::vector<Object> objects_;
  std::map<const llvm::GlobalVariable*, int> globals_;
  std::vector<Region> regions_;
  struct RegisterAt {
    int object;
    uint64_t bit;
    int reg;
  };
  std::vector<RegisterAt> registers_at_;
  std::map<std::pair<int, int64_t>, int> ports_;
  std::vector<int> port_slots_;
  std::unordered_map<const llvm::Value*, Sym> values_;
  std::unordered_map<llvm::BasicBlock*, std::vector<Edge>> pending_;
  std::vector<Edge> returned_;
  std::unique_ptr<llvm::DominatorTree> dominators_;
  std::unique_ptr<llvm::LoopInfo> loops_;
  std::vector<const Pragma*> own_pragmas_;
  mutable std::set<const Pragma*> fitting_;  // that named an array of the state
  // dataflow
  const std::set<llvm::Function*>* kernels_ = nullptr;
  std::vector<Instance> instances_;
};

}  // namespace hlsc

#endif
