// The nvtee command as a process of its own, against the control API with a node that is not one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/api/fake_node.hpp"
#include "runtime/api/server.hpp"
#include "runtime/api/test_process.hpp"
#include "runtime/api/unix_socket.hpp"
#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::cli {
namespace {

using api::Json;
using test::Outcome;
using test::Process;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Cli : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/nvtee-cli-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    options_.path = dir_ + "/s";
    start();
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(dir_);
  }
  void start() {
    server_.reset();
    auto server = api::Server::start(node_, options_);
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
  }
  Process spawn(std::vector<std::string> arguments, bool terminal = false) {
    arguments.insert(arguments.begin(), NVTEE_BINARY);
    return Process(std::move(arguments), {"NVTEE_SOCKET=" + options_.path}, terminal);
  }
  Outcome run(std::vector<std::string> arguments) { return spawn(std::move(arguments)).finish(); }
  void fault_a_leg() {
    node_.edit([](NodeStatus& s) {
      auto& ns = s.namespaces[0];
      ns.health = "degraded";
      ns.advice = {"bring the peer right back"};
      ns.legs[1].state = core::LegState::kStale;
      ns.legs[1].connected = false;
      ns.legs[1].dirty_bytes = 3 << 20;
      ns.legs[1].reason = "owed an answer for 2 s";
      s.peers[1].legs_connected = 0;
      s.peers[1].last_error = "connection refused";
    });
  }

  std::string dir_;
  test::FakeNode node_;
  api::ServerOptions options_;
  std::unique_ptr<api::Server> server_;
};

// ---- status ---------------------------------------------------------------------------------------------

TEST_F(Cli, StatusOfAHealthyNode) {
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 0) << r.err;
  EXPECT_EQ(r.err, "");
  EXPECT_THAT(r.out, HasSubstr("   health: ok\n"));
  EXPECT_THAT(r.out, HasSubstr("namespace: vol1\n   health: ok (all legs are in sync)\n"));
  EXPECT_THAT(r.out, HasSubstr("    shown: nsid 1 of nqn.2026-01.com.example:front, 1 GiB, optimized\n"));
  EXPECT_THAT(r.out, HasSubstr("up 1 d 2 h"));
  EXPECT_THAT(r.out, HasSubstr("   LEG  PEER:NSID  STATE    FENCE       DIRTY  COPY  REASON\n"
                               "   0    left:1     in_sync  guard time  -      -\n"
                               "   1    right:1    in_sync  guard time  -      -\n"));
}

TEST_F(Cli, StatusOfADegradedNodeSaysWhyAndWhatToDo) {
  fault_a_leg();
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 3);
  EXPECT_THAT(r.out, HasSubstr("   health: degraded\n"));
  EXPECT_THAT(
      r.out,
      HasSubstr("1    right:1    stale    -           3 MiB  -     owed an answer for 2 s; not connected\n"));
  EXPECT_THAT(r.out, HasSubstr("     peer: right: 0 of 1 legs connected: connection refused\n"));
  EXPECT_THAT(r.out, HasSubstr("   action: bring the peer right back\n"));
  EXPECT_EQ(run({"status", "vol1"}).exit, 3);
  EXPECT_EQ(run({"status", "-o", "json"}).exit, 3);
}

TEST_F(Cli, StatusAsJson) {
  const Outcome r = run({"status", "-o", "json"});
  EXPECT_EQ(r.exit, 0);
  const Json s = Json::parse(r.out);
  EXPECT_EQ(s["health"], "ok");
  EXPECT_EQ(s["namespaces"][0]["legs"][1]["peer"], "right");
  EXPECT_EQ(Json::parse(run({"-o", "json", "status", "vol1"}).out)["name"], "vol1");
}

TEST_F(Cli, StatusWithoutADaemonIsNeverHealthy) {
  server_.reset();
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 4);
  EXPECT_EQ(r.out, "");
  EXPECT_THAT(r.err, AllOf(HasSubstr("no such socket"), HasSubstr("remedy: start it")));
  const Outcome json = run({"status", "-o", "json"});
  EXPECT_EQ(json.exit, 4);
  EXPECT_EQ(Json::parse(json.out)["code"], "unreachable");
  EXPECT_THAT(json.out + json.err, Not(HasSubstr("ok")));
}

TEST_F(Cli, StatusOfANodeThatHangsIsAnError) {
  options_.service.status = 100 * kMillisecond;
  start();
  node_.set_silent(true);
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.out, "");
  EXPECT_THAT(r.err, HasSubstr("did not answer in time"));
}

TEST_F(Cli, StatusThatContradictsItselfIsNotHealthy) {
  node_.edit(
      [](NodeStatus& s) { s.namespaces[0].legs[1].state = core::LegState::kStale; });  // health still says ok
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 3);
  EXPECT_THAT(r.out, HasSubstr("health: unknown"));
  node_.edit([](NodeStatus& s) { s.namespaces[0].health = ""; });
  EXPECT_EQ(run({"status"}).exit, 3);
}

TEST_F(Cli, StatusOfADrainingNodeIsNotHealthy) {
  node_.edit([](NodeStatus& s) { s.draining = true; });
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 3);
  EXPECT_THAT(r.out, HasSubstr("STOPPING"));
}

TEST_F(Cli, StatusShowsAResyncWithItsTime) {
  node_.edit([](NodeStatus& s) {
    s.namespaces[0].health = "resyncing";
    auto& leg = s.namespaces[0].legs[1];
    leg.state = core::LegState::kSyncing;
    leg.copied_bytes = 1 << 20;
    leg.to_copy_bytes = 3 << 20;
  });
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 3);
  EXPECT_THAT(r.out, HasSubstr("25 %, 3 MiB left"));
}

TEST_F(Cli, NamespaceThatOughtToBeThereIsNotPassedOver) {
  node_.edit([](NodeStatus& s) { s.namespaces.clear(); });
  server_->set_missing({{"vol1", "leg left:1: no route"}});
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 3);
  EXPECT_THAT(r.out,
              AllOf(HasSubstr("   health: down\n"),
                    EndsWith("namespace: vol1\n   health: down (the configuration declares it, and it is not "
                             "there)\n   reason: leg left:1: no route\n")));
}

TEST_F(Cli, NodeWithoutNamespaces) {
  node_.edit([](NodeStatus& s) { s.namespaces.clear(); });
  const Outcome r = run({"status"});
  EXPECT_EQ(r.exit, 0);
  EXPECT_THAT(r.out, EndsWith("no namespaces: create one with `nvtee ns create`\n"));
}

TEST_F(Cli, NothingFromOutsideReachesTheTerminalRaw) {
  node_.edit([](NodeStatus& s) {
    s.peers[0].identity = "evil\x1b[2J";
    s.namespaces[0].legs[1].reason = "a\nb\x1b]0;x\x07";
  });
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"status"}, {"peer", "list"}, {"peer", "show", "left"}, {"leg", "list"}}) {
    const Outcome r = run(arguments);
    EXPECT_THAT(r.out, Not(HasSubstr("\x1b"))) << arguments[0];
  }
}

// ---- namespaces and legs --------------------------------------------------------------------------------

TEST_F(Cli, NamespacesAreListedAndShown) {
  EXPECT_THAT(run({"ns", "list"}).out,
              "NAME  NSID  SIZE   HEALTH  LEGS                            SUBSYSTEM\n"
              "vol1  1     1 GiB  ok      left:1=in_sync right:1=in_sync  nqn.2026-01.com.example:front\n");
  const Outcome r = run({"ns", "show", "vol1"});
  EXPECT_EQ(r.exit, 0);
  EXPECT_THAT(r.out, HasSubstr("            uuid: aabb0000-0000-0000-0000-000000000000\n"));
  EXPECT_EQ(Json::parse(run({"ns", "list", "-o", "json"}).out)["namespaces"].size(), 1u);
  const Outcome bad = run({"ns", "show", "vol"});
  EXPECT_EQ(bad.exit, 1);
  EXPECT_EQ(bad.err,
            "nvtee: no namespace named 'vol'; did you mean 'vol1'?\n  remedy: see `nvtee ns list`\n");
}

TEST_F(Cli, CreateTranslatesItsOptions) {
  const Outcome r =
      run({"ns", "create", "vol2", "--leg", "left:2", "-l", "third", "--size", "2GiB", "--block-size", "512",
           "--assume-equal", "--nsid", "5", "--adopt-id", "11111111-2222-3333-4444-555555555555",
           "--adopt-id", "00112233445566778899aabbccddeeff"});
  EXPECT_EQ(r.exit, 0) << r.err;
  EXPECT_EQ(r.out, "namespace vol2 is created\n");
  EXPECT_THAT(node_.calls(), ElementsAre("create vol2 nqn.2026-01.com.example:front nsid=5 blocks=4194304 "
                                         "shift=9 region=0 equal=true left:2 third:1"));
  const Json ns = Json::parse(run({"ns", "show", "vol2", "-o", "json"}).out);
  EXPECT_EQ(ns["uuid"], "11111111-2222-3333-4444-555555555555");
  EXPECT_EQ(ns["nguid"], "00112233445566778899aabbccddeeff");
}

TEST_F(Cli, CreateRefusesBeforeItAsks) {
  EXPECT_EQ(run({"ns", "create", "v"}).exit, 2);
  EXPECT_EQ(run({"ns", "create"}).exit, 2);
  EXPECT_EQ(run({"ns", "create", "v", "--leg", "left", "--adopt-id", "12"}).exit, 2);
  EXPECT_EQ(run({"ns", "create", "v", "--leg", "left", "--block-size", "1000"}).exit, 2);
  EXPECT_THAT(node_.calls(), ElementsAre());
  const Outcome r = run({"ns", "create", "v", "--leg", "left", "--size", "16M"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_THAT(r.err, HasSubstr("size: '16M' has the unknown unit 'M'"));
}

TEST_F(Cli, DeleteNeedsAYes) {
  const Outcome r = run({"ns", "delete", "vol1"});
  EXPECT_EQ(r.exit, 2);
  EXPECT_THAT(r.err, AllOf(HasSubstr("nobody to ask"), HasSubstr("give --yes")));
  EXPECT_THAT(node_.calls(), ElementsAre());
  const Outcome yes = run({"ns", "delete", "vol1", "--yes"});
  EXPECT_EQ(yes.exit, 0);
  EXPECT_EQ(yes.out, "namespace vol1 is deleted; its legs keep their data\n");
  EXPECT_THAT(node_.calls(), ElementsAre("delete vol1"));
}

TEST_F(Cli, DeleteAsksOnATerminal) {
  auto no = spawn({"ns", "delete", "vol1"}, true);
  ASSERT_TRUE(no.wait_for("[y/N]"));
  no.type("n\n");
  EXPECT_EQ(no.finish().exit, 1);
  EXPECT_THAT(node_.calls(), ElementsAre());
  auto yes = spawn({"ns", "delete", "vol1"}, true);
  ASSERT_TRUE(yes.wait_for("[y/N]"));
  yes.type("y\n");
  EXPECT_EQ(yes.finish().exit, 0);
  EXPECT_THAT(node_.calls(), ElementsAre("delete vol1"));
}

TEST_F(Cli, LegCommandsReachTheNode) {
  EXPECT_EQ(run({"leg", "add", "vol1", "third:3"}).exit, 0);
  EXPECT_EQ(run({"leg", "fault", "vol1", "right"}).exit, 0);
  EXPECT_EQ(run({"leg", "online", "vol1", "1"}).exit, 0);
  EXPECT_EQ(run({"leg", "remove", "vol1", "right:1", "-o", "json"}).out, "{\n  \"ok\": true\n}\n");
  EXPECT_THAT(node_.calls(),
              ElementsAre("add vol1 third:3", "fault vol1 1", "online vol1 1", "remove vol1 1"));
  EXPECT_EQ(run({"leg", "add", "vol1", "third:x"}).exit, 2);
  node_.fail_next({"the last in-sync leg cannot go", "add another one first"});
  const Outcome r = run({"leg", "remove", "vol1", "0"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.err, "nvtee: the last in-sync leg cannot go\n  remedy: add another one first\n");
  EXPECT_THAT(run({"leg", "list"}).out, HasSubstr("vol1       1    right:1    in_sync"));
  EXPECT_THAT(run({"leg", "list", "vol1"}).out, HasSubstr("1    right:1    in_sync"));
}

TEST_F(Cli, LegAddAsksOnATerminalBecauseItOverwrites) {
  auto p = spawn({"leg", "add", "vol1", "right:9"}, true);
  ASSERT_TRUE(p.wait_for("What right:9 holds will be overwritten"));
  p.type("\n");
  EXPECT_EQ(p.finish().exit, 1);
  EXPECT_THAT(node_.calls(), ElementsAre());
}

TEST_F(Cli, PeersAndHosts) {
  EXPECT_THAT(run({"peer", "list"}).out,
              HasSubstr("left   1/1 up  192.0.2.1:4420  nqn.2026-01.com.example:left   Disk S123\n"));
  EXPECT_THAT(run({"peer", "show", "right"}).out, HasSubstr("     nqn: nqn.2026-01.com.example:right\n"));
  EXPECT_EQ(run({"peer", "show", "nope"}).exit, 1);
  EXPECT_THAT(run({"host", "list"}).out,
              HasSubstr("nqn.2026-01.com.example:host  192.0.2.9:5000  1       4"));
}

TEST_F(Cli, LimitsAreShownWithTheirUse) {
  node_.edit([](NodeStatus& s) { s.in_use = {{"host.queues", 21}, {"tee.pool", 3 << 20}}; });
  const Outcome r = run({"limits"});
  EXPECT_EQ(r.exit, 0);
  EXPECT_THAT(r.out, HasSubstr("BOUND "));
  EXPECT_THAT(r.out, testing::ContainsRegex("host\\.queues +63 +21 \\(33 %\\) +a subsystem\n"));
  EXPECT_THAT(r.out, testing::ContainsRegex("tee\\.pool +1GiB +3 MiB \\(0 %\\) "));
  EXPECT_THAT(r.out, testing::ContainsRegex("host\\.transfer +128KiB +- +a command\n"));
  EXPECT_THAT(run({"limits", "-v"}).out, HasSubstr("then: Connect is refused: 1/81h"));
  EXPECT_FALSE(Json::parse(run({"limits", "-o", "json"}).out)["limits"].empty());
}

// ---- configuration, waiting, support --------------------------------------------------------------------

constexpr const char* kRunning = R"([node]
host_nqn = "nqn.2026-01.com.example:node1"
[[peer]]
name = "left"
addresses = ["192.0.2.1:4420"]
nqn = "nqn.2026-01.com.example:left"
[[peer]]
name = "right"
addresses = ["192.0.2.1:4420"]
nqn = "nqn.2026-01.com.example:right"
[[subsystem]]
nqn = "nqn.2026-01.com.example:front"
any_host = true
)";
constexpr const char* kVol1 = R"([[namespace]]
name = "vol1"
subsystem = "nqn.2026-01.com.example:front"
legs = [{ peer = "left" }, { peer = "right" }]
)";

class CliConfig : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    server_->set_config("/etc/nvtee/nvteed.toml", kRunning);
  }
  std::string file(const std::string& text) {
    std::ofstream((dir_ + "/" + "new.toml")) << text;
    return (dir_ + "/" + "new.toml");
  }
};

TEST_F(CliConfig, NothingToDoIsSaidAndDone) {
  const std::string same = file(std::string(kRunning) + kVol1);
  EXPECT_EQ(run({"config", "diff", same}).exit, 0);
  const Outcome r = run({"config", "apply", same, "--yes"});
  EXPECT_EQ(r.exit, 0) << r.err;
  EXPECT_EQ(r.out, "nothing to do: the node is what the file says\n");
  EXPECT_THAT(node_.calls(), ElementsAre());
}

TEST_F(CliConfig, PlanIsPrintedFirstAndDoneOnce) {
  const std::string more = file(std::string(kRunning) + kVol1 + R"([[namespace]]
name = "vol2"
subsystem = "nqn.2026-01.com.example:front"
nsid = 2
size = "1GiB"
legs = [{ peer = "left", nsid = 2 }, { peer = "right", nsid = 3 }]
)");
  const std::string plan =
      "to do:\n  + create namespace vol2 on left:2, right:3 (the first is copied to the others)\n";
  const Outcome dry = run({"config", "apply", more, "--dry-run"});
  EXPECT_EQ(dry.exit, 0);
  EXPECT_EQ(dry.out, plan);
  EXPECT_EQ(run({"config", "diff", more}).exit, 3);
  EXPECT_EQ(run({"config", "apply", more}).exit, 2) << "nobody to ask";
  EXPECT_THAT(node_.calls(), ElementsAre());
  const Outcome r = run({"config", "apply", more, "--yes"});
  EXPECT_EQ(r.exit, 0) << r.err;
  EXPECT_THAT(r.out, testing::StartsWith(plan + "done: create namespace vol2"));
  ASSERT_EQ(node_.calls().size(), 1u);
  EXPECT_THAT(node_.calls()[0], HasSubstr("create vol2 nqn.2026-01.com.example:front nsid=2"));
  EXPECT_EQ(run({"config", "apply", more, "--yes"}).exit, 0);
  EXPECT_EQ(node_.calls().size(), 1u) << "given again, nothing is done again";
}

TEST_F(CliConfig, WhatIsNotInTheFileStaysUnlessPruned) {
  const std::string less = file(std::string(kRunning) + R"([[namespace]]
name = "vol1"
subsystem = "nqn.2026-01.com.example:front"
legs = [{ peer = "left" }]
)");
  EXPECT_THAT(run({"config", "diff", less}).out,
              HasSubstr("kept (--prune removes them):\n  leg right:1 of vol1\n"));
  EXPECT_EQ(run({"config", "apply", less, "--yes"}).exit, 0);
  EXPECT_THAT(node_.calls(), ElementsAre());
  EXPECT_EQ(run({"config", "apply", less, "--yes", "--prune"}).exit, 0);
  EXPECT_THAT(node_.calls(), ElementsAre("remove vol1 1"));
  EXPECT_THAT(run({"config", "diff", file(kRunning), "--prune"}).out, HasSubstr("- delete namespace vol1"));
}

TEST_F(CliConfig, WhatCannotBeDoneStopsEverything) {
  std::string bad = std::string(kRunning) + kVol1;
  bad +=
      "size = \"2GiB\"\n[[namespace]]\nname = \"v2\"\nsubsystem = \"nqn.2026-01.com.example:front\"\nnsid = "
      "2\nlegs = [{ "
      "peer = \"third\" }]\n[[peer]]\nname = \"third\"\naddresses = [\"192.0.2.3\"]\nnqn = "
      "\"nqn.2026-01.com.example:t\"\n";
  const Outcome r = run({"config", "apply", file(bad), "--yes"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_THAT(r.out, AllOf(HasSubstr("namespace vol1: size is 1GiB and cannot become 2GiB"),
                           HasSubstr("namespace v2: the daemon does not know peer third before a restart"),
                           HasSubstr("peer third: new")));
  EXPECT_THAT(node_.calls(), ElementsAre());
}

TEST_F(CliConfig, WhatIsReadAtTheStartIsNamedNotApplied) {
  std::string other = std::string(kRunning) + kVol1 + "[times]\nhold = \"10s\"\n";
  const Outcome r = run({"config", "diff", file(other)});
  EXPECT_EQ(r.exit, 3);
  EXPECT_THAT(r.out, HasSubstr("restart it to apply:\n  times.hold: \"20s\" -> \"10s\"\n"));
}

TEST_F(CliConfig, FailureInTheMiddleIsToldAndMayBeGoneOnWith) {
  std::string two = std::string(kRunning) + kVol1;
  for (const int i : {2, 3})
    two += "[[namespace]]\nname = \"v" + std::to_string(i) +
           "\"\nsubsystem = \"nqn.2026-01.com.example:front\"\nnsid = " + std::to_string(i) +
           "\nlegs = [{ peer = \"left\", nsid = " + std::to_string(i) + " }]\n";
  const std::string path = file(two);
  node_.fail_next({"no route", ""});
  const Outcome r = run({"config", "apply", path, "--yes"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_THAT(r.err, HasSubstr("0 of 2 step(s) are done"));
  EXPECT_EQ(run({"config", "apply", path, "--yes"}).exit, 0);
  EXPECT_EQ(run({"config", "diff", path}).exit, 0);
}

TEST_F(CliConfig, ShowAndValidate) {
  EXPECT_EQ(run({"config", "show"}).out, kRunning);
  EXPECT_EQ(run({"config", "validate", file(kRunning)}).exit, 0);
  const Outcome bad = run({"config", "validate", file("[node]\nhost_nqn = 3\n")});
  EXPECT_EQ(bad.exit, 1);
  EXPECT_THAT(bad.err, HasSubstr("new.toml:2:12: node.host_nqn: 3 is an integer"));
}

TEST_F(Cli, WaitEndsWhenItIsSo) {
  EXPECT_EQ(run({"wait", "synced"}).exit, 0);
  EXPECT_EQ(run({"wait", "happy"}).exit, 2);
  EXPECT_EQ(run({"wait", "synced", "nope"}).exit, 1);
  fault_a_leg();
  const Outcome late = run({"wait", "synced", "--timeout", "300ms"});
  EXPECT_EQ(late.exit, 1);
  EXPECT_THAT(late.err, HasSubstr("not synced within 300ms: vol1 leg right:1 is stale"));
  auto p = spawn({"wait", "synced", "vol1", "-t", "30s"});
  node_.edit([](NodeStatus& s) { s.namespaces[0].legs[1].state = core::LegState::kInSync; });
  EXPECT_EQ(p.finish().exit, 0);
  node_.edit([](NodeStatus& s) {
    s.namespaces[0].legs[1].state = core::LegState::kStale;
    s.namespaces[0].legs[1].needs_operator = true;
  });
  EXPECT_THAT(run({"wait", "synced", "-t", "1h"}).err, HasSubstr("waits for `nvtee leg online`"));
}

TEST_F(Cli, ThrottleReachesTheNode) {
  EXPECT_EQ(run({"resync", "throttle", "100MB"}).exit, 0);
  EXPECT_EQ(run({"resync", "throttle", "none"}).exit, 0);
  EXPECT_EQ(run({"resync", "throttle", "1KiB"}).exit, 1);
  EXPECT_THAT(node_.calls(), ElementsAre("resync rate 100000000", "resync rate 0"));
}

TEST_F(Cli, EventsAreExplained) {
  const Outcome r = run({"explain", "leg.flapping"});
  EXPECT_EQ(r.exit, 0);
  EXPECT_THAT(r.out, AllOf(HasSubstr("leg.flapping (warning)"), HasSubstr("nvtee leg online")));
  EXPECT_THAT(run({"explain", "leg.flaping"}).err, HasSubstr("did you mean 'leg.flapping'?"));
  EXPECT_THAT(run({"explain"}).out, HasSubstr("verify.ended"));
}

TEST_F(Cli, BundleHasWhatCanBeHad) {
  server_->set_config("f.toml", kRunning);
  const std::string bundle = (dir_ + "/" + "bundle");
  EXPECT_EQ(run({"dump", bundle}).exit, 0);
  for (const char* name :
       {"status.json", "events.json", "limits.json", "config.json", "metrics.txt", "system.txt"})
    EXPECT_GT(std::filesystem::file_size(bundle + "/" + name), 0u) << name;
  EXPECT_EQ(std::filesystem::status(bundle).permissions(), std::filesystem::perms::owner_all);
  EXPECT_EQ(run({"dump", bundle}).exit, 1) << "never over an older one";
  server_.reset();
  const Outcome dead = run({"dump", (dir_ + "/" + "dead")});
  EXPECT_EQ(dead.exit, 1);
  EXPECT_TRUE(std::filesystem::exists((dir_ + "/" + "dead") + "/system.txt")) << "also without a daemon";
  EXPECT_THAT(dead.err, HasSubstr("status.json: no daemon"));
}

// ---- over time ------------------------------------------------------------------------------------------

TEST_F(Cli, ResyncIsFollowedToItsEnd) {
  node_.edit([](NodeStatus& s) {
    auto& leg = s.namespaces[0].legs[1];
    leg.state = core::LegState::kSyncing;
    leg.copied_bytes = leg.to_copy_bytes = 1 << 20;
  });
  EXPECT_THAT(run({"resync", "show"}).out,
              HasSubstr("vol1 leg 1 (right:1): [###############>              ]  50 % 1 MiB left"));
  EXPECT_EQ(Json::parse(run({"resync", "show", "vol1", "-o", "json"}).out)["namespaces"][0]["legs"].size(),
            1u);
  auto p = spawn({"resync", "show", "vol1", "--follow"});
  ASSERT_TRUE(p.wait_for(" 50 %"));
  node_.edit([](NodeStatus& s) { s.namespaces[0].legs[1].state = core::LegState::kInSync; });
  const Outcome r = p.finish();
  EXPECT_EQ(r.exit, 0);
  EXPECT_THAT(r.out, EndsWith("all legs are in sync\n"));
  EXPECT_THAT(r.out, Not(HasSubstr("\x1b"))) << "plain lines where there is no terminal";
}

TEST_F(Cli, ResyncIsDrawnOverItselfOnATerminal) {
  fault_a_leg();
  auto p = spawn({"resync", "show", "--follow"}, true);
  ASSERT_TRUE(p.wait_for("stale, 3 MiB to copy"));
  node_.edit([](NodeStatus& s) { s.namespaces[0].legs[1].state = core::LegState::kInSync; });
  const Outcome r = p.finish();
  EXPECT_EQ(r.exit, 0);
  EXPECT_THAT(r.out, HasSubstr("\x1b[1A"));
}

TEST_F(Cli, ResyncThatWaitsForAnOperatorIsNotFollowedForEver) {
  fault_a_leg();
  node_.edit([](NodeStatus& s) { s.namespaces[0].legs[1].needs_operator = true; });
  const Outcome r = run({"resync", "show", "--follow"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_THAT(r.out, HasSubstr("waits for `nvtee leg online`"));
}

core::NamespaceStatus::Verify verify(bool running, std::uint64_t done,
                                     std::vector<std::uint64_t> mismatches) {
  core::NamespaceStatus::Verify v;
  v.running = running;
  v.finished = !running;
  v.done_bytes = done;
  v.total_bytes = 2 << 20;
  v.mismatched_blocks = mismatches.size();
  v.first_mismatches = std::move(mismatches);
  return v;
}

TEST_F(Cli, VerifyEndsWithWhatItFound) {
  EXPECT_THAT(run({"verify", "show", "vol1"}).out, HasSubstr("no verify has run"));
  EXPECT_THAT(run({"verify", "start", "vol1"}).out, HasSubstr("verify of vol1 is started"));
  node_.edit([](NodeStatus& s) { s.namespaces[0].verify = verify(true, 1 << 20, {}); });
  auto p = spawn({"verify", "show", "vol1", "--follow"});
  ASSERT_TRUE(p.wait_for("50 %"));
  node_.edit([](NodeStatus& s) { s.namespaces[0].verify = verify(false, 2 << 20, {7, 99}); });
  const Outcome r = p.finish();
  EXPECT_EQ(r.exit, 1);
  EXPECT_THAT(r.out, EndsWith("finished: 2 MiB compared, 2 block(s) DIFFER; first LBAs: 7 99\n"));
  node_.edit([](NodeStatus& s) { s.namespaces[0].verify = verify(false, 2 << 20, {}); });
  EXPECT_THAT(run({"verify", "show", "vol1"}).out, "finished: 2 MiB compared, all legs are equal\n");
  EXPECT_EQ(run({"verify", "stop", "vol1"}).exit, 0);
  EXPECT_THAT(node_.calls(), ElementsAre("verify vol1 start", "verify vol1 stop"));
}

TEST_F(Cli, EventsAreShownAndFollowed) {
  node_.events().add(core::Severity::kInfo, "node.started", "", "hello");
  node_.events().add(core::Severity::kWarning, "leg.faulted", "vol1", "late");
  const Outcome all = run({"events"});
  EXPECT_EQ(all.exit, 0);
  EXPECT_THAT(all.out,
              testing::MatchesRegex("....-..-..T..:..:..\\....Z 1 info node.started "
                                    "hello\n....-..-..T..:..:..\\....Z 2 warning leg.faulted vol1: late\n"));
  EXPECT_THAT(run({"events", "--since", "1"}).out, AllOf(HasSubstr(" 2 warning"), Not(HasSubstr("hello"))));
  EXPECT_THAT(run({"events", "--namespace", "vol1", "-o", "json"}).out, StartsWith("{\"id\":2,"));
  auto p = spawn({"events", "--follow", "--since", "2"});
  node_.events().add(core::Severity::kInfo, "leg.online", "vol1", "back");
  EXPECT_TRUE(p.wait_for("leg.online"));
  server_.reset();
  EXPECT_EQ(p.finish().exit, 4) << "the end of the daemon ends it";
}

// ---- usage ----------------------------------------------------------------------------------------------

TEST_F(Cli, UsageErrorsAreTwoAndSuggest) {
  const struct {
    std::vector<std::string> arguments;
    const char* error;
  } bad[] = {
      {{}, "Usage: nvtee COMMAND"},
      {{"statsu"}, "unknown command 'statsu'; did you mean 'status'?"},
      {{"ns", "lst"}, "unknown command 'ns lst'; did you mean 'ns list'?"},
      {{"ns"}, "Usage: nvtee ns COMMAND"},
      {{"qqqqqq"}, "unknown command 'qqqqqq'\n"},
      {{"status", "--jsn"}, "unknown option '--jsn'"},
      {{"status", "--sock", "/tmp/x"}, "unknown option '--sock'; did you mean '--socket'?"},
      {{"status", "-o", "yaml"}, "--output: 'yaml' is not possible\n  remedy: choose one of text, json"},
      {{"status", "a", "b"}, "'b' is one argument too many"},
      {{"ns", "show"}, "NAMESPACE is missing"},
      {{"ns", "show", "a", "--socket"}, "--socket"},
      {{"status", "--socket", "a", "--socket", "b"}, "--socket is given 2 times"},
      {{"events", "--since", "x"}, "--since: 'x' is not a number"},
  };
  for (const auto& b : bad) {
    const Outcome r = run(b.arguments);
    EXPECT_EQ(r.exit, 2) << b.error;
    EXPECT_THAT(r.err, HasSubstr(b.error));
    EXPECT_EQ(r.out, "");
  }
}

TEST_F(Cli, EveryCommandHasHelpWithExamples) {
  for (const Subcommand& s : subcommands()) {
    std::vector<std::string> arguments;
    std::istringstream words(s.command.words);
    for (std::string w; words >> w;) arguments.push_back(w);
    arguments.push_back("--help");
    const Outcome r = run(arguments);
    EXPECT_EQ(r.exit, 0) << s.command.words;
    EXPECT_THAT(r.out, AllOf(StartsWith("Usage: nvtee " + s.command.words),
                             HasSubstr("Examples:\n  nvtee " + s.command.words), HasSubstr("--socket PATH")))
        << s.command.words;
    // An example that the command itself would not take teaches nothing.
    for (const auto& e : s.command.examples) {
      std::istringstream text(e.command.substr(0, e.command.find(" | ")));
      std::vector<std::string> example;
      for (std::string w; text >> w;) example.push_back(w);
      example.erase(example.begin(), example.begin() + 1 + static_cast<std::ptrdiff_t>(arguments.size()) - 1);
      EXPECT_TRUE(cmdline::parse(s.command, example)) << e.command;
    }
  }
  EXPECT_EQ(run({"help", "ns", "create"}).out, run({"ns", "create", "--help"}).out);
  EXPECT_EQ(run({"--help"}).exit, 0);
  EXPECT_EQ(run({"ns", "--help"}).exit, 0);
  EXPECT_THAT(run({"--version"}).out, StartsWith("nvtee 0."));
}

TEST_F(Cli, TablesAreData) {
  const Json tables = Json::parse(run({"print-tables"}).out);
  EXPECT_EQ(tables.size(), subcommands().size());
  EXPECT_EQ(tables[0]["words"], "status");
  EXPECT_EQ(tables[0]["positionals"][0]["completes"], "namespace");
}

TEST_F(Cli, SocketComesFromOptionThenEnvironment) {
  EXPECT_EQ(Process({NVTEE_BINARY, "status", "--socket", options_.path}, {"NVTEE_SOCKET=/nonexistent"})
                .finish()
                .exit,
            0);
  EXPECT_EQ(Process({NVTEE_BINARY, "--socket", options_.path, "status"}, {}).finish().exit, 0);
  EXPECT_EQ(Process({NVTEE_BINARY, "status"}, {"NVTEE_SOCKET=/nonexistent"}).finish().exit, 4);
}

TEST_F(Cli, DaemonThatAnswersNonsenseIsAnError) {
  server_.reset();
  auto socket = api::ListenSocket::open(options_.path);
  ASSERT_TRUE(socket);
  for (const std::string body : {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
                                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "SSH-2.0\r\n", ""}) {
    auto p = spawn({"status"});
    pollfd waiting{socket->fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
    {
      const net::Fd client(::accept(socket->fd(), nullptr, nullptr));
      char buffer[1024];
      (void)!::read(client.get(), buffer, sizeof buffer);
      (void)!::write(client.get(), body.data(), body.size());
    }
    const Outcome r = p.finish();
    EXPECT_NE(r.exit, 0) << body;
    EXPECT_THAT(r.out, Not(HasSubstr("health: ok"))) << body;
  }
}

TEST(Output, BarsAndTables) {
  EXPECT_EQ(progress_bar(0, 100, 10), "[>         ]   0 %");
  EXPECT_EQ(progress_bar(999, 1000, 10), "[#########>]  99 %");
  EXPECT_EQ(progress_bar(5, 0, 4), "[####] 100 %");
  Table t({"A", "BB"});
  t.add({"ä", "x"});
  t.add({"long", ""});
  EXPECT_EQ(t.text(1), " A     BB\n ä     x\n long\n");
  EXPECT_EQ(clean("a\x1b\nb\xc2\x9b"), "a??b?");
}

}  // namespace
}  // namespace nvtee::cli
