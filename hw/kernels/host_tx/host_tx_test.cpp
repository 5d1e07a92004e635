// host_tx against a plain reference: each host hears exactly what the tee core says, in order, byte by byte;
// a session's window is kept, hosts that do not read stop nobody, read data are told sent exactly once.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>

#include "hw/kernels/common/test_pdu.hpp"
#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/host_tx/host_tx.hpp"

namespace nvtee::card {
namespace {

using test::bytes_of;
using test::Random;
namespace p = spec::pdu;

struct Rig {
  HostTxState s{};
  hls::stream<tee::HostOut, 4> host_out;
  hls::stream<CardCtl, 4> ctl;
  hls::stream<TxDone, 4> done[2];
  hls::stream<TxJob, 3> job[2];
  hls::stream<tee::SlotId, 8192> sent;
  hls::stream<tee::HostOut, 3> runtime;
  hls::stream<CardEvent, 3> event;
  HostTxIo io{host_out, ctl, done[0], done[1], job[0], job[1], sent, runtime, event};
};

struct Host {
  unsigned port = 0, session = 0, entries = 0, sqhd = 0;
  bool hdgst = false, ddgst = false, up = false, deaf = false, ended = true;
  std::deque<tee::HostOut> owed;
  unsigned at = 0;   // of the first one's read data
  unsigned out = 0;  // jobs without TxDone
};

class World {
 public:
  explicit World(uint64_t seed) : r_(seed), rig_(std::make_unique<Rig>()) {}

  void set_up(unsigned q) {
    Host& h = hosts_[q];
    h = Host();
    h.port = r_.below(2);
    h.session = r_.below(256);
    h.entries = r_.chance(20) ? 0 : 2 + r_.below(6);
    h.sqhd = 1;
    h.hdgst = r_.chance(50);
    h.ddgst = r_.chance(50);
    h.up = true;
    h.ended = false;
    order(q, true);
  }
  void set_down(unsigned q) {
    order(q, false);
    hosts_[q].up = false;
  }
  void turn(bool feed) {
    if (feed && r_.chance(40) && !rig_->host_out.full()) say();
    finish_jobs();
    host_tx_step(rig_->s, rig_->io);
    take_jobs();
    while (!rig_->sent.empty() && r_.chance(50)) {
      const unsigned slot = rig_->sent.read().to_uint();
      EXPECT_EQ(busy_.count(slot), 1u) << "told twice";
      EXPECT_EQ(reading_[slot], 0u) << "told while its data are still on their way";
      busy_.erase(slot);
    }
    while (!rig_->runtime.empty()) {
      ASSERT_FALSE(own_.empty());
      EXPECT_EQ(rig_->runtime.read().result.to_uint64(), own_.front());
      own_.pop_front();
    }
    while (!rig_->event.empty()) events.push_back(rig_->event.read());
  }
  void run(unsigned steps, bool feed = true) {
    for (unsigned i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) turn(feed);
  }
  void quiesce() {
    for (unsigned i = 0; i < 200000 && busy(); ++i) turn(false);
    EXPECT_FALSE(busy());
    for (auto& [slot, queue] : busy_) EXPECT_TRUE(hosts_[queue].deaf) << "never told sent: " << slot;
  }
  bool busy() {
    for (auto& [q, h] : hosts_)
      if (!h.deaf && (!h.owed.empty() || h.out != 0)) return true;
    for (auto& [slot, queue] : busy_)
      if (!hosts_[queue].deaf) return true;
    return false;
  }
  Host& host(unsigned q) { return hosts_[q]; }
  std::vector<CardEvent> events;
  unsigned jobs = 0, said = 0;

 private:
  void order(unsigned q, bool valid) {
    while (rig_->ctl.full()) turn(false);
    CardCtl c{};
    c.op = CardCtl::kSetQueue;
    c.queue = q;
    c.port = hosts_[q].port;
    c.session = hosts_[q].session;
    c.entries = hosts_[q].entries;
    c.hdgst = hosts_[q].hdgst;
    c.ddgst = hosts_[q].ddgst;
    c.valid = valid;
    rig_->ctl.write(c);
    while (!rig_->ctl.empty()) turn(false);
  }
  void say() {
    tee::HostOut h{};
    h.kind = r_.below(3);
    h.queue = r_.below(6);  // 0: the runtime; 5: never set up
    h.cid = r_.below(65536);
    h.slot = h.queue.to_uint() << 7 | r_.below(128);
    h.length = h.kind == tee::HostOut::kResponse ? 0 : 512u << r_.below(r_.chance(30) ? 9 : 4);
    h.status = r_.below(2048);
    h.dnr = r_.below(2);
    h.result = r_.bits();
    const unsigned slot = h.slot.to_uint();
    if (h.queue == 0) {
      own_.push_back(h.result.to_uint64());
    } else {
      if (h.kind == tee::HostOut::kReadData) {
        if (busy_.count(slot) != 0) return;
        h.status = 0;
        busy_[slot] = h.queue.to_uint();
      }
      Host& host = hosts_[h.queue.to_uint()];
      // A host that behaves has at most as many commands as its queue holds.
      if (host.up && !host.deaf && host.owed.size() >= 128) {
        busy_.erase(slot);
        return;
      }
      if (host.up) host.owed.push_back(h);
    }
    ++said;
    rig_->host_out.write(h);
  }
  void finish_jobs() {
    for (unsigned port = 0; port < 2; ++port) {
      if (out_[port].empty() || rig_->done[port].full() || !r_.chance(40)) continue;
      size_t i = r_.below(static_cast<unsigned>(out_[port].size()));
      if (hosts_[out_[port][i].queue.to_uint()].deaf) continue;
      for (size_t k = 0; k < i; ++k)
        if (out_[port][k].session == out_[port][i].session) {
          i = k;
          break;
        }
      const TxJob j = out_[port][i];
      out_[port].erase(out_[port].begin() + static_cast<long>(i));
      TxDone d{};
      d.done = j.done;
      d.slot = j.slot;
      d.queue = j.queue;
      d.token = j.token;
      if (j.length != 0) --reading_[j.slot.to_uint()];
      if (!j.end && hosts_[j.queue.to_uint()].out != 0) --hosts_[j.queue.to_uint()].out;
      rig_->done[port].write(d);
    }
  }
  void take_jobs() {
    for (unsigned port = 0; port < 2; ++port) {
      if (rig_->job[port].empty() || !r_.chance(70)) continue;
      const TxJob j = rig_->job[port].read();
      out_[port].push_back(j);
      Host& h = hosts_[j.queue.to_uint()];
      EXPECT_EQ(j.port.to_uint(), port);
      EXPECT_EQ(h.port, port);
      EXPECT_EQ(j.session.to_uint(), h.session);
      EXPECT_EQ(j.from.to_uint(), static_cast<unsigned>(TxJob::kHost));
      EXPECT_FALSE(h.ended) << "a job behind the end";
      ++jobs;
      if (j.end) {
        EXPECT_FALSE(h.up);
        h.ended = true;
        h.owed.clear();
        continue;
      }
      EXPECT_LE(++h.out, kTxWindow);
      ASSERT_FALSE(h.owed.empty()) << "a PDU for no word";
      const char* fault = test::head_fault(j);
      EXPECT_EQ(fault, nullptr) << fault;
      EXPECT_EQ(j.hdgst.to_uint(), h.hdgst);
      check(h, j);
    }
  }
  void check(Host& h, const TxJob& j) {
    const tee::HostOut& w = h.owed.front();
    const unsigned length = w.length.to_uint();
    const auto head = test::pdu_of<nvmf::PduHead>(j);
    if (w.kind == tee::HostOut::kR2t) {
      const auto t = test::pdu_of<nvmf::R2tPdu>(j);
      EXPECT_EQ(head.type, p::kR2T);
      EXPECT_EQ(t.cccid, w.cid.to_uint());
      EXPECT_EQ(t.ttag, w.slot.to_uint());
      EXPECT_EQ(t.r2to, 0u);
      EXPECT_EQ(t.r2tl, length);
      h.owed.pop_front();
      return;
    }
    if (w.kind == tee::HostOut::kReadData && h.at < length) {
      const auto d = test::pdu_of<nvmf::DataPdu>(j);
      EXPECT_EQ(head.type, p::kC2HData);
      EXPECT_EQ(d.cccid, w.cid.to_uint());
      EXPECT_EQ(d.ttag, 0u);
      EXPECT_EQ(d.datao, h.at);
      EXPECT_EQ(j.offset.to_uint(), h.at);
      EXPECT_EQ(j.slot.to_uint(), w.slot.to_uint());
      EXPECT_EQ(d.datal, j.length.to_uint());
      EXPECT_EQ(j.ddgst.to_uint(), h.ddgst);
      if (h.at != 0) EXPECT_EQ(j.after.to_uint(), 1u);
      h.at += d.datal;
      const bool last = h.at == length;
      EXPECT_EQ(head.flags & (p::kLast | p::kSuccess), last ? p::kLast : 0);
      EXPECT_EQ(j.done.to_uint(), static_cast<unsigned>(last ? TxJob::kHostSent : TxJob::kNone));
      ++reading_[j.slot.to_uint()];
      return;
    }
    const auto r = test::pdu_of<nvmf::CapsuleResp>(j);
    const bool read = w.kind == tee::HostOut::kReadData;
    h.sqhd = h.sqhd + 1 == h.entries ? 0 : h.sqhd + 1;
    EXPECT_EQ(head.type, p::kCapsuleResp);
    EXPECT_EQ(r.cqe.cid, w.cid.to_uint());
    EXPECT_EQ(r.cqe.sqid, 0u);
    EXPECT_EQ(r.cqe.sqhd, h.entries == 0 ? 0 : h.sqhd);
    EXPECT_EQ(r.cqe.result, read ? 0 : w.result.to_uint64());
    EXPECT_EQ(
        r.cqe.status,
        read ? 0 : spec::cqe_status(static_cast<spec::Status>(w.status.to_uint()), w.dnr.to_uint() != 0));
    EXPECT_EQ(j.after.to_uint(), read ? 1u : 0u);
    h.at = 0;
    h.owed.pop_front();
  }

  Random r_;
  std::unique_ptr<Rig> rig_;
  std::map<unsigned, Host> hosts_;
  std::deque<uint64_t> own_;
  std::deque<TxJob> out_[2];
  std::map<unsigned, unsigned> busy_;     // slots of read data that were not told sent: their queue
  std::map<unsigned, unsigned> reading_;  // by slot: PDUs on their way that read it
};

TEST(HostTx, RandomWords) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World w(seed);
    for (unsigned q = 1; q <= 4; ++q) w.set_up(q);
    w.run(20000);
    w.quiesce();
    EXPECT_TRUE(w.events.empty());
    EXPECT_GT(w.jobs, 5000u);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(HostTx, QueuesComeAndGo) {
  for (uint64_t seed = 50; seed <= 65; ++seed) {
    SCOPED_TRACE(seed);
    World w(seed);
    for (unsigned q = 1; q <= 4; ++q) w.set_up(q);
    for (unsigned round = 0; round < 20; ++round) {
      const unsigned q = 1 + round % 4;
      w.run(700);
      w.set_down(q);
      w.run(300);
      for (unsigned i = 0; i < 100000 && !w.host(q).ended; ++i) w.turn(false);
      EXPECT_TRUE(w.host(q).ended);
      w.run(2000, false);
      w.set_up(q);
      if (testing::Test::HasFailure()) return;
    }
    w.quiesce();
  }
}

// A host that takes nothing: told of once, the others go on, and its slots come back when it is switched off.
TEST(HostTx, DeafHost) {
  World w(3);
  for (unsigned q = 1; q <= 4; ++q) w.set_up(q);
  w.host(2).deaf = true;
  w.run(20000);
  ASSERT_EQ(w.events.size(), 1u);
  EXPECT_EQ(w.events[0].kind.to_uint(), static_cast<unsigned>(CardEvent::kSessionError));
  EXPECT_EQ(w.events[0].session.to_uint(), w.host(2).session);
  w.quiesce();
  EXPECT_GT(w.jobs, 3000u);
  w.set_down(2);
  w.host(2).deaf = false;
  for (unsigned i = 0; i < 100000 && !w.host(2).ended; ++i) w.turn(false);
  w.quiesce();
}

}  // namespace
}  // namespace nvtee::card
