// Which command comes next: kind, place, size. Deterministic from a seed; allocates nothing after
// construction.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/result.hpp"
#include "tools/nvtee-host/text.hpp"

namespace nvtee::host {

// splitmix64: good enough to choose places, and cheap.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // 0 .. n - 1, n > 0.
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
  }

 private:
  std::uint64_t state_;
};

struct Task {
  Kind kind = Kind::kRead;
  std::uint64_t lba = 0;
  std::uint32_t blocks = 0;  // 0 for flush
  bool fua = false;
};

class Workload {
 public:
  struct Options {
    std::vector<SizeClass> sizes = {{4096, 4096, 1}};
    Mix mix{0, 100};
    bool sequential = false;
    unsigned fua_percent = 0;
    ByteRange range{};
    std::uint64_t align = 0;  // bytes; 0: the least size of all classes
    std::uint64_t seed = 1;
  };
  // Fails when sizes or range do not suit the namespace, naming the option.
  static Result<Workload> create(const Options& options, std::uint32_t block_size, std::uint64_t blocks);

  Task next();
  std::uint32_t most_blocks() const { return most_blocks_; }

 private:
  struct Class {
    std::uint32_t least, most;  // blocks
    unsigned weight;
  };
  Workload() : random_(0) {}
  Kind pick_kind();
  std::uint32_t pick_size();

  Random random_;
  Mix mix_{};
  unsigned mix_sum_ = 0, class_sum_ = 0;
  std::vector<Class> classes_;
  bool sequential_ = false;
  unsigned fua_percent_ = 0;
  std::uint64_t first_ = 0, count_ = 0, align_ = 1;  // blocks
  std::uint64_t cursor_ = 0;
  std::uint32_t most_blocks_ = 0;
};

}  // namespace nvtee::host
