// Child processes of end-to-end tests: started by path, watched by pidfd, ended by pid, never left behind.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace nvtee::e2e {

using Seconds = std::chrono::duration<double>;

// A directory that is gone with its contents when the object is.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class Process {
 public:
  Process() = default;
  // Output (both streams) is appended to `log`. With `ready`, a pipe's write end is passed as --ready-fd N
  // and the constructor waits until the program writes to it or ends.
  static Process start(const std::vector<std::string>& argv, const std::string& log, bool ready = false);
  ~Process();  // SIGKILL if it still runs
  Process(Process&& o) noexcept;
  Process& operator=(Process&& o) noexcept;

  bool running();
  void signal(int number);
  // True when it ended in time; its exit code (128 + signal number when killed) is in code().
  bool wait(Seconds limit);
  int code() const { return code_; }
  bool was_ready() const { return ready_; }
  int pid() const { return pid_; }

 private:
  void take(int status);
  int pid_ = -1;
  int code_ = -1;
  bool ready_ = false;
};

struct Output {
  int code = -1;
  std::string text;  // stdout
};
// Runs to its end (SIGKILL after `limit`).
Output run(const std::vector<std::string>& argv, Seconds limit = Seconds(60));

// Directory of the built programs.
std::string bin(const std::string& program);
std::string read_file(const std::string& path);

// Asks `condition` again and again until it holds; false after `limit`.
template <class F>
bool eventually(F condition, Seconds limit);

void pause_between_polls();

template <class F>
bool eventually(F condition, Seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    pause_between_polls();
  }
  return true;
}

}  // namespace nvtee::e2e
