// Simulated surroundings of a namespace's control machine, for tests: time, chance, legs with caches.
// Deterministic from a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <string>
#include <vector>

#include "hw/nvme/spec.hpp"
#include "runtime/base/time.hpp"
#include "runtime/core/namespace_control.hpp"

namespace nvtee::core::sim {

using Value = std::uint64_t;  // content of a block: number of the write that made it, 0 = as created

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  Duration between(Duration a, Duration b) { return a + below(b - a + 1); }

 private:
  std::uint64_t state_;
};

// Things that happen at a time, in the order of their times; ties in the order they were asked for.
class Agenda {
 public:
  Time now = kSecond;
  void at(Time t, std::function<void()> what) { queue_.push({std::max(t, now), next_++, std::move(what)}); }
  void in(Duration d, std::function<void()> what) { at(now + d, std::move(what)); }
  bool empty() const { return queue_.empty(); }
  Time next_time() const { return queue_.empty() ? kNever : queue_.top().at; }
  bool run_one() {
    if (queue_.empty()) return false;
    auto item = queue_.top();
    queue_.pop();
    now = item.at;
    item.what();
    return true;
  }

 private:
  struct Item {
    Time at;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Item& o) const { return at != o.at ? at > o.at : order > o.order; }
  };
  std::priority_queue<Item> queue_;
  std::uint64_t next_ = 0;
};

// A backing namespace with a volatile cache, maybe. Commands of an association that ended may still execute.
class SimLeg {
 public:
  SimLeg(Agenda& agenda, Chance& chance, unsigned blocks)
      : agenda_(agenda), chance_(chance), cache(blocks), stable(blocks) {}

  bool reachable = true;
  Duration stall = 0;         // added to each execution
  unsigned error_one_in = 0;  // answers with an infrastructure status
  unsigned bad_read_one_in = 0;
  bool reservation_lost = false;
  bool changed = false;  // content, since the last look
  LegFacts facts;

 private:
  Agenda& agenda_;
  Chance& chance_;

 public:
  std::vector<Value> cache, stable;

  struct Answer {
    spec::Status status = 0;
    std::vector<Value> data;
  };
  // Executes some time later, unless power is lost before; then `done`, which tells whether anybody still
  // listens.
  void send(std::uint8_t opcode, std::uint64_t lba, unsigned count, std::vector<Value> data,
            std::function<void(Answer)> done) {
    const unsigned life = power_;
    const Duration execute = chance_.between(20 * kMicrosecond, 2 * kMillisecond) + stall;
    agenda_.in(execute, [this, life, opcode, lba, count, data = std::move(data), done = std::move(done)] {
      if (life != power_) return;
      Answer a = run(opcode, lba, count, data);
      agenda_.in(chance_.between(20 * kMicrosecond, 2 * kMillisecond), [a, done] { done(a); });
    });
  }
  void lose_power() {
    ++power_;
    changed = true;
    if (facts.volatile_cache)
      for (std::size_t i = 0; i < cache.size(); ++i)
        if (!chance_.one_in(3)) cache[i] = stable[i];  // some of it had been written back
    stable = cache;
  }

 private:
  Answer run(std::uint8_t opcode, std::uint64_t lba, unsigned count, const std::vector<Value>& data) {
    Answer a;
    changed = changed || opcode != spec::io::kRead;
    if (reservation_lost) {
      a.status = spec::st::kReservationConflict;
      return a;
    }
    if (error_one_in != 0 && chance_.one_in(error_one_in)) {
      a.status = spec::st::kPathInternal;
      return a;
    }
    if (opcode == spec::io::kRead) {
      if (bad_read_one_in != 0 && chance_.one_in(bad_read_one_in)) {
        a.status = spec::st::kReadError;
        return a;
      }
      a.data.assign(cache.begin() + static_cast<long>(lba), cache.begin() + static_cast<long>(lba + count));
    } else if (opcode == spec::io::kWrite) {
      for (unsigned i = 0; i < count; ++i) {
        cache[lba + i] = data[i];
        if (!facts.volatile_cache) stable[lba + i] = data[i];
      }
    } else {
      stable = cache;
    }
    return a;
  }
  unsigned power_ = 0;
};

}  // namespace nvtee::core::sim
