// What peers may send that is no NVMe/TCP: judged as the software body judges it, told once, nothing hangs
// and no other session notices.
#include <gtest/gtest.h>

#include <cstring>

#include "hw/kernels/engine/rx_world.hpp"
#include "runtime/base/crc32c.hpp"
#include "runtime/nvmf/pdu/pdu_check.hpp"

namespace nvtee::card {
namespace {

using test::RxWorld;
using test::SentPdu;

// A header with a few fields changed, its digest made right again or not.
struct Forged {
  test::Bytes8 bytes;
  std::optional<nvmf::Fatal> want;  // of the software body
  bool term = false;
};

Forged forge(RxWorld& w, unsigned session) {
  const auto& s = w.sessions[session];
  SentPdu p = w.make(session);
  nvmf::PduAny any{};
  std::memcpy(&any, p.head.data(), p.head.size());
  nvmf::PduHead& h = any.head;
  for (unsigned changes = 1 + w.rng.below(2); changes > 0; --changes) {
    switch (w.rng.below(9)) {
      case 0:
        h.type = static_cast<std::uint8_t>(w.rng.below(12));
        break;
      case 1:
        h.flags = static_cast<std::uint8_t>(h.flags ^ (1u << w.rng.below(8)));
        break;
      case 2:
        h.hlen = static_cast<std::uint8_t>(w.rng.chance(50) ? w.rng.below(130) : 24 + 48 * w.rng.below(2));
        break;
      case 3:
        h.pdo = static_cast<std::uint8_t>(w.rng.bits());
        break;
      case 4:
        h.plen = static_cast<std::uint32_t>(w.rng.bits());
        break;
      case 5:
        h.plen = static_cast<std::uint32_t>(h.plen + w.rng.below(17) - 8);
        break;
      case 6:
        h.plen = 131072 + 24 + w.rng.below(300);
        break;
      case 7:
        h.plen = 8192 + 60 + w.rng.below(300);
        break;
      default:
        if (p.head.size() == 24) any.data.datal += w.rng.below(9) - 4;
        if (p.head.size() == 24 && w.rng.chance(50)) any.data.datao += w.rng.below(4);
        break;
    }
  }
  nvmf::PduConnection::Terms terms;
  terms.header_digest = s.hdgst;
  terms.data_digest = s.ddgst;
  const auto side =
      s.role == CardCtl::kHost ? nvmf::PduConnection::Side::kController : nvmf::PduConnection::Side::kHost;
  terms.max_rx_data = h.type == spec::pdu::kCapsuleCmd ? 8192 : 131072;
  const nvmf::HeadCheck check = nvmf::check_head(h, side, terms);
  Forged f;
  f.want = check.fatal;
  f.term = nvmf::is_term_req(h, side);
  // The connection is set up long since; the card does not look at the form of what comes too late.
  if (h.type == (s.role == CardCtl::kHost ? spec::pdu::kICReq : spec::pdu::kICResp))
    f.want = nvmf::Fatal{spec::fes::kSequenceError, 0};
  // The card never agreed to padding, so with any there is a wrong PDO where the software counts what is
  // behind it.
  const std::uint32_t end = check.layout.header_end(), tail = s.ddgst ? 4 : 0;
  const bool room = h.plen > end + tail && h.plen <= terms.max_rx_data + 255 + tail;
  const bool counted =
      f.want && (f.want->fes == spec::fes::kLimitExceeded || f.want->fei == nvmf::fei::kPlen);
  const bool carries =
      h.type == spec::pdu::kCapsuleCmd || h.type == spec::pdu::kH2CData || h.type == spec::pdu::kC2HData;
  if (!f.term && carries && h.pdo != end && room && (counted || (!f.want && check.layout.data_length != 0)))
    f.want = nvmf::Fatal{spec::fes::kInvalidHeaderField, nvmf::fei::kPdo};
  const std::size_t head = f.want || f.term ? p.head.size() : check.layout.header;
  f.bytes.resize(std::max<std::size_t>(head, 24));
  std::memcpy(f.bytes.data(), &any, std::min(sizeof any, f.bytes.size()));
  if (s.hdgst) {
    std::uint32_t crc = crc32c(0, f.bytes.data(), head);
    const bool wrong = w.rng.chance(20);
    if (wrong) crc ^= 1u << w.rng.below(32);
    if (wrong && !f.want && !f.term) f.want = nvmf::Fatal{spec::fes::kHeaderDigest, crc};
    for (int i = 0; i < 4; ++i) f.bytes.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
  }
  if (!f.want && !f.term) {
    f.want = nvmf::check_body(any, check.layout);
    const bool h2c = h.type == spec::pdu::kH2CData;
    if (!f.want && h2c && any.data.ttag > 0x1fff) f.want = nvmf::Fatal{spec::fes::kInvalidHeaderField, 10};
  }
  return f;
}

TEST(RxHostile, HeadersAreJudgedAsTheSoftwareDoes) {
  unsigned judged = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    SCOPED_TRACE(seed);
    RxWorld::Options o;
    o.size = test::Size::kSmall;
    o.tcp.piece = seed % 2 ? 50 : 0;
    RxWorld w(seed, o);
    const unsigned role = seed % 2 ? CardCtl::kHost : CardCtl::kLeg;
    w.open(1, role, w.rng.chance(50), w.rng.chance(50));
    w.open(2, CardCtl::kHost, true, true);
    w.send(1, w.rng.below(3));
    w.send(2, 2);
    const Forged f = forge(w, 1);
    if (!f.want && !f.term) continue;  // still good
    ++judged;
    w.tcp.arrive(1, f.bytes);
    test::Bytes8 noise(w.rng.below(400));
    for (auto& x : noise) x = static_cast<std::uint8_t>(w.rng.bits());
    w.tcp.arrive(1, noise);
    w.send(2, 3);
    ASSERT_TRUE(w.settle()) << w.fault;
    ASSERT_EQ(w.sessions[1].errors.size(), 1u);
    const CardEvent e = w.sessions[1].errors[0];
    EXPECT_EQ(e.fes.to_uint(), f.term ? 0u : f.want->fes);
    EXPECT_EQ(e.fei.to_uint(), f.term ? 0u : f.want->fei);
    EXPECT_TRUE(w.sessions[2].errors.empty());
    w.off(1);
    ASSERT_TRUE(w.settle()) << w.fault;
    ASSERT_EQ(w.sessions[1].drained, 1u);
    if (HasFailure()) return;
  }
  EXPECT_GT(judged, 700u);
}

// Noise from the first byte on, on every kind of session, among good ones.
TEST(RxHostile, NoiseEndsOnlyItsOwnSession) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    RxWorld::Options o;
    o.tcp.piece = 700;
    o.hold = seed % 3 == 0 ? 20 : 0;
    RxWorld w(seed, o);
    for (unsigned s = 0; s < 8; ++s) w.open(s, 1 + (s + seed) % 3, w.rng.chance(50), w.rng.chance(50));
    for (unsigned round = 0; round < 6; ++round) {
      for (unsigned s = 0; s < 8; ++s) {
        if (s % 2 != 0) {
          w.send(s, w.rng.below(4));
          continue;
        }
        if (w.sessions[s].role == CardCtl::kRaw) continue;  // any bytes are a PDU there
        test::Bytes8 noise(1 + w.rng.below(3000));
        for (auto& x : noise)
          x = static_cast<std::uint8_t>(w.rng.chance(30) ? w.rng.below(12) : w.rng.bits());
        w.tcp.arrive(s, noise);
      }
      for (unsigned i = 0; i < 200; ++i) w.clock();
    }
    ASSERT_TRUE(w.settle(2000000)) << w.fault;
    for (unsigned s = 0; s < 8; s += 2)
      if (w.sessions[s].role != CardCtl::kRaw) EXPECT_EQ(w.sessions[s].errors.size(), 1u);
    for (unsigned s = 0; s < 8; ++s) w.off(s);
    ASSERT_TRUE(w.settle(2000000)) << w.fault;
    for (const auto& s : w.sessions) EXPECT_EQ(s.drained, 1u);
  }
}

// A raw PDU that is too short or too long.
TEST(RxHostile, RawPdusOfNoSize) {
  for (std::uint32_t plen : {0u, 7u, 8u, 23u, 131073u, 0x80000000u, 0xffffffffu}) {
    RxWorld w(plen, {});
    w.open(3, CardCtl::kRaw, false, false);
    w.open(4, CardCtl::kRaw, false, false);
    w.send(3, 1);
    nvmf::PduHead h{1, 2, 3, 4, plen};
    test::Bytes8 b(sizeof h + 100);
    std::memcpy(b.data(), &h, sizeof h);
    w.tcp.arrive(3, b);
    w.send(4, 9);  // more than there are buffers: they come back
    ASSERT_TRUE(w.settle()) << w.fault;
    ASSERT_EQ(w.sessions[3].errors.size(), 1u);
    EXPECT_EQ(w.sessions[3].errors[0].fes, 1);
    EXPECT_EQ(w.sessions[3].errors[0].fei, 4);
  }
}

}  // namespace
}  // namespace nvtee::card
