// The load: measuring, limits, planted bugs, errors, going on with a state.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tools/nvtee-host/load_rig.hpp"

namespace nvtee::host {
namespace {

TEST_F(LoadTest, ACleanRunChecksEverything) {
  const Report& r = run();
  expect_clean(r);
  std::uint64_t ops = 0;
  for (const auto& k : r.kinds) ops += k.ops;
  EXPECT_EQ(ops, 3000u);
  EXPECT_EQ(r.failed, 0u);
  EXPECT_GT(r.checked_blocks, r.read_back_blocks);
  EXPECT_EQ(r.blocks_in_doubt, 0u);
  EXPECT_GT(r.longest_gap, 0u);
  for (unsigned i = 0; i < 100 && peer.connections() != 0; ++i) reactor->turn(10 * kMillisecond);
  EXPECT_EQ(peer.connections(), 0u) << "shut down in order";
}

TEST_F(LoadTest, EveryKindOfCommand) {
  options.workload.mix = {20, 30, 5, 15, 15, 15};
  options.workload.fua_percent = 50;
  unsigned fua = 0, dsm = 0;
  peer.on_command = [&](Connection&, const Sqe& s, auto) {
    fua += s.opcode == spec::io::kWrite && (s.cdw12 & spec::kCdw12Fua);
    dsm += s.opcode == spec::io::kDsm;
    return false;
  };
  const Report& r = run();
  expect_clean(r);
  for (const auto& k : r.kinds) EXPECT_GT(k.ops, 50u);
  EXPECT_GT(fua, 200u);
  EXPECT_GT(dsm, 200u);
}

TEST_F(LoadTest, WithDigestsSplitsAndSuccessFlag) {
  options.connection.header_digest = options.connection.data_digest = true;
  peer.options.r2t_bytes = 5000;
  peer.options.c2h_bytes = 3000;
  peer.options.success_flag = true;
  expect_clean(run());
}

TEST_F(LoadTest, WithoutVerifying) {
  options.verify = false;
  options.workload.mix = {30, 30, 10, 10, 10, 10};
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kOk) << report_text(r);
  EXPECT_GT(r.miscompares, 0u);
  EXPECT_EQ(load->shadow(), nullptr);
}

// ---- limits ----

TEST_F(LoadTest, StopsAtBytes) {
  options.ops = 0;
  options.bytes = 1 << 20;
  options.verify = false;
  options.workload.sizes = {{4096, 4096, 1}};
  const Report& r = run();
  EXPECT_EQ(r.kinds[0].bytes + r.kinds[1].bytes, 1u << 20);
}

TEST_F(LoadTest, StopsAtTime) {
  options.ops = 0;
  options.time = 100 * kMillisecond;
  const Report& r = run();
  expect_clean(r);
  EXPECT_GE(r.elapsed, 100 * kMillisecond);
}

TEST_F(LoadTest, RateIsKept) {
  options.ops = 100;
  options.rate = 1000;
  const Report& r = run();
  expect_clean(r);
  EXPECT_GE(r.elapsed, 90 * kMillisecond);
}

TEST_F(LoadTest, SequentialGoesInOrderAndRoundAgain) {
  options.workload.sequential = true;
  options.workload.mix = {0, 100};
  options.workload.sizes = {{32768, 32768, 1}};
  options.queues = 1;
  options.depth = 1;
  options.ops = 70;
  std::vector<std::uint64_t> lbas;
  peer.on_command = [&](Connection&, const Sqe& s, auto) {
    if (s.opcode == spec::io::kWrite) lbas.push_back(s.slba());
    return false;
  };
  expect_clean(run());
  ASSERT_EQ(lbas.size(), 70u);
  for (std::size_t i = 0; i < lbas.size(); ++i) EXPECT_EQ(lbas[i], i % 64 * 64);
}

// ---- refusals ----

TEST_F(LoadTest, SizesThatDoNotFitAreRefused) {
  options.workload.sizes = {{256 << 10, 256 << 10, 1}};
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kUsage);
  EXPECT_THAT(r.failure, HasSubstr("MDTS"));
}

TEST_F(LoadTest, CommandsThatThePeerLacksAreRefused) {
  peer.on_identify = [](nvme_id_ctrl& c) { c.oncs = 0; };
  options.workload.mix = {50, 40, 0, 0, 10, 0};
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kUsage);
  EXPECT_THAT(r.failure, HasSubstr("compare"));
}

TEST_F(LoadTest, NobodyThere) {
  peer.stop_listening();
  EXPECT_EQ(run().exit, Exit::kFailure);
}

TEST_F(LoadTest, AtTheStartItWaitsForAsLongAsItMayReconnect) {
  options.reconnect = 20 * kSecond;
  options.connection.nsid = 2;  // not there yet
  unsigned asked = 0;
  peer.on_command = [&](Connection&, const Sqe& s, auto) {
    if (s.opcode == spec::admin::kIdentify && s.nsid == 2 && ++asked == 3) peer.options.nsid = 2;
    return false;
  };
  const Report& r = run();
  expect_clean(r);
  EXPECT_EQ(r.attempts, 3u);
  EXPECT_EQ(r.losses, 0u);
}

TEST_F(LoadTest, AtTheStartItGivesUpToo) {
  options.reconnect = 200 * kMillisecond;
  options.connection.sub_nqn = "nqn.test:other";
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kFailure);
  EXPECT_THAT(r.failure, HasSubstr("no connection for 0.2 s"));
  EXPECT_THAT(r.failure, HasSubstr("1/82h"));
}

// ---- planted bugs of the target ----

// Runs with one bug planted in about one of `every` writes.
class PlantedBug : public LoadTest {
 protected:
  unsigned writes = 0, planted = 0;
  void plant(unsigned every, std::function<bool(Connection&, const Sqe&, std::span<const std::byte>)> bug) {
    peer.on_execute = [this, every, bug](Connection& c, const Sqe& s, std::span<const std::byte> d) {
      if (s.opcode != spec::io::kWrite || ++writes % every != 0 || writes < 500) return false;
      if (!bug(c, s, d)) return false;
      ++planted;
      return true;
    };
  }
  void expect_found(std::initializer_list<Fault> kinds) {
    const Report& r = run();
    EXPECT_GT(planted, 0u);
    EXPECT_EQ(r.exit, Exit::kMismatch) << report_text(r);
    EXPECT_FALSE(r.violations.empty());
    for (const Fault f : kinds) EXPECT_GT(count(r, f), 0u) << fault_name(f) << "\n" << report_text(r);
  }
  std::span<std::byte> place(std::uint64_t lba, std::size_t n) {
    return std::span(peer.memory()).subspan(lba * 512, n);
  }
};

TEST_F(PlantedBug, LostWrites) {
  plant(200, [](Connection& c, const Sqe& s, auto) {
    c.respond(s.cid, spec::st::kOk);
    return true;
  });
  expect_found({Fault::kLost});
}

TEST_F(PlantedBug, OneLostWriteInAThousandIsFoundAtTheEndAtLatest) {
  options.workload.mix = {0, 100};
  options.workload.sizes = {{512, 512, 1}};
  options.workload.range = {0, 8 << 20};
  plant(2999, [](Connection& c, const Sqe& s, auto) {
    c.respond(s.cid, spec::st::kOk);
    return true;
  });
  const Report& r = run();
  EXPECT_EQ(planted, 1u);
  EXPECT_EQ(r.exit, Exit::kMismatch);
  EXPECT_EQ(r.violation_count(), 1u);
}

TEST_F(PlantedBug, TornWrites) {
  plant(100, [this](Connection& c, const Sqe& s, std::span<const std::byte> d) {
    if (d.size() < 2048) return false;
    std::memcpy(place(s.slba(), d.size()).data(), d.data(), d.size() / 2);
    c.respond(s.cid, spec::st::kOk);
    return true;
  });
  expect_found({Fault::kTorn});
}

TEST_F(PlantedBug, MisdirectedWrites) {
  plant(100, [this](Connection& c, const Sqe& s, std::span<const std::byte> d) {
    if (s.slba() < 8) return false;
    std::memcpy(place(s.slba() - 8, d.size()).data(), d.data(), d.size());
    c.respond(s.cid, spec::st::kOk);
    return true;
  });
  expect_found({Fault::kMisdirected});
}

TEST_F(PlantedBug, StaleReads) {
  std::vector<std::byte> snapshot;
  unsigned reads = 0;
  peer.on_execute = [&](Connection& c, const Sqe& s, auto) {
    if (s.opcode == spec::io::kWrite && ++writes == 1000) snapshot = peer.memory();
    if (s.opcode != spec::io::kRead || snapshot.empty() || ++reads % 50 != 0 || writes < 1500) return false;
    ++planted;
    c.send_data_and_respond(s.cid,
                            std::span(snapshot).subspan(s.slba() * 512, std::size_t{s.blocks()} * 512));
    return true;
  };
  expect_found({});
  EXPECT_GT(count(load->report(), Fault::kStale) + count(load->report(), Fault::kLost), 0u);
}

TEST_F(PlantedBug, FlippedBits) {
  plant(100, [this](Connection& c, const Sqe& s, std::span<const std::byte> d) {
    const auto p = place(s.slba(), d.size());
    std::memcpy(p.data(), d.data(), d.size());
    p[d.size() / 2] ^= std::byte{8};
    c.respond(s.cid, spec::st::kOk);
    return true;
  });
  expect_found({Fault::kCorrupt});
}

TEST_F(PlantedBug, IgnoredWriteZeroes) {
  options.workload.mix = {30, 40, 0, 30};
  unsigned n = 0;
  peer.on_execute = [&](Connection& c, const Sqe& s, auto) {
    if (s.opcode != spec::io::kWriteZeroes || ++n % 50 != 0) return false;
    ++planted;
    c.respond(s.cid, spec::st::kOk);
    return true;
  };
  expect_found({Fault::kLost});
}

TEST_F(PlantedBug, DeallocateThatReachesTooFar) {
  options.workload.mix = {30, 40, 0, 0, 0, 30};
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe& s, std::span<const std::byte> d) {
    if (s.opcode != spec::io::kDsm || ++n % 20 != 0) return false;
    nvme_dsm_range r;
    std::memcpy(&r, d.data(), sizeof r);
    if (r.slba < 4) return false;
    ++planted;
    std::memset(place(r.slba - 4, 2048).data(), 0, 2048);
    return false;
  };
  expect_found({});
}

TEST_F(PlantedBug, CompareThatAlwaysSucceeds) {
  options.workload.mix = {0, 60, 0, 0, 40};
  std::vector<std::byte> lost;
  peer.on_execute = [&](Connection& c, const Sqe& s, auto) {
    if (s.opcode == spec::io::kCompare) {
      ++planted;
      c.respond(s.cid, spec::st::kCompareFailure);
      return true;
    }
    return false;
  };
  expect_found({Fault::kMiscompare});
}

TEST_F(PlantedBug, StopsAtTheFirstMismatchIfAsked) {
  options.stop_at_mismatch = true;
  options.final_read = false;
  plant(50, [](Connection& c, const Sqe& s, auto) {
    c.respond(s.cid, spec::st::kOk);
    return true;
  });
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kMismatch);
  std::uint64_t ops = 0;
  for (const auto& k : r.kinds) ops += k.ops;
  EXPECT_LT(ops, 3000u);
}

// ---- errors ----

TEST_F(LoadTest, AStatusThatAllowsItIsRetried) {
  unsigned n = 0;
  peer.on_execute = [&](Connection& c, const Sqe& s, auto) {
    if (++n % 500 != 0) return false;
    c.respond(s.cid, spec::st::kInternal);
    return true;
  };
  const Report& r = run();
  expect_clean(r);
  EXPECT_GT(r.retried, 0u);
  EXPECT_EQ(r.errors.at(spec::st::kInternal), r.retried);
}

TEST_F(LoadTest, DoNotRetryIsObeyed) {
  unsigned n = 0;
  peer.on_execute = [&](Connection& c, const Sqe& s, auto) {
    if (++n % 500 != 0) return false;
    c.respond(s.cid, spec::st::kWriteFault, 0, true);
    return true;
  };
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kFailure) << report_text(r);
  EXPECT_EQ(r.retried, 0u);
  EXPECT_GT(r.failed, 0u);
  EXPECT_EQ(r.violation_count(), 0u);
}

TEST_F(LoadTest, RetriesEnd) {
  options.retries = 2;
  options.ops = 50;
  peer.on_execute = [&](Connection& c, const Sqe& s, auto) {
    if (s.slba() > 100 || s.opcode == spec::io::kRead) return false;
    c.respond(s.cid, spec::st::kInternal);
    return true;
  };
  options.workload.range = {0, 64 << 10};
  const Report& r = run();
  EXPECT_EQ(r.exit, Exit::kFailure);
  EXPECT_EQ(r.retried, r.failed * 2);
}

TEST_F(LoadTest, FailedWritesThatTookEffectOrNotAreBothLegal) {
  options.retries = 0;
  unsigned n = 0;
  peer.on_execute = [&](Connection& c, const Sqe& s, std::span<const std::byte> d) {
    if (s.opcode != spec::io::kWrite || ++n % 10 != 0) return false;
    if (n % 20 == 0) std::memcpy(peer.memory().data() + s.slba() * 512, d.data(), d.size());
    c.respond(s.cid, spec::st::kInternal);
    return true;
  };
  const Report& r = run();
  EXPECT_EQ(r.violation_count(), 0u) << report_text(r);
  EXPECT_EQ(r.exit, Exit::kFailure);
}

// ---- stopping, going on ----

TEST_F(LoadTest, StopDrainsAndEnds) {
  options.ops = 0;
  options.time = 0;
  load = std::make_unique<Load>(*reactor, options, std::nullopt);
  unsigned n = 0;
  peer.on_execute = [&](Connection&, const Sqe&, auto) {
    if (++n == 500) load->stop();
    return false;
  };
  const Report& r = load->run();
  EXPECT_EQ(r.exit, Exit::kOk) << report_text(r);
  EXPECT_TRUE(r.stopped);
  EXPECT_EQ(r.read_back_blocks, 0u);
}

TEST_F(LoadTest, AStateGoesOnAndFindsWhatHappenedMeanwhile) {
  run();
  const std::uint64_t sequence = load->shadow()->last_sequence();
  const std::string path = testing::TempDir() + "/nvtee-host-state-" + std::to_string(::getpid());
  ASSERT_TRUE(load->shadow()->save(path).has_value());
  auto state = Shadow::load(path, {});
  ASSERT_TRUE(state.has_value());
  expect_clean(run(std::move(*state)));
  EXPECT_GT(load->shadow()->last_sequence(), sequence);

  ASSERT_TRUE(load->shadow()->save(path).has_value());
  options.read_back_only = true;
  const Report& again = run(std::move(*Shadow::load(path, {})));
  EXPECT_EQ(again.exit, Exit::kOk) << report_text(again);
  EXPECT_GT(again.read_back_blocks, 1000u);

  std::memset(peer.memory().data() + 512 * 512, 0, 512 * 16);
  const Report& spoiled = run(std::move(*Shadow::load(path, {})));
  EXPECT_EQ(spoiled.exit, Exit::kMismatch);
  EXPECT_EQ(spoiled.violation_count(), 16u);
  EXPECT_EQ(spoiled.violations[0].lba, 512u);

  peer.options.blocks -= 1;
  const Report& other = run(std::move(*Shadow::load(path, {})));
  EXPECT_EQ(other.exit, Exit::kUsage);
  ::unlink(path.c_str());
}

TEST_F(LoadTest, JsonSaysTheSame) {
  const Report& r = run();
  const auto j = nlohmann::json::parse(report_json(r));
  EXPECT_EQ(j["result"], "ok");
  EXPECT_EQ(j["all"]["ops"], 3000);
  EXPECT_EQ(j["verify"]["mismatches"], 0);
  EXPECT_EQ(j["verify"]["by_fault"]["lost"], 0);
  EXPECT_GT(j["longest_gap_ms"], 0.0);
  EXPECT_EQ(j["peer"]["address"], peer.address().text());
}

}  // namespace
}  // namespace nvtee::host
