// The bench around a batch of random kernels: each module against its native kernel, in lockstep, under
// random pauses on every port.
#ifndef NVTEE_HW_HLSC_TESTS_FUZZ_TB_HPP
#define NVTEE_HW_HLSC_TESTS_FUZZ_TB_HPP

#include <ap_int.h>
#include <hls_stream.h>
#include <verilated.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "hw/hlsc/ports.hpp"

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
  unsigned long clock = 0, calls = 0, records = 0;
  bool failed = false;
};

// What does not depend on the record stands apart from it: a program has a hundred kinds of records, and most
// of the time of a run goes into compiling it.

// Records in a row, of `words` words each.
class Records {
 public:
  explicit Records(unsigned words) : words_(words) {}
  bool empty() const { return at_ == data_.size(); }
  const uint32_t* front() const { return data_.data() + at_; }
  void push(const uint32_t* record) {
    if (empty()) clear();
    data_.insert(data_.end(), record, record + words_);
  }
  void pop() { at_ += words_; }

 private:
  void clear() {
    data_.clear();
    at_ = 0;
  }
  std::vector<uint32_t> data_;
  size_t at_ = 0;
  unsigned words_;
};

struct InPort {
  explicit InPort(const char* n) : name(n) {}
  // True: a record is there that was not there before, its bits as drawn.
  bool draw(Rng& r, uint32_t* words, unsigned n) {
    if (r.chance(1)) eager = static_cast<unsigned>(r.next() >> 40) % 101;
    if (there || !r.chance(eager)) return false;
    there = true;
    const uint64_t style = (r.next() >> 40) % 4;
    for (unsigned i = 0; i < n; ++i) {
      uint32_t& w = words[i];
      w = static_cast<uint32_t>(r.next());
      if (style == 0) w &= static_cast<uint32_t>(r.next()) & static_cast<uint32_t>(r.next());
      if (style == 1) w |= static_cast<uint32_t>(r.next()) | static_cast<uint32_t>(r.next());
    }
    return true;
  }
  void checked(Bench& b, bool read, bool rtl_read, bool fire) const {
    if (!fire && read) return b.fail(std::string("idle, but the native kernel reads ") + name);
    if (fire && read != rtl_read)
      b.fail(std::string(read ? "only the native kernel reads " : "only the module reads ") + name);
  }
  void pop() { there = false; }

  const char* name;
  bool there = false, shown = false;
  unsigned eager = 50;
};

template <class P>
struct In : InPort {
  using T = typename P::type;
  hls::stream<T, 1> native;
  typename P::bits head{};

  In() : InPort(P::name) {}
  template <class D, class E>
  void drive(Rng& r, D& dout, E& empty_n) {
    if (draw(r, head.word.data(), P::bits::kWords))
      head = P::pack(P::unpack(head));  // no bits beyond the record
    auto shown_bits = head;
    if (!there) {
      for (auto& w : shown_bits.word) w = static_cast<uint32_t>(r.next());
      shown_bits = P::pack(P::unpack(shown_bits));
    }
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
    checked(b, read, rtl_read, fire);
  }
};

struct OutPort {
  OutPort(const char* n, unsigned w, const hlsc_ports::Field* f, size_t count)
      : name(n), fields(f), field_count(count), words(w), wanted(w), seen(w) {}
  template <class F>
  void drive(Rng& r, F& full_n) {
    full_n = draw(r);
  }
  bool draw(Rng& r) {
    if (r.chance(1)) eager = static_cast<unsigned>(r.next() >> 40) % 101;
    if (!room && !r.draining) room = r.chance(eager);
    return room;
  }
  // `record`: what the native kernel wrote, or null.
  void checked(Bench& b, const uint32_t* record, bool fire) {
    if (record != nullptr) {
      wanted.push(record);
      ++written;
      if (!fire) b.fail(std::string("idle, but the native kernel writes ") + name);
    }
    compare(b);
  }
  void sampled(Bench& b, bool resv, bool full_n, const uint32_t* record) {
    if (resv) {
      ++reserved;
      if (!full_n) b.fail(std::string("reserved without room: ") + name);
      room = false;
    }
    if (record != nullptr) seen.push(record);
    compare(b);
  }
  void compare(Bench& b) {
    while (!wanted.empty() && !seen.empty()) {
      const uint32_t *want = wanted.front(), *got = seen.front();
      if (!std::equal(want, want + words, got)) b.fail(difference(want, got));
      wanted.pop();
      seen.pop();
      ++b.records;
    }
  }
  std::string difference(const uint32_t* want, const uint32_t* got) const {
    std::string text = std::string("wrong record on ") + name + ":";
    for (size_t i = 0; i < field_count; ++i) {
      const auto& f = fields[i];
      std::string a, c;
      for (unsigned bit = f.lo + f.width; bit-- > f.lo;) {
        a += static_cast<char>('0' + (want[bit / 32] >> (bit % 32) & 1));
        c += static_cast<char>('0' + (got[bit / 32] >> (bit % 32) & 1));
      }
      if (a != c) text += std::string(" ") + f.name + " native " + a + " module " + c;
    }
    return text;
  }
  void finish(Bench& b) {
    if (!wanted.empty() || !seen.empty() || written != reserved)
      b.fail(std::string("records missing or left over on ") + name);
  }

  const char* name;
  const hlsc_ports::Field* fields;
  size_t field_count;
  unsigned words;
  Records wanted, seen;
  unsigned long written = 0, reserved = 0;
  bool room = false, shown = false;
  unsigned eager = 50;
};

template <class P>
struct Out : OutPort {
  using T = typename P::type;
  hls::stream<T, 1> native;

  Out() : OutPort(P::name, P::bits::kWords, P::fields, sizeof P::fields / sizeof P::fields[0]) {}
  void show(bool visible) {
    shown = visible;
    if (!visible) native.write(T());
  }
  void check(Bench& b, bool fire) {
    if (native.empty()) return checked(b, nullptr, fire);
    const auto bits = P::pack(native.read());
    checked(b, shown ? bits.word.data() : nullptr, fire);
  }
  template <class D>
  void sample(Bench& b, bool resv, bool write, const D& din, bool full_n) {
    if (!write) return sampled(b, resv, full_n, nullptr);
    const auto bits = P::bits::from(din);
    sampled(b, resv, full_n, bits.word.data());
  }
};

#include "Vbatch.h"

inline int run_benches(int argc, char** argv, const std::vector<Bench*>& benches) {
  const unsigned long clocks = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 3000;
  auto top = std::make_unique<Vbatch>();
  uint64_t seed = 1;
  for (Bench* b : benches) b->random.s ^= ++seed * 0x9e3779b97f4a7c15ull;
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
    for (Bench* b : benches) {
      b->clock = c;
      b->random.draining = c >= clocks;
      b->drive(*top);
    }
    top->eval();
    for (Bench* b : benches) b->sample(*top);
    top->ap_clk = 1;
    top->eval();
  }
  int failed = 0, silent = 0;
  unsigned long calls = 0, records = 0;
  for (Bench* b : benches) {
    b->finish();
    if (b->calls == 0) b->fail("never called");
    failed += b->failed;
    calls += b->calls;
    records += b->records;
    silent += b->records == 0;
  }
  std::printf(
      "%zu kernels, %lu clocks each, %lu calls, %d failed; %lu records compared, %d kernels wrote none\n",
      benches.size(), clocks, calls, failed, records, silent);
  return failed == 0 ? 0 : 1;
}

#endif
