#include "runtime/nvteed/daemon.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <optional>

#include "runtime/api/server.hpp"
#include "runtime/base/event_names.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/base/log.hpp"
#include "runtime/nvteed/config.hpp"
#include "runtime/nvteed/declare.hpp"
#include "runtime/nvteed/main_loop.hpp"
#include "runtime/nvteed/man_page.hpp"
#include "runtime/nvteed/service_manager.hpp"
#include "runtime/nvteed/units.hpp"

namespace nvtee::daemon {
namespace {

constexpr Duration kDeclareAgain = 5 * kSecond;
constexpr Duration kScrapeLimit = 5 * kSecond;
constexpr Duration kDrainLimit =
    25 * kSecond;  // the node bounds its drain itself; this is for a node that hangs

// "event key=value ...": one line, whatever the values hold.
void log_event(spdlog::level::level_enum level, const std::string& event,
               const std::vector<std::pair<const char*, std::string>>& values) {
  std::string line = event;
  for (const auto& [key, value] : values)
    if (!value.empty()) line += fmt::format(" {}={}", key, text::log_value(value));
  spdlog::log(level, "{}", line);
}

spdlog::level::level_enum level_of(core::Severity severity) {
  switch (severity) {
    case core::Severity::kInfo:
    case core::Severity::kNotice:
      return spdlog::level::info;
    case core::Severity::kWarning:
      return spdlog::level::warn;
    case core::Severity::kCritical:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string addresses_text(const std::vector<net::Address>& addresses) {
  std::string out;
  for (const auto& a : addresses) out += (out.empty() ? "" : ",") + a.text();
  return out;
}

int print_error(const Error& error, int code) {
  std::fprintf(stderr, "nvteed: %s\n", error.what.c_str());
  if (!error.remedy.empty()) std::fprintf(stderr, "  remedy: %s\n", error.remedy.c_str());
  return code;
}

// Every connection is a descriptor: as many as we may have. Refused: the limit stays as it was.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// ---- a running daemon -----------------------------------------------------------------------------------

class Daemon {
 public:
  Daemon(const config::Config& config, int ready_fd)
      : config_(config),
        ready_fd_(ready_fd),
        signals_([this](int number) { loop_.post([this, number] { on_signal(number); }); }, kUnclean) {}

  ~Daemon() {
    if (!node_) return;
    metrics_.reset();  // asks the server
    server_.reset();
    node_->events().unsubscribe(subscription_);
    print_events();
    node_.reset();
  }

  int run(const StartNode& start) {
    auto socket = api::ListenSocket::open(config_.node.api_socket);
    if (!socket) return print_error(socket.error(), kFailed);
    auto node = start(config_.node);
    if (!node) return print_error(node.error(), kFailed);
    node_ = std::move(*node);
    subscription_ = node_->events().subscribe([this] { loop_.post([this] { print_events(); }); });
    api::ServerOptions options;
    options.path = config_.node.api_socket;
    server_ = api::Server::start(*node_, options, std::move(*socket));
    if (config_.node.metrics) {
      auto metrics = api::MetricsListener::start(*config_.node.metrics,
                                                 [this] { return server_->metrics(kScrapeLimit); });
      if (!metrics) return print_error(metrics.error(), kFailed);
      metrics_ = std::move(*metrics);
    }
    for (const auto& w : config_.warnings)
      node_->events().add(core::Severity::kWarning, "config.warning", "", w);
    declarer_.emplace(*node_, config_.namespaces,
                      [this](std::function<void()> f) { loop_.post(std::move(f)); });
    server_->set_missing(declarer_->missing());
    server_->set_config(config_.file, config::to_toml(config_));
    declare();
    return loop_.run();
  }

 private:
  void print_events() {
    for (;;) {
      const auto events = node_->events().after(last_event_, 1000);
      if (events.empty()) return;
      for (const auto& e : events)
        log_event(level_of(e.severity), e.name,
                  {{"ns", e.ns}, {"id", std::to_string(e.id)}, {"text", e.text}});
      last_event_ = events.back().id;
    }
  }

  // Again and again, until everything declared is there; the first round decides about "ready".
  void declare() {
    declarer_->round([this](std::size_t missing) {
      server_->set_missing(declarer_->missing());
      if (!ready_) say_ready();
      if (missing && !stopping_) loop_.set_timer(kDeclareAgain, [this] { declare(); });
    });
  }

  void say_ready() {
    ready_ = true;
    node_->status([this](NodeStatus s) { loop_.post([this, s = std::move(s)] { say_ready(s); }); });
  }
  void say_ready(const NodeStatus& s) {
    print_events();  // what led to it comes first
    log_event(spdlog::level::info, "ready",
              {{"pid", std::to_string(::getpid())},
               {"api", config_.node.api_socket},
               {"listen", addresses_text(s.listen)},
               {"discovery", addresses_text(s.discovery)},
               {"metrics", metrics_ ? metrics_->address().text() : ""},
               {"namespaces", std::to_string(s.namespaces.size())}});
    notify_service_manager("READY=1\nSTATUS=" + std::to_string(s.namespaces.size()) + " namespace(s)");
    if (ready_fd_ < 0) return;
    (void)!::write(ready_fd_, "ready\n", 6);
    ::close(ready_fd_);
    ready_fd_ = -1;
  }

  void on_signal(int number) {
    if (number == SIGHUP)
      return log_event(spdlog::level::warn, "signal.ignored",
                       {{"signal", "SIGHUP"}, {"text", "the configuration is read at start only"}});
    stopping_ = true;
    notify_service_manager("STOPPING=1\nSTATUS=draining");
    log_event(spdlog::level::info, "stopping",
              {{"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"},
               {"text", "draining; a second signal stops at once"}});
    loop_.set_timer(kDrainLimit, [this] {
      stopped(fail("the node does not drain", "the next start reconciles the open regions"));
    });
    node_->drain([this](Status0 r) { loop_.post([this, r = std::move(r)] { stopped(r); }); });
  }

  void stopped(const Status0& r) {
    print_events();
    if (r)
      log_event(spdlog::level::info, "stopped", {{"clean", "yes"}});
    else
      log_event(spdlog::level::err, "stopped", {{"clean", "no"}, {"text", r.error().text()}});
    loop_.finish(r ? kStopped : kUnclean);
  }

  const config::Config& config_;
  int ready_fd_;
  MainLoop loop_;
  Signals signals_;  // before every other thread
  std::unique_ptr<Node> node_;
  std::unique_ptr<api::Server> server_;
  std::unique_ptr<api::MetricsListener> metrics_;
  std::optional<Declarer> declarer_;
  unsigned subscription_ = 0;
  std::uint64_t last_event_ = 0;
  bool ready_ = false, stopping_ = false;
};

// ---- the command line -----------------------------------------------------------------------------------

Result<std::vector<config::Override>> overrides_of(const cmdline::Values& values) {
  std::vector<config::Override> out;
  for (const std::string& set : values.all("set")) {
    const auto equals = set.find('=');
    if (equals == std::string::npos)
      return fail(fmt::format("--set: '{}' has no '='", set), "write --set SECTION.KEY=VALUE");
    out.push_back({set.substr(0, equals), set.substr(equals + 1)});
  }
  const auto quoted = [](const std::string& v) { return fmt::format("'{}'", v); };
  std::string listen;
  for (const std::string& a : values.all("listen")) listen += (listen.empty() ? "" : ", ") + quoted(a);
  if (!listen.empty()) out.push_back({"node.listen", "[" + listen + "]"});
  if (values.has("socket")) out.push_back({"node.api_socket", quoted(values.get("socket"))});
  if (values.has("state-file")) out.push_back({"node.state_file", quoted(values.get("state-file"))});
  if (values.has("log-level")) out.push_back({"log.level", quoted(values.get("log-level"))});
  return out;
}

Result<int> ready_fd_of(const cmdline::Values& values) {
  if (!values.has("ready-fd")) return -1;
  const std::string text = values.get("ready-fd");
  int fd = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc{} || end != text.data() + text.size() || fd < 0 || ::fcntl(fd, F_GETFD) < 0)
    return fail(fmt::format("--ready-fd: '{}' is not an open descriptor", text),
                "give the number of one that is open for writing");
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

int check_only(const config::Config& c) {
  for (const auto& w : c.warnings) std::fprintf(stderr, "%s: warning: %s\n", c.file.c_str(), w.c_str());
  std::printf("%s: ok: %zu peer(s), %zu subsystem(s), %zu namespace(s)\n", c.file.c_str(),
              c.node.peers.size(), c.node.subsystems.size(), c.namespaces.size());
  return kStopped;
}

int print_problems(const config::Problems& problems) {
  for (const auto& p : problems) std::fprintf(stderr, "%s\n", p.text().c_str());
  std::fprintf(stderr,
               "nvteed: the configuration is refused: %zu problem(s)\n  remedy: correct it; docs/CONFIG.md "
               "has every key, `nvteed --check` starts nothing\n",
               problems.size());
  return kFailed;
}

}  // namespace

const cmdline::Command& command() {
  static const cmdline::Command it{
      "",
      "The daemon of an nvtee node",
      "Shows namespaces to NVMe/TCP hosts and keeps them identical on several backing subsystems. Runs in "
      "the foreground and logs to standard "
      "error. SIGTERM or SIGINT: drains and stops; a second one: stops at once. Exit codes: 0 stopped "
      "cleanly; 1 refused to start; 2 wrong usage; "
      "3 stopped without a full drain (the next start reconciles).",
      {},
      {{"config", 'c', "FILE", "The configuration; docs/CONFIG.md has every key.", config::kDefaultFile},
       {"check", 0, "", "Read the configuration, print every problem, start nothing."},
       {"set", 0, "SECTION.KEY=VALUE", "Replace one value of [node], [log], [times] or [limits].", "", true},
       {"listen", 0, "ADDRESS", "Same as --set node.listen.", "", true},
       {"socket", 0, "PATH", "Same as --set node.api_socket."},
       {"state-file", 0, "FILE", "Same as --set node.state_file."},
       {"log-level", 0, "LEVEL", "Same as --set log.level."},
       {"ready-fd", 0, "N",
        "Write \"ready\" and a newline to this descriptor, and close it, once the node serves and declared "
        "namespaces were tried."},
       {"version", 0, "", "Print the version."},
       {"help", 'h', "", "Show this."},
       {"print-config-doc", 0, "", "", "", false, true},
       {"print-api-doc", 0, "", "", "", false, true},
       {"print-metrics-doc", 0, "", "", "", false, true},
       {"print-man", 0, "", "", "", false, true},
       {"print-events-doc", 0, "", "", "", false, true},
       {"print-limits-doc", 0, "", "", "", false, true}},
      {{"nvteed --config node1.toml", "Run in the foreground."},
       {"nvteed --check --config node1.toml", "Is the file right?"},
       {"nvteed --config node1.toml --set times.hold=10s --log-level debug", "With other values for once."}}};
  return it;
}

int run(const std::vector<std::string>& arguments, const StartNode& start) {
  const auto values = cmdline::parse(command(), arguments);
  if (!values)
    return print_error({values.error().what, values.error().remedy == "see --help" ? "see `nvteed --help`"
                                                                                   : values.error().remedy},
                       kUsage);
  if (values->has("help")) return std::fputs(cmdline::help("nvteed", command()).c_str(), stdout), kStopped;
  if (values->has("version")) return std::puts("nvteed " NVTEE_VERSION), kStopped;
  if (values->has("print-config-doc")) return std::fputs(config::key_tables().c_str(), stdout), kStopped;
  if (values->has("print-api-doc"))
    return std::fputs((api::endpoint_table() + "\n" + api::error_table()).c_str(), stdout), kStopped;
  if (values->has("print-metrics-doc")) return std::fputs(api::metrics_table().c_str(), stdout), kStopped;
  if (values->has("print-man"))
    return std::fputs(cmdline::man_page("nvteed", 8, "the daemon of an nvtee node", command().detail,
                                        {&command()}, "nvtee(1)")
                          .c_str(),
                      stdout),
           kStopped;
  if (values->has("print-events-doc")) return std::fputs(events::table().c_str(), stdout), kStopped;
  if (values->has("print-limits-doc")) return std::fputs(limits::bounds_table().c_str(), stdout), kStopped;
  const auto overrides = overrides_of(*values);
  if (!overrides) return print_error(overrides.error(), kUsage);
  const auto ready_fd = ready_fd_of(*values);
  if (!ready_fd) return print_error(ready_fd.error(), kUsage);
  const auto config = config::load(values->get("config"), *overrides);
  if (!config) return print_problems(config.error());
  if (values->has("check")) return check_only(*config);
  log::setup("nvteed", config->node.log_level.c_str());
  raise_descriptor_limit();
  return Daemon(*config, *ready_fd).run(start);
}

}  // namespace nvtee::daemon
