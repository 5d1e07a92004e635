#include "hw/hlsc/bdd.hpp"

#include <algorithm>

namespace hlsc {

namespace {
constexpr int kLeaf = 0x7fffffff;
constexpr int kWorkPerOperation = 20000;
}  // namespace

Bdd::Bdd() {
  nodes_.push_back({kLeaf, 0, 0});
  nodes_.push_back({kLeaf, 1, 1});
}

Bdd::Id Bdd::node(int var, Id lo, Id hi) {
  if (lo == hi) return lo;
  const Key key{var, lo, hi};
  const auto it = unique_.find(key);
  if (it != unique_.end()) return it->second;
  const Id id = static_cast<Id>(nodes_.size());
  nodes_.push_back({var, lo, hi});
  unique_.emplace(key, id);
  return id;
}

Bdd::Id Bdd::cofactor(Id f, int var, bool high) const {
  const Node& n = nodes_[static_cast<size_t>(f)];
  return n.var != var ? f : high ? n.hi : n.lo;
}

Bdd::Id Bdd::walk(Id f, Id g, Id h, int& budget) {
  if (f == kTrue) return g;
  if (f == kFalse) return h;
  if (g == h) return g;
  if (g == kTrue && h == kFalse) return f;
  const Key key{f, g, h};
  const auto it = cache_.find(key);
  if (it != cache_.end()) return it->second;
  if (--budget < 0) throw TooMuch();
  const int var = std::min({nodes_[static_cast<size_t>(f)].var, nodes_[static_cast<size_t>(g)].var,
                            nodes_[static_cast<size_t>(h)].var});
  const Id lo = walk(cofactor(f, var, false), cofactor(g, var, false), cofactor(h, var, false), budget);
  const Id hi = walk(cofactor(f, var, true), cofactor(g, var, true), cofactor(h, var, true), budget);
  const Id r = node(var, lo, hi);
  cache_.emplace(key, r);
  return r;
}

Bdd::Id Bdd::ite(Id f, Id g, Id h) {
  int budget = kWorkPerOperation;
  try {
    return walk(f, g, h, budget);
  } catch (const TooMuch&) {
    return variable();
  }
}

}  // namespace hlsc
