// Commands that wait, and may not be done any more when they could go on: the lease ends while they wait for
// their region, or the write that they wait behind is failed. No leg hears of them, and hosts are told so.
// And those that wait for legs when the lease ends: whatever legs say then, no host hears of a success.
#include <algorithm>
#include <set>
#include <tuple>

#include "hw/kernels/engine/test_stories.hpp"
#include "hw/kernels/tee_core/guard.hpp"

namespace nvtee::card {
namespace {

using test::EngineWorld;
using test::first_seed;
using test::random_options;
using test::rounds;
using test::TestHost;
using test::TestLeg;
using test::TestNamespace;
namespace io = spec::io;
namespace st = spec::st;

tee::Ctl order(unsigned op, unsigned row = 0) {
  tee::Ctl c{};
  c.op = op;
  c.ns = row;
  return c;
}
unsigned refusal(unsigned status) {
  return spec::cqe_status(static_cast<spec::Status>(status), false);
}

// The runtime: it opens regions when somebody asks for them, or lets those who ask wait.
class Waiting {
 public:
  explicit Waiting(EngineWorld& w)
      : w_(w), keep_(w.namespaces.size()), silent_(w.namespaces.size()), done_(w.namespaces.size()) {
    for (const TestNamespace& n : w.namespaces) {  // reads wait too, where a region is reconciled
      tee::Ctl c = order(tee::Ctl::kSetNamespace, n.row);
      c.flag = c.flag2 = c.flag3 = 1;
      c.nsid = n.nsid;
      c.lba = n.blocks;
      c.shift_a = 9;
      c.shift_b = n.region_shift;
      w.mail(c);
    }
    w.answered = [this](TestHost& h, const TestHost::Command& c, const nvmf::Cqe& cqe) {
      const auto it = due_.find({h.queue, c.ns, cqe.status});
      if (it == due_.end()) return false;
      if (--it->second == 0) due_.erase(it);
      return true;
    };
    w.heard = [this](bool leg, unsigned index, const test::TakenPdu& t) {
      if (leg && t.head.type == spec::pdu::kCapsuleCmd)
        EXPECT_FALSE(silent_[w_.legs[index].ns]) << "leg " << index << " is asked what nobody may ask it";
      if (!leg) EXPECT_FALSE(late_ && t.head.type == spec::pdu::kC2HData) << "read data after the lease";
      if (!leg && t.head.type == spec::pdu::kCapsuleResp) told(index, t.as<nvmf::CapsuleResp>().cqe);
    };
  }

  bool good() const { return w_.fault.empty() && !testing::Test::HasFailure(); }
  void run(unsigned clocks, bool feed = true) {
    for (unsigned n = 0; n < (clocks + 49) / 50 && good(); ++n) {
      w_.run(50, feed);
      turn();
    }
  }
  void settle() {
    until([this] { return open() == 0; }, "commands are never answered");
    if (good()) w_.compare();
  }

 protected:
  template <class Wanted>
  void until(Wanted wanted, const char* what, bool feed = false) {
    for (unsigned n = 0; n < 8000 && good() && !wanted(); ++n) run(100, feed);
    if (good()) EXPECT_TRUE(wanted()) << what;
  }
  // Commands that hosts wait for.
  size_t open(std::optional<unsigned> ns = {}) const {
    size_t n = 0;
    for (const TestHost& h : w_.hosts)
      for (const auto& [cid, c] : h.open) n += !ns || c.ns == *ns ? 1 : 0;
    return n;
  }
  TestHost& any_host() { return w_.hosts[w_.r.below(static_cast<unsigned>(w_.hosts.size()))]; }
  template <class T>
  void mix(std::vector<T>& all) {
    for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[w_.r.below(static_cast<unsigned>(i))]);
  }

  template <class State>
  void set_regions(unsigned ns, State state) {
    const TestNamespace& n = w_.namespaces[ns];
    for (unsigned region = 0; region << n.region_shift < n.blocks; ++region) set_region(ns, region, state());
    until([this] { return sets_ == 0; }, "regions are not set");
  }
  void resume(tee::SlotId slot) {
    tee::Ctl c = order(tee::Ctl::kResume);
    c.slot = slot;
    w_.mail(c);
  }
  // Where nothing is under way: what was ordered before has come to where commands are let in, and none was.
  void fence(unsigned ns) {
    const unsigned row = w_.namespaces[ns].row;
    fenced_.erase(row);
    w_.mail(order(tee::Ctl::kFence, row));
    until([&] { return fenced_.count(row) != 0; }, "a fence waits for a command that was not let in");
  }

  EngineWorld& w_;
  std::vector<bool> keep_;          // of a namespace: who asks for a region waits
  std::vector<bool> silent_;        // its legs must not be asked anything
  std::vector<unsigned> done_;      // with success
  bool late_ = false;               // no lease: nothing is done with success
  std::vector<tee::Event> parked_;  // who waits for a region
  std::map<std::tuple<unsigned, unsigned, unsigned>, unsigned> due_;  // (queue, namespace, status): refusals
  std::optional<tee::Event> held_;

 private:
  void told(unsigned queue, const nvmf::Cqe& cqe) {
    EXPECT_FALSE(late_ && cqe.status == 0) << "a success after the lease";
    for (const TestHost& h : w_.hosts)
      if (const auto it = h.open.find(cqe.cid); h.queue == queue && it != h.open.end() && cqe.status == 0)
        ++done_[it->second.ns];
  }
  void turn() {
    std::deque<tee::Event> events;
    events.swap(w_.tee_events);
    for (const tee::Event& e : events) {
      if (e.kind == tee::Event::kRegionMiss) {
        missed(e);
      } else if (e.kind == tee::Event::kRegionSetDone) {
        EXPECT_EQ(e.status.to_uint(), 0u);
        --sets_;
      } else if (e.kind == tee::Event::kHeld) {
        held_ = e;
      } else if (e.kind == tee::Event::kFenceDone) {
        fenced_.insert(e.ns.to_uint());
      } else {
        EXPECT_EQ(e.kind.to_uint(), static_cast<unsigned>(tee::Event::kSweepDone));
      }
    }
  }
  void missed(const tee::Event& e) {
    unsigned ns = 0;
    while (ns + 1 < keep_.size() && w_.namespaces[ns].row != e.ns) ++ns;
    EXPECT_EQ(w_.namespaces[ns].row, e.ns.to_uint());
    if (keep_[ns]) return parked_.push_back(e);
    set_region(ns, e.region.to_uint(), tee::Ctl::kOpen);
    resume(e.slot);
  }
  void set_region(unsigned ns, unsigned region, unsigned state) {
    tee::Ctl c = order(tee::Ctl::kRegionSet, w_.namespaces[ns].row);
    c.region = region;
    c.region_state = state;
    w_.mail(c);
    ++sets_;
  }

  unsigned sets_ = 1;          // regions of which it is not told that they are set; one is the world's
  std::set<unsigned> fenced_;  // rows
};

// ---- the lease ends ---------------------------------------------------------------------------------------
class LeaseEnds : public Waiting {
 public:
  using Waiting::Waiting;

  void act() {
    they_wait_for_regions();
    if (good()) they_wait_for_legs();
  }

 private:
  // Hosts' commands of all kinds wait for their regions when the lease ends, by an order or by itself. Some
  // look again then: refused, and not let in. Some the runtime gives up. The others look again when there is
  // a lease, and are done.
  void they_wait_for_regions() {
    settle();
    if (good()) they_park();
    if (!good()) return;
    silent_.assign(silent_.size(), true);
    const uint64_t end = end_lease();
    fence_all();
    const bool opened = w_.r.chance(60);  // without a lease they are refused while their region is shut, too
    if (opened) open_regions();
    until([&] { return now() > end; }, "the lease does not end");
    const std::vector<tee::Event> later = some_are_refused();
    until([this] { return due_.empty(); }, "commands are never refused");
    EXPECT_TRUE(parked_.empty()) << "a command waits once more, without a lease";
    EXPECT_EQ(open(), later.size());
    fence_all();
    if (!good()) return;

    if (!opened) open_regions();
    renew_lease();
    keep_.assign(keep_.size(), false);
    silent_.assign(silent_.size(), false);
    for (const tee::Event& e : later) resume(e.slot);
    settle();
  }

  // Legs are asked and say nothing before the lease has ended: what they do then is done, or not at all, and
  // hosts are told of no success.
  void they_wait_for_legs() {
    settle();
    for (TestLeg& l : w_.legs) l.quiet = true;
    const size_t goal = 3 + w_.r.below(2 * static_cast<unsigned>(w_.hosts.size()));
    until([&] { return at_legs() >= goal; }, "legs are not asked", true);
    if (!good()) return;
    std::vector<TestHost::Command> all;
    for (const TestHost& h : w_.hosts)
      for (const auto& [cid, c] : h.open) {
        ++due_[{h.queue, c.ns, refusal(st::kPathInternal)}];
        all.push_back(c);
      }
    late_ = true;
    const uint64_t end = end_lease();
    open_regions();  // told done when the order before has come everywhere
    until([&] { return now() > end; }, "the lease does not end");
    run(200, false);
    for (TestLeg& l : w_.legs) l.quiet = false;
    until([this] { return open() == 0; }, "commands are never answered");
    late_ = false;
    if (good()) renew_lease();
    for (const TestHost::Command& c : all) take_as_it_is(c);
    settle();
  }

  void they_park() {
    for (unsigned ns = 0; ns < keep_.size(); ++ns) {
      keep_[ns] = true;
      set_regions(ns, [this] {
        const unsigned states[] = {tee::Ctl::kNone, tee::Ctl::kClosing, tee::Ctl::kReconcile};
        return states[w_.r.below(3)];
      });
    }
    const size_t goal = 4 + 3 * w_.hosts.size();
    until([&] { return parked_.size() >= goal; }, "nobody waits for a region", true);
    until([this] { return open() == parked_.size(); }, "commands that need not wait are never answered");
  }
  // As the card compares the lease with it, in ns.
  uint64_t now() {
    return test::Registers(w_.card->lite(), [this] { w_.clock(); }).read64(reg::kNowLo);
  }
  // By an order, or soon by itself: the lease is over after this.
  uint64_t end_lease() {
    const uint64_t end = w_.r.chance(50) ? now() + w_.r.below(12000) : w_.r.below(4);
    set_lease(end);
    return end;
  }
  void renew_lease() {
    set_lease(~0ull);
    fence_all();
  }
  void set_lease(uint64_t end) {
    tee::Ctl c = order(tee::Ctl::kSetLease);
    c.clock = end;
    w_.mail(c);
  }
  size_t at_legs() const {
    size_t n = 0;
    for (const TestLeg& l : w_.legs) n += l.open.size();
    return n;
  }
  // A write of which nobody knows whether it was done: all of it, at all legs of its namespace, or nothing.
  void take_as_it_is(const TestHost::Command& c) {
    if (c.opcode != io::kWrite && c.opcode != io::kWriteZeroes) return;
    const long from = static_cast<long>(c.block) * test::kBlock,
               size = static_cast<long>(c.count) * test::kBlock;
    const test::ByteVec data = c.opcode == io::kWrite ? c.data : test::ByteVec(static_cast<size_t>(size));
    for (const TestLeg& l : w_.legs)
      if (l.ns == c.ns && std::equal(data.begin(), data.end(), l.disk.begin() + from))
        std::copy(data.begin(), data.end(), w_.namespaces[c.ns].disk.begin() + from);
  }
  void fence_all() {
    for (unsigned ns = 0; ns < keep_.size(); ++ns) fence(ns);
  }
  void open_regions() {
    for (unsigned ns = 0; ns < keep_.size(); ++ns) set_regions(ns, [] { return tee::Ctl::kOpen; });
  }
  // Of those who wait for a region, in any order. Returned: who is left as it is.
  std::vector<tee::Event> some_are_refused() {
    std::vector<tee::Event> later;
    mix(parked_);
    for (size_t i = 0; i < parked_.size(); ++i) {
      const tee::Event& e = parked_[i];
      const unsigned fate = i < 3 ? 0 : w_.r.below(100);
      if (fate >= 60) {
        later.push_back(e);
      } else if (fate >= 45) {
        tee::Ctl c = order(tee::Ctl::kFailParked);
        c.slot = e.slot;
        c.status = 0x301 + w_.r.below(3);
        w_.mail(c);
        expect(e, c.status.to_uint());
      } else {
        resume(e.slot);
        expect(e, st::kPathInternal);
      }
    }
    parked_.clear();
    return later;
  }
  void expect(const tee::Event& e, unsigned status) {
    unsigned ns = 0;
    while (w_.namespaces[ns].row != e.ns) ++ns;
    ++due_[{tee::queue_of<EngineConfig>(e.slot).to_uint(), ns, refusal(status)}];
  }
};

// ---- writes fail ------------------------------------------------------------------------------------------
class WritesFail : public Waiting {
 public:
  using Waiting::Waiting;

  // Writes of a namespace are at its legs, some of which say nothing any more; others wait for the same
  // blocks. The legs are given up, and the writes with them: whoever waited is told the same, since nobody
  // knows what those blocks hold. Another namespace goes on, and this one does when its gates are open.
  void act() {
    ns_ = w_.r.below(static_cast<unsigned>(keep_.size()));
    settle();
    const unsigned most = std::exchange(w_.namespaces[ns_].most, 0);  // nothing of it is drawn
    fall_silent();
    for (void (WritesFail::*step)() : {&WritesFail::they_write, &WritesFail::they_wait, &WritesFail::give_up,
                                       &WritesFail::they_come_back, &WritesFail::they_read}) {
      if (!good()) return;
      (this->*step)();
    }
    settle();
    w_.namespaces[ns_].most = most;
  }

 private:
  static constexpr unsigned kPlace = 300, kPlaces = 4;  // of a write and of those who wait for it, in blocks
  static constexpr unsigned kFree = 1500;               // from here on there are none
  struct Write {
    unsigned opcode, block, count;
    test::ByteVec data;
  };

  // All legs of the namespace, or some.
  void fall_silent() {
    std::vector<TestLeg*> legs;
    for (TestLeg& l : w_.legs)
      if (l.ns == ns_) legs.push_back(&l);
    mix(legs);
    left_ = w_.r.chance(30) ? 0 : w_.r.below(static_cast<unsigned>(legs.size()));
    lost_.assign(legs.begin() + left_, legs.end());
    for (TestLeg* l : lost_) l->quiet = true;
  }
  // All legs of the namespace are asked.
  void they_write() {
    std::map<unsigned, unsigned> goal;
    for (const TestLeg& l : w_.legs)
      if (l.ns == ns_) goal[l.index] = l.commands;
    writes_.clear();
    for (unsigned place = 0; place < kPlaces; ++place) {
      if (place != 0 && w_.r.chance(30)) continue;
      TestHost::Command c{};
      c.opcode = w_.r.chance(75) ? io::kWrite : io::kWriteZeroes;
      c.count = 1 + w_.r.below(w_.r.chance(20) ? 100 : 12);
      c.block = place * kPlace + 50 + w_.r.below(50);
      TestHost& h = send(c);
      writes_.push_back({c.opcode, c.block, c.count, h.open[h.next_cid].data});
      for (auto& [leg, commands] : goal) ++commands;
    }
    const auto asked = [&](const auto& g) { return w_.legs[g.first].commands == g.second; };
    until([&] { return std::all_of(goal.begin(), goal.end(), asked); }, "a leg is not asked", true);
  }
  // To a host that has room. All of them are refused in the end.
  TestHost& send(TestHost::Command c) {
    const auto room = [](const TestHost& h) { return h.open.size() + 1 < h.depth; };
    until([&] { return std::any_of(w_.hosts.begin(), w_.hosts.end(), room); }, "no host has room");
    TestHost* h = &any_host();
    while (good() && !room(*h)) h = &any_host();
    c.ns = ns_;
    c.in_capsule = c.opcode == io::kWrite && c.count <= 16 && w_.r.chance(50);
    ++due_[{h->queue, ns_, refusal(st::kPathInternal)}];
    w_.send(*h, c);
    return *h;
  }
  // That all of them have come to the blocks where they wait is known: they were let in after they had waited
  // for their regions, and a hold that was ordered then is held.
  void they_wait() {
    keep_[ns_] = silent_[ns_] = true;
    set_regions(ns_, [] { return tee::Ctl::kReconcile; });
    const unsigned all = 3 + w_.r.below(8);
    for (unsigned i = 0; i < all && good(); ++i) {
      const Write& x = writes_[w_.r.below(static_cast<unsigned>(writes_.size()))];
      const unsigned ops[] = {io::kRead, io::kWrite, io::kWriteZeroes};
      TestHost::Command c{};
      c.opcode = ops[w_.r.below(3)];
      c.block = x.block + w_.r.below(x.count) - w_.r.below(10);
      c.count = (c.block < x.block ? x.block - c.block : 0) + 1 + w_.r.below(20);
      send(c);
    }
    until([&] { return parked_.size() == all; }, "somebody does not wait for a region", true);
    set_regions(ns_, [] { return tee::Ctl::kOpen; });
    mix(parked_);
    for (const tee::Event& e : parked_) resume(e.slot);
    parked_.clear();
    hold();
    EXPECT_EQ(open(ns_), writes_.size() + all) << "answered too early";
  }
  void hold() {
    tee::Ctl c = order(tee::Ctl::kHold, w_.namespaces[ns_].row);
    c.lba = kFree + w_.r.below(200);
    c.nlb = 1 + w_.r.below(8);
    c.flag = w_.r.below(2);
    c.flag2 = w_.r.below(2);
    c.tag = ++tag_;
    held_.reset();
    w_.mail(c);
    until([this] { return held_.has_value(); }, "a hold of blocks that nobody has");
    if (!held_) return;
    EXPECT_EQ(held_->tag.to_uint(), tag_);
    c = order(tee::Ctl::kRelease);
    c.slot = held_->slot;
    w_.mail(c);
  }
  // The gates say something else: those who wait are let in already.
  void give_up() {
    set_gate(0x301 + w_.r.below(3));
    run(50, false);
    w_.card_events.clear();
    for (TestLeg* l : lost_) {
      if (!good()) return;
      w_.drop_leg(*l, tee::Ctl::kFail);
      run(50, false);
    }
    until([this] { return open(ns_) == 0; }, "commands of legs that are gone are never answered", true);
    EXPECT_TRUE(due_.empty()) << "another answer than is due";
    const unsigned other = ns_ == 0 ? 1 : 0, goal = done_[other] + 5;
    until([&] { return done_[other] >= goal; }, "another namespace does not go on", true);
    if (good()) fence(ns_);
    if (good()) hold();  // the runtime's own are begun
    // Legs that are left have done the writes, those that said nothing have not.
    for (const Write& x : writes_) {
      const auto at = w_.namespaces[ns_].disk.begin() + static_cast<long>(x.block) * test::kBlock;
      if (left_ != 0 && x.opcode == io::kWrite) std::copy(x.data.begin(), x.data.end(), at);
      if (left_ != 0 && x.opcode == io::kWriteZeroes)
        std::fill_n(at, size_t{x.count} * test::kBlock, uint8_t{0});
    }
    settle();
  }
  void set_gate(unsigned status) {
    tee::Ctl c = order(tee::Ctl::kSetGate, w_.namespaces[ns_].row);
    c.status = c.status2 = status;
    w_.mail(c);
  }
  // In their next incarnation, with what the namespace holds. Gates open then, or before where a leg is left.
  void they_come_back() {
    const bool gates_first = left_ != 0 && w_.r.chance(50);
    if (gates_first) open_gates();
    for (TestLeg* l : lost_) {
      for (unsigned q = 0; q < l->queues; ++q)
        until([&] { return w_.tcp[l->port[q]].closed(l->session[q]); }, "still open");
      run(200, false);  // until the card has taken that news
      ++l->gen;
      l->open.clear();
      l->disk = w_.namespaces[ns_].disk;
      l->off = l->quiet = false;
      w_.open_leg(*l);
    }
    if (!gates_first) open_gates();
  }
  void open_gates() {
    set_gate(0);
    fence(ns_);
    keep_[ns_] = silent_[ns_] = false;
  }
  void they_read() {
    for (const Write& x : writes_) {
      TestHost& h = any_host();
      if (h.open.size() + 1 >= h.depth) continue;
      TestHost::Command c{};
      c.ns = ns_;
      c.opcode = io::kRead;
      c.block = x.block;
      c.count = x.count;
      w_.send(h, c);
    }
  }

  unsigned ns_ = 0;             // of which writes fail
  std::vector<TestLeg*> lost_;  // its legs that say nothing
  unsigned left_ = 0;           // how many others it has
  std::vector<Write> writes_;   // that are at its legs
  unsigned tag_ = 0;
};

// A second namespace, none of whose blocks shares an entry of the guard with one of the first: those would
// wait for each other.
EngineWorld::Options two_namespaces(uint64_t seed) {
  EngineWorld::Options o = random_options(seed);
  test::Random r(seed);
  o.hosts = 2 + r.below(3);
  TestNamespace n;
  const auto apart = [](unsigned row) {
    const unsigned distance = (tee::entry_of<EngineConfig>(row, 0) - tee::entry_of<EngineConfig>(0, 0)) %
                              tee::Sizes<EngineConfig>::kGuard;
    return distance >= test::kBlocks && distance <= tee::Sizes<EngineConfig>::kGuard - test::kBlocks;
  };
  do n.row = 1 + r.below(63);
  while (!apart(n.row));
  n.nsid = test::kNsid + 1;
  n.region_shift = 8 + r.below(4);
  n.legs = 1 + r.below(2);
  n.most = 4;
  o.more.push_back(n);
  return o;
}

template <class Story>
void tell(uint64_t first, unsigned acts) {
  const uint64_t from = first_seed(first), until = from + rounds(3);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld w(seed, two_namespaces(seed));
    w.namespaces[0].region_shift = 8 + w.r.below(4);
    w.namespaces[0].most = 4;
    Story s(w);
    for (unsigned n = 0; n < acts && s.good(); ++n) {
      s.run(1500);
      s.act();
      EXPECT_EQ(w.fault, "");
    }
    for (const CardEvent& e : w.card_events)
      EXPECT_NE(e.kind.to_uint(), static_cast<unsigned>(CardEvent::kLinkError));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Engine, LeaseEnds) {
  tell<LeaseEnds>(1500, 2);
}

TEST(Engine, WritesFail) {
  tell<WritesFail>(1600, 2);
}

}  // namespace
}  // namespace nvtee::card
