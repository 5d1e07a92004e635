#include "hw/hlsc/graph.hpp"

#include <llvm/ADT/Hashing.h>

#include <algorithm>
#include <cassert>

namespace hlsc {

using llvm::APInt;

const char* name_of(Op op) {
  static const char* const kNames[] = {"const",  "undef", "reg",  "head",   "notempty", "notfull",
                                       "scalar", "mem",   "not",  "and",    "or",       "xor",
                                       "mux",    "add",   "sub",  "mul",    "eq",       "ult",
                                       "shl",    "lshr",  "ashr", "parity", "repeat",   "rom"};
  return kNames[static_cast<size_t>(op)];
}

// ---- Val ------------------------------------------------------------------------------------------------
void Val::push(const Piece& p) {
  if (p.w == 0) return;
  if (!pieces_.empty()) {
    Piece& top = pieces_.back();
    const bool runs_on = top.n == p.n && top.lo + top.w == p.lo && p.n->op != Op::kConst;
    if (runs_on || (top.n->op == Op::kUndef && p.n->op == Op::kUndef)) {
      top.w += p.w;
      width_ += p.w;
      return;
    }
  }
  append(p);
}

Node* Val::whole() const {
  return pieces_.size() == 1 && pieces_[0].lo == 0 && pieces_[0].w == pieces_[0].n->w ? pieces_[0].n
                                                                                      : nullptr;
}

// ---- making nodes ---------------------------------------------------------------------------------------
Val Graph::make(Op op, unsigned w, std::initializer_list<Val> in, int ref, const std::string& name) {
  size_t h = llvm::hash_combine(static_cast<unsigned>(op), w, ref);
  for (const Val& v : in)
    for (const Piece& p : v.pieces()) h = llvm::hash_combine(h, p.n->id, p.lo, p.w);
  Val r;
  for (Node* n : table_[h]) {
    if (n->op != op || n->w != w || n->ref != ref || n->in.size() != in.size()) continue;
    if (!std::equal(in.begin(), in.end(), n->in.begin())) continue;
    r.append({n, 0, w});
    return w == 1 ? one_bit(n) : r;
  }
  nodes_.emplace_back();
  Node& n = nodes_.back();
  n.op = op;
  n.w = w;
  n.id = static_cast<unsigned>(nodes_.size());
  n.ref = ref;
  n.in.assign(in.begin(), in.end());
  n.loc = loc_;
  n.name = name;
  table_[h].push_back(&n);
  if (w == 1) return one_bit(&n);
  r.append({&n, 0, w});
  return r;
}

Val Graph::constant(const APInt& k) {
  const unsigned w = k.getBitWidth();
  Val r;
  if (w == 0) return r;
  const size_t h = llvm::hash_combine(0xc0457u, w, llvm::hash_value(k));
  for (Node* n : table_[h]) {
    if (n->op == Op::kConst && n->w == w && n->k == k) {
      r.append({n, 0, w});
      return r;
    }
  }
  nodes_.emplace_back();
  Node& n = nodes_.back();
  n.op = Op::kConst;
  n.w = w;
  n.id = static_cast<unsigned>(nodes_.size());
  n.k = k;
  if (w == 1) n.bdd = k.isZero() ? Bdd::kFalse : Bdd::kTrue;
  table_[h].push_back(&n);
  r.append({&n, 0, w});
  return r;
}

Val Graph::undef(unsigned w) {
  Val r;
  if (w == 0) return r;
  const size_t h = 0x0de0f;
  if (table_[h].empty()) {
    nodes_.emplace_back();
    Node& n = nodes_.back();
    n.op = Op::kUndef;
    n.w = 0;
    n.id = static_cast<unsigned>(nodes_.size());
    n.bdd = Bdd::kFalse;
    table_[h].push_back(&n);
  }
  r.append({table_[h].front(), 0, w});
  return r;
}

Val Graph::source(Op op, int ref, unsigned w, const std::string& name, int port) {
  for (Node* n : table_[llvm::hash_combine(0x50u, static_cast<unsigned>(op), ref, port)]) {
    if (n->op == op && n->ref == ref && n->port == port && n->w == w) {
      Val r;
      r.append({n, 0, w});
      return r;
    }
  }
  nodes_.emplace_back();
  Node& n = nodes_.back();
  n.op = op;
  n.w = w;
  n.id = static_cast<unsigned>(nodes_.size());
  n.ref = ref;
  n.port = port;
  n.loc = loc_;
  n.name = name;
  if (w == 1) n.bdd = bdd_.variable();
  table_[llvm::hash_combine(0x50u, static_cast<unsigned>(op), ref, port)].push_back(&n);
  Val r;
  r.append({&n, 0, w});
  return r;
}

void Graph::renumber_ports(const std::vector<int>& place) {
  std::vector<Node*> ports;
  for (Node& n : nodes_)
    if (n.op == Op::kHead || n.op == Op::kNotEmpty || n.op == Op::kNotFull) ports.push_back(&n);
  for (Node* n : ports) {
    std::vector<Node*>& old =
        table_[llvm::hash_combine(0x50u, static_cast<unsigned>(n->op), n->ref, n->port)];
    old.erase(std::find(old.begin(), old.end(), n));
  }
  for (Node* n : ports) {
    n->ref = place[static_cast<size_t>(n->ref)];
    table_[llvm::hash_combine(0x50u, static_cast<unsigned>(n->op), n->ref, n->port)].push_back(n);
  }
}

// ---- one-bit functions ----------------------------------------------------------------------------------
Bdd::Id Graph::bdd_of(const Piece& p) {
  if (p.n->op == Op::kConst) return p.n->k[p.lo] ? Bdd::kTrue : Bdd::kFalse;
  if (p.n->op == Op::kUndef) return Bdd::kFalse;
  if (p.n->w == 1) return p.n->bdd;
  const auto key = std::make_pair(p.n, p.lo);
  const auto it = atoms_.find(key);
  if (it != atoms_.end()) return it->second;
  const Bdd::Id id = bdd_.variable();
  atoms_.emplace(key, id);
  return id;
}

Bdd::Id Graph::bdd_of(const Val& v) {
  assert(v.width() == 1);
  return bdd_of(v.pieces()[0]);
}

Val Graph::one_bit(Node* n) {
  if (n->bdd < 0) {
    const auto f = [&](size_t i) { return bdd_of(n->in[i]); };
    switch (n->op) {
      case Op::kNot:
        n->bdd = bdd_.lnot(f(0));
        break;
      case Op::kAnd:
        n->bdd = bdd_.land(f(0), f(1));
        break;
      case Op::kOr:
        n->bdd = bdd_.lor(f(0), f(1));
        break;
      case Op::kXor:
        n->bdd = bdd_.ite(f(0), bdd_.lnot(f(1)), f(1));
        break;
      case Op::kMux:
        n->bdd = bdd_.ite(f(0), f(1), f(2));
        break;
      case Op::kEq:
        if (n->in[0].width() <= 10 && is_const(n->in[1])) {
          n->bdd = Bdd::kTrue;
          for (unsigned i = 0; i < n->in[0].width(); ++i) {
            const Bdd::Id x = bdd_of(slice(n->in[0], i, 1));
            n->bdd = bdd_.land(n->bdd, value(n->in[1])[i] ? x : bdd_.lnot(x));
          }
          break;
        }
        n->bdd = bdd_.variable();
        break;
      default:
        n->bdd = bdd_.variable();
    }
  }
  if (n->bdd == Bdd::kFalse || n->bdd == Bdd::kTrue) return bit(n->bdd == Bdd::kTrue);
  const auto [it, fresh] = simplest_.emplace(n->bdd, Piece{n, 0, 1});
  Val r;
  r.append(it->second);
  return r;
}

// ---- questions ------------------------------------------------------------------------------------------
bool Graph::is_const(const Val& v) {
  return std::all_of(v.pieces().begin(), v.pieces().end(),
                     [](const Piece& p) { return p.n->op == Op::kConst; });
}
bool Graph::is_undef(const Val& v) {
  return std::all_of(v.pieces().begin(), v.pieces().end(),
                     [](const Piece& p) { return p.n->op == Op::kUndef; });
}
bool Graph::is_zero(const Val& v) {
  return std::all_of(v.pieces().begin(), v.pieces().end(),
                     [](const Piece& p) { return p.n->op == Op::kConst && p.n->k.isZero(); });
}
bool Graph::is_ones(const Val& v) {
  return std::all_of(v.pieces().begin(), v.pieces().end(),
                     [](const Piece& p) { return p.n->op == Op::kConst && p.n->k.isAllOnes(); });
}

APInt Graph::value(const Val& v) const {
  APInt r(v.width(), 0);
  unsigned at = 0;
  for (const Piece& p : v.pieces()) {
    if (p.n->op == Op::kConst) r.insertBits(p.n->k.extractBits(p.w, p.lo), at);
    at += p.w;
  }
  return r;
}

unsigned Graph::significant(const Val& v) const {
  unsigned w = v.width();
  for (auto it = v.pieces().rbegin(); it != v.pieces().rend(); ++it) {
    if (it->n->op != Op::kConst) return w;
    const unsigned zeros = it->n->k.countl_zero();
    w -= zeros;
    if (zeros != it->w) return w;
  }
  return w;
}

unsigned Graph::low_zeros(const Val& v) const {
  unsigned n = 0;
  for (const Piece& p : v.pieces()) {
    if (p.n->op != Op::kConst) return n;
    n += p.n->k.countr_zero();
    if (!p.n->k.isZero()) return n;
  }
  return n;
}

// ---- wiring ---------------------------------------------------------------------------------------------
namespace {
// Neighbouring constants become one.
void push_const(Graph& g, Val& v, const Piece& p, APInt& pending, unsigned& pending_w) {
  if (p.n->op == Op::kConst) {
    const APInt part = p.n->k.extractBits(p.w, p.lo);
    APInt joined(pending_w + p.w, 0);
    if (pending_w != 0) joined.insertBits(pending, 0);
    joined.insertBits(part, pending_w);
    pending = joined;
    pending_w += p.w;
    return;
  }
  if (pending_w != 0) v.push(g.constant(pending));
  pending_w = 0;
  v.push(p);
}
}  // namespace

Val Graph::slice_bit(const Piece& p) {
  const Node& n = *p.n;
  const auto part = [&](size_t i) { return slice(n.in[i], p.lo, 1); };
  switch (n.op) {
    case Op::kNot:
      return lnot(part(0));
    case Op::kAnd:
      return land(part(0), part(1));
    case Op::kOr:
      return lor(part(0), part(1));
    case Op::kXor:
      return lxor(part(0), part(1));
    case Op::kMux:
      return mux(n.in[0], part(1), part(2));
    case Op::kRepeat:
      return n.in[0];
    default:
      break;
  }
  Val r;
  r.append(p);
  return r;
}

Val Graph::slice(const Val& v, unsigned lo, unsigned w) {
  assert(lo + w <= v.width());
  if (lo == 0 && w == v.width()) return v;
  Val r;
  APInt pending;
  unsigned pending_w = 0, at = 0;
  for (const Piece& p : v.pieces()) {
    const unsigned from = std::max(at, lo), to = std::min(at + p.w, lo + w);
    if (from < to) {
      const Piece part{p.n, p.n->op == Op::kUndef ? 0 : p.lo + (from - at), to - from};
      if (part.w == 1 && p.n->w > 1 && p.n->op != Op::kConst) {
        const Val one = slice_bit(part);
        push_const(*this, r, one.pieces()[0], pending, pending_w);
      } else {
        push_const(*this, r, part, pending, pending_w);
      }
    }
    at += p.w;
    if (at >= lo + w) break;
  }
  if (pending_w != 0) r.push(constant(pending));
  return r;
}

Val Graph::replace(const Val& v, unsigned lo, const Val& part) {
  const unsigned hi = lo + part.width();
  Val r;
  APInt pending;
  unsigned pending_w = 0;
  const auto all = [&](const Val& x) {
    for (const Piece& p : x.pieces()) push_const(*this, r, p, pending, pending_w);
  };
  if (lo > 0) all(slice(v, 0, lo));
  all(part);
  if (hi < v.width()) all(slice(v, hi, v.width() - hi));
  if (pending_w != 0) r.push(constant(pending));
  return r;
}

Val Graph::tidy(const Val& v) {
  if (v.pieces().size() < 2) return v;
  Val r;
  APInt pending;
  unsigned pending_w = 0;
  for (const Piece& p : v.pieces()) push_const(*this, r, p, pending, pending_w);
  if (pending_w != 0) r.push(constant(pending));
  return r;
}

Val Graph::zext(const Val& v, unsigned w) {
  if (w == v.width()) return v;
  Val r;
  APInt pending;
  unsigned pending_w = 0;
  for (const Piece& p : v.pieces()) push_const(*this, r, p, pending, pending_w);
  const Val z = zero(w - v.width());
  push_const(*this, r, z.pieces()[0], pending, pending_w);
  r.push(constant(pending));
  return r;
}

Val Graph::sext(const Val& v, unsigned w) {
  if (w == v.width()) return v;
  const Val top = slice(v, v.width() - 1, 1);
  if (is_zero(top)) return zext(v, w);
  const unsigned more = w - v.width();
  Val fill;
  if (is_const(top)) {
    fill = constant(APInt::getAllOnes(more));
  } else {
    fill = more == 1 ? top : make(Op::kRepeat, more, {top});
  }
  Val r;
  APInt pending;
  unsigned pending_w = 0;
  for (const Piece& p : v.pieces()) push_const(*this, r, p, pending, pending_w);
  for (const Piece& p : fill.pieces()) push_const(*this, r, p, pending, pending_w);
  if (pending_w != 0) r.push(constant(pending));
  return r;
}

std::vector<Graph::Segment> Graph::align(const Val& a, const Val& b) {
  assert(a.width() == b.width());
  std::vector<Segment> r;
  size_t i = 0, j = 0;
  unsigned ai = 0, bj = 0;  // used of the pieces
  while (i < a.pieces().size()) {
    const Piece &p = a.pieces()[i], &q = b.pieces()[j];
    const unsigned w = std::min(p.w - ai, q.w - bj);
    r.push_back(
        {{p.n, p.n->op == Op::kUndef ? 0 : p.lo + ai, w}, {q.n, q.n->op == Op::kUndef ? 0 : q.lo + bj, w}});
    ai += w;
    bj += w;
    if (ai == p.w) ++i, ai = 0;
    if (bj == q.w) ++j, bj = 0;
  }
  return r;
}

// ---- change ---------------------------------------------------------------------------------------------
Graph::Change Graph::change(const Val& v, const Val& self, int depth) {
  if (v == self) return {bit(true), undef(v.width())};
  const Change all{bit(false), v};
  Node* n = v.whole();
  if (n == nullptr || depth > 200) return all;
  if (n->op == Op::kMux) {
    const Val c = n->in[0];
    const Change a = change(n->in[1], self, depth + 1), b = change(n->in[2], self, depth + 1);
    if (is_zero(a.keep) && is_zero(b.keep)) return all;
    return {mux(c, a.keep, b.keep), mux(c, a.data, b.data)};
  }
  if (v.width() == 1 && (n->op == Op::kOr || n->op == Op::kAnd)) {
    const bool is_or = n->op == Op::kOr;
    for (size_t i = 0; i < 2; ++i) {
      if (n->in[i] == self) return {is_or ? lnot(n->in[1 - i]) : n->in[1 - i], bit(is_or)};
    }
    for (size_t i = 0; i < 2; ++i) {
      const Change c = change(n->in[i], self, depth + 1);
      if (is_zero(c.keep)) continue;
      const Val other = n->in[1 - i];
      // or: other | x. Kept while x is kept and other is 0.
      if (is_or) return {land(lnot(other), c.keep), lor(other, c.data)};
      return {land(other, c.keep), land(other, c.data)};
    }
  }
  return all;
}

}  // namespace hlsc
