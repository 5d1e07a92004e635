// What the PDU tests share: a connected pair of sockets, a delegate that records, PDUs as bytes.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runtime/nvmf/pdu/pdu_connection.hpp"
#include "runtime/nvmf/pdu/pdu_tx.hpp"

namespace nvtee::nvmf::test {

using Bytes = std::vector<std::byte>;
using Side = PduConnection::Side;
using Terms = PduConnection::Terms;
namespace p = spec::pdu;

inline Bytes pattern(std::size_t size, std::uint32_t seed) {
  Bytes b(size);
  std::minstd_rand rng(seed + 1);
  for (auto& x : b) x = static_cast<std::byte>(rng() >> 7);
  return b;
}

// Both ends of a loopback TCP connection, non-blocking.
inline std::pair<net::Fd, net::Fd> tcp_pair(int buffer = 0) {
  auto listener = net::listen_tcp({"127.0.0.1", 0});
  EXPECT_TRUE(listener);
  if (buffer != 0) ::setsockopt(listener->get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  auto client = net::connect_tcp(*net::local_address(listener->get()));
  EXPECT_TRUE(client);
  pollfd w{listener->get(), POLLIN, 0};
  EXPECT_EQ(::poll(&w, 1, 2000), 1);
  auto server = net::accept_tcp(listener->get());
  EXPECT_TRUE(server && *server);
  if (buffer != 0)
    for (int fd : {client->get(), server->get()})
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  return {std::move(*client), std::move(*server)};
}

// A PDU as it goes over the wire.
template <class P>
Bytes wire(const Terms& terms, const P& pdu, const Bytes& data = {}) {
  TxQueue q;
  q.push(terms, &pdu, sizeof pdu, data, data.empty() ? 0 : 1, {});
  iovec v[8];
  const unsigned n = q.gather(v, 8);
  Bytes out;
  for (unsigned i = 0; i < n; ++i) {
    auto* b = static_cast<const std::byte*>(v[i].iov_base);
    out.insert(out.end(), b, b + v[i].iov_len);
  }
  return out;
}

inline CapsuleCmd command(std::uint16_t cid, std::uint8_t opcode = spec::io::kWrite) {
  CapsuleCmd c{};
  c.head.type = p::kCapsuleCmd;
  c.head.hlen = p::kHlenCmd;
  c.sqe.opcode = opcode;
  c.sqe.cid = cid;
  return c;
}
inline CapsuleResp response(std::uint16_t cid) {
  CapsuleResp r{};
  r.head.type = p::kCapsuleResp;
  r.head.hlen = p::kHlenResp;
  r.cqe.cid = cid;
  return r;
}
inline R2tPdu r2t(std::uint16_t cid) {
  R2tPdu r{};
  r.head.type = p::kR2T;
  r.head.hlen = p::kHlenR2T;
  r.cccid = cid;
  return r;
}
inline DataPdu data_pdu(std::uint8_t type, std::uint16_t cid, std::size_t length,
                        std::uint8_t flags = p::kLast) {
  DataPdu d{};
  d.head.type = type;
  d.head.hlen = p::kHlenData;
  d.head.flags = flags;
  d.cccid = cid;
  d.datal = static_cast<std::uint32_t>(length);
  return d;
}
inline IcReq ic_request(std::uint8_t dgst = 0, std::uint8_t hpda = 0) {
  IcReq q{};
  q.head.type = p::kICReq;
  q.head.hlen = p::kHlenIC;
  q.dgst = dgst;
  q.hpda = hpda;
  return q;
}

// Number of a received PDU: CID or CCCID.
inline std::uint16_t id_of(const PduAny& pdu) {
  switch (pdu.head.type) {
    case p::kCapsuleCmd:
      return pdu.cmd.sqe.cid;
    case p::kCapsuleResp:
      return pdu.resp.cqe.cid;
    default:
      return pdu.data.cccid;
  }
}

struct Recorder final : PduDelegate {
  struct Got {
    PduAny pdu;
    ReceivedData data;
    Bytes bytes;
  };
  std::vector<Got> got;
  std::vector<std::uint64_t> sent;
  std::vector<std::string> closed;
  std::size_t headers = 0;
  std::function<void()> header_hook, pdu_hook, sent_hook, close_hook;
  std::optional<Fatal> header_fatal, pdu_fatal;
  bool drop = false;

  DataSink on_data_header(const PduAny&, std::uint32_t length) override {
    ++headers;
    pending_ = Bytes(length);
    if (header_hook) header_hook();
    if (header_fatal) return DataSink::refuse(header_fatal->fes, header_fatal->fei);
    return drop ? DataSink::drop() : DataSink::to(pending_.data());
  }
  std::optional<Fatal> on_pdu(const PduAny& pdu, const ReceivedData& data) override {
    got.push_back({pdu, data, data.length != 0 ? std::exchange(pending_, {}) : Bytes{}});
    if (pdu_hook) pdu_hook();
    return pdu_fatal;
  }
  void on_sent(std::uint64_t token) override {
    sent.push_back(token);
    if (sent_hook) sent_hook();
  }
  void on_close(const std::string& why) override {
    closed.push_back(why);
    if (close_hook) close_hook();
  }

 private:
  Bytes pending_;
};

// Turns the reactor until `done`, at most `limit`.
template <class F>
void turn_until(net::Reactor& reactor, F done, Duration limit = 5 * kSecond) {
  reactor.turn(0);
  const Time end = reactor.now() + limit;
  while (!done() && reactor.now() < end) reactor.turn(10 * kMillisecond);
  ASSERT_TRUE(done()) << "did not happen in time";
}

// A peer that speaks in plain bytes.
struct RawPeer {
  net::Fd fd;
  Bytes in;
  bool eof = false;

  void send(const void* data, std::size_t size) {
    ASSERT_EQ(::send(fd.get(), data, size, MSG_NOSIGNAL), static_cast<ssize_t>(size))
        << "keep it below the socket's buffer";
  }
  void send(const Bytes& b) { send(b.data(), b.size()); }
  void receive() {
    std::byte buffer[65536];
    for (;;) {
      const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (n == 0) eof = true;
      if (n <= 0) return;
      in.insert(in.end(), buffer, buffer + n);
    }
  }
  // The TermReq that the peer should have sent last, or FES 0 when there is none.
  TermReq term_req() const {
    TermReq t{};
    if (in.size() >= sizeof t) std::memcpy(&t, in.data(), sizeof t);
    if (t.head.type != p::kC2HTermReq && t.head.type != p::kH2CTermReq) t = {};
    return t;
  }
};

}  // namespace nvtee::nvmf::test
