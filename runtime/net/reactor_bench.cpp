// Measures what an exchange costs over one loopback TCP connection: our epoll reactor against raw io_uring,
// each with and without a short busy-poll. A request of N bytes is answered with 24 bytes, as a write is; the
// server's thread is what is measured, the client spins on the other core. Rounds of the variants alternate,
// so that other load on the machine hits all of them; the table shows medians. Not a test: run it by hand
// (docs/PERFORMANCE.md).
#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "runtime/net/reactor.hpp"
#include "runtime/net/socket.hpp"

namespace nvtee::net {
namespace {

constexpr std::size_t kAnswer = 24;
constexpr std::size_t kReadSize = 128 * 1024;
constexpr Duration kBusyPoll = 20 * kMicrosecond;

Time clock_of(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<Time>(t.tv_sec) * kSecond + static_cast<Time>(t.tv_nsec);
}

void pin(unsigned cpu) {
  if (std::thread::hardware_concurrency() < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

[[noreturn]] void die(const char* what, int error) {
  std::fprintf(stderr, "reactor_bench: %s: %s\n", what, fail_errno("", error).error().what.c_str());
  std::exit(1);
}

// Bytes in, answers owed.
struct Accounting {
  std::size_t request;
  std::size_t partial = 0;
  std::size_t owed = 0;  // bytes of answers
  void received(std::size_t n) {
    partial += n;
    owed += partial / request * kAnswer;
    partial %= request;
  }
};

std::byte answers[64 * 1024];

// ---- our reactor ----

struct EpollServer final : FdHandler, Deferred {
  Reactor& reactor;
  Fd fd;
  Accounting accounting;
  EpollServer(Reactor& r, Fd f, std::size_t request) : reactor(r), fd(std::move(f)), accounting{request} {
    if (!reactor.add(fd.get(), EPOLLIN, this)) die("epoll", errno);
  }
  ~EpollServer() { reactor.remove(fd.get(), this); }
  void on_fd(std::uint32_t) override {
    const auto scratch = reactor.scratch();
    for (;;) {
      const ssize_t n = ::recv(fd.get(), scratch.data(), kReadSize, 0);
      if (n < 0 && errno == EAGAIN) break;
      if (n <= 0) return reactor.stop();
      accounting.received(static_cast<std::size_t>(n));
      if (static_cast<std::size_t>(n) < kReadSize) break;
    }
    if (accounting.owed != 0) reactor.defer(this);
  }
  void on_deferred() override {
    while (accounting.owed != 0) {
      const ssize_t n =
          ::send(fd.get(), answers, std::min(accounting.owed, sizeof answers), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) return reactor.defer_to_next_turn(this);  // never with so few bytes
      if (n < 0) return reactor.stop();
      accounting.owed -= static_cast<std::size_t>(n);
    }
  }
};

void serve_epoll(Fd fd, std::size_t request, bool busy) {
  auto reactor = Reactor::create({.busy_poll = busy ? kBusyPoll : 0, .max_events = 256});
  if (!reactor) die("reactor", reactor.error().code);
  EpollServer server(**reactor, std::move(fd), request);
  (*reactor)->run();
}

// ---- io_uring ----

// One receive and one send under way at a time; one io_uring_enter per loop.
class UringServer {
 public:
  UringServer(Fd fd, std::size_t request, bool busy, bool multishot)
      : fd_(std::move(fd)), accounting_{request}, busy_(busy), multishot_(multishot) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    if (const int r = io_uring_queue_init_params(64, &ring_, &params); r < 0) die("io_uring", -r);
    memory_.resize(kReadSize * (multishot ? kBuffers : 1));
    if (multishot) provide_buffers();
  }
  ~UringServer() {
    io_uring_queue_exit(&ring_);
    std::free(buffers_);
  }
  void run() {
    receive();
    while (!ended_) {
      wait();
      io_uring_cqe* cqe = nullptr;
      while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
        handle(*cqe);
        io_uring_cqe_seen(&ring_, cqe);
      }
      if (accounting_.owed != 0 && !sending_) answer();
    }
  }

 private:
  enum : std::uint64_t { kReceive = 1, kSend = 2 };
  static constexpr unsigned kBuffers = 16;  // power of two

  void provide_buffers() {
    const std::size_t size = kBuffers * sizeof(io_uring_buf);
    if (posix_memalign(reinterpret_cast<void**>(&buffers_), 4096, size) != 0) die("memory", ENOMEM);
    io_uring_buf_reg reg{};
    reg.ring_addr = reinterpret_cast<std::uint64_t>(buffers_);
    reg.ring_entries = kBuffers;
    if (const int r = io_uring_register_buf_ring(&ring_, &reg, 0); r < 0) die("io_uring buffer ring", -r);
    io_uring_buf_ring_init(buffers_);
    for (unsigned i = 0; i < kBuffers; ++i) give_back(i);
  }
  void give_back(unsigned i) {
    io_uring_buf_ring_add(buffers_, memory_.data() + i * kReadSize, kReadSize, static_cast<unsigned short>(i),
                          io_uring_buf_ring_mask(kBuffers), 0);
    io_uring_buf_ring_advance(buffers_, 1);
  }
  void receive() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (multishot_) {
      io_uring_prep_recv_multishot(sqe, fd_.get(), nullptr, 0, 0);
      sqe->flags |= IOSQE_BUFFER_SELECT;
      sqe->buf_group = 0;
    } else {
      io_uring_prep_recv(sqe, fd_.get(), memory_.data(), kReadSize, 0);
    }
    io_uring_sqe_set_data64(sqe, kReceive);
  }
  void answer() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    io_uring_prep_send(sqe, fd_.get(), answers, std::min(accounting_.owed, sizeof answers), MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, kSend);
    sending_ = true;
  }
  void wait() {
    if (busy_ && recent_) {
      io_uring_submit(&ring_);
      for (const Time end = clock_of(CLOCK_MONOTONIC) + kBusyPoll; clock_of(CLOCK_MONOTONIC) < end;) {
        io_uring_get_events(&ring_);
        if (io_uring_cq_ready(&ring_) != 0) return;
      }
    }
    const int r = io_uring_submit_and_wait(&ring_, 1);
    if (r < 0 && r != -EINTR) die("io_uring_enter", -r);
    recent_ = true;
  }
  void handle(const io_uring_cqe& cqe) {
    if (io_uring_cqe_get_data64(&cqe) == kSend) {
      sending_ = false;
      if (cqe.res < 0)
        ended_ = true;
      else
        accounting_.owed -= static_cast<std::size_t>(cqe.res);
      return;
    }
    if (cqe.res > 0) accounting_.received(static_cast<std::size_t>(cqe.res));
    if (cqe.flags & IORING_CQE_F_BUFFER) give_back(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    if (cqe.res == 0 || (cqe.res < 0 && cqe.res != -ENOBUFS))
      ended_ = true;
    else if (!multishot_ || !(cqe.flags & IORING_CQE_F_MORE))
      receive();
  }

  io_uring ring_{};
  Fd fd_;
  Accounting accounting_;
  bool busy_, multishot_;
  bool sending_ = false, ended_ = false, recent_ = false;
  std::vector<std::byte> memory_;
  io_uring_buf_ring* buffers_ = nullptr;
};

// ---- the client and the rounds ----

struct Workload {
  const char* name;
  std::size_t request;
  std::size_t depth;
};
constexpr Workload kWorkloads[] = {{"4,168 B, depth 1", 4168, 1},
                                   {"4,168 B, depth 32", 4168, 32},
                                   {"4,168 B, depth 128", 4168, 128},
                                   {"128 KiB + 72 B, depth 32", 128 * 1024 + 72, 32}};

struct Variant {
  const char* name;
  void (*serve)(Fd, std::size_t, bool);
  bool busy;
};
void serve_single(Fd fd, std::size_t request, bool busy) {
  UringServer(std::move(fd), request, busy, false).run();
}
void serve_multi(Fd fd, std::size_t request, bool busy) {
  UringServer(std::move(fd), request, busy, true).run();
}
constexpr Variant kVariants[] = {
    {"epoll reactor", serve_epoll, false},      {"epoll reactor, 20 us busy-poll", serve_epoll, true},
    {"io_uring", serve_single, false},          {"io_uring, 20 us busy-poll", serve_single, true},
    {"io_uring multishot", serve_multi, false}, {"io_uring multishot, 20 us busy-poll", serve_multi, true}};

struct Sample {
  double rate = 0;  // exchanges/s
  double cpu = 0;   // us of the server's thread per exchange
};

// Keeps `depth` requests under way until `end`; returns the exchanges done.
std::uint64_t drive(int fd, const Workload& w, Time end) {
  static std::vector<std::byte> data(1 << 20);
  static std::vector<std::byte> in(64 * 1024);
  std::size_t to_send = w.depth * w.request, answer_bytes = 0;
  std::uint64_t done = 0;
  while (clock_of(CLOCK_MONOTONIC) < end) {
    if (to_send != 0) {
      const ssize_t n = ::send(fd, data.data(), std::min(to_send, data.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) to_send -= static_cast<std::size_t>(n);
    }
    const ssize_t n = ::recv(fd, in.data(), in.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) die("the server went away", n == 0 ? EPIPE : errno);
    if (n < 0) continue;
    answer_bytes += static_cast<std::size_t>(n);
    const std::size_t answered = answer_bytes / kAnswer;
    answer_bytes %= kAnswer;
    done += answered;
    to_send += answered * w.request;
  }
  return done;
}

Sample round(const Variant& v, const Workload& w, Duration length) {
  auto listener = listen_tcp({"127.0.0.1", 0});
  if (!listener) die("listen", listener.error().code);
  auto client = connect_tcp(*local_address(listener->get()));
  if (!client) die("connect", client.error().code);
  Fd server;
  while (!server) {
    auto accepted = accept_tcp(listener->get());
    if (!accepted) die("accept", accepted.error().code);
    server = std::move(*accepted);
  }
  std::thread thread([&] {
    pin(0);
    v.serve(std::move(server), w.request, v.busy);
  });
  clockid_t cpu_clock{};
  pthread_getcpuclockid(thread.native_handle(), &cpu_clock);
  const Time cpu_begin = clock_of(cpu_clock), begin = clock_of(CLOCK_MONOTONIC);
  const std::uint64_t done = drive(client->get(), w, begin + length);
  const double cpu = static_cast<double>(clock_of(cpu_clock) - cpu_begin);
  const double elapsed = static_cast<double>(clock_of(CLOCK_MONOTONIC) - begin);
  client->reset();
  thread.join();
  return {static_cast<double>(done) * 1e9 / elapsed, done ? cpu / 1e3 / static_cast<double>(done) : 0};
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

int bench(Duration length, unsigned rounds) {
  pin(1);
  for (const Workload& w : kWorkloads) {
    std::vector<double> rates[std::size(kVariants)], cpus[std::size(kVariants)];
    for (unsigned r = 0; r < rounds; ++r)
      for (std::size_t i = 0; i < std::size(kVariants); ++i) {
        const Sample s = round(kVariants[i], w, length);
        std::this_thread::sleep_for(
            std::chrono::nanoseconds(length));  // leaves half of the machine to its others
        rates[i].push_back(s.rate);
        cpus[i].push_back(s.cpu);
      }
    std::printf("| %s | exchanges/s (low..high) | us CPU per exchange |\n|---|---|---|\n", w.name);
    for (std::size_t i = 0; i < std::size(kVariants); ++i) {
      const auto [low, high] = std::minmax_element(rates[i].begin(), rates[i].end());
      std::printf("| %s | %.0f (%.0f..%.0f) | %.2f |\n", kVariants[i].name, median(rates[i]), *low, *high,
                  median(cpus[i]));
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace nvtee::net

// reactor_bench [MILLISECONDS_A_ROUND [ROUNDS]]
int main(int argc, char** argv) {
  const unsigned long ms = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 400;
  const unsigned long rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 5;
  if (ms == 0 || rounds == 0 || argc > 3) {
    std::fprintf(stderr, "usage: reactor_bench [MILLISECONDS_A_ROUND [ROUNDS]]\n");
    return 2;
  }
  return nvtee::net::bench(ms * nvtee::kMillisecond, static_cast<unsigned>(rounds));
}
