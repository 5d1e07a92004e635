// admit: the state and the pragmas.
#include "hw/kernels/tee_core/admit.hpp"

using namespace nvtee::tee;  // NOLINT

extern "C" void admit_top(hls::stream<NsIndex>& shut, hls::stream<Finish>& finish, hls::stream<Looked>& in,
                          hls::stream<Cmd>& admitted, hls::stream<Verdict>& verdict,
                          hls::stream<Event>& event, ap_uint<64> now) {
#pragma HLS PIPELINE II = 4
  static AdmitState<CardConfig> state;
  AdmitIo io{shut, finish, in, admitted, verdict, event};
  admit_step(state, now, io);
}
