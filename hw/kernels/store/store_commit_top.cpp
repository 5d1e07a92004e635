#include "hw/kernels/store/store_write.hpp"

using namespace nvtee;  // NOLINT

extern "C" void store_commit_top(ap_uint<1> port, hls::stream<hw::AxiB>& b,
                                 hls::stream<card::Pending>& pending, hls::stream<card::StageEntry>& landed,
                                 hls::stream<card::StoreDone>& done, hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 1
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::StoreCommitState state;
  card::StoreCommitIo io = {b, pending, landed, done, event};
  card::store_commit_step(state, port, io);
}
