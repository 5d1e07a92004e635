// One event loop per core: sockets, timers, deferred work. Nothing here locks except post().
//
// A loop turn: wait -> now() is sampled once -> socket events -> posted functions -> deferred work -> timers
// -> deferred work. Sockets are drained before timers fire, so that a late timer never beats an answer that
// has already arrived (DESIGN §4, Leg loss).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "runtime/base/result.hpp"
#include "runtime/base/time.hpp"
#include "runtime/net/pause_log.hpp"

namespace nvtee::net {

// Told of readiness of one descriptor. `events` are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP bits.
class FdHandler {
 public:
  virtual void on_fd(std::uint32_t events) = 0;

 protected:
  ~FdHandler() = default;
};

// Work that runs once at the end of the present turn however often it was asked for (flush a socket, run the
// core).
class Deferred {
 public:
  virtual void on_deferred() = 0;

 protected:
  ~Deferred() { undefer(); }
  void undefer();  // leaves the queue if it is in it

 private:
  friend class Reactor;
  Deferred* next_ = nullptr;
  Deferred* prev_ = nullptr;
  class Reactor* queued_in_ = nullptr;
  bool next_turn_ = false;  // which of its two queues
};

class Reactor {
 public:
  struct Options {
    // The most time to poll before sleeping; 0 = never. How long it really polls follows the load: not at all
    // until a sleep proved to be shorter than this, and less and less once polling finds nothing (BusyPoll).
    Duration busy_poll = 0;
    unsigned max_events = 256;  // events taken per wait
  };
  static Result<std::unique_ptr<Reactor>> create(const Options& options);
  static Result<std::unique_ptr<Reactor>> create() { return create(Options{}); }
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Time of the present turn (ns, monotonic).
  Time now() const { return now_; }
  // How much longer than it should the previous turn took (a pause of the process, a stolen core): added to
  // every deadline by those who keep one. `total_pause()` is the running sum of pauses over 50 ms;
  // `paused_since(t)` what a deadline that began at `t` is to be forgiven.
  Duration total_pause() const { return pauses_.total(); }
  Duration paused_since(Time begin) const { return pauses_.since(begin); }

  // Level-triggered. The handler must outlive remove(). events: EPOLLIN | EPOLLOUT | EPOLLRDHUP; EPOLLERR and
  // EPOLLHUP are always reported. remove() comes before close(fd). Adding and removing descriptors in
  // callbacks is allowed.
  Status0 add(int fd, std::uint32_t events, FdHandler* handler);
  void modify(int fd, std::uint32_t events, FdHandler* handler);
  // After remove() the handler gets no call, not even for events already taken in this turn.
  void remove(int fd, FdHandler* handler);

  // Work deferred by deferred work still runs in this turn, up to 16 rounds; what is left runs in the next
  // turn. The work object must be used with one reactor only while it is queued.
  void defer(Deferred* work);
  // Runs after the socket events of the next turn, which then does not sleep: for those who ran out of their
  // budget.
  void defer_to_next_turn(Deferred* work);

  // From any thread: runs `f` on the loop's thread in a later turn. Bound: callers bound themselves.
  void post(std::function<void()> f);

  // Runs until stop() (callable from any thread or a signal handler). A stop() before run() makes it return
  // at once.
  void run();
  void stop();
  // One turn; waits at most `max_wait`, less when a timer is due or to notice pauses (at most 100 ms while
  // any timer is armed). For tests and for programs with a loop of their own. Not from inside a callback.
  void turn(Duration max_wait);

  // Bytes anybody on this thread may use within one callback, without calling anyone else meanwhile.
  std::span<std::byte> scratch();

 private:
  friend class Timer;
  friend class Deferred;
  struct Impl;
  explicit Reactor(const Options& options);
  Time now_ = 0;
  PauseLog pauses_;
  std::unique_ptr<Impl> impl_;
};

// A one-shot timer on a reactor's thread. Destroying or cancel()ing it disarms it; both are allowed in its
// own on_fire. Timers fire in order of their time, those of equal time in order of arming.
class Timer {
 public:
  Timer(Reactor& reactor, std::function<void()> on_fire) : reactor_(reactor), on_fire_(std::move(on_fire)) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Re-arming moves it. A time that is past fires in this turn's timers, or in the next turn if they run
  // already. kNever disarms.
  void arm_at(Time when);
  void arm_in(Duration delay) { arm_at(reactor_.now() + delay); }
  void cancel();
  bool armed() const { return slot_ != kDisarmed; }

 private:
  friend class Reactor;
  static constexpr std::size_t kDisarmed = ~std::size_t{0};
  Reactor& reactor_;
  std::function<void()> on_fire_;
  Time when_ = 0;
  std::uint64_t order_ = 0;       // order of arming
  std::size_t slot_ = kDisarmed;  // place in the reactor's heap
  bool* destroyed_ = nullptr;     // set while on_fire_ runs
};

}  // namespace nvtee::net
