#include "tests/bench/bare.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "runtime/net/reactor.hpp"
#include "runtime/net/socket.hpp"

namespace nvtee::bench {

namespace {

constexpr std::size_t kAnswer = 24;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "nvtee_bench: %s\n", what);
  std::exit(1);
}

std::unique_ptr<net::Reactor> make_reactor() {
  auto r = net::Reactor::create();
  if (!r) die("no reactor");
  return std::move(*r);
}

// One end: whenever a whole message of `in` bytes came, it owes one of `out` bytes.
class End final : public net::FdHandler {
 public:
  End(net::Reactor& reactor, int fd, std::size_t in, std::size_t out)
      : reactor_(reactor), fd_(fd), in_(in), out_(out), bytes_(1 << 20) {
    if (!reactor_.add(fd_, EPOLLIN, this)) die("epoll refused a socket");
  }
  ~End() { reactor_.remove(fd_, this); }

  void owe(unsigned messages) {
    owed_ += messages * out_;
    send_some();
  }
  std::uint64_t received() const { return received_ / in_; }
  bool closed() const { return closed_; }

  void on_fd(std::uint32_t) override {
    const ssize_t n = ::recv(fd_, bytes_.data(), bytes_.size(), MSG_DONTWAIT);
    if (n == 0) {
      closed_ = true;
      reactor_.stop();
    }
    if (n > 0) {
      const std::uint64_t before = received();
      received_ += static_cast<std::uint64_t>(n);
      owed_ += (received() - before) * out_;
    }
    send_some();
  }

 private:
  void send_some() {
    while (owed_ != 0) {
      const ssize_t n =
          ::send(fd_, bytes_.data(), std::min(owed_, bytes_.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n <= 0) break;
      owed_ -= static_cast<std::size_t>(n);
    }
    const bool want = owed_ != 0;
    if (want == wants_out_) return;
    wants_out_ = want;
    reactor_.modify(fd_, EPOLLIN | (want ? static_cast<std::uint32_t>(EPOLLOUT) : 0u), this);
  }

  net::Reactor& reactor_;
  int fd_;
  std::size_t in_, out_, owed_ = 0;
  std::uint64_t received_ = 0;
  bool wants_out_ = false, closed_ = false;
  std::vector<std::byte> bytes_;
};

[[noreturn]] void serve(int listener, std::size_t request) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto reactor = make_reactor();
  net::Fd fd;
  while (!fd) {
    auto accepted = net::accept_tcp(listener);
    if (!accepted) die("accept failed");
    fd = std::move(*accepted);
  }
  End end(*reactor, fd.get(), request, kAnswer);
  while (!end.closed()) reactor->turn(100 * kMillisecond);
  _exit(0);
}

}  // namespace

double bare_exchange(std::size_t request, unsigned depth, double seconds) {
  auto listener = net::listen_tcp({"127.0.0.1", 0});
  if (!listener) die("listen failed");
  const int pid = fork();
  if (pid == 0) serve(listener->get(), request);
  auto client = net::connect_tcp(*net::local_address(listener->get()));
  if (!client) die("connect failed");
  double rate = 0;
  {
    auto reactor = make_reactor();
    End end(*reactor, client->get(), kAnswer, request);
    reactor->turn(0);
    const Time begin = reactor->now();
    const Time until = begin + static_cast<Duration>(seconds * 1e9);
    end.owe(depth);
    while (reactor->now() < until && !end.closed()) reactor->turn(10 * kMillisecond);
    rate = static_cast<double>(end.received()) * 1e9 / static_cast<double>(reactor->now() - begin);
  }
  client->reset();
  int status = 0;
  waitpid(pid, &status, 0);
  return rate;
}

}  // namespace nvtee::bench
