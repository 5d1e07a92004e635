// Each kernel alone, against a plain reference, with outputs that are full at random.
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

 private:
  std::mt19937_64 rng_;
};

// ---- route ----------------------------------------------------------------------------------------------
TEST(Route, AllOrNothing) {
  hls::stream<Ctl, 64> ctl;
  hls::stream<Ctl, 2> to[6];
  for (unsigned op = 0; op <= Ctl::kLegSweep; ++op) ctl.write(order(op));
  std::map<unsigned, unsigned> copies;
  Random random(1);
  while (!ctl.empty()) {
    const bool room = std::none_of(std::begin(to), std::end(to), [](auto& s) { return s.full(); });
    const size_t before = ctl.size();
    const Step step = route_step(ctl, to[0], to[1], to[2], to[3], to[4], to[5]);
    EXPECT_EQ(step == Step::kMoved, room);
    EXPECT_EQ(ctl.size(), before - (room ? 1 : 0));
    for (auto& s : to)
      while (!s.empty() && random.chance(60)) ++copies[s.read().op.to_uint()];
  }
  for (auto& s : to)
    while (!s.empty()) ++copies[s.read().op.to_uint()];
  for (unsigned op = 1; op <= Ctl::kLegSweep; ++op) EXPECT_GE(copies[op], 1u) << op;
  EXPECT_EQ(copies[Ctl::kQueueClose], 5u);
  EXPECT_EQ(copies[Ctl::kSetLease], 3u);
}

// ---- check ----------------------------------------------------------------------------------------------
struct Check {
  CheckState<SmallConfig> s{};
  hls::stream<Ctl, 8> ctl;
  hls::stream<HostIn, 8> in;
  hls::stream<Front, 2> out;
  Check() {
    Ctl c = order(Ctl::kSetNamespace);
    c.flag = 1;
    c.nsid = 7;
    c.lba = 1000;
    c.shift_a = 9;
    c.shift_b = 4;
    c.flag3 = 1;
    ctl.write(c);
    c = order(Ctl::kSetLease);
    c.clock = 100;
    ctl.write(c);
    c = order(Ctl::kQueueOpen);
    c.queue = 1;
    ctl.write(c);
    while (check_step(s, 1, ctl, in, out) == Step::kMoved) {
    }
  }
  Front ask(const HostIn& h, uint64_t now = 1) {
    in.write(h);
    EXPECT_EQ(check_step(s, now, ctl, in, out), Step::kMoved);
    return out.read();
  }
};

TEST(Check, StatusOfEachMistake) {
  Check check;
  const HostIn good = test::command(1, 1, io::kWrite, 10, 4);
  EXPECT_EQ(check.ask(good).kind, Front::kNew);
  const auto refused = [&](auto change) {
    HostIn h = good;
    change(h);
    const Front f = check.ask(h);
    EXPECT_EQ(f.kind, Front::kRefuse);
    return f.status.to_uint();
  };
  EXPECT_EQ(refused([](HostIn& h) { h.opcode = io::kCopy; }), st::kInvalidOpcode);
  EXPECT_EQ(refused([](HostIn& h) { h.opcode = io::kVerify; }), st::kInvalidOpcode);
  EXPECT_EQ(refused([](HostIn& h) { h.opcode = io::kWriteUncorrectable; }), st::kInvalidOpcode);
  EXPECT_EQ(refused([](HostIn& h) { h.opcode = io::kResvAcquire; }), st::kInvalidOpcode);
  EXPECT_EQ(refused([](HostIn& h) { h.flags = 0; }), st::kInvalidField);
  EXPECT_EQ(refused([](HostIn& h) { h.nsid = 8; }), st::kInvalidNamespace);
  EXPECT_EQ(refused([](HostIn& h) { h.nsid = 0; }), st::kInvalidNamespace);
  EXPECT_EQ(refused([](HostIn& h) {
              h.opcode = io::kFlush;
              h.nsid = spec::kNsidAll;
            }),
            st::kInvalidNamespace);
  EXPECT_EQ(refused([](HostIn& h) { h.sgl_type = 0x40; }), st::kSglType);
  EXPECT_EQ(refused([](HostIn& h) {
              h = test::in_capsule(h);
              h.sgl_address_nonzero = 1;
            }),
            st::kSglOffset);
  EXPECT_EQ(refused([](HostIn& h) { h.cdw12 = 3 | (1u << 29); }), st::kInvalidField);
  EXPECT_EQ(refused([](HostIn& h) { h.cdw12 = 8; }), st::kInvalidField);  // one block more than a slot holds
  EXPECT_EQ(refused([](HostIn& h) { h.slba = 997; }), st::kLbaRange);
  EXPECT_EQ(refused([](HostIn& h) { h.slba = ~0ull - 1; }), st::kLbaRange);  // the sum would wrap
  EXPECT_EQ(refused([](HostIn& h) { h.sgl_length = 2044; }), st::kSglLength);
  EXPECT_EQ(refused([](HostIn& h) { h.length = 4; }), st::kSglLength);
  EXPECT_EQ(refused([](HostIn& h) {
              h = test::in_capsule(h);
              h.length = h.length.to_uint() - 4;
            }),
            st::kSglLength);
  HostIn last = good;
  last.slba = 996;
  EXPECT_EQ(check.ask(last).kind, Front::kNew);
  EXPECT_EQ(check.ask(good, 100).status, st::kPathInternal);  // the lease is over
}

TEST(Check, BlockedWhileTheOutputIsFull) {
  Check check;
  for (unsigned i = 0; i < 3; ++i) check.in.write(test::command(1, i, io::kRead, 0, 1));
  EXPECT_EQ(check_step(check.s, 1, check.ctl, check.in, check.out), Step::kMoved);
  EXPECT_EQ(check_step(check.s, 1, check.ctl, check.in, check.out), Step::kMoved);
  EXPECT_EQ(check_step(check.s, 1, check.ctl, check.in, check.out), Step::kBlocked);
  EXPECT_EQ(check.in.size(), 1u);
}

TEST(Check, HoldIsACommandWithoutGates) {
  Check check;
  Ctl c = order(Ctl::kHold);
  c.lba = 30;
  c.nlb = 4;
  c.flag = 1;
  c.flag2 = 1;
  c.tag = 9;
  check.ctl.write(c);
  ASSERT_EQ(check_step(check.s, 1000, check.ctl, check.in, check.out), Step::kMoved);
  const Front f = check.out.read();
  EXPECT_EQ(f.cmd.kind, Cmd::kHold);
  EXPECT_EQ(f.cmd.region, 1u);
  EXPECT_EQ(f.cmd.spans, 1);
  EXPECT_EQ(f.cmd.bytes, 2048u);
  c.nlb = 9;
  check.ctl.write(c);
  check_step(check.s, 1, check.ctl, check.in, check.out);
  EXPECT_NE(check.out.read().status, 0);  // longer than a slot's buffer
}

// ---- slot -----------------------------------------------------------------------------------------------
TEST(Slot, LowestFreeFirstAndNoneLost) {
  SlotState<SmallConfig> s{};
  hls::stream<SlotId, 64> freed;
  hls::stream<Ctl, 8> ctl;
  hls::stream<Front, 8> in;
  hls::stream<Front, 2> out;
  hls::stream<Event, 2> event;
  std::set<unsigned> used;
  bool open[4] = {true, false, false, false};
  Random random(2);
  unsigned given = 0, refused = 0, drained = 0;
  for (unsigned turn = 0; turn < 20000; ++turn) {
    const unsigned q = random.below(4);
    bool expect_drained = false, expect_drop = false, alloc = false;
    const unsigned dice = random.below(10);
    if (dice < 5) {
      Front f{};
      f.kind = Front::kNew;
      f.queue = q;
      in.write(f);
      alloc = true;
      expect_drop = !open[q];
    } else if (dice < 9 && !used.empty()) {
      auto it = used.begin();
      std::advance(it, random.below(static_cast<unsigned>(used.size())));
      const unsigned slot = *it, fq = slot / 8;
      used.erase(it);
      const bool last = used.lower_bound(fq * 8) == used.lower_bound(fq * 8 + 8);
      expect_drained = fq != 0 && !open[fq] && last;
      if (random.chance(50)) {
        freed.write(slot);
      } else {
        Front f{};
        f.kind = Front::kSent;
        f.queue = fq;
        f.cmd.slot = slot;
        in.write(f);
      }
    } else if (q != 0) {
      const bool busy = used.lower_bound(q * 8) != used.lower_bound(q * 8 + 8);
      if (!open[q] && busy) continue;  // not drained
      const Ctl c = [&] {
        Ctl x = order(open[q] ? Ctl::kQueueClose : Ctl::kQueueOpen);
        x.queue = q;
        return x;
      }();
      expect_drained = open[q] && !busy;
      open[q] = !open[q];
      ctl.write(c);
    } else {
      continue;
    }
    ASSERT_EQ(slot_step(s, freed, ctl, in, out, event), Step::kMoved);
    if (expect_drained) {
      ASSERT_FALSE(out.empty());
      EXPECT_EQ(out.read().kind, Front::kDrained);
      ++drained;
    }
    if (alloc) {
      const Front f = out.read();
      unsigned lowest = q * 8;
      while (lowest < q * 8 + 8 && used.contains(lowest)) ++lowest;
      if (expect_drop) {
        EXPECT_EQ(f.kind, Front::kDrop);
      } else if (lowest == q * 8 + 8) {
        EXPECT_EQ(f.kind, Front::kNoSlot);
        ++refused;
      } else {
        ASSERT_EQ(f.kind, Front::kNew);
        EXPECT_EQ(f.cmd.slot, lowest);
        used.insert(lowest);
        ++given;
      }
    }
    ASSERT_TRUE(out.empty() && event.empty());
  }
  EXPECT_GT(given, 1000u);
  EXPECT_GT(refused, 10u);
  EXPECT_GT(drained, 100u);
}

TEST(Slot, LowestZeroOfAllWidths) {
  for (unsigned depth : {8u, 64u, 65u, 128u}) {
    ap_uint<128> used = 0;
    for (unsigned i = 0; i < depth; ++i) {
      EXPECT_EQ(lowest_zero(used, depth), i);
      used |= bit_of(i);
    }
    EXPECT_EQ(lowest_zero(used, depth), 128);
    used.clear(static_cast<int>(depth / 2));
    EXPECT_EQ(lowest_zero(used, depth), depth / 2);
  }
}

// ---- payload --------------------------------------------------------------------------------------------
struct Payload {
  PayloadState<SmallConfig> s{};
  hls::stream<Verdict, 8> verdict;
  hls::stream<Ctl, 8> ctl;
  hls::stream<Stored, 8> stored;
  hls::stream<Front, 8> in;
  hls::stream<Placement, 1> placement;
  hls::stream<Cmd, 1> asked;
  hls::stream<Said, 1> said;
  hls::stream<Order, 1> orders;
  hls::stream<Event, 1> event;
  PayloadIo<SmallConfig> k{verdict, ctl, stored, in, placement, asked, said, orders, event};
  Step step() { return payload_step(s, k); }
  static Front write(unsigned slot, unsigned bytes, bool capsule) {
    Front f{};
    f.kind = Front::kNew;
    f.queue = slot / 8;
    f.cmd.slot = slot;
    f.cmd.cid = 40;
    f.cmd.bytes = bytes;
    f.collects = 1;
    f.in_capsule = capsule;
    return f;
  }
  Placement header(unsigned slot, unsigned offset, unsigned length, bool last, unsigned queue = 1,
                   unsigned cid = 40) {
    Front f{};
    f.kind = Front::kHeader;
    f.queue = queue;
    f.cmd.slot = slot;
    f.cmd.cid = cid;
    f.offset = offset;
    f.length = length;
    f.last = last;
    in.write(f);
    EXPECT_EQ(step(), Step::kMoved);
    return placement.read();
  }
  void done(unsigned slot, bool ok = true) {
    Front f{};
    f.kind = Front::kDone;
    f.queue = slot / 8;
    f.cmd.slot = slot;
    f.digest_ok = ok;
    in.write(f);
    EXPECT_EQ(step(), Step::kMoved);
  }
};

TEST(Payload, BadDataHeadersAreFatal) {
  Payload p;
  p.in.write(Payload::write(9, 4096, false));
  ASSERT_EQ(p.step(), Step::kMoved);
  EXPECT_EQ(p.placement.read().action, Placement::kPlace);
  EXPECT_EQ(p.said.read().kind, Said::kR2t);
  const auto expect = [](const Placement& x, unsigned fes, unsigned fei) {
    EXPECT_EQ(x.action, Placement::kFatal);
    EXPECT_EQ(x.fes, fes);
    EXPECT_EQ(x.fei, fei);
  };
  using namespace spec::fes;                                          // NOLINT
  expect(p.header(10, 0, 4096, true), kInvalidHeaderField, 10);       // no such transfer
  expect(p.header(9, 0, 4096, true, 2), kInvalidHeaderField, 10);     // another queue's
  expect(p.header(8000, 0, 4096, true), kInvalidHeaderField, 10);     // beyond all slots
  expect(p.header(9, 0, 4096, true, 1, 41), kInvalidHeaderField, 8);  // CCCID
  expect(p.header(9, 4, 4092, true), kOutOfRange, 0);                 // not in order
  expect(p.header(9, 0, 4100, true), kOutOfRange, 0);                 // too long
  expect(p.header(9, 0, 0xfffffffcu, true), kOutOfRange, 0);
  expect(p.header(9, 0, 0, false), kInvalidHeaderField, 16);
  expect(p.header(9, 0, 4096, false), kInvalidHeaderField, 1);  // LAST_PDU missing
  expect(p.header(9, 0, 512, true), kInvalidHeaderField, 1);    // LAST_PDU too early
  EXPECT_EQ(p.header(9, 0, 512, false).action, Placement::kPlace);
  EXPECT_EQ(p.header(9, 512, 512, false).action, Placement::kPlace);  // the piece before is not in yet
  p.done(9);
  p.done(9);
  EXPECT_TRUE(p.asked.empty());
  EXPECT_EQ(p.header(9, 1024, 512, false).action, Placement::kPlace);
  EXPECT_EQ(p.header(9, 1536, 2560, true).action, Placement::kPlace);
  p.done(9);
  EXPECT_TRUE(p.asked.empty()) << "all is announced, but not all is in";
  p.done(9);
  EXPECT_EQ(p.asked.read().slot, 9);
  p.done(9);  // once too often
  EXPECT_TRUE(p.asked.empty() && p.said.empty());
}

TEST(Payload, RandomPiecesUnderStalls) {
  Random random(9);
  for (unsigned turn = 0; turn < 500; ++turn) {
    Payload p;
    const unsigned bytes = 4 * (1 + random.below(1024));
    p.in.write(Payload::write(9, bytes, false));
    p.said.write(Said{});  // full
    EXPECT_EQ(p.step(), Step::kBlocked);
    EXPECT_EQ(p.in.size(), 1u);
    p.said.read();
    EXPECT_EQ(p.step(), Step::kMoved);
    p.said.read();
    p.placement.read();
    bool good = true;
    for (unsigned at = 0; at < bytes;) {
      const unsigned n = std::min(bytes - at, 4 * (1 + random.below(400)));
      ASSERT_EQ(p.header(9, at, n, at + n == bytes).action, Placement::kPlace);
      at += n;
      EXPECT_TRUE(p.asked.empty() && p.said.empty());
      const bool ok = random.chance(90);
      good &= ok;
      p.done(9, ok);
    }
    EXPECT_EQ(p.asked.empty(), !good);
    EXPECT_EQ(p.said.empty(), good);
    if (!good) {
      EXPECT_EQ(p.said.read().status, st::kTransientTransport);
    }
  }
}

TEST(Payload, CloseEndsWhatWaits) {
  Payload p;
  p.in.write(Payload::write(9, 512, true));   // waits for its data
  p.in.write(Payload::write(10, 512, true));  // parked
  p.in.write(Payload::write(17, 512, true));  // of another queue
  for (unsigned i = 0; i < 3; ++i) {
    p.step();
    p.placement.read();
  }
  p.done(10);
  p.asked.read();
  Verdict v{};
  v.kind = Verdict::kParked;
  v.slot = 10;
  p.verdict.write(v);
  p.step();
  EXPECT_EQ(p.event.read().kind, Event::kRegionMiss);
  Ctl c = order(Ctl::kQueueClose);
  c.queue = 1;
  p.ctl.write(c);
  std::set<unsigned> ended;
  for (Step s = p.step(); s != Step::kIdle; s = p.step()) {
    if (p.said.empty()) continue;
    const Said a = p.said.read();
    EXPECT_EQ(a.kind, Said::kSilent);
    ended.insert(a.slot.to_uint());
  }
  EXPECT_EQ(ended, (std::set<unsigned>{9, 10}));
  c = order(Ctl::kResume);
  c.slot = 10;
  p.ctl.write(c);
  p.step();
  EXPECT_TRUE(p.asked.empty());  // not parked any more
}

// ---- region ---------------------------------------------------------------------------------------------
struct RegionKernel {
  RegionState<SmallConfig> s{};
  hls::stream<Ctl, 8> ctl;
  hls::stream<Peek, 8> peek;
  hls::stream<Cmd, 8> asked;
  hls::stream<Looked, 2> looked;
  hls::stream<Peeked, 2> peeked;
  RegionIo io{ctl, peek, asked, looked, peeked};
  Step step(uint64_t now = 1) { return region_step(s, now, io); }
};

TEST(Region, AgainstAMap) {
  RegionKernel k;
  std::map<std::pair<unsigned, unsigned>, unsigned> table;
  Random random(3);
  unsigned no_way = 0, hits = 0, misses = 0;
  const auto state = [&](unsigned ns, unsigned region) {
    const auto it = table.find({ns, region});
    return it == table.end() ? unsigned{Ctl::kNone} : it->second;
  };
  for (unsigned turn = 0; turn < 20000; ++turn) {
    const unsigned ns = random.below(4), region = random.below(6);
    if (random.chance(40)) {
      Ctl c = order(Ctl::kRegionSet);
      c.ns = ns;
      c.region = region;
      c.region_state = random.below(4);
      k.ctl.write(c);
      ASSERT_EQ(k.step(), Step::kMoved);
      const Looked l = k.looked.read();
      unsigned in_set = 0;
      for (const auto& [key, x] : table)
        in_set += region_set(key.first, key.second, 1) == region_set(ns, region, 1) ? 1 : 0;
      const bool fits = c.region_state == Ctl::kNone || table.contains({ns, region}) || in_set < kRegionWays;
      EXPECT_EQ(l.status == 0, fits);
      if (!fits) ++no_way;
      if (c.region_state == Ctl::kNone) table.erase({ns, region});
      if (c.region_state != Ctl::kNone && fits) table[{ns, region}] = c.region_state.to_uint();
      continue;
    }
    Cmd cmd{};
    cmd.ns = ns;
    cmd.region = region;
    cmd.writes = random.below(2);
    cmd.look = random.below(10) != 0;
    cmd.spans = random.below(2);
    k.asked.write(cmd);
    bool all = true;
    const unsigned steps = cmd.look && cmd.spans ? 2 : 1;
    for (unsigned i = 0; i < steps; ++i) {
      ASSERT_EQ(k.step(), Step::kMoved);
      const Looked l = k.looked.read();
      EXPECT_EQ(l.last == 1, i + 1 == steps);
      EXPECT_EQ(l.region, region + i);
      all &= l.hit == 1;
    }
    bool expected = true;
    for (unsigned i = 0; i < (cmd.spans ? 2u : 1u) && cmd.look; ++i) {
      const unsigned x = state(ns, region + i);
      expected &= cmd.writes ? x == Ctl::kOpen : x != Ctl::kReconcile;
    }
    EXPECT_EQ(all, expected);
    ++(all ? hits : misses);
    ASSERT_EQ(k.step(), Step::kIdle);
  }
  EXPECT_GT(no_way, 50u);
  EXPECT_GT(hits, 500u);
  EXPECT_GT(misses, 500u);
}

TEST(Region, QueryShowsTheLeastRecentlyWritten) {
  RegionKernel k;
  constexpr uint64_t kCoarse = 1ull << 30;
  std::vector<unsigned> of_set;
  for (unsigned r = 0; of_set.size() < 3; ++r)
    if (region_set(0, r, 1) == 0) of_set.push_back(r);
  for (const unsigned r : of_set) {
    Ctl c = order(Ctl::kRegionSet);
    c.region = r;
    c.region_state = Ctl::kOpen;
    k.ctl.write(c);
    k.step(10 * kCoarse);
    k.looked.read();
  }
  Cmd cmd{};
  cmd.region = of_set[1];
  cmd.writes = cmd.look = 1;
  k.asked.write(cmd);
  k.step(25 * kCoarse);
  k.looked.read();
  Ctl c = order(Ctl::kRegionQuery);
  c.region = of_set[0];
  k.ctl.write(c);
  ASSERT_EQ(k.step(30 * kCoarse), Step::kMoved);
  for (unsigned way = 0; way < kRegionWays; ++way) {
    ASSERT_EQ(k.step(30 * kCoarse), Step::kMoved);
    const Looked l = k.looked.read();
    EXPECT_EQ(l.way, way);
    if (way < 3) {
      EXPECT_EQ(l.region, of_set[way]);
      EXPECT_EQ(l.age, way == 1 ? 5u : 20u);
    } else {
      EXPECT_EQ(l.region_state, Ctl::kNone);
    }
  }
}

// An order never slips between the two looks of a command: it could close a region that was let through.
TEST(Region, OrdersWaitForTheSecondLook) {
  RegionKernel k;
  Cmd cmd{};
  cmd.look = cmd.spans = cmd.writes = 1;
  k.asked.write(cmd);
  k.step();
  k.ctl.write(order(Ctl::kFence));
  k.step();
  k.looked.read();
  EXPECT_EQ(k.looked.read().kind, Looked::kCommand);
  k.step();
  EXPECT_EQ(k.looked.read().kind, Looked::kFence);
}

// ---- admit ----------------------------------------------------------------------------------------------
TEST(Admit, FencesCountExactly) {
  AdmitState<SmallConfig> s{};
  hls::stream<NsIndex, 2> shut;
  hls::stream<Finish, 64> finish;
  hls::stream<Looked, 8> in;
  hls::stream<Cmd, 2> admitted;
  hls::stream<Verdict, 64> verdict;
  hls::stream<Event, 2> event;
  AdmitIo io{shut, finish, in, admitted, verdict, event};
  struct One {
    unsigned colour;
    bool before;
  };
  std::vector<One> live;
  bool fencing = false;
  Random random(4);
  unsigned fences = 0;
  for (unsigned turn = 0; turn < 30000; ++turn) {
    const unsigned dice = random.below(10);
    if (dice < 5 && live.size() < 30) {
      Looked l{};
      l.kind = Looked::kCommand;
      l.hit = l.last = 1;
      in.write(l);
      ASSERT_EQ(admit_step(s, 1, io), Step::kMoved);
      live.push_back({admitted.read().colour.to_uint(), false});
    } else if (dice < 9 && !live.empty()) {
      const unsigned i = random.below(static_cast<unsigned>(live.size()));
      Finish f{};
      f.colour = live[i].colour;
      live.erase(live.begin() + i);
      finish.write(f);
      ASSERT_EQ(admit_step(s, 1, io), Step::kMoved);
    } else if (!fencing) {
      Looked l{};
      l.kind = Looked::kFence;
      in.write(l);
      fencing = true;
      for (One& o : live) o.before = true;
      ASSERT_EQ(admit_step(s, 1, io), Step::kMoved);
    }
    const bool left = std::any_of(live.begin(), live.end(), [](const One& o) { return o.before; });
    ASSERT_EQ(!event.empty(), fencing && !left) << turn;
    if (!event.empty()) {
      EXPECT_EQ(event.read().kind, Event::kFenceDone);
      fencing = false;
      ++fences;
    }
  }
  EXPECT_GT(fences, 100u);
}

TEST(Admit, ASecondFenceJoinsTheFirst) {
  AdmitState<SmallConfig> s{};
  hls::stream<NsIndex, 2> shut;
  hls::stream<Finish, 8> finish;
  hls::stream<Looked, 8> in;
  hls::stream<Cmd, 8> admitted;
  hls::stream<Verdict, 8> verdict;
  hls::stream<Event, 8> event;
  AdmitIo io{shut, finish, in, admitted, verdict, event};
  const auto look = [&](unsigned kind) {
    Looked l{};
    l.kind = kind;
    l.hit = l.last = 1;
    in.write(l);
    admit_step(s, 1, io);
  };
  look(Looked::kCommand);
  look(Looked::kFence);
  look(Looked::kCommand);
  look(Looked::kFence);
  for (unsigned i = 0; i < 2; ++i) {
    EXPECT_TRUE(event.empty());
    Finish f{};
    f.colour = admitted.read().colour;
    finish.write(f);
    admit_step(s, 1, io);
  }
  EXPECT_EQ(event.size(), 1u);
}

}  // namespace
}  // namespace nvtee::tee
