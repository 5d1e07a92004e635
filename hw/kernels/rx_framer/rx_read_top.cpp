#include "hw/kernels/rx_framer/rx_read.hpp"

using namespace nvtee;  // NOLINT

extern "C" void rx_read_top(ap_uint<1> port, hls::stream<card::CardCtl>& ctl,
                            hls::stream<card::Notify>& notify, hls::stream<card::RxBack>& back,
                            hls::stream<card::SessionIx>& ready_in, hls::stream<card::SessionIx>& ready_out,
                            hls::stream<card::SessionIx>& parked_in, hls::stream<card::SessionIx>& parked_out,
                            hls::stream<card::ReadRequest>& request, hls::stream<card::Chunk>& chunk,
                            hls::stream<card::StoreSlot>& punt, hls::stream<card::CardEvent>& event) {
#pragma HLS PIPELINE II = 4
#pragma HLS INTERFACE ap_ctrl_none port = return
  static card::RxReadState<card::EngineConfig> state;
#pragma HLS BIND_STORAGE variable = state.rows type = ram_2p impl = lutram
  card::RxReadIo io = {ctl,        notify,  back,  ready_in, ready_out, parked_in,
                       parked_out, request, chunk, punt,     event};
  card::rx_read_step(state, port, io);
}
