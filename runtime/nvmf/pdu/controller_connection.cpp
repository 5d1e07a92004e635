#include "runtime/nvmf/pdu/controller_connection.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/nvmf/pdu/pdu_check.hpp"

namespace nvtee::nvmf {
namespace {

namespace p = spec::pdu;
namespace fes = spec::fes;

constexpr std::uint32_t kConnectDataBytes = 1024;
constexpr std::uint16_t kSqhdNoFlowControl = 0xffff;

// 0-based dwords of HPDA and CPDA to bytes.
std::uint32_t alignment(std::uint8_t pda) {
  return (std::uint32_t{pda} + 1) * 4;
}

bool is_connect(const Sqe& sqe) {
  return sqe.opcode == spec::kOpFabrics && sqe.fctype() == spec::fabrics::kConnect;
}

// What is wrong with the form of a first capsule; kOk when it is a Connect with its data.
spec::Status check_connect(const Sqe& sqe, const ReceivedData& data) {
  if (!is_connect(sqe)) return spec::st::kCommandSequence;
  if (!data.digest_ok) return spec::st::kTransientTransport;
  if (sqe.sgl.type != spec::kSglDataOffset) return spec::st::kSglType;
  if (sqe.sgl.address != 0) return spec::st::kSglOffset;
  if (sqe.sgl.length != kConnectDataBytes || data.length != kConnectDataBytes) return spec::st::kSglLength;
  return spec::st::kOk;
}

}  // namespace

ControllerConnection::ControllerConnection(net::Reactor& reactor, net::Fd socket, const FrontProfile& profile,
                                           ConnectHandler* handler)
    : profile_(profile),
      connect_handler_(handler),
      pdu_(reactor, std::move(socket), PduConnection::Side::kController, this) {
  NVTEE_CHECK(profile.max_h2c_data >= p::kMinMaxH2CData && profile.max_h2c_data % 4 == 0,
              "MAXH2CDATA is a multiple of 4, at least 4096");
  NVTEE_CHECK(profile.cpda <= 31, "CPDA is 0 to 31");
}

ControllerConnection::~ControllerConnection() {
  if (gone_) *gone_ = true;
}

// ---- the owner's side ----

void ControllerConnection::accept(QueueHandler* handler, std::uint16_t cntlid, std::uint16_t qid,
                                  std::uint32_t sq_size, bool flow_control_off) {
  if (!pdu_.open()) return;
  NVTEE_CHECK(phase_ == Phase::kDeciding, "accept() answers a Connect once");
  NVTEE_CHECK(sq_size >= 2, "a queue has at least two entries");
  handler_ = handler;
  qid_ = qid;
  sq_size_ = sq_size;
  flow_control_off_ = flow_control_off;
  phase_ = Phase::kLive;
  PduConnection::Terms terms = pdu_.terms();
  terms.max_rx_data = std::max({profile_.max_h2c_data, profile_.in_capsule, spec::kMaxAdminInCapsule});
  pdu_.set_terms(terms);
  const std::uint16_t head = next_sqhd();
  respond(connect_sqe_.cid, spec::cqe_status(spec::st::kOk, false), cntlid,
          flow_control_off ? kSqhdNoFlowControl : head, kReservedToken);
  pdu_.resume_rx();
}

void ControllerConnection::refuse(spec::Status status, std::uint32_t result, bool dnr) {
  if (!pdu_.open()) return;
  NVTEE_CHECK(phase_ == Phase::kConnect || phase_ == Phase::kDeciding, "refuse() answers a Connect once");
  phase_ = Phase::kRefused;
  respond(connect_sqe_.cid, spec::cqe_status(status, dnr), result, 0, 0);
  char text[64];
  std::snprintf(text, sizeof text, "Connect was refused with status %x/%02xh", status >> 8, status & 0xff);
  pdu_.close_when_sent(text);
}

void ControllerConnection::respond(std::uint16_t cid, std::uint16_t status, std::uint64_t result,
                                   std::uint16_t sqhd, std::uint64_t token) {
  CapsuleResp r{};
  r.head.type = p::kCapsuleResp;
  r.head.hlen = p::kHlenResp;
  r.cqe.result = result;
  r.cqe.sqhd = sqhd;
  r.cqe.cid = cid;
  r.cqe.status = status;
  pdu_.send_pdu(r, {}, token);
}

// Our own, one step an answer: the head moves only when the command is done, so a host that trusts it never
// has more than a queue of commands here.
std::uint16_t ControllerConnection::next_sqhd() {
  sq_head_ = sq_head_ + 1 == sq_size_ ? 0 : sq_head_ + 1;
  return static_cast<std::uint16_t>(sq_head_);
}

void ControllerConnection::send_response(std::uint16_t cid, spec::Status status, bool dnr,
                                         std::uint64_t result) {
  const std::uint16_t head = next_sqhd();
  respond(cid, spec::cqe_status(status, dnr), result, flow_control_off_ ? 0 : head, kReservedToken);
}

void ControllerConnection::send_r2t(std::uint16_t cid, std::uint16_t ttag, std::uint32_t offset,
                                    std::uint32_t length) {
  R2tPdu r{};
  r.head.type = p::kR2T;
  r.head.hlen = p::kHlenR2T;
  r.cccid = cid;
  r.ttag = ttag;
  r.r2to = offset;
  r.r2tl = length;
  pdu_.send_pdu(r);
}

void ControllerConnection::send_data(std::uint16_t cid, std::span<const std::byte> data, std::uint64_t token,
                                     std::optional<std::uint32_t> ddgst) {
  send_data_part(cid, 0, data, true, false, token, ddgst);
}

void ControllerConnection::send_data_part(std::uint16_t cid, std::uint32_t offset,
                                          std::span<const std::byte> data, bool last, bool success,
                                          std::uint64_t token, std::optional<std::uint32_t> ddgst) {
  NVTEE_CHECK(token != kReservedToken, "the token of answers is reserved");
  NVTEE_CHECK(!success || (last && flow_control_off_),
              "SUCCESS only on the last PDU, with SQ flow control off");
  DataPdu d{};
  d.head.type = p::kC2HData;
  d.head.hlen = p::kHlenData;
  d.head.flags = static_cast<std::uint8_t>((last ? p::kLast : 0) | (success ? p::kSuccess : 0));
  d.cccid = cid;
  d.datao = offset;
  d.datal = static_cast<std::uint32_t>(data.size());
  pdu_.send_pdu(d, data, token, ddgst);
  if (success && outstanding_ != 0) --outstanding_;
}

void ControllerConnection::terminate(Fatal fatal, const void* offending, std::size_t size,
                                     const std::string& why) {
  pdu_.terminate(fatal, offending, size, why);
}

void ControllerConnection::close(const std::string& why) {
  pdu_.close(why);
}

// ---- the connection's side ----

DataSink ControllerConnection::on_data_header(const PduAny& pdu, std::uint32_t length) {
  const std::uint8_t type = pdu.head.type;
  if (phase_ == Phase::kConnect && type == p::kCapsuleCmd) {
    if (is_connect(pdu.cmd.sqe) && length == kConnectDataBytes) return DataSink::to(connect_data_.data());
    return DataSink::drop();  // refused when all of it is in
  }
  if (phase_ != Phase::kLive) return DataSink::refuse(fes::kSequenceError, 0);
  if (type == p::kCapsuleCmd) return begin_command(pdu.cmd.sqe, length);
  if (length > profile_.max_h2c_data) return DataSink::refuse(fes::kLimitExceeded, 0);
  return handler_->on_h2c_header(pdu.data);
}

DataSink ControllerConnection::begin_command(const Sqe& sqe, std::uint32_t length) {
  const bool io = qid_ != 0 && sqe.opcode != spec::kOpFabrics;
  if (length > (io ? profile_.in_capsule : spec::kMaxAdminInCapsule))
    return DataSink::refuse(fes::kLimitExceeded, 0);
  if (outstanding_ >= sq_size_ - 1) return DataSink::refuse(fes::kSequenceError, 0);
  ++outstanding_;
  return handler_->on_command(sqe, length);
}

std::optional<Fatal> ControllerConnection::on_pdu(const PduAny& pdu, const ReceivedData& data) {
  switch (phase_) {
    case Phase::kIc:
      return on_ic(pdu);
    case Phase::kConnect:
      if (pdu.head.type != p::kCapsuleCmd) return Fatal{fes::kSequenceError, 0};
      connect_sqe_ = pdu.cmd.sqe;
      return on_first_capsule(data);
    case Phase::kLive:
      return on_live(pdu, data);
    case Phase::kDeciding:
    case Phase::kRefused:
      break;
  }
  return Fatal{fes::kSequenceError, 0};
}

std::optional<Fatal> ControllerConnection::on_ic(const PduAny& pdu) {
  if (pdu.head.type != p::kICReq) return Fatal{fes::kSequenceError, 0};
  const IcReq& q = pdu.icreq;
  if (q.pfv != 0) return Fatal{fes::kUnsupportedParameter, fei::kPfv};
  if (q.hpda > 31) return Fatal{fes::kInvalidHeaderField, fei::kHpda};
  PduConnection::Terms terms;
  terms.header_digest = profile_.allow_header_digest && (q.dgst & p::kDgstHeaderEnable);
  terms.data_digest = profile_.allow_data_digest && (q.dgst & p::kDgstDataEnable);
  terms.rx_align = alignment(profile_.cpda);
  terms.tx_align = alignment(q.hpda);
  terms.max_rx_data = spec::kMaxAdminInCapsule;

  IcResp r{};
  r.head.type = p::kICResp;
  r.head.hlen = p::kHlenIC;
  r.cpda = profile_.cpda;
  r.dgst = static_cast<std::uint8_t>((terms.header_digest ? p::kDgstHeaderEnable : 0) |
                                     (terms.data_digest ? p::kDgstDataEnable : 0));
  r.maxh2cdata = profile_.max_h2c_data;
  pdu_.send_pdu(r);
  pdu_.set_terms(terms);
  phase_ = Phase::kConnect;
  return {};
}

std::optional<Fatal> ControllerConnection::on_first_capsule(const ReceivedData& data) {
  if (const spec::Status bad = check_connect(connect_sqe_, data); bad != spec::st::kOk) {
    refuse(bad, 0, bad != spec::st::kTransientTransport);
    return {};
  }
  phase_ = Phase::kDeciding;
  outstanding_ = 1;
  pdu_.pause_rx();
  connect_handler_->on_connect(*this, connect_sqe_, connect_data_);
  return {};  // we may be destroyed, or another thread's
}

std::optional<Fatal> ControllerConnection::on_live(const PduAny& pdu, const ReceivedData& data) {
  if (pdu.head.type == p::kH2CData) {
    handler_->on_h2c_data(pdu.data, data);
    return {};
  }
  if (pdu.head.type != p::kCapsuleCmd) return Fatal{fes::kSequenceError, 0};
  if (data.length == 0) {
    bool gone = false;
    gone_ = &gone;
    const DataSink sink = begin_command(pdu.cmd.sqe, 0);
    if (gone) return {};
    gone_ = nullptr;
    if (sink.fatal) return sink.fatal;
    if (!pdu_.open()) return {};
  }
  handler_->on_command_data(data);
  return {};
}

void ControllerConnection::on_sent(std::uint64_t token) {
  if (token == kReservedToken) {
    if (outstanding_ != 0) --outstanding_;
    return;
  }
  handler_->on_sent(token);
}

void ControllerConnection::on_close(const std::string& why) {
  if (QueueHandler* handler = std::exchange(handler_, nullptr)) {
    handler->on_closed(why);
  } else {
    connect_handler_->on_early_close(*this, why);
  }
}

}  // namespace nvtee::nvmf
