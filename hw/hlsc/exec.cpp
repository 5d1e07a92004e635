// Control flow: which block runs when, and how ways meet.
#include "hw/hlsc/exec.hpp"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/IR/Dominators.h>

#include <algorithm>

namespace hlsc {

using namespace llvm;  // NOLINT

namespace {
constexpr int kMaxRounds = 4096;
}

Exec::Exec(Program& program, Function& f, Types& types, Warnings& warnings, const ExecOptions& options)
    : program_(program),
      f_(f),
      types_(types),
      warnings_(warnings),
      options_(options),
      layout_(program.module().getDataLayout()) {
  at_ = program.loc(f);
  kernel_.name = Program::module_name(f);
  kernel_.loc = at_;
  own_pragmas_ = program.pragmas_in(f);
}

Kernel Exec::run() {
  for (const Pragma* p : own_pragmas_)
    if (p->kind == "PIPELINE") kernel_.ii = static_cast<int>(p->number("ii", 1));
  if (kernel_.ii < 1 || kernel_.ii > 64) no("II must be 1 to 64", "write #pragma HLS PIPELINE II=1");
  make_params();
  execute();
  warn_of_pragmas_without_effect();
  return std::move(kernel_);
}

std::vector<Instance> Exec::run_dataflow(const std::set<Function*>& kernels) {
  kernels_ = &kernels;
  make_params();
  execute();
  warn_of_pragmas_without_effect();
  return std::move(instances_);
}

std::set<std::string> Exec::constant_arrays() const {
  std::set<std::string> r = options_.as_registers;
  for (const Region& x : regions_)
    if (x.used && !x.variable_index && x.depth * x.banks <= 512) r.insert(x.name);
  return r;
}

void Exec::execute() {
  dominators_ = std::make_unique<DominatorTree>(f_);
  loops_ = std::make_unique<LoopInfo>(*dominators_);
  std::vector<BasicBlock*> order;
  ReversePostOrderTraversal<Function*> rpo(&f_);
  for (BasicBlock* b : rpo) order.push_back(b);
  // An edge back that is no loop's: two ways into a circle.
  std::map<BasicBlock*, size_t> place;
  for (size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  for (BasicBlock* b : order) {
    for (BasicBlock* to : successors(b)) {
      if (place[to] <= place[b] && !dominators_->dominates(to, b))
        refuse(program_.loc(*b->getTerminator()), "a loop with two entries",
               "do not jump into a loop (goto)");
    }
  }
  pending_[&f_.getEntryBlock()].push_back({});
  run_blocks(nullptr, order);
  if (returned_.empty()) no("no way leads to the end of the kernel", "a call must end");
  Edge end = merge(std::move(returned_), 0);
  if (kernels_ == nullptr) collect(end.state);
}

void Exec::run_blocks(Loop* within, const std::vector<BasicBlock*>& order) {
  for (BasicBlock* b : order) {
    Loop* l = loops_->getLoopFor(b);
    if (l != within) {
      while (l->getParentLoop() != within) l = l->getParentLoop();
      if (l->getHeader() == b) {
        std::vector<BasicBlock*> inner;
        for (BasicBlock* x : order)
          if (l->contains(x)) inner.push_back(x);
        run_loop(l, inner);
      }
      continue;
    }
    std::vector<Edge> edges = std::move(pending_[b]);
    pending_[b].clear();
    if (edges.empty()) continue;
    for (const Instruction& i : *b) {
      if (!i.getDebugLoc()) continue;
      at_ = program_.loc(i);
      break;
    }
    g().at(at_);
    Edge in = merge(std::move(edges), 0);
    size_t i = 0;
    for (PHINode& phi : b->phis()) values_[&phi] = in.phis[i++];
    run_block(b, std::move(in.state));
  }
}

void Exec::run_loop(Loop* l, const std::vector<BasicBlock*>& order) {
  for (int round = 0; !pending_[l->getHeader()].empty(); ++round) {
    if (round > kMaxRounds) {
      at_ = program_.loc(l->getStartLoc().get());
      if (!at_.known()) at_ = program_.loc(*l->getHeader()->getTerminator());
      no("this loop does not end after " + std::to_string(kMaxRounds) +
             " rounds: its bound is not a constant",
         "give it a constant bound and leave it by `break`, or do one round per call with the index in the "
         "state");
    }
    // The header is this loop's own block: taken by run_blocks, which then sees no deeper loop there.
    run_blocks(l, order);
  }
}

void Exec::run_block(BasicBlock* b, State s) {
  for (Instruction& i : *b) {
    if (i.getDebugLoc()) at_ = program_.loc(i);
    g().at(at_);
    name_values(i);
    if (isa<PHINode>(i)) continue;
    if (!i.isTerminator()) {
      if (auto* c = dyn_cast<CallInst>(&i); c != nullptr && c->doesNotReturn())
        return;  // an assertion failed
      instruction(i, s);
      continue;
    }
    if (isa<ReturnInst>(i)) {
      returned_.push_back({std::move(s), {}});
    } else if (auto* br = dyn_cast<BranchInst>(&i)) {
      if (br->isUnconditional()) {
        leave(b, br->getSuccessor(0), s);
      } else {
        const Val c = under(bits(br->getCondition(), s), s);
        branch(b, br->getSuccessor(0), s, c);
        branch(b, br->getSuccessor(1), s, g().lnot(c));
      }
    } else if (auto* sw = dyn_cast<SwitchInst>(&i)) {
      const Val x = bits(sw->getCondition(), s);
      std::map<BasicBlock*, size_t> first;
      std::vector<std::pair<BasicBlock*, Val>> ways;
      Val none = g().bit(true);
      for (const auto& k : sw->cases()) {
        const Val hit = g().eq(x, g().constant(k.getCaseValue()->getValue()));
        none = g().land(none, g().lnot(hit));
        const auto [it, fresh] = first.emplace(k.getCaseSuccessor(), ways.size());
        if (fresh) {
          ways.emplace_back(k.getCaseSuccessor(), hit);
        } else {
          ways[it->second].second = g().lor(ways[it->second].second, hit);
        }
      }
      const auto it = first.find(sw->getDefaultDest());
      if (it != first.end()) {
        ways[it->second].second = g().lor(ways[it->second].second, none);
      } else {
        ways.emplace_back(sw->getDefaultDest(), none);
      }
      for (const auto& [to, when] : ways) branch(b, to, s, under(when, s));
    } else if (!isa<UnreachableInst>(i)) {
      no("a jump of a kind that hardware has no form for", "use if, switch and loops");
    }
  }
}

void Exec::branch(BasicBlock* from, BasicBlock* to, State s, const Val& condition) {
  if (!feasible(s, condition)) return;
  assume(s, condition);
  leave(from, to, s);
}

void Exec::leave(BasicBlock* from, BasicBlock* to, const State& s) {
  Edge e;
  e.state = s;
  for (PHINode& phi : to->phis()) e.phis.push_back(get(phi.getIncomingValueForBlock(from), s));
  pending_[to].push_back(std::move(e));
}

bool Exec::feasible(const State& s, const Val& condition) {
  return !g().bdd().disjoint(s.bdd, g().bdd_of(condition));
}

void Exec::assume(State& s, const Val& condition) {
  const Bdd::Id both = g().bdd().try_ite(s.bdd, g().bdd_of(condition), Bdd::kFalse);
  if (both == s.bdd) return;
  s.before.push_back({s.bdd, s.exact});
  s.lits.push_back(condition);
  if (both != Bdd::kTooMuch) {
    s.bdd = both;
  } else {
    s.exact = false;
  }
}

Val Exec::under(const Val& v, const State& s) {
  if (v.width() == 1 && !Graph::is_const(v)) {
    const Bdd::Id b = g().bdd_of(v);
    if (g().bdd().implies(s.bdd, b)) return g().bit(true);
    if (g().bdd().disjoint(s.bdd, b)) return g().bit(false);
  }
  Node* n = v.whole();
  for (int depth = 0; n != nullptr && n->op == Op::kMux && depth < 64; ++depth) {
    const Bdd::Id c = g().bdd_of(n->in[0]);
    if (g().bdd().implies(s.bdd, c)) {
      const Val next = n->in[1];
      return under(next, s);
    }
    if (g().bdd().disjoint(s.bdd, c)) {
      const Val next = n->in[2];
      return under(next, s);
    }
    break;
  }
  return v;
}

Val Exec::all_of(const PathLits& lits, size_t from) {
  Val r = g().bit(true);
  for (size_t i = from; i < lits.size(); ++i) r = g().land(r, lits[i]);
  return r;
}

// Ways that parted last meet first: so what they differ in is decided by what parted them, and by nothing
// that was found out later. Of a chain (if .. else if .., a loop left early) the parts meet as a tree.
Exec::Edge Exec::merge(std::vector<Edge> edges, size_t depth) {
  std::vector<Edge> parts;
  while (edges.size() > 1) {
    const size_t at = depth++;
    const auto has = [at](const Edge& e) { return e.state.lits.size() > at; };
    const auto first = std::find_if(edges.begin(), edges.end(), has);
    if (first == edges.end()) break;
    const Val l = first->state.lits[at];
    std::vector<Edge> with, without;
    for (Edge& e : edges) (has(e) && e.state.lits[at] == l ? with : without).push_back(std::move(e));
    // The side that is alone, or else the first, is a part of the chain; the other goes on.
    if (without.empty()) {
      edges = std::move(with);
    } else if (without.size() < with.size()) {
      parts.push_back(merge(std::move(without), depth));
      edges = std::move(with);
    } else {
      parts.push_back(merge(std::move(with), depth));
      edges = std::move(without);
    }
  }
  for (Edge& e : edges) parts.push_back(std::move(e));
  while (parts.size() > 1) {
    std::vector<Edge> next;
    for (size_t i = 0; i + 1 < parts.size(); i += 2) next.push_back(merge_two(parts[i], parts[i + 1]));
    if (parts.size() % 2 != 0) next.push_back(std::move(parts.back()));
    parts = std::move(next);
  }
  return std::move(parts[0]);
}

Exec::Edge Exec::merge_two(const Edge& a, const Edge& b) {
  const PathLits &la = a.state.lits, &lb = b.state.lits;
  size_t same = 0;
  while (same < la.size() && same < lb.size() && la[same] == lb[same]) ++same;
  // What tells the two ways apart.
  Val c;
  const Val all_a = all_of(la, same), all_b = all_of(lb, same);
  for (size_t i = same; i < la.size() && c.width() == 0; ++i) {
    const Bdd::Id opposite = g().bdd().lnot(g().bdd_of(la[i]));
    for (size_t j = same; j < lb.size(); ++j)
      if (g().bdd_of(lb[j]) == opposite) c = la[i];
  }
  // As little of it as does: what was found out later would only make it depend on more.
  for (size_t k = same + 1; c.width() == 0 && (k < la.size() || k < lb.size()); ++k) {
    const auto excludes = [&](const PathLits& lits, Bdd::Id other) {
      return k < lits.size() &&
             g().bdd().disjoint(
                 g().bdd_of(all_of(PathLits(lits.begin(), lits.begin() + static_cast<long>(k)), same)),
                 other);
    };
    if (excludes(la, b.state.bdd)) {
      c = all_of(PathLits(la.begin(), la.begin() + static_cast<long>(k)), same);
    } else if (excludes(lb, a.state.bdd)) {
      c = g().lnot(all_of(PathLits(lb.begin(), lb.begin() + static_cast<long>(k)), same));
    }
  }
  if (c.width() == 0) c = la.size() > same + 1 && lb.size() == same + 1 ? g().lnot(all_b) : all_a;
  Edge r;
  r.state.lits.assign(la.begin(), la.begin() + static_cast<long>(same));
  r.state.before.assign(a.state.before.begin(), a.state.before.begin() + static_cast<long>(same));
  const State::Known common =
      same < la.size() ? a.state.before[same] : State::Known{a.state.bdd, a.state.exact};
  r.state.bdd = g().bdd().try_ite(a.state.bdd, Bdd::kTrue, b.state.bdd);
  // Whether the two are all that `common` allows is known of exact conditions, or where they say so.
  r.state.exact = a.state.exact && b.state.exact && r.state.bdd != Bdd::kTooMuch;
  const Val either = g().lor(all_a, all_b);
  const bool all =
      g().bdd_of(either) == Bdd::kTrue || (r.state.exact && common.exact && r.state.bdd == common.bdd);
  if (all) {
    r.state.bdd = common.bdd;
    r.state.exact = common.exact;
  } else {
    if (r.state.bdd == Bdd::kTooMuch) r.state.bdd = common.bdd;
    r.state.before.push_back(common);
    r.state.lits.push_back(either);
  }
  const size_t n = std::max(a.state.memory.size(), b.state.memory.size());
  r.state.memory.resize(n);
  for (size_t i = 0; i < n; ++i) {
    auto x = i < a.state.memory.size() ? a.state.memory[i] : nullptr;
    auto y = i < b.state.memory.size() ? b.state.memory[i] : nullptr;
    if (x == y) {
      r.state.memory[i] = x;
      continue;
    }
    if (!x) x = objects_[i].first;
    if (!y) y = objects_[i].first;
    r.state.memory[i] = merge_content(c, x, y);
  }
  for (size_t i = 0; i < a.phis.size(); ++i) r.phis.push_back(merge_sym(c, a.phis[i], b.phis[i]));
  return r;
}

Sym Exec::merge_sym(const Val& c, const Sym& a, const Sym& b) {
  if (a.kind == Sym::kNone) return b;
  if (b.kind == Sym::kNone) return a;
  Sym r;
  r.kind = a.kind;
  if (a.kind == Sym::kInt) {
    r.v = g().mux(c, a.v, b.v);
  } else if (a.kind == Sym::kPointer) {
    if (a.p.choices.size() == 1 && b.p.choices.size() == 1 && a.p.choices[0].to == b.p.choices[0].to)
      return a;
    for (size_t i = 0; i < a.p.choices.size(); ++i) {
      Pointer::Choice k = a.p.choices[i];
      k.when = i + 1 == a.p.choices.size() ? c : g().land(c, k.when);
      r.p.choices.push_back(k);
    }
    for (const Pointer::Choice& k : b.p.choices) r.p.choices.push_back(k);
  } else {
    for (size_t i = 0; i < a.parts.size(); ++i) r.parts.push_back(merge_sym(c, a.parts[i], b.parts[i]));
  }
  return r;
}

std::shared_ptr<const Content> Exec::merge_content(const Val& c, const std::shared_ptr<const Content>& a,
                                                   const std::shared_ptr<const Content>& b) {
  auto r = std::make_shared<Content>();
  r->bits = g().mux(c, a->bits, b->bits);
  r->pointers = a->pointers;
  for (const auto& [at, p] : b->pointers) {
    const auto it = r->pointers.find(at);
    if (it == r->pointers.end()) {
      r->pointers[at] = p;
    } else {
      Sym x, y;
      x.kind = y.kind = Sym::kPointer;
      x.p = it->second;
      y.p = p;
      it->second = merge_sym(c, x, y).p;
    }
  }
  return r;
}

}  // namespace hlsc
