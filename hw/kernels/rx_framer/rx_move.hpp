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
  Op op;              // the next to be done
  ap_uint<1> ready;
};

NVTEE_TEE_INLINE Step rx_move_step(RxMoveState& s, hls::stream<Op>& ops, hls::stream<ap_uint<512>>& beats,
                                   hls::stream<Piece>& out) {
  const bool more = !ops.empty();
  const bool can = s.ready && (!s.op.pull || !beats.empty());
  if (can && out.full()) return Step::kBlocked;
  if (can) {
    const Op op = s.op;
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
  }
  const bool load = more && (can || !s.ready);
  if (load) s.op = ops.read();
  if (can || !s.ready) s.ready = more ? 1 : 0;
  return can || load ? Step::kMoved : Step::kIdle;
}

}  // namespace card
}  // namespace nvtee

#endif
