#include "hw/hlsc/bdd.hpp"

#include <algorithm>

namespace hlsc {

namespace {
constexpr int kLeaf = 0x7fffffff;
constexpr int kWorkPerNode = 150;
constexpr unsigned kCacheBits = 17;
}  // namespace

Bdd::Bdd() {
  nodes_.push_back({kLeaf, 0, 0});
  nodes_.push_back({kLeaf, 1, 1});
  table_.assign(1u << 16, 0);
  cache_.assign(1u << kCacheBits, {-1, -1, -1, 0});
}

void Bdd::grow() {
  std::vector<Id> old(table_.size() * 2, 0);
  old.swap(table_);
  for (Id id : old) {
    if (id == 0) continue;
    const Node& n = nodes_[static_cast<std::size_t>(id)];
    std::size_t at = hash(n.var, n.lo, n.hi) & (table_.size() - 1);
    while (table_[at] != 0) at = (at + 1) & (table_.size() - 1);
    table_[at] = id;
  }
}

Bdd::Id Bdd::node(int var, Id lo, Id hi) {
  if (lo == hi) return lo;
  std::size_t at = hash(var, lo, hi) & (table_.size() - 1);
  for (; table_[at] != 0; at = (at + 1) & (table_.size() - 1)) {
    const Node& n = nodes_[static_cast<std::size_t>(table_[at])];
    if (n.var == var && n.lo == lo && n.hi == hi) return table_[at];
  }
  const Id id = static_cast<Id>(nodes_.size());
  nodes_.push_back({var, lo, hi});
  table_[at] = id;
  if (nodes_.size() * 2 > table_.size()) grow();
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
  const std::size_t slot = hash(f, g, h) & ((1u << kCacheBits) - 1);
  if (const Entry& e = cache_[slot]; e.f == f && e.g == g && e.h == h) return e.result;
  if (--budget < 0) return kTooMuch;
  const int var = std::min({nodes_[static_cast<size_t>(f)].var, nodes_[static_cast<size_t>(g)].var,
                            nodes_[static_cast<size_t>(h)].var});
  const Id lo = walk(cofactor(f, var, false), cofactor(g, var, false), cofactor(h, var, false), budget);
  if (lo == kTooMuch) return kTooMuch;
  const Id hi = walk(cofactor(f, var, true), cofactor(g, var, true), cofactor(h, var, true), budget);
  if (hi == kTooMuch) return kTooMuch;
  const Id r = node(var, lo, hi);
  cache_[slot] = {f, g, h, r};
  return r;
}

Bdd::Id Bdd::try_ite(Id f, Id g, Id h, int work) {
  int budget = work;
  const Id r = walk(f, g, h, budget);
  return r;
}

Bdd::Id Bdd::ite(Id f, Id g, Id h) {
  const Id r = try_ite(f, g, h, kWorkPerNode);
  return r == kTooMuch ? variable() : r;
}

}  // namespace hlsc
