// leg_join: what both ports' leg_tables say, answers and events.
#ifndef NVTEE_HW_KERNELS_LEG_IO_LEG_JOIN_HPP
#define NVTEE_HW_KERNELS_LEG_IO_LEG_JOIN_HPP

#include <hls_stream.h>

#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

struct LegJoinState {
  ap_uint<1> answer_turn, event_turn;
};

struct LegJoinIo {
  hls::stream<tee::LegIn>& answer0;
  hls::stream<tee::LegIn>& answer1;
  hls::stream<CardEvent>& event0;
  hls::stream<CardEvent>& event1;
  hls::stream<tee::LegIn>& answer;
  hls::stream<CardEvent>& event;
};

// One record of `a` and `b`, in turns. Neither waits for what the other kind of record waits for.
template <class T>
NVTEE_TEE_INLINE bool join_two(ap_uint<1>& turn, hls::stream<T>& a, hls::stream<T>& b, hls::stream<T>& out) {
  const bool first = !a.empty() && !(turn && !b.empty());
  if ((a.empty() && b.empty()) || out.full()) return false;
  turn = first ? 1 : 0;
  out.write(first ? a.read() : b.read());
  return true;
}

NVTEE_TEE_INLINE tee::Step leg_join_step(LegJoinState& s, LegJoinIo& io) {
  if (io.answer0.empty() && io.answer1.empty() && io.event0.empty() && io.event1.empty())
    return tee::Step::kIdle;
  const bool answers = join_two(s.answer_turn, io.answer0, io.answer1, io.answer);
  const bool events = join_two(s.event_turn, io.event0, io.event1, io.event);
  return answers || events ? tee::Step::kMoved : tee::Step::kBlocked;
}

}  // namespace card
}  // namespace nvtee

#endif
