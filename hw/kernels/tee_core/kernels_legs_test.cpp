// Guard, legs and answer kernels alone, against plain references.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "hw/kernels/tee_core/test_rig.hpp"

namespace nvtee::tee {
namespace {

using test::order;
using test::SmallConfig;
namespace io = spec::io;
namespace st = spec::st;
using S = Sizes<SmallConfig>;

class Random {
 public:
  explicit Random(uint64_t seed) : rng_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(rng_() % n); }
  bool chance(unsigned percent) { return below(100) < percent; }
  uint64_t wide() { return rng_(); }

 private:
  std::mt19937_64 rng_;
};

// ---- guard and grant ------------------------------------------------------------------------------------
template <class C>
struct Guard {
  GuardState<C> s{};
  GrantState g{};
  hls::stream<Release, 64> release;
  hls::stream<Waiting, 16> recheck;
  hls::stream<Cmd, 4> admitted;
  hls::stream<Ticket, 3> ticket;
  hls::stream<Cmd, 3> carried;
  hls::stream<Waiting, 64> ring;
  hls::stream<Cmd, 2> granted;
  GuardIo guard_io{release, recheck, admitted, ticket, carried};
  GrantIo grant_io{ticket, carried, ring, ring, recheck, granted};
  template <class F>
  void drain(F take) {
    while (guard_step(s, guard_io) == Step::kMoved || grant_step<C>(g, grant_io) == Step::kMoved) {
    }
    while (!granted.empty()) take(granted.read());
  }
  // Takes steps in a random order until nothing moves; `take` gets what is granted.
  template <class F>
  void run(Random& random, F take) {
    for (unsigned still = 0; still < 40;) {
      const bool moved = random.chance(50) ? guard_step(s, guard_io) == Step::kMoved
                                           : grant_step<C>(g, grant_io) == Step::kMoved;
      still = moved ? 0 : still + 1;
      if (!granted.empty() && (random.chance(30) || granted.full() || still > 20)) {
        take(granted.read());
        still = 0;
      }
    }
  }
};

struct Locked {
  Cmd cmd;
  bool granted = false;
};

// A command goes exactly when no earlier one that is not released shares an entry with it and one of both
// writes.
TEST(Guard, IsAFairReaderWriterLock) {
  auto k = std::make_unique<Guard<SmallConfig>>();
  std::vector<Locked> line;  // in the order of admission
  std::set<unsigned> free_slots;
  for (unsigned i = 0; i < S::kSlots; ++i) free_slots.insert(i);
  Random random(5);
  const auto entries = [](const Cmd& c) {
    std::set<unsigned> e;
    for (unsigned i = 0; i < c.count; ++i)
      e.insert(entry_of<SmallConfig>(c.ns, static_cast<Lba>(c.slba.to_uint64() + i)));
    EXPECT_EQ(e.size(), c.count) << "a command must not meet itself";
    return e;
  };
  const auto conflict = [&](const Cmd& a, const Cmd& b) {
    if (!a.exclusive && !b.exclusive) return false;
    const auto x = entries(a), y = entries(b);
    return std::any_of(x.begin(), x.end(), [&](unsigned e) { return y.contains(e); });
  };
  unsigned waits = 0;
  for (unsigned turn = 0; turn < 6000; ++turn) {
    if (!free_slots.empty() && random.chance(55)) {
      Cmd c{};
      c.slot = *free_slots.begin();
      c.ns = random.below(3);
      c.count = random.chance(5) ? 0 : 1 + random.below(8);
      c.slba = random.chance(20) ? random.wide() : random.below(60);
      if (random.chance(20))
        c.slba = (random.wide() & ~0x3ffull) - random.below(9);  // over a wrap of the low bits
      c.exclusive = random.below(2);
      free_slots.erase(free_slots.begin());
      line.push_back({c});
      k->admitted.write(c);
    } else if (!line.empty()) {
      const unsigned i = random.below(static_cast<unsigned>(line.size()));
      if (!line[i].granted) continue;
      const Cmd c = line[i].cmd;
      line.erase(line.begin() + i);
      free_slots.insert(c.slot.to_uint());
      if (c.count != 0) {
        Release r{};
        r.slba = c.slba;
        r.count = c.count;
        r.ns = c.ns;
        k->release.write(r);
      }
    }
    k->run(random, [&](const Cmd& c) {
      const auto it =
          std::find_if(line.begin(), line.end(), [&](const Locked& l) { return l.cmd.slot == c.slot; });
      ASSERT_TRUE(it != line.end() && !it->granted);
      it->granted = true;
    });
    for (size_t i = 0; i < line.size(); ++i) {
      bool blocked = false;
      for (size_t j = 0; j < i; ++j) blocked |= conflict(line[j].cmd, line[i].cmd);
      ASSERT_EQ(line[i].granted, !blocked) << "turn " << turn << " slot " << line[i].cmd.slot.to_uint();
      waits += blocked ? 1 : 0;
    }
  }
  EXPECT_GT(waits, 1000u);
}

// Readers that overlap each other for ever, past every wrap of the ticket numbers, and one writer among them.
TEST(Guard, TicketNumbersWrap) {
  auto k = std::make_unique<Guard<SmallConfig>>();
  unsigned granted = 0;
  const auto lock = [&](unsigned slot, bool exclusive) {
    Cmd c{};
    c.slot = slot;
    c.count = 1;
    c.exclusive = exclusive;
    k->admitted.write(c);
    k->drain([&](const Cmd&) { ++granted; });
  };
  const auto unlock = [&] {
    Release r{};
    r.count = 1;
    k->release.write(r);
    k->drain([&](const Cmd&) { ++granted; });
  };
  lock(0, true);
  unlock();
  lock(0, false);
  for (unsigned i = 1; i < 70000; ++i) {
    lock(i & 1, false);
    ASSERT_EQ(granted, i + 2) << "a reader waits for a writer that is long gone";
    unlock();
  }
  lock(2, true);
  EXPECT_EQ(granted, 70001u);
  unlock();
  EXPECT_EQ(granted, 70002u);
}

// On the card's sizes: a command over any wrap of the hash never takes two tickets of one entry.
TEST(Guard, ACommandNeverMeetsItself) {
  Random random(7);
  for (unsigned i = 0; i < 4000; ++i) {
    const unsigned shift = 14 + random.below(40);
    const uint64_t start = ((random.wide() >> shift) << shift) - random.below(256);
    std::set<unsigned> seen;
    const NsIndex ns = random.below(64);
    const GuardSpan span = span_of<CardConfig>(ns, start);
    for (unsigned b = 0; b < 256; ++b) {
      const unsigned entry = entry_of<CardConfig>(ns, static_cast<Lba>(start + b));
      ASSERT_EQ(entry, entry_at<CardConfig>(span, b));
      ASSERT_EQ(entry % kLanes, (start + b) % kLanes);
      ASSERT_TRUE(seen.insert(entry).second) << start << " + " << b;
    }
  }
}

// ---- legtab ---------------------------------------------------------------------------------------------
TEST(LegTab, OldIncarnationsAreDroppedAndFaultsToldOnce) {
  LegTabState<SmallConfig> s{};
  hls::stream<Ctl, 8> ctl;
  hls::stream<LegIn, 8> leg_in;
  hls::stream<Peeked, 8> peeked;
  hls::stream<Order, 8> orders;
  hls::stream<Cmd, 8> granted;
  hls::stream<Work, 8> work;
  hls::stream<NsIndex, 8> shut;
  hls::stream<Event, 8> event;
  LegTabIo k{ctl, leg_in, peeked, orders, granted, work, shut, event};
  Ctl c = order(Ctl::kSetLeg);
  c.leg = 2;
  c.gen = 5;
  c.leg_state = Ctl::kLegInSync;
  ctl.write(c);
  LegIn a{};
  a.leg = 2;
  a.gen = 4;
  leg_in.write(a);
  a.gen = 5;
  a.status = st::kInterrupted;
  leg_in.write(a);
  leg_in.write(a);
  while (legtab_step(s, k) == Step::kMoved) {
  }
  EXPECT_EQ(work.size(), 2u);
  ASSERT_EQ(event.size(), 1u);
  EXPECT_EQ(event.read().kind, Event::kLegFault);
  c.gen = 6;
  ctl.write(c);
  leg_in.write(a);
  a.gen = 6;
  leg_in.write(a);
  a.status = st::kReservationConflict;
  leg_in.write(a);
  while (legtab_step(s, k) == Step::kMoved) {
  }
  EXPECT_EQ(work.size(), 4u);
  EXPECT_EQ(event.read().kind, Event::kLegFault);
  EXPECT_EQ(event.read().kind, Event::kNotHome);
  EXPECT_EQ(shut.size(), 1u);
}

// ---- emit -----------------------------------------------------------------------------------------------
TEST(Emit, OneRecordALeg) {
  EmitState s{};
  hls::stream<Todo, 8> in;
  hls::stream<LegTx, 1> tx;
  hls::stream<Event, 1> event;
  Todo t{};
  t.mask = 0b1011;
  t.slot = 5;
  t.count = 3;
  t.opcode = io::kWrite;
  t.high = 0x4000;
  for (unsigned i = 0; i < 4; ++i) {
    t.legs.nsid[i] = 50 + i;
    t.legs.gen[i] = 60 + i;
    t.cid_gen[i] = i;
  }
  in.write(t);
  for (const unsigned leg : {0u, 1u, 3u}) {
    ASSERT_EQ(emit_step(s, in, tx, event), Step::kMoved);
    ASSERT_EQ(emit_step(s, in, tx, event), leg == 3 ? Step::kIdle : Step::kBlocked);
    const LegTx x = tx.read();
    EXPECT_EQ(x.leg, leg);
    EXPECT_EQ(x.nsid, 50 + leg);
    EXPECT_EQ(x.gen, 60 + leg);
    EXPECT_EQ(x.cid, leg << 13 | 5);
    EXPECT_EQ(x.nlb, 2);
    EXPECT_EQ(x.cdw12_high, spec::kCdw12Fua);
  }
  EXPECT_EQ(emit_step(s, in, tx, event), Step::kIdle);
}

// ---- answer ---------------------------------------------------------------------------------------------
struct Answer {
  AnswerState<SmallConfig> s{};
  hls::stream<Ctl, 8> ctl;
  hls::stream<Done, 8> done;
  hls::stream<Said, 8> said;
  hls::stream<HostOut, 2> host_out;
  hls::stream<Release, 8> release;
  hls::stream<Finish, 8> finish;
  hls::stream<SlotId, 8> freed;
  hls::stream<Event, 8> event;
  AnswerIo k{ctl, done, said, host_out, release, finish, freed, event};
  Answer() { s.lease = 100; }
  Step step(uint64_t now) { return answer_step(s, now, k); }
  static Done of(unsigned slot, bool data) {
    Done d{};
    d.cmd.slot = slot;
    d.cmd.cid = 77;
    d.cmd.count = 2;
    d.cmd.bytes = 1024;
    d.data = data;
    return d;
  }
};

TEST(Answer, GivesEverythingBackInOneStep) {
  Answer a;
  a.done.write(Answer::of(9, false));
  ASSERT_EQ(a.step(99), Step::kMoved);
  EXPECT_EQ(a.host_out.read().kind, HostOut::kResponse);
  EXPECT_EQ(a.release.read().count, 2);
  EXPECT_EQ(a.finish.size(), 1u);
  EXPECT_EQ(a.freed.read(), 9);
  a.done.write(Answer::of(9, true));
  a.step(99);
  EXPECT_EQ(a.host_out.read().kind, HostOut::kReadData);
  EXPECT_TRUE(a.freed.empty());  // when it was sent
  EXPECT_EQ(a.release.size(), 1u);
}

TEST(Answer, LeaseAndClosedQueue) {
  Answer a;
  a.done.write(Answer::of(9, true));
  a.step(100);
  const HostOut h = a.host_out.read();
  EXPECT_EQ(h.kind, HostOut::kResponse);
  EXPECT_EQ(h.status, st::kPathInternal);
  EXPECT_EQ(a.freed.read(), 9);
  Ctl c = order(Ctl::kQueueClose);
  c.queue = 1;
  a.ctl.write(c);
  a.done.write(Answer::of(9, true));
  a.step(1);
  a.step(1);
  EXPECT_TRUE(a.host_out.empty());
  EXPECT_EQ(a.freed.read(), 9);
}

TEST(Answer, BlockedTakesNothing) {
  Answer a;
  for (unsigned i = 0; i < 3; ++i) a.done.write(Answer::of(9 + i, false));
  a.step(1);
  a.step(1);
  EXPECT_EQ(a.step(1), Step::kBlocked);
  EXPECT_EQ(a.done.size(), 1u);
  EXPECT_EQ(a.freed.size(), 2u);
  a.host_out.read();
  EXPECT_EQ(a.step(1), Step::kMoved);
}

// ---- events ---------------------------------------------------------------------------------------------
TEST(Events, NoneIsLost) {
  hls::stream<Event, 4> from[7];
  hls::stream<Event, 2> out;
  Random random(8);
  unsigned written = 0, read = 0;
  for (unsigned turn = 0; turn < 5000; ++turn) {
    hls::stream<Event>& one = from[random.below(7)];
    if (!one.full()) {
      one.write(event_of(1));
      ++written;
    }
    events_step(from[0], from[1], from[2], from[3], from[4], from[5], from[6], out);
    if (!out.empty() && random.chance(80)) {
      out.read();
      ++read;
    }
  }
  while (events_step(from[0], from[1], from[2], from[3], from[4], from[5], from[6], out) == Step::kMoved ||
         !out.empty())
    if (!out.empty()) out.read(), ++read;
  EXPECT_EQ(read, written);
  EXPECT_GT(read, 1000u);
}

}  // namespace
}  // namespace nvtee::tee
