// payload: the state and the pragmas.
#include "hw/kernels/tee_core/payload.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void payload_top(hls::stream<Verdict>& verdict, hls::stream<Ctl>& ctl, hls::stream<Stored>& stored,
                            hls::stream<Front>& in, hls::stream<Placement>& placement,
                            hls::stream<Cmd>& asked, hls::stream<Said>& said, hls::stream<Order>& order,
                            hls::stream<Event>& event) {
#pragma HLS PIPELINE II = 4
  static PayloadState<CardConfig> state;
  PayloadIo<CardConfig> io{verdict, ctl, stored, in, placement, asked, said, order, event};
  payload_step(state, io);
}
