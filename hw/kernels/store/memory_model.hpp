// Test helper: device memory behind AXI ports, as slow and as late as it may be. A write takes effect only
// when its answer leaves, a read sees memory as it was when its address came: whoever does not wait for an
// answer reads old bytes. Call step() once a clock; one beat a clock each way and port.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <random>
#include <unordered_map>
#include <vector>

#include "hw/kernels/common/axi.hpp"

namespace nvtee::card::test {

// The bytes; what was never written reads as EEh.
class Memory {
 public:
  using Bytes64 = std::array<std::uint8_t, 64>;

  Bytes64 line(std::uint64_t address) const {
    const auto it = lines_.find(address / 64);
    if (it != lines_.end()) return it->second;
    Bytes64 fresh;
    fresh.fill(0xee);
    return fresh;
  }
  void write(std::uint64_t address, const Bytes64& data, std::uint64_t strobes) {
    Bytes64 b = line(address);
    for (unsigned i = 0; i < 64; ++i)
      if ((strobes >> i) & 1) b[i] = data[i];
    lines_[address / 64] = b;
  }
  std::vector<std::uint8_t> read(std::uint64_t address, std::size_t size) const {
    std::vector<std::uint8_t> out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = line((address + i) & ~63ull)[(address + i) % 64];
    return out;
  }
  void fill(std::uint64_t address, const std::vector<std::uint8_t>& data) {
    for (std::size_t i = 0; i < data.size(); ++i) {
      Bytes64 b{};
      b[(address + i) % 64] = data[i];
      write((address + i) & ~63ull, b, 1ull << ((address + i) % 64));
    }
  }

 private:
  std::unordered_map<std::uint64_t, Bytes64> lines_;
};

inline Memory::Bytes64 bytes_of_line(const ap_uint<512>& x) {
  Memory::Bytes64 b;
  for (unsigned i = 0; i < 8; ++i) {
    const std::uint64_t w = x.range(static_cast<int>(64 * i + 63), static_cast<int>(64 * i)).to_uint64();
    std::memcpy(b.data() + 8 * i, &w, 8);
  }
  return b;
}
inline ap_uint<512> line_of_bytes(const Memory::Bytes64& b) {
  ap_uint<512> x = 0;
  for (unsigned i = 0; i < 8; ++i) {
    std::uint64_t w = 0;
    std::memcpy(&w, b.data() + 8 * i, 8);
    x.range(static_cast<int>(64 * i + 63), static_cast<int>(64 * i)) = w;
  }
  return x;
}

struct MemoryTiming {
  unsigned latency = 100;     // clocks from an address (or the last write beat) to its answer, at least
  unsigned jitter = 0;        // more, at random, order kept
  unsigned stall = 0;         // percent of clocks in which a channel does nothing
  unsigned outstanding = 64;  // reads (bursts) and writes that are taken without an answer
};

class MemoryReadPort {
 public:
  MemoryReadPort(Memory& memory, const MemoryTiming& timing, std::uint64_t seed)
      : memory_(memory), timing_(timing), rng_(seed) {}

  void step(hls::stream<hw::AxiAddr>& ar, hls::stream<hw::AxiR>& r) {
    ++now_;
    if (!ar.empty() && bursts_ < timing_.outstanding && !stalls()) accept(ar.read());
    if (!beats_.empty() && beats_.front().due <= now_ && !r.full() && !stalls()) {
      const Beat& b = beats_.front();
      hw::AxiR out = hw::AxiR();
      out.data = line_of_bytes(b.data);
      out.last = b.last ? 1 : 0;
      r.write(out);
      bursts_ -= b.last ? 1 : 0;
      beats_.pop_front();
    }
  }
  bool idle() const { return beats_.empty(); }
  unsigned errors() const { return errors_; }  // bursts that AXI forbids

 private:
  struct Beat {
    std::uint64_t due;
    Memory::Bytes64 data;
    bool last;
  };
  bool stalls() { return timing_.stall != 0 && rng_() % 100 < timing_.stall; }
  void accept(const hw::AxiAddr& a) {
    const std::uint64_t address = a.addr.to_uint64();
    const unsigned beats = a.len.to_uint() + 1;
    if (address % 64 != 0 || address / 4096 != (address + beats * 64 - 1) / 4096) ++errors_;
    const std::uint64_t due = now_ + timing_.latency + (timing_.jitter ? rng_() % timing_.jitter : 0);
    for (unsigned i = 0; i < beats; ++i)
      beats_.push_back({due, memory_.line(address + 64 * i), i + 1 == beats});
    ++bursts_;
  }

  Memory& memory_;
  MemoryTiming timing_;
  std::mt19937_64 rng_;
  std::uint64_t now_ = 0;
  unsigned bursts_ = 0, errors_ = 0;
  std::deque<Beat> beats_;
};

class MemoryWritePort {
 public:
  MemoryWritePort(Memory& memory, const MemoryTiming& timing, std::uint64_t seed)
      : memory_(memory), timing_(timing), rng_(seed) {}

  void step(hls::stream<hw::AxiAddr>& aw, hls::stream<hw::AxiW>& w, hls::stream<hw::AxiB>& b) {
    ++now_;
    if (!aw.empty() && bursts_.size() < timing_.outstanding && !stalls()) accept(aw.read());
    if (!w.empty() && filling_ < bursts_.size() && !stalls()) fill(w.read());
    if (filling_ != 0 && bursts_.front().due <= now_ && !b.full() && !stalls()) {
      for (const Beat& x : bursts_.front().beats) memory_.write(x.address, x.data, x.strobes);
      bursts_.pop_front();
      --filling_;
      b.write(hw::AxiB());
    }
  }
  bool idle() const { return bursts_.empty(); }
  unsigned errors() const { return errors_; }
  std::uint64_t beats() const { return beats_; }

 private:
  struct Beat {
    std::uint64_t address;
    Memory::Bytes64 data;
    std::uint64_t strobes;
  };
  struct Burst {
    std::uint64_t address;
    unsigned length;
    std::uint64_t due;
    std::vector<Beat> beats;
  };
  bool stalls() { return timing_.stall != 0 && rng_() % 100 < timing_.stall; }
  void accept(const hw::AxiAddr& a) {
    const std::uint64_t address = a.addr.to_uint64();
    const unsigned beats = a.len.to_uint() + 1;
    if (address % 64 != 0 || address / 4096 != (address + beats * 64 - 1) / 4096) ++errors_;
    bursts_.push_back({address, beats, 0, {}});
  }
  void fill(const hw::AxiW& w) {
    Burst& x = bursts_[filling_];
    x.beats.push_back({x.address + 64 * x.beats.size(), bytes_of_line(w.data), w.strb.to_uint64()});
    ++beats_;
    const bool last = x.beats.size() == x.length;
    if (last != (w.last == 1)) ++errors_;
    if (!last) return;
    x.due = now_ + timing_.latency + (timing_.jitter ? rng_() % timing_.jitter : 0);
    ++filling_;
  }

  Memory& memory_;
  MemoryTiming timing_;
  std::mt19937_64 rng_;
  std::uint64_t now_ = 0, beats_ = 0;
  std::size_t filling_ = 0;  // bursts whose data are all there
  unsigned errors_ = 0;
  std::deque<Burst> bursts_;
};

}  // namespace nvtee::card::test
