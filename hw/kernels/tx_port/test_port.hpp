// Test helper: the kernels of a port's send side joined, clock by clock, with a store that takes its time and
// a session interface with little space.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "hw/kernels/common/test_pdu.hpp"
#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/tx_port/tx_path.hpp"

namespace nvtee::card::test {

struct PortRig {
  hls::stream<SendRequest, 4> request;
  hls::stream<SendStatus, 4> status;
  hls::stream<StoreRead, 16> read;
  hls::stream<ReadBeat, 128> beats;
  hls::stream<NetBeat, 2> net;
  TxPath path{request, status, net, read, beats, 0};
  hls::stream<TxJob>&host = path.host, &leg = path.leg, &runtime = path.runtime;
  hls::stream<TxDone>* done[3] = {&path.host_done, &path.leg_done, &path.runtime_done};
  hls::stream<CardEvent>& event = path.event;
  hls::stream<Count>& count = path.count;
  void step() {
    path.step([](unsigned) { return true; });
  }
};

// Bytes of a slot's buffer: known everywhere.
inline uint8_t store_byte(unsigned slot, unsigned at) {
  return static_cast<uint8_t>((slot * 2654435761u + at * 40503u + (at >> 8)) >> 7);
}

class TestStore {
 public:
  TestStore(Random& r, unsigned latency, bool stalls) : r_(r), latency_(latency), stalls_(stalls) {}
  void step(PortRig& rig) {
    ++now_;
    if (!rig.read.empty() && pending_.size() < 16) pending_.push_back({rig.read.read(), now_ + latency_, 0});
    if (pending_.empty() || rig.beats.full() || pending_.front().due > now_) return;
    if (stalls_ && r_.chance(20)) return;
    Pending& p = pending_.front();
    const unsigned left = p.read.length.to_uint() - p.at;
    ReadBeat b{};
    b.count = left < 64 ? left : 64;
    b.last = left <= 64;
    for (unsigned i = 0; i < 64; ++i) {
      const int low = static_cast<int>(8 * i);
      const bool mine = i < b.count.to_uint();
      b.data.range(low + 7, low) =
          mine ? store_byte(p.read.slot.to_uint(), p.read.offset.to_uint() + p.at + i) : 0;
    }
    p.at += b.count.to_uint();
    rig.beats.write(b);
    if (b.last) pending_.pop_front();
  }

 private:
  struct Pending {
    StoreRead read;
    unsigned due, at;
  };
  Random& r_;
  unsigned latency_, now_ = 0;
  bool stalls_;
  std::deque<Pending> pending_;
};

// The session interface: answers in order after a while; a session has so many bytes of space, and takes them
// away slowly.
class TestSessions {
 public:
  struct Session {
    std::vector<uint8_t> bytes;
    std::vector<unsigned> pdus;            // bytes of each
    unsigned space = 65536, room = 65536;  // free now; at most
    bool closed = false, deaf = false;
    unsigned refused = 0;
  };
  TestSessions(Random& r, unsigned latency, bool stalls) : r_(r), latency_(latency), stalls_(stalls) {}
  void step(PortRig& rig) {
    ++now_;
    if (!rig.request.empty()) {
      SendRequest q = rig.request.read();
      asked_.push_back({q, now_ + latency_});
    }
    if (!asked_.empty() && asked_.front().due <= now_ && !rig.status.full()) answer(rig);
    if (!rig.net.empty() && !(stalls_ && r_.chance(30))) take(rig.net.read());
    for (auto& [id, s] : sessions)
      if (!s.deaf && s.space < s.room) s.space = std::min(s.room, s.space + drain);
  }
  std::map<unsigned, Session> sessions;
  unsigned drain = 64;
  unsigned beats = 0, warm_beat = 0, last_beat = 0;

 private:
  struct Asked {
    SendRequest q;
    unsigned due;
  };
  void answer(PortRig& rig) {
    const SendRequest q = asked_.front().q;
    asked_.pop_front();
    Session& s = sessions[q.session.to_uint()];
    SendStatus a{};
    a.session = q.session;
    a.length = q.length;
    a.space = s.space;
    if (s.closed) {
      a.error = SendStatus::kClosed;
    } else if (q.length > s.space) {
      a.error = SendStatus::kNoSpace;
      ++s.refused;
    } else {
      s.space -= q.length.to_uint();
      s.pdus.push_back(q.length.to_uint());
      owed_.push_back({q.session.to_uint(), q.length.to_uint()});
    }
    rig.status.write(a);
  }
  void take(const NetBeat& b) {
    ASSERT_FALSE(owed_.empty()) << "bytes that no one was promised";
    auto& [session, left] = owed_.front();
    unsigned n = 0;
    while (n < 64 && b.keep[static_cast<int>(n)]) ++n;
    for (unsigned i = n; i < 64; ++i) ASSERT_FALSE(b.keep[static_cast<int>(i)]) << "a hole";
    ASSERT_LE(n, left);
    ASSERT_GT(n, 0u);
    if (!b.last) ASSERT_EQ(n, 64u) << "a beat that is not full";
    const auto bytes = bytes_of(b.data, n);
    auto& to = sessions[session].bytes;
    to.insert(to.end(), bytes.begin(), bytes.end());
    left -= n;
    ASSERT_EQ(b.last.to_uint() != 0, left == 0) << "last";
    if (left == 0) owed_.pop_front();
    if (++beats == 200) warm_beat = now_;
    last_beat = now_;
  }
  Random& r_;
  unsigned latency_, now_ = 0;
  bool stalls_;
  std::deque<Asked> asked_;
  std::deque<std::pair<unsigned, unsigned>> owed_;
};

}  // namespace nvtee::card::test
