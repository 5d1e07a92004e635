// legtab: the state and the pragmas.
#include "hw/kernels/tee_core/legtab.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void legtab_top(hls::stream<Ctl>& ctl, hls::stream<LegIn>& leg_in, hls::stream<Peeked>& peeked,
                           hls::stream<Order>& order, hls::stream<Cmd>& granted, hls::stream<Work>& work,
                           hls::stream<NsIndex>& shut, hls::stream<Event>& event) {
#pragma HLS PIPELINE II = 4
  static LegTabState<CardConfig> state;
  LegTabIo io{ctl, leg_in, peeked, order, granted, work, shut, event};
  legtab_step(state, io);
}
