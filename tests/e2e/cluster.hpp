// Two or more nvtee-targets, one nvteed, loads by nvtee-host: the processes of an end-to-end test, on
// loopback.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"

namespace nvtee::e2e {

constexpr const char* kSubsystem = "nqn.2026-01.io.nvtee:e2e";

struct TargetOptions {
  std::string size = "64M";
  std::string block_size = "4096";
  bool volatile_cache = false;
  bool reservations = true;
};

// Where a target runs: words before its command line (such as "ip netns exec NAME") and its address.
struct Place {
  std::vector<std::string> wrap;
  std::string address = "127.0.0.1";
};

class Target {
 public:
  Target(const TempDir& dir, std::string name, TargetOptions options, Place place = {});
  void start();  // the first time on a port of the system's choice, then on the same one again
  void kill();   // SIGKILL
  Process& process() { return process_; }
  const std::string& name() const { return name_; }
  const std::string& file() const { return file_; }
  std::string nqn() const { return "nqn.2026-01.io.nvtee:target-" + name_; }
  std::string address() const { return place_.address + ":" + std::to_string(port_); }
  // `nvtee-target ctl` with these words.
  Output ctl(const std::vector<std::string>& words) const;

 private:
  std::string name_, file_, port_file_, control_, log_;
  TargetOptions options_;
  Place place_;
  unsigned port_ = 0;
  Process process_;
};

struct ClusterOptions {
  unsigned targets = 2;
  TargetOptions target;
  std::vector<Place> places;  // of the targets; loopback where none is given
  std::string peer_config;    // lines of every peer
  std::string extra_config;   // appended to the daemon's configuration
  bool assume_equal = true;
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options = {});

  TempDir& dir() { return dir_; }
  Target& target(unsigned i) { return targets_[i]; }
  void start_daemon();  // waits until it is ready; keeps its port over restarts
  Process& daemon() { return daemon_; }
  unsigned port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  Output cli(const std::vector<std::string>& words) const;
  nlohmann::json status() const;  // null when the daemon does not answer
  // The one namespace's health ("ok", "degraded", ...), or "" when unknown.
  std::string health() const;
  bool wait_health(const std::string& health, Seconds limit);
  std::uint64_t epoch() const;

  // nvtee-host load --verify ... on the namespace, in the background; its JSON report goes to report().
  Process load(const std::string& name, const std::vector<std::string>& words);
  nlohmann::json report(const std::string& name) const;
  std::string log(const std::string& name) const { return read_file(dir_ / (name + ".log")); }

  // SIGTERM, so that regions are flushed and closed, then byte comparison of all backing files.
  bool stop_daemon();
  bool files_equal();

  void write_config();

 private:
  TempDir dir_;
  ClusterOptions options_;
  std::vector<Target> targets_;
  Process daemon_;
  unsigned port_ = 0;
};

}  // namespace nvtee::e2e
