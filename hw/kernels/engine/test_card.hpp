// Test helper: a card as its surroundings see it, whether its inside is the native engine (NativeCard) or its
// RTL (sim/cosim/engine/rtl_card.hpp).
#pragma once

#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/engine/engine.hpp"
#include "hw/kernels/engine/session_model.hpp"

namespace nvtee::card::test {

struct TestPort : SessionPort {
  hls::stream<TcpCtl, 4> ctl;
  hls::stream<TcpEvent, 16> event;
};

// A port's way to device memory.
struct MemoryStreams {
  hls::stream<hw::AxiAddr>& aw;
  hls::stream<hw::AxiW>& w;
  hls::stream<hw::AxiB>& b;
  hls::stream<hw::AxiAddr>& ar;
  hls::stream<hw::AxiR>& r;
};
struct RingStreams {
  hls::stream<hw::AxiAddr>& aw;
  hls::stream<hw::AxiW>& w;
  hls::stream<hw::AxiB>& b;
};

class Card {
 public:
  virtual ~Card() = default;
  virtual TestPort& port(unsigned p) = 0;
  virtual hw::AxiLiteSlave& lite() = 0;
  virtual MemoryStreams memory(unsigned p) = 0;
  virtual RingStreams ring() = 0;
  // One clock. `hold`: percent of what could move in it and does not (a kernel natively, a record at the
  // border in RTL).
  virtual void step(Random& r, unsigned hold) = 0;
};

// The card that the tests of this program are about: native_card.cpp, or sim/cosim/engine/rtl_card.cpp.
std::unique_ptr<Card> make_card();

template <class C>
class NativeCard : public Card {
 public:
  TestPort& port(unsigned p) override { return engine_.port[p]; }
  hw::AxiLiteSlave& lite() override { return engine_.lite; }
  MemoryStreams memory(unsigned p) override {
    auto& side = engine_.side(p);
    return {side.rx.store.aw, side.rx.store.w, side.rx.store.b, side.read.ar, side.read.r};
  }
  RingStreams ring() override { return {engine_.ring_aw, engine_.ring_w, engine_.ring_b}; }
  void step(Random& r, unsigned hold) override {
    if (hold == 0) {
      engine_.step();
    } else {
      engine_.step([&](unsigned) { return !r.chance(hold); });
    }
  }
  Engine<C, TestPort>& engine() { return engine_; }

 private:
  Engine<C, TestPort> engine_;
};

}  // namespace nvtee::card::test
