// Tests only: a program as a child process, bounded in time, gone with its test.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/net/socket.hpp"

namespace nvtee::test {

constexpr auto kLimit = std::chrono::seconds(30);  // for a hung process; nothing here takes so long

struct Outcome {
  int exit = -1;
  std::string out, err;
};

// One run of the command: started at construction, killed at destruction if it still is there.
class Process {
 public:
  // `arguments` begins with the program. `terminal`: standard input and output are a pseudo terminal.
  Process(std::vector<std::string> arguments, const std::vector<std::string>& environment = {},
          bool terminal = false) {
    int out[2], err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) abort();
    int master = -1, slave = -1;
    if (terminal && ::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      const int null = ::open("/dev/null", O_RDONLY);
      ::dup2(terminal ? slave : null, 0);
      ::dup2(terminal ? slave : out[1], 1);
      ::dup2(err[1], 2);
      std::vector<char*> argv, envp;
      for (auto& a : arguments) argv.push_back(a.data());
      argv.push_back(nullptr);
      for (const auto& e : environment) envp.push_back(const_cast<char*>(e.c_str()));
      envp.push_back(nullptr);
      ::execve(argv[0], argv.data(), envp.data());
      ::_exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    if (slave >= 0) ::close(slave);
    out_ = net::Fd(terminal ? master : out[0]);
    if (terminal) ::close(out[0]);
    err_ = net::Fd(err[0]);
  }
  ~Process() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // Reads until `text` has been printed to stdout or stderr.
  bool wait_for(const std::string& text) {
    return pump([&] {
      return result_.out.find(text) != std::string::npos || result_.err.find(text) != std::string::npos;
    });
  }
  void type(const std::string& text) { (void)!::write(out_.get(), text.data(), text.size()); }
  void signal(int number) { ::kill(pid_, number); }
  pid_t pid() const { return pid_; }
  const Outcome& so_far() const { return result_; }
  Outcome finish() {
    EXPECT_TRUE(pump([&] { return !out_ && !err_; })) << "the command does not end";
    if (out_ || err_) return result_;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    result_.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return result_;
  }

 private:
  template <class Done>
  bool pump(Done done) {
    const auto until = std::chrono::steady_clock::now() + kLimit;
    while (!done()) {
      pollfd fds[2] = {{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}};
      if (!out_ && !err_) return done();
      if (std::chrono::steady_clock::now() > until || ::poll(fds, 2, 1000) < 0) return false;
      if (fds[0].revents) take(out_, result_.out);
      if (fds[1].revents) take(err_, result_.err);
    }
    return true;
  }
  static void take(net::Fd& fd, std::string& into) {
    char buffer[4096];
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n <= 0)
      fd.reset();  // a pseudo terminal ends with EIO
    else
      into.append(buffer, static_cast<std::size_t>(n));
  }
  pid_t pid_ = -1;
  net::Fd out_, err_;
  Outcome result_;
};

}  // namespace nvtee::test
