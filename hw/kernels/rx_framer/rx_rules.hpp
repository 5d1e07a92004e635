// What the common header of a PDU must look like for each role (TCP 1.0 §3.6), and where its parts end: equal
// to the software body (runtime/nvmf/pdu/pdu_check.cpp), but for padding before data, which a session of the
// card never agreed to (CPDA 0). Three steps, each short enough for a clock.
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
  ap_uint<7> over;   // all that is not data
  ap_uint<18> most;  // of PLEN: with all the data that may be; and beyond any padding
  ap_uint<18> huge;
  ap_uint<8> pdo;
  ap_uint<1> host;
  ap_uint<1> raw;
  ap_uint<1> data;   // must have data
  ap_uint<1> maybe;  // may have data
  ap_uint<1> ddgstf;
  ap_uint<1> ddgst;
  ap_uint<1> bad_type, bad_hlen, bad_flags, term;
  ap_uint<1> again;  // a second ICReq (ICResp)
};

// With 4 bytes for each digest.
NVTEE_TEE_INLINE ap_uint<18> most_plen(unsigned without, ap_uint<2> digests) {
  const ap_uint<18> none = without, one = without + 4, two = without + 8;
  return digests == 0 ? none : digests == 3 ? two : one;
}

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
  // Selected, not added: a table of a few bits.
  const ap_uint<7> cmd_head = row.hdgst ? kHlenCmd + kDigestBytes : kHlenCmd;
  const ap_uint<7> data_head = row.hdgst ? kHlenData + kDigestBytes : kHlenData;
  const ap_uint<8> bare_head = cmd ? kHlenCmd : kHlenData;
  r.head = raw ? ap_uint<7>(kRawHead) : cmd ? cmd_head : data_head;
  const ap_uint<2> digests = static_cast<ap_uint<2>>((row.hdgst, row.ddgst));
  r.most = raw   ? ap_uint<18>(kMaxData)
           : cmd ? most_plen(kHlenCmd + tee::kMaxInCapsule, digests)
                 : most_plen(kHlenData + kMaxData, digests);
  r.over = raw   ? ap_uint<7>(kRawHead)
           : cmd ? static_cast<ap_uint<7>>(most_plen(kHlenCmd, digests))
                 : static_cast<ap_uint<7>>(most_plen(kHlenData, digests));
  r.huge = cmd ? most_plen(tee::kMaxInCapsule + 255, row.ddgst) : most_plen(kMaxData + 255, row.ddgst);
  const bool reserved = (flags & 0xf0) != 0 || (success && !c2h) || (last && !c2h && !h2c) ||
                        (flags[1] && bare) || (success && !last);
  r.term = !raw && term ? 1 : 0;
  r.again = type == (host ? kICReq : kICResp) ? 1 : 0;
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
  ap_uint<1> has;     // data
  ap_uint<1> high, huge, much, less, other, pdo;
};

NVTEE_TEE_INLINE HeadVerdict head_verdict(const HeadRule& r) {
  const ap_uint<18> plen = static_cast<ap_uint<18>>(r.plen);
  HeadVerdict v = HeadVerdict();
  v.head = r.head;
  v.plen = plen;
  v.high = (r.plen >> 18) != 0 ? 1 : 0;
  v.huge = plen > r.huge ? 1 : 0;
  v.much = plen > r.most ? 1 : 0;
  v.less = plen <= (r.raw ? ap_uint<7>(kMinRawPlen - 1) : r.over) ? 1 : 0;
  v.other = plen != r.head ? 1 : 0;
  v.pdo = r.pdo != r.head ? 1 : 0;
  v.has = r.raw || r.data || (r.maybe && (v.high || v.other)) ? 1 : 0;
  v.data = v.has ? static_cast<Bytes>(plen - r.over) : Bytes(0);
  v.digest = v.has && r.ddgst ? 1 : 0;
  return v;
}

// Step 3: is anything wrong?
NVTEE_TEE_INLINE bool head_bad(const HeadRule& r, const HeadVerdict& v) {
  const bool form = r.bad_type || r.term || r.bad_hlen || r.bad_flags || v.high;
  const bool data = v.much || v.less || (!r.raw && (v.pdo || r.ddgstf != r.ddgst));
  const bool bare = v.other || (r.ddgstf && !r.ddgst);
  return form || (v.has ? data : bare);
}

// And what? The first of these, in the order of the software body.
struct HeadError {
  ap_uint<16> fes;  // 0: the peer ended the connection itself (TermReq)
  ap_uint<32> fei;
};
NVTEE_TEE_INLINE HeadError head_error(unsigned fes, unsigned fei) {
  HeadError e;
  e.fes = static_cast<ap_uint<16>>(fes);
  e.fei = fei;
  return e;
}
NVTEE_TEE_INLINE HeadError head_error(const HeadRule& r, const HeadVerdict& v) {
  const unsigned field = spec::fes::kInvalidHeaderField;
  const HeadError much = r.host ? head_error(spec::fes::kLimitExceeded, 0) : head_error(field, kFeiPlen);
  if (r.bad_type) return r.again ? head_error(spec::fes::kSequenceError, 0) : head_error(field, kFeiType);
  if (r.term) return head_error(0, 0);
  if (r.bad_hlen) return head_error(field, kFeiHlen);
  if (r.bad_flags) return head_error(field, kFeiFlags);
  if (r.raw || (!v.has && (v.high || v.other))) return head_error(field, kFeiPlen);
  // Said before a wrong PDO is: no PDO could make room for so much.
  if (v.has && (v.high || v.huge)) return much;
  if (v.has && v.less) return head_error(field, kFeiPlen);
  if (v.has && v.pdo) return head_error(field, kFeiPdo);
  if (r.ddgstf != r.ddgst) return head_error(field, kFeiFlags);
  return much;
}

}  // namespace card
}  // namespace nvtee

#endif
