#include "hw/hlsc/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace hlsc {

namespace {

// LUT6 levels of an adder or magnitude comparison of w bits.
double carry_levels(unsigned w) {
  return w <= 2 ? 0.8 : 0.9 + 0.62 * std::log2(static_cast<double>(w));
}

double log2_of(unsigned w) {
  return std::log2(static_cast<double>(std::max(1u, w)));
}

bool later(const Time& a, const Time& b) {
  return a.stage != b.stage ? a.stage > b.stage : a.level > b.level;
}

}  // namespace

double Schedule::cost(const Node* n) const {
  switch (n->op) {
    case Op::kAnd:
    case Op::kOr:
    case Op::kXor:
      return 0.4;
    case Op::kMux:
      return Graph::is_const(n->in[1]) || Graph::is_const(n->in[2]) ? 0.4 : 0.5;
    case Op::kAdd:
      return carry_levels(std::min(n->w, 1 + std::max(g_.significant(n->in[0]), g_.significant(n->in[1]))));
    case Op::kSub:
      return carry_levels(n->w);
    case Op::kUlt:
      return carry_levels(n->in[0].width());
    case Op::kMul:
      return 2 + carry_levels(n->w);
    case Op::kEq:
      return Graph::is_const(n->in[1]) ? 0.4 * log2_of(n->in[0].width())
                                       : 0.4 + 0.4 * log2_of(n->in[0].width());
    case Op::kParity:
      return 0.4 * log2_of(n->in[0].width());
    case Op::kShl:
    case Op::kLshr:
    case Op::kAshr:
      return 0.5 * n->in[1].width();
    case Op::kRom:
      return std::max(1.0, 0.5 * n->in[0].width() - 2);
    default:
      return 0;
  }
}

Schedule::Schedule(Kernel& k, const ScheduleOptions& o) : k_(k), g_(*k.graph), o_(o) {
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

Time Schedule::visit(const Node* n) {
  const auto it = times_.find(n);
  if (it != times_.end()) return it->second;
  if (open_[n])
    refuse(n->loc, "the address of a table depends on what is read from it in the same call",
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
      t.level += m.depth <= 64 ? 1.0 : 1.0 + 0.5 * (log2_of(static_cast<unsigned>(m.depth)) - 6);
      if (t.level > o_.budget) t = {t.stage + 1, 1.0};
    } else {
      t = {t.stage + 1, m.storage == Storage::kBlock ? 1.0 : 1.5};
    }
  } else {
    for (const Val& v : n->in) input(v);
    const double c = cost(n);
    t.level += c;
    if (t.level > o_.budget + 1e-9 && c != t.level) t = {t.stage + 1, c};
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
    stall_ = g_.lor(stall_, g_.land(p.request, g_.lnot(there)));
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
      if (t.stage == 0 && t.level <= o_.budget - 1.5) early.push_back(l);
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
