// legs: the state and the pragmas.
#include "hw/kernels/tee_core/legs.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void legs_top(hls::stream<Work>& in, hls::stream<Todo>& todo, hls::stream<Done>& done,
                         hls::stream<Peek>& peek, hls::stream<Event>& event) {
#pragma HLS PIPELINE II = 4
  static LegsState<CardConfig> state;
  LegsIo<CardConfig> io{in, todo, done, peek, event};
  legs_step(state, io);
}
