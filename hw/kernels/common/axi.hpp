// AXI4 ports as what they are: channels with valid and ready, so streams. A kernel that has one as a
// parameter is tested natively against a model of memory, and hlsc names the channels as AXI wants them
// (`#pragma HLS INTERFACE m_axi port=...`, `s_axilite port=...`).
//
// Bursts are INCR of 64-byte beats, never across 4 KiB; one ID, so answers come in order.
#ifndef NVTEE_HW_KERNELS_COMMON_AXI_HPP
#define NVTEE_HW_KERNELS_COMMON_AXI_HPP

#include <ap_int.h>
#include <hls_stream.h>

namespace nvtee {
namespace hw {

struct AxiAddr {
  ap_uint<64> addr;  // bytes
  ap_uint<8> len;    // beats - 1
};
struct AxiR {
  ap_uint<512> data;
  ap_uint<1> last;
  ap_uint<2> resp;  // 0 OKAY
};
struct AxiW {
  ap_uint<512> data;
  ap_uint<64> strb;
  ap_uint<1> last;
};
struct AxiB {
  ap_uint<2> resp;
};

// Half a master: what a kernel that only reads, or only writes, has.
struct AxiReader {
  hls::stream<AxiAddr> ar;
  hls::stream<AxiR> r;
};
struct AxiWriter {
  hls::stream<AxiAddr> aw;
  hls::stream<AxiW> w;
  hls::stream<AxiB> b;
};
struct AxiMaster {
  hls::stream<AxiAddr> ar;
  hls::stream<AxiR> r;
  hls::stream<AxiAddr> aw;
  hls::stream<AxiW> w;
  hls::stream<AxiB> b;
};

struct LiteAddr {
  ap_uint<16> addr;  // bytes
};
struct LiteW {
  ap_uint<32> data;
  ap_uint<4> strb;
};
struct LiteR {
  ap_uint<32> data;
  ap_uint<2> resp;
};
struct AxiLiteSlave {
  hls::stream<LiteAddr> aw;
  hls::stream<LiteW> w;
  hls::stream<AxiB> b;
  hls::stream<LiteAddr> ar;
  hls::stream<LiteR> r;
};

}  // namespace hw
}  // namespace nvtee

#endif
