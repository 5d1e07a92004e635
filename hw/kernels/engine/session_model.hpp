// Test helper: TCP as the session interface shows it, for one port, both directions. Each session is a stream
// of bytes each way. Call step() once a clock: one beat a clock each way, one record a clock on each of the
// other streams. Peers put bytes in with arrive() and take what was sent from sent().
//
// What TCP may do and a card must live with: bytes are notified in pieces of any size; a request is answered
// after a latency, then a beat a clock; there is space for what is sent or there is not, and it comes back
// later; sessions end at any time.
#pragma once

#include <hls_stream.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "hw/kernels/engine/records.hpp"

namespace nvtee::card::test {

struct SessionTiming {
  unsigned latency = 30;       // clocks from a read request to its first beat
  unsigned jitter = 0;         // more, at random, order kept
  unsigned stall = 0;          // percent of clocks in which a stream does nothing
  unsigned piece = 0;          // most bytes notified at once (at random, from 1); 0: all that arrived
  unsigned space = 1u << 20;   // send buffer of a session, bytes
  unsigned drain = 64;         // bytes of it that leave a clock, all sessions together
  unsigned send_latency = 12;  // clocks from a send request to its status
};

// The streams of a port; depths as the card's top has them.
struct SessionPort {
  hls::stream<Notify, 16> notify{"notify"};
  hls::stream<ReadRequest, 16> read_request{"read_request"};
  hls::stream<ReadMeta, 16> read_meta{"read_meta"};
  hls::stream<NetBeat, 16> rx{"rx"};
  hls::stream<SendRequest, 16> send_request{"send_request"};
  hls::stream<SendStatus, 16> send_status{"send_status"};
  hls::stream<NetBeat, 16> tx{"tx"};
};

class SessionModel {
 public:
  using Data = std::vector<std::uint8_t>;

  SessionModel(unsigned sessions, const SessionTiming& timing, std::uint64_t seed)
      : timing_(timing), rng_(seed), sessions_(sessions) {}

  // ---- the peers' side ----
  void open(unsigned session) { sessions_[session] = Session(); }
  void arrive(unsigned session, const void* data, std::size_t size) {
    auto* p = static_cast<const std::uint8_t*>(data);
    Session& s = sessions_[session];
    s.in.insert(s.in.end(), p, p + size);
    s.unsaid += size;
  }
  void arrive(unsigned session, const Data& data) { arrive(session, data.data(), data.size()); }
  // The peer ends the connection: bytes that came before it are still notified first.
  void close(unsigned session) { sessions_[session].closing = true; }
  // What the card has sent and the network has taken away; the caller takes from its front.
  std::deque<std::uint8_t>& sent(unsigned session) { return sessions_[session].out; }
  bool closed(unsigned session) const { return sessions_[session].closed; }

  bool rx_idle() const {
    for (const Session& s : sessions_)
      if (s.unsaid != 0 || (s.closing && !s.closed)) return false;
    return reads_.empty();
  }
  bool idle() const {
    for (const Session& s : sessions_)
      if (!s.buffer.empty()) return false;
    return rx_idle() && sends_.empty() && owed_.empty();
  }
  std::size_t unread(unsigned session) const { return sessions_[session].in.size(); }
  const std::string& fault() const { return fault_; }  // what the card did wrong; empty: nothing

  void step(SessionPort& port) {
    ++now_;
    notify(port.notify);
    read_requests(port);
    read_beats(port.rx);
    send_requests(port);
    take_beats(port.tx);
    drain();
  }

 private:
  struct Session {
    std::deque<std::uint8_t> in;      // arrived, not read
    std::size_t unsaid = 0;           // of them: not notified
    std::size_t said = 0;             // notified, not asked for
    std::deque<std::uint8_t> buffer;  // to be sent
    std::deque<std::uint8_t> out;
    std::size_t reserved = 0;  // of the send buffer, for what is owed
    bool closing = false, closed = false;
  };
  struct Read {
    std::uint64_t due;
    Data bytes;
    std::size_t at;
  };
  struct Send {
    std::uint64_t due;
    SendStatus status;
  };
  struct Owed {
    unsigned session;
    std::size_t length;
  };

  bool stalls() { return timing_.stall != 0 && rng_() % 100 < timing_.stall; }
  void fail(const std::string& what) {
    if (fault_.empty()) fault_ = what;
  }

  void notify(hls::stream<Notify>& out) {
    if (out.full() || stalls()) return;
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      const std::size_t at = (notify_turn_ + i) % sessions_.size();
      Session& s = sessions_[at];
      const bool close = s.closing && !s.closed;
      if (s.unsaid == 0 && !close) continue;
      const std::size_t most = timing_.piece == 0 ? 65535 : 1 + rng_() % timing_.piece;
      const std::size_t n = std::min(s.unsaid, most);
      Notify x = Notify();
      x.session = static_cast<unsigned>(at);
      x.length = static_cast<unsigned>(n);
      s.unsaid -= n;
      s.said += n;
      if (close && s.unsaid == 0) {
        x.closed = 1;
        s.closed = true;
      }
      out.write(x);
      notify_turn_ = at + 1;
      return;
    }
  }

  void read_requests(SessionPort& port) {
    if (port.read_request.empty() || port.read_meta.full() || stalls()) return;
    const ReadRequest q = port.read_request.read();
    const unsigned at = q.session.to_uint();
    const std::size_t n = q.length.to_uint();
    if (at >= sessions_.size() || n == 0 || n > sessions_[at].said) {
      fail("reads what was not notified");
      return;
    }
    Session& s = sessions_[at];
    Read r;
    r.due = now_ + timing_.latency + (timing_.jitter ? rng_() % timing_.jitter : 0);
    r.bytes.assign(s.in.begin(), s.in.begin() + static_cast<std::ptrdiff_t>(n));
    r.at = 0;
    s.in.erase(s.in.begin(), s.in.begin() + static_cast<std::ptrdiff_t>(n));
    s.said -= n;
    reads_.push_back(std::move(r));
    ReadMeta m = ReadMeta();
    m.session = q.session;
    port.read_meta.write(m);
  }

  void read_beats(hls::stream<NetBeat>& out) {
    if (reads_.empty() || reads_.front().due > now_ || out.full() || stalls()) return;
    Read& r = reads_.front();
    const std::size_t n = std::min<std::size_t>(64, r.bytes.size() - r.at);
    NetBeat b = NetBeat();
    for (std::size_t i = 0; i < n; ++i) {
      b.data.range(static_cast<int>(8 * i + 7), static_cast<int>(8 * i)) = r.bytes[r.at + i];
      b.keep[static_cast<int>(i)] = 1;
    }
    r.at += n;
    b.last = r.at == r.bytes.size() ? 1 : 0;
    out.write(b);
    if (b.last) reads_.pop_front();
  }

  void send_requests(SessionPort& port) {
    if (!port.send_request.empty() && sends_.size() < 64 && !stalls()) accept_send(port.send_request.read());
    if (sends_.empty() || sends_.front().due > now_ || port.send_status.full() || stalls()) return;
    port.send_status.write(sends_.front().status);
    sends_.pop_front();
  }
  void accept_send(const SendRequest& q) {
    const unsigned at = q.session.to_uint();
    const std::size_t n = q.length.to_uint();
    SendStatus st = SendStatus();
    st.session = q.session;
    st.length = q.length;
    if (at >= sessions_.size() || n == 0) {
      fail("asks for space of a session that is not, or for none");
      return;
    }
    Session& s = sessions_[at];
    const std::size_t used = s.buffer.size() + s.reserved;
    const std::size_t space = timing_.space > used ? timing_.space - used : 0;
    if (s.closing || s.closed) {
      st.error = SendStatus::kClosed;
    } else if (n > space) {
      st.error = SendStatus::kNoSpace;
    } else {
      s.reserved += n;
      owed_.push_back({at, n});
    }
    st.space = static_cast<unsigned>(space);
    sends_.push_back({now_ + timing_.send_latency, st});
  }

  // Exactly the bytes that were granted, in the order of the grants.
  void take_beats(hls::stream<NetBeat>& in) {
    if (in.empty() || stalls()) return;
    const NetBeat b = in.read();
    if (owed_.empty()) {
      fail("sends what was not granted");
      return;
    }
    Owed& o = owed_.front();
    Session& s = sessions_[o.session];
    unsigned n = 0;
    while (n < 64 && b.keep[static_cast<int>(n)] == 1) ++n;
    if (n != 64 && (b.keep >> n) != 0) fail("a beat with holes");
    if (n == 0 || n > o.length || (n != 64 && !b.last)) fail("beats do not fit the grant");
    for (unsigned i = 0; i < n; ++i) {
      const ap_uint<8> byte = b.data.range(static_cast<int>(8 * i + 7), static_cast<int>(8 * i));
      if (!s.closed) s.buffer.push_back(static_cast<std::uint8_t>(byte.to_uint()));
    }
    const std::size_t took = std::min<std::size_t>(n, o.length);
    o.length -= took;
    s.reserved -= took;
    if ((o.length == 0) != (b.last == 1)) fail("last does not end the grant");
    if (o.length == 0 || b.last) {
      s.reserved -= o.length;
      owed_.pop_front();
    }
  }

  void drain() {
    std::size_t room = timing_.drain;
    for (std::size_t i = 0; i < sessions_.size() && room != 0; ++i) {
      Session& s = sessions_[(drain_turn_ + i) % sessions_.size()];
      const std::size_t n = std::min(room, s.buffer.size());
      s.out.insert(s.out.end(), s.buffer.begin(), s.buffer.begin() + static_cast<std::ptrdiff_t>(n));
      s.buffer.erase(s.buffer.begin(), s.buffer.begin() + static_cast<std::ptrdiff_t>(n));
      room -= n;
    }
    ++drain_turn_;
  }

  SessionTiming timing_;
  std::mt19937_64 rng_;
  std::vector<Session> sessions_;
  std::deque<Read> reads_;
  std::deque<Send> sends_;
  std::deque<Owed> owed_;
  std::uint64_t now_ = 0;
  std::size_t notify_turn_ = 0, drain_turn_ = 0;
  std::string fault_;
};

}  // namespace nvtee::card::test
