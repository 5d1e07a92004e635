// The program itself: killed, stopped, started twice, asked.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tools/nvtee-target/test_rig.hpp"

namespace nvtee::target {
namespace {

namespace io = spec::io;
namespace st = spec::st;

// A child process; killed and reaped at the end whatever happens.
class Child {
 public:
  explicit Child(std::vector<std::string> words, bool ready = true) {
    int ready_pipe[2], error_pipe[2];
    NVTEE_CHECK(::pipe2(ready_pipe, O_CLOEXEC) == 0 && ::pipe2(error_pipe, O_CLOEXEC) == 0, "pipes");
    words.insert(words.begin(), NVTEE_TARGET_PROGRAM);
    if (ready) {
      words.push_back("--ready-fd");
      words.push_back("9");
    }
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(error_pipe[1], 1);
      ::dup2(error_pipe[1], 2);
      // Last, since 9 may be the other pipe's; and it may be 9 already, then dup2 leaves close-on-exec on.
      ::dup2(ready_pipe[1], 9);
      ::fcntl(9, F_SETFD, 0);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ready_ = net::Fd(ready_pipe[0]);
    text_ = net::Fd(error_pipe[0]);
    ::close(ready_pipe[1]);
    ::close(error_pipe[1]);
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }
  // Waits until it listens.
  net::Address address() {
    std::string line;
    for (char c; ::read(ready_.get(), &c, 1) == 1 && c != '\n';) line += c;
    const auto j = nlohmann::json::parse(line, nullptr, false);
    EXPECT_TRUE(j.is_object()) << line << text();
    return j.is_object() ? net::Address{j["host"], j["port"]} : net::Address{};
  }
  void signal(int s) { ::kill(pid_, s); }
  // Exit code, or 128 + signal.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // What it printed, to its end.
  std::string text() {
    std::string all;
    char chunk[4096];
    for (ssize_t n; (n = ::read(text_.get(), chunk, sizeof chunk)) > 0;)
      all.append(chunk, static_cast<std::size_t>(n));
    return all;
  }

 private:
  pid_t pid_ = -1;
  net::Fd ready_, text_;
};

class Process : public testing::Test {
 protected:
  std::vector<std::string> words(std::vector<std::string> more = {}) {
    std::vector<std::string> w{"--file",  dir_ / "a.img", "--size",      "64M",   "--durability",
                               "process", "--listen",     "127.0.0.1:0", "--log", "warn"};
    w.insert(w.end(), more.begin(), more.end());
    return w;
  }
  std::unique_ptr<TestHost> host(const net::Address& address) {
    auto h = std::make_unique<TestHost>(loop_, address);
    EXPECT_TRUE(h->connect()) << h->why;
    return h;
  }
  TempDir dir_;
  Loop loop_;
};

TEST_F(Process, AKillDropsExactlyWhatMayBeDropped) {
  for (const bool chaos : {false, true}) {
    const auto a = pattern(4096, 1), b = pattern(4096, 2), c = pattern(4096, 3);
    {
      Child t(words(chaos ? std::vector<std::string>{"--cache-chaos", "5"}
                          : std::vector<std::string>{"--volatile-cache"}));
      auto h = host(t.address());
      for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(h->write(i, a), st::kOk);
      EXPECT_EQ(h->run(TestHost::sqe(io::kFlush)).status, st::kOk);
      for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(h->write(i, b), st::kOk);
      EXPECT_EQ(h->write(100, c, 4096, spec::kCdw12Fua), st::kOk);
      EXPECT_TRUE(h->read(0, 1) == b);
      t.signal(SIGKILL);
      EXPECT_EQ(t.wait(), 128 + SIGKILL);
    }
    Child t(words());
    auto h = host(t.address());
    unsigned early = 0;
    for (unsigned i = 0; i < 64; ++i) {
      const auto now = h->read(i, 1);
      EXPECT_TRUE(now == a || now == b) << i;
      early += now == b;
    }
    EXPECT_TRUE(h->read(100, 1) == c);
    if (chaos) {
      EXPECT_GT(early, 0u);
      EXPECT_LT(early, 64u);
    } else {
      EXPECT_EQ(early, 0u);
    }
  }
}

TEST_F(Process, AKillKeepsEveryAnsweredWriteWithoutCache) {
  std::vector<bool> answered(256);
  {
    Child t(words());
    auto h = host(t.address());
    std::vector<unsigned> tickets;
    for (unsigned i = 0; i < 100; ++i)
      tickets.push_back(h->start(TestHost::sqe(io::kWrite, i), pattern(4096, i)));
    EXPECT_TRUE(loop_.until([&] { return h->finished(tickets[20]); }));
    t.signal(SIGKILL);
    EXPECT_EQ(t.wait(), 128 + SIGKILL);
    EXPECT_TRUE(loop_.until([&] { return h->down; }));
    for (unsigned i = 0; i < 100; ++i) answered[i] = h->finished(tickets[i]);
  }
  Child t(words());
  auto h = host(t.address());
  for (unsigned i = 0; i < 100; ++i) {
    const auto now = h->read(i, 1);
    EXPECT_TRUE(now == pattern(4096, i) || (!answered[i] && now == std::vector<std::byte>(4096))) << i;
  }
}

TEST_F(Process, ReservationsSurviveAKill) {
  {
    Child t(words());
    auto h = host(t.address());
    EXPECT_EQ(h->resv_register(0, 0xa, 0, 3u << 30), st::kOk);
    EXPECT_EQ(h->resv_acquire(0xa, 2), st::kOk);
    t.signal(SIGKILL);
    t.wait();
  }
  Child t(words());
  TestHost::Options o;
  o.id = 9;
  o.nqn = "nqn.2024-01.test:other";
  TestHost other(loop_, t.address(), o);
  ASSERT_TRUE(other.connect());
  EXPECT_EQ(other.run(TestHost::sqe(io::kRead), {}, 4096).status, st::kReservationConflict);
}

TEST_F(Process, TermUnderLoadAnswersFlushesAndExitsZero) {
  std::vector<bool> answered(128);
  {
    Child t(words({"--volatile-cache"}));
    auto h = host(t.address());
    std::vector<unsigned> tickets;
    for (unsigned i = 0; i < 128; ++i)
      tickets.push_back(h->start(TestHost::sqe(io::kWrite, i), pattern(4096, i)));
    EXPECT_TRUE(loop_.until([&] { return h->finished(tickets[10]); }));
    t.signal(SIGTERM);
    EXPECT_TRUE(loop_.until([&] { return h->down; }));
    EXPECT_EQ(t.wait(), 0) << t.text();
    for (unsigned i = 0; i < 128; ++i) answered[i] = h->finished(tickets[i]);
  }
  Child t(words());
  auto h = host(t.address());
  for (unsigned i = 0; i < 128; ++i)
    if (answered[i]) EXPECT_TRUE(h->read(i, 1) == pattern(4096, i)) << i;
}

TEST_F(Process, ASecondOneOnTheSameFileIsRefused) {
  Child first(words());
  first.address();
  Child second(words(), false);
  EXPECT_EQ(second.wait(), 1);
  const std::string text = second.text();
  EXPECT_NE(text.find("in use"), std::string::npos) << text;
}

TEST_F(Process, UsageAndPortFile) {
  Child bad({"--mem"}, false);
  EXPECT_EQ(bad.wait(), 2);
  EXPECT_NE(bad.text().find("--mem"), std::string::npos);
  Child help({"--help"}, false);
  EXPECT_EQ(help.wait(), 0);
  Child t(words({"--port-file", dir_ / "port"}));
  const net::Address a = t.address();
  std::ifstream in(dir_ / "port");
  unsigned port = 0;
  in >> port;
  EXPECT_EQ(port, a.port);
}

TEST_F(Process, ControlCommandPrintsJsonAndTellsByItsExitCode) {
  Child t(words({"--control", dir_ / "c"}));
  t.address();
  Child status({"ctl", dir_ / "c", "status"}, false);
  EXPECT_EQ(status.wait(), 0);
  const auto j = nlohmann::json::parse(status.text(), nullptr, false);
  ASSERT_TRUE(j.is_object());
  EXPECT_EQ(j["namespaces"][0]["blocks"], (64u << 20) / 4096);
  Child inject({"ctl", dir_ / "c", "inject", "latency=5ms,opcode=write"}, false);
  EXPECT_EQ(inject.wait(), 0);
  Child bad({"ctl", dir_ / "c", "dance"}, false);
  EXPECT_EQ(bad.wait(), 1);
  Child nobody({"ctl", dir_ / "nobody", "status"}, false);
  EXPECT_EQ(nobody.wait(), 1);
  struct stat s{};
  ASSERT_EQ(::stat((dir_ / "c").c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0600u);
}

}  // namespace
}  // namespace nvtee::target
