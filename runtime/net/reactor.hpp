// One event loop per core: sockets, timers, deferred work. Nothing here locks except post().
//
// A loop turn: wait -> now() is sampled once -> socket events -> posted functions -> deferred work -> timers ->
// deferred work. Sockets are drained before timers fire, so that a late timer never beats an answer that
// has already arrived (DESIGN §4, Leg loss).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "runtime/base/result.hpp"
#include "runtime/base/time.hpp"

namespace nvtee::net {

// Told of readiness of one descriptor. `events` are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP bits.
class FdHandler {
 public:
  virtual void on_fd(std::uint32_t events) = 0;

 protected:
  ~FdHandler() = default;
};

// Work that runs once at the end of the present turn however often it was asked for (flush a socket, run the core).
class Deferred {
 public:
  virtual void on_deferred() = 0;

 protected:
  ~Deferred();  // leaves the queue if it is still in it

 private:
  friend class Reactor;
  Deferred* next_ = nullptr;
  Deferred* prev_ = nullptr;
  class Reactor* queued_in_ = nullptr;
};

class Reactor {
 public:
  struct Options {
    Duration busy_poll = 0;        // spin this long before sleeping while work was recent; 0 = never
    unsigned max_events = 256;     // events taken per wait
  };
  static Result<std::unique_ptr<Reactor>> create(const Options& options);
  static Result<std::unique_ptr<Reactor>> create() { return create(Options{}); }
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Time of the present turn (ns, monotonic).
  Time now() const { return now_; }
  // How much longer than it should the previous turn took (a pause of the process, a stolen core): added to
  // every deadline by those who keep one. `total_pause()` is the running sum of pauses over 50 ms.
  Duration total_pause() const { return total_pause_; }

  // Level-triggered. The handler must outlive remove(). events: EPOLLIN | EPOLLOUT | EPOLLRDHUP.
  Status0 add(int fd, std::uint32_t events, FdHandler* handler);
  void modify(int fd, std::uint32_t events, FdHandler* handler);
  // After remove() the handler gets no call, not even for events already taken in this turn.
  void remove(int fd, FdHandler* handler);

  void defer(Deferred* work);

  // From any thread: runs `f` on the loop's thread in a later turn. Bound: callers bound themselves.
  void post(std::function<void()> f);

  // Runs until stop() (callable from any thread or a signal handler).
  void run();
  void stop();
  // One turn; waits at most `max_wait`. For tests and for programs with a loop of their own.
  void turn(Duration max_wait);

 private:
  friend class Timer;
  friend class Deferred;
  struct Impl;
  Reactor();
  Time now_ = 0;
  Duration total_pause_ = 0;
  std::unique_ptr<Impl> impl_;
};

// A one-shot timer on a reactor's thread. Destroying or cancel()ing it disarms it.
class Timer {
 public:
  Timer(Reactor& reactor, std::function<void()> on_fire) : reactor_(reactor), on_fire_(std::move(on_fire)) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm_at(Time when);  // re-arming moves it
  void arm_in(Duration delay) { arm_at(reactor_.now() + delay); }
  void cancel();
  bool armed() const { return slot_ != kDisarmed; }

 private:
  friend class Reactor;
  static constexpr std::size_t kDisarmed = ~std::size_t{0};
  Reactor& reactor_;
  std::function<void()> on_fire_;
  Time when_ = 0;
  std::size_t slot_ = kDisarmed;  // place in the reactor's heap
};

}  // namespace nvtee::net
