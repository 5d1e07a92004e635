// The engine as a card's kernel: AXI at its border. `hlsc --top card_top` makes the netlist; nvtee_card.v
// puts the clock beside it. Not for simulation: sim/cosim drives engine_top itself.
#include "hw/kernels/common/axi.hpp"
#include "hw/kernels/engine/engine_top.cpp"

extern "C" void card_top(hls::stream<card::Notify>& notify0, hls::stream<card::ReadRequest>& read_request0,
                         hls::stream<card::ReadMeta>& read_meta0, hls::stream<card::NetBeat>& rx0,
                         hls::stream<card::SendRequest>& send_request0,
                         hls::stream<card::SendStatus>& send_status0, hls::stream<card::NetBeat>& tx0,
                         hls::stream<card::TcpCtl>& tcp_ctl0, hls::stream<card::TcpEvent>& tcp_event0,
                         hls::stream<card::Notify>& notify1, hls::stream<card::ReadRequest>& read_request1,
                         hls::stream<card::ReadMeta>& read_meta1, hls::stream<card::NetBeat>& rx1,
                         hls::stream<card::SendRequest>& send_request1,
                         hls::stream<card::SendStatus>& send_status1, hls::stream<card::NetBeat>& tx1,
                         hls::stream<card::TcpCtl>& tcp_ctl1, hls::stream<card::TcpEvent>& tcp_event1,
                         hw::AxiMaster& mem0, hw::AxiMaster& mem1, hw::AxiWriter& ring,
                         hw::AxiLiteSlave& control, hls::stream<ap_uint<32>>& clock_step, ap_uint<64> now,
                         ap_uint<64> base, ap_uint<32> build) {
#pragma HLS DATAFLOW
#pragma HLS INTERFACE axis port = notify0
#pragma HLS INTERFACE axis port = read_request0
#pragma HLS INTERFACE axis port = read_meta0
#pragma HLS INTERFACE axis port = rx0
#pragma HLS INTERFACE axis port = send_request0
#pragma HLS INTERFACE axis port = send_status0
#pragma HLS INTERFACE axis port = tx0
#pragma HLS INTERFACE axis port = tcp_ctl0
#pragma HLS INTERFACE axis port = tcp_event0
#pragma HLS INTERFACE axis port = notify1
#pragma HLS INTERFACE axis port = read_request1
#pragma HLS INTERFACE axis port = read_meta1
#pragma HLS INTERFACE axis port = rx1
#pragma HLS INTERFACE axis port = send_request1
#pragma HLS INTERFACE axis port = send_status1
#pragma HLS INTERFACE axis port = tx1
#pragma HLS INTERFACE axis port = tcp_ctl1
#pragma HLS INTERFACE axis port = tcp_event1
#pragma HLS INTERFACE m_axi port = mem0
#pragma HLS INTERFACE m_axi port = mem1
#pragma HLS INTERFACE m_axi port = ring
#pragma HLS INTERFACE s_axilite port = control
  engine_top(notify0, read_request0, read_meta0, rx0, send_request0, send_status0, tx0, tcp_ctl0, tcp_event0,
             mem0.aw, mem0.w, mem0.b, mem0.ar, mem0.r, notify1, read_request1, read_meta1, rx1, send_request1,
             send_status1, tx1, tcp_ctl1, tcp_event1, mem1.aw, mem1.w, mem1.b, mem1.ar, mem1.r, control.aw,
             control.w, control.b, control.ar, control.r, ring.aw, ring.w, ring.b, clock_step, now, base,
             build);
}
