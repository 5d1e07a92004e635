#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "runtime/base/log.hpp"
#include "tools/nvtee-target/server.hpp"

namespace nvtee::target {
namespace {

constexpr int kBadUsage = 2, kFailed = 1;

int complain(const Error& e) {
  std::fprintf(stderr, "nvtee-target: %s\n", e.text().c_str());
  return kFailed;
}

// SIGTERM and SIGINT as events. The second one ends the process at once.
class Signals final : private net::FdHandler {
 public:
  Signals(net::Reactor& reactor, std::function<void()> on_first)
      : reactor_(reactor), on_first_(std::move(on_first)) {}
  ~Signals() {
    if (fd_) reactor_.remove(fd_.get(), this);
  }
  Status0 start() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    net::Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return fail_errno("cannot watch signals", errno);
    fd_ = std::move(fd);
    return reactor_.add(fd_.get(), EPOLLIN, this);
  }

 private:
  void on_fd(std::uint32_t) override {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
      if (!on_first_) ::_exit(128 + static_cast<int>(info.ssi_signo));
      std::exchange(on_first_, nullptr)();
    }
  }
  net::Reactor& reactor_;
  std::function<void()> on_first_;
  net::Fd fd_;
};

// Whole or not at all: a reader never sees half a port.
Status0 write_port_file(const std::string& path, std::uint16_t port) {
  const std::string temporary = path + ".new";
  net::Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const std::string text = std::to_string(port) + "\n";
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(temporary.c_str(), path.c_str()) != 0)
    return fail_errno("cannot write '" + path + "'", errno);
  return {};
}

Status0 announce(const Config& config, const net::Address& address) {
  std::printf("nvtee-target: listening on %s\n", address.text().c_str());
  std::fflush(stdout);
  if (!config.port_file.empty())
    if (auto written = write_port_file(config.port_file, address.port); !written) return written;
  if (config.ready_fd >= 0) {
    const net::Fd fd(config.ready_fd);
    const std::string line = nlohmann::json{{"address", address.text()},
                                            {"host", address.host},
                                            {"port", address.port},
                                            {"subnqn", config.subnqn},
                                            {"pid", ::getpid()}}
                                 .dump() +
                             "\n";
    if (::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      return fail_errno("cannot write to --ready-fd", errno);
  }
  return {};
}

void raise_file_limit() {
  rlimit l{};
  if (::getrlimit(RLIMIT_NOFILE, &l) != 0) return;
  l.rlim_cur = l.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &l);
}

int serve(const Config& config) {
  if (!log::setup("nvtee-target", config.log_level.c_str()))
    return complain(
        {"--log '" + config.log_level + "' is no level", "trace, debug, info, warn, error or off"});
  ::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  net::Reactor::Options options;
  options.busy_poll = config.busy_poll_us * kMicrosecond;
  auto reactor = net::Reactor::create(options);
  if (!reactor) return complain(reactor.error());
  std::unique_ptr<Server> server;
  Signals signals(**reactor, [&] { server->drain([&] { (*reactor)->stop(); }); });
  if (auto started = signals.start(); !started) return complain(started.error());
  auto made = Server::create(**reactor, config);
  if (!made) return complain(made.error());
  server = std::move(*made);
  if (auto told = announce(config, server->address()); !told) return complain(told.error());
  log::info("listening address={} subnqn={}", server->address().text(), config.subnqn);
  (*reactor)->run();
  server.reset();
  log::info("stopped");
  return 0;
}

int control(const CommandLine& line) {
  const auto reply = control_request(line.control_path, line.words);
  if (!reply) return complain(reply.error());
  std::printf("%s\n", reply->dump(2).c_str());
  return reply->value("ok", false) ? 0 : kFailed;
}

}  // namespace
}  // namespace nvtee::target

int main(int argc, char** argv) {
  using namespace nvtee::target;
  const auto line = parse_command_line({argv + 1, argv + argc});
  if (!line) {
    complain(line.error());
    return kBadUsage;
  }
  switch (line->verb) {
    case CommandLine::Verb::kHelp:
    case CommandLine::Verb::kVersion:
      std::fputs(line->text.c_str(), stdout);
      return 0;
    case CommandLine::Verb::kControl:
      return control(*line);
    case CommandLine::Verb::kServe:
      break;
  }
  return serve(line->config);
}
