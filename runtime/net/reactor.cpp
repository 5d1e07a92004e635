#include "runtime/net/reactor.hpp"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <vector>

#include "runtime/base/check.hpp"
#include "runtime/net/busy_poll.hpp"
#include "runtime/net/socket.hpp"

namespace nvtee::net {
namespace {

constexpr Duration kPauseFloor = 50 * kMillisecond;  // shorter gaps are ordinary scheduling
constexpr Duration kPauseProbe = 100 * kMillisecond;
constexpr unsigned kDeferredRounds = 16;
constexpr std::size_t kScratchBytes = 128 * 1024;

Time clock_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<Time>(t.tv_sec) * kSecond + static_cast<Time>(t.tv_nsec);
}

}  // namespace

struct Reactor::Impl {
  // A doubly linked list of deferred work without a heap.
  struct WorkList {
    Deferred* first = nullptr;
    Deferred* last = nullptr;
  };

  explicit Impl(const Options& o) : options(o), busy_poll(o.busy_poll) {}

  Options options;
  BusyPoll busy_poll;
  Fd epoll, wake;
  std::vector<epoll_event> events;
  unsigned taken = 0;  // events of the present batch
  std::vector<Timer*> heap;
  std::uint64_t next_order = 0;
  WorkList now_work, next_work;
  std::mutex post_mutex;
  std::vector<std::function<void()>> posted, running;
  std::atomic<bool> stop{false};
  bool in_turn = false;
  bool was_busy = false;  // the previous turn had work: spinning may pay
  Time turn_began = 0;    // when the previous turn's wait returned
  std::unique_ptr<std::byte[]> scratch;

  // ---- timers: a binary heap by (when, order) ----
  static bool before(const Timer* a, const Timer* b) {
    return a->when_ != b->when_ ? a->when_ < b->when_ : a->order_ < b->order_;
  }
  void place(std::size_t at, Timer* t) {
    heap[at] = t;
    t->slot_ = at;
  }
  void sift_up(std::size_t at) {
    Timer* t = heap[at];
    for (; at > 0 && before(t, heap[(at - 1) / 2]); at = (at - 1) / 2) place(at, heap[(at - 1) / 2]);
    place(at, t);
  }
  void sift_down(std::size_t at) {
    Timer* t = heap[at];
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap.size()) break;
      if (child + 1 < heap.size() && before(heap[child + 1], heap[child])) ++child;
      if (!before(heap[child], t)) break;
      place(at, heap[child]);
      at = child;
    }
    place(at, t);
  }
  void push(Timer* t) {
    heap.push_back(t);
    t->slot_ = heap.size() - 1;
    sift_up(t->slot_);
  }
  void erase(Timer* t) {
    const std::size_t at = t->slot_;
    Timer* last = heap.back();
    heap.pop_back();
    t->slot_ = Timer::kDisarmed;
    if (last == t) return;
    place(at, last);
    sift_up(at);
    sift_down(last->slot_);
  }
  void fire(Time now) {
    // Timers armed from here on wait for the next turn: a callback that re-arms for "now" cannot stall the
    // loop.
    const std::uint64_t limit = next_order;
    while (!heap.empty() && heap.front()->when_ <= now && heap.front()->order_ < limit) {
      Timer* t = heap.front();
      erase(t);
      // The function is moved out because it may destroy its timer.
      bool destroyed = false;
      auto f = std::move(t->on_fire_);
      t->destroyed_ = &destroyed;
      f();
      if (destroyed) continue;
      t->destroyed_ = nullptr;
      t->on_fire_ = std::move(f);
    }
  }

  // ---- deferred work ----
  void append(Reactor* owner, Deferred* work, bool next_turn) {
    WorkList& list = next_turn ? next_work : now_work;
    work->queued_in_ = owner;
    work->next_turn_ = next_turn;
    work->next_ = nullptr;
    work->prev_ = list.last;
    (list.last ? list.last->next_ : list.first) = work;
    list.last = work;
  }
  void unlink(Deferred* work) {
    WorkList& list = work->next_turn_ ? next_work : now_work;
    (work->prev_ ? work->prev_->next_ : list.first) = work->next_;
    (work->next_ ? work->next_->prev_ : list.last) = work->prev_;
    work->queued_in_ = nullptr;
    work->next_ = work->prev_ = nullptr;
  }
  void take_next_work(Reactor* owner) {
    while (Deferred* work = next_work.first) {
      unlink(work);
      append(owner, work, false);
    }
  }
  // Rounds, not a plain "until empty": work that keeps asking for itself must not keep sockets and timers
  // waiting.
  void run_deferred(Reactor* owner) {
    Round mark;
    for (unsigned round = 0; round < kDeferredRounds && now_work.first; ++round) {
      append(owner, &mark, false);
      while (now_work.first != &mark) {
        Deferred* work = now_work.first;
        unlink(work);
        work->on_deferred();
      }
      unlink(&mark);
    }
  }
  struct Round final : Deferred {
    void on_deferred() override {}
  };

  // ---- the wait ----
  Duration sleep_limit(Time now, Duration max_wait) const {
    if (now_work.first || next_work.first) return 0;
    if (heap.empty()) return max_wait;
    const Time due = heap.front()->when_;
    return std::min({max_wait, due > now ? due - now : 0, kPauseProbe});
  }
  unsigned wait_once(Duration limit) {
    timespec t{};
    t.tv_sec = static_cast<time_t>(std::min<Duration>(limit / kSecond, 1'000'000));
    t.tv_nsec = static_cast<long>(limit % kSecond);
    const int n = epoll_pwait2(epoll.get(), events.data(), static_cast<int>(events.size()),
                               limit == kNever ? nullptr : &t, nullptr);
    NVTEE_CHECK(n >= 0 || errno == EINTR, "epoll_pwait2 fails only by interruption");
    return n < 0 ? 0 : static_cast<unsigned>(n);
  }
  unsigned wait(Time now, Duration limit) {
    if (options.busy_poll == 0 || limit == 0) return wait_once(limit);
    unsigned n = was_busy ? poll(now + std::min(limit, busy_poll.window())) : 0;
    const Duration polled = clock_now() - now;
    if (n == 0 && polled < limit) n = wait_once(limit == kNever ? kNever : limit - polled);
    const Duration took = clock_now() - now;
    n != 0 ? busy_poll.event_after(took) : busy_poll.nothing_in(took);
    return n;
  }
  // Gives the core away between two looks: on a machine with fewer cores than pollers the one who has work
  // must not wait for the one who has not.
  unsigned poll(Time end) {
    while (clock_now() < end) {
      if (const unsigned n = wait_once(0)) return n;
      sched_yield();
    }
    return 0;
  }
  void dispatch() {
    for (unsigned i = 0; i < taken; ++i) {
      void* who = events[i].data.ptr;
      if (!who) continue;  // removed meanwhile
      if (who == this) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t n = ::read(wake.get(), &count, sizeof count);
      } else {
        static_cast<FdHandler*>(who)->on_fd(events[i].events);
      }
    }
    taken = 0;
  }
  bool run_posted() {
    {
      std::lock_guard lock(post_mutex);
      running.swap(posted);
    }
    for (auto& f : running) f();
    const bool any = !running.empty();
    running.clear();
    return any;
  }
};

void Deferred::undefer() {
  if (queued_in_) queued_in_->impl_->unlink(this);
}

Reactor::Reactor(const Options& options) : now_(clock_now()), impl_(std::make_unique<Impl>(options)) {}

Reactor::~Reactor() {
  for (Timer* t : impl_->heap) t->slot_ = Timer::kDisarmed;
  while (impl_->now_work.first) impl_->unlink(impl_->now_work.first);
  while (impl_->next_work.first) impl_->unlink(impl_->next_work.first);
}

Result<std::unique_ptr<Reactor>> Reactor::create(const Options& options) {
  std::unique_ptr<Reactor> r(new Reactor(options));
  Impl& im = *r->impl_;
  im.events.resize(std::clamp(options.max_events, 1u, 4096u));
  im.scratch = std::make_unique_for_overwrite<std::byte[]>(kScratchBytes);
  im.epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!im.epoll)
    return fail_errno("cannot create an epoll descriptor", errno, "raise the limit of open files");
  im.wake = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!im.wake)
    return fail_errno("cannot create an event descriptor", errno, "raise the limit of open files");
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.ptr = &im;
  if (::epoll_ctl(im.epoll.get(), EPOLL_CTL_ADD, im.wake.get(), &e) != 0)
    return fail_errno("cannot watch the event descriptor", errno);
  im.turn_began = r->now_;
  return r;
}

Status0 Reactor::add(int fd, std::uint32_t events, FdHandler* handler) {
  epoll_event e{};
  e.events = events;
  e.data.ptr = handler;
  if (::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_ADD, fd, &e) != 0)
    return fail_errno("cannot watch a descriptor", errno, "raise fs.epoll.max_user_watches");
  return {};
}

void Reactor::modify(int fd, std::uint32_t events, FdHandler* handler) {
  epoll_event e{};
  e.events = events;
  e.data.ptr = handler;
  NVTEE_CHECK(::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_MOD, fd, &e) == 0,
              "modify() of a watched descriptor");
}

void Reactor::remove(int fd, FdHandler* handler) {
  NVTEE_CHECK(::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr) == 0,
              "remove() of a watched descriptor");
  // A handler with several descriptors may lose an event of another one here: level-triggered, so it comes
  // again.
  for (unsigned i = 0; i < impl_->taken; ++i)
    if (impl_->events[i].data.ptr == handler) impl_->events[i].data.ptr = nullptr;
}

void Reactor::defer(Deferred* work) {
  NVTEE_CHECK(!work->queued_in_ || work->queued_in_ == this,
              "deferred work belongs to one reactor at a time");
  if (work->queued_in_) {
    if (!work->next_turn_) return;
    impl_->unlink(work);
  }
  impl_->append(this, work, false);
}

void Reactor::defer_to_next_turn(Deferred* work) {
  NVTEE_CHECK(!work->queued_in_ || work->queued_in_ == this,
              "deferred work belongs to one reactor at a time");
  if (!work->queued_in_) impl_->append(this, work, true);
}

void Reactor::post(std::function<void()> f) {
  bool first;
  {
    std::lock_guard lock(impl_->post_mutex);
    first = impl_->posted.empty();
    impl_->posted.push_back(std::move(f));
  }
  if (!first) return;  // somebody's wake-up is under way
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(impl_->wake.get(), &one, sizeof one);
}

void Reactor::stop() {
  const int saved = errno;  // may run in a signal handler
  impl_->stop.store(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(impl_->wake.get(), &one, sizeof one);
  errno = saved;
}

void Reactor::run() {
  while (!impl_->stop.load()) turn(kNever);
  impl_->stop.store(false);
}

void Reactor::turn(Duration max_wait) {
  Impl& im = *impl_;
  NVTEE_CHECK(!im.in_turn, "turn() is not called from a callback");
  im.in_turn = true;
  const Time before = clock_now();
  const Duration limit = im.sleep_limit(before, max_wait);
  im.taken = im.wait(before, limit);
  now_ = clock_now();

  // A gap is time the loop could not serve anybody: a slow turn before the wait, or a wait that overslept.
  const Duration slow = im.turn_began ? before - im.turn_began : 0;
  const Duration slept = now_ - before;
  const Duration overslept = limit != kNever && slept > limit ? slept - limit : 0;
  const Duration gap = slow + overslept;
  if (gap > kPauseFloor) pauses_.add(now_, gap);
  im.turn_began = now_;

  im.was_busy = im.taken != 0;
  im.dispatch();
  im.was_busy |= im.run_posted();
  im.take_next_work(this);
  im.run_deferred(this);
  im.fire(now_);
  im.run_deferred(this);
  im.in_turn = false;
}

std::span<std::byte> Reactor::scratch() {
  return {impl_->scratch.get(), kScratchBytes};
}

Timer::~Timer() {
  cancel();
  if (destroyed_) *destroyed_ = true;
}

void Timer::arm_at(Time when) {
  cancel();
  if (when == kNever) return;
  // Past times count as now, so that they do not overtake timers that became due before them.
  when_ = std::max(when, reactor_.now_);
  order_ = reactor_.impl_->next_order++;
  reactor_.impl_->push(this);
}

void Timer::cancel() {
  if (slot_ != kDisarmed) reactor_.impl_->erase(this);
}

}  // namespace nvtee::net
