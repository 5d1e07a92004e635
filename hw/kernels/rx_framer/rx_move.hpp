// rx_move: the bytes of an op out of the present beat and the next one, shifted to their place in the word.
// Feed-forward but for the present beat.
#ifndef NVTEE_HW_KERNELS_RX_FRAMER_RX_MOVE_HPP
#define NVTEE_HW_KERNELS_RX_FRAMER_RX_MOVE_HPP

#include "hw/kernels/common/bytes.hpp"
#include "hw/kernels/rx_framer/types.hpp"

namespace nvtee {
namespace card {

struct RxMoveState {
  ap_uint<512> beat;  // the present one
  Op op;              // waits for its beat
  ap_uint<1> waits;
};

NVTEE_TEE_INLINE Step rx_move_step(RxMoveState& s, hls::stream<Op>& ops, hls::stream<ap_uint<512>>& beats,
                                   hls::stream<Piece>& out) {
  const bool waits = s.waits;
  if (!waits && ops.empty()) return Step::kIdle;
  if (out.full()) return Step::kBlocked;
  Op op = s.op;
  if (!waits) op = ops.read();
  const bool go = !op.pull || !beats.empty();
  s.op = op;
  s.waits = go ? 0 : 1;
  if (!go) return waits ? Step::kIdle : Step::kMoved;
  const ap_uint<512> now = s.beat;
  ap_uint<512> next = 0;
  if (op.pull) {
    next = beats.read();
    s.beat = next;
  }
  Piece p = Piece();
  p.op = op;
  p.bytes = move_bytes(now, next, true, op.at, op.take, op.fill);
  out.write(p);
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
