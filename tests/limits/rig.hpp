// A node with its targets served by a thread of their own, so that the test's thread can play hosts that
// behave in ways no initiator does.
#pragma once

#include <future>
#include <thread>

#include "runtime/nvmf/front/loopback_tools.hpp"
#include "tests/node/node_rig.hpp"

namespace nvtee {

class LimitsRig {
 public:
  using HostQueue = nvmf::test::HostQueue;
  using ConnectAs = HostQueue::ConnectAs;

  LimitsRig() : rig_(one_leg()), targets_([this] { rig_.loop.reactor->run(); }) {}
  ~LimitsRig() {
    rig_.loop.reactor->stop();
    targets_.join();
  }
  Node& node() { return *rig_.node; }
  NodeStatus status() {
    std::promise<NodeStatus> p;
    rig_.node->status([&](NodeStatus s) { p.set_value(std::move(s)); });
    return p.get_future().get();
  }
  std::uint64_t in_use(const std::string& bound) {
    const auto s = status();
    const auto i = s.in_use.find(bound);
    return i == s.in_use.end() ? 0 : i->second;
  }
  Status0 call(const std::function<void(Node::Done)>& request) {
    std::promise<Status0> p;
    request([&](Status0 r) { p.set_value(std::move(r)); });
    return p.get_future().get();
  }
  std::unique_ptr<HostQueue> queue() { return std::make_unique<HostQueue>(hosts, address()); }
  net::Address address() {
    if (address_.port == 0) address_ = status().listen.at(0);
    return address_;
  }

  struct Controller {
    std::unique_ptr<HostQueue> admin;
    std::uint16_t id = 0;
    std::vector<std::unique_ptr<HostQueue>> io;
  };
  Controller controller(const std::string& host, unsigned queues) {
    Controller c;
    c.admin = queue();
    const auto a = c.admin->connect({.sub = kVolume, .host = host, .kato_ms = 120'000});
    EXPECT_EQ(a.status, spec::st::kOk);
    c.id = static_cast<std::uint16_t>(a.result);
    EXPECT_EQ(c.admin->call(nvmf::test::property_set(spec::prop::kCc, nvmf::test::kCcLinux | 1)).status,
              spec::st::kOk);
    auto n = nvmf::test::set_feature(spec::fid::kNumQueues, 0xff00ff);
    EXPECT_EQ(c.admin->call(n).status, spec::st::kOk);
    for (unsigned q = 1; q <= queues; ++q) EXPECT_EQ(add_queue(c, host), spec::st::kOk);
    return c;
  }
  spec::Status add_queue(Controller& c, const std::string& host) {
    auto q = queue();
    const auto qid = static_cast<std::uint16_t>(c.io.size() + 1);
    const auto a = q->connect({.sub = kVolume, .host = host, .qid = qid, .cntlid = c.id, .entries = 128});
    if (a.status == spec::st::kOk) c.io.push_back(std::move(q));
    return a.status;
  }
  static nvmf::Sqe io(std::uint8_t opcode, std::uint64_t lba, std::uint32_t blocks) {
    auto s = target::TestHost::sqe(opcode, lba, blocks);
    s.sgl = {0, blocks * 4096, {}, spec::kSglTransport};
    return s;
  }

  nvmf::test::Loop hosts;

 private:
  static NodeRig::Options one_leg() {
    NodeRig::Options o;
    o.targets = 1;
    return o;
  }
  NodeRig rig_;
  std::thread targets_;
  net::Address address_;
};

}  // namespace nvtee
