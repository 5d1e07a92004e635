// A peer's bytes to our side of a queue: R2Ts, data and answers of every kind. They may end the queue; they
// never reach memory that was not asked for, nor a command that is not in flight.
#include <netinet/in.h>
#include <sys/socket.h>

#include "runtime/nvmf/initiator/queue.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace nvtee::fuzz {
namespace {

using namespace nvmf;
namespace p = spec::pdu;

constexpr std::size_t kCommands = 4, kBytes = 8192;

struct Host final : InitiatorQueueDelegate {
  Transfer transfers[kCommands];
  std::vector<std::byte> in[kCommands], out[kCommands];
  bool flying[kCommands] = {};
  bool is_up = false, is_down = false;
  void on_up(InitiatorQueue& q, std::uint16_t) override {
    is_up = true;
    for (std::size_t i = 0; i < kCommands; ++i) {
      Transfer& t = transfers[i];
      t.sqe.opcode = i % 2 ? spec::io::kRead : spec::io::kWrite;
      t.sqe.flags = spec::kPsdtSgl;
      t.sqe.cid = static_cast<std::uint16_t>(i);
      t.sqe.nsid = 1;
      in[i].resize(i % 2 ? kBytes : 0);
      out[i].resize(i % 2 ? 0 : i == 0 ? 2 * kBytes : 512);
      t.out = out[i].data();
      t.out_length = static_cast<std::uint32_t>(out[i].size());
      t.in = in[i].data();
      t.in_length = static_cast<std::uint32_t>(in[i].size());
      flying[i] = true;
      q.submit(t);
    }
  }
  Transfer* find(InitiatorQueue&, std::uint16_t cid) override {
    return cid < kCommands && flying[cid] ? &transfers[cid] : nullptr;
  }
  void on_response(InitiatorQueue&, Transfer& t) override {
    const auto i = static_cast<std::size_t>(&t - transfers);
    must(i < kCommands && flying[i], "only a command in flight is answered, once");
    must(t.cqe.cid == t.sqe.cid, "an answer is its command's");
    must(spec::status_of_cqe(t.cqe.status) != spec::st::kOk || t.data_error || t.in_done == t.in_length ||
             t.in_length == 0,
         "success means that all data came");
    flying[i] = false;
  }
  void on_down(InitiatorQueue&, const std::string&, spec::Status) override { is_down = true; }
};

std::string good_start() {
  IcResp r{};
  r.head = {p::kICResp, 0, p::kHlenIC, 0, p::kHlenIC};
  r.maxh2cdata = 131072;
  CapsuleResp c{};
  c.head = {p::kCapsuleResp, 0, p::kHlenResp, 0, p::kHlenResp};
  c.cqe.sqhd = 0xffff;
  return Seed().put(r).put(c);
}

}  // namespace

void one(Input in) {
  static auto reactor = std::move(*net::Reactor::create());
  static auto listener = std::move(*net::listen_tcp({"127.0.0.1", 0}));
  static const auto address = *net::local_address(listener.get());
  const auto how = in.take<std::uint8_t>();
  Host host;
  InitiatorQueue::Options o;
  o.host_nqn = "nqn.2024-01.test:host";
  o.sub_nqn = "nqn.2024-01.test:sub";
  o.qid = 1;
  o.cntlid = 1;
  o.entries = 8;
  o.late_ok = how & 2;
  {
    InitiatorQueue queue(*reactor, address, o, &host);
    net::Fd peer;
    for (int i = 0; i < 100 && !peer; ++i) {
      if (auto fd = net::accept_tcp(listener.get()); fd && *fd) peer = std::move(*fd);
      reactor->turn(0);
    }
    must(static_cast<bool>(peer), "the connection comes");
    const linger reset{1, 0};  // no TIME_WAIT: thousands of these follow each other
    ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    const auto send = [&](const std::string& b) {
      (void)!::send(peer.get(), b.data(), b.size(), MSG_NOSIGNAL);
    };
    if (how & 1) send(good_start());
    for (int i = 0; i < 4; ++i) reactor->turn(0);
    send(in.text());
    for (int i = 0; i < 4; ++i) reactor->turn(0);
    peer.reset();
    for (int i = 0; i < 3; ++i) reactor->turn(0);
  }
  reactor->turn(0);
}

Seeds seeds() {
  Seeds out;
  const auto resp = [](std::uint16_t cid, std::uint16_t status = 0) {
    CapsuleResp c{};
    c.head = {p::kCapsuleResp, 0, p::kHlenResp, 0, p::kHlenResp};
    c.cqe.cid = cid;
    c.cqe.status = status;
    c.cqe.sqhd = 0xffff;
    return std::string(Seed().put(c));
  };
  const auto r2t = [](std::uint16_t cid, std::uint32_t offset, std::uint32_t length) {
    R2tPdu r{};
    r.head = {p::kR2T, 0, p::kHlenR2T, 0, p::kHlenR2T};
    r.cccid = cid;
    r.ttag = 9;
    r.r2to = offset;
    r.r2tl = length;
    return std::string(Seed().put(r));
  };
  const auto data = [](std::uint16_t cid, std::uint32_t offset, std::uint32_t length, std::uint8_t flags) {
    DataPdu d{};
    d.head = {p::kC2HData, flags, p::kHlenData, p::kHlenData, p::kHlenData + length};
    d.cccid = cid;
    d.datao = offset;
    d.datal = length;
    return std::string(Seed().put(d).text(std::string(length, 'x')));
  };
  out.push_back(Seed().put(std::uint8_t{0}).text(good_start()));
  out.push_back(Seed().put(std::uint8_t{1}).text(r2t(0, 0, 16384) + resp(0) + resp(2)));
  out.push_back(Seed().put(std::uint8_t{1}).text(data(1, 0, 8192, p::kLast) + resp(1)));
  out.push_back(
      Seed().put(std::uint8_t{3}).text(data(1, 0, 4096, 0) + data(1, 4096, 4096, p::kLast | p::kSuccess)));
  out.push_back(Seed().put(std::uint8_t{1}).text(r2t(0, 0, 4096) + r2t(0, 4096, 4096) + resp(3, 4)));
  out.push_back(Seed().put(std::uint8_t{3}).text(resp(77) + resp(1)));
  return out;
}

}  // namespace nvtee::fuzz
