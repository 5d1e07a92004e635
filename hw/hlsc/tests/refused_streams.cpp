// What hlsc refuses of streams and of functions that join kernels. See refused.cpp for the marks.
#include "golden/words.hpp"

typedef hls::stream<Word> In;
typedef hls::stream<Word> Out;

extern "C" void either(In& a, In& b, In& which, Out& out) {
#pragma HLS PIPELINE II = 1
  In& from = which.read().last ? a : b;
  // refused either: which stream is meant depends on data
  out.write(from.read());
}

extern "C" void own_stream(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static hls::stream<Word, 4> kept;
  // refused own_stream: inside a kernel
  kept.write(in.read());
  out.write(kept.read());
}

extern "C" void both_ways_round(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = Word();
  if (!out.full()) out.write(w);
  // refused both_ways_round: is both read and written
  w = out.read();
  (void)in.read();
}

extern "C" void pass(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  out.write(in.read());
}
extern "C" void pass_if(In& in, Out& out, ap_uint<8> tag) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  if (w.tag != tag) out.write(w);
}

extern "C" void moves_itself(In& in, Out& out) {
#pragma HLS DATAFLOW
  static hls::stream<Word, 4> middle;
  pass(in, middle);
  // refused moves_itself: a dataflow function uses a stream itself
  out.write(middle.read());
}

extern "C" void chooses(In& in, In& in2, Out& out, Out& out2, ap_uint<1> which) {
#pragma HLS DATAFLOW
  // refused chooses: a stream that depends on data
  pass(which ? in : in2, out);
  pass(in2, out2);
}

extern "C" void adds(In& in, Out& out, ap_uint<8> tag) {
#pragma HLS DATAFLOW
  // refused adds: a dataflow function computes
  pass_if(in, out, static_cast<ap_uint<8>>(tag + 1));
}

// refused round_trip: is written and read inside
extern "C" void round_trip(In& in, Out& out) {
#pragma HLS DATAFLOW
  pass(in, out);
  static hls::stream<Word, 4> more;
  pass(out, more);
}

extern "C" void no_depth(In& in, Out& out) {
#pragma HLS DATAFLOW
  static hls::stream<Word, 4> middle;
// refused no_depth: depth=0
#pragma HLS STREAM variable = middle depth = 0
  pass(in, middle);
  pass(middle, out);
}

namespace one {
void same(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  out.write(in.read());
}
}  // namespace one
namespace other {
// refused same_names: two kernels are called 'same'
void same(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  w.last = 0;
  out.write(w);
}
}  // namespace other
extern "C" void same_names(In& in, Out& out) {
#pragma HLS DATAFLOW
  static hls::stream<Word, 4> middle;
  one::same(in, middle);
  other::same(middle, out);
}
