// nvtee-host run and verify.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>

#include "tools/nvtee-host/command_line.hpp"
#include "tools/nvtee-host/report.hpp"
#include "tools/nvtee-host/text.hpp"

namespace nvtee::host {
namespace {

constexpr const char* kRunHelp = R"(nvtee-host run --addr ADDR --subnqn NQN [options]      (also: load)

Keeps commands outstanding at a namespace, measures them and, with --verify, checks every block that comes back:
each written block carries its address, writer and sequence, so that lost, torn, stale and misdirected writes are
named. WRITES DESTROY DATA on the namespace.

How fast, 4 KiB random writes for 10 s, 128 outstanding:
  nvtee-host run -a 127.0.0.1:4420 -n NQN --rw randwrite --bs 4k --depth 128 --time 10s

A mixed, checked load that rides over up to a minute without the target (kill -9 tests):
  nvtee-host run -a 127.0.0.1:4420 -n NQN --verify --reconnect 60s --bs 512-128k \
      --mix read=40,write=40,flush=2,zeroes=8,compare=5,dsm=5 --fua 10 --time 2m

The same, and verified again after a restart:
  nvtee-host run    -a ADDR -n NQN --verify --state /var/tmp/vol1.state --ops 100000
  nvtee-host verify -a ADDR -n NQN --state /var/tmp/vol1.state

Exit: 0 all right, 1 mismatch found, 2 usage, 3 I/O or connection failure.
)";

constexpr const char* kVerifyHelp = R"(nvtee-host verify --addr ADDR --subnqn NQN --state FILE [options]

Reads back every block that earlier runs with --state wrote, and checks it. What is read settles what was in doubt,
so the file is written again afterwards.

  nvtee-host verify -a 127.0.0.1:4420 -n nqn.2026-01.example:vol1 --state /var/tmp/vol1.state

Exit: 0 all right, 1 mismatch found, 2 usage, 3 I/O or connection failure.
)";

using Text = std::string;

void add_shared(po::options_description& o) {
  o.add_options()("subnqn,n", po::value<Text>()->required(), "NQN of the subsystem")(
      "nsid", po::value<std::uint32_t>()->default_value(1), "namespace")(
      "queues", po::value<unsigned>()->default_value(1), "I/O queues")(
      "depth", po::value<unsigned>()->default_value(32),
      "commands outstanding per queue (queues x depth <= 4096)")(
      "state", po::value<Text>(),
      "file that keeps what every block must hold: read if there, written at the end")(
      "timeout", po::value<Text>()->default_value("30s"), "of a command; then its connection is given up")(
      "reconnect", po::value<Text>()->default_value("0"),
      "keep trying this long at the start and after a loss (0: not at all)")(
      "settle", po::value<Text>()->default_value("0"), "wait after a loss before sending again")(
      "failover", po::bool_switch(),
      "after a loss, or where the namespace is inaccessible, try the next --addr first")(
      "late-writes", po::bool_switch(),
      "verify: an unanswered write of a lost connection may still come after newer ones (plain targets do "
      "that)")(
      "volatile", po::bool_switch(),
      "verify: every loss (and restart) may be a loss of power that takes what was neither flushed nor "
      "FUA; flush now and then (--mix)")("dsm-zeroes", po::bool_switch(),
                                         "verify: deallocated blocks must read as zeroes at once")(
      "hdisns", po::bool_switch(), "declare support for dispersed namespaces (Host Behavior Support)")(
      "progress", po::value<Text>()->default_value("0"), "a line on stderr this often");
}

po::options_description run_options() {
  po::options_description o("Load");
  o.add_options()("rw", po::value<Text>(), "randwrite (default), randread, randrw, write, read, rw")(
      "mix", po::value<Text>(),
      "instead: weights of read, write, flush, zeroes, compare, dsm: read=70,write=30")(
      "bs", po::value<Text>()->default_value("4k"), "sizes: 4k, or 512-128k, or 4k:70,64k:30 (weights)")(
      "align", po::value<Text>(), "alignment of random places (default: the least size)")(
      "range", po::value<Text>(), "OFFSET:LENGTH in bytes (default: the whole namespace)")(
      "fua", po::value<unsigned>()->default_value(0), "percent of writes with Force Unit Access")(
      "time", po::value<Text>(), "how long (default 10s when neither --ops nor --bytes is given)")(
      "ops", po::value<std::uint64_t>()->default_value(0), "how many commands")(
      "bytes", po::value<Text>(), "how much data")("rate", po::value<double>()->default_value(0),
                                                   "commands a second at most (0: no limit)")(
      "seed", po::value<std::uint64_t>()->default_value(1), "the same seed gives the same commands")(
      "verify", po::bool_switch(), "check what is read against what was written")(
      "no-final-read", po::bool_switch(), "verify: leave out the reading back at the end")(
      "stop-at-mismatch", po::bool_switch(), "verify: end the load at the first")(
      "no-retry", po::bool_switch(), "do not send lost or failed commands again")(
      "retries", po::value<unsigned>()->default_value(5),
      "times to send a command again that failed without DNR");
  add_shared(o);
  o.add(connection_options());
  return o;
}

po::options_description verify_options() {
  po::options_description o("Verify");
  add_shared(o);
  o.add(connection_options());
  return o;
}

// Takes one value through a parser and names the option in the error.
template <class T, class Parser>
Status0 take(const po::variables_map& map, const char* name, T& to, Parser parser) {
  if (!map.count(name)) return {};
  auto r = parser(map[name].as<Text>());
  if (!r) return fail(fmt::format("--{}: {}", name, r.error().what), r.error().remedy);
  to = *r;
  return {};
}

Status0 shared_from(const po::variables_map& map, LoadOptions& o) {
  auto connection = connection_from(map, spec::kPortIo);
  if (!connection) return std::unexpected(connection.error());
  o.connection = std::move(*connection);
  o.connection.nsid = map["nsid"].as<std::uint32_t>();
  if (o.connection.nsid == 0 || o.connection.nsid == spec::kNsidAll)
    return fail("--nsid names one namespace");
  o.queues = map["queues"].as<unsigned>();
  o.depth = map["depth"].as<unsigned>();
  if (o.queues == 0 || o.depth == 0 || o.queues > 64 || o.depth > 4096 || o.queues * o.depth > 4096)
    return fail("--queues (1..64) times --depth is 1 to 4096");
  for (const auto& [name, to] : {std::pair{"timeout", &o.timeout},
                                 {"reconnect", &o.reconnect},
                                 {"settle", &o.settle},
                                 {"progress", &o.progress}})
    if (auto r = take(map, name, *to, parse_time); !r) return r;
  o.failover = map["failover"].as<bool>();
  o.set_hdisns = map["hdisns"].as<bool>();
  o.rules.late_lost_writes = map["late-writes"].as<bool>();
  o.rules.volatile_cache = map["volatile"].as<bool>();
  o.rules.deallocate_zeroes = map["dsm-zeroes"].as<bool>();
  return {};
}

Status0 load_from(const po::variables_map& map, LoadOptions& o) {
  if (auto r = shared_from(map, o); !r) return r;
  Pattern pattern;
  if (map.count("rw")) {
    if (auto r = take(map, "rw", pattern, parse_rw); !r) return r;
    o.workload.mix = pattern.mix;
    o.workload.sequential = pattern.sequential;
  }
  if (auto r = take(map, "mix", o.workload.mix, parse_mix); !r) return r;
  if (auto r = take(map, "bs", o.workload.sizes, parse_sizes); !r) return r;
  if (auto r = take(map, "align", o.workload.align, parse_bytes); !r) return r;
  if (auto r = take(map, "range", o.workload.range, parse_range); !r) return r;
  if (auto r = take(map, "time", o.time, parse_time); !r) return r;
  if (auto r = take(map, "bytes", o.bytes, parse_bytes); !r) return r;
  o.workload.fua_percent = map["fua"].as<unsigned>();
  if (o.workload.fua_percent > 100) return fail("--fua is a percentage");
  o.workload.seed = map["seed"].as<std::uint64_t>();
  o.ops = map["ops"].as<std::uint64_t>();
  if (o.time == 0 && o.ops == 0 && o.bytes == 0) o.time = 10 * kSecond;
  o.rate = map["rate"].as<double>();
  if (o.rate < 0) return fail("--rate is not negative");
  o.verify = map["verify"].as<bool>();
  if (map.count("state") && !o.verify) return fail("--state goes with --verify");
  o.final_read = !map["no-final-read"].as<bool>();
  o.stop_at_mismatch = map["stop-at-mismatch"].as<bool>();
  o.retry = !map["no-retry"].as<bool>();
  o.retries = map["retries"].as<unsigned>();
  return {};
}

// SIGINT and SIGTERM end the load in order: its report and its state file are still written.
class Signals final : private net::FdHandler {
 public:
  Signals(net::Reactor& reactor, Load& load) : reactor_(reactor), load_(load) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_ = net::Fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    watched_ = fd_ && reactor_.add(fd_.get(), EPOLLIN, this).has_value();
  }
  ~Signals() {
    if (watched_) reactor_.remove(fd_.get(), this);
  }

 private:
  void on_fd(std::uint32_t) override {
    signalfd_siginfo info;
    if (::read(fd_.get(), &info, sizeof info) == sizeof info) load_.stop();
  }
  net::Reactor& reactor_;
  Load& load_;
  net::Fd fd_;
  bool watched_ = false;
};

int execute(LoadOptions options, const Text& state_path, bool json) {
  std::optional<Shadow> state;
  if (!state_path.empty() && (options.read_back_only || std::ifstream(state_path).good())) {
    auto loaded = Shadow::load(state_path, options.rules);
    if (!loaded) return complain(loaded.error().text());
    state = std::move(*loaded);
    state->power_lost();
  }
  net::Reactor::Options reactor_options;
  auto reactor = net::Reactor::create(reactor_options);
  if (!reactor) return complain(reactor.error().text(), Exit::kFailure);
  Load load(**reactor, std::move(options), std::move(state));
  Signals signals(**reactor, load);
  const Report& report = load.run();
  std::cout << (json ? report_json(report) : report_text(report)) << std::flush;
  if (!state_path.empty() && load.shadow()) {
    if (const auto saved = load.shadow()->save(state_path); !saved)
      return complain(saved.error().text(), report.exit == Exit::kMismatch ? report.exit : Exit::kFailure);
  }
  return static_cast<int>(report.exit);
}

}  // namespace

int run_load(const std::vector<std::string>& arguments) {
  po::variables_map map;
  if (const auto exit = parse(arguments, kRunHelp, run_options(), "addr", map)) return *exit;
  LoadOptions o;
  if (const auto r = load_from(map, o); !r) return complain(r.error().text());
  return execute(std::move(o), map.count("state") ? map["state"].as<Text>() : "", wants_json(map));
}

int run_verify(const std::vector<std::string>& arguments) {
  po::variables_map map;
  if (const auto exit = parse(arguments, kVerifyHelp, verify_options(), "addr", map)) return *exit;
  LoadOptions o;
  if (const auto r = shared_from(map, o); !r) return complain(r.error().text());
  if (!map.count("state")) return complain("verify needs --state FILE, written by an earlier run");
  o.verify = o.read_back_only = true;
  return execute(std::move(o), map["state"].as<Text>(), wants_json(map));
}

}  // namespace nvtee::host
