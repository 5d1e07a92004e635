// The send side of a port: bytes of every PDU, order, space, fairness, and the pace.
#include "hw/kernels/engine/pdu_build.hpp"
#include "hw/kernels/tx_port/test_port.hpp"
#include "runtime/base/crc32c.hpp"

namespace nvtee::card {
namespace {

using test::bytes_of;
using test::PortRig;
using test::Random;
using test::TestSessions;
using test::TestStore;

void append(std::vector<uint8_t>& out, uint32_t crc) {
  for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(crc >> (8 * i)));
}

// The job's bytes on the wire, made in the plainest way.
std::vector<uint8_t> wire(const TxJob& j) {
  std::vector<uint8_t> out = bytes_of(whole_head(j.head), j.head_bytes.to_uint());
  if (j.hdgst) append(out, crc32c(0, out.data(), out.size()));
  std::vector<uint8_t> data(j.length.to_uint());
  for (unsigned i = 0; i < data.size(); ++i)
    data[i] = test::store_byte(j.slot.to_uint(), j.offset.to_uint() + i);
  out.insert(out.end(), data.begin(), data.end());
  if (j.ddgst) append(out, crc32c(0, data.data(), data.size()));
  return out;
}

TxJob random_job(Random& r, bool raw) {
  const bool hdgst = r.chance(50), ddgst = r.chance(50);
  TxJob j;
  const unsigned most = r.chance(3) ? kMaxTxData : r.chance(30) ? 5000 : 600;
  if (raw) {
    j = TxJob();
    j.length = 16 + r.below(most);
  } else if (r.chance(30)) {
    j = response_job(r.bits(), 1, r.below(65536), r.below(2048), 1, hdgst);
  } else if (r.chance(50)) {
    j = data_job(spec::pdu::kC2HData, r.below(65536), 0, 4 * r.below(1000), 4 * (1 + r.below(most / 4)), 1,
                 hdgst, ddgst);
  } else {
    LegCommand c{};
    c.opcode = spec::io::kWrite;
    c.cid = r.below(65536);
    c.slba = r.bits();
    c.in_capsule = r.below(2);
    c.length = 4 * (1 + r.below(most / 4));
    j = command_job(c, hdgst, ddgst);
  }
  j.slot = r.below(8192);
  return j;
}

struct Sender {
  hls::stream<TxJob>* to;
  unsigned from;
  unsigned out[256] = {};
  unsigned all = 0;
};

// Everything of a session in the order it was given is what arrives, except that what is not `after` may be
// overtaken; so sessions compare PDU by PDU, each found by its token.
class World {
 public:
  World(uint64_t seed, unsigned latency, bool stalls)
      : r_(seed),
        rig_(std::make_unique<PortRig>()),
        store_(r_, 1 + r_.below(60), stalls),
        net(r_, latency, stalls) {
    senders_[0] = {&rig_->host, TxJob::kHost};
    senders_[1] = {&rig_->leg, TxJob::kLeg};
    senders_[2] = {&rig_->runtime, TxJob::kRuntime};
  }
  void turn(bool feed) {
    for (auto& s : senders_)
      if (feed && r_.chance(20)) give(s);
    rig_->step();
    store_.step(*rig_);
    net.step(*rig_);
    for (unsigned i = 0; i < 3; ++i)
      while (!rig_->done[i]->empty() && r_.chance(60)) finish(i, rig_->done[i]->read());
    while (!rig_->event.empty()) events.push_back(rig_->event.read());
    while (!rig_->count.empty()) {
      const Count c = rig_->count.read();
      pdus += c.pdus.to_uint();
      bytes += c.bytes.to_uint();
    }
  }
  void run(unsigned n, bool feed = true) {
    for (unsigned i = 0; i < n && !testing::Test::HasFatalFailure(); ++i) turn(feed);
  }
  void quiesce() {
    for (unsigned i = 0; i < 400000 && !open_.empty(); ++i) turn(false);
    EXPECT_TRUE(open_.empty()) << open_.size() << " jobs without TxDone";
    run(200, false);
  }
  // What each session got: whole PDUs, each once; those marked `after` behind all given before.
  void check_bytes() {
    uint64_t total = 0, sent = 0;
    for (auto& [id, s] : net.sessions) {
      std::vector<Given>& given = given_[id];
      size_t at = 0, done = 0;
      std::vector<bool> seen(given.size());
      while (at < s.bytes.size()) {
        size_t i = 0;
        while (i < given.size() &&
               (seen[i] || given[i].dropped || !starts(s.bytes, at, s.pdus.at(done), given[i].bytes)))
          ++i;
        ASSERT_LT(i, given.size()) << "bytes of no job at " << at << " of session " << id;
        if (given[i].after)
          for (size_t k = 0; k < i; ++k)
            ASSERT_TRUE(seen[k] || given[k].dropped || given[k].from != given[i].from)
                << "overtook what it must not";
        seen[i] = true;
        at += given[i].bytes.size();
        ++done;
      }
      for (size_t i = 0; i < given.size(); ++i) EXPECT_TRUE(seen[i] || given[i].dropped) << "lost";
      total += s.bytes.size();
      sent += done;
    }
    EXPECT_EQ(pdus, sent);
    EXPECT_EQ(bytes, total);
  }
  void end(unsigned session) {
    TxJob j{};
    j.end = 1;
    j.session = session;
    j.from = TxJob::kHost;
    while (rig_->host.full()) turn(false);
    j.token = ++token_;
    open_[token_] = {session, 0};
    rig_->host.write(j);
    closed_[session] = true;
  }
  unsigned sessions = 8;
  uint64_t pdus = 0, bytes = 0;
  unsigned dropped = 0;
  std::vector<CardEvent> events;

 private:
  struct Given {
    std::vector<uint8_t> bytes;
    bool after, dropped;
    unsigned from;
  };
  struct Open {
    unsigned session;
    size_t index;
  };
  static bool starts(const std::vector<uint8_t>& in, size_t at, size_t size,
                     const std::vector<uint8_t>& what) {
    return size == what.size() && in.size() - at >= size &&
           std::memcmp(in.data() + at, what.data(), what.size()) == 0;
  }
  void give(Sender& s) {
    const unsigned session = r_.below(sessions);
    const bool raw = s.from == TxJob::kRuntime;
    if (closed_[session] || s.to->full() || s.out[session] == kTxWindow || (raw && s.all == kTxRuntime))
      return;
    // A session is a host's or a leg's.
    if (!raw && session % 2 != (s.from == TxJob::kHost ? 0 : 1)) return;
    TxJob j = random_job(r_, raw);
    j.session = session;
    j.from = s.from;
    j.after = r_.chance(30);
    j.token = ++token_;
    j.done = r_.below(3);
    j.queue = r_.below(64);
    ++s.out[session];
    ++s.all;
    open_[token_] = {session, given_[session].size()};
    given_[session].push_back({wire(j), j.after.to_uint() != 0, false, s.from});
    jobs_[token_] = j;
    s.to->write(j);
  }
  void finish(unsigned from, const TxDone& d) {
    const auto it = open_.find(d.token.to_uint64());
    ASSERT_NE(it, open_.end()) << "done twice";
    const auto [session, index] = it->second;
    open_.erase(it);
    const auto j = jobs_.find(d.token.to_uint64());
    if (j == jobs_.end()) return;  // an end
    EXPECT_EQ(j->second.from.to_uint(), from);
    EXPECT_EQ(d.slot.to_uint(), j->second.slot.to_uint());
    EXPECT_EQ(d.done.to_uint(), j->second.done.to_uint());
    EXPECT_EQ(d.queue.to_uint(), j->second.queue.to_uint());
    jobs_.erase(j);
    --senders_[from].out[session];
    --senders_[from].all;
    if (d.error != SendStatus::kOk) {
      ++dropped;
      given_[session][index].dropped = true;
    }
  }

  Random r_;
  std::unique_ptr<PortRig> rig_;
  TestStore store_;
  Sender senders_[3];
  std::map<unsigned, std::vector<Given>> given_;
  std::map<uint64_t, Open> open_;
  std::map<uint64_t, TxJob> jobs_;
  std::map<unsigned, bool> closed_;
  uint64_t token_ = 0;

 public:
  TestSessions net;
};

TEST(TxPort, EveryByte) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World w(seed, seed % 40, true);
    w.run(10000);
    w.quiesce();
    w.check_bytes();
    EXPECT_EQ(w.dropped, 0u);
    EXPECT_GT(w.pdus, 200u);
    if (testing::Test::HasFailure()) return;
  }
}

// Little space: what finds none is tried again until it is sent, in its order.
TEST(TxPort, LittleSpace) {
  unsigned refused = 0;
  for (uint64_t seed = 30; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    World w(seed, seed % 40, true);
    w.net.drain = 4;
    for (unsigned s = 0; s < w.sessions; ++s) w.net.sessions[s].space = w.net.sessions[s].room = 33000;
    w.run(20000);
    w.quiesce();
    w.check_bytes();
    for (auto& [id, s] : w.net.sessions) refused += s.refused;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(refused, 1000u);
}

// A session that never has space stops nobody, nor does one that is closed; the end drops what waits.
TEST(TxPort, DeafAndClosed) {
  for (uint64_t seed = 60; seed <= 70; ++seed) {
    SCOPED_TRACE(seed);
    World w(seed, 20, true);
    w.net.sessions[2].space = w.net.sessions[2].room = 0;
    w.net.sessions[3].closed = true;
    w.run(20000);
    EXPECT_GT(w.pdus, 300u);
    EXPECT_GT(w.dropped, 50u);
    w.end(2);
    w.quiesce();
    w.check_bytes();
    ASSERT_EQ(w.events.size(), 1u);
    EXPECT_EQ(w.events[0].kind.to_uint(), static_cast<unsigned>(CardEvent::kTxDrained));
    EXPECT_EQ(w.events[0].session.to_uint(), 2u);
    if (testing::Test::HasFailure()) return;
  }
}

// ---- pace -----------------------------------------------------------------------------------------------
// Counted from the 200th beat on: the very first payload shows the store's latency.
constexpr unsigned kWarm = 200;
struct Pace {
  unsigned beats, clocks;
};
template <class Make>
Pace pace(unsigned sessions, unsigned jobs, Make make) {
  Random r(1);
  auto rig = std::make_unique<PortRig>();
  TestStore store(r, 20, false);
  TestSessions net(r, 30, false);
  net.drain = 1 << 20;
  unsigned given = 0, out[256] = {}, done = 0;
  for (unsigned n = 0; n < 100000 && done < jobs; ++n) {
    const unsigned s = given % sessions;
    if (given < jobs && !rig->leg.full() && out[s] < kTxWindow) {
      TxJob j = make(given);
      j.session = s;
      j.from = TxJob::kLeg;
      j.token = s;
      ++out[s];
      ++given;
      rig->leg.write(j);
    }
    rig->step();
    store.step(*rig);
    net.step(*rig);
    while (!rig->count.empty()) rig->count.read();
    while (!rig->done[1]->empty()) {
      --out[rig->done[1]->read().token.to_uint()];
      ++done;
    }
  }
  EXPECT_EQ(done, jobs);
  return {net.beats - kWarm, net.last_beat - net.warm_beat};
}
TxJob capsule(unsigned length, bool digests) {
  LegCommand c{};
  c.opcode = spec::io::kWrite;
  c.length = length;
  c.in_capsule = 1;
  return command_job(c, digests, digests);
}

TEST(TxPort, NoBubbleBetweenPdus) {
  for (unsigned sessions : {1u, 2u, 16u}) {
    for (unsigned digests : {0u, 1u}) {
      SCOPED_TRACE(testing::Message() << sessions << " sessions, digests " << digests);
      const Pace small = pace(sessions, 400, [&](unsigned) { return capsule(512, digests); });
      EXPECT_EQ(small.beats + kWarm, 400u * 10);
      EXPECT_EQ(small.clocks, small.beats);
      const Pace block = pace(sessions, 100, [&](unsigned) { return capsule(4096, digests); });
      EXPECT_EQ(block.beats + kWarm, 100u * 66);
      EXPECT_EQ(block.clocks, block.beats);
      const Pace data = pace(sessions, 100, [&](unsigned) {
        return data_job(spec::pdu::kH2CData, 1, 2, 0, 4096, 1, digests, digests);
      });
      EXPECT_EQ(data.beats + kWarm, 100u * 65);
      EXPECT_EQ(data.clocks, data.beats);
      const Pace large = pace(sessions, 20, [&](unsigned) {
        return data_job(spec::pdu::kC2HData, 1, 0, 0, kMaxTxData, 1, digests, digests);
      });
      EXPECT_EQ(large.clocks, large.beats);
    }
  }
}

}  // namespace
}  // namespace nvtee::card
