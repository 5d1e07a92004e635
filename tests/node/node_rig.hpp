// A node with threads of its own, two or more targets and a host in this thread: everything real except that
// it is one process.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/log.hpp"
#include "runtime/dataplane/node.hpp"
#include "tools/nvtee-target/test_rig.hpp"

namespace nvtee {

using target::Answer;
using target::Loop;
using target::pattern;
using target::TempDir;
using target::TestHost;

constexpr const char* kVolume = "nqn.2026-01.io.nvtee:test";

inline std::string peer_name(unsigned i) {
  return std::string(1, static_cast<char>('a' + i));
}

class NodeRig {
 public:
  struct Options {
    unsigned targets = 2;
    std::uint64_t bytes = 32u << 20;
    std::uint8_t block_shift = 12;
    bool assume_equal = true;
    bool peer_digests = false;
    std::vector<std::string> allowed_hosts;  // empty: any
  };
  NodeRig() : NodeRig(Options()) {}
  explicit NodeRig(const Options& o) : options_(o) {
    log::setup("node_test", "warn");
    for (unsigned i = 0; i < o.targets; ++i) start_target(i, 0);
    start_node();
    core::NamespaceSpec spec;
    spec.name = "vol";
    spec.subsystem = kVolume;
    std::vector<core::LegSpec> legs;
    for (unsigned i = 0; i < o.targets; ++i) legs.push_back({peer_name(i), 1});
    const Status0 created =
        call([&](Node::Done d) { node->create_namespace(spec, legs, o.assume_equal, std::move(d)); });
    EXPECT_TRUE(created) << created.error().text();
    EXPECT_TRUE(loop.until([&] { return vol().ana_state == spec::ana::kOptimized; }));
  }
  ~NodeRig() {
    hosts.clear();
    node.reset();
  }

  void start_target(unsigned i, std::uint16_t port) {
    target::Config c;
    c.listen = {"127.0.0.1", port};
    c.subnqn = "nqn.2026-01.io.nvtee:" + peer_name(i);
    target::NamespaceConfig n;
    n.memory = true;
    n.size = options_.bytes;
    n.block_shift = options_.block_shift;
    c.namespaces.push_back(n);
    auto s = target::Server::create(*loop.reactor, c);
    ASSERT_TRUE(s) << s.error().text();
    if (targets.size() <= i) targets.resize(i + 1);
    targets[i] = std::move(*s);
  }

  void start_node() {
    NodeConfig c;
    c.state_file = dir / "state.db";
    c.host_nqn = "nqn.2026-01.io.nvtee:node";
    c.listen = {{"127.0.0.1", 0}};
    c.times.guard_time = 200 * kMillisecond;
    c.times.start_wait = 2 * kSecond;
    c.times.reconnect_min = 20 * kMillisecond;
    c.subsystems.push_back({kVolume, "", options_.allowed_hosts.empty(), options_.allowed_hosts});
    for (unsigned i = 0; i < targets.size(); ++i) {
      PeerConfig p;
      p.name = peer_name(i);
      p.addresses = {targets[i]->address()};
      p.subnqn = "nqn.2026-01.io.nvtee:" + p.name;
      p.header_digest = p.data_digest = options_.peer_digests;
      c.peers.push_back(p);
    }
    auto n = Node::start(c);
    ASSERT_TRUE(n) << n.error().text();
    node = std::move(*n);
  }

  // Runs an asynchronous request to its end while this thread serves targets and hosts.
  Status0 call(const std::function<void(Node::Done)>& request) {
    // Shared, so that an answer after the bound finds its place.
    auto done = std::make_shared<std::atomic<bool>>(false);
    auto result = std::make_shared<Status0>();
    request([done, result](Status0 r) {
      *result = std::move(r);
      *done = true;
    });
    if (!loop.until([&] { return done->load(); })) return fail("not answered in time");
    return *result;
  }
  NodeStatus status() {
    auto done = std::make_shared<std::atomic<bool>>(false);
    auto result = std::make_shared<NodeStatus>();
    node->status([done, result](NodeStatus s) {
      *result = std::move(s);
      *done = true;
    });
    EXPECT_TRUE(loop.until([&] { return done->load(); }));
    return *result;
  }
  core::NamespaceStatus vol() {
    const NodeStatus s = status();
    return s.namespaces.empty() ? core::NamespaceStatus{} : s.namespaces[0];
  }
  bool until_health(const std::string& health) {
    return loop.until([&] { return vol().health == health; });
  }

  TestHost& host() { return host(TestHost::Options{}); }
  TestHost& host(TestHost::Options o) {
    if (o.subnqn == TestHost::Options{}.subnqn) o.subnqn = kVolume;
    hosts.push_back(std::make_unique<TestHost>(loop, status().listen.at(0), o));
    return *hosts.back();
  }
  // A host that talks to target i itself.
  TestHost& direct(unsigned i) {
    TestHost::Options o;
    o.subnqn = "nqn.2026-01.io.nvtee:" + peer_name(i);
    o.nqn = "nqn.2026-01.io.nvtee:direct";
    hosts.push_back(std::make_unique<TestHost>(loop, targets[i]->address(), o));
    EXPECT_TRUE(hosts.back()->connect());
    return *hosts.back();
  }
  void expect_legs_hold(std::uint64_t lba, const std::vector<std::byte>& data) {
    const unsigned block = 1u << options_.block_shift;
    for (unsigned i = 0; i < targets.size(); ++i) {
      EXPECT_EQ(direct(i).read(lba, static_cast<std::uint32_t>(data.size() / block), block), data)
          << "leg " << i;
    }
  }

  TempDir dir;
  Loop loop;
  std::vector<std::unique_ptr<target::Server>> targets;
  std::unique_ptr<Node> node;
  std::vector<std::unique_ptr<TestHost>> hosts;

 private:
  Options options_;
};

}  // namespace nvtee
