// Test helper: the runtime at the card's registers, a word at a time as over PCIe.
#pragma once

#include <deque>
#include <functional>

#include "hw/kernels/regs/regs.hpp"

namespace nvtee::card::test {

// Each access clocks the card until it is answered.
class Registers {
 public:
  Registers(hw::AxiLiteSlave& port, std::function<void()> clock) : port_(port), clock_(std::move(clock)) {}
  void write(unsigned at, uint32_t data) {
    hw::LiteAddr a;
    a.addr = at;
    hw::LiteW w;
    w.data = data;
    w.strb = 15;
    port_.aw.write(a);
    port_.w.write(w);
    wait(port_.b);
    port_.b.read();
  }
  uint32_t read(unsigned at) {
    hw::LiteAddr a;
    a.addr = at;
    port_.ar.write(a);
    wait(port_.r);
    return port_.r.read().data.to_uint();
  }
  uint64_t read64(unsigned at) {
    const uint64_t low = read(at);
    return low | static_cast<uint64_t>(read(at + 4)) << 32;
  }
  // Waits until the mail box is free, then sends.
  template <class T>
  void mail(unsigned kind, const T& record, unsigned port = 0) {
    while (read(reg::kMailBusy) != 0) clock_();
    const MailBits bits = mail_of(record, 0);
    for (unsigned i = 0; i < reg::kMailWords; ++i) {
      const ap_uint<32> word = bits.range(static_cast<int>(32 * i + 31), static_cast<int>(32 * i));
      if (word != read_back_[i]) write(reg::kMail0 + 4 * i, word.to_uint());
      read_back_[i] = word.to_uint();
    }
    write(reg::kDoorbell, kind | port << 8);
  }
  void begin_ring(uint64_t base, unsigned log2) {
    write(reg::kRingBaseLo, static_cast<uint32_t>(base));
    write(reg::kRingBaseHi, static_cast<uint32_t>(base >> 32));
    write(reg::kRingSize, log2);
  }

 private:
  template <class S>
  void wait(S& s) {
    for (unsigned n = 0; s.empty(); ++n) {
      if (n > 100000) nvtee_hls::fail("the card does not answer", nullptr);
      clock_();
    }
  }
  hw::AxiLiteSlave& port_;
  std::function<void()> clock_;
  uint32_t read_back_[reg::kMailWords] = {};
};

}  // namespace nvtee::card::test
