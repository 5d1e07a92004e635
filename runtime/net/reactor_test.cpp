#include "runtime/net/reactor.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "runtime/net/socket.hpp"

namespace nvtee::net {
namespace {

struct ReactorTest : testing::Test {
  std::unique_ptr<Reactor> reactor = *Reactor::create();
  std::vector<int> seen;
  // Turns until `done`, at most 2 s.
  template <class F>
  void turn_until(F done) {
    const Time end = reactor->now() + 2 * kSecond;
    while (!done() && reactor->now() < end) reactor->turn(10 * kMillisecond);
    ASSERT_TRUE(done()) << "nothing happened in 2 s";
  }
};

struct Work final : Deferred {
  std::function<void()> f;
  explicit Work(std::function<void()> g) : f(std::move(g)) {}
  void on_deferred() override { f(); }
  using Deferred::undefer;
};

// An eventfd with a handler.
struct Event final : FdHandler {
  Reactor& reactor;
  Fd fd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  std::function<void(std::uint32_t)> f;
  bool added = true;
  Event(Reactor& r, std::function<void(std::uint32_t)> g) : reactor(r), f(std::move(g)) {
    EXPECT_TRUE(reactor.add(fd.get(), EPOLLIN, this));
  }
  ~Event() {
    if (added) reactor.remove(fd.get(), this);
  }
  void remove() {
    added = false;
    reactor.remove(fd.get(), this);
  }
  void raise() { ASSERT_EQ(::eventfd_write(fd.get(), 1), 0); }
  void take() {
    eventfd_t v;
    ASSERT_EQ(::eventfd_read(fd.get(), &v), 0);
  }
  void on_fd(std::uint32_t events) override { f(events); }
};

TEST_F(ReactorTest, TimersFireInOrderOfTimeThenOfArming) {
  auto note = [&](int n) { return [this, n] { seen.push_back(n); }; };
  Timer a(*reactor, note(1)), b(*reactor, note(2)), c(*reactor, note(3)), d(*reactor, note(4)),
      e(*reactor, note(5));
  const Time t = reactor->now() + kMillisecond;
  c.arm_at(t);
  a.arm_at(t - 10);
  e.arm_at(t);
  b.arm_at(t);
  d.arm_at(t + 10);
  c.arm_at(t);  // moved behind those of its time
  turn_until([&] { return seen.size() == 5; });
  EXPECT_EQ(seen, (std::vector{1, 5, 2, 3, 4}));
  EXPECT_FALSE(a.armed());
}

TEST_F(ReactorTest, ManyTimersKeepOrderThroughCancels) {
  std::vector<std::unique_ptr<Timer>> timers;
  const Time base = reactor->now() + kMillisecond;
  for (int i = 0; i < 500; ++i) {
    timers.push_back(std::make_unique<Timer>(*reactor, [this, i] { seen.push_back((i * 7919) % 500); }));
    timers.back()->arm_at(base + static_cast<Time>((i * 7919) % 500));
  }
  std::vector<int> expected;
  for (int i = 0; i < 500; ++i)
    if (i % 3 != 0) expected.push_back((i * 7919) % 500);
  for (std::size_t i = 0; i < 500; i += 3) timers[i]->cancel();
  std::sort(expected.begin(), expected.end());
  turn_until([&] { return seen.size() == expected.size(); });
  EXPECT_EQ(seen, expected);
}

TEST_F(ReactorTest, TimerDoesNotFireEarlyAndKeepsDelay) {
  const Time begin = reactor->now();
  Time fired = 0;
  Timer t(*reactor, [&] { fired = reactor->now(); });
  t.arm_in(3 * kMillisecond);
  turn_until([&] { return fired != 0; });
  EXPECT_GE(fired, begin + 3 * kMillisecond);
}

TEST_F(ReactorTest, TimerMayBeDestroyedOrRearmedInItsCallback) {
  std::unique_ptr<Timer> t;
  t = std::make_unique<Timer>(*reactor, [&] {
    t.reset();
    seen.push_back(1);
  });
  t->arm_in(0);
  int fires = 0;
  Timer again(*reactor, [&] {
    if (++fires < 3) again.arm_in(0);
  });
  again.arm_in(0);
  Timer other(*reactor, [&] { seen.push_back(2); });
  other.arm_in(0);
  reactor->turn(0);
  EXPECT_EQ(seen, (std::vector{1, 2}));
  EXPECT_EQ(fires, 1);  // re-arming for now waits for the next turn
  turn_until([&] { return fires == 3; });
  EXPECT_FALSE(again.armed());
}

TEST_F(ReactorTest, TimerCancelsAnotherOfTheSameTurn) {
  Timer victim(*reactor, [&] { seen.push_back(2); });
  Timer first(*reactor, [&] {
    seen.push_back(1);
    victim.cancel();
  });
  first.arm_in(0);
  victim.arm_in(0);
  reactor->turn(0);
  reactor->turn(0);
  EXPECT_EQ(seen, (std::vector{1}));
}

TEST_F(ReactorTest, ArmingForNeverDisarms) {
  Timer t(*reactor, [&] { seen.push_back(1); });
  t.arm_in(0);
  t.arm_at(kNever);
  reactor->turn(0);
  EXPECT_TRUE(seen.empty());
  EXPECT_FALSE(t.armed());
}

TEST_F(ReactorTest, OrderOfATurn) {
  Work after_timer([&] { seen.push_back(5); });
  Work deferred([&] { seen.push_back(3); });
  Timer timer(*reactor, [&] {
    seen.push_back(4);
    reactor->defer(&after_timer);
  });
  Event event(*reactor, [&](std::uint32_t) {
    event.take();
    seen.push_back(1);
    reactor->defer(&deferred);
    reactor->defer(&deferred);  // once however often it is asked for
  });
  timer.arm_in(0);
  reactor->post([&] { seen.push_back(2); });
  event.raise();
  reactor->turn(0);
  EXPECT_EQ(seen, (std::vector{1, 2, 3, 4, 5}));
}

TEST_F(ReactorTest, DeferredWorkThatAsksForItselfDoesNotStopTheLoop) {
  int runs = 0;
  Work work([&] {
    ++runs;
    reactor->defer(&work);
  });
  Timer timer(*reactor, [&] { seen.push_back(1); });
  timer.arm_in(0);
  reactor->defer(&work);
  reactor->turn(kSecond);
  EXPECT_EQ(seen, (std::vector{1}));
  const int first = runs;
  EXPECT_GT(first, 1);
  reactor->turn(kSecond);  // does not sleep: work is left
  EXPECT_GT(runs, first);
}

TEST_F(ReactorTest, DeferredWorkLeavesTheQueueWhenDestroyedOrTakenBack) {
  auto gone = std::make_unique<Work>([&] { seen.push_back(1); });
  Work back([&] { seen.push_back(2); });
  Work stays([&] { seen.push_back(3); });
  Work killer([&] { gone.reset(); });
  reactor->defer(&killer);
  reactor->defer(gone.get());
  reactor->defer(&back);
  reactor->defer(&stays);
  back.undefer();
  reactor->turn(0);
  EXPECT_EQ(seen, (std::vector{3}));
}

TEST_F(ReactorTest, WorkForTheNextTurnRunsThereAndDoesNotSleep) {
  Work work([&] {
    seen.push_back(1);
    if (seen.size() < 3) reactor->defer_to_next_turn(&work);
  });
  const Time begin = reactor->now();
  reactor->defer(&work);
  reactor->turn(10 * kSecond);
  EXPECT_EQ(seen.size(), 1u);
  reactor->turn(10 * kSecond);
  EXPECT_EQ(seen.size(), 2u);
  reactor->defer(&work);  // moves to the present turn: still once
  reactor->turn(10 * kSecond);
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_LT(reactor->now() - begin, 10 * kSecond);
}

TEST_F(ReactorTest, RemovedHandlersGetNoEventOfTheSameTurn) {
  std::unique_ptr<Event> a, b;
  // Whichever comes first ends the other; both are ready in one batch.
  a = std::make_unique<Event>(*reactor, [&](std::uint32_t) {
    seen.push_back(1);
    a->take();
    b.reset();
  });
  b = std::make_unique<Event>(*reactor, [&](std::uint32_t) {
    seen.push_back(2);
    b->take();
    a.reset();
  });
  a->raise();
  b->raise();
  reactor->turn(0);
  reactor->turn(0);
  EXPECT_EQ(seen.size(), 1u);
}

TEST_F(ReactorTest, HandlerMayRemoveAndDestroyItself) {
  std::unique_ptr<Event> a;
  a = std::make_unique<Event>(*reactor, [&](std::uint32_t) {
    seen.push_back(1);
    auto self = std::move(a);  // destroyed at the end of the call
  });
  a->raise();
  reactor->turn(0);
  reactor->turn(0);
  EXPECT_EQ(seen, (std::vector{1}));
}

TEST_F(ReactorTest, LevelTriggeredUntilTaken) {
  Event e(*reactor, [&](std::uint32_t events) {
    EXPECT_TRUE(events & EPOLLIN);
    seen.push_back(1);
    if (seen.size() == 2) e.take();
  });
  e.raise();
  for (int i = 0; i < 4; ++i) reactor->turn(0);
  EXPECT_EQ(seen.size(), 2u);
  reactor->modify(e.fd.get(), 0, &e);
  e.raise();
  reactor->turn(0);
  EXPECT_EQ(seen.size(), 2u);
  reactor->modify(e.fd.get(), EPOLLIN, &e);
  reactor->turn(0);
  EXPECT_EQ(seen.size(), 3u);
}

TEST_F(ReactorTest, AddReportsWhatIsWrong) {
  struct H final : FdHandler {
    void on_fd(std::uint32_t) override {}
  } h;
  auto r = reactor->add(-1, EPOLLIN, &h);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, EBADF);
}

TEST_F(ReactorTest, PostFromManyThreadsRunsAllInOrderPerThread) {
  constexpr int kThreads = 4, kEach = 500;
  std::vector<std::vector<int>> got(kThreads);
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i)
        reactor->post([&, t, i] {
          got[static_cast<std::size_t>(t)].push_back(i);
          if (++total == kThreads * kEach) reactor->stop();
        });
    });
  reactor->run();
  for (auto& t : threads) t.join();
  for (auto& g : got) {
    ASSERT_EQ(g.size(), static_cast<std::size_t>(kEach));
    EXPECT_TRUE(std::is_sorted(g.begin(), g.end()));
  }
}

TEST_F(ReactorTest, PostedByPostedRunsInALaterTurn) {
  reactor->post([&] {
    seen.push_back(1);
    reactor->post([&] { seen.push_back(2); });
  });
  reactor->turn(0);
  EXPECT_EQ(seen, (std::vector{1}));
  reactor->turn(kSecond);
  EXPECT_EQ(seen, (std::vector{1, 2}));
}

TEST_F(ReactorTest, StopFromAnotherThreadAndBeforeRun) {
  std::thread t([&] { reactor->stop(); });
  reactor->run();
  t.join();
  reactor->stop();
  reactor->run();  // returns at once
}

TEST_F(ReactorTest, PausesAreAccounted) {
  reactor->turn(0);
  const Duration before = reactor->total_pause();
  reactor->post([] { ::usleep(80'000); });
  reactor->turn(0);
  reactor->turn(0);  // here the slow turn is noticed
  EXPECT_GE(reactor->total_pause() - before, 80 * kMillisecond);
}

TEST_F(ReactorTest, BusyPollStillSleepsAndWakes) {
  reactor = *Reactor::create({.busy_poll = 200 * kMicrosecond, .max_events = 1});
  Event a(*reactor, [&](std::uint32_t) {
    a.take();
    seen.push_back(1);
  });
  Event b(*reactor, [&](std::uint32_t) {
    b.take();
    seen.push_back(2);
  });
  a.raise();
  b.raise();
  turn_until([&] { return seen.size() == 2; });  // one event a turn
  const Time begin = reactor->now();
  Timer t(*reactor, [&] { seen.push_back(3); });
  t.arm_in(5 * kMillisecond);
  turn_until([&] { return seen.size() == 3; });
  EXPECT_GE(reactor->now(), begin + 5 * kMillisecond);
}

TEST_F(ReactorTest, ThingsMayOutliveTheReactor) {
  Timer t(*reactor, [] {});
  Work w([] {});
  t.arm_in(kSecond);
  reactor->defer(&w);
  reactor.reset();
  EXPECT_FALSE(t.armed());
}

}  // namespace
}  // namespace nvtee::net
