// Floods from hosts: connections, half-open handshakes, readers that do not read, lengths and tags that make
// no sense. Memory stays bounded, and another host goes on as if nothing were.
#include <fstream>
#include <random>

#include "tests/limits/rig.hpp"

namespace nvtee {
namespace {

namespace p = spec::pdu;
namespace st = spec::st;
using spec::io::kRead;
using spec::io::kWrite;

constexpr const char* kBad = "nqn.2026-01.io.nvtee:bad";
constexpr const char* kGood = "nqn.2026-01.io.nvtee:good";

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * 4096;
}

class Flood : public testing::Test {
 protected:
  void SetUp() override { good_ = rig_.controller(kGood, 2); }
  void good_goes_on() {
    ++round_;
    const auto data = nvmf::test::Bytes(16384, static_cast<std::byte>(round_));
    EXPECT_EQ(good_.io[0]->call(LimitsRig::io(kWrite, 100, 4), {}, data).status, st::kOk);
    EXPECT_EQ(good_.io[1]->call(LimitsRig::io(kRead, 100, 4)).data, data);
    EXPECT_FALSE(good_.admin->closed());
  }
  bool closed_by_node(int fd) {
    char byte;
    const ssize_t n = ::recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
  }

  LimitsRig rig_;
  LimitsRig::Controller good_;
  unsigned round_ = 0;
};

TEST_F(Flood, HalfOpenHandshakes) {
  std::vector<net::Fd> flood;
  const std::uint64_t before = resident_bytes();
  for (unsigned i = 0; i < limits::kHandshakes + 100; ++i) {
    flood.push_back(nvmf::test::dial(rig_.address()));
    if (i % 3 == 0)
      (void)!::send(flood.back().get(), "\0\0\x80", 3, MSG_NOSIGNAL);  // the beginning of an ICReq
  }
  EXPECT_TRUE(rig_.hosts.until([&] { return rig_.in_use("host.handshakes") == limits::kHandshakes; }));
  EXPECT_TRUE(rig_.hosts.until(
      [&] { return std::ranges::count_if(flood, [&](auto& f) { return closed_by_node(f.get()); }) >= 100; }));
  good_goes_on();
  EXPECT_LT(resident_bytes() - before, 64u << 20);
  // Their time is up by itself: then there is room again.
  EXPECT_TRUE(rig_.hosts.until([&] { return rig_.in_use("host.handshakes") == 0; }));
  auto late = rig_.controller("nqn.2026-01.io.nvtee:late", 1);
  good_goes_on();
}

TEST_F(Flood, ConnectionsThatComeAndGo) {
  for (unsigned round = 0; round < 20; ++round) {
    std::vector<net::Fd> flood;
    for (unsigned i = 0; i < 50; ++i) flood.push_back(nvmf::test::dial(rig_.address()));
    good_goes_on();
  }
  EXPECT_TRUE(rig_.hosts.until([&] { return rig_.in_use("host.handshakes") == 0; }));
}

// A host that asks for reads on all its queues and takes nothing: its answers wait in slots, of which it has
// no more than its queues have entries.
TEST_F(Flood, ReaderThatDoesNotRead) {
  auto bad = rig_.controller(kBad, limits::kQueuesPerController);
  for (auto& q : bad.io) q->pdu().pause_rx();
  for (auto& q : bad.io)
    for (unsigned i = 0; i < limits::kQueueEntries - 1u; ++i) q->submit(LimitsRig::io(kRead, 0, 32));
  for (int i = 0; i < 5; ++i) good_goes_on();
  EXPECT_LE(rig_.in_use("tee.slots"),
            limits::kQueuesPerController * limits::kQueueEntries + limits::kQueueEntries);
  // It reads after all: nothing was lost.
  for (auto& q : bad.io) q->pdu().resume_rx();
  EXPECT_TRUE(rig_.hosts.until([&] { return rig_.in_use("tee.slots") == 0; }));
  EXPECT_EQ(bad.io[0]->call(LimitsRig::io(kRead, 0, 1)).data.size(), 4096u);
}

// reaches: host.queued_pdus
TEST(FloodPdu, WhatWaitsForOneConnectionIsBounded) {
  nvmf::test::Loop loop;
  struct Sink final : nvmf::PduDelegate {
    nvmf::DataSink on_data_header(const nvmf::PduAny&, std::uint32_t) override {
      return nvmf::DataSink::drop();
    }
    std::optional<nvmf::Fatal> on_pdu(const nvmf::PduAny&, const nvmf::ReceivedData&) override { return {}; }
    void on_sent(std::uint64_t) override {}
    void on_close(const std::string& w) override { why = w; }
    std::string why;
  } sink;
  auto listener = net::listen_tcp({"127.0.0.1", 0});
  auto client = nvmf::test::dial(*net::local_address(listener->get()));
  auto server = net::accept_tcp(listener->get());
  ASSERT_TRUE(server && *server);
  nvmf::PduConnection c(*loop.reactor, std::move(*server), nvmf::PduConnection::Side::kController, &sink);
  nvmf::CapsuleResp r{};
  r.head.type = p::kCapsuleResp;
  r.head.hlen = p::kHlenResp;
  // As much as the socket takes, and then what the bound allows: within a turn or two.
  constexpr std::size_t kATurn = 1000;
  std::size_t most = 0;
  for (int turn = 0; turn < 10'000 && c.open(); ++turn) {
    for (std::size_t i = 0; i < kATurn; ++i) c.send_pdu(r);
    most = std::max(most, c.queued_tx_bytes());
    loop.reactor->turn(0);
  }
  EXPECT_FALSE(c.open());
  EXPECT_EQ(sink.why, "the peer does not take what is sent to it");
  EXPECT_GT(most, limits::kQueuedPdus * sizeof r);
  EXPECT_LE(most, (limits::kQueuedPdus + 2 * kATurn) * sizeof r);
}

struct Raw {
  const char* what;
  std::function<void(std::vector<std::byte>&)> make;
};

template <class P>
void put(std::vector<std::byte>& out, const P& pdu) {
  const auto* b = reinterpret_cast<const std::byte*>(&pdu);
  out.insert(out.end(), b, b + sizeof pdu);
}

// What no host may send on an I/O queue, many times over: each costs its own connection and nothing more.
TEST_F(Flood, NonsenseOnIoQueues) {
  const Raw kinds[] = {
      {"oversized PLEN",
       [](auto& b) {
         nvmf::CapsuleCmd c{};
         c.head = {p::kCapsuleCmd, 0, p::kHlenCmd, 72, 0xfffffff0};
         put(b, c);
       }},
      {"unknown TTAG",
       [](auto& b) {
         nvmf::DataPdu d{};
         d.head = {p::kH2CData, p::kLast, p::kHlenData, p::kHlenData, p::kHlenData + 4};
         d.ttag = 0x7777;
         d.datal = 4;
         put(b, d);
         b.resize(b.size() + 4);
       }},
      {"oversized DATAL",
       [](auto& b) {
         nvmf::DataPdu d{};
         d.head = {p::kH2CData, p::kLast, p::kHlenData, p::kHlenData, 0x7fffffff};
         d.datal = 0x7fffffff - p::kHlenData;
         put(b, d);
       }},
      {"unknown type", [](auto& b) { put(b, nvmf::PduHead{0x2a, 0, 24, 0, 24}); }},
      {"a controller's PDU",
       [](auto& b) {
         nvmf::R2tPdu r{};
         r.head = {p::kR2T, 0, p::kHlenR2T, 0, p::kHlenR2T};
         put(b, r);
       }},
      {"second ICReq",
       [](auto& b) {
         nvmf::IcReq q{};
         q.head = {p::kICReq, 0, p::kHlenIC, 0, p::kHlenIC};
         put(b, q);
       }},
  };
  for (const Raw& kind : kinds) {
    auto bad = rig_.controller(kBad, 8);
    std::vector<std::byte> bytes;
    kind.make(bytes);
    for (auto& q : bad.io) {
      q->submit(LimitsRig::io(kRead, 0, 8));  // something under way
      rig_.hosts.settle();
      EXPECT_EQ(::send(q->pdu().fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    }
    for (auto& q : bad.io) EXPECT_TRUE(rig_.hosts.until([&] { return q->closed(); })) << kind.what;
    EXPECT_FALSE(bad.admin->closed()) << kind.what;
    good_goes_on();
  }
  EXPECT_TRUE(rig_.hosts.until([&] { return rig_.in_use("tee.slots") == 0; }));
}

// Random bytes behind a good handshake.
TEST_F(Flood, RandomBytesOnIoQueues) {
  std::minstd_rand rng(5);
  for (int round = 0; round < 20; ++round) {
    auto bad = rig_.controller(kBad, 4);
    for (auto& q : bad.io) {
      std::vector<std::byte> bytes(512);
      for (auto& b : bytes) b = static_cast<std::byte>(rng() >> 8);
      (void)!::send(q->pdu().fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    for (auto& q : bad.io) EXPECT_TRUE(rig_.hosts.until([&] { return q->closed(); }));
    good_goes_on();
  }
}

}  // namespace
}  // namespace nvtee
