// The shadow against an exhaustive search for a legal order, over small random histories of one block: it
// must never call a legal history wrong, and it must see every illegal one at the first read that makes it
// so.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "tools/nvtee-host/shadow.hpp"

namespace nvtee::host {
namespace {

constexpr std::uint32_t kSize = 64;
constexpr int kInitial = -1;  // a read of what was there before; 0 = zeroes, n = write n's pattern
constexpr unsigned kOpen = ~0u;

struct Op {
  bool write = false;
  bool zeroes = false;
  int sequence = 0;  // writes
  int value = 0;     // reads: what came back
  unsigned begun = 0, ended = kOpen;
  Outcome outcome = Outcome::kAcked;
};

// Is there an order of the operations' effects in which every finished read returns the value before it?
class Search {
 public:
  Search(const std::vector<Op>& ops, bool late) : ops_(ops), late_(late), done_(ops.size(), false) {}
  bool legal() { return step(kInitial, false); }

 private:
  // The last moment at which an operation may take effect, by what is known of it.
  unsigned deadline(const Op& o) const {
    const bool open = o.ended == kOpen || (o.write && o.outcome == Outcome::kLost);
    return open ? kOpen : o.ended;
  }
  bool must_happen(const Op& o) const {
    return o.ended != kOpen && (!o.write || o.outcome == Outcome::kAcked);
  }
  // a has to come before b if both happen.
  bool before(const Op& a, const Op& b) const {
    if (deadline(a) < b.begun) return true;
    return !late_ && a.write && b.write && a.outcome == Outcome::kLost && a.ended < b.begun;
  }
  bool step(int value, bool zero_written) {
    bool finished = true;
    for (std::size_t i = 0; i < ops_.size(); ++i) finished &= done_[i] || !must_happen(ops_[i]);
    if (finished) return true;
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      const Op& o = ops_[i];
      if (done_[i] || (!o.write && o.ended == kOpen)) continue;
      // Nothing that must precede it may be left to happen; an optional one that is skipped never happens.
      bool ready = true;
      for (std::size_t j = 0; j < ops_.size(); ++j)
        if (j != i && !done_[j] && must_happen(ops_[j]) && before(ops_[j], o)) ready = false;
      for (std::size_t j = 0; j < ops_.size(); ++j)
        if (done_[j] && before(o, ops_[j])) ready = false;
      if (!ready) continue;
      // Before the first write the block holds something unknown, which may be zeroes.
      if (!o.write && o.value != value && !(value == kInitial && o.value == 0)) continue;
      done_[i] = true;
      const bool ok = step(o.write ? (o.zeroes ? 0 : o.sequence) : value, zero_written || o.zeroes);
      done_[i] = false;
      if (ok) return true;
    }
    return false;
  }
  const std::vector<Op>& ops_;
  const bool late_;
  std::vector<bool> done_;
};

struct Totals {
  unsigned reads = 0, illegal = 0, missed = 0;
};

class History {
 public:
  History(std::uint64_t seed, bool late, unsigned zero_percent)
      : rng_(seed),
        late_(late),
        zero_percent_(zero_percent),
        shadow_(identity(), {.late_lost_writes = late}) {}

  // Runs until the first illegal read or the end; false when the shadow was wrong.
  void run(Totals& totals) {
    for (unsigned i = 0; i < 22; ++i) {
      const unsigned what = pick(4);
      if (what == 0 && writes_ < 5) {
        begin(true);
      } else if (what == 1) {
        end_one(true, totals);
      } else if (what == 2 && reads_ < 5) {
        begin(false);
      } else if (what == 3 && end_one(false, totals)) {
        return;
      }
    }
  }

 private:
  static Shadow::Identity identity() {
    Shadow::Identity id;
    id.block_size = kSize;
    id.blocks = 1;
    id.session = 5;
    return id;
  }
  unsigned pick(unsigned n) { return static_cast<unsigned>(rng_() % n); }

  void begin(bool write) {
    Op o;
    o.write = write;
    o.begun = ++time_;
    if (write) {
      ++writes_;
      o.zeroes = pick(100) < zero_percent_;
      ids_.push_back(shadow_.begin_write(o.zeroes ? WriteKind::kZeroes : WriteKind::kData, 0, 1));
      o.sequence = static_cast<int>(shadow_.sequence(ids_.back()));
    } else {
      ++reads_;
      ids_.push_back(shadow_.begin_read(0, 1));
    }
    ops_.push_back(o);
  }

  // true: an illegal read ended the history.
  bool end_one(bool write, Totals& totals) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < ops_.size(); ++i)
      if (ops_[i].write == write && ops_[i].ended == kOpen) open.push_back(i);
    if (open.empty()) return false;
    const std::size_t i = open[pick(static_cast<unsigned>(open.size()))];
    Op& o = ops_[i];
    o.ended = ++time_;
    if (write) {
      const unsigned r = pick(10);
      o.outcome = r < 6 ? Outcome::kAcked : r < 8 ? Outcome::kFailed : Outcome::kLost;
      shadow_.end_write(ids_[i], o.outcome);
      return false;
    }
    o.value = static_cast<int>(pick(static_cast<unsigned>(writes_) + 2)) - 1;
    std::vector<std::byte> data(kSize, std::byte{0x77});
    if (o.value == 0) std::fill(data.begin(), data.end(), std::byte{0});
    if (o.value > 0) fill_block(data, {0, static_cast<std::uint64_t>(o.value), 5, 1});
    for (const Op& w : ops_)
      if (w.write && w.zeroes && w.sequence == o.value) {
        o.value = 0;  // that write's data are zeroes
        std::fill(data.begin(), data.end(), std::byte{0});
      }
    std::vector<Violation> found;
    shadow_.end_read(ids_[i], data, found);
    const bool legal = Search(ops_, late_).legal();
    ++totals.reads;
    totals.illegal += !legal;
    totals.missed += !legal && found.empty();
    EXPECT_TRUE(!legal || found.empty()) << "a false alarm: " << found[0].text << "\n" << text();
    return !legal || !found.empty();
  }

  std::string text() const {
    std::string s;
    for (const Op& o : ops_)
      s += (o.write ? "W" + std::to_string(o.sequence) + (o.zeroes ? "z" : "")
                    : "R=" + std::to_string(o.value)) +
           " [" + std::to_string(o.begun) + "," + (o.ended == kOpen ? "-" : std::to_string(o.ended)) + "] " +
           (o.write && o.ended != kOpen ? (o.outcome == Outcome::kAcked    ? "acked"
                                           : o.outcome == Outcome::kFailed ? "failed"
                                                                           : "lost")
                                        : "") +
           "\n";
    return s;
  }

  std::mt19937_64 rng_;
  bool late_;
  unsigned zero_percent_;
  Shadow shadow_;
  std::vector<Op> ops_;
  std::vector<Shadow::Op> ids_;
  unsigned time_ = 0;
  unsigned writes_ = 0, reads_ = 0;
};

Totals run_many(unsigned n, bool late, unsigned zero_percent) {
  Totals t;
  for (unsigned seed = 0; seed < n && !testing::Test::HasFailure(); ++seed)
    History(seed, late, zero_percent).run(t);
  return t;
}

TEST(ShadowModel, ExactForDistinctValues) {
  const Totals t = run_many(15000, false, 0);
  EXPECT_GT(t.illegal, 2000u);
  EXPECT_GT(t.reads - t.illegal, 2000u);
  EXPECT_EQ(t.missed, 0u) << "of " << t.illegal;
}

TEST(ShadowModel, ExactForDistinctValuesWithLateWrites) {
  const Totals t = run_many(15000, true, 0);
  EXPECT_GT(t.illegal, 2000u);
  EXPECT_EQ(t.missed, 0u) << "of " << t.illegal;
}

// Zeroes do not say which command wrote them: nothing legal may be refused; a few illegal ones go unseen.
TEST(ShadowModel, NoFalseAlarmWithZeroes) {
  for (const bool late : {false, true}) {
    const Totals t = run_many(15000, late, 40);
    EXPECT_GT(t.illegal, 1000u);
    EXPECT_LT(t.missed * 50, t.illegal) << t.missed << " of " << t.illegal;
  }
}

}  // namespace
}  // namespace nvtee::host
