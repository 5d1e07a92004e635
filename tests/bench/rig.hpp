// What a benchmark measures: targets in memory, one node in front of them, loads by nvtee-host.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"

namespace nvtee::bench {

// CPU time of all threads of a process, microseconds.
double cpu_us(int pid);

struct Load {
  std::string rw = "randwrite";
  std::string block = "4k";
  unsigned depth = 32;  // per queue
  unsigned queues = 1;
  unsigned hosts = 1;
  bool digests = false;
};

struct Sample {
  double iops = 0, bytes_per_second = 0, p50_us = 0, p99_us = 0;
  double host_cpu = 0, node_cpu = 0, target_cpu = 0;  // us per command; target: of the first one
};

struct NodeOptions {
  unsigned legs = 2;
  bool digests = false;  // towards the legs
  unsigned namespaces = 1;
  std::string size = "128M";  // of each
  std::string config{};       // appended to the node's configuration
};

// Three targets; each node has namespaces of its own on them, so that several can stand side by side.
class Rig {
 public:
  struct Target {
    std::string nqn, address;
    e2e::Process process;
  };

  explicit Rig(const std::vector<NodeOptions>& nodes);

  Sample direct(const Load& load, double seconds);
  Sample through(unsigned node, const Load& load, double seconds);
  // Share of one core that an idle node uses.
  double idle(unsigned node, double seconds);
  Target& target(unsigned i) { return targets_[i]; }
  e2e::Output cli(unsigned node, std::vector<std::string> words) const;
  nlohmann::json status(unsigned node) const;  // discarded value when it does not answer
  std::vector<std::string> load_command(const std::string& address, const std::string& nqn, unsigned nsid,
                                        const Load& load, double seconds) const;
  // A load on namespace `nsid` of the front: until it ends, its JSON report.
  nlohmann::json run_load(unsigned node, unsigned nsid, const Load& load, double seconds,
                          const std::vector<std::string>& more = {}) const;

 private:
  struct Node {
    std::string address, socket;
    e2e::Process process;
  };
  void start_targets(const std::vector<NodeOptions>& nodes);
  Node start_node(unsigned index, unsigned first_nsid, const NodeOptions& options);
  Sample measure(const std::string& address, const std::string& nqn, unsigned nsid, const Load& load,
                 double seconds, int node_pid);

  e2e::TempDir dir_;
  std::vector<Target> targets_;
  std::vector<Node> nodes_;
};

}  // namespace nvtee::bench
