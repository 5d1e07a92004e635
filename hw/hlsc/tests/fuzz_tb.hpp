// The bench around a batch of random kernels: each module against its native kernel, in lockstep, under
// random pauses on every port.
#ifndef NVTEE_HW_HLSC_TESTS_FUZZ_TB_HPP
#define NVTEE_HW_HLSC_TESTS_FUZZ_TB_HPP

#include <ap_int.h>
#include <hls_stream.h>
#include <verilated.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <vector>

class Vbatch;

struct Rng {
  uint64_t s = 88172645463325252ull;
  bool draining = false;  // no new room: what is under way arrives
  uint64_t next() {
    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    return s * 0x2545f4914f6cdd1dull;
  }
  bool chance(unsigned percent) { return (next() >> 33) % 100 < percent; }
};

struct Bench {
  explicit Bench(const char* n) : name(n) {}
  virtual ~Bench() = default;
  virtual void drive(Vbatch& t) = 0;
  virtual void sample(Vbatch& t) = 0;
  virtual void finish() = 0;
  void fail(const std::string& what) {
    if (failed) return;
    failed = true;
    std::printf("%s: %s (clock %lu, call %lu)\n", name, what.c_str(), clock, calls);
  }
  const char* name;
  Rng random;
  unsigned long clock = 0, calls = 0;
  bool failed = false;
};

template <class P>
struct In {
  using T = typename P::type;
  hls::stream<T, 1> native;
  typename P::bits head{};
  bool there = false, shown = false;
  unsigned eager = 50;

  template <class D, class E>
  void drive(Rng& r, D& dout, E& empty_n) {
    if (r.chance(1)) eager = static_cast<unsigned>(r.next() >> 40) % 101;
    if (!there && r.chance(eager)) {
      there = true;
      const uint64_t style = (r.next() >> 40) % 4;
      for (auto& w : head.word) {
        w = static_cast<uint32_t>(r.next());
        if (style == 0) w &= static_cast<uint32_t>(r.next()) & static_cast<uint32_t>(r.next());
        if (style == 1) w |= static_cast<uint32_t>(r.next()) | static_cast<uint32_t>(r.next());
      }
      head = P::pack(P::unpack(head));  // no bits beyond the record
    }
    auto shown_bits = head;
    if (!there)
      for (auto& w : shown_bits.word) w = static_cast<uint32_t>(r.next());
    if (!there) shown_bits = P::pack(P::unpack(shown_bits));
    shown_bits.to(dout);
    empty_n = there;
  }
  void show(bool visible) {
    shown = visible;
    if (visible) native.write(P::unpack(head));
  }
  void check(Bench& b, bool rtl_read, bool fire) {
    const bool read = shown && native.empty();
    if (!native.empty()) native.read();
    if (!fire && read) return b.fail(std::string("idle, but the native kernel reads ") + P::name);
    if (fire && read != rtl_read)
      b.fail(std::string(read ? "only the native kernel reads " : "only the module reads ") + P::name);
  }
  void pop() { there = false; }
};

template <class P>
struct Out {
  using T = typename P::type;
  hls::stream<T, 1> native;
  std::deque<typename P::bits> wanted, seen;
  unsigned long written = 0, reserved = 0;
  bool room = false, shown = false;
  unsigned eager = 50;

  template <class F>
  void drive(Rng& r, F& full_n) {
    if (r.chance(1)) eager = static_cast<unsigned>(r.next() >> 40) % 101;
    if (!room && !r.draining) room = r.chance(eager);
    full_n = room;
  }
  void show(bool visible) {
    shown = visible;
    if (!visible) native.write(T());
  }
  void check(Bench& b, bool fire) {
    const bool wrote = shown && !native.empty();
    if (!native.empty()) {
      const T x = native.read();
      if (wrote) wanted.push_back(P::pack(x));
    }
    written += wrote;
    if (wrote && !fire) b.fail(std::string("idle, but the native kernel writes ") + P::name);
    compare(b);
  }
  template <class D>
  void sample(Bench& b, bool resv, bool write, const D& din, bool full_n) {
    if (resv) {
      ++reserved;
      if (!full_n) b.fail(std::string("reserved without room: ") + P::name);
      room = false;
    }
    if (write) seen.push_back(P::bits::from(din));
    compare(b);
  }
  void compare(Bench& b) {
    while (!wanted.empty() && !seen.empty()) {
      if (!(wanted.front() == seen.front())) {
        std::string text = std::string("wrong record on ") + P::name + ":";
        for (const auto& f : P::fields) {
          const auto bit = [&](const auto& x, unsigned i) { return (x.word[i / 32] >> (i % 32)) & 1; };
          bool same = true;
          std::string a, c;
          for (unsigned i = f.width; i-- > 0;) {
            const unsigned p = bit(wanted.front(), f.lo + i), q = bit(seen.front(), f.lo + i);
            same &= p == q;
            a += static_cast<char>('0' + p);
            c += static_cast<char>('0' + q);
          }
          if (!same) text += std::string(" ") + f.name + " native " + a + " module " + c;
        }
        b.fail(text);
      }
      wanted.pop_front();
      seen.pop_front();
    }
  }
  void finish(Bench& b) {
    if (!wanted.empty() || !seen.empty() || written != reserved)
      b.fail(std::string("records missing or left over on ") + P::name);
  }
};

template <class Add>
int run_benches(int argc, char** argv, Add add);

#include "Vbatch.h"

template <class Add>
int run_benches(int argc, char** argv, Add add) {
  const unsigned long clocks = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 3000;
  std::vector<std::unique_ptr<Bench>> benches;
  add(benches);
  auto top = std::make_unique<Vbatch>();
  uint64_t seed = 1;
  for (auto& b : benches) b->random.s ^= ++seed * 0x9e3779b97f4a7c15ull;
  top->ap_rst_n = 0;
  for (int i = 0; i < 4; ++i) {
    top->ap_clk = 0;
    top->eval();
    top->ap_clk = 1;
    top->eval();
  }
  top->ap_rst_n = 1;
  for (unsigned long c = 0; c < clocks + 200; ++c) {
    top->ap_clk = 0;
    for (auto& b : benches) {
      b->clock = c;
      b->random.draining = c >= clocks;
      b->drive(*top);
    }
    top->eval();
    for (auto& b : benches) b->sample(*top);
    top->ap_clk = 1;
    top->eval();
  }
  int failed = 0;
  unsigned long calls = 0;
  for (auto& b : benches) {
    b->finish();
    if (b->calls == 0) b->fail("never called");
    failed += b->failed;
    calls += b->calls;
  }
  std::printf("%zu kernels, %lu clocks each, %lu calls, %d failed\n", benches.size(), clocks, calls, failed);
  return failed == 0 ? 0 : 1;
}

#endif
