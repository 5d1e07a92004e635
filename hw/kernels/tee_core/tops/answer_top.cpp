// answer: the state and the pragmas.
#include "hw/kernels/tee_core/answer.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void answer_top(hls::stream<Ctl>& ctl, hls::stream<Done>& done, hls::stream<Said>& said,
                           hls::stream<HostOut>& host_out, hls::stream<Release>& release,
                           hls::stream<Finish>& finish, hls::stream<SlotId>& freed, hls::stream<Event>& event,
                           ap_uint<64> now) {
#pragma HLS PIPELINE II = 4
  static AnswerState<CardConfig> state;
  AnswerIo io{ctl, done, said, host_out, release, finish, freed, event};
  answer_step(state, now, io);
}
