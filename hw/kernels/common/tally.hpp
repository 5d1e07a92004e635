// Counts that a kernel keeps small and hands to regs now and then (records.hpp: Count). HLS subset.
#ifndef NVTEE_HW_KERNELS_COMMON_TALLY_HPP
#define NVTEE_HW_KERNELS_COMMON_TALLY_HPP

#include <hls_stream.h>

#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

struct Tally {
  ap_uint<8> pdus;
  ap_uint<24> bytes;  // of at most 65 PDUs of 128 KiB: never wraps
};

// Nothing more may be counted before the tally was handed over.
NVTEE_TEE_INLINE bool tally_blocks(const Tally& t, const hls::stream<Count>& out) {
  return t.pdus[6] && out.full();
}
NVTEE_TEE_INLINE bool tally_due(const Tally& t, bool idle, const hls::stream<Count>& out) {
  return (idle ? t.pdus != 0 : (t.pdus[5] || t.pdus[6])) && !out.full();
}
NVTEE_TEE_INLINE Count count_of(const Tally& t, unsigned kind, PortId port) {
  Count c;
  c.kind = static_cast<ap_uint<2>>(kind);
  c.port = port;
  c.pdus = t.pdus;
  c.bytes = t.bytes;
  return c;
}
NVTEE_TEE_INLINE Tally tally_plus(const Tally& t, ap_uint<24> bytes) {
  Tally n;
  n.pdus = static_cast<ap_uint<8>>(t.pdus + 1);
  n.bytes = static_cast<ap_uint<24>>(t.bytes + bytes);
  return n;
}

}  // namespace card
}  // namespace nvtee

#endif
