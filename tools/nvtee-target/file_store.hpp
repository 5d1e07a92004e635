// Blocks in a regular file or on a block device, by io_uring.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/nvtee-target/store.hpp"
#include "tools/nvtee-target/uring.hpp"

namespace nvtee::target {

// What an answered write has survived.
enum class Durability : std::uint8_t {
  kPower,    // each write is on stable media before it is answered (RWF_DSYNC); VWC 0
  kFlush,    // the page cache is a volatile write cache: VWC 1, Flush and FUA make stable
  kProcess,  // the page cache, and VWC 0: survives a kill of the process, not a power failure. For tests
};

struct FileOptions {
  std::string path;
  std::uint64_t size =
      0;  // bytes; 0: as the file is. A missing or empty file is created with this size (sparse)
  std::uint8_t block_shift = 12;
  Durability durability = Durability::kPower;
};

class FileStore final : public Store {
 public:
  // Takes an exclusive lock on the file for its lifetime: a second process is refused.
  static Result<std::unique_ptr<FileStore>> open(Uring& uring, const FileOptions& options);
  ~FileStore() override;  // nothing may be under way

  std::optional<spec::Status> start(StoreOp& op) override;
  bool volatile_cache() const override { return durability_ == Durability::kFlush; }
  bool block_device() const { return block_device_; }
  // RWF_... flags with which a write goes to the kernel.
  int write_flags(const StoreOp& op) const;

 private:
  enum class Step : std::uint8_t { kTransfer, kZeroRange, kPunch, kWriteZeroes, kSync };
  struct Task final : UringTask {
    void fill(io_uring_sqe& sqe) override { store->fill(*this, sqe); }
    void on_cqe(int result) override { store->advance(*this, result); }
    FileStore* store = nullptr;
    StoreOp* op = nullptr;
    Task* next_free = nullptr;
    Step step = Step::kTransfer;
    unsigned retries = 0;
    std::uint64_t offset = 0, remaining = 0;
    std::byte* cursor = nullptr;
  };

  FileStore(Uring& uring, net::Fd fd, std::uint64_t blocks, const FileOptions& options, bool block_device);
  void begin(Task& task, StoreOp& op);
  void fill(Task& task, io_uring_sqe& sqe);
  void advance(Task& task, int result);
  void transferred(Task& task, int result);
  void zeroed(Task& task, int result);
  void finish(Task& task, spec::Status status);
  bool stable(const StoreOp& op) const { return durability_ == Durability::kPower || op.fua; }

  Uring& uring_;
  net::Fd fd_;
  Durability durability_;
  bool block_device_;
  std::vector<Task> tasks_;
  Task* free_ = nullptr;
  StoreOp* waiting_first_ = nullptr;  // no task was free
  StoreOp* waiting_last_ = nullptr;
};

}  // namespace nvtee::target
