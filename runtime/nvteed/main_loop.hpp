// The daemon's main thread: runs what other threads post, watches signals, has one timer.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/base/time.hpp"
#include "runtime/net/socket.hpp"

namespace nvtee::daemon {

// Takes SIGTERM, SIGINT and SIGHUP away from every thread that is started later: make it first. The first
// SIGTERM or SIGINT is posted; the second ends the process at once with `stop_code`, whatever the main thread
// is doing.
class Signals {
 public:
  Signals(std::function<void(int)> on_signal, int stop_code);
  ~Signals();

 private:
  void run();
  std::function<void(int)> on_signal_;
  int stop_code_;
  net::Fd signals_, end_;
  std::thread thread_;
};

class MainLoop {
 public:
  MainLoop();
  void post(std::function<void()> f);  // any thread
  // Runs `f` on this loop after `delay`; replaces the one before.
  void set_timer(Duration delay, std::function<void()> f);
  int run();  // until finish(); returns its code
  void finish(int code) { code_ = code, running_ = false; }

 private:
  void run_posted();
  net::Fd wake_;
  std::mutex mutex_;
  std::deque<std::function<void()>> posted_;
  std::function<void()> timer_;
  Time timer_at_ = kNever;
  bool running_ = true;
  int code_ = 0;
};

}  // namespace nvtee::daemon
