// The engine and its runtime: commands that the runtime runs itself (punts), sessions whose PDUs it reads
// itself, tables that change under load, data digests that are wrong.
#include <algorithm>
#include <set>

#include "hw/kernels/engine/test_stories.hpp"

namespace nvtee::card {
namespace {

using test::EngineWorld;
using test::first_seed;
using test::random_options;
using test::rounds;
using test::TestHost;
using test::TestLeg;
namespace io = spec::io;

constexpr uint64_t kBuffer = 128 * 1024;  // of a slot, and of a punt buffer

tee::Ctl order(unsigned op) {
  tee::Ctl c{};
  c.op = op;
  return c;
}

bool ends_well(EngineWorld& w) {
  EXPECT_TRUE(w.settle()) << "commands are never answered";
  EXPECT_EQ(w.fault, "");
  w.compare();
  return !testing::Test::HasFailure();
}

// ---- punted commands --------------------------------------------------------------------------------------
// What the runtime answered, and sent with it.
struct Answer {
  unsigned status = 0;
  bool dnr = false;
  uint64_t result = 0;
  test::ByteVec data;
};

class PuntRuntime {
 public:
  explicit PuntRuntime(EngineWorld& w) : w_(w) {
    w.answered = [this](TestHost& h, const TestHost::Command& c, const nvmf::Cqe& cqe) {
      return right(h, c, cqe);
    };
  }
  // Deals with all that was punted.
  void turn() {
    for (; !w_.tee_events.empty(); w_.tee_events.pop_front()) {
      const tee::Event e = w_.tee_events.front();
      if (e.kind == tee::Event::kRegionSetDone) continue;
      ASSERT_EQ(e.kind.to_uint(), static_cast<unsigned>(tee::Event::kPunt));
      punt(e);
    }
  }
  unsigned punts = 0;

 private:
  void punt(const tee::Event& e) {
    ++punts;
    const TestHost* host = nullptr;
    for (const TestHost& h : w_.hosts)
      if (h.queue == e.queue) host = &h;
    ASSERT_NE(host, nullptr);
    const auto it = host->open.find(e.tag.to_uint());
    ASSERT_NE(it, host->open.end()) << "a command that nobody sent";
    const TestHost::Command& c = it->second;
    const uint64_t buffer = e.slot.to_uint() * kBuffer;
    if ((c.opcode & 1) != 0) EXPECT_EQ(w_.memory().read(buffer, c.length), c.data) << "its data";
    Answer a;
    a.status = w_.r.chance(60) ? 0 : 0x083;
    a.dnr = a.status != 0 && w_.r.chance(50);
    a.result = w_.r.bits();
    if ((c.opcode & 2) != 0 && a.status == 0) {
      for (unsigned i = 0; i < c.length; ++i) a.data.push_back(static_cast<uint8_t>(w_.r.below(256)));
      w_.memory().fill(buffer, a.data);
      a.result = 0;
    }
    answers_[{host->queue, e.tag.to_uint()}] = a;
    tee::Ctl t = order(tee::Ctl::kPuntDone);
    t.slot = e.slot;
    t.status = a.status;
    t.flag = a.dnr ? 1 : 0;
    t.lba = a.result;
    w_.mail(t);
  }
  bool right(const TestHost& h, const TestHost::Command& c, const nvmf::Cqe& cqe) {
    const auto it = answers_.find({h.queue, cqe.cid});
    if (it == answers_.end()) return false;
    const Answer a = it->second;
    answers_.erase(it);
    const bool same = cqe.status == spec::cqe_status(static_cast<spec::Status>(a.status), a.dnr);
    const bool data = (c.opcode & 2) == 0 || c.data == a.data;
    return same && cqe.result == a.result && data;
  }
  EngineWorld& w_;
  std::map<std::pair<unsigned, unsigned>, Answer> answers_;
};

// A command that only the runtime can run.
TestHost::Command punted(test::Random& r) {
  const unsigned ops[] = {io::kDsm, io::kResvRegister, io::kResvReport};
  TestHost::Command c{};
  c.opcode = ops[r.below(3)];
  c.length = 4 * (1 + r.below(r.chance(20) ? 2000 : 64));
  c.in_capsule = (c.opcode & 1) != 0 && r.chance(60);
  return c;
}

void offer_reservations(EngineWorld& w, unsigned region_shift) {
  tee::Ctl c = order(tee::Ctl::kSetNamespace);
  c.flag = 1;
  c.nsid = test::kNsid;
  c.lba = test::kBlocks;
  c.shift_a = 9;
  c.shift_b = region_shift;
  c.flag3 = 1;
  c.value = 1;
  w.mail(c);
}

TEST(Engine, Punts) {
  const uint64_t from = first_seed(500), until = from + rounds(5);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld w(seed, random_options(seed));
    offer_reservations(w, 11);
    PuntRuntime runtime(w);
    for (unsigned n = 0; n < 100 && !testing::Test::HasFailure(); ++n) {
      TestHost& h = w.hosts[w.r.below(w.options.hosts)];
      if (h.open.size() + 1 < h.depth) w.send(h, punted(w.r));
      w.run(100);
      runtime.turn();
    }
    for (unsigned n = 0; n < 2000 && !w.settle(64) && !testing::Test::HasFailure(); ++n) runtime.turn();
    if (!ends_well(w)) return;
    EXPECT_GT(runtime.punts, 4u);
  }
}

// ---- raw sessions -----------------------------------------------------------------------------------------
// A session whose PDUs the runtime reads itself, and answers with the bytes that it got.
class RawSession {
 public:
  RawSession(EngineWorld& w, unsigned port, unsigned session) : w_(w), port_(port), session_(session) {
    w.tcp[port].open(session);
    w.set_session(port, session, CardCtl::kRaw, 0, 0, {});
  }
  // A PDU of any kind comes.
  void speak() {
    test::ByteVec pdu(24 + w_.r.below(w_.r.chance(10) ? 9000 : 400));
    for (auto& b : pdu) b = static_cast<uint8_t>(w_.r.below(256));
    const auto plen = static_cast<uint32_t>(pdu.size());
    std::memcpy(&pdu[4], &plen, 4);
    w_.tcp[port_].arrive(session_, pdu);
    coming_.push_back(pdu);
  }
  bool mine(const CardEvent& e) const { return e.port == port_ && e.session == session_; }
  void take(const CardEvent& e) {
    ASSERT_FALSE(coming_.empty());
    const test::ByteVec pdu = coming_.front();
    coming_.pop_front();
    uint64_t head = 0;
    std::memcpy(&head, pdu.data(), 8);
    ASSERT_EQ(e.head.to_uint64(), head);
    ASSERT_EQ(e.length.to_uint(), pdu.size() - 8);
    const auto rest = w_.memory().read(e.slot.to_uint() * kBuffer, pdu.size() - 8);
    ASSERT_TRUE(std::equal(rest.begin(), rest.end(), pdu.begin() + 8)) << "its bytes";
    CardCtl c{};
    c.op = CardCtl::kRawSend;
    c.port = port_;
    c.session = session_;
    c.slot = e.slot;
    c.length = e.length;
    w_.mail(c);
    echo_.insert(echo_.end(), rest.begin(), rest.end());
    ++taken;
  }
  bool idle() const { return coming_.empty(); }
  void compare() {
    auto& sent = w_.tcp[port_].sent(session_);
    ASSERT_EQ(sent.size(), echo_.size());
    EXPECT_TRUE(std::equal(sent.begin(), sent.end(), echo_.begin()));
  }
  void close() {
    w_.tcp[port_].close(session_);
    w_.set_session(port_, session_, CardCtl::kOff, 0, 0, {});
    EXPECT_TRUE(w_.wait_event([&] {
      for (const CardEvent& e : w_.card_events)
        if (e.kind == CardEvent::kSessionDrained && mine(e)) return true;
      return false;
    })) << "raw session not drained";
  }
  unsigned taken = 0;

 private:
  EngineWorld& w_;
  unsigned port_, session_;
  std::deque<test::ByteVec> coming_;
  std::deque<uint8_t> echo_;
};

void give_buffer(EngineWorld& w, unsigned port, unsigned slot) {
  CardCtl c{};
  c.op = CardCtl::kPuntFree;
  c.port = port;
  c.slot = slot;
  w.mail(c);
}

TEST(Engine, RawSessions) {
  const uint64_t from = first_seed(600), until = from + rounds(4);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld w(seed, random_options(seed));
    RawSession raw[2] = {{w, 0, 28}, {w, 1, 29}};
    for (unsigned i = 0; i < 4; ++i) give_buffer(w, i / 2, 8192 + i);
    const auto runtime = [&] {
      for (; !w.card_events.empty() && !testing::Test::HasFailure(); w.card_events.pop_front()) {
        const CardEvent e = w.card_events.front();
        if (e.kind == CardEvent::kRawSent) {
          EXPECT_EQ(e.error.to_uint(), 0u);
          give_buffer(w, e.port.to_uint(), e.slot.to_uint());
        } else {
          ASSERT_EQ(e.kind.to_uint(), static_cast<unsigned>(CardEvent::kRawPdu));
          ASSERT_TRUE(raw[e.port.to_uint()].mine(e));
          raw[e.port.to_uint()].take(e);
        }
      }
    };
    for (unsigned n = 0; n < 60 && !testing::Test::HasFailure(); ++n) {
      if (w.r.chance(60)) raw[w.r.below(2)].speak();
      w.run(100);
      runtime();
    }
    for (unsigned n = 0; n < 2000 && !(raw[0].idle() && raw[1].idle()) && !testing::Test::HasFailure(); ++n) {
      w.run(100, false);
      runtime();
    }
    w.run(6000, false);
    runtime();
    for (RawSession& s : raw) {
      EXPECT_GT(s.taken, 3u);
      s.compare();
      s.close();
    }
    if (!ends_well(w)) return;
  }
}

// ---- tables under load ------------------------------------------------------------------------------------
class TableRuntime {
 public:
  TableRuntime(EngineWorld& w, test::Random& r) : w_(w), r_(r) {
    w.answered = [this](TestHost&, const TestHost::Command& c, const nvmf::Cqe& cqe) {
      if (spec::status_of_cqe(cqe.status) != refusal_ || (cqe.status & spec::kCqeDnr) != 0) return false;
      ++refused;
      // Before the lease ended it may have been done.
      if (lease_ && c.count != 0) w_.forget(c.block, c.count);
      return true;
    };
    w.heard = [this](bool leg, unsigned index, const test::TakenPdu& t) {
      if (leg && t.head.type == spec::pdu::kCapsuleCmd) leg_command(index, t.as<nvmf::CapsuleCmd>().sqe);
    };
  }
  // Regions are opened when somebody asks for them.
  void run(unsigned clocks) {
    for (unsigned n = 0; n < clocks / 100 && !testing::Test::HasFailure(); ++n) {
      w_.run(100);
      turn();
    }
  }
  bool settle() {
    for (unsigned n = 0; n < 5000 && !w_.settle(64); ++n) turn();
    return w_.settle(64);
  }

  void gate() {
    refusal_ = 0x300 + r_.below(4);
    tee::Ctl c = order(tee::Ctl::kSetGate);
    c.status = r_.chance(50) ? refusal_ : 0;
    c.status2 = refusal_;
    w_.mail(c);
    run(1500);
    c.status = 0;
    c.status2 = 0;
    w_.mail(c);
  }
  void lease() {
    refusal_ = spec::st::kPathInternal;
    lease_ = true;
    tee::Ctl c = order(tee::Ctl::kSetLease);
    c.clock = 1;
    w_.mail(c);
    run(800);
    c.clock = ~0ull;
    w_.mail(c);
    const auto hosts = at_hosts();  // their answers may say so still
    for (unsigned n = 0; n < kPatience && any_left(hosts, at_hosts()) && w_.fault.empty(); ++n) run(100);
    EXPECT_FALSE(any_left(hosts, at_hosts())) << "commands are never answered";
    lease_ = false;
  }
  // No write is let into them, those that were are waited for, then they are closed.
  void close_regions() {
    unsigned regions[4];
    for (unsigned& region : regions) {
      region = r_.below(32);
      set_region(region, tee::Ctl::kClosing);
    }
    fence();
    for (const unsigned region : regions) set_region(region, tee::Ctl::kNone);
    run(1500);
  }
  // Told done after everything that had reached a leg is answered there, and soon after hosts have all
  // answers to what they had sent. How long those take is the mix's: an R2T's data may wait behind 80 KB at 8
  // bytes a clock, ten times a write.
  void fence() {
    const auto hosts = at_hosts();
    const auto legs = at_legs();
    w_.mail(order(tee::Ctl::kFence));
    unsigned late = 0;
    for (unsigned n = 0; n < kPatience && late < 200 && !found(tee::Event::kFenceDone); ++n) {
      run(100);
      if (!w_.fault.empty() || testing::Test::HasFailure()) return;
      if (!any_left(hosts, at_hosts())) ++late;
    }
    EXPECT_TRUE(take_found(tee::Event::kFenceDone)) << "fence";
    EXPECT_FALSE(any_left(legs, at_legs())) << "a fence that did not wait";
  }
  // Nothing of the range reaches a leg while the runtime holds it.
  void hold() {
    const unsigned block = r_.below(test::kBlocks - 64), count = 1 + r_.below(64);
    if (!take(block, count, true)) return;
    from_ = block;
    until_ = block + count;
    run(1500);
    until_ = 0;
    release();
  }
  // Blocks that no host uses: the runtime writes zeroes there, and copies them from one leg to the others.
  void issue() {
    const unsigned block = 1984, count = 1 + r_.below(32);
    w_.forget(1984, 64);
    run(4000);
    if (!take(block, count, true)) return;
    tee::Ctl c = order(tee::Ctl::kIssue);
    c.slot = slot_;
    c.opcode = io::kWriteZeroes;
    w_.mail(c);
    EXPECT_TRUE(wait(tee::Event::kIssueDone)) << "issue";
    expect_equal(block, count, true);
    const auto at = static_cast<long>(block) * test::kBlock;
    for (unsigned i = 0; i < count * test::kBlock; ++i)
      w_.legs[0].disk[static_cast<size_t>(at) + i] = static_cast<uint8_t>(r_.below(256));
    c = order(tee::Ctl::kCopy);
    c.slot = slot_;
    c.leg = 0;
    c.mask = (1u << w_.legs.size()) - 2;
    w_.mail(c);
    EXPECT_TRUE(wait(tee::Event::kIssueDone)) << "copy";
    expect_equal(block, count, false);
    release();
  }
  // A leg that is being copied to serves no reads.
  void syncing() {
    TestLeg& l = w_.legs.back();
    set_leg(l, tee::Ctl::kLegSyncing);
    fence();
    syncing_ = l.index;
    run(1500);
    syncing_ = ~0u;
    set_leg(l, tee::Ctl::kLegInSync);
  }
  unsigned refused = 0, misses = 0;

 private:
  void leg_command(unsigned leg, const nvmf::Sqe& sqe) {
    const unsigned begin = static_cast<unsigned>(sqe.slba());
    if (leg == syncing_) EXPECT_NE(unsigned{sqe.opcode}, unsigned{io::kRead}) << "a read of a syncing leg";
    if (sqe.opcode != io::kFlush)
      EXPECT_FALSE(begin < until_ && from_ < begin + sqe.blocks()) << "a command to blocks that are held";
  }
  void set_leg(const TestLeg& l, unsigned state) {
    tee::Ctl t = order(tee::Ctl::kSetLeg);
    t.leg = l.index;
    t.leg_state = state;
    t.gen = l.gen;
    t.nsid = 100 + l.index;
    w_.mail(t);
  }
  void turn() {
    std::deque<tee::Event> events;
    events.swap(w_.tee_events);
    for (const tee::Event& e : events) {
      if (e.kind == tee::Event::kRegionMiss) {
        ++misses;
        tee::Ctl c = order(tee::Ctl::kRegionSet);
        c.region = e.region;
        c.region_state = tee::Ctl::kOpen;
        w_.mail(c);
        c = order(tee::Ctl::kResume);
        c.slot = e.slot;
        w_.mail(c);
      } else if (e.kind == tee::Event::kRegionSetDone) {
        EXPECT_EQ(e.status.to_uint(), 0u);
      } else {
        seen_.push_back(e);
      }
    }
  }
  // Commands that are under way: (host's queue, CID), (leg, how many it had before).
  static constexpr unsigned kPatience = 8000;  // in 100 clocks; see fence()
  using Commands = std::set<std::pair<unsigned, unsigned>>;
  Commands at_hosts() const {
    Commands all;
    for (const TestHost& h : w_.hosts)
      for (const auto& [cid, c] : h.open) all.insert({h.queue, cid});
    return all;
  }
  Commands at_legs() const {
    Commands all;
    for (const TestLeg& l : w_.legs)
      for (const auto& [cid, c] : l.open) all.insert({l.index, c.number});
    return all;
  }
  static bool any_left(const Commands& before, const Commands& now) {
    return std::any_of(before.begin(), before.end(), [&](const auto& c) { return now.count(c) != 0; });
  }
  void set_region(unsigned region, unsigned state) {
    tee::Ctl c = order(tee::Ctl::kRegionSet);
    c.region = region;
    c.region_state = state;
    w_.mail(c);
  }
  bool found(unsigned kind) const {
    return std::any_of(seen_.begin(), seen_.end(), [&](const tee::Event& e) { return e.kind == kind; });
  }
  bool take_found(unsigned kind) {
    const auto it =
        std::find_if(seen_.begin(), seen_.end(), [&](const tee::Event& e) { return e.kind == kind; });
    if (it == seen_.end()) return false;
    found_ = *it;
    seen_.erase(it);
    return true;
  }
  bool wait(unsigned kind) {
    for (unsigned n = 0; n < kPatience && w_.fault.empty() && !testing::Test::HasFailure(); ++n) {
      if (take_found(kind)) return true;
      run(100);
    }
    EXPECT_EQ(w_.fault, "");
    return false;
  }
  bool take(unsigned block, unsigned count, bool exclusive) {
    tee::Ctl c = order(tee::Ctl::kHold);
    c.lba = block;
    c.nlb = count;
    c.flag = exclusive ? 1 : 0;
    c.flag2 = 1;
    c.tag = ++tag_;
    w_.mail(c);
    const bool held = wait(tee::Event::kHeld);
    EXPECT_TRUE(held);
    EXPECT_EQ(found_.tag.to_uint(), tag_);
    slot_ = found_.slot;
    return held;
  }
  void release() {
    tee::Ctl c = order(tee::Ctl::kRelease);
    c.slot = slot_;
    w_.mail(c);
  }
  void expect_equal(unsigned block, unsigned count, bool zero) {
    const auto at = static_cast<long>(block) * test::kBlock;
    const long size = static_cast<long>(count) * test::kBlock;
    for (const TestLeg& l : w_.legs) {
      EXPECT_TRUE(std::equal(l.disk.begin() + at, l.disk.begin() + at + size, w_.legs[0].disk.begin() + at));
      if (zero)
        EXPECT_TRUE(
            std::all_of(l.disk.begin() + at, l.disk.begin() + at + size, [](auto x) { return x == 0; }));
    }
  }

  EngineWorld& w_;
  test::Random& r_;
  unsigned refusal_ = 0x7ff, tag_ = 0;
  bool lease_ = false;
  unsigned from_ = 0, until_ = 0;  // held
  unsigned syncing_ = ~0u;
  tee::SlotId slot_ = 0;
  tee::Event found_{};
  std::deque<tee::Event> seen_;
};

using Act = void (TableRuntime::*)();

void run_tables(const std::vector<Act>& acts) {
  const uint64_t from = first_seed(700), until = from + rounds(3);
  unsigned refused = 0, misses = 0;
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld::Options o = random_options(seed);
    o.legs = 2 + static_cast<unsigned>(seed % 3);
    EngineWorld w(seed, o);
    offer_reservations(w, 6);  // regions of 64 blocks
    test::Random r(seed);
    TableRuntime t(w, r);
    t.run(1500);
    for (const Act act : acts) {
      (t.*act)();
      t.run(700);
      EXPECT_EQ(w.fault, "");
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_TRUE(t.settle());
    if (!ends_well(w)) return;
    refused += t.refused;
    misses += t.misses;
  }
  EXPECT_GT(refused, until - from);
  EXPECT_GT(misses, until - from);
}

TEST(Engine, Tables) {
  using T = TableRuntime;
  run_tables({&T::gate, &T::close_regions, &T::hold, &T::issue, &T::lease, &T::hold});
}

TEST(Engine, Fences) {
  using T = TableRuntime;
  run_tables({&T::gate, &T::close_regions, &T::fence, &T::hold, &T::syncing, &T::hold});
}

// ---- data digests -----------------------------------------------------------------------------------------
// A write whose digest is wrong is answered so and reaches no leg.
TEST(Engine, BadDataDigest) {
  const uint64_t from = first_seed(800), until = from + rounds(4);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld w(seed, random_options(seed));
    unsigned refused = 0;
    w.answered = [&](TestHost&, const TestHost::Command& c, const nvmf::Cqe& cqe) {
      ++refused;
      return c.spoiled && cqe.status == spec::cqe_status(spec::st::kTransientTransport, false);
    };
    // One at least has data digests.
    TestHost& h = w.hosts[0];
    if (!h.digests.data) {
      w.close_host(h);
      h.gone = false;
      h.digests.data = true;
      w.open_host(h);
    }
    for (unsigned n = 0; n < 200 && refused < 12 && w.fault.empty(); ++n) {
      TestHost::Command c{};
      c.opcode = io::kWrite;
      c.count = 1 + w.r.below(w.r.chance(20) ? 60 : 8);
      c.in_capsule = c.count <= 16 && w.r.chance(50);
      c.spoiled = true;
      c.block = 1000;
      w.forget(1000, 64);  // by others
      if (h.open.size() + 1 < h.depth) w.send(h, c);
      w.run(150);
    }
    EXPECT_TRUE(w.settle());
    EXPECT_GT(refused, 4u);
    for (const TestLeg& l : w.legs)
      for (unsigned i = 0; i < 60 * test::kBlock; ++i) ASSERT_EQ(l.disk[1000 * test::kBlock + i], 0);
    if (!ends_well(w)) return;
  }
}

// Read data with a wrong digest are a leg's fault: never shown to the host, who gets them from another leg.
TEST(Engine, LegBadDigest) {
  const uint64_t from = first_seed(900), until = from + rounds(4);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld::Options o = random_options(seed);
    o.legs = 2 + static_cast<unsigned>(seed % 2);
    o.data_digests = true;
    EngineWorld w(seed, o);
    w.run(3000);
    TestLeg& bad = w.legs[w.r.below(o.legs)];
    bad.spoils = true;
    const auto told = [&] {
      for (const tee::Event& e : w.tee_events)
        if (e.kind == tee::Event::kLegFault && e.leg == bad.index &&
            e.status == unsigned{spec::st::kTransientTransport})
          return true;
      return false;
    };
    for (unsigned n = 0; n < 300 && !told() && w.fault.empty(); ++n) w.run(100);
    EXPECT_TRUE(told()) << "leg not told of";
    w.drop_leg(bad);
    w.run(3000);
    if (!ends_well(w)) return;
  }
}

}  // namespace
}  // namespace nvtee::card
