// Whose turn it is: a kernel with several inputs takes from each in rounds, so that none starves. HLS subset.
#ifndef NVTEE_HW_KERNELS_COMMON_TURN_HPP
#define NVTEE_HW_KERNELS_COMMON_TURN_HPP

#include <ap_int.h>

#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace hw {

// The lowest bit alone. No arithmetic: a chain of a few levels.
template <int W>
NVTEE_TEE_INLINE ap_uint<W> lowest_bit(ap_uint<W> x) {
  ap_uint<W> one = 0;
  bool found = false;
  for (int i = 0; i < W; ++i) {
#pragma HLS UNROLL
    one[i] = x[i] && !found;
    found = found || x[i];
  }
  return one;
}

// `left` are the inputs that have not had their turn in this round.
template <int W>
struct Turn {
  ap_uint<W> left;
};

// The input that comes next, as one bit; 0 when none is ready. Call `taken` when it was served.
template <int W>
NVTEE_TEE_INLINE ap_uint<W> next_of(const Turn<W>& t, ap_uint<W> ready) {
  const ap_uint<W> here = static_cast<ap_uint<W>>(ready & t.left);
  return here != 0 ? lowest_bit<W>(here) : lowest_bit<W>(ready);
}

// Those above `one` are left.
template <int W>
NVTEE_TEE_INLINE void taken(Turn<W>& t, ap_uint<W> one) {
  ap_uint<W> left = 0;
  bool above = false;
  for (int i = 0; i < W; ++i) {
#pragma HLS UNROLL
    left[i] = above;
    above = above || one[i];
  }
  t.left = left;
}

}  // namespace hw
}  // namespace nvtee

#endif
