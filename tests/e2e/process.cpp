#include "tests/e2e/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace nvtee::e2e {

namespace {

constexpr Seconds kReadyLimit(60);

int exit_code(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : -1;
}

int poll_ms(Seconds limit) {
  return static_cast<int>(limit.count() * 1000);
}

// fork + exec; the child dies with the test. stdout_fd/stderr_fd replace 1 and 2.
int spawn(const std::vector<std::string>& argv, int out_fd, int err_fd, int keep_fd) {
  std::vector<char*> args;
  for (const auto& a : argv) args.push_back(const_cast<char*>(a.c_str()));
  args.push_back(nullptr);
  const int pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(out_fd, 1);
  dup2(err_fd, 2);
  if (keep_fd >= 0) fcntl(keep_fd, F_SETFD, 0);
  execv(args[0], args.data());
  std::perror(args[0]);
  _exit(127);
}

}  // namespace

TempDir::TempDir() {
  const char* base = std::getenv("TMPDIR");
  std::string name = std::string(base != nullptr ? base : "/tmp") + "/nvtee-e2e-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process Process::start(const std::vector<std::string>& argv, const std::string& log, bool ready) {
  Process p;
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int pipe_fd[2] = {-1, -1};
  std::vector<std::string> args = argv;
  if (ready) {
    if (pipe2(pipe_fd, O_CLOEXEC) != 0) std::abort();
    args.insert(args.end(), {"--ready-fd", std::to_string(pipe_fd[1])});
  }
  p.pid_ = spawn(args, log_fd, log_fd, pipe_fd[1]);
  close(log_fd);
  if (!ready) return p;
  close(pipe_fd[1]);
  pollfd w{pipe_fd[0], POLLIN, 0};
  char byte = 0;
  p.ready_ = poll(&w, 1, poll_ms(kReadyLimit)) == 1 && read(pipe_fd[0], &byte, 1) == 1;
  close(pipe_fd[0]);
  return p;
}

Process::~Process() {
  if (running()) {
    ::kill(pid_, SIGKILL);
    wait(Seconds(10));
  }
}

Process::Process(Process&& o) noexcept
    : pid_(std::exchange(o.pid_, -1)),
      code_(std::exchange(o.code_, -1)),
      ready_(std::exchange(o.ready_, false)) {}

Process& Process::operator=(Process&& o) noexcept {
  std::swap(pid_, o.pid_);
  std::swap(code_, o.code_);
  std::swap(ready_, o.ready_);
  return *this;
}

void Process::take(int status) {
  code_ = exit_code(status);
  pid_ = -1;
}

bool Process::running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) take(status);
  return pid_ >= 0;
}

void Process::signal(int number) {
  if (running()) ::kill(pid_, number);
}

bool Process::wait(Seconds limit) {
  if (!running()) return true;
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd w{fd, POLLIN, 0};
  const bool ended = poll(&w, 1, poll_ms(limit)) == 1;
  close(fd);
  if (!ended) return false;
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) take(status);
  return true;
}

Output run(const std::vector<std::string>& argv, Seconds limit) {
  Output o;
  int fd[2];
  if (pipe2(fd, O_CLOEXEC) != 0) std::abort();
  const int pid = spawn(argv, fd[1], 2, -1);
  close(fd[1]);
  const auto end = std::chrono::steady_clock::now() + limit;
  char buffer[65536];
  for (;;) {
    const Seconds left = end - std::chrono::steady_clock::now();
    pollfd w{fd[0], POLLIN, 0};
    if (left.count() <= 0 || poll(&w, 1, poll_ms(left)) != 1) {
      kill(pid, SIGKILL);
      break;
    }
    const ssize_t n = read(fd[0], buffer, sizeof(buffer));
    if (n <= 0) break;
    o.text.append(buffer, static_cast<std::size_t>(n));
  }
  close(fd[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  o.code = exit_code(status);
  return o;
}

std::string bin(const std::string& program) {
  return std::string(NVTEE_BIN) + "/" + program;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

void pause_between_polls() {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace nvtee::e2e
