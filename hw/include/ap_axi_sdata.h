// One beat of an AXI4-Stream, for compilers that are not Vitis.
//
// As documented by the vendor (UG1399, "How AXI4-Stream is Implemented", "AXI4-Stream Interfaces with
// Side-Channels"): hls::axis<T, WUser, WId, WDest>, ap_axiu / ap_axis, the field names, one keep and one strb
// bit per byte of data, get_x() and set_x().
// Ours: a side channel of width 0 has no port, and its field is one unused bit. EnableSignals and
// StrictEnablement are not offered. Set fields by name: the order of fields is the vendor's business.
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

constexpr int at_least_one(size_t width) {
  return width == 0 ? 1 : static_cast<int>(width);
}

}  // namespace nvtee_hls

namespace hls {

template <class T, size_t WUser = 0, size_t WId = 0, size_t WDest = 0>
struct axis {
  using keep_type = ap_uint<nvtee_hls::bytes_of<T>>;
  using user_type = ap_uint<nvtee_hls::at_least_one(WUser)>;
  using id_type = ap_uint<nvtee_hls::at_least_one(WId)>;
  using dest_type = ap_uint<nvtee_hls::at_least_one(WDest)>;

  T data{};
  keep_type keep;
  keep_type strb;
  user_type user;
  ap_uint<1> last;
  id_type id;
  dest_type dest;

  constexpr T get_data() const { return data; }
  constexpr keep_type get_keep() const { return keep; }
  constexpr keep_type get_strb() const { return strb; }
  constexpr user_type get_user() const { return user; }
  constexpr ap_uint<1> get_last() const { return last; }
  constexpr id_type get_id() const { return id; }
  constexpr dest_type get_dest() const { return dest; }

  constexpr void set_data(const T& x) { data = x; }
  constexpr void set_keep(const keep_type& x) { keep = x; }
  constexpr void set_strb(const keep_type& x) { strb = x; }
  constexpr void set_user(const user_type& x) { user = x; }
  constexpr void set_last(const ap_uint<1>& x) { last = x; }
  constexpr void set_id(const id_type& x) { id = x; }
  constexpr void set_dest(const dest_type& x) { dest = x; }
  constexpr void keep_all() { keep = ~keep_type(); }
};

}  // namespace hls

template <size_t W, size_t WUser = 0, size_t WId = 0, size_t WDest = 0>
using ap_axiu = hls::axis<ap_uint<static_cast<int>(W)>, WUser, WId, WDest>;
template <size_t W, size_t WUser = 0, size_t WId = 0, size_t WDest = 0>
using ap_axis = hls::axis<ap_int<static_cast<int>(W)>, WUser, WId, WDest>;

#endif  // NVTEE_HLS_AP_AXI_SDATA_H
