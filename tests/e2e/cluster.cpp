#include "tests/e2e/cluster.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <utility>

namespace nvtee::e2e {

// ---- targets --------------------------------------------------------------------------------------------

Target::Target(const TempDir& dir, std::string name, TargetOptions options, Place place)
    : name_(std::move(name)),
      file_(dir / (name_ + ".img")),
      port_file_(dir / (name_ + ".port")),
      control_(dir / (name_ + ".ctl")),
      log_(dir / (name_ + ".log")),
      options_(std::move(options)),
      place_(std::move(place)) {}

void Target::start() {
  std::vector<std::string> argv = place_.wrap;
  for (const std::string& word :
       {bin("nvtee-target"), std::string("--listen"), address(), std::string("--file"), file_,
        std::string("--size"), options_.size, std::string("--bs"), options_.block_size,
        std::string("--subnqn"), nqn(), std::string("--durability"), std::string("process"),
        std::string("--control"), control_, std::string("--port-file"), port_file_})
    argv.push_back(word);
  if (options_.volatile_cache) argv.push_back("--volatile-cache");
  if (!options_.reservations) argv.push_back("--no-reservations");
  process_ = Process::start(argv, log_, true);
  ASSERT_TRUE(process_.was_ready()) << read_file(log_);
  port_ = static_cast<unsigned>(std::stoul(read_file(port_file_)));
}

void Target::kill() {
  process_.signal(SIGKILL);
  ASSERT_TRUE(process_.wait(Seconds(10)));
}

Output Target::ctl(const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {bin("nvtee-target"), "ctl", control_};
  argv.insert(argv.end(), words.begin(), words.end());
  return run(argv);
}

// ---- the node -------------------------------------------------------------------------------------------

Cluster::Cluster(const ClusterOptions& options) : options_(options) {
  for (unsigned i = 0; i < options.targets; ++i) {
    targets_.emplace_back(dir_, std::string(1, static_cast<char>('a' + i)), options.target,
                          i < options.places.size() ? options.places[i] : Place{});
  }
  for (auto& t : targets_) t.start();
}

void Cluster::write_config() {
  std::ofstream c(dir_ / "nvteed.toml");
  c << "[node]\nhost_nqn = \"nqn.2026-01.io.nvtee:node\"\nlisten = [\"" << address() << "\"]\n"
    << "state_file = \"" << dir_ / "state.db" << "\"\napi_socket = \"" << dir_ / "api.sock" << "\"\n"
    << "[[subsystem]]\nnqn = \"" << kSubsystem << "\"\nany_host = true\n";
  std::string legs;
  for (const auto& t : targets_) {
    c << "[[peer]]\nname = \"" << t.name() << "\"\naddresses = [\"" << t.address() << "\"]\nnqn = \""
      << t.nqn() << "\"\n"
      << options_.peer_config;
    legs += (legs.empty() ? "" : ", ") + ("{ peer = \"" + t.name() + "\", nsid = 1 }");
  }
  c << "[[namespace]]\nname = \"vol\"\nsubsystem = \"" << kSubsystem << "\"\nnsid = 1\nlegs = [" << legs
    << "]\nassume_equal = " << (options_.assume_equal ? "true" : "false") << "\n"
    << options_.extra_config;
}

void Cluster::start_daemon() {
  write_config();
  daemon_ = Process::start({bin("nvteed"), "--config", dir_ / "nvteed.toml"}, dir_ / "nvteed.log", true);
  ASSERT_TRUE(daemon_.was_ready()) << log("nvteed");
  if (port_ != 0) return;
  const nlohmann::json s = status();
  ASSERT_FALSE(s.is_null()) << log("nvteed");
  const std::string where = s.at("listen").at(0).get<std::string>();
  port_ = static_cast<unsigned>(std::stoul(where.substr(where.rfind(':') + 1)));
}

Output Cluster::cli(const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {bin("nvtee")};
  argv.insert(argv.end(), words.begin(), words.end());
  argv.insert(argv.end(), {"--socket", const_cast<Cluster*>(this)->dir_ / "api.sock"});
  return run(argv, Seconds(30));
}

nlohmann::json Cluster::status() const {
  return nlohmann::json::parse(cli({"status", "-o", "json"}).text, nullptr, false, true);
}

namespace {

nlohmann::json first_namespace(const nlohmann::json& status) {
  if (status.is_discarded() || !status.is_object() || !status.contains("namespaces") ||
      status["namespaces"].empty())
    return nlohmann::json::object();
  return status["namespaces"][0];
}

}  // namespace

std::string Cluster::health() const {
  return first_namespace(status()).value("health", "");
}
std::uint64_t Cluster::epoch() const {
  return first_namespace(status()).value("epoch", std::uint64_t{0});
}

bool Cluster::wait_health(const std::string& wanted, Seconds limit) {
  return eventually([&] { return health() == wanted; }, limit);
}

Process Cluster::load(const std::string& name, const std::vector<std::string>& words) {
  // Through a shell, so that the report (stdout) and the log (stderr) go to two files.
  std::string line = "exec " + bin("nvtee-host") + " run --addr " + address() + " --subnqn " + kSubsystem +
                     " --nsid 1 -o json --verify";
  for (const auto& w : words) line += " " + w;
  line += " > " + dir_ / (name + ".json");
  return Process::start({"/bin/sh", "-c", line}, dir_ / (name + ".log"));
}

nlohmann::json Cluster::report(const std::string& name) const {
  return nlohmann::json::parse(read_file(dir_ / (name + ".json")), nullptr, false, true);
}

bool Cluster::stop_daemon() {
  daemon_.signal(SIGTERM);
  return daemon_.wait(Seconds(30)) && daemon_.code() == 0;
}

bool Cluster::files_equal() {
  const std::string first = read_file(targets_[0].file());
  for (std::size_t i = 1; i < targets_.size(); ++i) {
    if (read_file(targets_[i].file()) != first) return false;
  }
  return !first.empty();
}

}  // namespace nvtee::e2e
