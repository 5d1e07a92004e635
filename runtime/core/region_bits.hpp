// A set of region numbers as chunked bitmaps: the shape of the durable open set and dirty maps. Chunks are
// made when first needed and kept.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/store/records.hpp"

namespace nvtee::core {

class RegionBits {
 public:
  static constexpr std::uint32_t kNoRegion = 0xffffffffu;

  explicit RegionBits(std::uint32_t regions = 0) { resize(regions); }

  void resize(std::uint32_t regions) {
    regions_ = regions;
    chunks_.clear();
    chunks_.resize((std::uint64_t{regions} + store::kRegionsPerChunk - 1) / store::kRegionsPerChunk);
    count_ = 0;
  }
  std::uint32_t regions() const { return regions_; }
  std::uint32_t chunks() const { return static_cast<std::uint32_t>(chunks_.size()); }
  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

  bool test(std::uint32_t r) const {
    const auto& c = chunks_[r / store::kRegionsPerChunk];
    return c && ((*c)[word(r)] & mask(r)) != 0;
  }
  // True when the bit changed.
  bool set(std::uint32_t r) {
    auto& w = (*make(r / store::kRegionsPerChunk))[word(r)];
    if ((w & mask(r)) != 0) return false;
    w |= mask(r);
    ++count_;
    return true;
  }
  bool clear(std::uint32_t r) {
    if (!test(r)) return false;
    (*chunks_[r / store::kRegionsPerChunk])[word(r)] &= ~mask(r);
    --count_;
    return true;
  }
  void clear_all() { resize(regions_); }
  void set_all() {
    for (std::uint32_t r = 0; r < regions_; ++r) set(r);
  }
  void add(const RegionBits& other) {
    for (std::uint32_t r = other.next(0); r != kNoRegion; r = other.next(r + 1)) set(r);
  }
  // First member >= from, or kNoRegion.
  std::uint32_t next(std::uint32_t from) const {
    for (std::uint64_t r = from; r < regions_;) {
      const auto& c = chunks_[r / store::kRegionsPerChunk];
      if (!c) {
        r = (r / store::kRegionsPerChunk + 1) * store::kRegionsPerChunk;
        continue;
      }
      const std::uint64_t left = (*c)[word(static_cast<std::uint32_t>(r))] >> (r % 64);
      if (left != 0) return static_cast<std::uint32_t>(r + static_cast<unsigned>(std::countr_zero(left)));
      r = (r / 64 + 1) * 64;
    }
    return kNoRegion;
  }
  // The bits of a chunk as stored; nullptr when none is set or was ever set.
  const store::BitmapRecord* chunk(std::uint32_t i) const { return chunks_[i].get(); }
  bool chunk_empty(std::uint32_t i) const {
    if (!chunks_[i]) return true;
    for (const auto w : *chunks_[i])
      if (w != 0) return false;
    return true;
  }
  // False when a bit lies beyond the last region.
  bool load(std::uint32_t i, const store::BitmapRecord& bits) {
    if (i >= chunks_.size()) return false;
    for (unsigned b = 0; b < store::kRegionsPerChunk; ++b) {
      if ((bits[b / 64] >> (b % 64) & 1) == 0) continue;
      const std::uint64_t r = std::uint64_t{i} * store::kRegionsPerChunk + b;
      if (r >= regions_) return false;
      set(static_cast<std::uint32_t>(r));
    }
    return true;
  }

 private:
  static std::uint32_t word(std::uint32_t r) { return r % store::kRegionsPerChunk / 64; }
  static std::uint64_t mask(std::uint32_t r) { return std::uint64_t{1} << (r % 64); }
  store::BitmapRecord* make(std::uint32_t i) {
    if (!chunks_[i]) chunks_[i] = std::make_unique<store::BitmapRecord>();
    return chunks_[i].get();
  }

  std::uint32_t regions_ = 0;
  std::uint64_t count_ = 0;
  std::vector<std::unique_ptr<store::BitmapRecord>> chunks_;
};

}  // namespace nvtee::core
