// Hands out controller ids of a range, the longest unused first, so that an id that a host still remembers
// comes back as late as the range allows (Base §3.1.2.1 advises two minutes).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace nvtee::nvmf {

class CntlidAllocator {
 public:
  // first..last inclusive. `seed` picks where the first round starts: a restarted process does not begin with
  // the ids that hosts still hold from before.
  CntlidAllocator(std::uint16_t first, std::uint16_t last, std::uint32_t seed)
      : first_(first), size_(last >= first ? last - first + 1u : 0u), start_(size_ ? seed % size_ : 0) {}

  std::optional<std::uint16_t> take() {
    if (handed_out_ < size_) return static_cast<std::uint16_t>(first_ + (start_ + handed_out_++) % size_);
    if (released_.empty()) return {};
    const std::uint16_t id = released_.front();
    released_.pop_front();
    return id;
  }
  void release(std::uint16_t id) { released_.push_back(id); }

 private:
  std::uint16_t first_;
  std::uint32_t size_, start_;
  std::uint32_t handed_out_ = 0;        // of the first round
  std::deque<std::uint16_t> released_;  // oldest first
};

}  // namespace nvtee::nvmf
