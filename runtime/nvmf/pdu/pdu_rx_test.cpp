// The stream machine and the header checks alone, without sockets.
#include "runtime/nvmf/pdu/pdu_rx.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/base/crc32c.hpp"
#include "runtime/nvmf/pdu/test_tools.hpp"

namespace nvtee::nvmf {
namespace {

using namespace test;
using Step = RxMachine::Step;

struct Result1 {
  std::vector<Recorder::Got> got;
  std::optional<Fatal> fatal;
  bool term = false;
};

// Runs the machine over pieces as a connection would; `direct` places what it can without staging.
struct Runner {
  RxMachine rx;
  Side side;
  Terms terms;
  Result1 out;
  Bytes memory;
  bool drop = false, lend = false;
  unsigned lent = 0;  // PDUs whose data stayed where they were

  Runner(Side s, const Terms& t) : side(s), terms(t) {}
  bool take(std::span<const std::byte> in) {
    for (;;) {
      switch (rx.advance(in, side, terms)) {
        case Step::kMore:
          return in.empty();
        case Step::kFatal:
          out.fatal = rx.fatal();
          return false;
        case Step::kTermReq:
          out.term = true;
          return false;
        case Step::kSink:
          memory.assign(rx.data_length(), std::byte{0});
          rx.set_sink(drop ? nullptr : memory.data(), lend);
          break;
        case Step::kDone:
          if (const auto* at = rx.received().at) {
            ++lent;
            EXPECT_TRUE(lend && std::ranges::all_of(memory, [](std::byte b) { return b == std::byte{0}; }));
            memory.assign(at, at + rx.received().length);
          }
          out.got.push_back({rx.pdu(), rx.received(), rx.received().length != 0 ? memory : Bytes{}});
          break;
      }
    }
  }
  bool feed(std::span<const std::byte> in, bool use_direct) {
    if (use_direct) {
      const auto room = rx.direct();
      const std::size_t n = std::min(room.size(), in.size());
      if (n != 0) {
        std::memcpy(room.data(), in.data(), n);
        rx.filled(n);
        in = in.subspan(n);
      }
    }
    return take(in);
  }
};

std::vector<Terms> all_terms() {
  std::vector<Terms> all;
  for (bool hd : {false, true})
    for (bool dd : {false, true})
      for (std::uint32_t align : {0u, 4u, 16u, 64u, 128u}) all.push_back({hd, dd, align, align, 1 << 20});
  return all;
}

Bytes controller_stream(const Terms& t, std::vector<Bytes>& datas) {
  Bytes s;
  auto add = [&](const Bytes& b) { s.insert(s.end(), b.begin(), b.end()); };
  datas = {{}, pattern(64, 1), pattern(12, 2), {}, pattern(1, 3), pattern(4, 4)};
  add(wire(t, command(0)));
  add(wire(t, command(1), datas[1]));
  add(wire(t, data_pdu(p::kH2CData, 2, 12), datas[2]));
  add(wire(t, command(3)));
  add(wire(t, command(4), datas[4]));
  add(wire(t, data_pdu(p::kH2CData, 5, 4, 0), datas[5]));
  return s;
}

void expect_stream(const Result1& r, const std::vector<Bytes>& datas, const Terms& t, bool dropped) {
  ASSERT_FALSE(r.fatal);
  ASSERT_EQ(r.got.size(), datas.size());
  for (std::size_t i = 0; i < datas.size(); ++i) {
    EXPECT_EQ(id_of(r.got[i].pdu), i);
    EXPECT_EQ(r.got[i].data.length, datas[i].size());
    EXPECT_TRUE(r.got[i].data.digest_ok);
    EXPECT_EQ(r.got[i].data.digest_present, t.data_digest && !datas[i].empty());
    if (r.got[i].data.digest_present) {
      EXPECT_EQ(r.got[i].data.digest, crc32c(0, datas[i].data(), datas[i].size()));
    }
    if (!dropped) {
      EXPECT_EQ(r.got[i].bytes, datas[i]);
    }
  }
}

TEST(PduRx, SplitAtEveryOffsetWithEveryDigestAndAlignment) {
  for (const Terms& t : all_terms()) {
    std::vector<Bytes> datas;
    const Bytes s = controller_stream(t, datas);
    for (std::size_t cut = 0; cut <= s.size(); ++cut)
      for (bool direct : {false, true}) {
        Runner r(Side::kController, t);
        ASSERT_TRUE(r.feed(std::span(s).first(cut), direct));
        ASSERT_TRUE(r.feed(std::span(s).subspan(cut), direct));
        expect_stream(r.out, datas, t, false);
        if (HasFailure())
          FAIL() << "cut " << cut << " hd " << t.header_digest << " dd " << t.data_digest << " align "
                 << t.rx_align;
      }
  }
}

// Lent data are whole and, with their digest, in one piece: two pieces of memory, which have no bytes in
// common, show it at every cut.
TEST(PduRx, DataAreLentOnlyWhereAllOfThemAreThere) {
  for (const Terms& t : all_terms()) {
    std::vector<Bytes> datas;
    const Bytes s = controller_stream(t, datas);
    const auto with_data =
        static_cast<unsigned>(std::ranges::count_if(datas, [](const Bytes& d) { return !d.empty(); }));
    for (std::size_t cut = 0; cut <= s.size(); ++cut) {
      Runner r(Side::kController, t);
      r.lend = true;
      const Bytes first(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(cut));
      ASSERT_TRUE(r.feed(first, false));
      const Bytes second(s.begin() + static_cast<std::ptrdiff_t>(cut), s.end());
      ASSERT_TRUE(r.feed(second, false));
      expect_stream(r.out, datas, t, false);
      EXPECT_GE(r.lent + 1, with_data) << "at most the one that is cut is not";
      if (cut == 0 || cut == s.size()) EXPECT_EQ(r.lent, with_data);
      if (HasFailure()) FAIL() << "cut " << cut << " dd " << t.data_digest << " align " << t.rx_align;
    }
  }
}

TEST(PduRx, ByteByByteAndDropped) {
  for (const Terms& t : all_terms()) {
    std::vector<Bytes> datas;
    const Bytes s = controller_stream(t, datas);
    for (bool drop : {false, true}) {
      Runner r(Side::kController, t);
      r.drop = drop;
      for (const std::byte& b : s) ASSERT_TRUE(r.feed({&b, 1}, true));
      expect_stream(r.out, datas, t, drop);
    }
  }
}

TEST(PduRx, PaddingAndDigestsAreWhereTheyBelong) {
  const Terms t{true, true, 0, 32, 0};
  const Bytes data = pattern(8, 9);
  const Bytes w = wire(t, data_pdu(p::kH2CData, 7, 8), data);
  ASSERT_EQ(w.size(), 32u + 8 + 4);  // 24 header + 4 digest + 4 pad, data, digest
  EXPECT_EQ(static_cast<unsigned>(w[3]), 32u);
  EXPECT_EQ(static_cast<unsigned>(w[4]), 44u);
  EXPECT_EQ(static_cast<unsigned>(w[1]), unsigned{p::kHdgst | p::kDdgst | p::kLast});
  std::uint32_t crc;
  std::memcpy(&crc, w.data() + 24, 4);
  EXPECT_EQ(crc, crc32c(0, w.data(), 24));
  std::memcpy(&crc, w.data() + 40, 4);
  EXPECT_EQ(crc, crc32c(0, data.data(), 8));
  for (int i = 28; i < 32; ++i) EXPECT_EQ(w[static_cast<std::size_t>(i)], std::byte{0});
}

// ---- headers that must be refused: each with the right FES and FEI ----

struct Malformed {
  const char* name;
  Side side;
  Terms terms;
  Bytes bytes;
  std::uint16_t fes;
  std::uint32_t fei;
};

template <class P>
Bytes poke(const Terms& t, const P& pdu, std::size_t at, int value, const Bytes& data = {}) {
  Bytes b = wire(t, pdu, data);
  b[at] = static_cast<std::byte>(value);
  return b;
}

template <class P>
Bytes with_plen(const Terms& t, const P& pdu, std::uint32_t plen, const Bytes& data = {}) {
  Bytes b = wire(t, pdu, data);
  std::memcpy(b.data() + 4, &plen, 4);
  return b;
}

std::vector<Malformed> malformed() {
  const Terms none{false, false, 0, 0, 8192}, hd{true, false, 0, 0, 8192}, dd{false, true, 0, 0, 8192},
      al{false, false, 64, 64, 8192};
  const Bytes d = pattern(16, 1);
  const auto C = Side::kController, H = Side::kHost;
  auto h2c = data_pdu(p::kH2CData, 1, 16);
  auto c2h = data_pdu(p::kC2HData, 1, 16);
  auto odd = h2c, shorter = h2c;
  odd.datao = 2;
  shorter.datal = 12;
  auto uneven = data_pdu(p::kH2CData, 1, 6);
  auto half = r2t(1), within = r2t(1);
  half.r2tl = 510;
  within.r2to = 2;
  Bytes bad_hdgst = wire(hd, command(1));
  bad_hdgst[72] ^= std::byte{0x10};
  std::uint32_t sent_digest;
  std::memcpy(&sent_digest, bad_hdgst.data() + 72, 4);
  return {
      {"unknown type 08h", C, none, poke(none, command(1), 0, 0x08), 1, 0},
      {"unknown type 0Ah", H, none, poke(none, response(1), 0, 0x0a), 1, 0},
      {"unknown type FFh", C, none, poke(none, command(1), 0, 0xff), 1, 0},
      {"answer to a controller", C, none, wire(none, response(1)), 1, 0},
      {"R2T to a controller", C, none, wire(none, r2t(1)), 1, 0},
      {"command to a host", H, none, wire(none, command(1)), 1, 0},
      {"ICReq to a host", H, none, wire(none, ic_request()), 1, 0},
      {"HLEN 0", C, none, poke(none, command(1), 2, 0), 1, 2},
      {"HLEN 71", C, none, poke(none, command(1), 2, 71), 1, 2},
      {"HLEN 128 of a command", C, none, poke(none, command(1), 2, 128), 1, 2},
      {"ICReq HLEN", C, none, poke(none, ic_request(), 2, 24), 1, 2},
      {"reserved flag", C, none, poke(none, command(1), 1, 0x10), 1, 1},
      {"LAST on a command", C, none, poke(none, command(1), 1, p::kLast), 1, 1},
      {"SUCCESS from a host", C, none, poke(none, h2c, 1, p::kLast | p::kSuccess, d), 1, 1},
      {"SUCCESS without LAST", H, none, poke(none, c2h, 1, p::kSuccess, d), 1, 1},
      {"DDGSTF on an answer", H, none, poke(none, response(1), 1, p::kDdgst), 1, 1},
      {"HDGSTF on ICReq", C, none, poke(none, ic_request(), 1, p::kHdgst), 1, 1},
      {"HDGSTF not agreed", C, none, wire(hd, command(1)), 1, 1},
      {"HDGSTF missing", C, hd, wire(none, command(1)), 1, 1},
      {"DDGSTF not agreed", C, none, poke(none, h2c, 1, p::kLast | p::kDdgst, d), 1, 1},
      {"DDGSTF missing", C, dd, poke(dd, h2c, 1, p::kLast, d), 1, 1},
      {"DDGSTF not agreed, no data", C, none, poke(none, command(1), 1, p::kDdgst), 1, 1},
      {"PLEN 0", C, none, with_plen(none, command(1), 0), 1, 4},
      {"PLEN below header", C, none, with_plen(none, command(1), 71), 1, 4},
      {"PLEN of an answer", H, none, with_plen(none, response(1), 28), 1, 4},
      {"PLEN of R2T", H, hd, with_plen(hd, r2t(1), 24), 1, 4},
      {"PLEN of ICReq", C, none, with_plen(none, ic_request(), 129), 1, 4},
      {"data PDU without data", C, none, with_plen(none, h2c, 24, d), 1, 4},
      {"only a digest after the header", C, dd, with_plen(dd, h2c, 28, d), 1, 4},
      {"PDO in the header", C, none, poke(none, h2c, 3, 20, d), 1, 3},
      {"PDO 0", C, none, poke(none, h2c, 3, 0, d), 1, 3},
      {"PDO in HDGST", C, hd, poke(hd, h2c, 3, 24, d), 1, 3},
      {"PDO not a dword", C, none, poke(none, h2c, 3, 26, d), 1, 3},
      {"PDO at the end", C, none, poke(none, h2c, 3, 40, d), 1, 3},
      {"PDO past the end", C, none, poke(none, h2c, 3, 252, d), 1, 3},
      {"PDO not aligned as asked", C, al, wire(none, h2c, d), 1, 3},
      {"wrong HDGST", C, hd, bad_hdgst, 3, sent_digest},
      {"DATAL short of PLEN", C, none, wire(none, shorter, d), 1, 16},
      {"DATAL not a dword", C, none, wire(none, uneven, pattern(6, 1)), 1, 16},
      {"R2TL not a dword", H, none, wire(none, half), 1, 16},
      {"R2TO not a dword", H, none, wire(none, within), 1, 12},
      {"DATAO not a dword", C, none, wire(none, odd, d), 1, 12},
      {"too much data for a controller", C, none,
       wire(none, data_pdu(p::kH2CData, 1, 8196), pattern(8196, 1)), 5, 0},
      {"too much data in a capsule", C, none, wire(none, command(1), pattern(8193, 1)), 5, 0},
      {"far too much data", C, none, with_plen(none, h2c, 0xffffffff, d), 5, 0},
      {"too much data for a host", H, none, with_plen(none, c2h, 0xfffffff0, d), 1, 4},
  };
}

TEST(PduCheck, MalformedHeaders) {
  for (const Malformed& m : malformed()) {
    SCOPED_TRACE(m.name);
    Runner r(m.side, m.terms);
    EXPECT_FALSE(r.take(m.bytes));
    ASSERT_TRUE(r.out.fatal);
    EXPECT_EQ(r.out.fatal->fes, m.fes);
    EXPECT_EQ(r.out.fatal->fei, m.fei);
    EXPECT_TRUE(r.out.got.empty());
  }
}

TEST(PduCheck, AllowedOddities) {
  // Without data, PDO is reserved and DDGSTF says nothing: hosts differ here.
  const Terms dd{false, true, 0, 0, 8192};
  for (const Bytes& b : {poke(dd, command(1), 1, p::kDdgst), poke(dd, command(1), 3, 72)}) {
    Runner r(Side::kController, dd);
    EXPECT_TRUE(r.take(b));
    EXPECT_EQ(r.out.got.size(), 1u);
  }
  // More padding than asked for is aligned too.
  const Terms sender{false, false, 0, 128, 0}, receiver{false, false, 16, 0, 0};
  Runner r(Side::kController, receiver);
  EXPECT_TRUE(r.take(wire(sender, command(1), pattern(8192, 3))));
  ASSERT_EQ(r.out.got.size(), 1u);
  EXPECT_EQ(r.out.got[0].bytes, pattern(8192, 3));
}

TEST(PduCheck, TermReqWellFormedOrNot) {
  TermReq t{};
  t.head.type = p::kH2CTermReq;
  t.head.hlen = p::kHlenTermReq;
  for (std::uint32_t plen : {0u, 23u, 24u, 152u, 153u, 0xffffffffu}) {
    t.head.plen = plen;
    Bytes b(sizeof t);
    std::memcpy(b.data(), &t, sizeof t);
    Runner r(Side::kController, Terms{true, true, 0, 0, 0});
    EXPECT_FALSE(r.take(b));
    EXPECT_TRUE(r.out.term);
    EXPECT_EQ(r.rx.term_malformed(), plen < 24 || plen > 152) << plen;
    EXPECT_FALSE(r.out.fatal);
  }
}

TEST(PduRx, WrongDataDigestIsToldAndNotFatal) {
  const Terms t{true, true, 0, 0, 8192};
  const Bytes d = pattern(512, 5);
  Bytes b = wire(t, command(1), d);
  b[b.size() - 10] ^= std::byte{1};
  const Bytes good = wire(t, command(2), d);
  b.insert(b.end(), good.begin(), good.end());
  Runner r(Side::kController, t);
  EXPECT_TRUE(r.take(b));
  ASSERT_EQ(r.out.got.size(), 2u);
  EXPECT_TRUE(r.out.got[0].data.digest_present);
  EXPECT_FALSE(r.out.got[0].data.digest_ok);
  EXPECT_TRUE(r.out.got[1].data.digest_ok);
}

// ---- random bytes: fixed seeds; run under the address sanitizer ----

TEST(PduFuzz, RandomAndMutatedStreams) {
  for (unsigned seed = 0; seed < 4000; ++seed) {
    std::minstd_rand engine(seed);
    auto rng = [&] { return static_cast<std::uint32_t>(engine() >> 3); };
    Terms t{(rng() & 1) != 0, (rng() & 1) != 0, (rng() % 33) * 4, (rng() % 33) * 4, rng() % 70000};
    const Side side = rng() & 1 ? Side::kController : Side::kHost;
    Bytes s;
    for (int i = 0; i < 6; ++i) {
      Bytes b;
      const Bytes d = pattern(4 * (rng() % 300), rng());
      switch (rng() % 8) {
        case 0:
          b = pattern(rng() % 200, rng());
          break;
        case 1:
          b = wire(t, command(1), d);
          break;
        case 2:
          b = wire(t, ic_request());
          break;
        case 3:
          b = wire(t, response(1));
          break;
        case 4:
          b = wire(t, r2t(1));
          break;
        case 5:
          b = wire(t, data_pdu(p::kC2HData, 1, d.size()), d);
          break;
        default:
          b = wire(t, data_pdu(p::kH2CData, 1, d.size()), d);
          break;
      }
      // Mutations concentrate on headers: that is where decisions are made.
      for (unsigned k = rng() % 3; k > 0 && !b.empty(); --k)
        b[rng() % std::min<std::size_t>(b.size(), 32)] ^= static_cast<std::byte>(1u << (rng() % 8));
      s.insert(s.end(), b.begin(), b.end());
    }
    Runner r(side, t);
    r.drop = rng() % 8 == 0;
    std::span<const std::byte> rest = s;
    while (!rest.empty()) {
      const std::size_t n = std::min<std::size_t>(rest.size(), 1 + rng() % 400);
      if (!r.feed(rest.first(n), (rng() & 1) != 0)) break;
      rest = rest.subspan(n);
      ASSERT_LE(r.memory.size(), std::max<std::size_t>(t.max_rx_data, kDefaultMaxRxData));
    }
    if (r.out.fatal) {
      EXPECT_GE(r.out.fatal->fes, 1);
      EXPECT_LE(r.rx.header_bytes(), sizeof(PduAny));
    }
  }
}

}  // namespace
}  // namespace nvtee::nvmf
