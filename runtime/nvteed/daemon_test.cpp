// The daemon as a process: this very program, started again as nvteed with a node that is not one
// ("--as-daemon").
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/api/client.hpp"
#include "runtime/api/fake_node.hpp"
#include "runtime/api/test_process.hpp"
#include "runtime/api/unix_socket.hpp"
#include "runtime/nvteed/daemon.hpp"
#include "runtime/nvteed/declare.hpp"

namespace nvtee::daemon {
namespace {

using test::FakeNode;
using test::Outcome;
using test::Process;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// What the child's node does is chosen by FAKE in its environment.
Result<std::unique_ptr<Node>> start_fake(const NodeConfig& config) {
  const char* mode = std::getenv("FAKE");
  const std::string fake = mode ? mode : "";
  if (fake == "refuse") return fail("the state file is damaged", "restore it from a backup");
  auto node = std::make_unique<FakeNode>();
  node->edit([&](NodeStatus& s) {
    s.listen = config.listen;
    if (fake != "differs") s.namespaces.clear();
  });
  if (fake == "create fails")
    node->fail_next({"leg left:1: connection refused", "all legs must be reachable"});
  if (fake == "drain hangs") node->hang_drain();
  if (fake == "drain fails") node->fail_next({"not drained in time", "the next start reconciles"});
  return node;
}

constexpr const char* kConfig = R"([node]
host_nqn = "nqn.2026-01.com.example:node1"
listen = ["127.0.0.1:4420"]
state_file = ":memory:"
[[peer]]
name = "left"
addresses = ["192.0.2.1"]
nqn = "nqn.2026-01.com.example:left"
[[subsystem]]
nqn = "nqn.2026-01.com.example:front"
any_host = true
[[namespace]]
name = "vol1"
subsystem = "nqn.2026-01.com.example:front"
legs = [{ peer = "left" }]
)";

class DaemonTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/nvteed-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    write(kConfig);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& config) { std::ofstream(file()) << config; }
  std::string file() const { return dir_ + "/f.toml"; }
  std::string socket() const { return dir_ + "/s"; }
  Process spawn(std::vector<std::string> arguments, const std::string& fake = "") {
    std::vector<std::string> all = {"/proc/self/exe", "--as-daemon", "--config",
                                    file(),           "--socket",    socket()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Process(all, {"FAKE=" + fake});
  }
  Outcome run(std::vector<std::string> arguments, const std::string& fake = "") {
    return spawn(std::move(arguments), fake).finish();
  }
  std::string dir_;
};

TEST_F(DaemonTest, StartsServesAndStopsInOrder) {
  auto p = spawn({});
  ASSERT_TRUE(p.wait_for(" ready ")) << p.so_far().err;
  EXPECT_THAT(p.so_far().err, AllOf(HasSubstr("info nvteed namespace.created ns=vol1 id="),
                                    HasSubstr(" ready pid=" + std::to_string(p.pid()) + " api=" + socket() +
                                              " listen=127.0.0.1:4420 namespaces=1\n")));
  const auto answer = api::Client(socket()).call("GET", "/v1/namespaces");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->json["namespaces"][0]["name"], "vol1");
  p.signal(SIGTERM);
  const Outcome r = p.finish();
  EXPECT_EQ(r.exit, 0);
  EXPECT_THAT(r.err, AllOf(HasSubstr(" stopping signal=SIGTERM"), HasSubstr(" stopped clean=yes\n")));
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(DaemonTest, TellsReadyOnADescriptor) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);  // inherited by the child
  auto p = spawn({"--ready-fd", std::to_string(fds[1])});
  ::close(fds[1]);
  std::string text;
  char c;
  while (::read(fds[0], &c, 1) == 1) text += c;  // until the daemon has closed it too
  ::close(fds[0]);
  EXPECT_EQ(text, "ready\n");
  p.signal(SIGINT);
  EXPECT_EQ(p.finish().exit, 0);
}

TEST_F(DaemonTest, FailedStartClosesTheReadyDescriptorUnwritten) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  auto p = spawn({"--ready-fd", std::to_string(fds[1])}, "refuse");
  ::close(fds[1]);
  char c;
  EXPECT_EQ(::read(fds[0], &c, 1), 0);
  ::close(fds[0]);
  EXPECT_EQ(p.finish().exit, 1);
}

TEST_F(DaemonTest, SecondSignalStopsAtOnce) {
  auto p = spawn({}, "drain hangs");
  ASSERT_TRUE(p.wait_for(" ready "));
  p.signal(SIGTERM);
  ASSERT_TRUE(p.wait_for(" stopping "));
  p.signal(SIGTERM);
  EXPECT_EQ(p.finish().exit, 3);
}

TEST_F(DaemonTest, DrainThatFailsIsNoCleanStop) {
  // The failure is kept for the next operation, so none may come before the drain.
  write(std::string(kConfig).substr(0, std::string(kConfig).find("[[namespace]]")));
  auto p = spawn({}, "drain fails");
  ASSERT_TRUE(p.wait_for(" ready "));
  p.signal(SIGTERM);
  const Outcome r = p.finish();
  EXPECT_EQ(r.exit, 3);
  EXPECT_THAT(
      r.err,
      HasSubstr("error nvteed stopped clean=no text=\"not drained in time; the next start reconciles\""));
}

TEST_F(DaemonTest, HangUpSignalIsNoEnd) {
  auto p = spawn({});
  ASSERT_TRUE(p.wait_for(" ready "));
  p.signal(SIGHUP);
  ASSERT_TRUE(p.wait_for("signal.ignored"));
  p.signal(SIGTERM);
  EXPECT_EQ(p.finish().exit, 0);
}

TEST_F(DaemonTest, NodeThatIsRefusedIsToldWithItsRemedy) {
  const Outcome r = run({}, "refuse");
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.err, "nvteed: the state file is damaged\n  remedy: restore it from a backup\n");
}

TEST_F(DaemonTest, SecondDaemonOnTheSameSocketIsRefused) {
  auto first = spawn({});
  ASSERT_TRUE(first.wait_for(" ready "));
  const Outcome r = run({});
  EXPECT_EQ(r.exit, 1);
  EXPECT_THAT(r.err, HasSubstr("another daemon holds " + socket()));
  first.signal(SIGTERM);
  EXPECT_EQ(first.finish().exit, 0);
}

TEST_F(DaemonTest, CheckStartsNothing) {
  const Outcome good = run({"--check"}, "refuse");
  EXPECT_EQ(good.exit, 0);
  EXPECT_EQ(good.out, file() + ": ok: 1 peer(s), 1 subsystem(s), 1 namespace(s)\n");
  EXPECT_THAT(good.err, HasSubstr("f.toml: warning: node.state_file is \":memory:\""));
  write("[node]\nhost_nqn = 5\nlistne = []\n");
  const Outcome bad = run({"--check"});
  EXPECT_EQ(bad.exit, 1);
  EXPECT_THAT(bad.err, AllOf(HasSubstr("f.toml:2:12: node.host_nqn: 5 is an integer"),
                             HasSubstr("f.toml:3:1: node.listne: unknown key; did you mean 'listen'?"),
                             HasSubstr("the configuration is refused: 2 problem(s)\n  remedy: ")));
}

TEST_F(DaemonTest, CommandLineReplacesValues) {
  auto p = spawn(
      {"--listen", "127.0.0.1:7", "--listen", "[::1]:8", "--set", "times.hold=9s", "--log-level", "warn"});
  // Nothing is logged at this level: the API says that it is up.
  for (int i = 0; i < 2000 && !api::Client(socket()).call("GET", "/v1/hosts"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto s = api::Client(socket()).call("GET", "/v1/status");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->json["listen"], api::Json::array({"127.0.0.1:7", "[::1]:8"}));
  p.signal(SIGTERM);
  EXPECT_THAT(p.finish().err, Not(HasSubstr(" info ")));
  const Outcome bad = run({"--set", "times.hold=9"});
  EXPECT_EQ(bad.exit, 1);
  EXPECT_THAT(bad.err, HasSubstr("--set times.hold=9: times.hold: 9 is an integer"));
}

TEST_F(DaemonTest, UsageErrors) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--set", "x"}, {"--ready-fd", "77"}, {"--ready-fd", "x"}, {"extra"}, {"--chek"}}) {
    const Outcome r = run(arguments);
    EXPECT_EQ(r.exit, 2) << arguments[0];
    EXPECT_THAT(r.err, HasSubstr("remedy: ")) << arguments[0];
  }
  EXPECT_THAT(run({"--chek"}).err, HasSubstr("did you mean '--check'?"));
  EXPECT_THAT(run({"--help"}).out, AllOf(HasSubstr("--ready-fd N"), HasSubstr("Examples:")));
  EXPECT_THAT(run({"--print-config-doc"}).out, HasSubstr("| `leg_deadline` |"));
  EXPECT_THAT(run({"--print-api-doc"}).out, HasSubstr("/v1/status"));
  EXPECT_EQ(run({"--config", "/nonexistent"}).exit, 2);  // given twice
}

TEST_F(DaemonTest, DeclaredNamespaceThatCannotBeMadeYetIsTriedAgain) {
  auto p = spawn({}, "create fails");
  ASSERT_TRUE(p.wait_for(" ready "));
  EXPECT_THAT(p.so_far().err, AllOf(HasSubstr("warning nvteed namespace.create_failed ns=vol1"),
                                    HasSubstr("connection refused"), HasSubstr(" namespaces=0\n")));
  const auto status = api::Client(socket()).call("GET", "/v1/status");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->json["health"], "down");
  EXPECT_THAT(status->json["missing_namespaces"][0]["reason"].get<std::string>(),
              HasSubstr("connection refused"));
  EXPECT_TRUE(p.wait_for("namespace.created ns=vol1"));
  EXPECT_EQ(api::Client(socket()).call("GET", "/v1/status")->json["health"], "ok");
  p.signal(SIGTERM);
  EXPECT_EQ(p.finish().exit, 0);
}

TEST_F(DaemonTest, ExistingNamespaceIsNeverChangedByTheFile) {
  auto p = spawn({}, "differs");
  ASSERT_TRUE(p.wait_for(" ready "));
  EXPECT_THAT(p.so_far().err,
              AllOf(HasSubstr("namespace.differs ns=vol1"),
                    HasSubstr("legs is left:1 right:1, the file says left:1; nothing was changed"),
                    Not(HasSubstr("namespace.created"))));
  p.signal(SIGTERM);
  EXPECT_EQ(p.finish().exit, 0);
}

TEST_F(DaemonTest, ClaimOfEqualLegsIsNotLeftStandingSilently) {
  std::string config = kConfig;
  config.replace(config.find("legs = "), std::string::npos,
                 "assume_equal = true\nlegs = [{ peer = \"left\" }, { peer = \"left\", nsid = 2 }]\n");
  write(config);
  auto p = spawn({});
  ASSERT_TRUE(p.wait_for(" ready "));
  EXPECT_THAT(p.so_far().err, HasSubstr("warning nvteed namespace.created ns=vol1"));
  EXPECT_THAT(p.so_far().err, HasSubstr("take assume_equal out of the file now"));
  p.signal(SIGTERM);
  EXPECT_EQ(p.finish().exit, 0);
}

TEST_F(DaemonTest, LegOfAnotherNamespaceIsNotTakenTwice) {
  std::string config = kConfig;
  config.replace(config.find("\"vol1\""), 6, "\"vol2\"");
  config += "nsid = 2\n";
  write(config);
  auto p = spawn({}, "differs");  // vol1 exists and has left:1
  ASSERT_TRUE(p.wait_for(" ready "));
  EXPECT_THAT(p.so_far().err, AllOf(HasSubstr("namespace.create_failed ns=vol2"),
                                    HasSubstr("left:1 is a leg of namespace vol1 already")));
  p.signal(SIGTERM);
  EXPECT_EQ(p.finish().exit, 0);
}

// ---- declared against existing --------------------------------------------------------------------------

TEST(Differences, OnlyWhatTheFileGivesIsCompared) {
  const auto existing = FakeNode::sample_namespace("v", {{"left", 1}, {"right", 2}});
  config::DeclaredNamespace d;
  d.spec.subsystem = existing.spec.subsystem;
  d.legs = {{"right", 2}, {"left", 1}};
  EXPECT_THAT(differences(d, existing), ElementsAre());
  d.size = 1 << 30;
  d.block_size = 4096;
  d.spec.region_bytes = 1 << 20;
  d.spec.uuid = existing.spec.uuid;
  EXPECT_THAT(differences(d, existing), ElementsAre());
  d.size = 2 << 29 | 4096;
  d.block_size = 512;
  d.spec.region_bytes = 2 << 20;
  d.spec.uuid[15] = 1;
  d.spec.nguid[15] = 1;
  d.spec.nsid = 3;
  d.spec.subsystem = "nqn.2026-01.com.example:other";
  d.legs.pop_back();
  EXPECT_THAT(
      differences(d, existing),
      ElementsAre("subsystem is nqn.2026-01.com.example:front, the file says nqn.2026-01.com.example:other",
                  "nsid is 1, the file says 3", "size is 1GiB, the file says 1048580KiB",
                  "block_size is 4096, the file says 512", "region_size is 1MiB, the file says 2MiB",
                  HasSubstr("nguid is "), HasSubstr("uuid is "),
                  "legs is left:1 right:2, the file says right:2"));
}

}  // namespace
}  // namespace nvtee::daemon

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--as-daemon")
    return nvtee::daemon::run({argv + 2, argv + argc}, nvtee::daemon::start_fake);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
