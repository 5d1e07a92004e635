#include "hw/kernels/store/store_write.hpp"

using namespace nvtee;  // NOLINT

extern "C" void store_cut_top(ap_uint<64> base, hls::stream<card::Turned>& in, hls::stream<hw::AxiAddr>& aw,
                              hls::stream<hw::AxiW>& w, hls::stream<card::StoreDone>& now,
                              hls::stream<card::Pending>& pending) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::StoreCutState state;
  card::StoreCutIo io = {in, aw, w, now, pending};
  card::store_cut_step(state, base, io);
}
