// digest: checks data digests. A running sum per session, so PDUs of several sessions may interleave by the
// beat. The wide sum of each beat (SummedBeat) comes with it; who makes beats takes it with summed().
//
// Table: sum[session], read and written in the same call (LUT memory).
#ifndef NVTEE_HW_KERNELS_DIGEST_DIGEST_HPP
#define NVTEE_HW_KERNELS_DIGEST_DIGEST_HPP

#include "hw/kernels/digest/crc32c.hpp"
#include "hw/kernels/engine/records.hpp"

namespace nvtee {
namespace card {

struct SummedBeat {
  DataBeat beat;
  ap_uint<32> sum;  // crc_fold of its bytes
};

// Bytes beyond `count` must be 0.
NVTEE_TEE_INLINE SummedBeat summed(const DataBeat& b) {
  SummedBeat s = SummedBeat();
  s.beat = b;
  s.sum = crc_fold(b.data);
  return s;
}

template <class C>
struct DigestState {
  ap_uint<32> sum[1u << C::kSessionBits];
};

template <class C>
NVTEE_TEE_INLINE tee::Step digest_step(DigestState<C>& s, hls::stream<SummedBeat>& in,
                                       hls::stream<DataBeat>& out) {
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  if (in.empty()) return tee::Step::kIdle;
  if (out.full()) return tee::Step::kBlocked;
  const SummedBeat b = in.read();
  const unsigned at = b.beat.session.to_uint() & kMask;
  const ap_uint<32> before = b.beat.first ? ap_uint<32>(kCrcInit) : s.sum[at];
  const ap_uint<32> sum = crc_next(before.to_uint(), b.sum.to_uint());
  s.sum[at] = sum;
  const ap_uint<32> digest = crc_end(sum.to_uint(), static_cast<ap_uint<6>>(64 - b.beat.count.to_uint()));
  DataBeat o = b.beat;
  o.ok = !o.ddgst || digest == o.digest ? 1 : 0;
  out.write(o);
  return tee::Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
