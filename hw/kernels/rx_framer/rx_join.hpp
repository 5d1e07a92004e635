// rx_join: completes words that began in an earlier chunk of their session, holds a word until the next one
// of its PDU (the first 64 bytes of a long header, the last data before its digest), hands on heads and data.
// The sum of each beat for its digest is taken here too, since it only flows forward.
//
// Tables: begun[session], read and written in the same call (LUT memory); held[session].
#ifndef NVTEE_HW_KERNELS_RX_FRAMER_RX_JOIN_HPP
#define NVTEE_HW_KERNELS_RX_FRAMER_RX_JOIN_HPP

#include "hw/kernels/digest/digest.hpp"
#include "hw/kernels/rx_framer/types.hpp"

namespace nvtee {
namespace card {

template <class C>
struct RxJoinState {
  ap_uint<512> begun[1u << C::kSessionBits];
  ap_uint<512> held[1u << C::kSessionBits];
};

// `whole`: what the op completes: its word, or the one held.
NVTEE_TEE_INLINE PduHead head_of(const Op& op, const ap_uint<512>& word, const ap_uint<512>& whole) {
  const bool two = op.kind == Op::kHeadHeld;
  PduHead h = PduHead();
  h.bytes.range(511, 0) = whole;
  h.bytes.range(607, 512) = word.range(95, 0);
  if (!two) h.bytes.range(607, 512) = 0;
  h.sum = crc_fold(whole);
  h.data = op.data;
  h.session = op.session;
  h.kind = op.kind == Op::kBroken ? PduHead::kBroken : op.kind == Op::kEnd ? PduHead::kEnd : PduHead::kPdu;
  h.role = op.row.role;
  h.fes = op.fes;
  h.fei = op.fei;
  h.queue = op.row.queue;
  h.link = op.row.link;
  h.link_queue = op.row.link_queue;
  h.hdgst = op.row.hdgst;
  h.ddgst = op.row.ddgst;
  return h;
}

NVTEE_TEE_INLINE DataBeat beat_of(const Op& op, const ap_uint<512>& word, const ap_uint<512>& whole) {
  DataBeat b = DataBeat();
  b.data = whole;
  b.count = op.count;
  b.session = op.session;
  b.first = op.first;
  b.last = op.last;
  b.ddgst = op.row.ddgst && op.row.role != CardCtl::kRaw ? 1 : 0;
  b.digest = word.range(31, 0);
  b.end = op.kind == Op::kEnd ? 1 : 0;
  return b;
}

template <class C>
NVTEE_TEE_INLINE Step rx_join_step(RxJoinState<C>& s, hls::stream<Piece>& in, hls::stream<PduHead>& head,
                                   hls::stream<SummedBeat>& beat) {
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  if (in.empty()) return Step::kIdle;
  if (head.full() || beat.full()) return Step::kBlocked;
  const Piece p = in.read();
  const Op& op = p.op;
  const unsigned at = op.session.to_uint() & kMask;
  const ap_uint<512> begun = s.begun[at];
  const ap_uint<512> word = op.load ? static_cast<ap_uint<512>>(begun | p.bytes) : p.bytes;
  const ap_uint<512> held = s.held[at];
  const bool late = op.kind == Op::kHeadHeld || op.kind == Op::kDataHeld;
  const ap_uint<512> whole = late ? held : word;
  if (op.save) s.begun[at] = word;
  if (op.kind == Op::kHold) s.held[at] = word;
  const bool is_head = op.kind == Op::kHead || op.kind == Op::kHeadHeld || op.kind == Op::kBroken;
  const bool is_beat = op.kind == Op::kData || op.kind == Op::kDataHeld;
  const bool end = op.kind == Op::kEnd;
  if (is_head || end) head.write(head_of(op, word, whole));
  if (is_beat || end) beat.write(summed(beat_of(op, word, whole)));
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
