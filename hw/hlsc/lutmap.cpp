#include "hw/hlsc/lutmap.hpp"

#include <algorithm>

namespace hlsc {

namespace {
size_t hash(uint32_t a, uint32_t b) {
  uint64_t h = a * 0x9e3779b97f4a7c15ull;
  h = (h ^ (h >> 31) ^ b) * 0xbf58476d1ce4e5b9ull;
  return static_cast<size_t>(h >> 30);
}
}  // namespace

LutMap::LutMap(bool balance) : balance_(balance), table_(1u << 14, 0) {
  nodes_.emplace_back();
}

LutMap::Lit LutMap::leaf(int depth) {
  const auto id = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  Node& n = nodes_.back();
  n.depth = depth;
  n.cuts = 1;
  n.cut[0].size = 1;
  n.cut[0].leaf[0] = id;
  n.cut[0].depth = depth;
  return 2 * id;
}

LutMap::Lit LutMap::leaf(int depth, const Bits& of) {
  const Lit l = leaf(depth);
  for (Lit x : of)
    if (x > kTrue) through_.emplace_back(l >> 1, x >> 1);
  return l;
}

// Nodes stand behind what they are made of. What was only tried, and lies in a later stage now, does not
// count.
std::vector<int> LutMap::reach(const Bits& used) const {
  std::vector<int> r(nodes_.size(), -1);
  for (Lit l : used) r[l >> 1] = depth(l);
  const auto behind = [&](uint32_t node, int deepest) {
    r[node] = std::max({r[node], nodes_[node].depth, deepest});
  };
  size_t t = through_.size();
  for (size_t id = nodes_.size(); id-- > 1;) {
    const Node& n = nodes_[id];
    for (; t > 0 && through_[t - 1].first == id; --t)
      if (r[id] >= 0) behind(through_[t - 1].second, r[id]);
    if (r[id] < 0 || n.b == 0) continue;
    behind(n.a >> 1, r[id]);
    behind(n.b >> 1, r[id]);
  }
  return r;
}

bool LutMap::join(const Cut& a, const Cut& b, Cut& to) {
  int i = 0, j = 0;
  to.size = 0;
  while (i < a.size || j < b.size) {
    if (to.size == kInputs) return false;
    if (j == b.size || (i < a.size && a.leaf[static_cast<size_t>(i)] < b.leaf[static_cast<size_t>(j)])) {
      to.leaf[static_cast<size_t>(to.size++)] = a.leaf[static_cast<size_t>(i++)];
    } else {
      if (i < a.size && a.leaf[static_cast<size_t>(i)] == b.leaf[static_cast<size_t>(j)]) ++i;
      to.leaf[static_cast<size_t>(to.size++)] = b.leaf[static_cast<size_t>(j++)];
    }
  }
  return true;
}

void LutMap::make_cuts(uint32_t id) {
  const Node &x = nodes_[nodes_[id].a >> 1], &y = nodes_[nodes_[id].b >> 1];
  std::array<Cut, kCuts * kCuts> found;
  int n = 0;
  for (int i = 0; i < x.cuts; ++i) {
    for (int j = 0; j < y.cuts; ++j) {
      Cut c;
      if (!join(x.cut[static_cast<size_t>(i)], y.cut[static_cast<size_t>(j)], c)) continue;
      int deepest = 0;
      for (int k = 0; k < c.size; ++k)
        deepest = std::max(deepest, nodes_[c.leaf[static_cast<size_t>(k)]].depth);
      c.depth = deepest + 1;
      bool known = false;
      for (int k = 0; k < n && !known; ++k)
        known =
            found[static_cast<size_t>(k)].size == c.size &&
            std::equal(c.leaf.begin(), c.leaf.begin() + c.size, found[static_cast<size_t>(k)].leaf.begin());
      if (!known) found[static_cast<size_t>(n++)] = c;
    }
  }
  std::sort(found.begin(), found.begin() + n, [](const Cut& a, const Cut& b) {
    return a.depth != b.depth ? a.depth < b.depth : a.size < b.size;
  });
  Node& me = nodes_[id];
  me.cuts = std::min(n, kCuts - 1);
  for (int i = 0; i < me.cuts; ++i) me.cut[static_cast<size_t>(i)] = found[static_cast<size_t>(i)];
  me.depth = me.cut[0].depth;
  Cut& self = me.cut[static_cast<size_t>(me.cuts++)];
  self.size = 1;
  self.leaf[0] = id;
  self.depth = me.depth;
}

void LutMap::grow() {
  std::vector<uint32_t> old(table_.size() * 2, 0);
  old.swap(table_);
  for (uint32_t id : old) {
    if (id == 0) continue;
    size_t at = hash(nodes_[id].a, nodes_[id].b) & (table_.size() - 1);
    while (table_[at] != 0) at = (at + 1) & (table_.size() - 1);
    table_[at] = id;
  }
}

LutMap::Lit LutMap::and_two(Lit a, Lit b) {
  if (a > b) std::swap(a, b);
  if (a == kFalse || a == (b ^ 1)) return kFalse;
  if (a == kTrue || a == b) return b;
  size_t at = hash(a, b) & (table_.size() - 1);
  for (; table_[at] != 0; at = (at + 1) & (table_.size() - 1))
    if (nodes_[table_[at]].a == a && nodes_[table_[at]].b == b) return 2 * table_[at];
  const auto id = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  nodes_[id].a = a;
  nodes_[id].b = b;
  make_cuts(id);
  table_[at] = id;
  if (nodes_.size() * 2 > table_.size()) grow();
  return 2 * id;
}

// What an and of ands stands on.
void LutMap::gather(Lit a, Bits& to, int limit) const {
  const Node& n = nodes_[a >> 1];
  if ((a & 1) == 0 && n.b != 0 && static_cast<int>(to.size()) < limit) {
    gather(n.a, to, limit);
    gather(n.b, to, limit);
  } else {
    to.push_back(a);
  }
}

LutMap::Lit LutMap::land(Lit a, Lit b) {
  if (!balance_ || a <= 1 || b <= 1 || a == b || a == (b ^ 1)) return and_two(a, b);
  Bits parts;
  gather(a, parts, 12);
  gather(b, parts, 24);
  if (parts.size() == 2) return and_two(a, b);
  return all(std::move(parts));
}

// The earliest first.
LutMap::Lit LutMap::all(Bits of) {
  std::sort(of.begin(), of.end());
  of.erase(std::unique(of.begin(), of.end()), of.end());
  for (size_t i = 0; i + 1 < of.size(); ++i)
    if (of[i] == (of[i + 1] ^ 1)) return kFalse;
  if (of.empty()) return kTrue;
  const auto deeper = [this](Lit x, Lit y) { return depth(x) != depth(y) ? depth(x) > depth(y) : x > y; };
  std::sort(of.begin(), of.end(), deeper);
  while (of.size() > 1) {
    const Lit x = of.back();
    of.pop_back();
    const Lit y = of.back();
    of.pop_back();
    const Lit z = and_two(x, y);
    of.insert(std::upper_bound(of.begin(), of.end(), z, deeper), z);
  }
  return of[0];
}

LutMap::Lit LutMap::parity(Bits of) {
  const auto deeper = [this](Lit x, Lit y) { return depth(x) > depth(y); };
  std::sort(of.begin(), of.end(), deeper);
  while (of.size() > 1) {
    const Lit x = of.back();
    of.pop_back();
    const Lit y = of.back();
    of.pop_back();
    const Lit z = lxor(x, y);
    of.insert(std::upper_bound(of.begin(), of.end(), z, deeper), z);
  }
  return of.empty() ? kFalse : of[0];
}

LutMap::Lit LutMap::lxor(Lit a, Lit b) {
  return and_two(and_two(a, b) ^ 1, and_two(a ^ 1, b ^ 1) ^ 1);
}

LutMap::Lit LutMap::mux(Lit c, Lit a, Lit b) {
  if (c == kTrue || a == b) return a;
  if (c == kFalse) return b;
  if (a == kTrue || a == c) return lor(c, b);
  if (a == kFalse || a == (c ^ 1)) return land(c ^ 1, b);
  if (b == kTrue || b == (c ^ 1)) return lor(c ^ 1, a);
  if (b == kFalse || b == c) return land(c, a);
  return and_two(and_two(c, a) ^ 1, and_two(c ^ 1, b) ^ 1) ^ 1;
}

// Kogge-Stone: generate and propagate of ever longer runs.
void LutMap::prefix(Bits& g, Bits& p) {
  for (size_t step = 1; step < g.size(); step *= 2) {
    for (size_t i = g.size(); i-- > step;) {
      g[i] = lor(g[i], and_two(p[i], g[i - step]));
      p[i] = and_two(p[i], p[i - step]);
    }
  }
}

LutMap::Bits LutMap::add(const Bits& a, const Bits& b, Lit carry) {
  Bits g, p, x;
  for (size_t i = 0; i < a.size(); ++i) {
    g.push_back(and_two(a[i], b[i]));
    x.push_back(lxor(a[i], b[i]));
    p.push_back(x.back());
  }
  if (carry != kFalse && !g.empty()) g[0] = lor(g[0], and_two(p[0], carry));
  prefix(g, p);
  Bits r;
  for (size_t i = 0; i < a.size(); ++i) r.push_back(lxor(x[i], i == 0 ? carry : g[i - 1]));
  return r;
}

LutMap::Lit LutMap::carry_out(const Bits& a, const Bits& b, Lit carry) {
  // A tree is enough for the last carry.
  Bits g, p;
  for (size_t i = 0; i < a.size(); ++i) {
    g.push_back(and_two(a[i], b[i]));
    p.push_back(lor(a[i], b[i]));
  }
  if (carry != kFalse && !g.empty()) g[0] = lor(g[0], and_two(p[0], carry));
  while (g.size() > 1) {
    Bits g2, p2;
    for (size_t i = 0; i < g.size(); i += 2) {
      if (i + 1 == g.size()) {
        g2.push_back(g[i]);
        p2.push_back(p[i]);
        continue;
      }
      g2.push_back(lor(g[i + 1], and_two(p[i + 1], g[i])));
      p2.push_back(and_two(p[i + 1], p[i]));
    }
    g = g2;
    p = p2;
  }
  return g.empty() ? carry : g[0];
}

}  // namespace hlsc
