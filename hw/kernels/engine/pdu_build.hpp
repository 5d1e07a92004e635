// Headers of the PDUs that the card sends, byte by byte as the software sends them (runtime/nvmf/pdu). A PDU
// = head, [HDGST], payload, [DDGST]: no padding, so peers that want their data aligned (HPDA, CPDA) are not
// for the card. HLS subset.
#ifndef NVTEE_HW_KERNELS_ENGINE_PDU_BUILD_HPP
#define NVTEE_HW_KERNELS_ENGINE_PDU_BUILD_HPP

#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

// Puts N bits at byte `at` of the header: 0..23 or 40..59.
template <int N>
NVTEE_TEE_INLINE void put(HeadBits& head, unsigned at, ap_uint<N> value) {
  const int low = static_cast<int>(8 * (at < 24 ? at : at - 16));
  head.range(low + N - 1, low) = value;
}

// Common header and the job's lengths; `hlen` is 24 or 72.
NVTEE_TEE_INLINE TxJob pdu_job(uint8_t type, uint8_t hlen, ap_uint<1> last, Bytes length, ap_uint<1> hdgst,
                               ap_uint<1> ddgst) {
  TxJob j = TxJob();
  const bool data = length != 0;
  const bool digest = ddgst && data;
  ap_uint<8> flags = 0;
  flags[0] = hdgst;
  flags[1] = digest;
  flags[2] = last;
  const ap_uint<8> end = static_cast<ap_uint<8>>(hlen + (hdgst ? 4 : 0));
  const ap_uint<8> with = static_cast<ap_uint<8>>(end + (digest ? 4 : 0));
  put<8>(j.head, 0, type);
  put<8>(j.head, 1, flags);
  put<8>(j.head, 2, hlen);
  put<8>(j.head, 3, data ? end : ap_uint<8>(0));
  put<32>(j.head, 4, static_cast<ap_uint<32>>(static_cast<ap_uint<32>>(length) + with));
  j.head_bytes = hlen;
  j.hdgst = hdgst;
  j.ddgst = digest ? 1 : 0;
  j.length = length;
  return j;
}

NVTEE_TEE_INLINE TxJob r2t_job(ap_uint<16> cid, ap_uint<16> ttag, ap_uint<32> length, ap_uint<1> hdgst) {
  TxJob j = pdu_job(spec::pdu::kR2T, spec::pdu::kHlenR2T, 0, 0, hdgst, 0);
  put<16>(j.head, 8, cid);
  put<16>(j.head, 10, ttag);
  put<32>(j.head, 16, length);
  return j;
}

NVTEE_TEE_INLINE TxJob response_job(ap_uint<64> result, ap_uint<16> sqhd, ap_uint<16> cid,
                                    tee::StatusBits status, ap_uint<1> dnr, ap_uint<1> hdgst) {
  TxJob j = pdu_job(spec::pdu::kCapsuleResp, spec::pdu::kHlenResp, 0, 0, hdgst, 0);
  ap_uint<16> field = 0;
  field.range(11, 1) = status;
  field[15] = dnr;
  put<64>(j.head, 8, result);
  put<16>(j.head, 16, sqhd);
  put<16>(j.head, 20, cid);
  put<16>(j.head, 22, field);
  return j;
}

// C2HData and H2CData.
NVTEE_TEE_INLINE TxJob data_job(uint8_t type, ap_uint<16> cid, ap_uint<16> ttag, Bytes offset, Bytes length,
                                ap_uint<1> last, ap_uint<1> hdgst, ap_uint<1> ddgst) {
  TxJob j = pdu_job(type, spec::pdu::kHlenData, last, length, hdgst, ddgst);
  put<16>(j.head, 8, cid);
  put<16>(j.head, 10, ttag);
  put<32>(j.head, 12, static_cast<ap_uint<32>>(offset));
  put<32>(j.head, 16, static_cast<ap_uint<32>>(length));
  j.offset = offset;
  return j;
}

// A command of a leg.
struct LegCommand {
  ap_uint<8> opcode;
  ap_uint<16> cid;
  ap_uint<32> nsid;
  ap_uint<64> slba;
  ap_uint<32> cdw12;
  Bytes length;           // of its data, whichever way
  ap_uint<1> in_capsule;  // the data are in the capsule
};

NVTEE_TEE_INLINE TxJob command_job(const LegCommand& c, ap_uint<1> hdgst, ap_uint<1> ddgst) {
  const Bytes inside = c.in_capsule ? c.length : Bytes(0);
  TxJob j = pdu_job(spec::pdu::kCapsuleCmd, spec::pdu::kHlenCmd, 0, inside, hdgst, ddgst);
  const bool ranged = c.opcode != spec::io::kFlush;
  put<8>(j.head, 8, c.opcode);
  put<8>(j.head, 9, spec::kPsdtSgl);
  put<16>(j.head, 10, c.cid);
  put<32>(j.head, 12, c.nsid);
  put<32>(j.head, 8 + 32, static_cast<ap_uint<32>>(c.length));
  put<8>(j.head, 8 + 39, c.in_capsule ? spec::kSglDataOffset : spec::kSglTransport);
  put<64>(j.head, 8 + 40, ranged ? c.slba : ap_uint<64>(0));
  put<32>(j.head, 8 + 48, ranged ? c.cdw12 : ap_uint<32>(0));
  return j;
}

}  // namespace card
}  // namespace nvtee

#endif
