// engine_top's RTL (Verilator's model of it) as a card: what NativeCard is natively. Each stream of the
// border is bound to the ports of its name; records are packed as hlsc packed them.
//
// The clock `now` is made here, as nvtee_clock.v makes it.
#pragma once

#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "hw/kernels/engine/engine.hpp"
#include "hw/kernels/engine/test_card.hpp"
#include "hw/kernels/regs/regs.hpp"

#include "Vengine_top.h"
#include "engine_top_ports.hpp"

#ifdef NVTEE_COSIM_WAVES
#include <verilated_fst_c.h>
#endif

namespace nvtee::cosim {

using card::test::MemoryStreams;
using card::test::RingStreams;
using card::test::TestPort;

// One stream into the module: a record is shown until it is read.
template <class Record>
class Inlet {
 public:
  using Type = typename Record::type;

  template <class Data, class Flag>
  void drive(hls::stream<Type>& from, Data& dout, Flag& empty_n, bool held) {
    if (!shown_ && !from.empty() && !held) {
      Record::pack(from.read()).to(dout);
      shown_ = true;
    }
    empty_n = shown_ ? 1 : 0;
  }
  // When the clock's logic has settled: true when a record went in.
  template <class Flag>
  bool watch(const Flag& read) {
    if (!read) return false;
    if (!shown_) nvtee_hls::fail("RTL reads what is not there", Record::name);
    shown_ = false;
    return true;
  }
  bool shown() const { return shown_; }

 private:
  bool shown_ = false;
};

// One stream out of it: room is promised ahead.
template <class Record>
class Outlet {
 public:
  using Type = typename Record::type;

  template <class Flag>
  void drive(const hls::stream<Type>& to, Flag& full_n, bool held) {
    const bool fits = to.size() + reserved_ < to.capacity();
    if (!held && fits) room_ = true;
    full_n = room_ ? 1 : 0;
  }
  template <class Data, class Flag>
  bool watch(hls::stream<Type>& to, const Data& din, const Flag& resv, const Flag& write) {
    if (resv) {
      if (!room_) nvtee_hls::fail("RTL writes without room", Record::name);
      room_ = false;
      ++reserved_;
    }
    if (!write) return false;
    if (reserved_ == 0) nvtee_hls::fail("RTL writes what it did not announce", Record::name);
    --reserved_;
    to.write(Record::unpack(Record::bits::from(din)));
    return true;
  }

 private:
  bool room_ = false;
  std::size_t reserved_ = 0;
};

// A beat at a port's session interface in the last clock.
struct BeatTrace {
  bool moved = false, last = true;
  bool long_read = false;  // of a request that had more than 128 bytes
  unsigned bytes = 0;
  unsigned run = 0;  // beats of its request before it
};

// What a module says at its ports, 8 bytes a clock in a file: two models are equal when their files are
// (gates.sh).
class PortTrace {
 public:
  explicit PortTrace(const char* file) : out_(file, std::ios::app | std::ios::binary) {}
  template <class T>
  void add(const T& value) {
    if constexpr (std::is_class_v<T>) {
      for (std::size_t i = 0; i < sizeof(value) / sizeof(EData); ++i) mix(value[i]);
    } else {
      mix(value);
    }
  }
  void clock() { out_.write(reinterpret_cast<const char*>(&sum_), sizeof sum_); }

 private:
  void mix(std::uint64_t x) {
    sum_ = (sum_ ^ x) * 0x9e3779b97f4a7c15u;
    sum_ ^= sum_ >> 32;
  }
  std::ofstream out_;
  std::uint64_t sum_ = 0;
};

class RtlCard : public card::test::Card {
 public:
  explicit RtlCard(std::uint64_t base = 0) : v_(new Vengine_top(&context_)) {
#ifdef NVTEE_COSIM_WAVES
    context_.traceEverOn(true);
#endif
    v_->base = base;
    plant(*v_);
    v_->build = 0;
    if (const char* file = std::getenv("NVTEE_ENGINE_TRACE")) trace_.emplace(file);
    reset();
  }
  ~RtlCard() override {
#ifdef NVTEE_COSIM_WAVES
    if (fst_) fst_->close();
#endif
    v_->final();
  }
  RtlCard(const RtlCard&) = delete;
  RtlCard& operator=(const RtlCard&) = delete;

  TestPort& port(unsigned p) override { return p == 0 ? port0_ : port1_; }
  hw::AxiLiteSlave& lite() override { return lite_; }
  MemoryStreams memory(unsigned p) override {
    Memory& m = p == 0 ? memory0_ : memory1_;
    return {m.aw, m.w, m.b, m.ar, m.r};
  }
  RingStreams ring() override { return {ring_aw_, ring_w_, ring_b_}; }

  void step(card::test::Random& r, unsigned hold) override {
    if (hold == 0) {
      drive([] { return false; });
    } else {
      drive([&] { return r.chance(hold); });
    }
    v_->now = card::clock_step(clock_, clock_step_).to_uint64();
    v_->ap_clk = 0;
    eval();
    dump(2 * clocks_);
    if (trace_) trace_ports();
    watch();
    v_->ap_clk = 1;
    eval();
    dump(2 * clocks_ + 1);
    ++clocks_;
    if (on_clock) on_clock();
  }

  static inline unsigned planted = 0;  // in a model with planted bugs: which one (0: none)

  std::uint64_t clocks() const { return clocks_; }
  // With on_clock only: what moved in the last clock.
  const BeatTrace& rx_beat(unsigned p) const { return rx_[p]; }
  const BeatTrace& tx_beat(unsigned p) const { return tx_[p]; }
  std::function<void()> on_clock;      // after each clock
  std::function<double()> time_model;  // seconds: what the model takes of them is added up
  double model_seconds() const { return model_seconds_; }
  VerilatedContext& context() { return context_; }
  Vengine_top& model() { return *v_; }

#ifdef NVTEE_COSIM_WAVES
  void waves(const std::string& file) {
    fst_ = std::make_unique<VerilatedFstC>();
    v_->trace(fst_.get(), 99);
    fst_->open(file.c_str());
  }
#endif

 private:
  struct Memory {
    hls::stream<hw::AxiAddr, 16> aw{"aw"}, ar{"ar"};
    hls::stream<hw::AxiW, 16> w{"w"};
    hls::stream<hw::AxiB, 16> b{"b"};
    hls::stream<hw::AxiR, 16> r{"r"};
  };

// NVTEE_IN(port of engine_top, our stream), NVTEE_OUT likewise.
#define NVTEE_BORDER_PORT(N)                          \
  NVTEE_IN(notify##N, port##N##_.notify)              \
  NVTEE_OUT(read_request##N, port##N##_.read_request) \
  NVTEE_IN(read_meta##N, port##N##_.read_meta)        \
  NVTEE_IN(rx##N, port##N##_.rx)                      \
  NVTEE_OUT(send_request##N, port##N##_.send_request) \
  NVTEE_IN(send_status##N, port##N##_.send_status)    \
  NVTEE_OUT(tx##N, port##N##_.tx)                     \
  NVTEE_OUT(tcp_ctl##N, port##N##_.ctl)               \
  NVTEE_IN(tcp_event##N, port##N##_.event)            \
  NVTEE_OUT(aw##N, memory##N##_.aw)                   \
  NVTEE_OUT(w##N, memory##N##_.w)                     \
  NVTEE_IN(b##N, memory##N##_.b)                      \
  NVTEE_OUT(ar##N, memory##N##_.ar)                   \
  NVTEE_IN(r##N, memory##N##_.r)
#define NVTEE_BORDER           \
  NVTEE_BORDER_PORT(0)         \
  NVTEE_BORDER_PORT(1)         \
  NVTEE_IN(lite_aw, lite_.aw)  \
  NVTEE_IN(lite_w, lite_.w)    \
  NVTEE_OUT(lite_b, lite_.b)   \
  NVTEE_IN(lite_ar, lite_.ar)  \
  NVTEE_OUT(lite_r, lite_.r)   \
  NVTEE_OUT(ring_aw, ring_aw_) \
  NVTEE_OUT(ring_w, ring_w_)   \
  NVTEE_IN(ring_b, ring_b_)    \
  NVTEE_OUT(clock_step, clock_step_)

  template <class Held>
  void drive(Held held) {
#define NVTEE_IN(P, STREAM) P##_in_.drive(STREAM, v_->P##_dout, v_->P##_empty_n, held());
#define NVTEE_OUT(P, STREAM) P##_out_.drive(STREAM, v_->P##_full_n, held());
    NVTEE_BORDER
#undef NVTEE_IN
#undef NVTEE_OUT
  }
  // Data that is not written is nobody's.
  void trace_ports() {
#define NVTEE_IN(P, STREAM) trace_->add(v_->P##_read);
#define NVTEE_OUT(P, STREAM)                     \
  trace_->add(2 * v_->P##_resv + v_->P##_write); \
  if (v_->P##_write) trace_->add(v_->P##_din);
    NVTEE_BORDER
#undef NVTEE_IN
#undef NVTEE_OUT
    trace_->clock();
  }
  void watch() {
#define NVTEE_IN(P, STREAM) [[maybe_unused]] const bool P##_moved = P##_in_.watch(v_->P##_read);
#define NVTEE_OUT(P, STREAM) \
  [[maybe_unused]] const bool P##_moved = P##_out_.watch(STREAM, v_->P##_din, v_->P##_resv, v_->P##_write);
    NVTEE_BORDER
#undef NVTEE_IN
#undef NVTEE_OUT
    if (!on_clock) return;
    trace(rx_[0], rx0_moved, engine_top_ports::rx0::bits::from(v_->rx0_dout));
    trace(rx_[1], rx1_moved, engine_top_ports::rx1::bits::from(v_->rx1_dout));
    trace(tx_[0], tx0_moved, engine_top_ports::tx0::bits::from(v_->tx0_din));
    trace(tx_[1], tx1_moved, engine_top_ports::tx1::bits::from(v_->tx1_din));
  }
  template <class Bits>
  static void trace(BeatTrace& t, bool moved, const Bits& bits) {
    t.moved = moved;
    if (!moved) return;
    t.run = t.last ? 0 : t.run + 1;
    const card::NetBeat b = engine_top_ports::tx0::unpack(bits);
    t.last = b.last == 1;
    t.bytes = 0;
    while (t.bytes < 64 && b.keep[static_cast<int>(t.bytes)] == 1) ++t.bytes;
    t.long_read = t.run >= 2;
  }
  template <class V>
  static void plant(V& v) {
    if constexpr (requires { v.mutant; }) v.mutant = static_cast<std::uint16_t>(planted);
  }
  void eval() {
    const double begun = time_model ? time_model() : 0;
    v_->eval();
    if (time_model) model_seconds_ += time_model() - begun;
  }
  void reset() {
#define NVTEE_IN(P, STREAM) v_->P##_empty_n = 0;
#define NVTEE_OUT(P, STREAM) v_->P##_full_n = 0;
    NVTEE_BORDER
#undef NVTEE_IN
#undef NVTEE_OUT
    v_->ap_rst_n = 0;
    for (int i = 0; i < 8; ++i) {
      v_->ap_clk = static_cast<unsigned char>(i % 2);
      v_->eval();
    }
    v_->ap_rst_n = 1;
  }
  void dump([[maybe_unused]] std::uint64_t t) {
#ifdef NVTEE_COSIM_WAVES
    if (fst_) fst_->dump(t);
#endif
  }

  VerilatedContext context_;
  std::unique_ptr<Vengine_top> v_;
#ifdef NVTEE_COSIM_WAVES
  std::unique_ptr<VerilatedFstC> fst_;
#endif
  std::uint64_t clocks_ = 0;
  BeatTrace rx_[card::kPorts], tx_[card::kPorts];
  double model_seconds_ = 0;
  std::optional<PortTrace> trace_;  // with NVTEE_ENGINE_TRACE

  TestPort port0_, port1_;
  Memory memory0_, memory1_;
  hw::AxiLiteSlave lite_;
  hls::stream<hw::AxiAddr, 16> ring_aw_{"ring_aw"};
  hls::stream<hw::AxiW, 16> ring_w_{"ring_w"};
  hls::stream<hw::AxiB, 16> ring_b_{"ring_b"};
  hls::stream<ap_uint<32>, 2> clock_step_{"clock_step"};
  card::ClockState clock_{};

#define NVTEE_IN(P, STREAM) Inlet<engine_top_ports::P> P##_in_;
#define NVTEE_OUT(P, STREAM) Outlet<engine_top_ports::P> P##_out_;
  NVTEE_BORDER
#undef NVTEE_IN
#undef NVTEE_OUT
#undef NVTEE_BORDER
#undef NVTEE_BORDER_PORT
};

}  // namespace nvtee::cosim
