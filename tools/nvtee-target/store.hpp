// Where blocks live. One operation at a time per StoreOp; the caller owns it and its memory until it is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "hw/nvme/spec.hpp"

namespace nvtee::target {

struct StoreOp;

class StoreClient {
 public:
  // The operation that start() did not finish at once is done. The op may be reused inside the call.
  virtual void on_store_done(StoreOp& op, spec::Status status) = 0;

 protected:
  ~StoreClient() = default;
};

enum class StoreAction : std::uint8_t {
  kRead,        // data <- blocks
  kWrite,       // blocks <- data
  kZero,        // blocks read as zero afterwards, space kept
  kDeallocate,  // blocks read as zero afterwards, space given back where possible
  kFlush,       // everything completed before is on stable media (lba, blocks ignored)
};

struct StoreOp {
  StoreAction action = StoreAction::kRead;
  bool fua = false;  // kWrite, kZero, kDeallocate: on stable media before it is done
  std::uint64_t lba = 0;
  std::uint32_t blocks = 0;
  std::byte* data = nullptr;  // blocks << block_shift bytes; unused by kZero, kDeallocate, kFlush
  StoreClient* client = nullptr;
  // The store's own, while the operation is under way.
  StoreOp* next = nullptr;
  std::uint64_t version = 0;
  std::uint8_t step = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Starts the operation. A value: it is done, with that status, and nothing is called. Nothing: the client
  // is called later, never inside start(). The range is inside the store (checked by the caller). Unless
  // inline_atomic(), the caller excludes overlapping operations when either writes (RangeLock).
  virtual std::optional<spec::Status> start(StoreOp& op) = 0;

  // Every operation finishes inside start(): nothing can overlap, no range lock is needed.
  virtual bool inline_atomic() const { return false; }
  // Writes may be lost at power failure until flushed (VWC).
  virtual bool volatile_cache() const { return false; }

  std::uint64_t blocks() const { return blocks_; }
  std::uint8_t block_shift() const { return block_shift_; }  // 9 or 12
  std::uint64_t bytes() const { return blocks_ << block_shift_; }

 protected:
  Store(std::uint64_t blocks, std::uint8_t block_shift) : blocks_(blocks), block_shift_(block_shift) {}

 private:
  std::uint64_t blocks_;
  std::uint8_t block_shift_;
};

}  // namespace nvtee::target
