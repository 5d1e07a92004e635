// The load over losses of its connection, of power, of answers.
#include "tools/nvtee-host/load_rig.hpp"

namespace nvtee::host {
namespace {

// ---- losses ----

TEST_F(LoadTest, WithoutReconnectALossEndsTheRun) {
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n == 1000) peer.drop_all();
    return false;
  };
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kFailure);
  EXPECT_EQ(r.losses, 1u);
  EXPECT_GT(r.unknown_writes, 0u);
  ASSERT_NE(load->shadow(), nullptr);
}

TEST_F(LoadTest, RidesOverLosses) {
  options.reconnect = 10 * kSecond;
  options.ops = 6000;
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n % 1000 == 0) peer.drop_all();
    return false;
  };
  const Report& r = run();
  expect_clean(r);
  EXPECT_GT(r.losses, 3u);
  EXPECT_EQ(r.reconnects, r.losses);
  EXPECT_GT(r.retried, 0u);
  EXPECT_GE(r.longest_gap, r.longest_outage / 2) << "the outage shows as a gap";
}

TEST_F(LoadTest, RidesOverALossDuringTheReadBack) {
  options.reconnect = 10 * kSecond;
  unsigned reads = 0;
  options.workload.mix = {0, 100};
  peer.on_execute = [&](Connection&, const Sqe& s, auto) {
    if (s.opcode == spec::io::kRead && ++reads == 10) peer.drop_all();
    return false;
  };
  const Report& r = run();
  expect_clean(r);
  EXPECT_EQ(r.losses, 1u);
  EXPECT_EQ(r.reconnects, 1u);
}

// Writes in progress at the loss take effect or not, some of them later, but before anything newer at that
// place.
TEST_F(LoadTest, UnknownWritesMayHaveHappened) {
  options.reconnect = 10 * kSecond;
  options.ops = 6000;
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe& s, std::span<const std::byte> d) {
    if (++n % 700 < 3 && n > 100 && s.opcode == spec::io::kWrite) {
      if (n % 2 == 0) std::memcpy(peer.memory().data() + s.slba() * 512, d.data(), d.size());
      peer.drop_all();
      return true;
    }
    return false;
  };
  const Report& r = run();
  expect_clean(r);
  EXPECT_GT(r.losses, 3u);
}

// A target that forgets acknowledged writes at a crash: what kill -9 tests look for.
TEST_F(LoadTest, AcknowledgedWritesForgottenAtALossAreFound) {
  options.reconnect = 10 * kSecond;
  std::vector<std::byte> durable = peer.memory();
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n == 1500) durable = peer.memory();
    if (n == 1520) {
      peer.memory() = durable;
      peer.drop_all();
      return true;
    }
    return false;
  };
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kMismatch) << report_text(r);
}

// A medium behind a volatile cache that some blocks leave early; drops of the connection are losses of power.
class VolatilePeer : public LoadTest {
 protected:
  std::vector<std::byte> durable = peer.memory();
  Random random{5};
  unsigned n = 0, flushes = 0;
  bool obey_flush = true, obey_fua = true;

  void SetUp() override {
    LoadTest::SetUp();
    options.reconnect = 10 * kSecond;
    options.rules.volatile_cache = true;
    options.workload.mix = {30, 50, 5, 15};
    options.workload.fua_percent = 30;
    options.ops = 6000;
    peer.on_execute = [this](Connection& c, const Sqe& s, std::span<const std::byte> d) {
      if (++n % 700 == 0) {
        lose_power();
        return true;
      }
      if (s.opcode == spec::io::kFlush && obey_flush) durable = peer.memory();
      const std::size_t at = s.slba() * 512, size = std::size_t{s.blocks()} * 512;
      const bool fua = (s.cdw12 & spec::kCdw12Fua) && obey_fua;
      if (fua && s.opcode == spec::io::kWrite) std::memcpy(durable.data() + at, d.data(), size);
      if (fua && s.opcode == spec::io::kWriteZeroes) std::memset(durable.data() + at, 0, size);
      static_cast<void>(c);
      return false;
    };
  }
  void lose_power() {
    for (std::size_t at = 0; at < durable.size(); at += 512)
      if (random.below(2) == 0) std::memcpy(peer.memory().data() + at, durable.data() + at, 512);
    durable = peer.memory();
    peer.drop_all();
  }
};

TEST_F(VolatilePeer, LegalLossesOfUnflushedWritesAreNoFaults) {
  const Report& r = run();
  expect_clean(r);
  EXPECT_GT(r.losses, 5u);
}

TEST_F(VolatilePeer, AFlushThatDoesNothingIsFound) {
  obey_flush = false;
  EXPECT_EQ(run().exit, Exit::kMismatch);
}

TEST_F(VolatilePeer, FuaThatDoesNothingIsFound) {
  obey_fua = false;
  EXPECT_EQ(run().exit, Exit::kMismatch);
}

TEST_F(VolatilePeer, WithoutTheRuleEveryLossIsAFault) {
  options.rules.volatile_cache = false;
  EXPECT_EQ(run().exit, Exit::kMismatch);
}

TEST_F(LoadTest, WithoutRetryUnknownWritesStayUnknown) {
  options.reconnect = 10 * kSecond;
  options.retry = false;
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n % 1000 == 0) peer.drop_all();
    return false;
  };
  const Report& r = run();
  expect_clean(r);
  EXPECT_EQ(r.retried, 0u);
  EXPECT_GT(r.unknown_writes, 0u);
}

TEST_F(LoadTest, GivesUpAfterTheTimeToReconnect) {
  options.reconnect = 200 * kMillisecond;
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n == 1000) {
      peer.stop_listening();
      peer.drop_all();
    }
    return false;
  };
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kFailure);
  EXPECT_THAT(r.failure, HasSubstr("no connection for"));
  EXPECT_GE(r.longest_gap, 200 * kMillisecond) << "a gap without an end counts";
}

TEST_F(LoadTest, ACommandThatIsNeverAnsweredEndsTheConnection) {
  options.reconnect = 10 * kSecond;
  options.timeout = 200 * kMillisecond;
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) { return ++n == 1000; };
  const Report& r = run();
  expect_clean(r);
  EXPECT_EQ(r.timeouts, 1u);
  EXPECT_EQ(r.reconnects, 1u);
  EXPECT_GE(r.longest_outage, 0u);
}

TEST_F(LoadTest, TheNextAddressTakesOver) {
  FakePeer second(*reactor);
  options.connection.addresses = {peer.address(), second.address()};
  options.reconnect = 10 * kSecond;
  options.failover = true;
  options.verify = false;  // two memories
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n == 1000) peer.drop_all();
    return false;
  };
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kOk) << report_text(r);
  EXPECT_EQ(r.peer.address, second.address());
}

TEST_F(LoadTest, AnInaccessibleNamespaceIsLookedForAtTheNextAddress) {
  FakePeer second(*reactor);
  options.connection.addresses = {peer.address(), second.address()};
  options.reconnect = 10 * kSecond;
  options.failover = true;
  options.verify = false;
  unsigned n = 0;
  peer.on_execute = [&](Connection& c, const Sqe& s, auto) {
    if (++n < 1000) return false;
    c.respond(s.cid, spec::st::kAnaInaccessible);
    return true;
  };
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kOk) << report_text(r);
  EXPECT_EQ(r.peer.address, second.address());
  EXPECT_EQ(r.losses, 1u);
}

TEST_F(LoadTest, SettleWaitsBeforeItGoesOn) {
  options.reconnect = 10 * kSecond;
  options.settle = 300 * kMillisecond;
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n == 1000) peer.drop_all();
    return false;
  };
  const Report& r = run();
  expect_clean(r);
  EXPECT_GE(r.longest_outage, 300 * kMillisecond);
}

TEST_F(LoadTest, HdisnsIsSetOnEveryConnection) {
  options.set_hdisns = true;
  options.reconnect = 10 * kSecond;
  unsigned n = 0, set = 0;
  peer.on_command = [&](Connection& c, const Sqe& s, std::span<const std::byte> d) {
    if (c.qid() != 0 || s.opcode != spec::admin::kSetFeatures || s.cdw10 != spec::fid::kHostBehavior)
      return false;
    set += d.size() == 512 && d[3] == std::byte{1};
    return false;
  };
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n == 1000) peer.drop_all();
    return false;
  };
  expect_clean(run());
  EXPECT_EQ(set, 2u);
}

}  // namespace
}  // namespace nvtee::host
