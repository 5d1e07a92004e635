// The receive path of a port: byte streams in, records and memory out.
#include <gtest/gtest.h>

#include <cstring>

#include "hw/kernels/engine/rx_world.hpp"
#include "runtime/nvmf/pdu/wire.hpp"

namespace nvtee::card {
namespace {

using test::RxWorld;
using test::SentPdu;

RxWorld::Options options_of(std::uint64_t seed) {
  RxWorld::Options o;
  o.tcp.piece = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 100 : 5000;
  o.tcp.jitter = seed % 2 ? 40 : 0;
  o.tcp.stall = seed % 4 == 1 ? 20 : 0;
  o.memory.latency = seed % 5 == 0 ? 3 : 100;
  o.memory.stall = seed % 4 == 2 ? 20 : 0;
  o.hold = seed % 3 == 1 ? 25 : 0;
  o.think = seed % 2 ? 60 : 5;
  o.bad_digest = 15;
  return o;
}
constexpr unsigned kRoles[] = {CardCtl::kHost, CardCtl::kLeg,  CardCtl::kRaw, CardCtl::kHost,
                               CardCtl::kLeg,  CardCtl::kHost, CardCtl::kRaw, CardCtl::kLeg};

TEST(RxPath, OneCommand) {
  RxWorld w(1, {});
  w.open(0, CardCtl::kHost, false, false);
  w.send(0, 1);
  EXPECT_TRUE(w.settle()) << w.fault;
  EXPECT_EQ(w.pdus_done, 1u);
}

TEST(RxPath, SessionsOfAllRolesAtOnce) {
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    SCOPED_TRACE(seed);
    RxWorld w(seed, options_of(seed));
    for (unsigned s = 0; s < 8; ++s) w.open(s, kRoles[s], w.rng.chance(50), w.rng.chance(50));
    for (unsigned round = 0; round < 10; ++round) {
      for (unsigned s = 0; s < 8; ++s) w.send(s, w.rng.below(6));
      for (unsigned i = 0; i < 300; ++i) w.clock();
    }
    ASSERT_TRUE(w.settle(2000000)) << w.fault;
    for (const auto& s : w.sessions) EXPECT_TRUE(s.errors.empty());
  }
}

// Every place where TCP may cut a stream in two.
TEST(RxPath, PdusSplitAtEveryOffset) {
  for (unsigned role : {CardCtl::kHost, CardCtl::kLeg, CardCtl::kRaw}) {
    for (unsigned cut = 1; cut < 400; ++cut) {
      SCOPED_TRACE(cut);
      RxWorld::Options o;
      o.size = test::Size::kSmall;
      RxWorld w(cut, o);
      w.open(2, role, cut % 2, cut % 3 == 0);
      w.open(5, CardCtl::kHost, false, true);
      test::Bytes8 all;
      for (unsigned i = 0; i < 4; ++i) {
        const SentPdu p = w.make(2);
        w.sessions[2].expected.push_back(p);
        all.insert(all.end(), p.wire.begin(), p.wire.end());
      }
      const std::size_t at = std::min<std::size_t>(cut, all.size());
      w.tcp.arrive(2, all.data(), at);
      w.send(5, 1);
      for (unsigned i = 0; i < 60; ++i) w.clock();
      w.tcp.arrive(2, all.data() + at, all.size() - at);
      ASSERT_TRUE(w.settle()) << w.fault;
    }
  }
}

// Sessions end in the middle of PDUs, and begin again.
TEST(RxPath, SessionsEndInTheMiddle) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    RxWorld w(seed, options_of(seed));
    for (unsigned s = 0; s < 8; ++s) w.open(s, kRoles[s], w.rng.chance(50), w.rng.chance(50));
    for (unsigned round = 0; round < 60; ++round) {
      const unsigned s = w.rng.below(8);
      w.send(s, 1 + w.rng.below(4));
      const SentPdu half = w.make(s);
      const std::size_t n = w.rng.below(static_cast<unsigned>(half.wire.size()));
      const bool ends = w.rng.chance(50);
      if (ends) w.sessions[s].expected.push_back(half);
      if (ends) w.tcp.arrive(s, half.wire.data(), n);
      for (unsigned i = w.rng.below(400); i > 0; --i) w.clock();
      if (!ends) continue;
      // The peer may go first, or later; the card is told to stop in any case.
      const bool peer_first = w.rng.chance(50);
      if (peer_first) w.tcp.close(s);
      for (unsigned i = w.rng.below(100); i > 0; --i) w.clock();
      w.off(s);
      for (unsigned i = 0; i < 100000 && w.sessions[s].drained == 0 && w.fault.empty(); ++i) w.clock();
      ASSERT_EQ(w.sessions[s].drained, 1u) << w.fault;
      if (!peer_first) w.tcp.close(s);
      for (unsigned i = 0; i < 100000 && !(w.sessions[s].closed == 1) && w.fault.empty(); ++i) w.clock();
      ASSERT_EQ(w.sessions[s].closed, 1u) << w.fault;
      for (unsigned i = 0; i < 100; ++i) w.clock();
      w.open(s, kRoles[(s + round) % 8], w.rng.chance(50), w.rng.chance(50));
    }
    ASSERT_TRUE(w.settle(2000000)) << w.fault;
  }
}

// A verdict may be fatal: told once, and nothing more of that session.
TEST(RxPath, FatalVerdict) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    RxWorld w(seed, options_of(seed));
    w.open(0, CardCtl::kHost, true, true);
    w.open(1, CardCtl::kLeg, true, true);
    w.fatal_next = 3;
    w.send(0, 30);
    w.send(1, 30);
    for (unsigned i = 0; i < 30000; ++i) w.clock();
    ASSERT_EQ(w.sessions[0].errors.size(), 1u) << w.fault;
    EXPECT_EQ(w.sessions[0].errors[0].fes, 4);
    EXPECT_EQ(w.sessions[0].errors[0].fei, 77);
    w.sessions[0].expected.clear();
    w.off(0);
    ASSERT_TRUE(w.settle(2000000)) << w.fault;
    EXPECT_TRUE(w.sessions[1].errors.empty());
    EXPECT_EQ(w.sessions[0].drained, 1u);
  }
}

// Clocks a PDU, when TCP has more than enough: what the kernels cost.
double clocks_per_pdu(unsigned sessions, unsigned lead) {
  RxWorld::Options o;
  o.size = test::Size::kBlock;
  o.think = 1;
  o.memory.outstanding = 512;
  RxWorld w(1, o);
  constexpr unsigned kPdus = 2400;
  for (unsigned s = 0; s < sessions; ++s) {
    w.open(s, CardCtl::kHost, false, false);
    // A PDU without data shifts the rest of the stream by so many bytes.
    for (unsigned i = 0; i < lead; ++i) {
      SentPdu p = w.make(s);
      p.data.clear();
      nvmf::PduHead h{};
      std::memcpy(&h, p.head.data(), sizeof h);
      h.plen = 72;
      h.pdo = 0;
      std::memcpy(p.head.data(), &h, sizeof h);
      p.wire = p.head;
      w.expect_and_send(s, p);
    }
  }
  for (unsigned i = 0; i < kPdus; ++i) w.send(i % sessions, 1);
  for (unsigned i = 0; i < 2000; ++i) w.clock();
  const auto from = w.now;
  const unsigned done = w.pdus_done;
  while (w.pdus_done < done + 2000 && w.now < 200000) w.clock();
  if (w.pdus_done < done + 2000) std::printf("%s %s\n", w.fault.c_str(), w.left_over().c_str());
  return static_cast<double>(w.now - from) / (w.pdus_done - done);
}
TEST(RxPath, BlocksInCapsulesTakeTenClocks) {
  for (unsigned sessions : {1u, 2u, 8u})
    for (unsigned lead : {0u, 1u, 3u, 5u}) {
      const double clocks = clocks_per_pdu(sessions, lead);
      std::printf("%u sessions, %2u bytes off: %.2f clocks a PDU of 584 bytes\n", sessions, lead * 72 % 64,
                  clocks);
      EXPECT_LE(clocks, 10.2);
    }
}

}  // namespace
}  // namespace nvtee::card
