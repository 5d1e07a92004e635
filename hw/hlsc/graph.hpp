// The data path as a graph of bit vectors.
//
// A value (Val) is a list of pieces, lowest first, each a run of bits of a node. Cutting, joining, extending,
// constant shifts and masks only rearrange pieces: they cost nothing and become wiring. Nodes are made once
// each (structural hashing) and simplified when made.
#ifndef NVTEE_HW_HLSC_GRAPH_HPP
#define NVTEE_HW_HLSC_GRAPH_HPP

#include <llvm/ADT/APInt.h>
#include <llvm/ADT/SmallVector.h>

#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw/hlsc/bdd.hpp"
#include "hw/hlsc/diag.hpp"

namespace hlsc {

enum class Op : uint8_t {
  kConst,
  kUndef,  // nobody may look at it
  // sources
  kReg,       // ref = register
  kHead,      // ref = stream port: the record at its head
  kNotEmpty,  // ref = stream port
  kNotFull,   // ref = stream port
  kScalar,    // ref = scalar port
  kMemRead,   // ref = memory, port = read port; the address is the port's
  // logic
  kNot,
  kAnd,
  kOr,
  kXor,
  kMux,  // in[0] ? in[1] : in[2]
  kAdd,
  kSub,
  kMul,
  kEq,
  kUlt,
  kShl,
  kLshr,
  kAshr,
  kParity,
  kRepeat,  // one bit, w times
  kRom,     // ref = rom; in[0] = index
};
const char* name_of(Op op);

struct Node;

struct Piece {
  Node* n;
  unsigned lo, w;
  bool operator==(const Piece& o) const { return n == o.n && lo == o.lo && w == o.w; }
};

class Val {
 public:
  Val() = default;
  unsigned width() const { return width_; }
  const llvm::SmallVector<Piece, 2>& pieces() const { return pieces_; }
  bool operator==(const Val& o) const { return width_ == o.width_ && pieces_ == o.pieces_; }
  void push(const Piece& p);  // at the top; joins what fits
  void push(const Val& v) {
    for (const Piece& p : v.pieces_) push(p);
  }
  // The only piece, when it is all of a node; else null.
  Node* whole() const;

 private:
  friend class Graph;
  void append(const Piece& p) {
    pieces_.push_back(p);
    width_ += p.w;
  }
  llvm::SmallVector<Piece, 2> pieces_;
  unsigned width_ = 0;
};

struct Node {
  Op op = Op::kConst;
  unsigned w = 0;
  unsigned id = 0;
  int ref = -1, port = 0;
  Bdd::Id bdd = -1;  // of one-bit nodes
  llvm::SmallVector<Val, 3> in;
  llvm::APInt k;
  Loc loc;
  std::string name;  // of the C++ variable; may be empty
};

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Where nodes made from now on come from.
  void at(const Loc& loc) { loc_ = loc; }
  // Stream ports get other numbers.
  void renumber_ports(const std::vector<int>& place);
  const Loc& where() const { return loc_; }
  Bdd& bdd() { return bdd_; }
  const std::deque<Node>& nodes() const { return nodes_; }

  // ---- constants and sources ----
  Val constant(const llvm::APInt& k);
  Val constant(uint64_t k, unsigned w) { return constant(llvm::APInt(w, k)); }
  Val zero(unsigned w) { return constant(llvm::APInt(w, 0)); }
  Val bit(bool on) { return constant(on ? 1 : 0, 1); }
  Val undef(unsigned w);
  Val source(Op op, int ref, unsigned w, const std::string& name, int port = 0);

  // ---- wiring ----
  Val slice(const Val& v, unsigned lo, unsigned w);
  Val replace(const Val& v, unsigned lo, const Val& part);
  Val tidy(const Val& v);  // neighbouring constants become one
  Val zext(const Val& v, unsigned w);
  Val sext(const Val& v, unsigned w);
  Val resize(const Val& v, unsigned w) { return v.width() >= w ? slice(v, 0, w) : zext(v, w); }

  // ---- logic; operands of equal width unless said otherwise ----
  Val lnot(const Val& a);
  Val land(const Val& a, const Val& b) { return bitwise(Op::kAnd, a, b); }
  Val lor(const Val& a, const Val& b) { return bitwise(Op::kOr, a, b); }
  Val lxor(const Val& a, const Val& b) { return bitwise(Op::kXor, a, b); }
  Val mux(const Val& c, const Val& a, const Val& b);
  Val add(const Val& a, const Val& b);
  Val sub(const Val& a, const Val& b);
  Val mul(const Val& a, const Val& b);
  Val eq(const Val& a, const Val& b);
  Val ult(const Val& a, const Val& b);
  Val slt(const Val& a, const Val& b);
  Val shift(Op op, const Val& a, const Val& amount);  // amount of any width
  Val parity(const Val& a);
  Val popcount(const Val& a, unsigned w);
  Val leading_zeros(const Val& a, unsigned w);
  Val trailing_zeros(const Val& a, unsigned w);
  Val pick(const std::vector<Val>& of, const Val& index);  // of[index]
  Val rom(int ref, const Val& index, unsigned w, const std::string& name);
  Val any(const Val& a) { return lnot(eq(a, zero(a.width()))); }

  // ---- questions ----
  static bool is_const(const Val& v);
  static bool is_undef(const Val& v);
  static bool is_zero(const Val& v);
  static bool is_ones(const Val& v);
  llvm::APInt value(const Val& v) const;     // of a constant; undefined bits are 0
  unsigned significant(const Val& v) const;  // width without known zeros at the top
  unsigned low_zeros(const Val& v) const;
  Bdd::Id bdd_of(const Val& bit);
  Bdd::Id bdd_of(const Piece& bit);

  // How a value follows from `self` with the least change: keep = it is self, data = what it is otherwise.
  struct Change {
    Val keep, data;
  };
  Change change(const Val& v, const Val& self, int depth = 0);

 private:
  struct Segment {
    Piece a, b;
  };
  std::vector<Segment> align(const Val& a, const Val& b);
  Val bitwise(Op op, const Val& a, const Val& b);
  bool absorbed(Op op, const Val& a, const Val& b, Val& to);
  Val bitwise_segment(Op op, const Val& a, const Val& b);
  Val mux_segment(const Val& c, const Val& a, const Val& b);
  Val mux_bit(const Val& c, const Val& a, const Val& b);
  Val one_bit(Node* n);  // the simplest node of the same function
  Val make(Op op, unsigned w, std::initializer_list<Val> in, int ref = -1, const std::string& name = "");
  Val sum_of_products(const Val& a, const llvm::APInt& k);
  bool const_tree(const Val& v, int& budget) const;
  Val eq_tree(const Val& v, const Val& k);
  Val slice_bit(const Piece& p);

  std::deque<Node> nodes_;
  std::unordered_map<size_t, std::vector<Node*>> table_;
  std::map<std::pair<Node*, unsigned>, Bdd::Id> atoms_;
  std::unordered_map<Bdd::Id, Piece> simplest_;
  Bdd bdd_;
  Loc loc_;
};

}  // namespace hlsc

#endif
