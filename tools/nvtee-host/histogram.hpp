// Latencies: counts per value class, 64 classes per power of two (1.6 % wide).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "runtime/base/time.hpp"

namespace nvtee::host {

class Histogram {
 public:
  void add(Duration v) {
    ++counts_[index(v)];
    ++count_;
    sum_ += v;
    max_ = std::max(max_, v);
  }
  void merge(const Histogram& o) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += o.counts_[i];
    count_ += o.count_;
    sum_ += o.sum_;
    max_ = std::max(max_, o.max_);
  }
  std::uint64_t count() const { return count_; }
  Duration max() const { return max_; }
  Duration mean() const { return count_ == 0 ? 0 : sum_ / count_; }
  // Upper end of the class that holds the given fraction (0..1) of all values.
  Duration percentile(double fraction) const {
    const auto want = static_cast<std::uint64_t>(fraction * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > want) return std::min(upper(i), max_);
    }
    return max_;
  }

 private:
  static constexpr unsigned kBits = 6;
  static std::size_t index(Duration v) {
    if (v < 1u << kBits) return v;
    const auto shift = static_cast<unsigned>(std::bit_width(v)) - kBits - 1;
    return (std::size_t{shift} + 1) * (1u << kBits) + ((v >> shift) - (1u << kBits));
  }
  static Duration upper(std::size_t i) {
    if (i < 1u << kBits) return i;
    const auto shift = static_cast<unsigned>(i >> kBits) - 1;
    return ((Duration{(1u << kBits) + (i & ((1u << kBits) - 1))} + 1) << shift) - 1;
  }
  std::array<std::uint64_t, (64 - kBits + 1) << kBits> counts_{};
  std::uint64_t count_ = 0;
  Duration sum_ = 0, max_ = 0;
};

}  // namespace nvtee::host
