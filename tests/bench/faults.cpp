#include "tests/bench/faults.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/bench/copy.hpp"
#include "tests/bench/report.hpp"
#include "tests/bench/rig.hpp"
#include "tests/e2e/network.hpp"

namespace nvtee::bench {

using e2e::Seconds;
using nlohmann::json;

namespace {

constexpr double kDeadlineMs = 2000;  // times.leg_deadline as it comes
constexpr double kGraceMs = 200;
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr Seconds kPatience(60);

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "nvtee_bench: %s\n", what.c_str());
  std::exit(1);
}

json spread_json(const Spread& s, double goal) {
  return {{"low", s.low}, {"median", s.median}, {"high", s.high}, {"goal", goal}};
}

const char* verdict(bool met) {
  return met ? "met" : "MISSED";
}

// Packets to and from one leg vanish: nobody is told, only the deadline notices.
json silent_loss(unsigned rounds) {
  const std::string why_not = e2e::enter_namespaces();
  if (!why_not.empty()) {
    std::printf("silent loss of a leg: not measured (%s)\n", why_not.c_str());
    return {{"skipped", why_not}};
  }
  if (!e2e::add_space(0)) die("cannot make a network namespace");
  e2e::ClusterOptions o;
  o.places = {{}, e2e::place_of(0)};
  o.extra_config =
      "[times]\nflap_limit = 1000\n";  // it is faulted once a round, and has to come back each time
  e2e::Cluster c(o);
  c.start_daemon();
  if (!c.wait_health("ok", kPatience)) die("the namespace did not come up: " + c.log("nvteed"));
  std::vector<double> gaps;
  int errors = 0;
  for (unsigned i = 0; i < rounds; ++i) {
    const std::string name = fmt::format("load{}", i);
    e2e::Process load = c.load(name, {"--rw", "randwrite", "--bs", "4k", "--depth", "16", "--rate", "2000",
                                      "--time", "6s", "--no-final-read"});
    const auto writes = [&] {
      return c.status()["namespaces"][0]["counters"].value("writes", std::uint64_t{0});
    };
    const auto before = writes();
    const auto epoch = c.epoch();
    if (!e2e::eventually([&] { return writes() > before + 1000; }, kPatience)) die(c.log(name));
    if (!e2e::ip({"link", "set", e2e::outer(0), "down"})) die("cannot take the link down");
    if (!e2e::eventually([&] { return c.epoch() > epoch; }, kPatience)) die("the loss went unnoticed");
    e2e::ip({"link", "set", e2e::outer(0), "up"});
    if (!load.wait(kPatience)) die("the load hangs");
    const json r = c.report(name);
    gaps.push_back(r.value("longest_gap_ms", 1e9));
    errors += r.value("failed", 1) + (load.code() != 0 ? 1 : 0);
    if (!c.wait_health("ok", kPatience)) die("the leg did not come back: " + c.log("nvteed"));
  }
  const Spread s = spread(gaps);
  std::printf(
      "silent loss of a leg, verified load at depth 16: longest gap %.0f ms (%.0f..%.0f) (goal <= deadline "
      "%.0f + "
      "%.0f: %s), %d host-visible errors\n",
      s.median, s.low, s.high, kDeadlineMs, kGraceMs, verdict(s.high <= kDeadlineMs + kGraceMs), errors);
  json out = spread_json(s, kDeadlineMs + kGraceMs);
  out["host_errors"] = errors;
  return out;
}

// A peer that carries a leg of each of many namespaces dies at once: how many metadata transactions, and how
// long does a host of one of them wait.
struct Death {
  double commits = 0, gap = 0;
  bool clean = false;
};

Death peer_death(unsigned namespaces) {
  Rig rig({{.legs = 2, .digests = false, .namespaces = namespaces, .size = "8M"}});
  const auto commits = [&] { return rig.status(0).at("store").at("commits").get<std::uint64_t>(); };
  const auto lowest_epoch = [&] {
    std::uint64_t lowest = ~std::uint64_t{0};
    for (const json& ns : rig.status(0).at("namespaces"))
      lowest = std::min(lowest, ns.at("epoch").get<std::uint64_t>());
    return lowest;
  };
  const std::uint64_t epoch = lowest_epoch();
  json report;
  std::thread load([&] { report = rig.run_load(0, 1, {.depth = 16}, 5, {"--rate", "2000"}); });
  // All regions of the load are open by then: what commits from here on is the loss.
  if (!e2e::eventually(
          [&] { return rig.status(0)["namespaces"][0]["counters"].value("writes", std::uint64_t{0}) > 2000; },
          kPatience))
    die("the load does not move");
  const std::uint64_t before = commits();
  rig.target(1).process.signal(SIGKILL);
  if (!e2e::eventually([&] { return lowest_epoch() > epoch; }, kPatience)) die("the loss went unnoticed");
  const std::uint64_t after = commits();
  load.join();
  return {static_cast<double>(after - before), report.value("longest_gap_ms", 1e9),
          report.value("result", "") == "ok"};
}

json many_namespaces(unsigned rounds) {
  constexpr unsigned kNamespaces = 63;  // and one for direct loads: a target has 64
  std::vector<double> commits, gaps;
  unsigned unclean = 0;
  for (unsigned i = 0; i < rounds; ++i) {
    const Death d = peer_death(kNamespaces);
    commits.push_back(d.commits);
    gaps.push_back(d.gap);
    unclean += d.clean ? 0 : 1;
  }
  const Spread c = spread(commits), g = spread(gaps);
  std::printf(
      "a peer with a leg of each of %u namespaces is killed: %.0f durable commit(s) (%.0f..%.0f) (goal 1: "
      "%s), "
      "longest gap %.0f ms (%.0f..%.0f) (goal <= %.0f: %s), %u runs with host-visible errors\n",
      kNamespaces, c.median, c.low, c.high, verdict(c.high <= 1), g.median, g.low, g.high,
      kDeadlineMs + kGraceMs, verdict(g.high <= kDeadlineMs + kGraceMs), unclean);
  return {{"namespaces", kNamespaces},
          {"commits", spread_json(c, 1)},
          {"gap_ms", spread_json(g, kDeadlineMs + kGraceMs)},
          {"runs_with_errors", unclean}};
}

struct Resync {
  double bytes_per_second = 0;
  std::uint64_t copied = 0;
};

// Leg 1 is faulted, `bytes` are written, it comes back: how fast is the copy, and how much is copied. What
// went before the copy (writes in doubt, the connection) does not count.
Resync resync(Rig& rig, std::uint64_t bytes) {
  const auto leg = [&]() -> json { return rig.status(0)["namespaces"][0]["legs"][1]; };
  const auto number = [](const json& l, const char* key) { return l.value(key, std::uint64_t{0}); };
  if (rig.cli(0, {"leg", "fault", "vol1", "1"}).code != 0) die("cannot fault a leg");
  if (!e2e::eventually([&] { return leg().value("state", "") == "stale"; }, kPatience)) die("the leg stays");
  rig.run_load(0, 1, {.rw = "write", .block = "128k", .depth = 8}, 0,
               {"--bytes", std::to_string(bytes), "--range", fmt::format("0:{}", bytes)});
  if (!e2e::eventually([&] { return number(leg(), "in_doubt_ms") == 0; }, kPatience))
    die("writes stay in doubt");
  if (rig.cli(0, {"leg", "online", "vol1", "1"}).code != 0) die("cannot take a leg back");
  json first;
  if (!e2e::eventually(
          [&] {
            first = leg();
            return first.value("state", "") != "stale";
          },
          kPatience))
    die("no resync");
  const auto begin = std::chrono::steady_clock::now();
  json last = first;
  // Now and then: each look costs the node that is measured something.
  while (last.value("state", "") == "syncing") {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    last = leg();
  }
  const Seconds took = std::chrono::steady_clock::now() - begin;
  Resync r;
  r.copied = number(last, "copied_bytes");
  r.bytes_per_second = static_cast<double>(r.copied - number(first, "copied_bytes")) / took.count();
  return r;
}

json resync_rate(unsigned rounds) {
  constexpr std::uint64_t kWhole = 2048 * kMiB, kPart = 128 * kMiB;
  Rig rig({{.legs = 2,
            .digests = false,
            .namespaces = 1,
            .size = "2G",
            .config = "[times]\nidle_close = \"3s\"\n"}});
  std::vector<double> copies, resyncs, ratios;
  for (unsigned i = 0; i < rounds; ++i) {
    copies.push_back(plain_copy({rig.target(0).address, rig.target(0).nqn, 1},
                                {rig.target(1).address, rig.target(1).nqn, 1}, kWhole, 128 * 1024, 4));
    if (copies.back() == 0) die("the plain copy failed");
    resyncs.push_back(resync(rig, kWhole).bytes_per_second);
    ratios.push_back(resyncs.back() / copies.back());
  }
  // Open regions count as dirty when a leg is lost: here only what is written then is to be seen.
  if (!e2e::eventually(
          [&] { return rig.status(0)["namespaces"][0].value("open_bytes", std::uint64_t{1}) == 0; },
          kPatience))
    std::printf("(some regions are still open)\n");
  const Resync part = resync(rig, kPart);
  const Spread ratio = spread(ratios);
  std::printf(
      "resync of %llu MiB, host idle: %.2f GB/s, a plain copy with the same chunks and depth: %.2f GB/s; "
      "ratio %.2f "
      "(%.2f..%.2f) (goal >= 0.70: %s)\nresync after %llu MiB were written: %llu MiB copied of %llu\n",
      static_cast<unsigned long long>(kWhole / kMiB), spread(resyncs).median / 1e9,
      spread(copies).median / 1e9, ratio.median, ratio.low, ratio.high, verdict(ratio.median >= 0.7),
      static_cast<unsigned long long>(kPart / kMiB), static_cast<unsigned long long>(part.copied / kMiB),
      static_cast<unsigned long long>(kWhole / kMiB));
  return {{"ratio", spread_json(ratio, 0.7)},
          {"resync_bytes_per_second", spread(resyncs).median},
          {"copy_bytes_per_second", spread(copies).median},
          {"part_written", kPart},
          {"part_copied", part.copied}};
}

}  // namespace

json fault_figures(unsigned rounds, const std::string& only) {
  const auto wanted = [&](const char* name) { return std::string(name).find(only) != std::string::npos; };
  json out;
  if (wanted("resync")) out["resync"] = resync_rate(rounds);
  if (wanted("peer death")) out["peer_death"] = many_namespaces(rounds);
  // Last: it moves this process into a network of its own.
  if (wanted("silent loss")) out["silent_loss"] = silent_loss(rounds);
  return out;
}

}  // namespace nvtee::bench
