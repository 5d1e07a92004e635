#include "hw/kernels/leg_io/test_legs.hpp"

namespace nvtee::card {
namespace {

using test::LegWorld;
using test::TestCommand;
namespace fes = spec::fes;

TEST(LegIo, RandomWorlds) {
  unsigned answers = 0, pieces = 0, r2ts = 0, dropped = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    LegWorld w(seed);
    w.run(6000);
    w.quiesce();
    EXPECT_TRUE(w.events().empty());
    answers += w.answers;
    pieces += w.pieces;
    r2ts += w.r2ts;
    dropped += w.dropped;
    if (HasFailure()) return;
  }
  EXPECT_GT(answers, 10000u);
  EXPECT_GT(pieces, 3000u);
  EXPECT_GT(r2ts, 1000u);
  EXPECT_GT(dropped, 100u);
}

// Links that go down with commands open come back clean, and the others do not notice.
TEST(LegIo, LinksComeAndGo) {
  for (uint64_t seed = 100; seed <= 115; ++seed) {
    SCOPED_TRACE(seed);
    LegWorld w(seed);
    for (unsigned round = 0; round < 10; ++round) {
      w.run(600);
      const unsigned i = w.random().below(6);
      w.set_down(i);
      std::erase_if(w.commands(), [&](auto& c) { return c.second.link == i; });
      w.run(300);
      w.settle(3000);  // drained: the runtime waits for it
      for (unsigned q = 0; q < w.link(i).queues; ++q) EXPECT_TRUE(w.link(i).ended[q]);
      w.set_up(i);
      if (HasFailure()) return;
    }
    w.quiesce();
    EXPECT_TRUE(w.events().empty());
  }
}

// ---- legs that break the rules
// ------------------------------------------------------------------------------
class Hostile : public testing::Test {
 protected:
  LegWorld w{7};

  // A command of link 0 in the state that is wanted.
  template <class Wanted>
  TestCommand* find(Wanted wanted) {
    for (unsigned n = 0; n < 3000; ++n) {
      w.run(5);
      for (auto& [entry, c] : w.commands())
        if (c.link == 0 && c.seen && !c.answered && wanted(c)) return &c;
    }
    ADD_FAILURE() << "no such command came up";
    return nullptr;
  }
  LegPdu pdu(const TestCommand& c, unsigned kind) {
    LegPdu p{};
    p.kind = kind;
    p.link = w.link(0).link;
    p.link_queue = c.queue;
    p.port = w.link(0).port[c.queue];
    p.cid = c.tx.cid;
    return p;
  }
  void expect_told(const LegPdu& p, unsigned f) {
    w.hostile(0, p, f);
    // The rest of the world goes on.
    const unsigned before = w.answers;
    w.run(2000);
    w.quiesce();
    EXPECT_GT(w.answers, before + 100);
    EXPECT_EQ(w.events().size(), 1u) << "told once";
  }
};

bool reading(const TestCommand& c) {
  return c.reads && c.done > 0 && c.done + 64 < c.tx.length.to_uint();
}
bool asking(const TestCommand& c) {
  return c.writes && !c.in_capsule && c.done == 0 && c.jobs == 0;
}
bool any(const TestCommand&) {
  return true;
}

TEST_F(Hostile, ResponseToAnUnknownCid) {
  LegPdu p = pdu(*find(any), LegPdu::kResponse);
  p.cid = (p.cid.to_uint() & 0xe000) | ((p.cid.to_uint() + 1) & 0x1fff);
  expect_told(p, fes::kInvalidHeaderField);
}
TEST_F(Hostile, ResponseOfAStaleGeneration) {
  LegPdu p = pdu(*find(any), LegPdu::kResponse);
  p.cid = p.cid.to_uint() ^ 0x2000;
  expect_told(p, fes::kInvalidHeaderField);
}
TEST_F(Hostile, SuccessBeforeTheDataWereSent) {
  expect_told(pdu(*find(reading), LegPdu::kResponse), fes::kSequenceError);
}
TEST_F(Hostile, SuccessBeforeTheDataWereAskedFor) {
  expect_told(pdu(*find(asking), LegPdu::kResponse), fes::kSequenceError);
}
TEST_F(Hostile, ResponseTwice) {
  LegPdu p = pdu(*find([](const TestCommand& c) { return !c.reads && !c.writes; }), LegPdu::kResponse);
  TestCommand* c = nullptr;
  for (auto& [e, x] : w.commands())
    if (x.tx.cid == p.cid && x.link == 0) c = &x;
  c->answered = true;
  --w.link(0).outstanding[c->queue];
  while (w.rig().pdu[p.port.to_uint()].full()) w.settle(1);
  w.rig().pdu[p.port.to_uint()].write(p);
  expect_told(p, fes::kInvalidHeaderField);
}
TEST_F(Hostile, DataBeyondTheEnd) {
  TestCommand* c = find(reading);
  LegPdu p = pdu(*c, LegPdu::kData);
  p.offset = c->done;
  p.length = c->tx.length.to_uint() - c->done + 4;
  expect_told(p, fes::kOutOfRange);
}
TEST_F(Hostile, DataOffsetOverflows) {
  LegPdu p = pdu(*find(reading), LegPdu::kData);
  p.offset = 0xfffffffcu;
  p.length = 8;
  expect_told(p, fes::kOutOfRange);
}
TEST_F(Hostile, DataWithAGap) {
  TestCommand* c = find(reading);
  LegPdu p = pdu(*c, LegPdu::kData);
  p.offset = c->done + 4;
  p.length = 4;
  expect_told(p, fes::kSequenceError);
}
TEST_F(Hostile, DataForAWrite) {
  LegPdu p = pdu(*find([](const TestCommand& c) { return c.writes; }), LegPdu::kData);
  p.length = 4;
  expect_told(p, fes::kInvalidHeaderField);
}
TEST_F(Hostile, SuccessWithoutLast) {
  TestCommand* c = find(reading);
  LegPdu p = pdu(*c, LegPdu::kData);
  p.offset = c->done;
  p.length = 4;
  p.success = 1;
  expect_told(p, fes::kInvalidHeaderField);
}
TEST_F(Hostile, SuccessTooEarly) {
  TestCommand* c = find(reading);
  LegPdu p = pdu(*c, LegPdu::kData);
  p.offset = c->done;
  p.length = 4;
  p.success = 1;
  p.last = 1;
  expect_told(p, fes::kSequenceError);
}
TEST_F(Hostile, R2tBeyondTheEnd) {
  TestCommand* c = find(asking);
  LegPdu p = pdu(*c, LegPdu::kR2t);
  p.length = c->tx.length.to_uint() + 4;
  expect_told(p, fes::kOutOfRange);
}
TEST_F(Hostile, R2tWithAGap) {
  LegPdu p = pdu(*find(asking), LegPdu::kR2t);
  p.offset = 4;
  p.length = 4;
  expect_told(p, fes::kSequenceError);
}
TEST_F(Hostile, R2tOfNothing) {
  expect_told(pdu(*find(asking), LegPdu::kR2t), fes::kInvalidHeaderField);
}
TEST_F(Hostile, R2tForARead) {
  LegPdu p = pdu(*find([](const TestCommand& c) { return c.reads; }), LegPdu::kR2t);
  p.length = 4;
  expect_told(p, fes::kInvalidHeaderField);
}
TEST_F(Hostile, R2tForInCapsuleData) {
  w.set_down(0);
  std::erase_if(w.commands(), [&](auto& c) { return c.second.link == 0; });
  w.settle(3000);
  do w.set_up(0);
  while (w.link(0).icdata == 0);
  LegPdu p = pdu(*find([](const TestCommand& c) { return c.in_capsule; }), LegPdu::kR2t);
  p.length = 4;
  expect_told(p, fes::kInvalidHeaderField);
}
TEST_F(Hostile, SecondR2tBeforeTheFirstWasServed) {
  TestCommand* c = find([](const TestCommand& x) { return asking(x) && x.tx.length > 1024; });
  LegPdu p = pdu(*c, LegPdu::kR2t);
  p.ttag = c->ttag = 5;
  p.length = 512;
  c->r2t_end = 512;
  while (w.rig().pdu[p.port.to_uint()].size() > 2) w.settle(1);
  w.rig().pdu[p.port.to_uint()].write(p);
  p.offset = 512;
  expect_told(p, fes::kLimitExceeded);
}

}  // namespace
}  // namespace nvtee::card
