// emit: turns one piece of work for several legs into one record a leg.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_EMIT_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_EMIT_HPP

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

struct EmitState {
  Todo todo;
  LegMask left;
};

NVTEE_TEE_INLINE LegTx tx_of(const Todo& t, LegIndex leg) {
  const unsigned at = static_cast<unsigned>(leg);
  LegTx x = LegTx();
  x.ns = t.ns;
  x.leg = leg;
  x.gen = t.legs.gen[at];
  x.slot = t.slot;
  x.cid = leg_cid(t.cid_gen[at], t.slot);
  x.opcode = t.opcode;
  x.nsid = t.legs.nsid[at];
  x.slba = t.slba;
  x.nlb = static_cast<ap_uint<16>>(t.count == 0 ? 0 : static_cast<unsigned>(t.count) - 1);
  x.cdw12_high = static_cast<ap_uint<32>>(static_cast<ap_uint<32>>(t.high) << 16);
  x.length = t.bytes;
  return x;
}

NVTEE_TEE_INLINE Event todo_event(const Todo& t, LegIndex leg) {
  Event e = event_of(t.kind == Todo::kMedia ? Event::kMediaError : Event::kLegFault);
  e.ns = t.ns;
  e.leg = leg;
  e.gen = t.legs.gen[static_cast<unsigned>(leg)];
  e.slot = t.slot;
  e.status = t.status;
  e.lba = t.slba;
  e.nlb = static_cast<ap_uint<16>>(t.count == 0 ? 0 : static_cast<unsigned>(t.count) - 1);
  e.flag = t.flag;
  return e;
}

NVTEE_TEE_INLINE Step emit_step(EmitState& s, hls::stream<Todo>& in, hls::stream<LegTx>& tx,
                                hls::stream<Event>& event) {
  if (s.left == 0 && in.empty()) return Step::kIdle;
  if (tx.full() || event.full()) return Step::kBlocked;
  if (s.left == 0) {
    s.todo = in.read();
    s.left = s.todo.mask;
  }
  const LegMask one = lowest_leg(s.left);
  const LegIndex leg = index_of(one);
  if (s.todo.kind == Todo::kIssue) {
    tx.write(tx_of(s.todo, leg));
  } else {
    event.write(todo_event(s.todo, leg));
  }
  s.left = without(s.left, one);
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
