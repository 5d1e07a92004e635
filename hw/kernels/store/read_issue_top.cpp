#include "hw/kernels/store/store_read.hpp"

using namespace nvtee;  // NOLINT

extern "C" void read_issue_top(ap_uint<64> base, hls::stream<card::ReadJob>& in,
                               hls::stream<card::StageRef>& found, hls::stream<card::StageRead>& stage,
                               hls::stream<hw::AxiAddr>& ar, hls::stream<card::ReadPlan>& plan) {
#pragma HLS PIPELINE II = 4
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::ReadIssueState state;
  card::ReadIssueIo io = {in, found, stage, ar, plan};
  card::read_issue_step(state, base, io);
}
