#include "runtime/nvteed/main_loop.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "runtime/base/check.hpp"

namespace nvtee::daemon {
namespace {

Time now() {
  return static_cast<Time>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::steady_clock::now().time_since_epoch())
                               .count());
}

net::Fd event_fd() {
  net::Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  NVTEE_CHECK(fd, "the system gives an eventfd");
  return fd;
}

void ring(const net::Fd& fd) {
  const std::uint64_t one = 1;
  (void)!::write(fd.get(), &one, sizeof one);
}

}  // namespace

Signals::Signals(std::function<void(int)> on_signal, int stop_code)
    : on_signal_(std::move(on_signal)), stop_code_(stop_code), end_(event_fd()) {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, s);
  NVTEE_CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0, "signals can be blocked");
  signals_ = net::Fd(::signalfd(-1, &set, SFD_CLOEXEC));
  NVTEE_CHECK(signals_, "the system gives a signalfd");
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { run(); });
}

Signals::~Signals() {
  ring(end_);
  thread_.join();
}

void Signals::run() {
  for (bool stopping = false;;) {
    pollfd fds[2] = {{signals_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents) return;
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != sizeof info) continue;
    const int number = static_cast<int>(info.ssi_signo);
    if (stopping && number != SIGHUP) ::_exit(stop_code_);
    stopping |= number != SIGHUP;
    on_signal_(number);
  }
}

MainLoop::MainLoop() : wake_(event_fd()) {}

void MainLoop::post(std::function<void()> f) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(f));
  }
  ring(wake_);
}

void MainLoop::set_timer(Duration delay, std::function<void()> f) {
  timer_at_ = now() + delay;
  timer_ = std::move(f);
}

void MainLoop::run_posted() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  std::deque<std::function<void()>> posted;
  {
    const std::lock_guard lock(mutex_);
    posted.swap(posted_);
  }
  for (auto& f : posted) f();
}

int MainLoop::run() {
  while (running_) {
    const Time at = now();
    const int wait = timer_at_ == kNever ? -1
                     : timer_at_ <= at
                         ? 0
                         : static_cast<int>(std::min<Time>((timer_at_ - at) / kMillisecond + 1, 60'000));
    pollfd fd{wake_.get(), POLLIN, 0};
    if (::poll(&fd, 1, wait) > 0) run_posted();
    if (timer_at_ <= now()) {
      timer_at_ = kNever;
      std::exchange(timer_, {})();
    }
  }
  return code_;
}

}  // namespace nvtee::daemon
