#include "tools/nvtee-host/workload.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace nvtee::host {

Result<Workload> Workload::create(const Options& o, std::uint32_t block_size, std::uint64_t blocks) {
  Workload w;
  w.random_ = Random(o.seed);
  w.mix_ = o.mix;
  for (const unsigned m : o.mix) w.mix_sum_ += m;
  w.sequential_ = o.sequential;
  w.fua_percent_ = o.fua_percent;
  std::uint64_t least = ~0ull;
  for (const SizeClass& c : o.sizes) {
    if (c.least % block_size != 0 || c.most % block_size != 0)
      return fail(fmt::format("--bs: {} is no whole number of blocks of {} bytes",
                              c.least % block_size != 0 ? c.least : c.most, block_size),
                  "use multiples of the namespace's block size");
    if (c.most / block_size > 65536) return fail("--bs: more than 65536 blocks in a command");
    w.classes_.push_back({static_cast<std::uint32_t>(c.least / block_size),
                          static_cast<std::uint32_t>(c.most / block_size), c.weight});
    w.class_sum_ += c.weight;
    w.most_blocks_ = std::max(w.most_blocks_, w.classes_.back().most);
    least = std::min(least, c.least);
  }
  if (w.class_sum_ == 0) return fail("--bs: the weights are all 0");
  const std::uint64_t align = o.align == 0 ? least : o.align;
  if (align % block_size != 0) return fail("--align: no whole number of blocks");
  w.align_ = align / block_size;
  if (o.range.offset % block_size != 0 || o.range.length % block_size != 0)
    return fail("--range: no whole number of blocks");
  w.first_ = o.range.offset / block_size;
  if (w.first_ >= blocks) return fail("--range begins beyond the namespace");
  w.count_ = o.range.length == 0 ? blocks - w.first_ : o.range.length / block_size;
  if (w.count_ > blocks - w.first_) return fail("--range ends beyond the namespace");
  if (w.count_ < w.most_blocks_) return fail("--range is smaller than the largest --bs");
  return w;
}

Kind Workload::pick_kind() {
  std::uint64_t n = random_.below(mix_sum_);
  std::size_t k = 0;
  while (n >= mix_[k]) n -= mix_[k++];
  return static_cast<Kind>(k);
}

std::uint32_t Workload::pick_size() {
  std::size_t i = 0;
  if (classes_.size() > 1) {
    std::uint64_t n = random_.below(class_sum_);
    while (n >= classes_[i].weight) n -= classes_[i++].weight;
  }
  const Class& c = classes_[i];
  return c.least + static_cast<std::uint32_t>(c.least == c.most ? 0 : random_.below(c.most - c.least + 1));
}

Task Workload::next() {
  Task t;
  t.kind = pick_kind();
  if (t.kind == Kind::kFlush) return t;
  t.blocks = pick_size();
  if (sequential_) {
    if (cursor_ + t.blocks > count_) cursor_ = 0;
    t.lba = first_ + cursor_;
    cursor_ += t.blocks;
  } else {
    t.lba = first_ + random_.below((count_ - t.blocks) / align_ + 1) * align_;
  }
  t.fua = (t.kind == Kind::kWrite || t.kind == Kind::kZeroes) && fua_percent_ != 0 &&
          random_.below(100) < fua_percent_;
  return t;
}

}  // namespace nvtee::host
