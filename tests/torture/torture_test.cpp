// Rounds of faults on real processes under one verified load: legs and the daemon are killed, stopped,
// partitioned, cut one way; a killed leg loses what it had not flushed. After each round the copies must come
// together again; at the end every block is read back and the legs are compared byte by byte.
//
// NVTEE_TORTURE_ROUNDS (default 50) and NVTEE_TORTURE_SEED (default: the time; printed). Everything lives in
// network and mount namespaces of this process, so nothing is left behind however it ends.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/e2e/cluster.hpp"
#include "tests/e2e/network.hpp"

namespace nvtee::e2e {
namespace {

constexpr unsigned kTargets = 3;
constexpr Seconds kPatience(90);  // of every wait: a busy machine is slow, a hang is endless

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != 0 ? std::strtoull(text, nullptr, 0) : otherwise;
}

class Torture : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why_not = enter_namespaces();
    if (!why_not.empty()) GTEST_SKIP() << why_not;
    ClusterOptions o;
    o.targets = kTargets;
    o.target.size = "32M";
    o.target.volatile_cache = true;
    // A leg that hangs or is cut off is noticed early and not doubted for long, so that rounds are short.
    o.peer_config = "keep_alive = \"500ms\"\n";
    o.extra_config =
        "[times]\nleg_deadline = \"400ms\"\nguard_time = \"1s\"\nreconnect_max = \"500ms\"\nflap_limit = "
        "1000\n";
    for (unsigned t = 0; t < kTargets; ++t) {
      ASSERT_TRUE(add_space(t));
      o.places.push_back(place_of(t));
    }
    cluster_.emplace(o);
    cluster_->start_daemon();
    ASSERT_TRUE(cluster_->wait_health("ok", kPatience)) << cluster_->log("nvteed");
  }

  Cluster& c() { return *cluster_; }
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

  std::uint64_t writes() { return count("writes"); }
  std::uint64_t count(const char* what) {
    const auto s = c().status();
    if (!s.is_object() || !s.contains("namespaces") || s["namespaces"].empty()) return 0;
    return s["namespaces"][0]["counters"].value(what, std::uint64_t{0});
  }

  // What the daemon says of the namespace; asked again while it is busy or starting.
  nlohmann::json volume() {
    nlohmann::json ns;
    (void)eventually(
        [&] {
          const auto s = c().status();
          if (!s.is_object() || !s.contains("namespaces") || s["namespaces"].empty()) return false;
          ns = s["namespaces"][0];
          return true;
        },
        kPatience);
    return ns;
  }
  // A leg as the daemon sees it, before and after a fault.
  struct Seen {
    std::uint64_t epoch = 0, faults = 0;
    bool in_sync = false, alone = true;  // alone: no other leg is in sync
  };
  Seen look(unsigned t) {
    Seen seen;
    const auto ns = volume();
    if (!ns.is_object()) return seen;
    seen.epoch = ns["epoch"].get<std::uint64_t>();
    for (const auto& leg : ns["legs"]) {
      const bool in_sync = leg["state"] == "in_sync";
      if (leg["peer"] == c().target(t).name()) {
        seen.in_sync = in_sync;
        seen.faults = leg["faults"].get<std::uint64_t>();
      } else if (in_sync) {
        seen.alone = false;
      }
    }
    return seen;
  }
  // A fault is known when the leg is durably out: by a new epoch, or it was out already, since an earlier
  // fault (a pause of the daemon) was noticed only now. The last leg in sync is never dropped: there it is
  // the fault's count.
  bool wait_noticed(unsigned t, const Seen& before) {
    return eventually(
        [&] {
          const Seen s = look(t);
          return s.epoch > before.epoch || (s.epoch != 0 && !s.in_sync) ||
                 (s.alone && s.faults > before.faults);
        },
        kPatience);
  }
  // The load goes on: `n` more writes since `before`, or since the daemon's start when it is a new one.
  bool wait_writes(std::uint64_t before, std::uint64_t n) {
    return eventually([&] { return writes() >= before + n || !load_.running(); }, kPatience);
  }

  // ---- faults: each returns when it is over, what it did is in the words ---------------------------------
  std::string kill_leg(unsigned t) {
    const Seen before = look(t);
    c().target(t).kill();
    EXPECT_TRUE(wait_noticed(t, before));
    const bool daemon_too = below(4) == 0;  // the leg is known to be stale: a crash meanwhile must not matter
    if (daemon_too) restart_daemon();
    c().target(t).start();
    return "kill -9 of leg " + c().target(t).name() + (daemon_too ? ", then of nvteed" : "");
  }

  std::string stop_leg(unsigned t) {
    const Seen before = look(t);
    c().target(t).process().signal(SIGSTOP);
    EXPECT_TRUE(wait_noticed(t, before));
    c().target(t).process().signal(SIGCONT);
    return "SIGSTOP of leg " + c().target(t).name();
  }

  std::string partition(unsigned t) {
    const Seen before = look(t);
    EXPECT_TRUE(ip({"link", "set", outer(t), "down"}));
    EXPECT_TRUE(wait_noticed(t, before));
    EXPECT_TRUE(ip({"link", "set", outer(t), "up"}));
    return "partition of leg " + c().target(t).name();
  }

  // What the leg says does not arrive; what it is told does.
  std::string one_way(unsigned t) {
    const Seen before = look(t);
    const std::string back = "10.78." + std::to_string(t) + ".1/32";
    EXPECT_TRUE(ip({"-n", space_of(t), "route", "add", "blackhole", back}));
    EXPECT_TRUE(wait_noticed(t, before));
    EXPECT_TRUE(ip({"-n", space_of(t), "route", "del", "blackhole", back}));
    return "one-way cut of leg " + c().target(t).name();
  }

  std::string drop_connections(unsigned t) {
    const Seen before = look(t);
    EXPECT_EQ(c().target(t).ctl({"drop-connections", "all"}).code, 0);
    EXPECT_TRUE(wait_noticed(t, before));
    return "connections of leg " + c().target(t).name() + " dropped";
  }

  void restart_daemon() {
    c().daemon().signal(SIGKILL);
    EXPECT_TRUE(c().daemon().wait(kPatience));
    c().start_daemon();
  }
  std::string kill_daemon() {
    restart_daemon();
    return "kill -9 of nvteed";
  }

  std::string stop_daemon() {
    const unsigned ms = 100 + below(2500);
    c().daemon().signal(SIGSTOP);
    // The pause is the fault itself; nothing is awaited by it.
    run({"/bin/sleep", std::to_string(ms / 1000.0)}, Seconds(10));
    c().daemon().signal(SIGCONT);
    return "SIGSTOP of nvteed for " + std::to_string(ms) + " ms";
  }

  std::string fault() {
    const unsigned t = below(kTargets);
    switch (below(10)) {
      case 0:
      case 1:
        return kill_leg(t);
      case 2:
        return stop_leg(t);
      case 3:
        return partition(t);
      case 4:
        return one_way(t);
      case 5:
        return drop_connections(t);
      case 6:
        return stop_daemon();
      default:
        return kill_daemon();
    }
  }

  void round(unsigned number) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(wait_writes(writes(), 50 + below(300))) << c().log("nvteed");
    ASSERT_TRUE(load_.running()) << "the load ended: " << read_file(c().dir() / "load.json")
                                 << c().log("load");
    // What the round before did may be noticed only now.
    ASSERT_TRUE(c().wait_health("ok", kPatience)) << c().cli({"status"}).text << c().log("nvteed");
    const std::string what = fault();
    const bool whole = c().wait_health("ok", kPatience);
    const Seconds took = std::chrono::steady_clock::now() - start;
    std::printf("round %u: %s; epoch %llu, %.1f s%s\n", number, what.c_str(),
                static_cast<unsigned long long>(c().epoch()), took.count(), whole ? "" : "; NOT WHOLE AGAIN");
    std::fflush(stdout);
    ASSERT_TRUE(whole) << c().cli({"status"}).text << c().log("nvteed");
  }

  std::mt19937_64 random_;
  std::optional<Cluster> cluster_;
  Process load_;
};

TEST_F(Torture, NothingIsLostAndNothingStaysDifferent) {
  const auto rounds = from_environment("NVTEE_TORTURE_ROUNDS", 50);
  const auto seed = from_environment("NVTEE_TORTURE_SEED", static_cast<std::uint64_t>(time(nullptr)));
  std::printf("%llu rounds, NVTEE_TORTURE_SEED=%llu\n", static_cast<unsigned long long>(rounds),
              static_cast<unsigned long long>(seed));
  random_.seed(seed);
  const std::string state = c().dir() / "load.state";
  load_ = c().load("load", {"--mix",       "read=40,write=50,flush=3,zeroes=4,dsm=3",
                            "--bs",        "4k-64k",
                            "--fua",       "10",
                            "--depth",     "16",
                            "--queues",    "2",
                            "--rate",      "1500",
                            "--time",      "100h",
                            "--seed",      std::to_string(seed),
                            "--reconnect", "120s",
                            "--state",     state});
  for (unsigned i = 1; i <= rounds && !HasFailure(); ++i) round(i);
  ASSERT_FALSE(HasFailure());
  load_.signal(SIGINT);  // ends the load at once; what every block must hold is in the state file
  ASSERT_TRUE(load_.wait(Seconds(300)));
  EXPECT_EQ(load_.code(), 0) << read_file(c().dir() / "load.json") << c().log("load");
  const auto report = c().report("load");
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["verify"]["mismatches"], 0) << report["verify"].dump(2);
  const Output back = run(
      {bin("nvtee-host"), "verify", "-a", c().address(), "-n", kSubsystem, "--state", state, "-o", "json"},
      Seconds(300));
  EXPECT_EQ(back.code, 0) << back.text;
  const auto read_back = nlohmann::json::parse(back.text, nullptr, false);
  ASSERT_TRUE(read_back.is_object()) << back.text;
  EXPECT_EQ(read_back["verify"]["mismatches"], 0) << back.text;
  EXPECT_GT(read_back["verify"]["read_back_blocks"], 0) << back.text;
  std::printf("%d commands\n", report["all"].value("ops", 0));
  EXPECT_TRUE(c().stop_daemon()) << c().log("nvteed");
  for (unsigned t = 0; t < kTargets; ++t) {  // their caches go to the files
    c().target(t).process().signal(SIGTERM);
    ASSERT_TRUE(c().target(t).process().wait(kPatience));
  }
  EXPECT_TRUE(c().files_equal());
}

}  // namespace
}  // namespace nvtee::e2e
