// The software body by itself: no hosts, no legs, commands of the runtime only.
#include "runtime/dataplane/software_body.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace nvtee::dataplane {
namespace {

class Client final : public DataPlaneClient {
 public:
  void on_event(const tee::Event&) override {}
  void on_internal_response(std::uint16_t cid, spec::Status status) override {
    answers.emplace_back(cid, status);
  }
  void on_leg_up(unsigned, unsigned, std::uint8_t, const core::LegFacts&) override {}
  void on_leg_down(unsigned, unsigned, std::uint8_t, const std::string&, bool) override {}
  void on_leg_deadline(unsigned, unsigned, std::uint8_t) override {}
  void on_reserved(unsigned, unsigned, std::uint8_t, const core::Reserved&) override {}
  void on_queue_drained(std::uint16_t) override {}

  std::vector<std::pair<std::uint16_t, spec::Status>> answers;
};

class SoftwareBodyTest : public ::testing::Test {
 protected:
  SoftwareBodyTest() : reactor(*net::Reactor::create()), body(*SoftwareBody::create(*reactor, &client, {})) {
    tee::Ctl c = order(tee::Ctl::kSetNamespace);
    c.flag = 1;
    c.nsid = 1;
    c.lba = 1 << 20;
    c.shift_a = 12;
    c.shift_b = 20;  // one region
    body->ctl(c);
    c = order(tee::Ctl::kSetLeg);
    c.leg_state = tee::Ctl::kLegInSync;
    body->ctl(c);
    c = order(tee::Ctl::kSetLease);
    c.clock = ~std::uint64_t{0};
    body->ctl(c);
    c = order(tee::Ctl::kRegionSet);
    c.region_state = tee::Ctl::kOpen;
    body->ctl(c);
    turns(3);
  }

  static tee::Ctl order(tee::Ctl::Op op) {
    tee::Ctl c{};
    c.op = op;
    return c;
  }
  void turns(unsigned n) {
    while (n-- != 0) reactor->turn(0);
  }

  Client client;
  std::unique_ptr<net::Reactor> reactor;
  std::unique_ptr<SoftwareBody> body;
};

// P10: none is lost for want of a slot of queue 0; it waits for one.
TEST_F(SoftwareBodyTest, InternalCommandsBeyondTheSlotsOfTheirQueueWait) {
  constexpr unsigned kCommands = SoftwareBody::kDepth + 40;
  for (unsigned i = 0; i < kCommands; ++i) {
    nvmf::Sqe sqe{};
    sqe.opcode = spec::io::kWriteZeroes;
    sqe.cid = static_cast<std::uint16_t>(i);
    sqe.nsid = 1;
    sqe.cdw10 = i;
    body->command(sqe);
  }
  turns(10);
  // The leg has no association: what was sent to it stays there.
  EXPECT_EQ(body->slots_in_use(), SoftwareBody::kDepth);
  EXPECT_TRUE(client.answers.empty());

  for (unsigned round = 0; round < 3; ++round) {
    tee::Ctl sweep = order(tee::Ctl::kLegSweep);
    sweep.sweep = tee::Ctl::kFail;
    body->ctl(sweep);
    turns(10);
    tee::Ctl open = order(tee::Ctl::kSetGate);
    body->ctl(open);
    turns(10);
  }
  EXPECT_EQ(client.answers.size(), kCommands);
  EXPECT_EQ(body->slots_in_use(), 0u);
}

}  // namespace
}  // namespace nvtee::dataplane
