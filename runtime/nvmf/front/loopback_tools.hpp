// A scripted host over real sockets, and a backend that does as it is told.
#pragma once

#include <nvme/types.h>
#include <poll.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <optional>
#include <set>

#include "runtime/nvmf/front/listener.hpp"
#include "runtime/nvmf/front/test_tools.hpp"

namespace nvtee::nvmf::test {

namespace p = spec::pdu;

// Turns a reactor until something is so; gives up after ten seconds.
struct Loop {
  std::unique_ptr<net::Reactor> reactor = std::move(*net::Reactor::create());
  template <class F>
  bool until(F&& f) {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    for (const auto end = t.tv_sec + 10; t.tv_sec < end; ::clock_gettime(CLOCK_MONOTONIC, &t)) {
      if (f()) return true;
      reactor->turn(20 * kMillisecond);
    }
    return f();
  }
  // Enough turns for everything that is under way inside this process to settle.
  void settle() {
    for (int i = 0; i < 20; ++i) reactor->turn(0);
  }
};

inline net::Fd dial(const net::Address& to) {
  auto fd = net::connect_tcp(to);
  EXPECT_TRUE(fd) << (fd ? "" : fd.error().text());
  if (!fd) return {};
  pollfd w{fd->get(), POLLOUT, 0};
  EXPECT_EQ(::poll(&w, 1, 5000), 1);
  EXPECT_TRUE(net::connect_result(fd->get()));
  return std::move(*fd);
}

// One queue of a host. Answers R2Ts by itself unless told otherwise.
class HostQueue final : private PduDelegate {
 public:
  HostQueue(Loop& loop, const net::Address& to, bool digests = false)
      : loop_(loop), pdu_(*loop.reactor, dial(to), PduConnection::Side::kHost, this) {
    IcReq q{};
    q.head = {p::kICReq, 0, p::kHlenIC, 0, 0};
    q.dgst = digests ? 3 : 0;
    pdu_.send_pdu(q);
    EXPECT_TRUE(loop_.until([&] { return ic_ || closed_; }));
  }

  struct Answer {
    spec::Status status = 0xffff;  // FFFFh: none came
    bool dnr = false;
    std::uint64_t result = 0;
    std::uint16_t sqhd = 0;
    Bytes data;
  };

  // Sends a command; `here`: data in the capsule; `there`: data to give when asked by R2T.
  std::uint16_t submit(Sqe s, const Bytes& here = {}, const Bytes& there = {},
                       std::optional<std::uint32_t> ddgst = {}) {
    s.cid = next_cid_++;
    CapsuleCmd c{};
    c.head = {p::kCapsuleCmd, 0, p::kHlenCmd, 0, 0};
    c.sqe = s;
    to_send_[s.cid] = there;
    pdu_.send_pdu(c, here, 0, ddgst);
    return s.cid;
  }
  Answer wait(std::uint16_t cid) {
    loop_.until([&] { return answers_.contains(cid) || closed_; });
    const auto i = answers_.find(cid);
    if (i == answers_.end()) return {};
    Answer a = i->second;
    a.data = std::move(received_[cid]);
    answers_.erase(i);
    return a;
  }
  Answer call(const Sqe& s, const Bytes& here = {}, const Bytes& there = {}) {
    return wait(submit(s, here, there));
  }
  bool answered(std::uint16_t cid) const { return answers_.contains(cid); }

  struct ConnectAs {
    std::string sub = "nqn.2024-01.test:one", host = "nqn.host:a";
    std::uint16_t qid = 0, cntlid = 0xffff;
    std::uint32_t kato_ms = 5000;
    bool flow_control_off = false;
    std::uint16_t entries = 32;
  };
  std::uint16_t submit_connect(const ConnectAs& as) {
    nvmf_connect_data d{};
    std::memset(d.hostid, 0xaa, 16);
    d.cntlid = as.cntlid;
    put_text(d.subsysnqn, as.sub, '\0');
    put_text(d.hostnqn, as.host, '\0');
    Sqe s = command(spec::kOpFabrics, spec::fabrics::kConnect);
    s.sgl = {0, 1024, {}, spec::kSglDataOffset};
    s.cdw10 = std::uint32_t{as.qid} << 16;
    s.cdw11 = (as.entries - 1u) | (as.flow_control_off ? 4u << 16 : 0);
    s.cdw12 = as.kato_ms;
    return submit(s, bytes_of(d));
  }
  Answer connect(const ConnectAs& as) { return wait(submit_connect(as)); }

  bool closed() const { return closed_; }
  const std::string& why() const { return why_; }
  PduConnection& pdu() { return pdu_; }
  const IcResp& ic() const { return *ic_; }
  std::vector<R2tPdu> r2ts;
  bool answer_r2t = true;

 private:
  DataSink on_data_header(const PduAny& pdu, std::uint32_t length) override {
    if (pdu.head.type != p::kC2HData) return DataSink::drop();
    Bytes& b = received_[pdu.data.cccid];
    if (b.size() < pdu.data.datao + length) b.resize(pdu.data.datao + length);
    return DataSink::to(b.data() + pdu.data.datao);
  }
  std::optional<Fatal> on_pdu(const PduAny& pdu, const ReceivedData&) override {
    if (pdu.head.type == p::kICResp) {
      ic_ = pdu.icresp;
      pdu_.set_terms({(ic_->dgst & 1) != 0, (ic_->dgst & 2) != 0, 0, 0, 1 << 20});
    } else if (pdu.head.type == p::kCapsuleResp) {
      const Cqe& c = pdu.resp.cqe;
      answers_[c.cid] = {
          spec::status_of_cqe(c.status), (c.status & spec::kCqeDnr) != 0, c.result, c.sqhd, {}};
    } else if (pdu.head.type == p::kR2T) {
      r2ts.push_back(pdu.r2t);
      if (answer_r2t) give(pdu.r2t);
    }
    return {};
  }
  void give(const R2tPdu& r) {
    const Bytes& data = to_send_[r.cccid];
    DataPdu d{};
    d.head = {p::kH2CData, p::kLast, p::kHlenData, 0, 0};
    d.cccid = r.cccid;
    d.ttag = r.ttag;
    d.datao = r.r2to;
    d.datal = r.r2tl;
    pdu_.send_pdu(d, std::span(data).subspan(r.r2to, r.r2tl));
  }
  void on_sent(std::uint64_t) override {}
  void on_close(const std::string& why) override {
    closed_ = true;
    why_ = why;
  }

  Loop& loop_;
  std::optional<IcResp> ic_;
  bool closed_ = false;
  std::string why_;
  std::uint16_t next_cid_ = 0x4001;  // as Linux: not an index
  std::map<std::uint16_t, Answer> answers_;
  std::map<std::uint16_t, Bytes> received_, to_send_;
  PduConnection pdu_;
};

// I/O queues that answer every command with success; quiesce answers at once or when told.
struct TestBackend final : IoBackend {
  struct Queue final : QueueHandler {
    Queue(TestBackend& b, ControllerConnection& c) : backend(b), connection(c) {}
    DataSink on_command(const Sqe& s, std::uint32_t) override {
      cid = s.cid;
      return DataSink::drop();
    }
    void on_command_data(const ReceivedData&) override {
      ++backend.commands;
      connection.send_response(cid, st::kOk);
    }
    DataSink on_h2c_header(const DataPdu&) override {
      return DataSink::refuse(spec::fes::kInvalidHeaderField, 10);
    }
    void on_h2c_data(const DataPdu&, const ReceivedData&) override {}
    void on_sent(std::uint64_t) override {}
    void on_closed(const std::string&) override { --backend.open; }
    TestBackend& backend;
    ControllerConnection& connection;
    std::uint16_t cid = 0;
  };

  std::expected<QueueHandler*, spec::Status> open_queue(const ControllerInfo& c, std::uint16_t, std::uint32_t,
                                                        ControllerConnection& connection) override {
    last = c;
    if (refuse) return std::unexpected(st::kConnectBusy);
    if (close_on_open) connection.close("the backend does not want it");
    ++open;
    queues.push_back(std::make_unique<Queue>(*this, connection));
    return queues.back().get();
  }
  void quiesce(const ControllerInfo&, std::function<void()> done) override {
    ++quiesces;
    open_at_quiesce = open;
    if (hold)
      waiting.push_back(std::move(done));
    else
      done();
  }

  std::vector<std::unique_ptr<Queue>> queues;
  std::vector<std::function<void()>> waiting;
  ControllerInfo last;
  bool refuse = false, close_on_open = false, hold = false;
  int open = 0, commands = 0, quiesces = 0, open_at_quiesce = 0;
};

inline SubsystemModel test_model(const std::string& nqn = "nqn.2024-01.test:one") {
  SubsystemModel m;
  m.nqn = nqn;
  m.serial = "SN-1";
  m.hosts = {"nqn.host:a"};
  m.namespaces[1].blocks = 1000;
  m.namespaces[1].nguid.fill(1);
  return m;
}

inline Listener::Options any_port() {
  Listener::Options o;
  o.address = {"127.0.0.1", 0};
  return o;
}

}  // namespace nvtee::nvmf::test
