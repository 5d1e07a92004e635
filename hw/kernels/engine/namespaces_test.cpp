// Namespaces beside each other, each with its own legs, regions and gates, and hosts of which each may do
// something else in each: whatever happens in one, the others go on, and nothing of one lands in another.
#include <algorithm>
#include <set>

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

tee::Ctl order(unsigned op, unsigned row) {
  tee::Ctl c{};
  c.op = op;
  c.ns = row;
  return c;
}

// Bits of a host's gate.
constexpr unsigned kNoReads = 1, kNoWrites = 2, kNotDispersed = 4;

// What the runtime has ordered: it says how each command must be answered.
struct Rules {
  struct Of {
    bool valid = true;
    unsigned reads = 0, writes = 0;  // gates
  };
  std::vector<Of> of;
  std::map<std::pair<unsigned, unsigned>, unsigned> host;  // (queue, namespace): gate
  bool leased = true;

  // In the order of check.hpp.
  unsigned answer(const EngineWorld& w, const TestHost& h, const TestHost::Command& c) const {
    const bool read = c.opcode == io::kRead;
    const auto at = host.find({h.queue, c.ns});
    const unsigned gate = at == host.end() ? 0 : at->second, own = read ? of[c.ns].reads : of[c.ns].writes;
    const auto is = [](unsigned status, bool dnr) {
      return unsigned{spec::cqe_status(static_cast<spec::Status>(status), dnr)};
    };
    if (c.nsid || !of[c.ns].valid) return is(st::kInvalidNamespace, true);
    if (c.opcode == io::kResvReport) return is(st::kInvalidOpcode, true);  // no namespace offers them
    if ((gate & kNotDispersed) != 0) return is(st::kDispersedNotEnabled, true);
    if (!leased) return is(st::kPathInternal, false);
    if (own != 0) return is(own, false);
    if ((gate & (read ? kNoReads : kNoWrites)) != 0) return is(st::kReservationConflict, true);
    if (c.block + c.count > w.namespaces[c.ns].blocks) return is(st::kLbaRange, true);
    return 0;
  }
};

class Story {
 public:
  explicit Story(EngineWorld& w) : w_(w), done(w.namespaces.size()) {
    rules_.of.resize(w.namespaces.size());
    open_regions_.insert({0, 0});  // by the world
    w.answered = [this](TestHost&, const TestHost::Command& c, const nvmf::Cqe& cqe) {
      // When the lease or the legs went it may have been done.
      if (doubt_ && cqe.status == spec::cqe_status(st::kPathInternal, false) && c.count != 0)
        w_.forget(c.block, c.count, c.ns);
      return cqe.status != 0;  // which was looked at in told()
    };
    w.heard = [this](bool leg, unsigned index, const test::TakenPdu& t) {
      if (leg && t.head.type == spec::pdu::kCapsuleCmd) asked(w_.legs[index], t.as<nvmf::CapsuleCmd>().sqe);
      if (!leg && t.head.type == spec::pdu::kCapsuleResp) told(index, t.as<nvmf::CapsuleResp>().cqe);
    };
  }

  bool good() const { return w_.fault.empty() && !testing::Test::HasFailure(); }
  // Regions are opened when somebody asks for them.
  void run(unsigned clocks, bool feed = true) {
    for (unsigned n = 0; n < (clocks + 49) / 50 && good(); ++n) {
      w_.run(50, feed);
      turn();
    }
  }
  // Until `n` more commands of each namespace but one are done.
  void go_on(unsigned n, unsigned but = ~0u) {
    std::vector<unsigned> goal = done;
    for (unsigned& g : goal) g += n;
    const auto reached = [&] {
      for (unsigned ns = 0; ns < goal.size(); ++ns)
        if (ns != but && done[ns] < goal[ns]) return false;
      return true;
    };
    for (unsigned i = 0; i < 2000 && good() && !reached(); ++i) run(100);
    EXPECT_TRUE(reached()) << "a namespace does not go on";
  }
  void settle() {
    for (unsigned n = 0; n < 4000 && good() && !w_.settle(64); ++n) turn();
    EXPECT_TRUE(w_.settle(64)) << "commands are never answered";
  }

  // Every host asks every namespace, at the same blocks, for a write and for what was written.
  void everybody() {
    settle();
    for (const unsigned opcode : {io::kWrite, io::kRead}) {
      for (TestHost& h : w_.hosts)
        for (unsigned ns = 0; ns < w_.namespaces.size(); ++ns) {
          TestHost::Command c{};
          c.opcode = opcode;
          c.ns = ns;
          c.block = kMine + 2 * h.session;
          c.count = 1 + h.session % 2;
          c.in_capsule = opcode == io::kWrite;
          send(h, c);
        }
      settle();
    }
  }
  // What no namespace takes.
  void odd() {
    for (unsigned n = 0; n < 3 * w_.namespaces.size() && good(); ++n) {
      TestHost& h = w_.hosts[w_.r.below(static_cast<unsigned>(w_.hosts.size()))];
      TestHost::Command c{};
      c.opcode = w_.r.chance(50) ? io::kWrite : io::kRead;
      c.ns = n % static_cast<unsigned>(w_.namespaces.size());
      c.count = 2;
      c.block = kMine;
      c.in_capsule = c.opcode == io::kWrite && w_.r.chance(60);
      if (n % 3 == 0) {
        const uint32_t nsid = w_.namespaces[c.ns].nsid;
        const uint32_t ids[] = {0, ~0u, nsid ^ 1u << w_.r.below(32), nsid ^ 1u << (16 + w_.r.below(16))};
        c.nsid = ids[w_.r.below(4)];
        if (std::any_of(w_.namespaces.begin(), w_.namespaces.end(),
                        [&](const TestNamespace& x) { return x.nsid == *c.nsid; }))
          continue;
      } else if (n % 3 == 1) {
        c.block = w_.namespaces[c.ns].blocks - 1;
      } else {
        c.opcode = io::kResvReport;
        c.count = 0;
        c.length = 64;
      }
      send(h, c);
      run(30);
    }
  }

  // A host that is shut out of a namespace goes on in the others, and the others go on in it.
  void host_gates() {
    const auto all = static_cast<unsigned>(w_.namespaces.size());
    const unsigned shift = w_.r.below(all);
    for (unsigned i = 0; i < w_.hosts.size() && good(); ++i)
      set_host_gate(w_.hosts[i], (i + shift) % all, i < 3 ? 1u << i : 1 + w_.r.below(7));
    everybody();
  }
  void namespace_gates() {
    const auto all = static_cast<unsigned>(w_.namespaces.size());
    const unsigned one = w_.r.below(all), other = (one + 1 + w_.r.below(all - 1)) % all;
    set_gate(one, 0x301 + w_.r.below(3), 0);
    set_gate(other, 0, 0x301 + w_.r.below(3));
    everybody();
    set_gate(one, 0, 0);
    set_gate(other, 0, 0);
  }
  // Gates that open and close while everybody is at work.
  void restless() {
    for (unsigned n = 0; n < 8 && good(); ++n) {
      const unsigned ns = w_.r.below(static_cast<unsigned>(w_.namespaces.size()));
      TestHost& h = w_.hosts[w_.r.below(static_cast<unsigned>(w_.hosts.size()))];
      if (w_.r.chance(60)) {
        set_host_gate(h, ns, w_.r.chance(50) ? 0 : w_.r.below(8));
      } else {
        set_gate(ns, w_.r.chance(50) ? 0 : 0x302, w_.r.chance(50) ? 0 : 0x303);
      }
    }
    for (unsigned ns = 0; ns < w_.namespaces.size() && good(); ++ns)
      if (rules_.of[ns].reads != 0 || rules_.of[ns].writes != 0) set_gate(ns, 0, 0);
  }
  void namespace_removed() {
    const unsigned ns = w_.r.below(static_cast<unsigned>(w_.namespaces.size()));
    for (const bool valid : {false, true}) {
      change([&] {
        rules_.of[ns].valid = valid;
        w_.set_namespace(w_.namespaces[ns], valid);
      });
      if (!valid) everybody();
    }
  }
  void lease_ends() {
    for (const bool leased : {false, true}) {
      doubt_ = true;
      change([&] {
        rules_.leased = leased;
        tee::Ctl c = order(tee::Ctl::kSetLease, 0);
        c.clock = leased ? ~0ull : 1;
        w_.mail(c);
      });
      settle();
      doubt_ = false;
      if (!leased) everybody();
    }
  }

  // Commands that were let in and wait for their region meet gates that have closed since: nothing of them is
  // done.
  void gates_close_behind() {
    settle();
    for (unsigned ns = 0; ns < w_.namespaces.size(); ++ns) set_region(ns, kMine, tee::Ctl::kNone);
    run(200, false);
    waits_ = true;
    unsigned sent = 0;
    for (TestHost& h : w_.hosts)
      for (unsigned ns = 0; ns < w_.namespaces.size(); ++ns)
        if (ns % 2 == h.session % 2) sent += write_mine(h, ns) ? 1 : 0;
    EXPECT_GT(sent, 10u);
    for (unsigned n = 0; n < 2000 && good() && missed_.size() < sent; ++n) run(50, false);
    EXPECT_EQ(missed_.size(), sent) << "a write into a region that is not open";
    const unsigned one = w_.r.below(static_cast<unsigned>(w_.namespaces.size()));
    for (unsigned i = 0; i < w_.hosts.size() && good(); ++i) {
      const unsigned ns = i % static_cast<unsigned>(w_.namespaces.size());
      set_host_gate(w_.hosts[i], ns, 1 + w_.r.below(7), false);
    }
    set_gate(one, 0, 0x302, false);
    may_.clear();  // from here on only what holds now
    for (unsigned ns = 0; ns < w_.namespaces.size(); ++ns) set_region(ns, kMine, tee::Ctl::kOpen);
    waits_ = false;
    resume();
    settle();
    set_gate(one, 0, 0);
  }

  // One of the first namespace's legs goes; those with its number in others stay.
  void leg_goes() {
    TestLeg& l = w_.legs[w_.r.below(w_.namespaces[0].legs)];
    l.dead = true;
    go_on(2, 0);
    w_.drop_leg(l);
    go_on(2);
  }
  // All legs of a namespace are silent: the others go on, and their fences are done. Then they are gone: the
  // namespace's commands are answered, its gates are closed. At last it has a leg again.
  void legs_go() {
    const unsigned ns = 1 + w_.r.below(static_cast<unsigned>(w_.namespaces.size()) - 1);
    const unsigned other = apart_from(ns);
    w_.namespaces[ns].most = 1;
    for (TestLeg& l : w_.legs)
      if (l.ns == ns) l.quiet = true;
    for (unsigned n = 0; n < 200 && good() && !any_asked(ns); ++n) run(100);
    EXPECT_TRUE(any_asked(ns)) << "its legs were asked nothing";
    fence(ns);
    go_on(3, ns);
    fence(other);
    EXPECT_TRUE(wait_fence(other)) << "a fence waits for another namespace";
    EXPECT_EQ(fences_.count(ns), 0u) << "a fence that did not wait";
    doubt_ = true;
    set_gate(ns, st::kPathInternal, st::kPathInternal);
    for (TestLeg& l : w_.legs)
      if (l.ns == ns && good()) w_.drop_leg(l, tee::Ctl::kFail);
    EXPECT_TRUE(wait_fence(ns)) << "commands of legs that are gone";
    everybody();
    doubt_ = false;
    for (TestLeg& l : w_.legs)
      if (l.ns == ns && good()) comes_back(l);
    w_.namespaces[ns].most = 3;
    set_gate(ns, 0, 0);
    everybody();
  }

 private:
  static constexpr unsigned kMine = 40;  // blocks of everybody()

  void send(TestHost& h, const TestHost::Command& c) {
    if (w_.namespaces[c.ns].forgotten[c.block] || w_.namespaces[c.ns].forgotten[c.block + c.count - 1])
      return;
    if (h.open.size() + 1 < h.depth) w_.send(h, c);
  }

  // One block of everybody()'s; false: it would be refused at once, or nobody looks there any more.
  bool write_mine(TestHost& h, unsigned ns) {
    TestHost::Command c{};
    c.opcode = io::kWrite;
    c.ns = ns;
    c.block = kMine + 2 * h.session;
    c.count = 1;
    c.in_capsule = w_.r.chance(50);
    if (rules_.answer(w_, h, c) != 0 || w_.namespaces[ns].forgotten[c.block]) return false;
    send(h, c);
    return true;
  }
  void set_region(unsigned ns, unsigned block, unsigned state) {
    const TestNamespace& n = w_.namespaces[ns];
    tee::Ctl c = order(tee::Ctl::kRegionSet, n.row);
    c.region = block >> n.region_shift;
    c.region_state = state;
    if (state == tee::Ctl::kOpen) open_regions_.insert({n.row, block >> n.region_shift});
    if (state == tee::Ctl::kNone) open_regions_.erase({n.row, block >> n.region_shift});
    w_.mail(c);
  }
  void resume() {
    for (const tee::SlotId& slot : missed_) {
      tee::Ctl c = order(tee::Ctl::kResume, 0);
      c.slot = slot;
      w_.mail(c);
    }
    missed_.clear();
  }

  // ---- what is heard
  void asked(const TestLeg& l, const nvmf::Sqe& sqe) {
    const TestNamespace& n = w_.namespaces[l.ns];
    if (sqe.opcode == io::kFlush) return;
    const auto first = static_cast<unsigned>(sqe.slba()), last = first + sqe.blocks() - 1;
    EXPECT_LT(last, n.blocks) << "beyond the namespace's end";
    if (sqe.opcode == io::kRead) {
      bool preferred = false;
      for (const TestLeg& x : w_.legs) preferred |= x.ns == l.ns && !x.off && (n.prefer >> x.leg & 1) != 0;
      EXPECT_TRUE(!preferred || (n.prefer >> l.leg & 1) != 0) << "a read of a leg that is not preferred";
    } else {
      for (unsigned region = first >> n.region_shift; region <= last >> n.region_shift; ++region)
        EXPECT_EQ(open_regions_.count({n.row, region}), 1u) << "a write into a region that is not open";
    }
  }
  void told(unsigned queue, const nvmf::Cqe& cqe) {
    const auto h =
        std::find_if(w_.hosts.begin(), w_.hosts.end(), [&](const TestHost& x) { return x.queue == queue; });
    const auto it = h->open.find(cqe.cid);
    if (it == h->open.end()) return;  // the world says so
    const TestHost::Command& c = it->second;
    std::set<unsigned>& may = may_[{queue, cqe.cid}];
    may.insert(rules_.answer(w_, *h, c));
    if (before_) may.insert(before_->answer(w_, *h, c));
    EXPECT_EQ(may.count(cqe.status), 1u)
        << "answer " << cqe.status << ", not " << *may.begin() << ", to opcode " << c.opcode << " of host "
        << queue << " in namespace " << c.ns;
    may_.erase({queue, cqe.cid});
    if (cqe.status != 0) return;
    ++done[c.ns];
    if (c.opcode != io::kWrite && c.opcode != io::kWriteZeroes) return;
    for (const TestLeg& l : w_.legs)
      for (const auto& [cid, o] : l.open)
        EXPECT_FALSE(l.ns == c.ns && !l.off && o.sqe.opcode == c.opcode && o.sqe.slba() < c.block + c.count &&
                     c.block < o.sqe.slba() + o.sqe.blocks())
            << "answered before leg " << l.index << " has done it";
  }
  void turn() {
    std::deque<tee::Event> events;
    events.swap(w_.tee_events);
    for (const tee::Event& e : events) {
      if (e.kind == tee::Event::kRegionMiss) {
        missed_.push_back(e.slot);
        if (waits_) continue;
        open_regions_.insert({e.ns.to_uint(), e.region.to_uint()});
        tee::Ctl c = order(tee::Ctl::kRegionSet, e.ns.to_uint());
        c.region = e.region;
        c.region_state = tee::Ctl::kOpen;
        w_.mail(c);
        resume();
      } else if (e.kind == tee::Event::kRegionSetDone) {
        EXPECT_EQ(e.status.to_uint(), 0u);
      } else if (e.kind == tee::Event::kFenceDone) {
        fences_.insert(e.ns.to_uint());
      } else {
        EXPECT_EQ(e.kind.to_uint(), static_cast<unsigned>(tee::Event::kSweepDone));
      }
    }
  }

  // ---- orders
  // What is under way may be answered by the rules of before or of now; so may what is sent until the order
  // has arrived everywhere.
  void change(const std::function<void()>& orders, bool feed = true) {
    note();
    before_ = rules_;
    orders();
    note();
    run(200, feed);
    note();
    before_.reset();
  }
  void note() {
    for (const TestHost& h : w_.hosts)
      for (const auto& [cid, c] : h.open) {
        may_[{h.queue, cid}].insert(rules_.answer(w_, h, c));
        if (before_) may_[{h.queue, cid}].insert(before_->answer(w_, h, c));
      }
  }
  void set_host_gate(const TestHost& h, unsigned ns, unsigned mask, bool feed = true) {
    change(
        [&] {
          rules_.host[{h.queue, ns}] = mask;
          tee::Ctl c = order(tee::Ctl::kSetHostGate, w_.namespaces[ns].row);
          c.queue = h.queue;
          c.mask = mask;
          w_.mail(c);
        },
        feed);
  }
  void set_gate(unsigned ns, unsigned reads, unsigned writes, bool feed = true) {
    change(
        [&] {
          rules_.of[ns].reads = reads;
          rules_.of[ns].writes = writes;
          tee::Ctl c = order(tee::Ctl::kSetGate, w_.namespaces[ns].row);
          c.status = reads;
          c.status2 = writes;
          w_.mail(c);
        },
        feed);
  }
  void fence(unsigned ns) {
    fences_.erase(w_.namespaces[ns].row);
    w_.mail(order(tee::Ctl::kFence, w_.namespaces[ns].row));
  }
  bool wait_fence(unsigned ns) {
    const unsigned row = w_.namespaces[ns].row;
    for (unsigned n = 0; n < 2000 && good() && fences_.count(row) == 0; ++n) run(100);
    return fences_.count(row) != 0;
  }
  // Another namespace, none of whose blocks shares an entry of the guard with one of this: those would wait.
  unsigned apart_from(unsigned ns) const {
    const auto base = [this](unsigned of) { return tee::entry_of<EngineConfig>(w_.namespaces[of].row, 0); };
    unsigned other = 0;
    for (unsigned i = 0; i < w_.namespaces.size(); ++i) {
      const unsigned distance = (base(i) - base(ns)) % tee::Sizes<EngineConfig>::kGuard;
      if (distance >= test::kBlocks && distance <= tee::Sizes<EngineConfig>::kGuard - test::kBlocks)
        other = i;
    }
    return other;
  }
  bool any_asked(unsigned ns) const {
    return std::any_of(w_.legs.begin(), w_.legs.end(),
                       [&](const TestLeg& l) { return l.ns == ns && !l.open.empty(); });
  }
  // A leg in its next incarnation, with what the namespace holds.
  void comes_back(TestLeg& l) {
    for (unsigned q = 0; q < l.queues; ++q)
      EXPECT_TRUE(w_.wait_event([&] { return w_.tcp[l.port[q]].closed(l.session[q]); })) << "still open";
    run(200, false);  // until the card has taken that news
    w_.card_events.clear();
    ++l.gen;
    l.open.clear();
    l.disk = w_.namespaces[l.ns].disk;
    l.off = l.quiet = false;
    w_.open_leg(l);
  }

  EngineWorld& w_;
  Rules rules_;
  std::optional<Rules> before_;                                      // while they change
  std::map<std::pair<unsigned, unsigned>, std::set<unsigned>> may_;  // (queue, CID): its answers
  std::set<std::pair<unsigned, unsigned>> open_regions_;             // (row, region)
  std::set<unsigned> fences_;                                        // rows whose fence is done
  std::vector<tee::SlotId> missed_;                                  // commands that wait for their region
  bool waits_ = false;                                               // regions stay shut
  bool doubt_ = false;

 public:
  std::vector<unsigned> done;  // with success, of each namespace
};

// Rows and queues of which each differs from another in one bit: no bit of either can be lost.
EngineWorld::Options many(uint64_t seed) {
  EngineWorld::Options o = random_options(seed);
  test::Random r(seed);
  o.tcp.drain = 64;
  o.legs = 2 + r.below(2);
  o.queues = {1, 2, 3, 5, 9, 17, 33};
  o.hosts = static_cast<unsigned>(o.queues.size());
  for (unsigned bit = 0; bit < 6; ++bit) {
    TestNamespace n;
    n.row = 1u << bit;
    n.nsid = test::kNsid ^ (bit < 3 ? 1u << (8 * bit + 4) : 1u << (bit - 3) | 1u << 31);
    n.blocks = test::kBlocks - 64 * r.below(16);
    n.region_shift = 8 + r.below(4);
    n.legs = bit == 2 ? 2 : 1;
    n.prefer = bit == 2 ? 1 + r.below(2) : 0;
    o.more.push_back(n);
  }
  for (TestNamespace& n : o.more) n.most = 3;
  return o;
}

TEST(Engine, Namespaces) {
  const uint64_t from = first_seed(1400), until = from + rounds(2);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    EngineWorld w(seed, many(seed));
    w.namespaces[0].most = 3;
    Story s(w);
    s.go_on(3);
    for (void (Story::*act)() : {&Story::everybody, &Story::host_gates, &Story::odd, &Story::restless,
                                 &Story::namespace_gates, &Story::gates_close_behind, &Story::leg_goes,
                                 &Story::namespace_removed, &Story::legs_go, &Story::lease_ends}) {
      (s.*act)();
      EXPECT_EQ(w.fault, "");
      if (testing::Test::HasFailure()) return;
    }
    s.go_on(3);
    s.settle();
    EXPECT_EQ(w.fault, "");
    w.compare();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace nvtee::card
