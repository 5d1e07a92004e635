// No PDU costs a heap allocation once a connection is warm: counted, not believed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "runtime/nvmf/pdu/controller_connection.hpp"
#include "runtime/nvmf/pdu/test_tools.hpp"

namespace {
std::size_t allocations = 0;
}

// Replaces the program's allocation functions; sanitizers have their own, so the test is not built with them.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size)) return p;
  std::abort();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

namespace nvtee::nvmf {
namespace {

using namespace test;

// A host and a controller that play writes: small ones in capsules, large ones by R2T.
struct Game final : ConnectHandler, QueueHandler, PduDelegate {
  std::unique_ptr<net::Reactor> reactor = *net::Reactor::create();
  std::unique_ptr<PduConnection> host;
  std::unique_ptr<ControllerConnection> controller;
  Bytes sink = Bytes(256 << 10), data = pattern(128 << 10, 1);
  Bytes connect_data = pattern(1024, 2);
  std::uint16_t cid = 0;
  unsigned answered = 0, sent = 0;

  void issue() {
    if (answered % 2 == 0) return host->send_pdu(command(++cid), std::span(data).first(4096), 1);
    host->send_pdu(command(++cid));
  }
  // host's side
  DataSink on_data_header(const PduAny&, std::uint32_t) override { return DataSink::to(sink.data()); }
  std::optional<Fatal> on_pdu(const PduAny& pdu, const ReceivedData&) override {
    if (pdu.head.type == p::kICResp) {
      host->set_terms({true, true, 0, 0, 0});
      CapsuleCmd k = command(0, spec::kOpFabrics);
      k.sqe.nsid = spec::fabrics::kConnect;
      k.sqe.sgl = {0, 1024, {}, spec::kSglDataOffset};
      host->send_pdu(k, connect_data, 1);
    } else if (pdu.head.type == p::kR2T) {
      host->send_pdu(data_pdu(p::kH2CData, pdu.r2t.cccid, data.size()), data, 1);
    } else if (pdu.head.type == p::kCapsuleResp) {
      ++answered;
      issue();
    }
    return {};
  }
  void on_close(const std::string& why) override { ADD_FAILURE() << why; }
  // both
  void on_sent(std::uint64_t) override { ++sent; }
  // controller's side
  void on_connect(ControllerConnection& c, const Sqe&, std::span<const std::byte, 1024>) override {
    c.accept(this, 1, 1, 128, true);
  }
  void on_early_close(ControllerConnection&, const std::string& why) override { ADD_FAILURE() << why; }
  std::uint16_t present = 0;
  DataSink on_command(const Sqe& sqe, std::uint32_t) override {
    present = sqe.cid;
    return DataSink::to(sink.data());
  }
  void on_command_data(const ReceivedData& d) override {
    if (d.length == 0) return controller->send_r2t(present, 1, 0, static_cast<std::uint32_t>(data.size()));
    EXPECT_TRUE(d.digest_ok);
    controller->send_response(present, spec::st::kOk);
  }
  DataSink on_h2c_header(const DataPdu&) override { return DataSink::to(sink.data()); }
  void on_h2c_data(const DataPdu& pdu, const ReceivedData& d) override {
    EXPECT_TRUE(d.digest_ok);
    controller->send_data(pdu.cccid, std::span(data).first(8192), 2);
    controller->send_response(pdu.cccid, spec::st::kOk);
  }
  void on_closed(const std::string& why) override { ADD_FAILURE() << why; }
};

TEST(PduAllocation, NoneInSteadyState) {
  Game g;
  auto [a, b] = tcp_pair();
  g.host = std::make_unique<PduConnection>(*g.reactor, std::move(a), Side::kHost, &g);
  g.controller = std::make_unique<ControllerConnection>(*g.reactor, std::move(b), FrontProfile{}, &g);
  g.host->send_pdu(ic_request(3));
  turn_until(*g.reactor, [&] { return g.answered >= 50; });
  const std::size_t before = allocations;
  const Time end = g.reactor->now() + 10 * kSecond;
  while (g.answered < 2000 && g.reactor->now() < end) g.reactor->turn(10 * kMillisecond);
  EXPECT_GE(g.answered, 2000u);
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GT(before, 0u);  // the counter counts
}

}  // namespace
}  // namespace nvtee::nvmf
