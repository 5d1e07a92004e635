// Real processes under verified load: legs and the daemon are killed, stopped and started again. What must
// hold is exactness (no error that a host sees, no mismatch, equal legs); how long a gap was is printed, not
// asserted.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <fstream>

#include "tests/e2e/cluster.hpp"

namespace nvtee::e2e {
namespace {

void expect_clean_load(Cluster& c, Process& load, const std::string& name) {
  ASSERT_TRUE(load.wait(Seconds(180))) << c.log(name);
  EXPECT_EQ(load.code(), 0) << read_file(c.dir() / (name + ".json")) << c.log(name);
  const auto r = c.report(name);
  ASSERT_TRUE(r.is_object()) << c.log(name);
  EXPECT_EQ(r.value("failed", -1), 0) << r.dump(1);
  std::printf("%s: %d commands, longest gap %.1f ms\n", name.c_str(), r["all"].value("ops", 0),
              r.value("longest_gap_ms", 0.0));
}

std::vector<std::string> mixed(const std::string& time) {
  return {"--mix",    "read=40,write=52,flush=2,zeroes=4,dsm=2",
          "--bs",     "4k-64k",
          "--depth",  "16",
          "--queues", "2",
          "--range",  "0:32M",
          "--rate",   "3000",
          "--fua",    "10",
          "--time",   time};
}

TEST(Failures, ALegIsKilledUnderLoadAndComesBack) {
  Cluster c;
  c.start_daemon();
  ASSERT_TRUE(c.wait_health("ok", Seconds(20))) << c.log("nvteed");
  Process load = c.load("load", mixed("8s"));
  ASSERT_TRUE(eventually([&] { return c.status()["namespaces"][0]["counters"].value("writes", 0) > 500; },
                         Seconds(30)));
  c.target(1).kill();
  ASSERT_TRUE(eventually([&] { return c.epoch() == 2; }, Seconds(20)));
  EXPECT_EQ(c.health(), "degraded");
  c.target(1).start();
  EXPECT_TRUE(c.wait_health("ok", Seconds(60))) << c.cli({"status"}).text;
  expect_clean_load(c, load, "load");
  EXPECT_TRUE(c.stop_daemon()) << c.log("nvteed");
  EXPECT_TRUE(c.files_equal());
}

TEST(Failures, AHungLegIsFaultedWithoutAnError) {
  Cluster c;
  c.start_daemon();
  ASSERT_TRUE(c.wait_health("ok", Seconds(20)));
  Process load = c.load("load", mixed("8s"));
  ASSERT_TRUE(eventually([&] { return c.status()["namespaces"][0]["counters"].value("writes", 0) > 500; },
                         Seconds(30)));
  c.target(0).process().signal(SIGSTOP);
  EXPECT_TRUE(eventually([&] { return c.epoch() == 2; }, Seconds(20)));
  c.target(0).process().signal(SIGCONT);
  EXPECT_TRUE(c.wait_health("ok", Seconds(60))) << c.cli({"status"}).text;
  expect_clean_load(c, load, "load");
  EXPECT_TRUE(c.stop_daemon());
  EXPECT_TRUE(c.files_equal());
}

TEST(Failures, ALegWithAVolatileCacheLosesItsCacheAndIsRepaired) {
  ClusterOptions o;
  o.target.volatile_cache = true;
  Cluster c(o);
  c.start_daemon();
  ASSERT_TRUE(c.wait_health("ok", Seconds(20)));
  for (unsigned round = 0; round < 3; ++round) {
    const std::string name = "load" + std::to_string(round);
    Process load = c.load(name, mixed("5s"));
    ASSERT_TRUE(eventually(
        [&] { return c.status()["namespaces"][0]["counters"].value("writes", 0U) > 300 * (round + 1); },
        Seconds(30)));
    const unsigned victim = round % 2;
    c.target(victim).kill();
    ASSERT_TRUE(eventually([&] { return c.health() != "ok"; }, Seconds(20)));
    c.target(victim).start();
    EXPECT_TRUE(c.wait_health("ok", Seconds(60))) << c.cli({"status"}).text;
    expect_clean_load(c, load, name);
  }
  EXPECT_TRUE(c.stop_daemon());
  for (unsigned i = 0; i < 2; ++i) {  // their caches go to the files
    c.target(i).process().signal(SIGTERM);
    ASSERT_TRUE(c.target(i).process().wait(Seconds(20)));
  }
  EXPECT_TRUE(c.files_equal());
}

// kill -9 of the daemon at any moment: no acknowledged write lost, legs equal after the restart.
TEST(Failures, TheDaemonIsKilledFiftyTimes) {
  constexpr unsigned kRounds = 50;
  ClusterOptions o;
  o.target.size = "32M";
  Cluster c(o);
  c.start_daemon();
  ASSERT_TRUE(c.wait_health("ok", Seconds(20)));
  std::vector<std::string> words = mixed("400s");
  words.insert(words.end(), {"--reconnect", "60s", "--ops", "400000"});
  Process load = c.load("load", words);
  for (unsigned round = 0; round < kRounds && load.running(); ++round) {
    // Killed after a number of writes that differs each round, also while it reconciles.
    const auto wanted = 20 + (round * 37) % 400;
    ASSERT_TRUE(eventually(
        [&] {
          return c.status()["namespaces"][0]["counters"].value("writes", 0u) > wanted || !load.running();
        },
        Seconds(60)))
        << "round " << round << c.log("nvteed");
    c.daemon().signal(SIGKILL);
    ASSERT_TRUE(c.daemon().wait(Seconds(10)));
    c.start_daemon();
  }
  ASSERT_TRUE(load.running()) << "the load ended early: " << read_file(c.dir() / "load.json")
                              << c.log("load");
  load.signal(SIGINT);  // ends the load, reads everything back
  ASSERT_TRUE(load.wait(Seconds(120)));
  EXPECT_EQ(load.code(), 0) << read_file(c.dir() / "load.json") << c.log("load");
  EXPECT_TRUE(c.wait_health("ok", Seconds(60)));
  EXPECT_TRUE(c.stop_daemon());
  EXPECT_TRUE(c.files_equal());
}

TEST(Failures, GarbageFromAHostCostsOnlyThatConnection) {
  Cluster c;
  c.start_daemon();
  ASSERT_TRUE(c.wait_health("ok", Seconds(20)));
  Process load = c.load("load", mixed("5s"));
  for (unsigned i = 0; i < 40; ++i) {
    const std::string line = "exec 9<>/dev/tcp/127.0.0.1/" + std::to_string(c.port()) + "; head -c " +
                             std::to_string(1 + i * 97) + " /dev/urandom >&9; timeout 2 cat <&9 >/dev/null";
    run({"/bin/bash", "-c", line}, Seconds(10));
  }
  expect_clean_load(c, load, "load");
  EXPECT_EQ(c.health(), "ok");
  EXPECT_EQ(c.epoch(), 1u);
}

TEST(Failures, AForeignStateFileIsRefusedAndLeftAlone) {
  Cluster c;
  const std::string state = c.dir() / "state.db";
  const std::string text = "this is somebody's letter, not a database\n";
  std::ofstream(state) << text;
  c.write_config();
  Process d =
      Process::start({bin("nvteed"), "--config", c.dir() / "nvteed.toml"}, c.dir() / "nvteed.log", true);
  EXPECT_FALSE(d.was_ready());
  ASSERT_TRUE(d.wait(Seconds(20)));
  EXPECT_EQ(d.code(), 1);
  EXPECT_NE(c.log("nvteed").find("state.db"), std::string::npos) << c.log("nvteed");
  EXPECT_EQ(read_file(state), text);
}

}  // namespace
}  // namespace nvtee::e2e
