#include "hw/hlsc/optimize.hpp"

#include <algorithm>
#include <set>

namespace hlsc {

namespace {

struct Range {
  unsigned lo = ~0u, hi = 0;
  void add(unsigned l, unsigned h) {
    lo = std::min(lo, l);
    hi = std::max(hi, h);
  }
};

class Rebuild {
 public:
  Rebuild(Kernel& k, const Schedule& s) : k_(k), s_(s), fresh_(std::make_unique<Graph>()) {}

  void run() {
    each_root([&](Val& v) { order(v); });
    for (const PathLits& lits : k_.effects)
      for (const Val& v : lits) order(v);
    each_root([&](Val& v) { demand(v); });
    for (const PathLits& lits : k_.effects)
      for (const Val& v : lits) demand(v);
    for (size_t i = order_.size(); i-- > 0;) demand_operands(order_[i]);
    for (const Node* n : order_) build(n);
    each_root([&](Val& v) { v = mapped(v); });
    for (PathLits& lits : k_.effects) {
      PathLits now;
      for (const Val& v : lits) {
        const Val x = mapped(v);
        if (!Graph::is_ones(x)) now.push_back(x);
      }
      lits = now;
    }
    k_.graph = std::move(fresh_);
  }

 private:
  template <class F>
  void each_root(F f) {
    for (StreamPort& p : k_.streams) {
      if (p.request.width() != 0) f(p.request);
      if (p.data.width() != 0) f(p.data);
    }
    for (Register& r : k_.registers) {
      f(r.enable);
      f(r.next);
    }
    for (Memory& m : k_.memories) {
      for (Memory::ReadPort& p : m.reads) {
        f(p.enable);
        f(p.address);
      }
      for (Memory::LeafWrite& w : m.writes) {
        f(w.enable);
        f(w.data);
      }
      if (m.write_address.width() != 0) f(m.write_address);
    }
  }

  // Operands first. Iterative: chains are long.
  void order(const Val& v) {
    struct Step {
      const Node* n;
      std::vector<const Node*> in;
      size_t at = 0;
    };
    std::vector<Step> stack;
    const auto enter = [&](const Node* n) {
      if (!seen_.insert(n).second) return;
      Step s;
      s.n = n;
      for (const Val& x : n->in)
        for (const Piece& p : x.pieces()) s.in.push_back(p.n);
      if (n->op == Op::kMemRead) {
        const Memory& m = k_.memories[static_cast<size_t>(n->ref)];
        for (const Piece& p : m.reads[static_cast<size_t>(n->port) / kMaxLeaves].address.pieces())
          s.in.push_back(p.n);
      }
      stack.push_back(std::move(s));
    };
    for (const Piece& p : v.pieces()) {
      enter(p.n);
      while (!stack.empty()) {
        Step& top = stack.back();
        if (top.at < top.in.size()) {
          const Node* next = top.in[top.at++];
          enter(next);
        } else {
          order_.push_back(top.n);
          stack.pop_back();
        }
      }
    }
  }

  void demand(const Val& v) {
    for (const Piece& p : v.pieces()) {
      wanted_[p.n].add(p.lo, p.lo + p.w);
      ++users_[p.n];
    }
  }
  // Bits lo..hi of a value.
  void demand(const Val& v, unsigned lo, unsigned hi) {
    unsigned at = 0;
    for (const Piece& p : v.pieces()) {
      const unsigned from = std::max(at, lo), to = std::min(at + p.w, hi);
      if (from < to) {
        wanted_[p.n].add(p.lo + from - at, p.lo + to - at);
        ++users_[p.n];
      }
      at += p.w;
    }
  }

  void demand_operands(const Node* n) {
    const auto it = wanted_.find(n);
    if (it == wanted_.end()) return;
    const unsigned lo = it->second.lo, hi = it->second.hi;
    switch (n->op) {
      case Op::kNot:
      case Op::kAnd:
      case Op::kOr:
      case Op::kXor:
        for (const Val& v : n->in) demand(v, lo, hi);
        return;
      case Op::kMux:
        demand(n->in[0]);
        demand(n->in[1], lo, hi);
        demand(n->in[2], lo, hi);
        return;
      case Op::kAdd:
      case Op::kSub:
      case Op::kMul:
        for (const Val& v : n->in) demand(v, 0, hi);
        return;
      case Op::kShl:
        demand(n->in[0], 0, hi);
        demand(n->in[1]);
        return;
      default:
        for (const Val& v : n->in) demand(v);
    }
  }

  Graph& g() { return *fresh_; }

  // In the new graph.
  Val mapped(const Val& v) {
    Val r;
    for (const Piece& p : v.pieces()) r.push(mapped(p));
    return g().tidy(r);
  }
  Val mapped(const Piece& p) {
    if (p.n->op == Op::kConst) return g().constant(p.n->k.extractBits(p.w, p.lo));
    if (p.n->op == Op::kUndef) return g().undef(p.w);
    const Made& m = made_.at(p.n);
    return g().slice(m.v, p.lo - m.lo, p.w);
  }
  Val part(const Val& v, unsigned lo, unsigned hi) {
    Val r;
    unsigned at = 0;
    for (const Piece& p : v.pieces()) {
      const unsigned from = std::max(at, lo), to = std::min(at + p.w, hi);
      if (from < to) r.push(mapped(Piece{p.n, p.n->op == Op::kUndef ? 0 : p.lo + from - at, to - from}));
      at += p.w;
    }
    return g().tidy(r);
  }

  // ---- wide conditions
  void gather(const Piece& p, Op op, const Node* top, std::vector<Piece>& to, size_t limit) {
    const bool same = p.n->op == op && p.n->w == 1 && to.size() < limit && s_.known(p.n) && s_.known(top) &&
                      s_.at(p.n).stage == s_.at(top).stage;
    if (!same) {
      if (std::find(to.begin(), to.end(), p) == to.end()) to.push_back(p);
      return;
    }
    for (const Val& v : p.n->in) gather(v.pieces()[0], op, top, to, limit);
  }
  Val balanced(const Node* n) {
    std::vector<Piece> parts;
    for (const Val& v : n->in) gather(v.pieces()[0], n->op, n, parts, 16);
    struct Item {
      Val v;
      double level;
      size_t order;
    };
    std::vector<Item> items;
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool now = s_.known(n) && s_.known(parts[i].n) && s_.at(parts[i].n).stage == s_.at(n).stage;
      items.push_back({mapped(parts[i]), now ? s_.at(parts[i].n).level : 0, i});
    }
    size_t next = items.size();
    while (items.size() > 1) {
      std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
        return a.level != b.level ? a.level < b.level : a.order < b.order;
      });
      const Val v = n->op == Op::kAnd ? g().land(items[0].v, items[1].v) : g().lor(items[0].v, items[1].v);
      const double level = std::max(items[0].level, items[1].level) + 0.4;
      items.erase(items.begin(), items.begin() + 2);
      items.push_back({v, level, next++});
    }
    return items[0].v;
  }

  void build(const Node* n) {
    if (n->op == Op::kConst || n->op == Op::kUndef) return;
    const auto it = wanted_.find(n);
    if (it == wanted_.end() && n->op != Op::kMemRead) return;
    Made m;
    unsigned lo = 0, hi = n->w;
    if (it != wanted_.end()) {
      lo = it->second.lo;
      hi = it->second.hi;
    }
    g().at(n->loc);
    const auto in = [&](size_t i) { return mapped(n->in[i]); };
    const auto cut = [&](size_t i) { return part(n->in[i], lo, hi); };
    const auto low = [&](size_t i) { return part(n->in[i], 0, hi); };
    switch (n->op) {
      case Op::kNot:
        m = {g().lnot(cut(0)), lo};
        break;
      case Op::kAnd:
        m = {n->w == 1 ? balanced(n) : g().land(cut(0), cut(1)), lo};
        break;
      case Op::kOr:
        m = {n->w == 1 ? balanced(n) : g().lor(cut(0), cut(1)), lo};
        break;
      case Op::kXor:
        m = {g().lxor(cut(0), cut(1)), lo};
        break;
      case Op::kMux:
        m = {g().mux(in(0), cut(1), cut(2)), lo};
        break;
      case Op::kAdd:
        m = {g().add(low(0), low(1)), 0};
        break;
      case Op::kSub:
        m = {g().sub(low(0), low(1)), 0};
        break;
      case Op::kMul:
        m = {g().mul(low(0), low(1)), 0};
        break;
      case Op::kShl:
        m = {g().shift(n->op, low(0), in(1)), 0};
        break;
      case Op::kLshr:
      case Op::kAshr:
        m = {g().shift(n->op, in(0), in(1)), 0};
        break;
      case Op::kEq:
        m = {g().eq(in(0), in(1)), 0};
        break;
      case Op::kUlt:
        m = {g().ult(in(0), in(1)), 0};
        break;
      case Op::kParity:
        m = {g().parity(in(0)), 0};
        break;
      case Op::kRepeat:
        m = {g().sext(in(0), n->w), 0};
        break;
      case Op::kRom:
        m = {g().rom(n->ref, in(0), n->w, n->name), 0};
        break;
      default:
        m = {g().source(n->op, n->ref, n->w, n->name, n->port), 0};
        break;
    }
    if (Node* w = m.v.whole(); w != nullptr && w->name.empty() && w->op >= Op::kNot) w->name = n->name;
    made_[n] = m;
  }

  struct Made {
    Val v;
    unsigned lo = 0;  // of the old node's bits
  };
  Kernel& k_;
  const Schedule& s_;
  std::unique_ptr<Graph> fresh_;
  std::set<const Node*> seen_;
  std::vector<const Node*> order_;
  std::unordered_map<const Node*, Range> wanted_;
  std::unordered_map<const Node*, unsigned> users_;
  std::unordered_map<const Node*, Made> made_;
};

}  // namespace

void optimize(Kernel& k, const Schedule& first) {
  Rebuild(k, first).run();
}

}  // namespace hlsc
