// The engine without sockets, over a store that the test completes by hand.
#include "tools/nvtee-target/engine.hpp"

#include <map>

#include "tools/nvtee-target/test_rig.hpp"

namespace nvtee::target {
namespace {

namespace io = spec::io;
namespace st = spec::st;

class Engines : public testing::Test, protected CommandOwner, protected EngineHost {
 protected:
  void SetUp() override {
    auto ns = std::make_unique<Namespace>();
    ns->nsid = 1;
    auto base = std::make_unique<SlowStore>(1024);
    base_ = base.get();
    ns->base = std::move(base);
    ns->store = ns->base.get();
    ns_ = ns.get();
    engine_.add(std::move(ns));
    for (std::uint8_t i = 0; i < 3; ++i) {
      sessions_[i].cntlid = i;
      sessions_[i].host = TestHost::host_id(i);
      sessions_[i].host_nqn = "nqn.h" + std::to_string(i);
    }
  }
  void TearDown() override {
    engine_.injector().clear();
    engine_.resume();
    while (engine_.pending() != 0 && !base_->waiting.empty()) base_->complete(0);
  }
  void on_command_done(Command& c) override {
    EXPECT_FALSE(done_.contains(&c)) << "answered twice";
    done_[&c] = c.status;
    order_.push_back(&c);
  }
  std::vector<ControllerOfHost> controllers() override {
    return {{TestHost::host_id(0), 0}, {TestHost::host_id(1), 1}};
  }
  void notify(std::uint32_t, std::span<const NoticeTo> notices) override {
    notices_.insert(notices_.end(), notices.begin(), notices.end());
  }

  Command& start(std::uint8_t opcode, std::uint64_t lba = 0, std::uint32_t blocks = 1, std::uint8_t fill = 0,
                 unsigned session = 0) {
    auto& item = items_.emplace_back(std::make_unique<Item>());
    Command& c = item->command;
    item->memory.assign(2 * 131072, static_cast<std::byte>(fill));
    c.owner = this;
    c.session = &sessions_[session];
    c.data = item->memory.data();
    c.scratch = c.data + 131072;
    c.sqe = TestHost::sqe(opcode, lba, blocks);
    c.ns = ns_;
    c.has_range =
        opcode == io::kRead || opcode == io::kWrite || opcode == io::kCompare || opcode == io::kWriteZeroes;
    c.length = blocks * 4096;
    engine_.submit(c);
    return c;
  }
  Command& reservation(std::uint8_t opcode, std::uint32_t cdw10, std::uint64_t a, std::uint64_t b,
                       unsigned session) {
    auto& item = items_.emplace_back(std::make_unique<Item>());
    Command& c = item->command;
    item->memory.assign(4096, std::byte{0});
    std::memcpy(item->memory.data(), &a, 8);
    std::memcpy(item->memory.data() + 8, &b, 8);
    c.owner = this;
    c.session = &sessions_[session];
    c.data = item->memory.data();
    c.sqe = TestHost::sqe(opcode);
    c.sqe.cdw10 = cdw10;
    c.ns = ns_;
    c.length = opcode == io::kResvRelease ? 8 : opcode == io::kResvReport ? 4096 : 16;
    engine_.submit(c);
    return c;
  }
  void registered() {
    for (unsigned i = 0; i < 3; ++i)
      ASSERT_EQ(status(reservation(io::kResvRegister, 0, 0, 10 + i, i)), st::kOk);
  }
  bool done(const Command& c) const { return done_.contains(&c); }
  spec::Status status(const Command& c) const {
    return done_.contains(&c) ? done_.at(&c) : spec::Status{0x7fff};
  }
  void inject(const std::string& text) { ASSERT_TRUE(engine_.injector().add(*parse_fault(text))); }
  int media(std::uint64_t lba) { return std::to_integer<int>(base_->block(lba)[0]); }

  struct Item {
    Command command;
    std::vector<std::byte> memory;
  };
  Loop loop_;
  Engine engine_{*loop_.reactor, {131072}, this};
  Namespace* ns_ = nullptr;
  SlowStore* base_ = nullptr;
  Session sessions_[3];
  std::vector<std::unique_ptr<Item>> items_;
  std::map<const Command*, spec::Status> done_;
  std::vector<Command*> order_;
  std::vector<NoticeTo> notices_;
};

TEST_F(Engines, OverlappingWritesGoOneAfterTheOther) {
  Command& a = start(io::kWrite, 0, 4, 1);
  Command& b = start(io::kWrite, 3, 4, 2);
  Command& r = start(io::kRead, 6, 1);
  Command& far = start(io::kWrite, 100, 1, 3);
  EXPECT_EQ(base_->waiting.size(), 2u);  // a and far
  base_->complete(1);
  EXPECT_TRUE(done(far));
  base_->complete(0);
  EXPECT_TRUE(done(a) && !done(b) && !done(r));
  base_->complete(0);
  EXPECT_TRUE(done(b) && !done(r));
  base_->complete(0);
  EXPECT_EQ(std::to_integer<int>(r.data[0]), 2);
  EXPECT_TRUE(ns_->lock.empty());
}

TEST_F(Engines, PlanChecksNamespaceOpcodeAnaAndReservation) {
  Namespace* ns = nullptr;
  const auto plan = [&](std::uint8_t opcode, std::uint32_t nsid, unsigned session) {
    auto q = TestHost::sqe(opcode, 0, 1, nsid);
    q.sgl.type = spec::kSglTransport;
    q.sgl.length = opcode == io::kRead || opcode == io::kWrite ? 4096 : 0;
    return engine_.plan(sessions_[session], q, 0, ns).status;
  };
  EXPECT_EQ(plan(io::kRead, 1, 0), st::kOk);
  EXPECT_EQ(ns, ns_);
  EXPECT_EQ(plan(io::kVerify, 1, 0), st::kInvalidOpcode);
  for (const std::uint32_t nsid : {0u, 2u, spec::kNsidAll})
    EXPECT_EQ(plan(io::kRead, nsid, 0), st::kInvalidNamespace);
  EXPECT_EQ(plan(io::kFlush, spec::kNsidAll, 0), st::kInvalidNamespace);
  engine_.set_ana_status(st::kAnaInaccessible);
  EXPECT_EQ(plan(io::kRead, 1, 0), st::kAnaInaccessible);
  engine_.set_ana_status(st::kOk);
  registered();
  ASSERT_EQ(status(reservation(io::kResvAcquire, 2 << 8, 10, 0, 0)), st::kOk);
  EXPECT_EQ(plan(io::kRead, 1, 0), st::kOk);
  EXPECT_EQ(plan(io::kRead, 1, 1), st::kReservationConflict);
  EXPECT_EQ(plan(io::kFlush, 1, 1), st::kReservationConflict);
}

TEST_F(Engines, AReservationMadeWhileACommandWaitsFencesIt) {
  registered();
  Command& a = start(io::kWrite, 0, 1, 1, 0);
  Command& b = start(io::kWrite, 0, 1, 2, 1);  // behind a
  ASSERT_EQ(status(reservation(io::kResvAcquire, 1 << 8, 10, 0, 0)), st::kOk);
  base_->complete_all();
  EXPECT_EQ(status(a), st::kOk);
  EXPECT_EQ(status(b), st::kReservationConflict);
  EXPECT_EQ(media(0), 1);
}

TEST_F(Engines, PreemptAndAbortWaitsForTheVictimsCommandAtTheStore) {
  registered();
  ASSERT_EQ(status(reservation(io::kResvAcquire, 1 << 8, 11, 0, 1)), st::kOk);
  Command& at_store = start(io::kWrite, 0, 1, 1, 1);
  Command& waiting = start(io::kWrite, 0, 1, 2, 1);
  Command& bystander = start(io::kRead, 50, 1, 0, 2);
  Command& preempt = reservation(io::kResvAcquire, 1 << 8 | 2, 10, 11, 0);
  EXPECT_FALSE(done(preempt));
  EXPECT_EQ(status(waiting), st::kPreemptAbort);  // had not begun
  EXPECT_FALSE(done(at_store));
  Command& report = reservation(io::kResvReport, 1023, 0, 0, 0);
  EXPECT_FALSE(done(report)) << "reservation commands go one at a time";
  base_->complete(0);
  EXPECT_EQ(status(at_store), st::kPreemptAbort);
  EXPECT_EQ(status(preempt), st::kOk);
  EXPECT_EQ(status(report), st::kOk);
  EXPECT_FALSE(done(bystander));
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_EQ(notices_[0], (NoticeTo{TestHost::host_id(1), Notice::kRegistrationPreempted}));
  Command& late = start(io::kWrite, 0, 1, 9, 1);
  EXPECT_EQ(status(late), st::kReservationConflict);
  base_->complete_all();
  EXPECT_EQ(status(bystander), st::kOk);
}

TEST_F(Engines, PlainPreemptDoesNotWait) {
  registered();
  ASSERT_EQ(status(reservation(io::kResvAcquire, 1 << 8, 11, 0, 1)), st::kOk);
  Command& victim = start(io::kWrite, 0, 1, 1, 1);
  EXPECT_EQ(status(reservation(io::kResvAcquire, 1 << 8 | 1, 10, 11, 0)), st::kOk);
  base_->complete_all();
  EXPECT_EQ(status(victim), st::kOk);  // in progress: not recalled
}

TEST_F(Engines, PreemptAndAbortEndsWhatFaultInjectionHolds) {
  registered();
  ASSERT_EQ(status(reservation(io::kResvAcquire, 1 << 8, 11, 0, 1)), st::kOk);
  inject("stall,opcode=write,host=nqn.h1");
  inject("latency=600s,opcode=read,host=nqn.h1");
  Command& stalled = start(io::kWrite, 0, 1, 1, 1);
  Command& delayed = start(io::kRead, 0, 1, 0, 1);
  EXPECT_EQ(status(reservation(io::kResvAcquire, 1 << 8 | 2, 10, 11, 0)), st::kOk);
  EXPECT_EQ(status(stalled), st::kPreemptAbort);
  EXPECT_EQ(status(delayed), st::kPreemptAbort);
  EXPECT_EQ(engine_.pending(), 0u);
  EXPECT_EQ(media(0), 0);
}

TEST_F(Engines, DiscardTakesBackWhatHasNotBegun) {
  inject("stall,opcode=flush");
  inject("latency=600s,range=900-900");
  Command& at_store = start(io::kWrite, 0, 1, 1);
  Command& locked = start(io::kWrite, 0, 1, 2);
  Command& behind = start(io::kRead, 0, 1);
  Command& stalled = start(io::kFlush);
  Command& delayed = start(io::kRead, 900, 1);
  EXPECT_FALSE(engine_.discard(at_store));
  EXPECT_TRUE(engine_.discard(locked));
  EXPECT_TRUE(engine_.discard(stalled));
  EXPECT_TRUE(engine_.discard(delayed));
  EXPECT_FALSE(done(behind));
  base_->complete(0);
  EXPECT_TRUE(done(at_store) && at_store.orphan);
  base_->complete_all();
  EXPECT_EQ(status(behind), st::kOk);
  EXPECT_EQ(std::to_integer<int>(behind.data[0]), 1);
  EXPECT_FALSE(done(locked) || done(stalled) || done(delayed));
  EXPECT_EQ(engine_.pending(), 0u);
}

TEST_F(Engines, DsmGoesRangeByRangeUnderItsOwnLocks) {
  base_->immediate = true;
  for (std::uint64_t lba = 0; lba < 8; ++lba) start(io::kWrite, lba, 1, 7);
  base_->immediate = false;
  auto& item = items_.emplace_back(std::make_unique<Item>());
  item->memory.assign(4096, std::byte{0});
  const std::uint32_t n[2] = {2, 3};
  const std::uint64_t lba[2] = {0, 4};
  for (int i = 0; i < 2; ++i) {
    std::memcpy(item->memory.data() + i * 16 + 4, &n[i], 4);
    std::memcpy(item->memory.data() + i * 16 + 8, &lba[i], 8);
  }
  Command& c = item->command;
  c.owner = this;
  c.session = &sessions_[0];
  c.data = item->memory.data();
  c.sqe = TestHost::sqe(io::kDsm);
  c.sqe.cdw10 = 1;
  c.sqe.cdw11 = 4;
  c.ns = ns_;
  engine_.submit(c);
  ASSERT_EQ(base_->waiting.size(), 1u);
  base_->complete(0);
  EXPECT_FALSE(done(c));
  EXPECT_EQ(media(1), 0);
  EXPECT_EQ(media(4), 7);
  base_->complete(0);
  EXPECT_EQ(status(c), st::kOk);
  EXPECT_EQ(media(6), 0);
  EXPECT_EQ(media(7), 7);
}

// ---- faults ----

TEST_F(Engines, ErrorsBeforeAndAfterExecution) {
  base_->immediate = true;
  inject("error=2/80,dnr");
  Command& a = start(io::kWrite, 0, 1, 1);
  EXPECT_EQ(status(a), st::kWriteFault);
  EXPECT_TRUE(a.dnr);
  EXPECT_EQ(media(0), 0);
  inject("error=3/00,executed");
  Command& b = start(io::kWrite, 0, 1, 2);
  EXPECT_EQ(status(b), st::kPathInternal);
  EXPECT_FALSE(b.dnr);
  EXPECT_EQ(media(0), 2);
}

TEST_F(Engines, LostMisplacedAndFlippedWrites) {
  base_->immediate = true;
  inject("lose-write");
  EXPECT_EQ(status(start(io::kWrite, 0, 1, 1)), st::kOk);
  EXPECT_EQ(media(0), 0);
  inject("misplace-write=8");
  EXPECT_EQ(status(start(io::kWrite, 0, 1, 2)), st::kOk);
  EXPECT_EQ(media(0), 0);
  EXPECT_EQ(media(8), 2);
  inject("misplace-write=-1");
  EXPECT_EQ(status(start(io::kWrite, 0, 1, 3)), st::kOk);
  EXPECT_EQ(media(1023), 3);  // around the end
  inject("bitflip=3,opcode=write");
  EXPECT_EQ(status(start(io::kWrite, 5, 1, 0)), st::kOk);
  EXPECT_EQ(media(5), 8);
  inject("bitflip=0,opcode=read");
  Command& r = start(io::kRead, 5, 1);
  EXPECT_EQ(std::to_integer<int>(r.data[0]), 9);
  EXPECT_EQ(media(5), 8);
  EXPECT_FALSE(engine_.injector().active());
}

TEST_F(Engines, StallAndResumeKeepCommandsAndOrder) {
  base_->immediate = true;
  inject("stall");
  Command& a = start(io::kWrite, 0, 1, 1);
  Command& b = start(io::kWrite, 0, 1, 2);
  EXPECT_EQ(engine_.stalled(), 2u);
  EXPECT_EQ(media(0), 0);
  EXPECT_EQ(engine_.resume(), 2u);
  EXPECT_TRUE(done(a) && done(b));
  EXPECT_EQ(media(0), 2);
  inject("stall,at=answer");
  Command& c = start(io::kWrite, 0, 1, 3);
  EXPECT_FALSE(done(c));
  EXPECT_EQ(media(0), 3);  // done, not answered
  EXPECT_EQ(engine_.resume(), 1u);
  EXPECT_TRUE(done(c));
}

TEST_F(Engines, LatencyIsByTheClockAndLetsOthersPass) {
  base_->immediate = true;
  inject("latency=20ms,opcode=write");
  const Time begin = loop_.reactor->now();
  Command& slow = start(io::kWrite, 0, 1, 1);
  Command& fast = start(io::kRead, 0, 1);
  EXPECT_TRUE(done(fast) && !done(slow));
  EXPECT_TRUE(loop_.until([&] { return done(slow); }));
  EXPECT_GE(loop_.reactor->now() - begin, 20 * kMillisecond);
  EXPECT_EQ(media(0), 1);
}

}  // namespace
}  // namespace nvtee::target
