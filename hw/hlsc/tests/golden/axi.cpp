// The border of a card: registers behind AXI4-Lite, memory behind an AXI4 master, a stream of odd width.
#include "hw/kernels/common/axi.hpp"

using nvtee::hw::AxiLiteSlave;
using nvtee::hw::AxiMaster;
using nvtee::hw::AxiReader;

struct Odd {
  ap_uint<13> n;
};

extern "C" void answer(AxiLiteSlave& control, hls::stream<Odd>& out) {
#pragma HLS PIPELINE II = 1
  if (control.aw.empty() || control.w.empty() || control.b.full() || out.full()) return;
  nvtee::hw::AxiB b;
  b.resp = 0;
  Odd o;
  o.n = static_cast<ap_uint<13>>(control.w.read().data + control.aw.read().addr);
  control.b.write(b);
  out.write(o);
}

extern "C" void read_line(hls::stream<Odd>& in, AxiMaster& mem, hls::stream<Odd>& sum) {
#pragma HLS PIPELINE II = 1
  if (!in.empty() && !mem.ar.full()) {
    nvtee::hw::AxiAddr a;
    a.addr = in.read().n;
    a.len = 0;
    mem.ar.write(a);
  }
  if (!mem.r.empty() && !sum.full()) {
    Odd o;
    o.n = static_cast<ap_uint<13>>(mem.r.read().data);
    sum.write(o);
  }
}

extern "C" void axi(AxiLiteSlave& control, AxiMaster& mem, hls::stream<Odd>& sum) {
#pragma HLS DATAFLOW
#pragma HLS INTERFACE s_axilite port = control
#pragma HLS INTERFACE m_axi port = mem
#pragma HLS INTERFACE axis port = sum
  static hls::stream<Odd, 4> asked;
  answer(control, asked);
  read_line(asked, mem, sum);
}
