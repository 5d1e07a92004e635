#include "sim/cluster/history.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nvtee::cluster {

bool History::has(const std::vector<Value>& list, Value v) {
  return std::find(list.begin(), list.end(), v) != list.end();
}

void History::set_initial(unsigned b, Value v) {
  blocks_[b].now = {v};
  blocks_[b].last = v;
  blocks_[b].since = {{v, 0}};
}

void History::write_begun(unsigned b, Op op, Value v) {
  blocks_[b].open.push_back({op, v, ++tick_});
  ++blocks_[b].version;
}

void History::write_acked(unsigned b, Op op, Value v, bool durable) {
  Block& k = blocks_[b];
  std::uint64_t begun = 0;
  for (std::size_t i = 0; i < k.open.size(); ++i) {
    if (k.open[i].op != op) continue;
    begun = k.open[i].begun;
    k.open.erase(k.open.begin() + static_cast<long>(i));
    break;
  }
  ++tick_;
  // What was in doubt before this write began is fenced by it.
  std::erase_if(k.doubt, [&](const Doubt& d) {
    if (d.since > begun) return false;
    remember(k, d.value);
    return true;
  });
  ++tick_;
  if (durable) k.since.clear();
  remember(k, v);
  k.now.assign(1, v);
  k.last = v;
  if (v == 0) k.zeroed = tick_;
  if (k.readers != 0) k.lately.push_back(v);
}

void History::write_in_doubt(unsigned b, Op op, Value v) {
  Block& k = blocks_[b];
  std::erase_if(k.open, [op](const Write& w) { return w.op == op; });
  k.doubt.push_back({v, ++tick_});
  if (k.readers != 0) k.lately.push_back(v);
}

void History::write_refused(unsigned b, Op op) {
  std::erase_if(blocks_[b].open, [op](const Write& w) { return w.op == op; });
}

bool History::legal(unsigned b, Value v) const {
  const Block& k = blocks_[b];
  if (has(k.now, v)) return true;
  for (const Write& w : k.open)
    if (w.value == v) return true;
  for (const Doubt& d : k.doubt)
    if (d.value == v) return true;
  return false;
}

void History::read_abandoned(unsigned b) {
  Block& k = blocks_[b];
  if (--k.readers == 0) k.lately.clear();
}

std::string History::read_done(unsigned b, Value v) {
  Block& k = blocks_[b];
  const bool right = legal(b, v) || has(k.lately, v);
  const bool alone = --k.readers == 0;
  if (alone) k.lately.clear();
  if (!right) return "was read: " + describe(b, v);
  if (!alone) return {};
  for (const Write& w : k.open)
    if (w.value == v) return {};
  // Seen once, it has taken effect: what was before is gone, and it cannot come again after another.
  const auto d = std::find_if(k.doubt.begin(), k.doubt.end(), [v](const Doubt& x) { return x.value == v; });
  if (d != k.doubt.end() && !(k.now.size() == 1 && k.now[0] == v)) {
    k.doubt.erase(d);
    ++tick_;
    remember(k, v);
    k.now.assign(1, v);
  } else if (has(k.now, v) && k.now.size() > 1) {
    ++tick_;
    remember(k, v);
    k.now.assign(1, v);
  }
  return {};
}

std::string History::describe(unsigned b, Value v) const {
  const Block& k = blocks_[b];
  std::string s = fmt::format("block {} holds {}; legal:", b, v);
  for (const Value x : k.now) s += fmt::format(" {}", x);
  for (const Write& w : k.open) s += fmt::format(" ({} under way)", w.value);
  for (const Doubt& d : k.doubt) s += fmt::format(" ({} in doubt)", d.value);
  return s;
}

bool History::legal_after_power_loss(unsigned b, Value v) const {
  if (legal(b, v)) return true;
  for (const Since& s : blocks_[b].since)
    if (s.value == v) return true;
  return false;
}

History::Mark History::mark() const {
  return tick_;
}

void History::flushed(Mark mark) {
  for (Block& k : blocks_) {
    // What it held at the mark stays (several values of one tick when that is not known), with all after it.
    std::size_t keep = k.since.size();
    while (keep > 0 && k.since[keep - 1].tick > mark) --keep;
    if (keep == 0) continue;
    const std::uint64_t tick = k.since[keep - 1].tick;
    std::erase_if(k.since, [tick](const Since& s) { return s.tick < tick; });
  }
}

void History::power_lost() {
  ++tick_;
  for (Block& k : blocks_) {
    ++k.version;
    for (Since& s : k.since) {
      s.tick = tick_;
      if (!has(k.now, s.value)) k.now.push_back(s.value);
      if (k.readers != 0) k.lately.push_back(s.value);
    }
  }
}

}  // namespace nvtee::cluster
