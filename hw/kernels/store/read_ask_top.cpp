#include "hw/kernels/store/store_read.hpp"

using namespace nvtee;  // NOLINT

extern "C" void read_ask_top(hls::stream<card::StoreRead>& in, hls::stream<card::StoreSlot>& ask,
                             hls::stream<card::ReadJob>& out) {
#pragma HLS PIPELINE II = 4
#pragma HLS INTERFACE ap_ctrl_none port = return
  card::read_ask_step(in, ask, out);
}
