#include "hw/kernels/store/store_write.hpp"

using namespace nvtee;  // NOLINT

extern "C" void store_burst_top(ap_uint<64> base, hls::stream<card::LineWrite>& in,
                                hls::stream<hw::AxiAddr>& aw, hls::stream<hw::AxiW>& w,
                                hls::stream<hw::AxiW>& data_in, hls::stream<hw::AxiW>& data_out) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::StoreBurstState state;
  card::StoreBurstIo io = {in, aw, w, data_in, data_out};
  card::store_burst_step(state, base, io);
}
