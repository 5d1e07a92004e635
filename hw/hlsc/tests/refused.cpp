// What hlsc refuses: each kernel has one line that it must name, with the message:
// the one below `// refused`. See hlsc_test.cpp.
#include <stdlib.h>

#include "golden/words.hpp"

typedef hls::stream<Word> In;
typedef hls::stream<Word> Out;

extern "C" void run_time_loop(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused run_time_loop: its bound is not a constant
  while (w.data != 0) w.data = static_cast<ap_uint<16>>(w.data - 3);
  out.write(w);
}

extern "C" void two_reads(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused two_reads: second read of stream 'in'
  if (w.last) w = in.read();
  out.write(w);
}

extern "C" void two_writes(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  const Word w = in.read();
  out.write(w);
  // refused two_writes: second write of stream 'out'
  if (w.last) out.write(w);
}

extern "C" void late_question(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  const Word w = in.read();
  // refused late_question: empty() of stream 'in' after its read
  if (!in.empty()) out.write(w);
}

extern "C" void late_room(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static bool full;
  out.write(in.read());
  // refused late_room: full() of stream 'out' after its write
  full = out.full();
}

extern "C" void both_ways(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  const Word w = in.read();
  out.write(w);
  // refused both_ways: is both read and written
  in.write(w);
}

extern "C" void division(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  unsigned x = w.data.to_uint(), by = w.tag.to_uint() + 1;
  // refused division: division by a variable
  x /= by;
  w.data = static_cast<unsigned short>(x);
  out.write(w);
}

extern "C" void odd_division(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused odd_division: no power of two
  w.data = static_cast<unsigned short>(w.data.to_uint() / 7);
  out.write(w);
}

extern "C" void floating(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  unsigned x = w.data.to_uint();
  // refused floating: floating point
  x = static_cast<unsigned>(static_cast<float>(x) * 1.5f);
  w.data = static_cast<unsigned short>(x);
  out.write(w);
}

extern "C" void heap(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  const Word w = in.read();
  // refused heap: memory is allocated
  void* p = malloc(w.data.to_uint());
  if (p != nullptr) out.write(w);
}

static unsigned fold(unsigned x) {
  return x < 2 ? x : fold(x / 2) + 1;
}
extern "C" void recursion(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused recursion: recursive
  w.tag = static_cast<unsigned char>(fold(w.data.to_uint()));
  out.write(w);
}

extern "C" void two_rows(In& in, Out& out) {
#pragma HLS PIPELINE II = 4
  static ap_uint<16> table[64];
  const Word w = in.read();
  table[w.tag.to_uint()] = w.data;
  // refused two_rows: is written at two addresses on one way
  table[w.data.to_uint() % 64] = 0;
  out.write(w);
}

extern "C" void too_fast(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  // refused too_fast: II=1 cannot be met: write of next needs II=2
  static ap_uint<6> next[64];
#pragma HLS BIND_STORAGE variable = next type = ram_2p impl = bram
  Word w = in.read();
  next[w.tag.to_uint()] = static_cast<ap_uint<6>>(next[w.tag.to_uint()] + 1);
  out.write(w);
}

// refused memory_parameter: something that is no stream
extern "C" void memory_parameter(unsigned* table, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = Word();
  w.data = static_cast<unsigned short>(table[0]);
  out.write(w);
}

// refused wide_scalar: parameter
extern "C" void wide_scalar(ap_uint<100> x, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = Word();
  w.data = static_cast<ap_uint<16>>(x);
  out.write(w);
}

// refused bad_ii: II must be 1 to 64
extern "C" void bad_ii(In& in, Out& out) {
#pragma HLS PIPELINE II = 100
  out.write(in.read());
}

extern "C" void no_number(In& in, Out& out) {
// refused no_number: is no number
#pragma HLS PIPELINE II = many
  out.write(in.read());
}

extern "C" void bad_storage(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static ap_uint<16> table[64];
// refused bad_storage: impl=tape
#pragma HLS BIND_STORAGE variable = table type = ram_2p impl = tape
  Word w = in.read();
  w.data = table[w.tag.to_uint()];
  table[w.tag.to_uint()] = w.data;
  out.write(w);
}

extern "C" void pass(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  out.write(in.read());
}
extern "C" void two_writers(In& in, In& in2, Out& out) {
#pragma HLS DATAFLOW
  // refused two_writers: is written by two kernels
  static hls::stream<Word, 4> middle;
  pass(in, middle);
  pass(in2, middle);
  pass(middle, out);
}
extern "C" void two_readers(In& in, Out& out, Out& out2) {
#pragma HLS DATAFLOW
  // refused two_readers: is read by two kernels
  static hls::stream<Word, 4> middle;
  pass(in, middle);
  pass(middle, out);
  pass(middle, out2);
}
extern "C" void computes(In& in, Out& out, Out& out2, ap_uint<1> which) {
#pragma HLS DATAFLOW
  // refused computes: a kernel is called conditionally
  if (which) pass(in, out);
  pass(in, out2);
}
