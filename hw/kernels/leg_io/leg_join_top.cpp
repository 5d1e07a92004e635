#include "hw/kernels/leg_io/leg_join.hpp"

using namespace nvtee;

extern "C" void leg_join_top(hls::stream<tee::LegIn>& answer0, hls::stream<tee::LegIn>& answer1,
                             hls::stream<card::CardEvent>& event0, hls::stream<card::CardEvent>& event1,
                             hls::stream<tee::LegIn>& answer, hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::LegJoinState state;
  card::LegJoinIo io = {answer0, answer1, event0, event1, answer, event};
  card::leg_join_step(state, io);
}
