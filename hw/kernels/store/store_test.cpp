// The store against plain arrays: beats at any offset, PDUs of several sessions interleaved, both ports,
// under slow and stalling memory; reads from the stage and from memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/store/memory_model.hpp"
#include "hw/kernels/store/store_path.hpp"

namespace nvtee::card {
namespace {

using test::Memory;
using test::Random;

struct Small : EngineConfig {
  static constexpr unsigned kSessionBits = 3;
  static constexpr unsigned kStageBits = 3;  // 4 entries a port
};
constexpr std::uint64_t kBase = 0x4'0000'0000ull;
constexpr unsigned kSlots = 24;

std::uint64_t place(unsigned slot, unsigned offset) {
  return kBase + std::uint64_t{slot} * 131072 + offset;
}

// What is being written: one PDU of a session.
struct Pdu {
  unsigned slot, offset, session;
  std::vector<std::uint8_t> data;
  bool staged, leg;
  std::size_t at = 0;
};

struct Rig {
  explicit Rig(std::uint64_t seed, test::MemoryTiming timing = {})
      : rng(seed),
        write_mem{{memory, timing, seed + 1}, {memory, timing, seed + 2}},
        read_mem{{memory, timing, seed + 3}, {memory, timing, seed + 4}} {}

  void clock() {
    for (unsigned p = 0; p < 2; ++p) {
      write_mem[p].step(write[p].aw, write[p].w, write[p].b);
      read_mem[p].step(read[p].ar, read[p].r);
      if (step()) write[p].step();
      if (step()) read[p].step();
    }
    if (step()) stage.step();
    ++now;
  }
  bool step() { return hold == 0 || !rng.chance(hold); }

  Random rng;
  unsigned hold = 0;  // percent of clocks in which a port's kernels do not run
  Memory memory;
  StagePath<Small> stage;
  WritePath<Small> write[2] = {{stage.port0, 0, kBase}, {stage.port1, 1, kBase}};
  ReadPath read[2] = {{stage.port0, kBase}, {stage.port1, kBase}};
  test::MemoryWritePort write_mem[2];
  test::MemoryReadPort read_mem[2];
  std::uint64_t now = 0;
};

StoreBeat beat_of(const Pdu& p, bool ok) {
  const std::size_t n = std::min<std::size_t>(64, p.data.size() - p.at);
  StoreBeat b = StoreBeat();
  b.data = ~ap_uint<512>(0);  // what is beyond the count must not be written
  for (std::size_t i = 0; i < n; ++i)
    b.data.range(static_cast<int>(8 * i + 7), static_cast<int>(8 * i)) = p.data[p.at + i];
  b.count = static_cast<unsigned>(n);
  b.slot = p.slot;
  b.offset = p.offset + static_cast<unsigned>(p.at);
  b.staged = p.staged;
  b.first = p.at == 0;
  b.last = p.at + n == p.data.size();
  b.done = p.leg ? StoreDone::kLegDone : StoreDone::kHostDone;
  b.tell = p.leg;
  b.ok = ok;
  b.session = p.session;
  b.cid = p.slot;
  return b;
}

// Writes random PDUs; whenever one is told to be in, reads some of it through the other kernels and compares.
class StoreWorld {
 public:
  StoreWorld(std::uint64_t seed, test::MemoryTiming timing, unsigned hold) : rig(seed, timing) {
    rig.hold = hold;
    for (auto& s : want) s.assign(131072, 0xee);
    busy.assign(kSlots, false);
  }

  void run(unsigned pdus) {
    left = pdus;
    std::uint64_t quiet = 0;
    while ((left != 0 || open_pdus() || reads_open()) && quiet < 20000) {
      const std::uint64_t before = progress;
      if (testing::Test::HasFatalFailure()) return;
      for (unsigned p = 0; p < 2; ++p) {
        feed(p);
        collect(p);
        check_reads(p);
      }
      rig.clock();
      quiet = progress == before ? quiet + 1 : 0;
    }
    ASSERT_LT(quiet, 20000u) << "stands still";
    for (unsigned p = 0; p < 2; ++p) {
      EXPECT_EQ(rig.write_mem[p].errors(), 0u);
      EXPECT_EQ(rig.read_mem[p].errors(), 0u);
    }
  }

  Rig rig;
  unsigned left = 0, staged_reads = 0, reads_done = 0;
  std::string fault;

 private:
  struct Reading {
    std::vector<std::uint8_t> want;
    std::size_t at = 0;
    unsigned slot;
  };
  bool open_pdus() const {
    for (const auto& p : active)
      if (!p.empty()) return true;
    return std::count(busy.begin(), busy.end(), true) != 0;
  }
  bool reads_open() const { return !reading[0].empty() || !reading[1].empty(); }

  // One beat of one of up to four PDUs a port.
  void feed(unsigned port) {
    auto& a = active[port];
    Random& r = rig.rng;
    if (left != 0 && a.size() < 4 && r.chance(30)) {
      Pdu p;
      p.slot = r.below(kSlots);
      if (busy[p.slot]) return;
      p.staged = r.chance(50);
      p.leg = !p.staged && r.chance(30);
      const unsigned most = r.chance(20) ? 8192 : 200;
      p.offset = p.staged ? 0 : 4 * r.below(r.chance(50) ? 40 : 32768 - 4096);
      const unsigned size = 1 + r.below(p.staged ? most : std::min(most, 131072 - p.offset));
      p.data.resize(size);
      for (auto& x : p.data) x = static_cast<std::uint8_t>(r.bits());
      for (unsigned s = 0; s < 8; ++s) {
        bool used = false;
        for (const Pdu& q : a) used |= q.session == s;
        p.session = s;
        if (!used) break;
      }
      busy[p.slot] = true;
      --left;
      a.push_back(p);
    }
    if (a.empty() || rig.write[port].in.full() || r.chance(10)) return;
    Pdu& p = a[r.below(static_cast<unsigned>(a.size()))];
    rig.write[port].in.write(beat_of(p, true));
    p.at += 64;
    ++progress;
    if (p.at < p.data.size()) return;
    std::copy(p.data.begin(), p.data.end(), want[p.slot].begin() + p.offset);
    waiting[p.slot] = p;
    a.erase(a.begin() + (&p - a.data()));
  }

  // A PDU is in: what it wrote is read back, by the port that comes, from the stage if it likes.
  void collect(unsigned port) {
    auto& done = rig.write[port].now.empty() ? rig.write[port].done : rig.write[port].now;
    if (!done.empty()) told[port].push_back({rig.now + kAway, done.read()});
    if (told[port].empty() || told[port].front().first > rig.now) return;
    ++progress;
    const StoreDone d = told[port].front().second;
    told[port].pop_front();
    const unsigned slot = d.slot.to_uint();
    ASSERT_TRUE(waiting.count(slot)) << "told before its last beat";
    const Pdu p = waiting[slot];
    waiting.erase(slot);
    ASSERT_EQ(d.ok, 1);
    const unsigned from = 4 * rig.rng.below(static_cast<unsigned>(p.data.size() + 3) / 4);
    const unsigned size = 1 + rig.rng.below(static_cast<unsigned>(p.data.size()) - from);
    const unsigned reader = rig.rng.below(2);
    if (rig.read[reader].in.full()) {
      busy[slot] = false;
      return;
    }
    StoreRead q = StoreRead();
    q.slot = slot;
    q.offset = p.offset + from;
    q.length = size;
    q.chip = p.staged || rig.rng.chance(50);
    rig.read[reader].in.write(q);
    Reading x;
    const auto begin = want[slot].begin() + p.offset + from;
    x.want.assign(begin, begin + size);
    x.slot = slot;
    reading[reader].push_back(x);
  }

  void check_reads(unsigned port) {
    auto& out = rig.read[port].out;
    if (out.empty() || rig.rng.chance(20)) return;
    ++progress;
    const ReadBeat b = out.read();
    ASSERT_FALSE(reading[port].empty());
    Reading& x = reading[port].front();
    const std::size_t n = std::min<std::size_t>(64, x.want.size() - x.at);
    ASSERT_EQ(b.count.to_uint(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const ap_uint<8> byte = b.data.range(static_cast<int>(8 * i + 7), static_cast<int>(8 * i));
      ASSERT_EQ(byte.to_uint(), x.want[x.at + i]) << "slot " << x.slot << " byte " << x.at + i;
    }
    if (n < 64) ASSERT_EQ(b.data >> static_cast<int>(8 * n), 0) << "bytes beyond the end";
    x.at += n;
    ASSERT_EQ(b.last == 1, x.at == x.want.size());
    if (!b.last) return;
    ++reads_done;
    busy[x.slot] = false;
    reading[port].pop_front();
  }

  std::array<std::vector<std::uint8_t>, kSlots> want;
  std::vector<bool> busy;
  std::vector<Pdu> active[2];
  std::map<unsigned, Pdu> waiting;
  // From the news that data are in to the first question for them: store_cut says why the stage may hear of
  // an entry beside the news, not before it. Half of the card's 12 clocks, since here stage_dir is called in
  // each clock.
  static constexpr std::uint64_t kAway = 6;
  std::deque<std::pair<std::uint64_t, StoreDone>> told[2];
  std::deque<Reading> reading[2];
  std::uint64_t progress = 0;
};

TEST(Store, RandomWritesAreReadBack) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    test::MemoryTiming timing;
    timing.latency = seed % 3 == 0 ? 3 : 100;
    timing.jitter = seed % 2 ? 60 : 0;
    timing.stall = seed % 4 == 1 ? 30 : 0;
    timing.outstanding = seed % 5 == 0 ? 4 : 64;
    StoreWorld world(seed, timing, seed % 3 == 2 ? 30 : 0);
    world.run(400);
    if (HasFatalFailure()) return;
    EXPECT_GT(world.reads_done, 200u);
  }
}

// Nothing of a buffer but what was written changes, and a barrier leaves behind everything before it.
TEST(Store, BarrierWaitsForMemory) {
  Rig rig(3, {.latency = 200});
  Pdu p{5, 12, 1, std::vector<std::uint8_t>(100, 0x41), false, false};
  for (p.at = 0; p.at < 100; p.at += 64) rig.write[0].in.write(beat_of(p, true));
  StoreBeat bar = StoreBeat();
  bar.last = 1;
  bar.done = StoreDone::kNone;
  bar.session = 6;
  rig.write[0].in.write(bar);
  unsigned clocks = 0;
  while (rig.write[0].event.empty() && ++clocks < 1000) rig.clock();
  ASSERT_FALSE(rig.write[0].event.empty());
  const CardEvent e = rig.write[0].event.read();
  EXPECT_EQ(e.kind, CardEvent::kSessionDrained);
  EXPECT_EQ(e.session, 6);
  auto got = rig.memory.read(place(5, 0), 192);
  std::vector<std::uint8_t> want(192, 0xee);
  std::fill(want.begin() + 12, want.begin() + 112, 0x41);
  EXPECT_EQ(got, want);
  EXPECT_EQ(rig.write[0].done.read().slot, 5);
}

// Calls, one a clock, for a stream of PDUs: what the card's store takes for them.
TEST(Store, OneBeatAClock) {
  Rig rig(4, {.latency = 100, .outstanding = 256});
  unsigned sent = 0, clocks = 0, done = 0;
  Pdu p{0, 0, 0, std::vector<std::uint8_t>(4096, 0x55), false, false};
  while (done < 20 && clocks < 10000) {
    if (!rig.write[0].in.full() && sent < 20 * 64) {
      p.slot = sent / 64;
      p.at = (sent % 64) * 64;
      rig.write[0].in.write(beat_of(p, true));
      ++sent;
    }
    if (!rig.write[0].done.empty()) {
      rig.write[0].done.read();
      ++done;
    }
    rig.clock();
    ++clocks;
  }
  EXPECT_LE(clocks, 20 * 64 + 130u);
  // And back: jobs of 4 KiB, latency hidden.
  unsigned asked = 0, beats = 0;
  clocks = 0;
  while (beats < 20 * 64 && clocks < 10000) {
    if (asked < 20 && !rig.read[1].in.full()) {
      StoreRead q = StoreRead();
      q.slot = asked++;
      q.length = 4096;
      rig.read[1].in.write(q);
    }
    if (!rig.read[1].out.empty()) {
      rig.read[1].out.read();
      ++beats;
    }
    rig.clock();
    ++clocks;
  }
  EXPECT_LE(clocks, 20 * 64 + 150u);
}

}  // namespace
}  // namespace nvtee::card
