// done_mux: what both ports' stores have in, to who asked for it: hosts' data to the tee core.
#ifndef NVTEE_HW_KERNELS_STORE_DONE_MUX_HPP
#define NVTEE_HW_KERNELS_STORE_DONE_MUX_HPP

#include "hw/kernels/common/turn.hpp"
#include "hw/kernels/store/types.hpp"

namespace nvtee {
namespace card {

struct DoneMuxState {
  enum Source { kNow0 = 0, kNow1, kLater0, kLater1, kSources };
  hw::Turn<kSources> turn;
};

// Of each port: what is in the stage, known at once, and what memory has answered for.
struct DoneMuxIo {
  hls::stream<StoreDone>& now0;
  hls::stream<StoreDone>& now1;
  hls::stream<StoreDone>& later0;
  hls::stream<StoreDone>& later1;
  hls::stream<tee::Stored>& host;
  hls::stream<StoreDone>& leg;
  hls::stream<StoreDone>& raw;
};

NVTEE_TEE_INLINE tee::Stored stored_of(const StoreDone& d) {
  tee::Stored s = tee::Stored();
  s.queue = d.queue;
  s.slot = static_cast<tee::SlotId>(d.slot);
  s.digest_ok = d.ok;
  return s;
}

NVTEE_TEE_INLINE Step done_mux_step(DoneMuxState& s, DoneMuxIo& io) {
  ap_uint<DoneMuxState::kSources> ready = 0;
  ready[DoneMuxState::kNow0] = !io.now0.empty();
  ready[DoneMuxState::kNow1] = !io.now1.empty();
  ready[DoneMuxState::kLater0] = !io.later0.empty();
  ready[DoneMuxState::kLater1] = !io.later1.empty();
  if (ready == 0) return Step::kIdle;
  if (io.host.full() || io.leg.full() || io.raw.full()) return Step::kBlocked;
  const ap_uint<DoneMuxState::kSources> one = hw::next_of(s.turn, ready);
  hw::taken(s.turn, one);
  StoreDone d = StoreDone();
  if (one[DoneMuxState::kNow0]) {
    d = io.now0.read();
  } else if (one[DoneMuxState::kNow1]) {
    d = io.now1.read();
  } else if (one[DoneMuxState::kLater0]) {
    d = io.later0.read();
  } else {
    d = io.later1.read();
  }
  if (d.kind == StoreDone::kHostDone) {
    io.host.write(stored_of(d));
  } else if (d.kind == StoreDone::kLegDone) {
    io.leg.write(d);
  } else if (d.kind == StoreDone::kRawDone) {
    io.raw.write(d);
  }
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
