// The whole native engine, bytes in and bytes out.
#include <set>

#include "hw/kernels/engine/test_stories.hpp"

namespace nvtee::card {
namespace {

using test::EngineWorld;
using test::first_seed;
using test::random_options;
using test::rounds;

TEST(Engine, RandomMixes) {
  unsigned reads = 0, writes = 0;
  const uint64_t from = first_seed(1), until = from + rounds(8);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld w(seed, random_options(seed));
    w.run(25000);
    EXPECT_TRUE(w.settle()) << "commands are never answered";
    EXPECT_EQ(w.fault, "");
    w.compare();
    for (const CardEvent& e : w.card_events)
      ADD_FAILURE() << "event " << e.kind.to_uint() << " port " << e.port.to_uint() << " session "
                    << e.session.to_uint() << " link " << e.link.to_uint() << " fes " << e.fes.to_uint()
                    << " fei " << e.fei.to_uint();
    reads += w.reads;
    writes += w.writes;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(reads, 10 * (until - from));
  EXPECT_GT(writes, 20 * (until - from));
}

// ---- bad hosts
// ------------------------------------------------------------------------------------------------ What a
// host that means harm sends: bytes of any kind, or a PDU with one field changed, or the start of one.
test::ByteVec evil(test::Random& r, const test::TestHost& h) {
  nvmf::CapsuleCmd cmd{};
  cmd.head.type = spec::pdu::kCapsuleCmd;
  cmd.sqe.opcode = spec::io::kWrite;
  cmd.sqe.flags = spec::kPsdtSgl;
  cmd.sqe.cid = static_cast<uint16_t>(r.below(65536));
  cmd.sqe.nsid = test::kNsid + 1;  // nothing of it reaches the namespace, should it be taken for a command
  cmd.sqe.sgl.type = spec::kSglDataOffset;
  cmd.sqe.sgl.length = 512;
  test::ByteVec bytes = make_pdu(cmd, test::ByteVec(512, 0xee), h.digests);
  switch (r.below(4)) {
    case 0:
      for (auto& b : bytes) b = static_cast<uint8_t>(r.below(256));
      break;
    case 1:
      bytes[r.below(8)] ^= static_cast<uint8_t>(1u << r.below(8));
      break;
    case 2:
      bytes.resize(1 + r.below(static_cast<unsigned>(bytes.size()) - 1));
      break;
    default: {
      nvmf::DataPdu d{};
      d.head.type = spec::pdu::kH2CData;
      d.head.flags = static_cast<uint8_t>(r.chance(50) ? spec::pdu::kLast : 0);
      d.ttag = static_cast<uint16_t>(r.chance(50) ? r.below(65536) : r.below(128) | r.below(4) * 640);
      d.cccid = static_cast<uint16_t>(r.below(100));
      d.datao = r.chance(50) ? 0 : r.below(1 << 17);
      d.datal = 64;
      bytes = make_pdu(d, test::ByteVec(64, 0xee), h.digests);
    }
  }
  return bytes;
}

// A session that sends anything stops nobody and changes nothing; then it is closed and opened again.
TEST(Engine, HostileBytes) {
  const uint64_t from = first_seed(100), until = from + rounds(5);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld::Options o = random_options(seed);
    o.hosts = 3;
    EngineWorld w(seed, o);
    w.run(5000);
    test::TestHost& bad = w.hosts[1];
    bad.hostile = true;
    const unsigned before = w.hosts[0].done + w.hosts[2].done;
    for (unsigned i = 0; i < 20; ++i) {
      w.tcp[bad.port].arrive(bad.session, evil(w.r, bad));
      w.run(500);
    }
    EXPECT_EQ(w.fault, "");
    // Some mixes are slow: the others get their time, but not for ever.
    const auto others = [&w] { return w.hosts[0].done + w.hosts[2].done; };
    for (unsigned i = 0; i < 100 && others() <= before + 5; ++i) w.run(500);
    EXPECT_GT(others(), before + 5) << "the others were stopped";
    // Its own writes may or may not have been done: from here on nobody looks at their blocks.
    for (const auto& [cid, c] : bad.open) w.forget(c.block, c.count);
    w.close_host(bad);
    for (const CardEvent& e : w.card_events) {
      EXPECT_NE(e.kind.to_uint(), static_cast<unsigned>(CardEvent::kLinkError));
      if (e.kind == CardEvent::kSessionError) EXPECT_EQ(e.session.to_uint(), bad.session);
    }
    w.card_events.clear();
    w.tee_events.clear();
    bad.hostile = bad.gone = false;
    w.open_host(bad);
    w.run(10000);
    EXPECT_TRUE(w.settle());
    EXPECT_EQ(w.fault, "");
    w.compare();
    if (testing::Test::HasFailure()) return;
  }
}

// ---- anything on any session ------------------------------------------------------------------------------
// A PDU of a type that this end may send, of no command that is open.
test::ByteVec some_pdu(test::Random& r, bool leg, const test::Digests& d) {
  const auto cid = static_cast<uint16_t>(r.below(8) << 13 | 0x1f80 | r.below(128));  // of a queue that is not
  const unsigned size = 4 * (1 + r.below(400));
  if (leg && r.chance(30)) {
    nvmf::CapsuleResp x{};
    x.head.type = spec::pdu::kCapsuleResp;
    x.cqe.cid = cid;
    return make_pdu(x, {}, d);
  }
  if (leg && r.chance(40)) {
    nvmf::R2tPdu x{};
    x.head.type = spec::pdu::kR2T;
    x.cccid = cid;
    x.r2tl = size;
    return make_pdu(x, {}, d);
  }
  if (leg || r.chance(50)) {
    nvmf::DataPdu x{};
    x.head.type = leg ? spec::pdu::kC2HData : spec::pdu::kH2CData;
    x.head.flags = static_cast<uint8_t>(r.chance(50) ? spec::pdu::kLast : 0);
    x.cccid = cid;
    x.ttag = cid;
    x.datao = r.chance(50) ? 0 : r.below(1 << 17);
    x.datal = size;
    return make_pdu(x, test::ByteVec(size, 0xee), d);
  }
  nvmf::CapsuleCmd x{};
  x.head.type = spec::pdu::kCapsuleCmd;
  x.sqe.opcode = static_cast<uint8_t>(r.below(256));
  x.sqe.flags = spec::kPsdtSgl;
  x.sqe.cid = cid;
  x.sqe.nsid = test::kNsid + 1;
  x.sqe.sgl.type = static_cast<uint8_t>(r.chance(70) ? spec::kSglDataOffset : r.below(256));
  x.sqe.sgl.length = r.chance(70) ? size : static_cast<uint32_t>(r.bits());
  return make_pdu(x, test::ByteVec(size, 0xee), d);
}

// Breaks the protocol for certain.
void violate(test::Random& r, test::ByteVec& pdu) {
  const auto put_plen = [&](uint32_t n) { std::memcpy(&pdu[4], &n, 4); };
  switch (r.below(5)) {
    case 0:
      pdu[0] = 0x77;  // type
      break;
    case 1:
      pdu[2] = static_cast<uint8_t>(r.below(8));  // HLEN
      break;
    case 2:
      put_plen(r.below(8));
      break;
    case 3:
      put_plen(0x10000000u + r.below(1 << 20));
      break;
    default:
      pdu[0] = spec::pdu::kICReq;  // a second one
  }
}

// Anything, also nothing wrong; what comes next may be taken for a part of it.
void scramble(test::Random& r, test::ByteVec& pdu) {
  switch (r.below(6)) {
    case 0:
      for (auto& b : pdu) b = static_cast<uint8_t>(r.below(256));
      break;
    case 1:
      pdu[r.below(8)] ^= static_cast<uint8_t>(1u << r.below(8));
      break;
    case 2:
      pdu.resize(1 + r.below(static_cast<unsigned>(pdu.size()) - 1));
      break;
    case 3: {
      const uint32_t plen = static_cast<uint32_t>(pdu.size()) + r.below(200) - 100;
      std::memcpy(&pdu[4], &plen, 4);
      break;
    }
    case 4:
      pdu[8 + r.below(16)] = static_cast<uint8_t>(r.below(256));
      break;
    default:
      break;
  }
}

// The session was told of, by whatever event fits.
bool told_of(const EngineWorld& w, unsigned port, unsigned session, unsigned queue, unsigned link, bool leg) {
  for (const CardEvent& e : w.card_events) {
    if (e.kind == CardEvent::kSessionError && e.port == port && e.session == session) return true;
    if (!leg && e.kind == CardEvent::kQueueError && e.queue == queue) return true;
    if (leg && e.kind == CardEvent::kLinkError && e.link == link) return true;
  }
  return false;
}

void fuzz_session(EngineWorld& w, unsigned port, unsigned session, const test::Digests& d, bool leg,
                  bool violation) {
  if (violation) {
    test::ByteVec pdu = some_pdu(w.r, leg, d);
    violate(w.r, pdu);
    pdu.resize(pdu.size() + 200);  // an unending stream behind it
    w.tcp[port].arrive(session, pdu);
    w.run(1500);
    return;
  }
  for (unsigned i = 1 + w.r.below(8); i != 0; --i) {
    test::ByteVec pdu = some_pdu(w.r, leg, d);
    scramble(w.r, pdu);
    w.tcp[port].arrive(session, pdu);
    w.run(w.r.below(300));
  }
}

// Whoever it is: it is told of, thrown away, and closed in the middle of whatever it said; the others go on.
TEST(Engine, Fuzz) {
  const uint64_t from = first_seed(400), until = from + rounds(6);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld::Options o = random_options(seed);
    o.hosts = 3;
    o.legs = 2 + static_cast<unsigned>(seed % 3);
    EngineWorld w(seed, o);
    w.run(2000);
    for (unsigned round = 0; round < 3; ++round) {
      const bool violation = w.r.chance(50);
      if (round == 1) {
        test::TestLeg& l = w.legs[0];
        l.dead = true;
        const unsigned q = w.r.below(l.queues);
        fuzz_session(w, l.port[q], l.session[q], l.digests, true, violation);
        const auto told = [&] { return told_of(w, l.port[q], l.session[q], 0, l.link, true); };
        if (violation) EXPECT_TRUE(w.wait_event(told, 40000)) << "leg not told of";
        w.drop_leg(l);
      } else {
        test::TestHost& h = w.hosts[round];
        h.hostile = true;
        fuzz_session(w, h.port, h.session, h.digests, false, violation);
        const auto told = [&] { return told_of(w, h.port, h.session, h.queue, 0, false); };
        if (violation) EXPECT_TRUE(w.wait_event(told, 40000)) << "host not told of";
        for (const auto& [cid, c] : h.open) w.forget(c.block, c.count);
        w.close_host(h);
        h.hostile = h.gone = false;
        w.card_events.clear();
        w.tee_events.clear();
        w.open_host(h);
      }
      w.run(2000);
      EXPECT_EQ(w.fault, "");
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_TRUE(w.settle()) << "somebody was stopped";
    EXPECT_EQ(w.fault, "");
    w.compare();
    if (testing::Test::HasFailure()) return;
  }
}

// ---- legs that go
// -----------------------------------------------------------------------------------------------
TEST(Engine, LegLoss) {
  const uint64_t from = first_seed(200), until = from + rounds(5);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld::Options o = random_options(seed);
    o.legs = 2 + static_cast<unsigned>(seed % 3);
    EngineWorld w(seed, o);
    w.run(8000);
    test::TestLeg& lost = w.legs[w.r.below(o.legs)];
    lost.dead = true;  // says nothing any more
    w.run(3000);
    w.drop_leg(lost);
    w.run(10000);
    EXPECT_TRUE(w.settle()) << "commands wait for a leg that is gone";
    EXPECT_EQ(w.fault, "");
    w.compare();
    if (testing::Test::HasFailure()) return;
  }
}

// Hosts that vanish at any moment: the slots come back, a new connection works.
TEST(Engine, HostsComeAndGo) {
  const uint64_t from = first_seed(300), until = from + rounds(4);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld::Options o = random_options(seed);
    o.hosts = 3;
    EngineWorld w(seed, o);
    for (unsigned round = 0; round < 4; ++round) {
      w.run(3000);
      test::TestHost& h = w.hosts[round % 3];
      for (const auto& [cid, c] : h.open) w.forget(c.block, c.count);
      EXPECT_EQ(w.fault, "");
      w.close_host(h);
      EXPECT_EQ(w.fault, "");
      w.card_events.clear();
      w.tee_events.clear();
      h.gone = false;
      w.open_host(h);
    }
    w.run(5000);
    EXPECT_TRUE(w.settle());
    EXPECT_EQ(w.fault, "");
    w.compare();
    if (testing::Test::HasFailure()) return;
  }
}

// ---- commands that meet -----------------------------------------------------------------------------------
// Writes of several hosts that meet, legs do what they have in any order. The guard lets one of those that
// meet go at a time: legs end equal, each block as one of them had it.
class MeetingWrites {
 public:
  explicit MeetingWrites(EngineWorld& w) : w_(w), written_(kCount) {
    w.forget(kFirst, kCount);  // by others
    // A leg is asked nothing about blocks of which it still owes an answer (P14).
    w.heard = [this](bool leg, unsigned index, const test::TakenPdu& t) {
      if (!leg || t.head.type != spec::pdu::kCapsuleCmd) return;
      const auto sqe = t.as<nvmf::CapsuleCmd>().sqe;
      if (sqe.opcode != spec::io::kWrite) return;
      for (const auto& [cid, c] : w_.legs[index].open)
        EXPECT_FALSE(c.write && sqe.slba() < c.sqe.slba() + c.sqe.blocks() &&
                     c.sqe.slba() < sqe.slba() + sqe.blocks())
            << "two at once at leg " << index;
    };
  }
  // All meet in a few blocks: many wait for the same one.
  void crowd() {
    const unsigned count = 1 + w_.r.below(8);
    write(any_host(), w_.r.below(kCrowd - count + 1), count, 70);
  }
  // A short one in blocks where hardly anybody is, and at once a longer one that begins before it and ends
  // behind it: of its first blocks it is any, or none, that must wait.
  void pair() {
    const unsigned of = kCrowd + kPlace * w_.r.below(kPlaces);
    const unsigned at = 4 + w_.r.below(4), count = w_.r.chance(70) ? 1 : 2, before = w_.r.below(5);
    test::TestHost& h = any_host();
    write(h, of + at, count, 95);
    write(w_.r.chance(60) ? h : any_host(), of + at - before, before + count + w_.r.below(4), 95);
  }
  void compare() const {
    for (unsigned b = 0; b < kCount; ++b)
      for (const test::TestLeg& l : w_.legs) {
        const auto at = l.disk.begin() + (kFirst + b) * test::kBlock;
        const test::ByteVec block(at, at + test::kBlock);
        const auto first = w_.legs[0].disk.begin() + (kFirst + b) * test::kBlock;
        EXPECT_TRUE(std::equal(block.begin(), block.end(), first)) << "leg " << l.index << " block " << b;
        EXPECT_TRUE(written_[b].empty() || written_[b].count(block) != 0) << "a block of no write";
      }
  }

 private:
  static constexpr unsigned kFirst = 100, kCrowd = 12, kPlace = 14, kPlaces = 16,
                            kCount = kCrowd + kPlaces * kPlace;
  test::TestHost& any_host() { return w_.hosts[w_.r.below(static_cast<unsigned>(w_.hosts.size()))]; }
  void write(test::TestHost& h, unsigned at, unsigned count, unsigned in_capsule) {
    if (h.open.size() + 1 >= h.depth) return;
    test::TestHost::Command c{};
    c.opcode = spec::io::kWrite;
    c.count = count;
    c.block = kFirst + at;
    c.in_capsule = w_.r.chance(in_capsule);
    w_.send(h, c);
    const test::ByteVec& data = h.open[h.next_cid].data;
    for (unsigned b = 0; b < count; ++b)
      written_[at + b].emplace(data.begin() + b * test::kBlock, data.begin() + (b + 1) * test::kBlock);
  }
  EngineWorld& w_;
  std::vector<std::set<test::ByteVec>> written_;
};

TEST(Engine, Overlaps) {
  const uint64_t from = first_seed(1100), until = from + rounds(4);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld::Options o = random_options(seed);
    o.legs = 2 + static_cast<unsigned>(seed % 3);
    o.hosts = 3;
    EngineWorld w(seed, o);
    MeetingWrites writes(w);
    for (unsigned n = 0; n < 200 && w.fault.empty() && !testing::Test::HasFailure(); ++n) {
      if (w.r.chance(75)) {
        writes.pair();
      } else {
        writes.crowd();
      }
      w.run(30);
    }
    EXPECT_TRUE(w.settle()) << "commands are never answered";
    EXPECT_EQ(w.fault, "");
    writes.compare();
    w.compare();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace nvtee::card
