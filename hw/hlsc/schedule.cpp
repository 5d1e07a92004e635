#include "hw/hlsc/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace hlsc {

namespace {

bool later(const Time& a, const Time& b) {
  return a.stage != b.stage ? a.stage > b.stage : a.level > b.level;
}

}  // namespace

// ---- LUT levels -----------------------------------------------------------------------------------------
int Schedule::depth_of(const LutMap::Bits& b) const {
  int d = 0;
  for (LutMap::Lit l : b) d = std::max(d, map_.depth(l));
  return d;
}

const LutMap::Bits& Schedule::bits_of(const Node* n, int stage) {
  if (times_.at(n).stage == stage) return bits_.at(n);
  LutMap::Bits& b = later_bits_[{n->id, stage}];
  while (b.size() < n->w) b.push_back(map_.leaf(0));
  return b;
}

LutMap::Bits Schedule::bits_of(const Val& v, int stage) {
  LutMap::Bits r;
  for (const Piece& p : v.pieces()) {
    if (p.n->op == Op::kConst || p.n->op == Op::kUndef) {
      for (unsigned i = 0; i < p.w; ++i)
        r.push_back(p.n->op == Op::kConst && p.n->k[p.lo + i] ? LutMap::kTrue : LutMap::kFalse);
      continue;
    }
    const LutMap::Bits& b = bits_of(p.n, stage);
    r.insert(r.end(), b.begin() + p.lo, b.begin() + p.lo + p.w);
  }
  return r;
}

LutMap::Bits Schedule::shifted(const Node* n, int stage) {
  LutMap::Bits x = bits_of(n->in[0], stage);
  const LutMap::Bits by = bits_of(n->in[1], stage);
  const size_t w = x.size();
  const LutMap::Lit fill = n->op == Op::kAshr ? x.back() : LutMap::kFalse;
  for (size_t k = 0; k < by.size(); ++k) {
    const size_t step = k < 16 ? size_t{1} << k : w;
    LutMap::Bits next(w);
    for (size_t i = 0; i < w; ++i) {
      const LutMap::Lit other = n->op == Op::kShl ? (i >= step ? x[i - step] : LutMap::kFalse)
                                                  : (i + step < w ? x[i + step] : fill);
      next[i] = map_.mux(by[k], other, x[i]);
    }
    x = std::move(next);
  }
  return x;
}

LutMap::Bits Schedule::logic(const Node* n, int stage) {
  std::vector<LutMap::Bits> in;
  if (n->op != Op::kShl && n->op != Op::kLshr && n->op != Op::kAshr)
    for (const Val& v : n->in) in.push_back(bits_of(v, stage));
  LutMap::Bits r;
  const auto inverted = [](LutMap::Bits b) {
    for (LutMap::Lit& l : b) l ^= 1;
    return b;
  };
  switch (n->op) {
    case Op::kNot:
      return inverted(in[0]);
    case Op::kAnd:
      for (size_t i = 0; i < n->w; ++i) r.push_back(map_.land(in[0][i], in[1][i]));
      return r;
    case Op::kOr:
      for (size_t i = 0; i < n->w; ++i) r.push_back(map_.lor(in[0][i], in[1][i]));
      return r;
    case Op::kXor:
      for (size_t i = 0; i < n->w; ++i) r.push_back(map_.lxor(in[0][i], in[1][i]));
      return r;
    case Op::kMux:
      for (size_t i = 0; i < n->w; ++i) r.push_back(map_.mux(in[0][0], in[1][i], in[2][i]));
      return r;
    case Op::kAdd:
      return map_.add(in[0], in[1], LutMap::kFalse);
    case Op::kSub:
      return map_.add(in[0], inverted(in[1]), LutMap::kTrue);
    case Op::kUlt:
      return {map_.carry_out(in[0], inverted(in[1]), LutMap::kTrue) ^ 1};
    case Op::kEq:
      for (size_t i = 0; i < in[0].size(); ++i) r.push_back(map_.lxor(in[0][i], in[1][i]) ^ 1);
      return {map_.all(r)};
    case Op::kParity:
      return {map_.parity(in[0])};
    case Op::kRepeat:
      return LutMap::Bits(n->w, in[0][0]);
    case Op::kShl:
    case Op::kLshr:
    case Op::kAshr:
      return shifted(n, stage);
    case Op::kMul: {  // an array of adders, as a tree
      std::vector<LutMap::Bits> rows;
      for (size_t k = 0; k < in[1].size(); ++k) {
        if (in[1][k] == LutMap::kFalse) continue;
        LutMap::Bits row(k, LutMap::kFalse);
        for (size_t i = 0; i + k < n->w; ++i) row.push_back(map_.land(in[0][i], in[1][k]));
        rows.push_back(row);
      }
      if (rows.empty()) return LutMap::Bits(n->w, LutMap::kFalse);
      while (rows.size() > 1) {
        std::vector<LutMap::Bits> next;
        for (size_t i = 0; i < rows.size(); i += 2)
          next.push_back(i + 1 < rows.size() ? map_.add(rows[i], rows[i + 1], LutMap::kFalse) : rows[i]);
        rows = std::move(next);
      }
      return rows[0];
    }
    case Op::kRom: {
      const unsigned bits = n->in[0].width();
      const int d = depth_of(in[0]) + (bits <= 6 ? 1 : 1 + static_cast<int>(bits - 5) / 2);
      while (r.size() < n->w) r.push_back(map_.leaf(d, in[0]));
      return r;
    }
    default:
      while (r.size() < n->w) r.push_back(map_.leaf(0));
      return r;
  }
}

Schedule::Schedule(Kernel& k, const ScheduleOptions& o) : k_(k), g_(*k.graph), o_(o), map_(o.balance) {
  for (const StreamPort& p : k_.streams) {
    if (p.request.width() != 0) root(p.request, (p.written ? "write of " : "read of ") + p.cpp, p.loc, true);
  }
  for (const Register& r : k_.registers) {
    root(r.enable, "register " + r.name, r.loc, true);
    if (!Graph::is_zero(r.enable)) root(r.next, "register " + r.name, r.loc, true);
  }
  for (const Memory& m : k_.memories) {
    bool any = false;
    for (const Memory::LeafWrite& w : m.writes) {
      if (Graph::is_zero(w.enable)) continue;
      any = true;
      root(w.enable, "write of " + m.name, m.loc, true);
      root(w.data, "write of " + m.name, m.loc, true);
    }
    if (any) root(m.write_address, "write address of " + m.name, m.loc, true);
  }
  // A table may change when the call is committed: it is read before.
  for (const Memory& m : k_.memories)
    for (const Memory::ReadPort& p : m.reads) root(p.address, "read address of " + m.name, p.loc, true);
  for (const Node& n : g_.nodes()) {
    if (n.op != Op::kMemRead || k_.memories[static_cast<size_t>(n.ref)].storage != Storage::kLut) continue;
    if (static_cast<size_t>(n.port) / kMaxLeaves >= k_.memories[static_cast<size_t>(n.ref)].reads.size())
      continue;
    Val v;
    v.push({const_cast<Node*>(&n), 0, n.w});
    root(v, "read of " + n.name, n.loc, true);
  }
  place_requests();
  check_ii();
  make_start();
  for (const StreamPort& p : k_.streams)
    if (p.written && p.data.width() != 0) root(p.data, "record of " + p.cpp, p.loc, false);
  last_stage_ = ii_ - 1;
  for (const StreamPort& p : k_.streams)
    if (p.written && p.data.width() != 0) last_stage_ = std::max(last_stage_, write_stage(p));
  for (const auto& [n, t] : times_)
    if (n->op != Op::kMul) worst_level_ = std::max(worst_level_, t.level);
}

std::vector<std::vector<int>> Schedule::head_levels() const {
  LutMap::Bits used;
  for (const auto& [n, b] : bits_) used.insert(used.end(), b.begin(), b.end());
  const std::vector<int> reach = map_.reach(used);
  std::vector<std::vector<int>> r;
  for (const StreamPort& p : k_.streams) r.emplace_back(p.bits);
  for (const Node& n : g_.nodes()) {
    if (n.op != Op::kHead) continue;
    std::vector<int>& mine = r[static_cast<size_t>(n.ref)];
    const auto add = [&](const LutMap::Bits& b) {
      for (size_t i = 0; i < b.size() && i < mine.size(); ++i) mine[i] = std::max(mine[i], reach[b[i] >> 1]);
    };
    if (bits_.count(&n) != 0) add(bits_.at(&n));
    for (auto i = later_bits_.lower_bound({n.id, 0}); i != later_bits_.end() && i->first.first == n.id; ++i)
      if (i->first.second < ii_) add(i->second);
  }
  return r;
}

void Schedule::root(const Val& v, const std::string& what, const Loc& loc, bool commits) {
  visit(v);
  roots_.push_back({v, what, loc, commits});
}

Time Schedule::at(const Val& v) const {
  Time r;
  for (const Piece& p : v.pieces()) {
    const auto it = times_.find(p.n);
    if (it != times_.end() && later(it->second, r)) r = it->second;
  }
  return r;
}

Time Schedule::visit(const Val& v) {
  Time r;
  for (const Piece& p : v.pieces()) {
    const Time t = visit(p.n);
    if (later(t, r)) r = t;
  }
  return r;
}

// Of the nodes that wait for each other: a table, the first in the source.
Loc Schedule::where_it_turns() const {
  Loc r = k_.loc;
  for (const auto& [n, waits] : open_) {
    if (!waits || n->op != Op::kMemRead) continue;
    const Loc& at = k_.memories[static_cast<size_t>(n->ref)].loc;
    if (r.line == k_.loc.line || at.line < r.line) r = at;
  }
  return r;
}

Time Schedule::visit(const Node* n) {
  const auto it = times_.find(n);
  if (it != times_.end()) return it->second;
  if (open_[n])
    refuse(where_it_turns(), "the address of a table depends on what is read from it in the same call",
           "read the table in one call and use the address in the next, or give the tables different names");
  open_[n] = true;
  Time t;
  const auto input = [&](const Val& v) {
    for (const Piece& p : v.pieces()) {
      const Time x = visit(p.n);
      if (critical_.count(n) == 0 || later(x, t)) {
        if (p.n->op != Op::kConst) critical_[n] = p.n;
      }
      if (later(x, t)) t = x;
    }
  };
  if (n->op == Op::kMemRead) {
    const Memory& m = k_.memories[static_cast<size_t>(n->ref)];
    input(m.reads[static_cast<size_t>(n->port) / kMaxLeaves].address);
    if (m.storage == Storage::kLut) {
      const Val& address = m.reads[static_cast<size_t>(n->port) / kMaxLeaves].address;
      const int own = m.depth <= 64 ? 1 : m.depth <= 256 ? 2 : 3;
      t.level = depth_of(bits_of(address, t.stage)) + own;
      if (t.level > o_.budget) t = {t.stage + 1, static_cast<double>(own)};
      LutMap::Bits b;
      while (b.size() < n->w) b.push_back(map_.leaf(static_cast<int>(t.level), bits_of(address, t.stage)));
      bits_[n] = std::move(b);
    } else {
      t = {t.stage + 1, 1.0};  // a block RAM's output is late
      LutMap::Bits& b = bits_[n];
      while (b.size() < n->w) b.push_back(map_.leaf(1));
    }
  } else {
    for (const Val& v : n->in) input(v);
    LutMap::Bits b = logic(n, t.stage);
    t.level = depth_of(b);
    if (t.level > o_.budget && !n->in.empty()) {
      ++t.stage;
      b = logic(n, t.stage);
      t.level = depth_of(b);
    }
    bits_[n] = std::move(b);
  }
  open_[n] = false;
  times_[n] = t;
  return t;
}

// A request that may find no data or no space holds the whole call back.
void Schedule::place_requests() {
  stall_ = g_.bit(false);
  for (size_t i = 0; i < k_.streams.size(); ++i) {
    const StreamPort& p = k_.streams[i];
    if (!p.can_stall || p.request.width() == 0) continue;
    const Val there = p.written ? g_.source(Op::kNotFull, static_cast<int>(i), 1, p.name + ".not_full")
                                : g_.source(Op::kNotEmpty, static_cast<int>(i), 1, p.name + ".not_empty");
    // Conservative: not even the request is looked at, so that it is not in the way of the clock's enable.
    const Val waits = p.written && k_.conservative ? g_.lnot(there) : g_.land(p.request, g_.lnot(there));
    stall_ = g_.lor(stall_, waits);
  }
  visit(stall_);
  stall_stage_ = at(stall_).stage;
  if (!Graph::is_zero(stall_)) roots_.push_back({stall_, "whether the call must wait", k_.loc, true});
}

void Schedule::check_ii() {
  const Root* worst = nullptr;
  int needed = 1;
  for (const Root& r : roots_) {
    if (!r.commits) continue;
    const int stage = at(r.v).stage + 1;
    if (stage <= needed) continue;
    needed = stage;
    worst = &r;
  }
  ii_ = needed;
  if (needed <= k_.ii || o_.auto_ii) return;
  std::string path;
  Loc last;
  for (const Step& s : path_to(worst->v)) {
    if (!s.node->loc.known() || (s.node->loc.file == last.file && s.node->loc.line == last.line)) continue;
    last = s.node->loc;
    path += "\n    stage " + std::to_string(s.time.stage) + ", level " +
            std::to_string(s.time.level).substr(0, 4) + ": " + last.text() + " " +
            (s.node->name.empty() ? name_of(s.node->op) : s.node->name);
  }
  refuse(worst->loc,
         "II=" + std::to_string(k_.ii) + " cannot be met: " + worst->what +
             " needs II=" + std::to_string(needed) + "; its path, from the end:" + path,
         "write #pragma HLS PIPELINE II=" + std::to_string(needed) + ", shorten the path, or use --auto-ii");
}

// A cheap condition that holds whenever a call does anything.
void Schedule::make_start() {
  if (ii_ == 1) {
    start_ = g_.bit(true);
    return;
  }
  // Of each way only the conditions that are known early; a way with fewer conditions covers those with more.
  std::vector<PathLits> ways;
  for (const PathLits& lits : k_.effects) {
    PathLits early;
    for (const Val& l : lits) {
      const Time t = visit(l);
      if (t.stage == 0 && t.level <= o_.budget - 2) early.push_back(l);
    }
    ways.push_back(early);
  }
  const auto covers = [](const PathLits& a, const PathLits& b) {
    return std::all_of(a.begin(), a.end(),
                       [&](const Val& l) { return std::find(b.begin(), b.end(), l) != b.end(); });
  };
  std::vector<PathLits> kept;
  for (size_t i = 0; i < ways.size(); ++i) {
    bool covered = false;
    for (size_t j = 0; j < ways.size() && !covered; ++j)
      covered = j != i && covers(ways[j], ways[i]) && (j < i || !covers(ways[i], ways[j]));
    if (!covered) kept.push_back(ways[i]);
  }
  start_ = g_.bit(false);
  for (const PathLits& way : kept) {
    Val all = g_.bit(true);
    for (const Val& l : way) all = g_.land(all, l);
    start_ = g_.lor(start_, all);
  }
  visit(start_);
  if (at(start_).stage != 0) {
    start_ = g_.bit(true);
    visit(start_);
  }
}

int Schedule::write_stage(const StreamPort& p) const {
  int s = std::max(at(p.data).stage, at(p.request).stage);
  if (!Graph::is_zero(stall_)) s = std::max(s, stall_stage_);
  return s;
}

std::vector<Schedule::Step> Schedule::path_to(const Val& v) const {
  std::vector<Step> r;
  const Node* n = nullptr;
  Time worst{-1, 0};
  for (const Piece& p : v.pieces()) {
    const auto it = times_.find(p.n);
    if (it == times_.end() || !later(it->second, worst)) continue;
    worst = it->second;
    n = p.n;
  }
  while (n != nullptr) {
    r.push_back({n, times_.at(n)});
    const auto it = critical_.find(n);
    n = it == critical_.end() ? nullptr : it->second;
  }
  return r;
}

std::vector<Schedule::Step> Schedule::longest_path() const {
  const Root* worst = nullptr;
  double level = -1;
  for (const Root& r : roots_) {
    if (at(r.v).level <= level) continue;
    level = at(r.v).level;
    worst = &r;
  }
  std::vector<Step> all = worst == nullptr ? std::vector<Step>() : path_to(worst->v), r;
  for (const Step& s : all)
    if (s.time.stage == all[0].time.stage) r.push_back(s);
  return r;
}

}  // namespace hlsc
