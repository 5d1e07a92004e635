// What hlsc refuses of numbers, addresses and control flow. See refused.cpp for the marks.
#include <stdint.h>

#include "golden/words.hpp"

typedef hls::stream<Word> In;
typedef hls::stream<Word> Out;

extern "C" void endless(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static unsigned n;
  out.write(in.read());
  // refused endless: does not end
  for (;;) n = n + 1;
}

extern "C" void into_a_loop(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  unsigned i = 0, x = w.data.to_uint();
  if (x > 9) goto middle;
head:
  // refused into_a_loop: a loop with two entries
  x += 3;
middle:
  x ^= i;
  if (++i < 4) goto head;
  w.data = static_cast<unsigned short>(x);
  out.write(w);
}

extern "C" void no_end(In&, Out&) {
#pragma HLS PIPELINE II = 1
  // refused no_end: no way leads to the end
  __builtin_trap();
}

extern "C" void computed_jump(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static void* const ways[2] = {&&one, &&two};
  Word w = in.read();
  // refused computed_jump: neither a number
  goto* ways[w.last.to_uint()];
one:
  w.tag = 1;
two:
  out.write(w);
}

extern "C" void float_constant(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static const float kTable[4] = {0.5f, 1.5f, 2.5f, 3.5f};
  Word w = in.read();
  // refused float_constant: floating
  w.data = static_cast<unsigned short>(kTable[w.tag.to_uint() % 4]);
  out.write(w);
}

extern "C" void address_as_number(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  unsigned local[4] = {1, 2, 3, 4};
  Word w = in.read();
  // refused address_as_number: an address is turned into a number
  w.data = static_cast<unsigned short>(reinterpret_cast<uintptr_t>(&local[w.tag.to_uint() % 4]));
  out.write(w);
}

extern "C" void compared(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  unsigned local[4] = {1, 2, 3, 4};
  Word w = in.read();
  const unsigned* p = &local[w.tag.to_uint() % 4];
  // refused compared: addresses are compared
  if (p < &local[w.data.to_uint() % 4]) w.last = 1;
  out.write(w);
}

extern "C" void run_time_size(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused run_time_size: an array whose size is not constant
  unsigned char* some = static_cast<unsigned char*>(__builtin_alloca(w.data.to_uint()));
  some[0] = 3;
  w.tag = static_cast<unsigned char>(some[0] & 15);
  out.write(w);
}

extern "C" void atomics(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  unsigned n = 3;
  Word w = in.read();
  // refused atomics: 'atomicrmw' has no hardware form
  w.data = static_cast<unsigned short>(__atomic_fetch_add(&n, w.data.to_uint(), __ATOMIC_RELAXED));
  out.write(w);
}

extern "C" void long_copy(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  unsigned char from[16] = {1, 2, 3}, to[16] = {};
  Word w = in.read();
  // refused long_copy: a copy of variable length
  __builtin_memcpy(to, from, w.tag.to_uint());
  w.data = to[1];
  out.write(w);
}

extern "C" void long_fill(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  unsigned char to[16] = {};
  Word w = in.read();
  // refused long_fill: a fill of variable length
  __builtin_memset(to, 7, w.tag.to_uint());
  w.data = to[1];
  out.write(w);
}

extern "C" void what_time(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused what_time: has no hardware form
  w.data = static_cast<unsigned short>(__builtin_readcyclecounter());
  out.write(w);
}

static unsigned twice(unsigned x) {
  return 2 * x;
}
static unsigned thrice(unsigned x) {
  return 3 * x;
}
extern "C" void function_pointer(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused function_pointer: a pointer to a function
  unsigned (*f)(unsigned) = w.last ? twice : thrice;
  w.data = static_cast<unsigned short>(f(w.data.to_uint()));
  out.write(w);
}

struct Base {
  virtual unsigned of(unsigned x) const = 0;
};
// refused virtual_call: neither a number
struct Derived : Base {
  unsigned of(unsigned x) const override { return x + 1; }
};
static unsigned ask(const Base& b, unsigned x) {
  return b.of(x);
}
extern "C" void virtual_call(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  const Derived d;
  w.data = static_cast<unsigned short>(ask(d, w.data.to_uint()));
  out.write(w);
}

extern "C" void with_new(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused with_new: memory is allocated
  unsigned* p = new unsigned[4];
  p[w.tag.to_uint() % 4] = 1;
  w.data = static_cast<unsigned short>(p[0]);
  out.write(w);
}

extern "C" unsigned somewhere_else(unsigned x);
extern "C" void no_body(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  // refused no_body: which has no body here
  w.data = static_cast<unsigned short>(somewhere_else(w.data.to_uint()));
  out.write(w);
}

extern "C" void pointer_table(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  unsigned a = 1, b = 2;
  unsigned* to[4] = {&a, &b, &a, &b};
  Word w = in.read();
  // refused pointer_table: an address is loaded from a place that depends on data
  w.data = static_cast<unsigned short>(*to[w.tag.to_uint() % 4]);
  out.write(w);
}

extern "C" void stored_pointer(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  unsigned a = 1;
  unsigned* to[4] = {};
  Word w = in.read();
  // refused stored_pointer: an address is stored at a place that depends on data
  to[w.tag.to_uint() % 4] = &a;
  w.data = static_cast<unsigned short>(*to[1]);
  out.write(w);
}

extern "C" void nowhere(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  const volatile unsigned short* p = nullptr;
  // refused nowhere: a load through a null pointer
  const unsigned short x = *p;
  w.data = x;
  out.write(w);
}

extern "C" void to_nowhere(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  Word w = in.read();
  volatile unsigned short* p = nullptr;
  // refused to_nowhere: a store through a null pointer
  *p = static_cast<unsigned short>(w.data.to_uint());
  out.write(w);
}

extern "C" void out_of_bounds(In& in, Out& out) {
#pragma HLS PIPELINE II = 1
  static unsigned short few[4];
  Word w = in.read();
  few[w.tag.to_uint() % 4] = static_cast<unsigned short>(w.data.to_uint());
  const unsigned short* past = few + 4;
  // refused out_of_bounds: an index is out of bounds
  w.data = past[w.tag.to_uint()];
  out.write(w);
}
