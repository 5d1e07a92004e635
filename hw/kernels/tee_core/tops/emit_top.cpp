// emit: the state and the pragmas.
#include "hw/kernels/tee_core/emit.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void emit_top(hls::stream<Todo>& in, hls::stream<LegTx>& tx, hls::stream<Event>& event) {
#pragma HLS PIPELINE II = 2
  static EmitState state;
  emit_step(state, in, tx, event);
}
