// What hlsc refuses of state, tables, parameters and records. See refused.cpp for the marks.
#include "golden/words.hpp"

typedef hls::stream<Word> In;
typedef hls::stream<Word> Out;

extern "C" void float_state(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  // refused float_state: has no hardware form
  static float sum;
  Word w = in.read();
  sum = sum + 1;
  w.last = sum > 3;
  out.write(w);
}

extern "C" void pointer_state(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static ap_uint<16> a, b;
  // refused pointer_state: has no hardware form
  static ap_uint<16>* at;
  Word w = in.read();
  at = w.last ? &b : &a;
  w.data = *at;
  out.write(w);
}

static unsigned begin_with(unsigned x) {
  volatile unsigned y = x;
  return y;
}
extern "C" void late_start(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  // refused late_start: initialiser that is no constant
  static unsigned count = begin_with(3);
  Word w = in.read();
  count = count + 1;
  w.data = static_cast<unsigned short>(count);
  out.write(w);
}

extern unsigned kept_elsewhere;
extern "C" void elsewhere(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused elsewhere: is defined elsewhere
  w.data = static_cast<unsigned short>(kept_elsewhere);
  out.write(w);
}

extern "C" void texts(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static const char* const kNames[4] = {"a", "b", "c", "d"};
  Word w = in.read();
  // refused texts: neither a number
  w.data = static_cast<unsigned char>(kNames[w.tag.to_uint() % 4][0]);
  out.write(w);
}

extern "C" void written_constant(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static const ap_uint<16> kTable[4] = {1, 2, 3, 4};
  Word w = in.read();
  ap_uint<16>* table = const_cast<ap_uint<16>*>(kTable);
  // refused written_constant: a constant is written
  table[w.tag.to_uint() % 4] = w.data;
  out.write(w);
}

struct Nothing {};
extern "C" void nothing_kept(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static Nothing table[100];
  Word w = in.read();
  // refused nothing_kept: has elements without bits
  const volatile Nothing* at = &table[w.tag.to_uint()];
  w.last = *reinterpret_cast<const volatile unsigned char*>(at) != 0;
  out.write(w);
}

extern "C" void many_rows(In& in, Out& out) {
#pragma HLS PIPELINE II = 8
  static ap_uint<16> table[1024];
  Word w = in.read();
  ap_uint<16> sum = 0;
  for (unsigned i = 0; i < 40; ++i)
    // refused many_rows: is read at more than
    sum = static_cast<ap_uint<16>>(sum ^ table[(w.data.to_uint() * i) % 1024]);
  table[w.tag.to_uint()] = w.data;
  w.data = sum;
  out.write(w);
}

extern "C" void two_rows_at_once(In& in, Out& out) {
#pragma HLS PIPELINE II = 4
  static unsigned short table[128];
  Word w = in.read();
  unsigned both = 0;
  table[w.tag.to_uint()] = static_cast<unsigned short>(w.data.to_uint());
  // refused two_rows_at_once: more than one row of 'table' is read at once
  __builtin_memcpy(&both, &table[2 * w.tag.to_uint()], 4);
  w.data = static_cast<unsigned short>(both >> 5);
  out.write(w);
}

extern "C" void two_written_at_once(In& in, Out& out) {
#pragma HLS PIPELINE II = 4
  static unsigned short table[128];
  Word w = in.read();
  const unsigned both = w.data.to_uint() * 3;
  // refused two_written_at_once: more than one row of 'table' is written at once
  __builtin_memcpy(&table[2 * w.tag.to_uint()], &both, 4);
  w.data = table[w.data.to_uint() % 128];
  out.write(w);
}

extern "C" void chained(In& in, Out& out) {
#pragma HLS PIPELINE II = 8
  // refused chained: the address of a table depends on what is read from it
  static ap_uint<6> next[64], back[64];
  Word w = in.read();
  const unsigned at = w.data.to_uint() % 64;
  ap_uint<6> found;
  if (w.last) {
    found = back[next[at].to_uint()];
  } else {
    found = next[back[at].to_uint()];
    next[at] = static_cast<ap_uint<6>>(w.tag);
    back[at] = static_cast<ap_uint<6>>(w.tag);
  }
  w.data = found;
  out.write(w);
}

// refused gives_back: the function returns something
extern "C" Word gives_back(In& in) {
#pragma HLS PIPELINE II = 1
  return in.read();
}

// refused pieces: in several pieces or by a hidden copy
extern "C" void pieces(ap_uint<128> x, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = Word();
  w.data = static_cast<ap_uint<16>>(x);
  out.write(w);
}

// refused whole_record: neither a stream nor a scalar
extern "C" void whole_record(Word w, Out& out) {
#pragma HLS PIPELINE II = 1
  out.write(w);
}

extern "C" void peeked(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused peeked: a parameter's memory is read
  const unsigned short first = *reinterpret_cast<volatile unsigned short*>(&in);
  w.data = first;
  out.write(w);
}

extern "C" void poked(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  const Word w = in.read();
  // refused poked: a parameter's memory is written
  *reinterpret_cast<volatile unsigned short*>(&in) = 3;
  out.write(w);
}

struct Empty {};
extern "C" void empty_records(hls::stream<Empty>& in, Out& out) {
#pragma HLS PIPELINE II = 1
  // refused empty_records: have no bits
  (void)in.read();
  Word w = Word();
  out.write(w);
}

struct Half {
  ap_uint<8> a;
  float b;
};
extern "C" void float_records(hls::stream<Half>& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = Word();
  // refused float_records: has no fixed bits
  w.data = static_cast<ap_uint<16>>(in.read().a);
  out.write(w);
}
