// nvtee_bench: the same load direct to one target and through a node with its legs, in turns, in one run.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "tests/bench/bare.hpp"
#include "tests/bench/faults.hpp"
#include "tests/bench/report.hpp"

namespace nvtee::bench {
namespace {

namespace po = boost::program_options;

struct Options {
  unsigned rounds = 5;
  double seconds = 2;
  std::string json_file, only;
  bool faults = false;
};

constexpr const char* kIntro =
    "nvtee_bench [options]: loads direct to one nvtee-target against the same through nvteed\n\n"
    "Rounds alternate, ratios are taken within a round, and the medians are printed. The machine should "
    "have\n"
    "nothing else to do.\n\nOptions";

int read_options(int argc, char** argv, Options& o) {
  po::options_description d(kIntro);
  d.add_options()("help,h", "this text")("rounds", po::value(&o.rounds)->default_value(5),
                                         "rounds of every load")(
      "seconds", po::value(&o.seconds)->default_value(2), "of one load")("json", po::value(&o.json_file),
                                                                         "write everything here too")(
      "only", po::value(&o.only), "only loads (or faults) whose name contains this; =NAME: that load")(
      "faults", po::bool_switch(&o.faults), "instead: resync against a plain copy, peer death, silent loss");
  try {
    po::variables_map v;
    po::store(po::parse_command_line(argc, argv, d), v);
    po::notify(v);
    if (v.count("help") != 0) {
      std::cout << d;
      return 0;
    }
  } catch (const po::error& e) {
    std::fprintf(stderr, "nvtee_bench: %s; see --help\n", e.what());
    return 2;
  }
  if (o.rounds >= 1 && o.rounds <= 100 && o.seconds >= 0.1 && o.seconds <= 600) return -1;
  std::fprintf(stderr, "nvtee_bench: --rounds is 1 to 100, --seconds 0.1 to 600\n");
  return 2;
}

// Nodes: 0 = two legs, 1 = one, 2 = three, 3 = two with digests.
const std::vector<NodeOptions> kNodes = {{2, false}, {1, false}, {3, false}, {2, true}};

std::vector<Row> rows() {
  const auto row = [](std::string name, Load load, unsigned node = 0) {
    Row r;
    r.name = std::move(name);
    r.load = std::move(load);
    r.node = node;
    return r;
  };
  std::vector<Row> all;
  all.push_back(row("4 KiB random write, depth 1", {.depth = 1}));
  all.back().goal_p50 = 2.2;
  all.push_back(row("4 KiB random write, depth 32", {}));
  all.back().goal_iops = 0.42;
  all.back().goal_cpu = 1.3;
  all.push_back(row("4 KiB random write, depth 128", {.depth = 128}));
  all.back().goal_iops = 0.38;
  all.push_back(row("128 KiB write, depth 32", {.rw = "write", .block = "128k"}));
  all.back().goal_iops = 0.30;
  all.push_back(row("4 KiB random read, depth 32", {.rw = "randread"}));
  all.push_back(row("4 KiB random write, depth 32, 1 leg", {}, 1));
  all.push_back(row("4 KiB random write, depth 32, 3 legs", {}, 2));
  all.push_back(row("4 KiB random write, depth 32, digests", {.digests = true}, 3));
  all.push_back(row("4 KiB random write, depth 128, digests", {.depth = 128, .digests = true}, 3));
  all.push_back(row("4 KiB random write, 4 queues of depth 8", {.depth = 8, .queues = 4}));
  all.push_back(row("4 KiB random write, 2 hosts of depth 32", {.hosts = 2}));
  return all;
}

void print_bare(const std::vector<double>& bare, const Row& deepest, nlohmann::json& out) {
  const Spread b = spread(bare);
  std::vector<double> share;
  for (std::size_t i = 0; i < std::min(bare.size(), deepest.direct.size()); ++i)
    share.push_back(deepest.direct[i].iops / bare[i]);
  const Spread s = spread(share);
  std::printf(
      "\nbare exchange, 4,168 B requests, 24 B answers, depth 128: %.0f/s (%.0f..%.0f)\n"
      "direct 4 KiB depth 128 / bare: %.2f (%.2f..%.2f) (goal >= 0.60: %s)\n",
      b.median, b.low, b.high, s.median, s.low, s.high, s.median >= 0.6 ? "met" : "MISSED");
  out["bare"] = {{"low", b.low}, {"median", b.median}, {"high", b.high}};
  out["direct_of_bare"] = {{"low", s.low}, {"median", s.median}, {"high", s.high}, {"goal", 0.6}};
}

int write_json(const Options& o, const nlohmann::json& out) {
  if (o.json_file.empty() || (std::ofstream(o.json_file) << out.dump(2) << '\n')) return 0;
  std::fprintf(stderr, "nvtee_bench: cannot write %s\n", o.json_file.c_str());
  return 1;
}

bool wanted(const std::string& only, const std::string& name) {
  if (only.starts_with('=')) return name == only.substr(1);
  return name.find(only) != std::string::npos;
}

int bench(const Options& o) {
  nlohmann::json out;
  out["rounds"] = o.rounds;
  out["seconds"] = o.seconds;
  if (o.faults) {
    out["faults"] = fault_figures(o.rounds, o.only);
    return write_json(o, out);
  }
  Rig rig(kNodes);
  const double idle = rig.idle(0, o.seconds);
  std::printf("idle nvteed: %.2f %% of a core (goal <= 1 %%: %s)\n\n", idle * 100,
              idle <= 0.01 ? "met" : "MISSED");
  out["idle_share"] = idle;
  print_head();
  std::vector<double> bare;
  Row deepest;
  std::vector<Row> all = rows();
  for (Row& row : all) {
    if (!wanted(o.only, row.name)) continue;
    const bool with_bare = row.load.depth == 128 && !row.load.digests;
    for (unsigned i = 0; i < o.rounds; ++i) {
      row.direct.push_back(rig.direct(row.load, o.seconds));
      row.through.push_back(rig.through(row.node, row.load, o.seconds));
      if (with_bare) bare.push_back(bare_exchange(4168, 128, o.seconds));
    }
    print(row);
    if (with_bare) deepest = row;
    out["rows"].push_back(to_json(row));
  }
  if (!bare.empty()) print_bare(bare, deepest, out);
  return write_json(o, out);
}

}  // namespace
}  // namespace nvtee::bench

int main(int argc, char** argv) {
  nvtee::bench::Options o;
  const int early = nvtee::bench::read_options(argc, argv, o);
  return early >= 0 ? early : nvtee::bench::bench(o);
}
