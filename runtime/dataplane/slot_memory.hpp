// One payload buffer of MDTS bytes per slot, as one lazily populated mapping: the bound on payload memory is
// slots x MDTS; only slots that were ever in use cost memory, and the core hands out low slots first.
#pragma once

#include <cstddef>

#include "runtime/base/result.hpp"

namespace nvtee::dataplane {

class SlotMemory {
 public:
  static Result<SlotMemory> create(std::size_t slots, std::size_t bytes_each);
  SlotMemory(SlotMemory&& o) noexcept;
  SlotMemory& operator=(SlotMemory&& o) noexcept;
  ~SlotMemory();
  std::byte* at(std::size_t slot) { return base_ + slot * each_; }

 private:
  SlotMemory(std::byte* base, std::size_t size, std::size_t each) : base_(base), size_(size), each_(each) {}
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  std::size_t each_ = 0;
};

}  // namespace nvtee::dataplane
