// The control API over a real unix socket, with a node that is not one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "runtime/api/client.hpp"
#include "runtime/api/fake_node.hpp"
#include "runtime/api/server.hpp"
#include "runtime/api/unix_socket.hpp"

namespace nvtee::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class TempDir {
 public:
  TempDir() {
    std::string pattern = "/tmp/nvtee-api-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class Api : public testing::Test {
 protected:
  void SetUp() override {
    options_.path = dir_.file("api.sock");
    start();
  }
  void start() {
    server_.reset();
    auto server = Server::start(node_, options_);
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
  }
  ApiAnswer call(const std::string& method, const std::string& target, const Json& body = nullptr) {
    auto answer = Client(options_.path).call(method, target, body);
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().error.text());
    return answer.value_or(ApiAnswer{});
  }
  void expect_refused(const ApiAnswer& a, unsigned status, const std::string& code,
                      const std::string& error) {
    EXPECT_EQ(a.status, status);
    ASSERT_TRUE(a.json.is_object()) << a.body;
    EXPECT_EQ(a.json["code"], code);
    EXPECT_THAT(a.json["error"].get<std::string>(), HasSubstr(error));
    EXPECT_TRUE(a.json["remedy"].is_string());
  }
  // Bytes as they are, then whatever comes back until the server closes; bounded by 10 s.
  std::string raw(const std::string& bytes) {
    auto fd = connect_unix(options_.path, kSecond);
    if (!fd) return "no connection";
    (void)!::send(fd->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return read_all(fd->get());
  }

 public:
  static std::string read_all(int fd) {
    std::string out;
    for (;;) {
      pollfd p{fd, POLLIN, 0};
      if (::poll(&p, 1, 10'000) <= 0) return out + "<timeout>";
      char buffer[4096];
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return out;
      out.append(buffer, static_cast<std::size_t>(n));
    }
  }

 protected:
  TempDir dir_;
  test::FakeNode node_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

// ---- reading --------------------------------------------------------------------------------------------

TEST_F(Api, StatusHasEverything) {
  const Json s = call("GET", "/v1/status").json;
  EXPECT_EQ(s["version"], "0.1.0");
  EXPECT_EQ(s["health"], "ok");
  EXPECT_EQ(s["draining"], false);
  EXPECT_EQ(s["listen"], Json::array({"127.0.0.1:4420"}));
  ASSERT_EQ(s["namespaces"].size(), 1u);
  const Json& ns = s["namespaces"][0];
  EXPECT_EQ(ns["name"], "vol1");
  EXPECT_EQ(ns["size_bytes"], 1073741824);
  EXPECT_EQ(ns["uuid"], "aabb0000-0000-0000-0000-000000000000");
  EXPECT_EQ(ns["nguid"], "01020300000000000000000000000000");
  EXPECT_EQ(ns["ana"], "optimized");
  EXPECT_EQ(ns["counters"]["writes"], 20);
  ASSERT_EQ(ns["legs"].size(), 2u);
  EXPECT_EQ(ns["legs"][1]["peer"], "right");
  EXPECT_EQ(ns["legs"][1]["state"], "in_sync");
  EXPECT_EQ(s["peers"][0]["addresses"], Json::array({"192.0.2.1:4420"}));
  EXPECT_EQ(s["hosts"][0]["io_queues"], 4);
  EXPECT_EQ(s["subsystems"][0]["serial"], "S1");
}

TEST_F(Api, HealthOfTheNodeIsTheWorst) {
  node_.edit([](NodeStatus& s) {
    s.namespaces.push_back(test::FakeNode::sample_namespace("b", {{"left", 2}}));
    s.namespaces[0].health = "resyncing";
    s.namespaces[1].health = "down";
  });
  EXPECT_EQ(call("GET", "/v1/status").json["health"], "down");
  node_.edit([](NodeStatus& s) { s.namespaces[1].health = "a word of the future"; });
  EXPECT_EQ(call("GET", "/v1/status").json["health"], "unknown");
  node_.edit([](NodeStatus& s) { s.namespaces[1].health = ""; });
  EXPECT_EQ(call("GET", "/v1/status").json["health"], "unknown");
}

TEST_F(Api, PartsOfTheStatus) {
  EXPECT_EQ(call("GET", "/v1/namespaces").json["namespaces"].size(), 1u);
  EXPECT_EQ(call("GET", "/v1/namespaces/vol1").json["epoch"], 7);
  EXPECT_EQ(call("GET", "/v1/namespaces/vol1/legs").json["legs"].size(), 2u);
  EXPECT_EQ(call("GET", "/v1/namespaces/vol1/verify").json["running"], false);
  EXPECT_EQ(call("GET", "/v1/peers").json["peers"].size(), 2u);
  EXPECT_EQ(call("GET", "/v1/peers/left").json["identity"], "Disk S123");
  EXPECT_EQ(call("GET", "/v1/subsystems").json["subsystems"].size(), 1u);
  EXPECT_EQ(call("GET", "/v1/hosts").json["hosts"].size(), 1u);
}

TEST_F(Api, ResyncNamesLegsThatAreNotInSync) {
  EXPECT_EQ(call("GET", "/v1/namespaces/vol1/resync").json["legs"].size(), 0u);
  node_.edit([](NodeStatus& s) {
    auto& leg = s.namespaces[0].legs[1];
    leg.state = core::LegState::kStale;
    leg.dirty_bytes = 4096;
    leg.reason = "connection lost";
    leg.next_attempt =
        static_cast<Time>(std::chrono::steady_clock::now().time_since_epoch().count()) + 60 * kSecond;
  });
  const Json r = call("GET", "/v1/namespaces/vol1/resync").json;
  ASSERT_EQ(r["legs"].size(), 1u);
  EXPECT_EQ(r["legs"][0]["leg"], 1);
  EXPECT_EQ(r["legs"][0]["dirty_bytes"], 4096);
  EXPECT_TRUE(r["legs"][0]["eta_seconds"].is_null());
  EXPECT_GT(r["legs"][0]["next_attempt_ms"], 1000);
}

TEST_F(Api, BytesOfPeersThatAreNoTextDoNotBreakTheAnswer) {
  node_.edit([](NodeStatus& s) { s.peers[0].identity = "bad \xff\xfe serial"; });
  const ApiAnswer a = call("GET", "/v1/status");
  ASSERT_TRUE(a.ok());
  EXPECT_THAT(a.json["peers"][0]["identity"].get<std::string>(), StartsWith("bad "));
}

TEST_F(Api, MetricsAreInPrometheusForm) {
  node_.edit([](NodeStatus& s) {
    s.namespaces[0].legs[0].spec.peer = "le\"ft";
    s.leg_latency.resize(1);
    s.leg_latency[0][0].writes.add(20 * kMicrosecond);
    s.leg_latency[0][0].writes.add(kSecond);
  });
  const ApiAnswer a = call("GET", "/v1/metrics");
  EXPECT_THAT(a.body, HasSubstr("# TYPE nvtee_namespace_writes_total "
                                "counter\nnvtee_namespace_writes_total{namespace=\"vol1\"} 20\n"));
  EXPECT_THAT(a.body, HasSubstr("nvtee_leg_in_sync{namespace=\"vol1\",leg=\"0\",peer=\"le\\\"ft\"} 1\n"));
  const std::string h = "nvtee_leg_write_latency_seconds",
                    l = "{namespace=\"vol1\",leg=\"0\",peer=\"le\\\"ft\"";
  EXPECT_THAT(a.body, HasSubstr(h + "_count" + l + "} 2\n"));
  EXPECT_THAT(a.body, HasSubstr(h + "_bucket" + l + ",le=\"1.6e-05\"} 0\n"));
  EXPECT_THAT(a.body, testing::ContainsRegex(h + "_bucket.*le=\"3\\.2e-05\"} 1\n"));
  EXPECT_THAT(a.body, HasSubstr(h + "_bucket" + l + ",le=\"+Inf\"} 2\n"));
}

TEST(Histogram, BucketsOfPowersOfTwo) {
  LatencyHistogram h;
  for (const Duration d : {Duration{0}, LatencyHistogram::kFirst, LatencyHistogram::kFirst + 1,
                           2 * LatencyHistogram::kFirst, 2 * LatencyHistogram::kFirst + 1, 100 * kSecond})
    h.add(d);
  EXPECT_EQ(h.counts[0], 2u);
  EXPECT_EQ(h.counts[1], 2u);
  EXPECT_EQ(h.counts[2], 1u);
  EXPECT_EQ(h.counts[LatencyHistogram::kBuckets - 1], 1u);
}

// A GET of /metrics, as Prometheus does it.
std::string scrape(const net::Address& at) {
  auto fd = net::connect_tcp(at);
  if (!fd) return "no connection";
  pollfd p{fd->get(), POLLOUT, 0};
  ::poll(&p, 1, 5'000);
  const std::string get = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  (void)!::send(fd->get(), get.data(), get.size(), MSG_NOSIGNAL);
  return Api::read_all(fd->get());
}

TEST_F(Api, ScrapesAreServedAndSayWhenTheNodeDoesNot) {
  auto l = MetricsListener::start({"127.0.0.1", 0}, [&] { return server_->metrics(500 * kMillisecond); });
  ASSERT_TRUE(l) << l.error().text();
  EXPECT_THAT(scrape((*l)->address()), AllOf(HasSubstr("200 OK"), HasSubstr("\nnvtee_up 1\n"),
                                             HasSubstr("nvtee_limit_used{bound=\"api.clients\"}")));
  node_.set_silent(true);
  EXPECT_THAT(scrape((*l)->address()), AllOf(HasSubstr("\nnvtee_up 0\n"), Not(HasSubstr("nvtee_hosts"))));
  const auto second = MetricsListener::start((*l)->address(), [] { return Families{}; });
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text(), HasSubstr("node.metrics"));
}

// reaches: metrics.clients
TEST_F(Api, SilentScrapersDoNotKeepOthersOut) {
  auto l = MetricsListener::start({"127.0.0.1", 0}, [&] { return server_->metrics(kSecond); });
  ASSERT_TRUE(l) << l.error().text();
  std::vector<net::Fd> silent;
  for (unsigned i = 0; i < 2 * limits::kMetricsClients; ++i)
    silent.push_back(std::move(*net::connect_tcp((*l)->address())));
  EXPECT_THAT(scrape((*l)->address()), HasSubstr("nvtee_up 1"));
  EXPECT_TRUE(call("GET", "/v1/status").ok());
}

TEST(MetricsDoc, PageHasTheTable) {
  std::ifstream in(std::string(NVTEE_SOURCE_DIR) + "/docs/METRICS.md");
  std::stringstream page;
  page << in.rdbuf();
  EXPECT_NE(page.str().find(metrics_table()), std::string::npos) << "put into docs/METRICS.md:\n"
                                                                 << metrics_table();
}

// ---- changing -------------------------------------------------------------------------------------------

TEST_F(Api, CreateReachesTheNode) {
  const ApiAnswer a = call("POST", "/v1/namespaces",
                           {{"name", "vol2"},
                            {"size", "1GiB"},
                            {"block_size", 512},
                            {"region_size", "2MiB"},
                            {"assume_equal", true},
                            {"legs", {{{"peer", "left"}, {"nsid", 3}}, "right:4"}},
                            {"uuid", "11111111-2222-3333-4444-555555555555"}});
  ASSERT_TRUE(a.ok()) << a.body;
  EXPECT_EQ(a.json["ok"], true);
  EXPECT_THAT(node_.calls(), ElementsAre("create vol2 nqn.2026-01.com.example:front nsid=2 blocks=2097152 "
                                         "shift=9 region=2097152 equal=true left:3 right:4"));
  EXPECT_EQ(call("GET", "/v1/namespaces/vol2").json["uuid"], "11111111-2222-3333-4444-555555555555");
}

TEST_F(Api, CreateOfAnUnknownSizeAsksTheLeg) {
  ASSERT_TRUE(call("POST", "/v1/namespaces", {{"name", "v"}, {"nsid", 9}, {"legs", {"left:9"}}}).ok());
  EXPECT_THAT(node_.calls(), ElementsAre(HasSubstr("nsid=9 blocks=0 shift=12 region=0 equal=false left:9")));
}

TEST_F(Api, LegsAreNamedByNumberPeerOrBoth) {
  EXPECT_TRUE(call("POST", "/v1/namespaces/vol1/legs", {{"peer", "third"}, {"nsid", 5}}).ok());
  EXPECT_TRUE(call("POST", "/v1/namespaces/vol1/legs/1/fault").ok());
  EXPECT_TRUE(call("POST", "/v1/namespaces/vol1/legs/right/online").ok());
  EXPECT_TRUE(call("DELETE", "/v1/namespaces/vol1/legs/left:1").ok());
  EXPECT_TRUE(call("DELETE", "/v1/namespaces/vol1/legs/left%3A1").ok());
  EXPECT_THAT(node_.calls(), ElementsAre("add vol1 third:5", "fault vol1 1", "online vol1 1", "remove vol1 0",
                                         "remove vol1 0"));
  expect_refused(call("DELETE", "/v1/namespaces/vol1/legs/left:2"), 404, "not_found",
                 "no leg of 'vol1' is 'left:2'");
  expect_refused(call("DELETE", "/v1/namespaces/vol1/legs/7"), 404, "not_found", "no leg");
  node_.edit([](NodeStatus& s) { s.namespaces[0].legs[1].spec = {"left", 2}; });
  expect_refused(call("DELETE", "/v1/namespaces/vol1/legs/left"), 404, "not_found", "more than one leg");
}

TEST_F(Api, VerifyAndDelete) {
  EXPECT_TRUE(call("POST", "/v1/namespaces/vol1/verify").ok());
  EXPECT_TRUE(call("DELETE", "/v1/namespaces/vol1/verify").ok());
  EXPECT_TRUE(call("DELETE", "/v1/namespaces/vol1").ok());
  EXPECT_THAT(node_.calls(), ElementsAre("verify vol1 start", "verify vol1 stop", "delete vol1"));
}

TEST_F(Api, LegInUseIsRefused) {
  expect_refused(call("POST", "/v1/namespaces", {{"name", "v"}, {"legs", {"third", "right"}}}), 409,
                 "refused", "right:1 is a leg of namespace vol1 already");
  expect_refused(call("POST", "/v1/namespaces/vol1/legs", {{"peer", "left"}}), 409, "refused",
                 "left:1 is a leg of namespace vol1 already");
  EXPECT_THAT(node_.calls(), ElementsAre());
  node_.edit([](NodeStatus& s) { s.namespaces[0].legs[1].state = core::LegState::kRemoved; });
  EXPECT_TRUE(call("POST", "/v1/namespaces/vol1/legs", {{"peer", "right"}}).ok());
}

TEST_F(Api, MissingNamespacesMakeTheNodeUnhealthy) {
  server_->set_missing({{"vol1", "there, in truth"}, {"vol9", "no route"}});
  const Json s = call("GET", "/v1/status").json;
  EXPECT_EQ(s["health"], "down");
  ASSERT_EQ(s["missing_namespaces"].size(), 1u);
  EXPECT_EQ(s["missing_namespaces"][0]["name"], "vol9");
  EXPECT_EQ(s["missing_namespaces"][0]["reason"], "no route");
  server_->set_missing({});
  EXPECT_EQ(call("GET", "/v1/status").json["health"], "ok");
}

TEST_F(Api, RefusalsOfTheNodeComeThrough) {
  node_.fail_next({"the last in-sync leg cannot go", "add another one first"});
  const ApiAnswer a = call("DELETE", "/v1/namespaces/vol1/legs/0");
  expect_refused(a, 409, "refused", "the last in-sync leg cannot go");
  EXPECT_EQ(a.json["remedy"], "add another one first");
}

// ---- bad requests ---------------------------------------------------------------------------------------

TEST_F(Api, WhatIsNotThereIs404) {
  expect_refused(call("GET", "/"), 404, "not_found", "no path");
  expect_refused(call("GET", "/v2/status"), 404, "not_found", "no path '/v2/status'");
  expect_refused(call("GET", "/v1/status/"), 404, "not_found", "no path");
  expect_refused(call("GET", "/v1/namespaces/vol"), 404, "not_found",
                 "no namespace named 'vol'; did you mean 'vol1'?");
  expect_refused(call("DELETE", "/v1/namespaces/nope"), 404, "not_found", "no namespace named 'nope'");
  expect_refused(call("GET", "/v1/peers/nope"), 404, "not_found", "no peer named 'nope'");
  EXPECT_THAT(node_.calls(), ElementsAre());
}

TEST_F(Api, WrongMethodsAre405WithTheRightOnes) {
  expect_refused(call("PUT", "/v1/namespaces"), 405, "method_not_allowed",
                 "PUT is not possible on '/v1/namespaces'");
  EXPECT_THAT(raw("PATCH /v1/namespaces HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              HasSubstr("\r\nAllow: GET, POST\r\n"));
}

TEST_F(Api, BadBodiesAreRefusedWithTheField) {
  const Json legs = Json::array({"left"});
  const struct {
    Json body;
    const char* error;
  } bad[] = {
      {Json::array(), "not a JSON object"},
      {{{"legs", legs}}, "name: is missing"},
      {{{"name", "a b"}, {"legs", legs}}, "name: 'a b' is not a name"},
      {{{"name", 5}, {"legs", legs}}, "name: is not text"},
      {{{"name", "v"}}, "legs: is missing"},
      {{{"name", "v"}, {"legs", Json::array()}}, "legs: is not a list of 1 to 4"},
      {{{"name", "v"}, {"legs", {"a", "b", "c", "d", "e"}}}, "legs: is not a list of 1 to 4"},
      {{{"name", "v"}, {"legs", {5}}}, "legs: a leg is not an object"},
      {{{"name", "v"}, {"legs", {{{"peer", "a"}, {"x", 1}}}}}, "legs: unknown field 'x' of a leg"},
      {{{"name", "v"}, {"legs", {{{"nsid", 1}}}}}, "legs: a leg has no peer"},
      {{{"name", "v"}, {"legs", {"left:0"}}}, "legs: '0' in 'left:0' is not an NSID"},
      {{{"name", "v"}, {"legs", legs}, {"nsid", 65}}, "nsid: 65 is not an NSID"},
      {{{"name", "v"}, {"legs", legs}, {"size", "16M"}}, "size: '16M' has the unknown unit 'M'"},
      {{{"name", "v"}, {"legs", legs}, {"size", -5}}, "size: is not a size"},
      {{{"name", "v"}, {"legs", legs}, {"size", 4097}},
       "size: 4097B is not a multiple of the block size (4096)"},
      {{{"name", "v"}, {"legs", legs}, {"block_size", 1024}}, "block_size: 1024 is not a block size"},
      {{{"name", "v"}, {"legs", legs}, {"region_size", "3MiB"}}, "region_size: 3MiB is not a region size"},
      {{{"name", "v"}, {"legs", legs}, {"assume_equal", "yes"}}, "assume_equal: is not true or false"},
      {{{"name", "v"}, {"legs", legs}, {"uuid", "12"}}, "uuid: '12' has 2 digits"},
      {{{"name", "v"}, {"legs", legs}, {"sise", 1}}, "unknown field 'sise'; did you mean 'size'?"},
  };
  for (const auto& b : bad)
    expect_refused(call("POST", "/v1/namespaces", b.body), 400, "bad_request", b.error);
  expect_refused(call("POST", "/v1/namespaces/vol1/legs", {{"per", "x"}}), 400, "bad_request",
                 "did you mean 'peer'?");
  EXPECT_THAT(node_.calls(), ElementsAre());
  EXPECT_THAT(
      raw("POST /v1/namespaces HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n{x}"),
      HasSubstr("the body is not JSON"));
}

TEST_F(Api, SubsystemMustBeNamedWhereThereAreTwo) {
  node_.edit([](NodeStatus& s) { s.subsystems.push_back({"nqn.2026-01.com.example:b", "S2", true, {}}); });
  expect_refused(call("POST", "/v1/namespaces", {{"name", "v"}, {"legs", {"left:9"}}}), 400, "bad_request",
                 "subsystem: is missing, and the node has 2");
}

TEST_F(Api, MalformedHttpIsAnsweredAndClosed) {
  for (const char* bad :
       {"\r\n\r\n\r\n", "GET\r\n\r\n", "GET /v1/status HTTP/9.9\r\n\r\n", "\x01\x02\x03\x04\r\n\r\n",
        "{\"a\": 1}\r\n\r\n", "POST /v1/namespaces HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "GET /v1/st atus HTTP/1.1\r\n\r\n"})
    EXPECT_THAT(raw(bad), HasSubstr("\"code\":\"bad_request\"")) << bad;
  EXPECT_TRUE(call("GET", "/v1/status").ok());
}

TEST_F(Api, BadTargetsAreRefused) {
  expect_refused(call("GET", "/v1/peers/%zz"), 400, "bad_request", "bad % sequence");
  expect_refused(call("GET", "/v1/peers/%2"), 400, "bad_request", "bad % sequence");
  expect_refused(call("GET", "status"), 400, "bad_request", "is not a path");
  expect_refused(call("GET", "/v1/events?after=x"), 400, "bad_request", "after: 'x' is not a whole number");
  expect_refused(call("GET", "/v1/events?wait=61"), 400, "bad_request", "wait: 61 is out of range");
  expect_refused(call("GET", "/v1/events?max=1001"), 400, "bad_request", "max: 1001 is out of range");
}

// reaches: api.header
// reaches: api.body
TEST_F(Api, TooLargeIsRefused) {
  expect_refused(call("POST", "/v1/namespaces", {{"name", std::string(70'000, 'x')}}), 413, "too_large",
                 "larger than 64 KiB");
  EXPECT_THAT(raw("GET /v1/status HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"),
              HasSubstr("\"code\":\"header_too_large\""));
  EXPECT_THAT(raw("POST /v1/namespaces HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n"),
              HasSubstr("\"code\":\"too_large\""));
}

TEST_F(Api, ConnectionsAreKeptAliveAndRequestsMayBePipelined) {
  const std::string get = "GET /v1/hosts HTTP/1.1\r\nHost: a\r\n\r\n",
                    last = "GET /v1/hosts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const std::string answers = raw(get + get + last);
  std::size_t count = 0;
  for (auto at = answers.find("HTTP/1.1 200"); at != std::string::npos;
       at = answers.find("HTTP/1.1 200", at + 1))
    ++count;
  EXPECT_EQ(count, 3u) << answers;
}

// ---- bounds ---------------------------------------------------------------------------------------------

// reaches: api.request_time
TEST_F(Api, SlowClientIsCutOffAndHoldsNobodyUp) {
  options_.request_timeout = 200 * kMillisecond;
  start();
  auto slow = connect_unix(options_.path, kSecond);
  ASSERT_TRUE(slow);
  ASSERT_EQ(::send(slow->get(), "GET /v1", 7, MSG_NOSIGNAL), 7);
  EXPECT_TRUE(call("GET", "/v1/status").ok());
  EXPECT_EQ(read_all(slow->get()), "");  // closed by the server
}

// reaches: api.answer_time
TEST_F(Api, ClientThatDoesNotReadIsCutOff) {
  options_.answer_timeout = 200 * kMillisecond;
  start();
  for (int i = 0; i < 100; ++i)
    node_.events().add(core::Severity::kInfo, "x", "", std::string(limits::kEventText, 'a'));
  auto deaf = connect_unix(options_.path, kSecond);
  ASSERT_TRUE(deaf);
  const int small = 4096;
  ::setsockopt(deaf->get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  const std::string get = "GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(::send(deaf->get(), get.data(), get.size(), MSG_NOSIGNAL), static_cast<ssize_t>(get.size()));
  pollfd p{deaf->get(), POLLRDHUP, 0};
  EXPECT_EQ(::poll(&p, 1, 10'000), 1);
  EXPECT_TRUE(call("GET", "/v1/status").ok());
}

// reaches: api.wait
TEST_F(Api, LongestWaitIsBounded) {
  expect_refused(call("GET", "/v1/events?wait=61"), 400, "bad_request", "wait: 61 is out of range");
}

// reaches: api.answer
TEST(ClientBounds, AnswerLargerThanTheBoundIsNotTaken) {
  TempDir dir;
  auto socket = ListenSocket::open(dir.file("api.sock"));
  ASSERT_TRUE(socket);
  std::thread server([&] {
    pollfd p{socket->fd(), POLLIN, 0};
    if (::poll(&p, 1, 10'000) != 1) return;
    const int fd = ::accept(socket->fd(), nullptr, nullptr);
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(limits::kApiAnswer + 1) + "\r\n\r\n{}";
    (void)!::send(fd, head.data(), head.size(), MSG_NOSIGNAL);
    Api::read_all(fd);
    ::close(fd);
  });
  const auto answer = Client(dir.file("api.sock")).call("GET", "/v1/status");
  server.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().why, Unreached::kBroken);
}

TEST_F(Api, LimitsSayWhatIsUsed) {
  node_.edit([](NodeStatus& s) {
    s.in_use = {{"host.queues", 12}};
    s.limits.open_max_bytes = 5 << 20;
  });
  const Json limits = call("GET", "/v1/limits").json["limits"];
  ASSERT_EQ(limits.size(), limits::bounds().size());
  for (const Json& l : limits) {
    if (l["name"] == "host.queues") EXPECT_EQ(l["in_use"], 12);
    if (l["name"] == "host.transfer") EXPECT_TRUE(l["in_use"].is_null());
    if (l["name"] == "tee.open_bytes") EXPECT_EQ(l["value"], 5 << 20);
    if (l["name"] == "api.clients") EXPECT_EQ(l["in_use"], 1);
  }
}

TEST_F(Api, NodeThatDoesNotAnswerIsReportedNotGuessed) {
  options_.service.status = options_.service.operation = 100 * kMillisecond;
  start();
  node_.set_silent(true);
  expect_refused(call("GET", "/v1/status"), 504, "timeout", "the node did not answer in time (its status)");
  node_.set_silent(false);
  EXPECT_TRUE(call("GET", "/v1/status").ok());
}

TEST_F(Api, OperationWithoutEndIsReportedAsUnknown) {
  // Silent after the status that names the leg: the operation itself hangs.
  options_.service.operation = 100 * kMillisecond;
  start();
  struct Hang final : Node {
    test::FakeNode& inner;
    explicit Hang(test::FakeNode& n) : inner(n) {}
    void status(std::function<void(NodeStatus)> d) override { inner.status(std::move(d)); }
    void create_namespace(core::NamespaceSpec, std::vector<core::LegSpec>, bool, Done) override {}
    void delete_namespace(const std::string&, Done) override {}
    void add_leg(const std::string&, core::LegSpec, Done) override {}
    void remove_leg(const std::string&, unsigned, Done) override {}
    void fault_leg(const std::string&, unsigned, Done) override {}
    void online_leg(const std::string&, unsigned, Done) override {}
    void verify(const std::string&, bool, Done) override {}
    void set_resync_rate(std::uint64_t, Done) override {}
    EventLog& events() override { return inner.events(); }
    void drain(Done) override {}
  } hang(node_);
  server_.reset();
  server_ = std::move(*Server::start(hang, options_));
  const ApiAnswer a = call("DELETE", "/v1/namespaces/vol1");
  expect_refused(a, 504, "timeout", "deleting vol1");
  EXPECT_THAT(a.json["remedy"].get<std::string>(), HasSubstr("unknown"));
  server_.reset();
}

// reaches: api.clients
TEST_F(Api, ClientsAreBounded) {
  options_.max_clients = 4;
  start();
  std::vector<net::Fd> idle;
  for (int i = 0; i < 4; ++i) {
    idle.push_back(std::move(*connect_unix(options_.path, kSecond)));
    // A first answer proves that the server has taken it in.
    const std::string get = "GET /v1/hosts HTTP/1.1\r\nHost: a\r\n\r\n";
    ASSERT_EQ(::send(idle.back().get(), get.data(), get.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(get.size()));
    pollfd p{idle.back().get(), POLLIN, 0};
    ASSERT_EQ(::poll(&p, 1, 10'000), 1);
  }
  EXPECT_THAT(raw(""), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("\"code\":\"busy\"")));
  idle.pop_back();
  // The place is free as soon as the server has seen the end.
  for (int i = 0; i < 1000; ++i) {
    const auto a = Client(options_.path).call("GET", "/v1/status");
    if (a && a->ok()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  FAIL() << "the place was never free again";
}

TEST_F(Api, ManyClientsAtOnceAreAllAnswered) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const auto a = Client(options_.path).call("GET", i % 2 ? "/v1/status" : "/v1/namespaces/vol1");
        if (a && a->ok()) ++good;
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(good, 400);
}

// ---- events ---------------------------------------------------------------------------------------------

TEST_F(Api, EventsComeInOrderFromTheIdOn) {
  node_.events().add(core::Severity::kInfo, "node.started", "", "hello");
  node_.events().add(core::Severity::kCritical, "leg.faulted", "vol1", "timeout");
  const Json all = call("GET", "/v1/events").json;
  ASSERT_EQ(all["events"].size(), 2u);
  EXPECT_EQ(all["events"][1]["name"], "leg.faulted");
  EXPECT_EQ(all["events"][1]["severity"], "critical");
  EXPECT_EQ(all["events"][1]["namespace"], "vol1");
  EXPECT_EQ(all["last_id"], 2);
  EXPECT_EQ(all["lost"], 0);
  EXPECT_EQ(call("GET", "/v1/events?after=1").json["events"].size(), 1u);
  EXPECT_EQ(call("GET", "/v1/events?after=2").json["events"].size(), 0u);
  EXPECT_EQ(call("GET", "/v1/events?max=1").json["last_id"], 1);
}

// reaches: event.text
TEST_F(Api, LongEventsAreCut) {
  node_.events().add(core::Severity::kInfo, "x", "", std::string(limits::kEventText + 1, 'a'));
  const std::string text = call("GET", "/v1/events").json["events"][0]["text"];
  EXPECT_EQ(text.size(), limits::kEventText);
  EXPECT_TRUE(text.ends_with("aaa..."));
}

// reaches: event.kept
TEST_F(Api, LostEventsAndRestartsAreTold) {
  for (int i = 0; i < 150; ++i) node_.events().add(core::Severity::kInfo, "x", "", "");  // the ring keeps 100
  const Json all = call("GET", "/v1/events?after=10").json;
  EXPECT_EQ(all["events"].size(), 100u);
  EXPECT_EQ(all["lost"], 40);
  const Json future = call("GET", "/v1/events?after=1000&wait=60").json;
  EXPECT_EQ(future["restarted"], true);
  EXPECT_EQ(future["events"].size(), 100u);
  EXPECT_EQ(future["last_id"], 150);
}

TEST_F(Api, LongPollEndsWithTheEvent) {
  std::thread poll([&] {
    const Json e = call("GET", "/v1/events?after=0&wait=60").json;
    EXPECT_EQ(e["events"].size(), 1u);
  });
  node_.events().add(core::Severity::kInfo, "x", "",
                     "");  // before or after the request arrives: both must end it
  poll.join();
}

TEST_F(Api, LongPollWithoutEventsEndsEmpty) {
  const Json e = call("GET", "/v1/events?after=0&wait=1").json;
  EXPECT_EQ(e["events"].size(), 0u);
  EXPECT_EQ(e["last_id"], 0);
  EXPECT_EQ(e["restarted"], false);
}

TEST_F(Api, ClientThatHangsUpDuringALongPollFreesItsPlace) {
  options_.max_clients = 1;
  start();
  {
    auto gone = connect_unix(options_.path, kSecond);
    const std::string get = "GET /v1/events?wait=60 HTTP/1.1\r\nHost: a\r\n\r\n";
    ASSERT_EQ(::send(gone->get(), get.data(), get.size(), MSG_NOSIGNAL), static_cast<ssize_t>(get.size()));
  }
  for (int i = 0; i < 1000; ++i) {
    const auto a = Client(options_.path).call("GET", "/v1/status");
    if (a && a->ok()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  FAIL() << "the long poll still holds its place";
}

TEST_F(Api, StopDuringALongPollDoesNotHang) {
  std::thread poll([&] { (void)Client(options_.path).call("GET", "/v1/events?wait=60"); });
  server_.reset();
  poll.join();
}

// ---- the socket -----------------------------------------------------------------------------------------

TEST_F(Api, SocketIsForItsOwnerOnly) {
  struct stat st{};
  ASSERT_EQ(::stat(options_.path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  server_.reset();
  EXPECT_NE(::stat(options_.path.c_str(), &st), 0) << "it is removed at the end";
}

TEST_F(Api, SecondDaemonOnTheSameSocketIsRefused) {
  const auto second = Server::start(node_, options_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text(), HasSubstr("another daemon holds"));
  EXPECT_TRUE(call("GET", "/v1/status").ok()) << "the first one is unharmed";
}

TEST(Socket, LeftOverSocketIsReplaced) {
  const TempDir dir;
  const std::string path = dir.file("s");
  {
    const net::Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    path.copy(a.sun_path, sizeof a.sun_path - 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
  }  // closed without unlink, as after a crash
  EXPECT_TRUE(ListenSocket::open(path));
}

TEST(Socket, ForeignThingsAreLeftAlone) {
  const TempDir dir;
  const std::string path = dir.file("s");
  std::ofstream(path) << "precious";
  const auto r = ListenSocket::open(path);
  ASSERT_FALSE(r);
  EXPECT_THAT(r.error().text(), HasSubstr("exists and is not a socket"));
  EXPECT_EQ(std::filesystem::file_size(path), 8u);

  // A program that listens without the lock, such as an older daemon.
  const std::string other = dir.file("o");
  const net::Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  other.copy(a.sun_path, sizeof a.sun_path - 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
  ASSERT_EQ(::listen(fd.get(), 1), 0);
  const auto taken = ListenSocket::open(other);
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().text(), HasSubstr("another program answers"));
  EXPECT_FALSE(ListenSocket::open(dir.file(std::string(120, 'x').c_str())));
}

TEST(ClientErrors, AreToldApart) {
  const TempDir dir;
  const auto missing = Client(dir.file("none")).call("GET", "/v1/status");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().why, Unreached::kNoDaemon);
  EXPECT_THAT(missing.error().error.text(), AllOf(HasSubstr("no such socket"), HasSubstr("start it")));

  // One that listens and never answers.
  auto mute = ListenSocket::open(dir.file("mute"));
  ASSERT_TRUE(mute);
  const auto late = Client(dir.file("mute")).call("GET", "/v1/status", nullptr, 100 * kMillisecond);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().why, Unreached::kTimeout);
}

// ---- rates and documents --------------------------------------------------------------------------------

TEST(RateMeter, RateAndTimeLeft) {
  RateMeter m;
  auto ns = test::FakeNode::sample_namespace("v", {{"a", 1}, {"b", 1}});
  ns.legs[1].state = core::LegState::kSyncing;
  for (std::uint64_t second = 0; second <= 5; ++second) {
    ns.legs[1].copied_bytes = second * 1000;
    m.sample({ns}, (100 + second) * kSecond);
    if (second == 0) EXPECT_FALSE(m.bytes_per_second("v", 1));
  }
  EXPECT_EQ(m.bytes_per_second("v", 1), 1000u);
  EXPECT_EQ(m.eta("v", 1, 30'000), 30 * kSecond);
  EXPECT_FALSE(m.bytes_per_second("v", 0));
  ns.legs[1].copied_bytes = 0;  // a new resync
  m.sample({ns}, 106 * kSecond);
  EXPECT_FALSE(m.bytes_per_second("v", 1));
  m.sample({ns}, 107 * kSecond);
  EXPECT_EQ(m.bytes_per_second("v", 1), 0u);
  EXPECT_FALSE(m.eta("v", 1, 1)) << "a stuck copy has no end";
  m.sample({}, 108 * kSecond);
  EXPECT_FALSE(m.bytes_per_second("v", 1));
}

TEST(ApiDoc, PageHasTheEndpointsAndErrors) {
  std::ifstream in(std::string(NVTEE_SOURCE_DIR) + "/docs/API.md");
  std::stringstream page;
  page << in.rdbuf();
  EXPECT_NE(page.str().find(endpoint_table()), std::string::npos) << "docs/API.md is out of date; put in:\n"
                                                                  << endpoint_table();
  EXPECT_NE(page.str().find(error_table()), std::string::npos) << "docs/API.md is out of date; put in:\n"
                                                               << error_table();
}

}  // namespace
}  // namespace nvtee::api
