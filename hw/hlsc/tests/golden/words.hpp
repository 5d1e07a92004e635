// Records of the goldens.
#pragma once
#include <ap_int.h>
#include <hls_stream.h>

struct Word {
  ap_uint<16> data;
  ap_uint<4> tag;
  ap_uint<1> last;
};
