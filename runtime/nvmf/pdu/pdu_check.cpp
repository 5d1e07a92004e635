#include "runtime/nvmf/pdu/pdu_check.hpp"

namespace nvtee::nvmf {
namespace {

namespace p = spec::pdu;
namespace fes = spec::fes;
using Side = PduConnection::Side;
using Terms = PduConnection::Terms;

struct TypeRule {
  const char* name;
  std::uint8_t type;
  Side receiver;
  std::uint8_t hlen;
  std::uint8_t flags;  // that may be set
  bool data;           // may carry data
};

constexpr std::uint8_t kBoth = p::kHdgst | p::kDdgst;
constexpr TypeRule kRules[] = {
    {"ICReq", p::kICReq, Side::kController, p::kHlenIC, 0, false},
    {"ICResp", p::kICResp, Side::kHost, p::kHlenIC, 0, false},
    {"H2CTermReq", p::kH2CTermReq, Side::kController, p::kHlenTermReq, 0, false},
    {"C2HTermReq", p::kC2HTermReq, Side::kHost, p::kHlenTermReq, 0, false},
    {"CapsuleCmd", p::kCapsuleCmd, Side::kController, p::kHlenCmd, kBoth, true},
    {"CapsuleResp", p::kCapsuleResp, Side::kHost, p::kHlenResp, p::kHdgst, false},
    {"H2CData", p::kH2CData, Side::kController, p::kHlenData, kBoth | p::kLast, true},
    {"C2HData", p::kC2HData, Side::kHost, p::kHlenData, kBoth | p::kLast | p::kSuccess, true},
    {"R2T", p::kR2T, Side::kHost, p::kHlenR2T, p::kHdgst, false},
};

const TypeRule* rule_of(std::uint8_t type) {
  for (const TypeRule& r : kRules)
    if (r.type == type) return &r;
  return nullptr;
}

bool is_data_pdu(std::uint8_t type) {
  return type == p::kH2CData || type == p::kC2HData;
}

Fatal bad_field(std::uint32_t offset) {
  return {fes::kInvalidHeaderField, offset};
}

// A controller has a code for too much data; a host's FES 5 means R2Ts, so there it is a wrong PLEN.
Fatal too_much_data(Side side) {
  return side == Side::kController ? Fatal{fes::kLimitExceeded, 0} : bad_field(fei::kPlen);
}

// PLEN, PDO and the data digest flag of a PDU that carries data.
std::optional<Fatal> check_data_part(const PduHead& head, Side side, const Terms& terms, PduLayout& layout) {
  const std::uint32_t tail = terms.data_digest ? p::kDigestBytes : 0;
  const std::uint32_t limit = terms.max_rx_data != 0 ? terms.max_rx_data : kDefaultMaxRxData;
  // No PDO can make room for so much: said first, since a wrong PDO would hide it.
  if (head.plen > std::uint64_t{limit} + 255 + tail) return too_much_data(side);
  if (head.plen <= layout.header_end() + tail) return bad_field(fei::kPlen);
  const std::uint32_t align = terms.rx_align > 4 ? terms.rx_align : 4;
  if (head.pdo < layout.header_end() || head.pdo % align != 0) return bad_field(fei::kPdo);
  if (std::uint32_t{head.pdo} + tail >= head.plen) return bad_field(fei::kPdo);
  if (((head.flags & p::kDdgst) != 0) != terms.data_digest) return bad_field(fei::kFlags);
  layout.data_offset = head.pdo;
  layout.data_length = head.plen - tail - head.pdo;
  layout.data_digest = terms.data_digest;
  if (layout.data_length > limit) return too_much_data(side);
  return {};
}

}  // namespace

HeadCheck check_head(const PduHead& head, Side side, const Terms& terms) {
  HeadCheck out;
  const TypeRule* rule = rule_of(head.type);
  if (!rule || rule->receiver != side) return {{}, bad_field(fei::kType)};
  if (head.hlen != rule->hlen) return {{}, bad_field(fei::kHlen)};
  const bool digests = (rule->flags & p::kHdgst) != 0;
  out.layout.header = rule->hlen;
  out.layout.header_digest = digests && terms.header_digest;
  out.layout.data_offset = out.layout.header_end();
  if ((head.flags & ~rule->flags) != 0) return {out.layout, bad_field(fei::kFlags)};
  if (((head.flags & p::kHdgst) != 0) != out.layout.header_digest)
    return {out.layout, bad_field(fei::kFlags)};
  if (head.type == p::kC2HData && (head.flags & p::kSuccess) && !(head.flags & p::kLast))
    return {out.layout, bad_field(fei::kFlags)};
  if (is_term_req(head, side)) {
    if (head.plen < rule->hlen || head.plen > p::kMaxTermReqPlen) return {out.layout, bad_field(fei::kPlen)};
    out.layout.data_length = head.plen - rule->hlen;
    return out;
  }
  const bool has_data = rule->data && (is_data_pdu(head.type) || head.plen != out.layout.header_end());
  if (has_data) {
    out.fatal = check_data_part(head, side, terms, out.layout);
  } else if (head.plen != out.layout.header_end()) {
    out.fatal = bad_field(fei::kPlen);
  } else if ((head.flags & p::kDdgst) && !terms.data_digest) {
    out.fatal = bad_field(fei::kFlags);
  }
  return out;
}

bool is_term_req(const PduHead& head, Side side) {
  return head.type == (side == Side::kController ? p::kH2CTermReq : p::kC2HTermReq);
}

std::optional<Fatal> check_body(const PduAny& pdu, const PduLayout& layout) {
  const bool data = is_data_pdu(pdu.head.type);
  if (data && pdu.data.datal != layout.data_length) return bad_field(fei::kDataLength);
  if (!data && pdu.head.type != p::kR2T) return {};
  const std::uint32_t offset = data ? pdu.data.datao : pdu.r2t.r2to;
  const std::uint32_t length = data ? pdu.data.datal : pdu.r2t.r2tl;
  if (length % 4 != 0) return bad_field(fei::kDataLength);
  if (offset % 4 != 0) return bad_field(fei::kDataOffset);
  return {};
}

const char* pdu_name(std::uint8_t type) {
  const TypeRule* rule = rule_of(type);
  return rule ? rule->name : "PDU of an unknown type";
}

const char* fes_text(std::uint16_t code) {
  switch (code) {
    case fes::kInvalidHeaderField:
      return "invalid PDU header field";
    case fes::kSequenceError:
      return "PDU sequence error";
    case fes::kHeaderDigest:
      return "header digest error";
    case fes::kOutOfRange:
      return "data transfer out of range";
    case fes::kLimitExceeded:
      return "transfer limit exceeded";
    case fes::kUnsupportedParameter:
      return "unsupported parameter";
    default:
      return "unknown reason";
  }
}

}  // namespace nvtee::nvmf
