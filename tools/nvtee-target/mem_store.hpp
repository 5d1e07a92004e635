// Blocks in anonymous memory: fast, gone with the process.
#pragma once

#include <memory>

#include "runtime/base/result.hpp"
#include "tools/nvtee-target/store.hpp"

namespace nvtee::target {

class MemStore final : public Store {
 public:
  // `prefault`: touches all of it now, in huge pages where the system has them, so that first writes are as
  // fast as later ones; else pages come as they are touched.
  static Result<std::unique_ptr<MemStore>> create(std::uint64_t blocks, std::uint8_t block_shift,
                                                  bool prefault = false);
  ~MemStore() override;

  std::optional<spec::Status> start(StoreOp& op) override;
  bool inline_atomic() const override { return true; }
  std::byte* at(std::uint64_t lba) { return base_ + (lba << block_shift()); }

 private:
  MemStore(std::byte* base, std::uint64_t blocks, std::uint8_t block_shift)
      : Store(blocks, block_shift), base_(base) {}
  void clear(std::uint64_t lba, std::uint32_t blocks);
  std::byte* base_;
};

}  // namespace nvtee::target
