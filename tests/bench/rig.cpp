#include "tests/bench/rig.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace nvtee::bench {

using e2e::Seconds;
using nlohmann::json;

namespace {

constexpr unsigned kTargets = 3;
constexpr const char* kSubsystem = "nqn.2026-01.io.nvtee:bench";

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "nvtee_bench: %s\n", what.c_str());
  std::exit(1);
}

json status_at(const std::string& socket) {
  json j = json::parse(e2e::run({e2e::bin("nvtee"), "status", "-o", "json", "--socket", socket}).text,
                       nullptr, false, true);
  return j.is_object() ? j : json::object();
}

double children_us() {
  rusage r{};
  getrusage(RUSAGE_CHILDREN, &r);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(r.ru_utime) + us(r.ru_stime);
}

}  // namespace

double cpu_us(int pid) {
  double ns = 0;
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::ifstream in(task.path() / "schedstat");
    double on_cpu = 0;
    if (in >> on_cpu) ns += on_cpu;
  }
  return ns / 1e3;
}

Rig::Rig(const std::vector<NodeOptions>& nodes) {
  start_targets(nodes);
  unsigned nsid = 2;
  for (unsigned i = 0; i < nodes.size(); ++i) {
    nodes_.push_back(start_node(i, nsid, nodes[i]));
    nsid += nodes[i].namespaces;
  }
}

// NSID 1 is for direct loads and as large as the first node's, then those of the nodes follow.
void Rig::start_targets(const std::vector<NodeOptions>& nodes) {
  for (unsigned t = 0; t < kTargets; ++t) {
    Target target;
    target.nqn = fmt::format("{}-target{}", kSubsystem, t);
    const std::string port_file = dir_ / fmt::format("port{}", t);
    std::vector<std::string> argv = {e2e::bin("nvtee-target"),
                                     "--listen",
                                     "127.0.0.1:0",
                                     "--port-file",
                                     port_file,
                                     "--subnqn",
                                     target.nqn,
                                     "--log",
                                     "error"};
    unsigned nsid = 1;
    const auto add = [&](const std::string& size) {
      argv.push_back("--ns");
      argv.push_back(fmt::format("nsid={},mem,size={},bs=4096,prefault", nsid++, size));
    };
    add(nodes.at(0).size);
    for (const NodeOptions& n : nodes)
      for (unsigned i = 0; i < n.namespaces; ++i) add(n.size);
    target.process = e2e::Process::start(argv, dir_ / fmt::format("target{}.log", t), true);
    if (!target.process.was_ready())
      die("a target did not start: " + e2e::read_file(dir_ / fmt::format("target{}.log", t)));
    target.address = fmt::format("127.0.0.1:{}", std::stoul(e2e::read_file(port_file)));
    targets_.push_back(std::move(target));
  }
}

Rig::Node Rig::start_node(unsigned index, unsigned first_nsid, const NodeOptions& options) {
  const std::string config = dir_ / fmt::format("node{}.toml", index);
  const std::string socket = dir_ / fmt::format("node{}.sock", index);
  const std::string log = dir_ / fmt::format("node{}.log", index);
  {
    std::ofstream c(config);
    c << "[node]\nhost_nqn = \"" << kSubsystem << "-node" << index << "\"\nlisten = [\"127.0.0.1:0\"]\n"
      << "state_file = \"" << dir_ / fmt::format("node{}.db", index) << "\"\napi_socket = \"" << socket
      << "\"\n[log]\nlevel = \"warn\"\n[[subsystem]]\nnqn = \"" << kSubsystem << "\"\nany_host = true\n";
    for (unsigned t = 0; t < options.legs; ++t) {
      c << "[[peer]]\nname = \"t" << t << "\"\naddresses = [\"" << targets_[t].address << "\"]\nnqn = \""
        << targets_[t].nqn << "\"\n";
      if (options.digests) c << "header_digest = true\ndata_digest = true\n";
    }
    for (unsigned n = 0; n < options.namespaces; ++n) {
      std::string legs;
      for (unsigned t = 0; t < options.legs; ++t)
        legs += fmt::format("{}{{ peer = \"t{}\", nsid = {} }}", t ? ", " : "", t, first_nsid + n);
      c << fmt::format(
          "[[namespace]]\nname = \"vol{0}\"\nsubsystem = \"{1}\"\nnsid = {0}\nlegs = [{2}]\nassume_equal = "
          "true\n",
          n + 1, kSubsystem, legs);
    }
    c << options.config;
  }
  Node node;
  node.socket = socket;
  node.process = e2e::Process::start({e2e::bin("nvteed"), "--config", config}, log, true);
  if (!node.process.was_ready()) die("the node did not start: " + e2e::read_file(log));
  if (!e2e::eventually([&] { return status_at(socket).value("health", "") == "ok"; }, Seconds(30)))
    die("the node's namespaces did not come up: " + e2e::read_file(log));
  node.address = status_at(socket).at("listen").at(0).get<std::string>();
  return node;
}

e2e::Output Rig::cli(unsigned node, std::vector<std::string> words) const {
  words.insert(words.begin(), e2e::bin("nvtee"));
  words.insert(words.end(), {"--socket", nodes_[node].socket});
  return e2e::run(words);
}

json Rig::status(unsigned node) const {
  return status_at(nodes_[node].socket);
}

json Rig::run_load(unsigned node, unsigned nsid, const Load& load, double seconds,
                   const std::vector<std::string>& more) const {
  std::vector<std::string> argv = load_command(nodes_[node].address, kSubsystem, nsid, load, seconds);
  argv.insert(argv.end(), more.begin(), more.end());
  const std::string text = e2e::run(argv, Seconds(seconds + 60)).text;
  const json j = json::parse(text, nullptr, false, true);
  if (!j.is_object()) die("a load failed: " + text);
  return j;
}

std::vector<std::string> Rig::load_command(const std::string& address, const std::string& nqn, unsigned nsid,
                                           const Load& load, double seconds) const {
  std::vector<std::string> argv = {e2e::bin("nvtee-host"),
                                   "run",
                                   "--addr",
                                   address,
                                   "--subnqn",
                                   nqn,
                                   "--nsid",
                                   std::to_string(nsid),
                                   "--rw",
                                   load.rw,
                                   "--bs",
                                   load.block,
                                   "--depth",
                                   std::to_string(load.depth),
                                   "--queues",
                                   std::to_string(load.queues),
                                   "-o",
                                   "json"};
  if (seconds > 0) argv.insert(argv.end(), {"--time", fmt::format("{}ms", static_cast<int>(seconds * 1000))});
  if (load.digests) argv.insert(argv.end(), {"--hdgst", "--ddgst"});
  return argv;
}

Sample Rig::measure(const std::string& address, const std::string& nqn, unsigned nsid, const Load& load,
                    double seconds, int node_pid) {
  const std::vector<std::string> argv = load_command(address, nqn, nsid, load, seconds);
  const double host0 = children_us(), node0 = node_pid > 0 ? cpu_us(node_pid) : 0;
  const double target0 = cpu_us(targets_[0].process.pid());
  std::vector<std::string> reports(load.hosts);
  std::vector<std::thread> runs;
  for (unsigned h = 1; h < load.hosts; ++h)
    runs.emplace_back([&, h] { reports[h] = e2e::run(argv, Seconds(seconds + 30)).text; });
  reports[0] = e2e::run(argv, Seconds(seconds + 30)).text;
  for (auto& r : runs) r.join();
  Sample s;
  double ops = 0;
  for (const std::string& text : reports) {
    const json j = json::parse(text, nullptr, false, true);
    if (!j.is_object() || j.value("result", "") != "ok") die("a load failed: " + text);
    const json& all = j.at("all");
    s.iops += all.at("iops").get<double>();
    s.bytes_per_second += all.at("bytes_per_second").get<double>();
    s.p50_us = std::max(s.p50_us, all.at("latency_us").at("p50").get<double>());
    s.p99_us = std::max(s.p99_us, all.at("latency_us").at("p99").get<double>());
    ops += all.at("ops").get<double>();
  }
  s.host_cpu = (children_us() - host0) / ops;
  s.node_cpu = node_pid > 0 ? (cpu_us(node_pid) - node0) / ops : 0;
  s.target_cpu = (cpu_us(targets_[0].process.pid()) - target0) / ops;
  return s;
}

Sample Rig::direct(const Load& load, double seconds) {
  return measure(targets_[0].address, targets_[0].nqn, 1, load, seconds, 0);
}

Sample Rig::through(unsigned node, const Load& load, double seconds) {
  return measure(nodes_[node].address, kSubsystem, 1, load, seconds, nodes_[node].process.pid());
}

double Rig::idle(unsigned node, double seconds) {
  const double before = cpu_us(nodes_[node].process.pid());
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));  // idleness is what is measured
  return (cpu_us(nodes_[node].process.pid()) - before) / (seconds * 1e6);
}

}  // namespace nvtee::bench
