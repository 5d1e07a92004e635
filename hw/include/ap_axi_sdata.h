#ifndef NVTEE_HLS_AP_AXI_SDATA_H
#define NVTEE_HLS_AP_AXI_SDATA_H

#ifdef __VITIS_HLS__
#error "nvtee's stand-in ap_axi_sdata.h is not for Vitis: take hw/include off the include path"
#endif

#include <stddef.h>

#include "ap_int.h"

namespace nvtee_hls {
template <class T>
inline constexpr int bytes_of = static_cast<int>(sizeof(T));
template <int W>
inline constexpr int bytes_of<ap_int<W>> = (W + 7) / 8;
template <int W>
inline constexpr int bytes_of<ap_uint<W>> = (W + 7) / 8;
}  // namespace nvtee_hls

namespace hls {

// One beat of an AXI4-Stream. A side channel of width 0 has no port; its field is one unused bit here.
template <class T, size_t WUser = 0, size_t WId = 0, size_t WDest = 0>
struct axis {
  T data;
  ap_uint<nvtee_hls::bytes_of<T>> keep;
  ap_uint<nvtee_hls::bytes_of<T>> strb;
  ap_uint<WUser == 0 ? 1 : static_cast<int>(WUser)> user;
  ap_uint<1> last;
  ap_uint<WId == 0 ? 1 : static_cast<int>(WId)> id;
  ap_uint<WDest == 0 ? 1 : static_cast<int>(WDest)> dest;
};

}  // namespace hls

template <int W, int WUser = 0, int WId = 0, int WDest = 0>
using ap_axiu = hls::axis<ap_uint<W>, WUser, WId, WDest>;
template <int W, int WUser = 0, int WId = 0, int WDest = 0>
using ap_axis = hls::axis<ap_int<W>, WUser, WId, WDest>;

#endif  // NVTEE_HLS_AP_AXI_SDATA_H
