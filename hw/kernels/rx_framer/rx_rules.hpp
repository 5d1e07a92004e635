// What the common header of a PDU must look like for each role (TCP 1.0 §3.6), and where its parts end: equal
// to the software body (runtime/nvmf/pdu/pdu_check.cpp), but for padding before data, which a session of the
// card never agreed to (CPDA 0). Two steps, each short enough for a clock.
#ifndef NVTEE_HW_KERNELS_RX_FRAMER_RX_RULES_HPP
#define NVTEE_HW_KERNELS_RX_FRAMER_RX_RULES_HPP

#include "hw/kernels/rx_framer/types.hpp"

namespace nvtee {
namespace card {

constexpr unsigned kFeiType = 0, kFeiFlags = 1, kFeiHlen = 2, kFeiPdo = 3, kFeiPlen = 4;

// Step 1: the type's rules.
struct HeadRule {
  ap_uint<32> plen;
  ap_uint<7> head;   // header and its digest
  ap_uint<3> tail;   // data digest
  ap_uint<18> most;  // data bytes
  ap_uint<8> pdo;
  ap_uint<1> host;
  ap_uint<1> raw;
  ap_uint<1> data;   // must have data
  ap_uint<1> maybe;  // may have data
  ap_uint<1> ddgstf;
  ap_uint<1> ddgst;
  ap_uint<1> bad_type, bad_hlen, bad_flags, term;
};

NVTEE_TEE_INLINE HeadRule head_rule(const ap_uint<64>& ch, const RxRow& row) {
  using namespace spec::pdu;  // NOLINT
  const ap_uint<8> type = ch.range(7, 0);
  const ap_uint<8> flags = ch.range(15, 8);
  const ap_uint<8> hlen = ch.range(23, 16);
  const bool host = row.role == CardCtl::kHost;
  const bool raw = row.role == CardCtl::kRaw;
  const bool cmd = host && type == kCapsuleCmd;
  const bool h2c = host && type == kH2CData;
  const bool c2h = !host && type == kC2HData;
  const bool bare = !host && (type == kCapsuleResp || type == kR2T);
  const bool term = host ? type == kH2CTermReq : type == kC2HTermReq;
  const bool known = cmd || h2c || c2h || bare;
  const bool success = flags[3];
  const bool last = flags[2];
  HeadRule r = HeadRule();
  r.plen = ch.range(63, 32);
  r.pdo = ch.range(31, 24);
  r.host = host ? 1 : 0;
  r.raw = raw ? 1 : 0;
  r.data = h2c || c2h ? 1 : 0;
  r.maybe = r.data || cmd ? 1 : 0;
  r.ddgst = row.ddgst && !raw ? 1 : 0;
  r.ddgstf = flags[1];
  r.most = raw ? kMaxData - kRawHead : cmd ? tee::kMaxInCapsule : kMaxData;
  const unsigned bare_head = cmd ? kHlenCmd : kHlenData;
  r.head = static_cast<ap_uint<7>>(raw ? kRawHead : bare_head + (row.hdgst ? kDigestBytes : 0));
  r.tail = r.ddgst ? kDigestBytes : 0;
  const bool reserved = (flags & 0xf0) != 0 || (success && !c2h) || (last && !c2h && !h2c) ||
                        (flags[1] && bare) || (success && !last);
  r.term = !raw && term ? 1 : 0;
  r.bad_type = !raw && !known && !term ? 1 : 0;
  r.bad_hlen = !raw && !term && hlen != bare_head ? 1 : 0;
  r.bad_flags = !raw && (reserved || (flags[0] != row.hdgst)) ? 1 : 0;
  return r;
}

// Step 2: PLEN against them.
struct HeadVerdict {
  ap_uint<7> head;
  Bytes data;
  Bytes plen;
  ap_uint<1> digest;  // data digest follows
  ap_uint<1> bad;
  ap_uint<16> fes;  // 0: the peer ended the connection itself (TermReq)
  ap_uint<32> fei;
};

NVTEE_TEE_INLINE HeadVerdict head_error(HeadVerdict v, unsigned fes, unsigned fei) {
  v.bad = 1;
  v.fes = static_cast<ap_uint<16>>(fes);
  v.fei = fei;
  return v;
}

NVTEE_TEE_INLINE HeadVerdict head_verdict(const HeadRule& r) {
  const ap_uint<7> over = static_cast<ap_uint<7>>(r.head + r.tail);
  const bool high = (r.plen >> 18) != 0;
  const ap_uint<18> plen = static_cast<ap_uint<18>>(r.plen);
  const ap_int<20> data = static_cast<ap_int<20>>(static_cast<ap_int<20>>(plen) - over);
  const bool has = r.data || (r.maybe && (high || plen != r.head)) || r.raw;
  // Said before a wrong PDO is: no PDO could make room for so much.
  const bool huge = high || data > static_cast<ap_int<20>>(r.most + 255 - r.head);
  const bool much = data > static_cast<ap_int<20>>(r.most);
  const unsigned much_fes = r.host ? spec::fes::kLimitExceeded : spec::fes::kInvalidHeaderField;
  const unsigned much_fei = r.host ? 0 : kFeiPlen;
  HeadVerdict v = HeadVerdict();
  v.head = r.head;
  v.plen = plen;
  v.data = has ? static_cast<Bytes>(data) : Bytes(0);
  v.digest = has && r.ddgst ? 1 : 0;
  const unsigned field = spec::fes::kInvalidHeaderField;
  if (r.bad_type) return head_error(v, field, kFeiType);
  if (r.term) return head_error(v, 0, 0);
  if (r.bad_hlen) return head_error(v, field, kFeiHlen);
  if (r.bad_flags) return head_error(v, field, kFeiFlags);
  if (r.raw) {
    if (high || plen < kMinRawPlen || much) return head_error(v, field, kFeiPlen);
    return v;
  }
  if (has) {
    if (huge) return head_error(v, much_fes, much_fei);
    if (data <= 0) return head_error(v, field, kFeiPlen);
    if (r.pdo != r.head) return head_error(v, field, kFeiPdo);
    if (r.ddgstf != r.ddgst) return head_error(v, field, kFeiFlags);
    if (much) return head_error(v, much_fes, much_fei);
    return v;
  }
  if (high || plen != r.head) return head_error(v, field, kFeiPlen);
  if (r.ddgstf && !r.ddgst) return head_error(v, field, kFeiFlags);
  return v;
}

}  // namespace card
}  // namespace nvtee

#endif
