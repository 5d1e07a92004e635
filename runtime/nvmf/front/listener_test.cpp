// Listeners: discovery, bounds, and subsystems on other reactors that may vanish at any moment.
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "runtime/nvmf/front/loopback_tools.hpp"

namespace nvtee::nvmf::test {
namespace {

namespace fid = spec::fid;
namespace lid = spec::lid;

const std::string kDiscovery{kDiscoveryNqn};

struct Discovery : testing::Test {
  Loop loop;
  TestBackend backend;
  SubsystemRegistry registry;
  SubsystemServer one{*loop.reactor, test_model("nqn.sub:one"), &backend};
  std::unique_ptr<SubsystemServer> two;
  std::unique_ptr<Listener> listener;

  Discovery() {
    SubsystemModel m = test_model("nqn.sub:two");
    m.hosts = {"nqn.host:b"};
    two = std::make_unique<SubsystemServer>(*loop.reactor, m, &backend);
    registry.add(&one);
    registry.add(two.get());
    registry.set_addresses({{"192.0.2.7", 4420}, {"0.0.0.0", 4421}});
    listen({});
  }
  ~Discovery() override {
    listener.reset();
    registry.remove("nqn.sub:one");
    registry.remove("nqn.sub:two");
  }
  void listen(std::optional<bool> serve_subsystems) {
    Listener::Options o = any_port();
    o.serve_subsystems = serve_subsystems.value_or(true);
    listener = std::move(*Listener::create(*loop.reactor, registry, o));
  }
  std::unique_ptr<HostQueue> controller(const std::string& host = "nqn.host:a", std::uint32_t kato_ms = 0) {
    auto h = std::make_unique<HostQueue>(loop, listener->address());
    EXPECT_EQ(h->connect({.sub = kDiscovery, .host = host, .kato_ms = kato_ms}).status, st::kOk);
    EXPECT_EQ(h->call(property_set(spec::prop::kCc, kCcLinux | 1)).status, st::kOk);
    return h;
  }
};

TEST_F(Discovery, EachHostSeesWhatItMayUse) {
  auto a = controller();
  const Bytes log = a->call(log_cmd(lid::kDiscovery, 4096)).data;
  ASSERT_EQ(log.size(), 4096u);
  EXPECT_EQ(le(log, 0, 8), registry.generation());
  EXPECT_EQ(le(log, 8, 8), 2u);
  EXPECT_EQ(c_text(log, 1024 + 256), "nqn.sub:one");
  EXPECT_EQ(c_text(log, 1024 + 512), "192.0.2.7");
  EXPECT_EQ(c_text(log, 2048 + 512), "127.0.0.1");  // the wildcard: where the host reached us
  EXPECT_EQ(c_text(log, 2048 + 32), "4421");
  EXPECT_TRUE(all_zero(log, 3072));
  auto b = controller("nqn.host:b");
  EXPECT_EQ(c_text(b->call(log_cmd(lid::kDiscovery, 2048)).data, 1024 + 256), "nqn.sub:two");
  EXPECT_EQ(le(controller("nqn.host:c")->call(log_cmd(lid::kDiscovery, 1024)).data, 8, 8), 0u);
  // Read in pieces, as libnvme does.
  const Bytes entry = a->call(log_cmd(lid::kDiscovery, 1024, 2048, true)).data;
  EXPECT_EQ(entry, Bytes(log.begin() + 2048, log.begin() + 3072));
}

TEST_F(Discovery, PersistentControllersHearOfChanges) {
  auto h = controller("nqn.host:a", 60'000);
  EXPECT_EQ(h->call(set_feature(fid::kAsyncEventConfig, 1u << 31)).status, st::kOk);
  auto event = h->submit(command(spec::admin::kAsyncEvent));
  loop.settle();
  EXPECT_FALSE(h->answered(event));
  const std::uint64_t before = registry.generation();
  registry.set_addresses({{"192.0.2.8", 4420}});
  EXPECT_EQ(h->wait(event).result, 2u | 0xf0u << 8 | 0x70u << 16);
  EXPECT_EQ(le(h->call(log_cmd(lid::kDiscovery, 2048)).data, 0, 8), before + 1);
  event = h->submit(command(spec::admin::kAsyncEvent));
  two->model().hosts.insert("nqn.host:a");
  registry.update(two.get());
  EXPECT_EQ(h->wait(event).status, st::kOk);
  EXPECT_EQ(le(h->call(log_cmd(lid::kDiscovery, 2048)).data, 8, 8), 2u);
  event = h->submit(command(spec::admin::kAsyncEvent));
  registry.remove("nqn.sub:two");
  EXPECT_EQ(h->wait(event).status, st::kOk);
  EXPECT_EQ(le(h->call(log_cmd(lid::kDiscovery, 2048)).data, 8, 8), 1u);
}

TEST_F(Discovery, HasNoIoQueues) {
  auto h = controller();
  HostQueue q(loop, listener->address());
  EXPECT_EQ(q.connect({.sub = kDiscovery, .qid = 1, .cntlid = 0xffff}).status, st::kConnectInvalidParams);
  const Bytes id = h->call(identify_cmd(1)).data;
  EXPECT_EQ(le(id, 111, 1), 2u);
  EXPECT_EQ(c_text(id, 768), kDiscovery);
  HostQueue q2(loop, listener->address());
  EXPECT_EQ(
      q2.connect({.sub = kDiscovery, .qid = 1, .cntlid = static_cast<std::uint16_t>(le(id, 78, 2))}).status,
      st::kConnectInvalidParams);
}

TEST_F(Discovery, PortForDiscoveryAlone) {
  listen(false);
  auto h = controller();
  EXPECT_EQ(le(h->call(log_cmd(lid::kDiscovery, 1024)).data, 8, 8), 2u);
  HostQueue q(loop, listener->address());
  const auto a = q.connect({.sub = "nqn.sub:one"});
  EXPECT_EQ(a.status, st::kConnectInvalidParams);
  EXPECT_EQ(a.result, 1u << 16 | 256);
}

TEST_F(Discovery, ListenerGoesWithItsDiscoveryControllersOnly) {
  auto d = controller();
  HostQueue q(loop, listener->address());
  EXPECT_EQ(q.connect({.sub = "nqn.sub:one"}).status, st::kOk);
  listener.reset();
  EXPECT_TRUE(loop.until([&] { return d->closed(); }));
  EXPECT_EQ(q.call(property_get(spec::prop::kCap, 1)).status, st::kOk);
  registry.set_addresses({});  // nobody is subscribed any more
  loop.settle();
}

// ---- Bounds ----

bool ended(int fd) {
  char c;
  const ssize_t n = ::recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);
  return n == 0 || (n < 0 && errno != EAGAIN);
}

// reaches: host.handshakes
// reaches: host.handshake_time
TEST(Bounds, FloodOfHalfOpenConnections) {
  Loop loop;
  TestBackend backend;
  SubsystemRegistry registry;
  SubsystemServer server(*loop.reactor, test_model(), &backend);
  registry.add(&server);
  Listener::Options o = any_port();
  o.max_handshakes = 8;
  o.handshake_timeout = kSecond;
  auto listener = std::move(*Listener::create(*loop.reactor, registry, o));
  std::vector<net::Fd> flood;
  unsigned most = 0;
  for (int i = 0; i < 60; ++i) {
    flood.push_back(dial(listener->address()));
    loop.settle();
    most = std::max(most, listener->handshakes());
  }
  EXPECT_EQ(most, 8u);
  // More than there is room for were closed at once; the rest when their time is up.
  EXPECT_TRUE(
      loop.until([&] { return std::ranges::count_if(flood, [](auto& f) { return ended(f.get()); }) >= 52; }));
  EXPECT_TRUE(loop.until([&] { return std::ranges::all_of(flood, [](auto& f) { return ended(f.get()); }); }));
  EXPECT_EQ(listener->handshakes(), 0u);
  EXPECT_EQ(listener->connections(), 0u);
  HostQueue good(loop, listener->address());
  EXPECT_EQ(good.connect({}).status, st::kOk);
  registry.remove(server.model().nqn);
}

// reaches: host.connections
TEST(Bounds, ConnectionsInAll) {
  Loop loop;
  TestBackend backend;
  SubsystemRegistry registry;
  SubsystemServer server(*loop.reactor, test_model(), &backend);
  registry.add(&server);
  Listener::Options o = any_port();
  o.max_connections = 3;
  auto listener = std::move(*Listener::create(*loop.reactor, registry, o));
  std::vector<std::unique_ptr<HostQueue>> live;
  for (int i = 0; i < 3; ++i) {
    live.push_back(std::make_unique<HostQueue>(loop, listener->address()));
    EXPECT_EQ(live.back()->connect({}).status, st::kOk);
  }
  EXPECT_EQ(listener->handshakes(), 0u);
  EXPECT_EQ(listener->connections(), 3u);
  HostQueue fourth(loop, listener->address());
  EXPECT_TRUE(fourth.closed());
  live.pop_back();
  EXPECT_TRUE(loop.until([&] { return listener->connections() == 2; }));
  HostQueue fifth(loop, listener->address());
  EXPECT_EQ(fifth.connect({}).status, st::kOk);
  listener->close();
  EXPECT_EQ(fifth.call(property_get(spec::prop::kCap, 1)).status, st::kOk);
  registry.remove(server.model().nqn);
}

TEST(Bounds, PortInUseIsAnError) {
  Loop loop;
  SubsystemRegistry registry;
  auto first = std::move(*Listener::create(*loop.reactor, registry, any_port()));
  Listener::Options o = any_port();
  o.address = first->address();
  const auto second = Listener::create(*loop.reactor, registry, o);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().what.find(std::to_string(o.address.port)), std::string::npos)
      << second.error().text();
}

// ---- Several reactors ----

// A subsystem on a thread of its own.
struct Remote {
  std::unique_ptr<net::Reactor> reactor = std::move(*net::Reactor::create());
  TestBackend backend;
  std::unique_ptr<SubsystemServer> server;
  std::thread thread;

  explicit Remote(SubsystemModel m)
      : server(std::make_unique<SubsystemServer>(*reactor, std::move(m), &backend)) {}
  void run() {
    thread = std::thread([this] { reactor->run(); });
  }
  // Runs on the thread and waits for it.
  void there(const std::function<void()>& f) {
    std::atomic<bool> done = false;
    reactor->post([&] {
      f();
      done = true;
      done.notify_one();
    });
    done.wait(false);
  }
  ~Remote() {
    if (!thread.joinable()) return;
    there([this] { server.reset(); });
    reactor->stop();
    thread.join();
  }
};

TEST(Reactors, QueuesMoveToTheirSubsystem) {
  Loop loop;
  SubsystemRegistry registry;
  Remote a(test_model("nqn.sub:a")), b(test_model("nqn.sub:b"));
  registry.add(a.server.get());
  registry.add(b.server.get());
  a.run();
  b.run();
  auto listener = std::move(*Listener::create(*loop.reactor, registry, any_port()));
  std::vector<std::unique_ptr<HostQueue>> queues;
  for (const std::string sub : {"nqn.sub:a", "nqn.sub:b"}) {
    queues.push_back(std::make_unique<HostQueue>(loop, listener->address(), true));
    const auto connected = queues.back()->connect({.sub = sub});
    ASSERT_EQ(connected.status, st::kOk);
    EXPECT_EQ(queues.back()->call(property_set(spec::prop::kCc, kCcLinux | 1)).status, st::kOk);
    const Bytes id = queues.back()->call(identify_cmd(1)).data;
    EXPECT_EQ(c_text(id, 768), sub);
    for (std::uint16_t qid = 1; qid <= 4; ++qid) {
      queues.push_back(std::make_unique<HostQueue>(loop, listener->address(), true));
      EXPECT_EQ(
          queues.back()
              ->connect({.sub = sub, .qid = qid, .cntlid = static_cast<std::uint16_t>(connected.result)})
              .status,
          st::kOk);
      EXPECT_EQ(queues.back()->call(command(spec::io::kRead, 1)).status, st::kOk);
    }
  }
  EXPECT_EQ(listener->connections(), 10u);
  a.there([&] { EXPECT_EQ(a.server->controllers().at(0).io_queues, 4u); });
  registry.remove("nqn.sub:a");
  a.there([&] { a.server.reset(); });
  EXPECT_TRUE(loop.until([&] { return queues[0]->closed() && queues[4]->closed(); }));
  EXPECT_EQ(queues[5]->call(identify_cmd(1)).status, st::kOk);
  EXPECT_TRUE(loop.until([&] { return listener->connections() == 5; }));
  queues.clear();
  EXPECT_TRUE(loop.until([&] { return listener->connections() == 0; }));
  registry.remove("nqn.sub:b");
}

TEST(Reactors, SubsystemVanishesWhileConnectsAreOnTheirWay) {
  Loop loop;
  SubsystemRegistry registry;
  auto listener = std::move(*Listener::create(*loop.reactor, registry, any_port()));
  for (int round = 0; round < 10; ++round) {
    auto sub = std::make_unique<Remote>(test_model("nqn.sub:x"));
    registry.add(sub->server.get());
    sub->run();
    std::vector<std::unique_ptr<HostQueue>> hosts;
    std::vector<std::uint16_t> cids;
    for (int i = 0; i < 12; ++i) hosts.push_back(std::make_unique<HostQueue>(loop, listener->address()));
    for (auto& h : hosts) cids.push_back(h->submit_connect({.sub = "nqn.sub:x"}));
    // Odd rounds: the server goes first, so that Connects arrive at a reactor that has lost it.
    std::thread killer([&] {
      if (round % 2) sub->there([&] { sub->server.reset(); });
      registry.remove("nqn.sub:x");
      sub.reset();
    });
    // Each Connect is granted, refused as unknown, or its connection ends. None hangs.
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const auto a = hosts[i]->wait(cids[i]);
      EXPECT_TRUE(a.status == st::kOk || (a.status == st::kConnectInvalidParams && !a.dnr) ||
                  hosts[i]->closed())
          << a.status;
    }
    killer.join();
    for (auto& h : hosts) EXPECT_TRUE(loop.until([&] { return h->closed(); }));
    EXPECT_TRUE(loop.until([&] { return listener->connections() == 0; }));
  }
}

TEST(Reactors, RegistryIsUsedFromManyThreads) {
  Loop loop;
  SubsystemRegistry registry;
  auto listener = std::move(*Listener::create(*loop.reactor, registry, any_port()));
  std::atomic<int> left = 3;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      Loop own;
      TestBackend backend;
      const std::string nqn = "nqn.sub:" + std::to_string(t);
      for (int i = 0; i < 50; ++i) {
        SubsystemServer s(*own.reactor, test_model(nqn), &backend);
        registry.add(&s);
        registry.set_addresses({{"192.0.2.1", static_cast<std::uint16_t>(i + 1)}});
        s.model().hosts.insert("nqn.host:z");
        registry.update(&s);
        registry.entries("nqn.host:a");
        registry.remove(nqn);
      }
      --left;
    });
  HostQueue h(loop, listener->address());
  EXPECT_EQ(h.connect({.sub = kDiscovery}).status, st::kOk);
  h.call(property_set(spec::prop::kCc, kCcLinux | 1));
  while (left != 0) EXPECT_EQ(h.call(log_cmd(lid::kDiscovery, 4096)).status, st::kOk);
  for (auto& t : threads) t.join();
  EXPECT_EQ(registry.generation(), 3u * 50 * 4);
  EXPECT_TRUE(registry.entries("nqn.host:a").empty());
}

}  // namespace
}  // namespace nvtee::nvmf::test
