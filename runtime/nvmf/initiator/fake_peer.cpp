#include "runtime/nvmf/initiator/fake_peer.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/check.hpp"

namespace nvtee::nvmf {

// ---- the subsystem ---------------------------------------------------------------------------------------

FakePeer::FakePeer(net::Reactor& reactor, Options o) : options(std::move(o)), reactor_(reactor) {
  memory_.resize(options.blocks << options.lbads);
  address_ = {"127.0.0.1", 0};
  listen_again();
  address_ = *net::local_address(listener_.get());
}

FakePeer::~FakePeer() {
  stop_listening();
  drop_all();
}

void FakePeer::listen_again() {
  auto fd = net::listen_tcp(address_);
  NVTEE_CHECK(fd.has_value(), "a listener for the test");
  listener_ = std::move(*fd);
  NVTEE_CHECK(reactor_.add(listener_.get(), EPOLLIN, this).has_value(), "a listener for the test");
}

void FakePeer::stop_listening() {
  if (!listener_) return;
  reactor_.remove(listener_.get(), this);
  listener_.reset();
}

void FakePeer::drop_all() {
  for (auto& c : connections_) c->pdu().close("dropped by the test");
}

std::size_t FakePeer::connections() const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [](auto& c) { return c->open(); }));
}

void FakePeer::sweep() {
  connections_.remove_if([](auto& c) { return !c->open(); });
}

void FakePeer::on_fd(std::uint32_t) {
  sweep();
  for (;;) {
    auto fd = net::accept_tcp(listener_.get());
    if (!fd || !*fd) return;
    connections_.push_back(std::make_unique<Connection>(*this, std::move(*fd)));
  }
}

// ---- one connection --------------------------------------------------------------------------------------

FakePeer::Connection::Connection(FakePeer& peer, net::Fd socket)
    : peer_(peer), pdu_(peer.reactor_, std::move(socket), PduConnection::Side::kController, this) {
  capsule_.resize(1 << 20);
}

DataSink FakePeer::Connection::on_data_header(const PduAny& pdu, std::uint32_t length) {
  if (pdu.head.type == spec::pdu::kCapsuleCmd) {
    if (length > capsule_.size()) return DataSink::refuse(spec::fes::kLimitExceeded, 0);
    return DataSink::to(capsule_.data());
  }
  if (pdu.head.type != spec::pdu::kH2CData) return DataSink::drop();
  const auto w = writes_.find(pdu.data.ttag);
  if (w == writes_.end() || pdu.data.datao + std::size_t{length} > w->second.asked ||
      pdu.data.datao != w->second.got || length > peer_.options.max_h2c_data)
    return DataSink::refuse(spec::fes::kOutOfRange, 0);
  return DataSink::to(w->second.data.data() + pdu.data.datao);
}

std::optional<Fatal> FakePeer::Connection::on_pdu(const PduAny& pdu, const ReceivedData& data) {
  switch (pdu.head.type) {
    case spec::pdu::kICReq:
      on_icreq(pdu.icreq);
      return {};
    case spec::pdu::kCapsuleCmd:
      if (!data.digest_ok)
        respond(pdu.cmd.sqe.cid, spec::st::kTransientTransport);
      else
        on_capsule(pdu.cmd.sqe, std::span(capsule_).first(data.length));
      return {};
    case spec::pdu::kH2CData:
      if (!data.digest_ok) return Fatal{spec::fes::kHeaderDigest, 0};  // tests look for right digests only
      on_h2c(pdu.data);
      return {};
    default:
      return Fatal{spec::fes::kSequenceError, 0};
  }
}

void FakePeer::Connection::on_icreq(const IcReq& r) {
  ++peer_.ic_requests;
  const Options& o = peer_.options;
  IcResp a{};
  a.head = {spec::pdu::kICResp, 0, spec::pdu::kHlenIC, 0, sizeof a};
  a.cpda = o.cpda;
  const bool h = (r.dgst & 1) && o.header_digest, d = (r.dgst & 2) && o.data_digest;
  a.dgst = static_cast<std::uint8_t>((h ? 1 : 0) | (d ? 2 : 0));
  a.maxh2cdata = o.max_h2c_data;
  if (peer_.on_icresp) peer_.on_icresp(a);
  pdu_.send_pdu(a);
  PduConnection::Terms t;
  t.header_digest = h;
  t.data_digest = d;
  t.rx_align = o.cpda == 0 ? 0 : (o.cpda + 1u) * 4;
  t.max_rx_data = 1 << 20;
  pdu_.set_terms(t);
}

void FakePeer::Connection::on_capsule(const Sqe& sqe, std::span<const std::byte> data) {
  peer_.seen.push_back({qid_, sqe});
  if (peer_.on_command && connected_ && peer_.on_command(*this, sqe, data)) return;
  run(sqe, data);
}

void FakePeer::Connection::run(const Sqe& sqe, std::span<const std::byte> data) {
  if (sqe.opcode == spec::kOpFabrics) return run_fabrics(sqe, data);
  if (qid_ == 0) return run_admin(sqe);
  const bool to_peer = sqe.opcode & 1;  // opcodes' low bits: direction of the data
  if (to_peer && data.empty() && sqe.sgl.length != 0) return start_write(sqe);
  if (!data.empty() && data.size() != sqe.sgl.length) return respond(sqe.cid, spec::st::kSglLength);
  execute(sqe, data);
}

void FakePeer::Connection::execute(const Sqe& sqe, std::span<const std::byte> data) {
  if (peer_.on_execute && peer_.on_execute(*this, sqe, data)) return;
  media(sqe, data);
}

void FakePeer::Connection::start_write(const Sqe& sqe) {
  const std::uint16_t ttag = next_ttag_++;
  Write& w = writes_[ttag];
  w.sqe = sqe;
  w.data.resize(sqe.sgl.length);
  ask_next(ttag);
}

void FakePeer::Connection::ask_next(std::uint16_t ttag) {
  Write& w = writes_[ttag];
  const auto left = static_cast<std::uint32_t>(w.data.size()) - w.asked;
  const std::uint32_t n = peer_.options.r2t_bytes == 0 ? left : std::min(left, peer_.options.r2t_bytes);
  const std::uint32_t from = w.asked;
  w.asked += n;
  r2t(w.sqe.cid, ttag, from, n);
}

void FakePeer::Connection::on_h2c(const DataPdu& d) {
  peer_.h2c.emplace_back(d.datao, d.datal);
  Write& w = writes_[d.ttag];
  w.got += d.datal;
  const bool last = d.head.flags & spec::pdu::kLast;
  NVTEE_CHECK(last == (w.got == w.asked), "LAST ends each R2T's data");
  if (w.got < w.asked) return;
  if (w.got < w.data.size()) return ask_next(d.ttag);
  const Write done = std::move(w);
  writes_.erase(d.ttag);
  execute(done.sqe, done.data);
}

// ---- answers ---------------------------------------------------------------------------------------------

std::uint16_t FakePeer::Connection::sqhd_for_response() {
  answered_ = (answered_ + 1) % entries_;
  return flow_control_ ? static_cast<std::uint16_t>(answered_) : 0xffff;
}

void FakePeer::Connection::respond(std::uint16_t cid, spec::Status status, std::uint64_t result, bool dnr) {
  Cqe c{};
  c.result = result;
  c.sqhd = sqhd_for_response();
  c.cid = cid;
  c.status = spec::cqe_status(status, dnr);
  respond_raw(c);
}

void FakePeer::Connection::respond_raw(const Cqe& cqe) {
  CapsuleResp r{};
  r.head = {spec::pdu::kCapsuleResp, 0, spec::pdu::kHlenResp, 0, 0};
  r.cqe = cqe;
  if (open_) pdu_.send_pdu(r);
}

void FakePeer::Connection::r2t(std::uint16_t cid, std::uint16_t ttag, std::uint32_t offset,
                               std::uint32_t length) {
  R2tPdu r{};
  r.head = {spec::pdu::kR2T, 0, spec::pdu::kHlenR2T, 0, 0};
  r.cccid = cid;
  r.ttag = ttag;
  r.r2to = offset;
  r.r2tl = length;
  if (open_) pdu_.send_pdu(r);
}

void FakePeer::Connection::c2h(std::uint16_t cid, std::uint32_t offset, std::span<const std::byte> data,
                               std::uint8_t flags, std::optional<std::uint32_t> ddgst) {
  DataPdu d{};
  d.head = {spec::pdu::kC2HData, flags, spec::pdu::kHlenData, 0, 0};
  d.cccid = cid;
  d.datao = offset;
  d.datal = static_cast<std::uint32_t>(data.size());
  if (open_) pdu_.send_pdu(d, data, 0, ddgst);
}

void FakePeer::Connection::send_data_and_respond(std::uint16_t cid, std::span<const std::byte> data) {
  const Options& o = peer_.options;
  const bool success = qid_ != 0 && o.success_flag && (!flow_control_ || o.success_with_flow_control);
  const std::size_t most = o.c2h_bytes == 0 ? data.size() : o.c2h_bytes;
  for (std::size_t at = 0; at < data.size(); at += most) {
    const std::size_t n = std::min(most, data.size() - at);
    const bool last = at + n == data.size();
    c2h(cid, static_cast<std::uint32_t>(at), data.subspan(at, n),
        static_cast<std::uint8_t>((last ? spec::pdu::kLast : 0) |
                                  (last && success ? spec::pdu::kSuccess : 0)));
  }
  if (success)
    answered_ = (answered_ + 1) % entries_;
  else
    respond(cid, spec::st::kOk);
}

// ---- fabrics and admin commands --------------------------------------------------------------------------

void FakePeer::Connection::connect(const Sqe& sqe, std::span<const std::byte> data) {
  nvmf_connect_data d{};
  NVTEE_CHECK(data.size() == sizeof d, "Connect carries 1024 bytes");
  std::memcpy(&d, data.data(), sizeof d);
  qid_ = static_cast<std::uint16_t>(sqe.cdw10 >> 16);
  entries_ = (sqe.cdw11 & 0xffff) + 1;
  flow_control_ =
      !(((sqe.cdw11 >> 16) & spec::fabrics::kCattrDisableSqFlow) && peer_.options.grant_flow_control_off);
  if (peer_.on_connect) {
    const spec::Status s = peer_.on_connect(qid_);
    if (s != spec::st::kOk) return respond(sqe.cid, s, 0, true);
  }
  if (peer_.options.sub_nqn != d.subsysnqn)
    return respond(sqe.cid, spec::st::kConnectInvalidParams, 0x10100, true);
  cntlid_ = qid_ == 0 ? peer_.next_cntlid_++ : static_cast<std::uint16_t>(d.cntlid);
  connected_ = true;
  respond(sqe.cid, spec::st::kOk, cntlid_);
}

void FakePeer::Connection::run_fabrics(const Sqe& sqe, std::span<const std::byte> data) {
  const Options& o = peer_.options;
  switch (sqe.fctype()) {
    case spec::fabrics::kConnect:
      return connect(sqe, data);
    case spec::fabrics::kPropertySet:
      if (sqe.cdw11 == spec::prop::kCc) cc_ = sqe.cdw12;
      return respond(sqe.cid, spec::st::kOk);
    case spec::fabrics::kPropertyGet: {
      std::uint64_t v = 0;
      if (sqe.cdw11 == spec::prop::kCap)
        v = o.mqes | 1u << 16 | std::uint64_t{o.to} << 24 | 1ull << 37;
      else if (sqe.cdw11 == spec::prop::kVs)
        v = spec::kVersion21;
      else if (sqe.cdw11 == spec::prop::kCsts)
        v = (cc_ & 1) && ++csts_reads_ > o.ready_polls ? 1 : 0;
      return respond(sqe.cid, spec::st::kOk, v);
    }
    default:
      return respond(sqe.cid, spec::st::kInvalidField, 0, true);
  }
}

void FakePeer::Connection::identify(const Sqe& sqe) {
  const Options& o = peer_.options;
  std::vector<std::byte> page(4096);
  const auto cns = static_cast<std::uint8_t>(sqe.cdw10);
  if (cns == spec::cns::kController) {
    nvme_id_ctrl c{};
    std::memset(c.sn, ' ', sizeof c.sn + sizeof c.mn + sizeof c.fr);
    std::memcpy(c.mn, "fake", 4);
    c.cntlid = cntlid_;
    c.mdts = o.mdts;
    c.kas = 1;
    c.cntrltype = 1;
    c.ioccsz = o.ioccsz;
    c.iorcsz = 1;
    c.sgls = 1 | 1u << 20;
    c.maxcmd = 128;
    c.nn = 16;
    c.oncs = 1 | 4 | 8;
    c.vwc = 1;
    c.oaes = spec::aen::kBitNsAttribute;
    std::memcpy(c.subnqn, o.sub_nqn.data(), o.sub_nqn.size());
    if (peer_.on_identify) peer_.on_identify(c);
    std::memcpy(page.data(), &c, sizeof c);
  } else if (cns == spec::cns::kNamespace) {
    nvme_id_ns n{};
    if (sqe.nsid == o.nsid) {
      n.nsze = n.ncap = n.nuse = o.blocks;
      n.dlfeat = o.dlfeat;
      n.lbaf[0].ds = o.lbads;
      n.nguid[15] = 7;
    }
    std::memcpy(page.data(), &n, sizeof n);
  } else if (cns == spec::cns::kActiveNsList) {
    if (sqe.nsid < o.nsid) std::memcpy(page.data(), &o.nsid, sizeof o.nsid);
  } else {
    return respond(sqe.cid, spec::st::kInvalidField, 0, true);
  }
  send_data_and_respond(sqe.cid, page);
}

void FakePeer::Connection::run_admin(const Sqe& sqe) {
  switch (sqe.opcode) {
    case spec::admin::kIdentify:
      return identify(sqe);
    case spec::admin::kSetFeatures:
      if ((sqe.cdw10 & 0xff) == spec::fid::kNumQueues) {
        const std::uint32_t n = peer_.options.queues - 1u;
        return respond(sqe.cid, spec::st::kOk, n | n << 16);
      }
      return respond(sqe.cid, spec::st::kOk);
    case spec::admin::kAsyncEvent:
      return;  // kept
    case spec::admin::kKeepAlive:
      return respond(sqe.cid, spec::st::kOk);
    default:
      return respond(sqe.cid, spec::st::kInvalidOpcode, 0, true);
  }
}

// ---- media -----------------------------------------------------------------------------------------------

void FakePeer::Connection::media(const Sqe& sqe, std::span<const std::byte> data) {
  if (sqe.opcode == spec::io::kFlush) return respond(sqe.cid, spec::st::kOk);
  if (sqe.opcode == spec::io::kDsm) return deallocate(sqe, data);
  const std::size_t at = sqe.slba() << peer_.options.lbads,
                    n = std::size_t{sqe.blocks()} << peer_.options.lbads;
  if (sqe.nsid != peer_.options.nsid) return respond(sqe.cid, spec::st::kInvalidNamespace, 0, true);
  if (at + n > peer_.memory_.size()) return respond(sqe.cid, spec::st::kLbaRange, 0, true);
  const std::span<std::byte> place = std::span(peer_.memory_).subspan(at, n);
  switch (sqe.opcode) {
    case spec::io::kRead:
      return send_data_and_respond(sqe.cid, place);
    case spec::io::kWrite:
      if (data.size() != n) return respond(sqe.cid, spec::st::kSglLength);
      std::copy(data.begin(), data.end(), place.begin());
      return respond(sqe.cid, spec::st::kOk);
    case spec::io::kCompare:
      return respond(sqe.cid, std::equal(data.begin(), data.end(), place.begin(), place.end())
                                  ? spec::st::kOk
                                  : spec::st::kCompareFailure);
    case spec::io::kWriteZeroes:
      std::fill(place.begin(), place.end(), std::byte{0});
      return respond(sqe.cid, spec::st::kOk);
    default:
      return respond(sqe.cid, spec::st::kInvalidOpcode, 0, true);
  }
}

void FakePeer::Connection::deallocate(const Sqe& sqe, std::span<const std::byte> data) {
  for (std::size_t i = 0; i + sizeof(nvme_dsm_range) <= data.size(); i += sizeof(nvme_dsm_range)) {
    nvme_dsm_range r;
    std::memcpy(&r, data.data() + i, sizeof r);
    const std::size_t at = r.slba << peer_.options.lbads, n = std::size_t{r.nlb} << peer_.options.lbads;
    if (at + n > peer_.memory_.size()) return respond(sqe.cid, spec::st::kLbaRange, 0, true);
    std::fill_n(peer_.memory_.begin() + static_cast<std::ptrdiff_t>(at), n, std::byte{0});
  }
  respond(sqe.cid, spec::st::kOk);
}

}  // namespace nvtee::nvmf
