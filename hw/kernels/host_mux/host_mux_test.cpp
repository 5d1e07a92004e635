// host_mux against a plain reference: nothing lost, nothing changed, every source in its order, verdicts to
// whom they belong, under random stalls.
#include <gtest/gtest.h>

#include <deque>

#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/host_mux/host_mux.hpp"

namespace nvtee::card {
namespace {

using test::Random;

struct Rig {
  HostMuxState s{};
  hls::stream<tee::HostIn, 4> port0, port1, runtime;
  hls::stream<tee::SlotId, 4> sent;
  hls::stream<tee::HostIn, 3> host_in;
  hls::stream<tee::Placement, 3> placement;
  hls::stream<tee::Placement, 2> place0, place1;
  hls::stream<CardEvent, 2> event;
  hls::stream<Count, 2> count;
  HostMuxIo io{port0, port1, sent, runtime, host_in, placement, place0, place1, event, count};
};

tee::HostIn command(Random& r, unsigned tag) {
  tee::HostIn h{};
  h.kind = r.chance(50) ? tee::HostIn::kCommand : tee::HostIn::kDataHeader;
  h.queue = 1 + tag % 63;
  h.cid = tag & 0xffff;
  h.length = r.chance(50) ? 0 : 4 + 4 * r.below(1000);
  return h;
}

struct Verdict {
  unsigned to;  // 0, 1, 2: a port's placer or nobody, 3: an event
  unsigned tag, queue;
};

void run(uint64_t seed) {
  Random r(seed);
  auto rig = std::make_unique<Rig>();
  std::deque<unsigned> in[3];  // tags of each source that must come out in order
  std::deque<unsigned> sent;
  std::deque<Verdict> owed;  // asked, no verdict yet
  std::deque<Verdict> told[4];
  uint64_t pdus[2] = {}, bytes[2] = {}, counted_pdus[2] = {}, counted_bytes[2] = {};
  unsigned tag = 0, moved = 0, verdicts = 0;
  for (unsigned step = 0; step < 20000; ++step) {
    const bool feed = step < 15000;
    hls::stream<tee::HostIn>* sources[3] = {&rig->port0, &rig->port1, &rig->runtime};
    for (unsigned i = 0; i < 3; ++i) {
      if (!feed || sources[i]->full() || !r.chance(30)) continue;
      const tee::HostIn h = command(r, ++tag);
      sources[i]->write(h);
      in[i].push_back(h.cid.to_uint());
      if (i < 2) ++pdus[i], bytes[i] += (h.kind == tee::HostIn::kCommand ? 72 : 24) + h.length.to_uint();
    }
    if (feed && !rig->sent.full() && r.chance(20)) {
      const unsigned slot = r.below(8192);
      rig->sent.write(slot);
      sent.push_back(slot);
    }
    host_mux_step(rig->s, rig->io);
    while (!rig->host_in.empty() && r.chance(70)) {
      const tee::HostIn h = rig->host_in.read();
      ++moved;
      if (h.kind == tee::HostIn::kSent) {
        ASSERT_FALSE(sent.empty());
        EXPECT_EQ(h.slot.to_uint(), sent.front());
        EXPECT_EQ(h.queue.to_uint(), sent.front() >> 7);
        sent.pop_front();
      } else {
        unsigned from = 3;
        for (unsigned i = 0; i < 3; ++i)
          if (!in[i].empty() && in[i].front() == h.cid.to_uint()) from = i;
        ASSERT_LT(from, 3u) << "out of order";
        in[from].pop_front();
        owed.push_back({from == 2 ? 2 : h.length != 0 ? from : 3, h.cid.to_uint(), h.queue.to_uint()});
      }
    }
    if (!owed.empty() && !rig->placement.full() && r.chance(60)) {
      Verdict v = owed.front();
      owed.pop_front();
      tee::Placement p{};
      p.offset = v.tag;
      p.action = r.below(3);
      p.fei = v.tag;
      rig->placement.write(p);
      if (v.to == 3 && p.action != tee::Placement::kFatal) v.to = 2;
      if (v.to != 2) told[v.to].push_back(v);
      ++verdicts;
    }
    hls::stream<tee::Placement>* places[2] = {&rig->place0, &rig->place1};
    for (unsigned i = 0; i < 2; ++i)
      while (!places[i]->empty() && r.chance(50)) {
        ASSERT_FALSE(told[i].empty());
        EXPECT_EQ(places[i]->read().offset.to_uint(), told[i].front().tag);
        told[i].pop_front();
      }
    while (!rig->event.empty() && r.chance(50)) {
      const CardEvent e = rig->event.read();
      ASSERT_FALSE(told[3].empty());
      EXPECT_EQ(e.kind.to_uint(), static_cast<unsigned>(CardEvent::kQueueError));
      EXPECT_EQ(e.queue.to_uint(), told[3].front().queue);
      EXPECT_EQ(e.fei.to_uint(), told[3].front().tag);
      told[3].pop_front();
    }
    while (!rig->count.empty() && r.chance(20)) {
      const Count c = rig->count.read();
      EXPECT_EQ(c.kind.to_uint(), static_cast<unsigned>(Count::kRxHost));
      counted_pdus[c.port.to_uint()] += c.pdus.to_uint();
      counted_bytes[c.port.to_uint()] += c.bytes.to_uint();
    }
  }
  EXPECT_GT(moved, 5000u);
  EXPECT_GT(verdicts, 3000u);
  for (auto& q : in) EXPECT_TRUE(q.empty());
  for (auto& q : told) EXPECT_TRUE(q.empty());
  EXPECT_TRUE(sent.empty() && owed.empty());
  for (unsigned p = 0; p < 2; ++p) {
    EXPECT_EQ(counted_pdus[p], pdus[p]);
    EXPECT_EQ(counted_bytes[p], bytes[p]);
  }
}

TEST(HostMux, RandomStalls) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    run(seed);
    if (HasFatalFailure()) return;
  }
}

// With everybody always ready, each gets its share.
TEST(HostMux, Fair) {
  auto rig = std::make_unique<Rig>();
  unsigned got[4] = {};
  for (unsigned step = 0; step < 1000; ++step) {
    tee::HostIn h{};
    h.kind = tee::HostIn::kDataDone;  // no verdict
    h.length = 1;
    if (!rig->port0.full()) rig->port0.write(h);
    h.length = 2;
    if (!rig->port1.full()) rig->port1.write(h);
    h.length = 3;
    if (!rig->runtime.full()) rig->runtime.write(h);
    if (!rig->sent.full()) rig->sent.write(0);
    host_mux_step(rig->s, rig->io);
    while (!rig->host_in.empty()) ++got[rig->host_in.read().length.to_uint()];
  }
  for (unsigned i = 0; i < 4; ++i) EXPECT_NEAR(got[i], 250, 10) << i;
}

}  // namespace
}  // namespace nvtee::card
