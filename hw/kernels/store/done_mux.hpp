// done_mux: what both ports' stores have in, to who asked for it: hosts' data to the tee core.
#ifndef NVTEE_HW_KERNELS_STORE_DONE_MUX_HPP
#define NVTEE_HW_KERNELS_STORE_DONE_MUX_HPP

#include "hw/kernels/store/types.hpp"

namespace nvtee {
namespace card {

struct DoneMuxState {
  ap_uint<1> turn;
};

NVTEE_TEE_INLINE tee::Stored stored_of(const StoreDone& d) {
  tee::Stored s = tee::Stored();
  s.queue = d.queue;
  s.slot = static_cast<tee::SlotId>(d.slot);
  s.digest_ok = d.ok;
  return s;
}

NVTEE_TEE_INLINE Step done_mux_step(DoneMuxState& s, hls::stream<StoreDone>& port0,
                                    hls::stream<StoreDone>& port1, hls::stream<tee::Stored>& host,
                                    hls::stream<StoreDone>& leg, hls::stream<StoreDone>& raw) {
  const bool first = !port0.empty() && !(s.turn && !port1.empty());
  if (port0.empty() && port1.empty()) return Step::kIdle;
  if (host.full() || leg.full() || raw.full()) return Step::kBlocked;
  s.turn = first ? 1 : 0;
  const StoreDone d = first ? port0.read() : port1.read();
  if (d.kind == StoreDone::kHostDone) {
    host.write(stored_of(d));
  } else if (d.kind == StoreDone::kLegDone) {
    leg.write(d);
  } else if (d.kind == StoreDone::kRawDone) {
    raw.write(d);
  }
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
