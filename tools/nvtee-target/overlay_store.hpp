// A volatile write cache in process memory over another store: what is not flushed is really gone after kill
// -9.
//
// Writes land in the cache and are answered. Flush and FUA write back and then flush the base. A full cache
// writes back its oldest blocks. With a chaos seed some blocks are written back at once, as a real cache
// would do.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/base/result.hpp"
#include "tools/nvtee-target/store.hpp"

namespace nvtee::target {

class OverlayStore final : public Store, private StoreClient {
 public:
  struct Options {
    std::uint64_t capacity = std::uint64_t{64} << 20;  // bytes of blocks held; at least 4 x kLargestWrite
    std::optional<std::uint64_t> chaos_seed;
  };
  static constexpr std::uint32_t kLargestWrite = 1024 * 1024;  // bytes of one kWrite

  // `base` outlives the overlay, and is used by nobody else.
  static Result<std::unique_ptr<OverlayStore>> create(Store& base, const Options& options);
  ~OverlayStore() override;

  std::optional<spec::Status> start(StoreOp& op) override;
  bool volatile_cache() const override { return true; }

  // Power failure: forgets every block that is not on its way to the base yet. Operations that wait end with
  // 0/05h.
  void lose_power();

  std::uint64_t held_blocks() const { return used_; }
  std::uint64_t dirty_blocks() const { return dirty_; }
  std::uint64_t lost_blocks() const { return lost_; }
  std::uint64_t written_back() const { return written_back_; }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};
  static constexpr unsigned kBatches = 16;
  static constexpr std::uint32_t kBatchBytes = 128 * 1024;

  struct Entry {
    std::uint64_t lba = 0;
    std::uint64_t first_dirty = 0;     // version of the oldest content that is not on its way to the base
    Index hash_next = kNone;           // also links free entries
    Index prev = kNone, next = kNone;  // dirty ones, oldest first
    std::uint16_t pins = 0;            // reads that will still copy from it
    bool used = false, dirty = false, writing = false;
  };
  // Blocks on their way to the base, copied so that the cache can take newer content meanwhile.
  struct Batch {
    StoreOp op;
    std::byte* buffer = nullptr;
    std::uint64_t oldest = 0;  // smallest first_dirty in it
    bool busy = false;
  };
  enum class Wait : std::uint8_t { kSpace, kRange, kAll, kBase, kRead };
  struct Task {
    StoreOp base_op;
    StoreOp* user = nullptr;
    Wait wait = Wait::kSpace;
    std::uint64_t version = 0;  // kAll: everything up to here
    Task* prev = nullptr;
    Task* next = nullptr;  // waiting (kSpace, kRange, kAll), in order of arrival; or free
  };

  OverlayStore(Store& base, std::byte* data, Index capacity, const Options& options);
  void on_store_done(StoreOp& op, spec::Status status) override;

  // Table.
  Index find(std::uint64_t lba) const;
  Index insert(std::uint64_t lba);
  void release(Index i);
  std::size_t bucket(std::uint64_t lba) const;
  std::byte* block(Index i) const { return data_ + (std::size_t{i} << block_shift()); }
  void append_dirty(Index i);
  void prepend_dirty(Index i);
  void unlink_dirty(Index i);
  void settle(Index i);  // frees it when nothing needs it any more

  // Operations.
  std::optional<spec::Status> start_read(StoreOp& op);
  void finish_read(StoreOp& user);
  bool cacheable(const StoreOp& op) const;
  bool fits(const StoreOp& op) const;
  void take(StoreOp& op);  // into the cache
  Task& new_task(StoreOp& user, Wait wait);
  void enqueue(Task& task);
  void dequeue(Task& task);
  void complete(Task& task, spec::Status status);
  bool advance(Task& task);  // true: it went on
  void to_base(Task& task, StoreAction action);
  bool range_settled(const StoreOp& op) const;
  bool all_settled(std::uint64_t version) const;
  template <class F>
  void for_each_in_range(const StoreOp& op, F f) const;

  // Write-back.
  void pump();
  bool advance_one();
  bool start_batch(Index first, std::uint32_t most_blocks);
  void write_back_range(const StoreOp& op);
  void write_back_until(std::uint64_t version);
  void relieve();
  void batch_done(Batch& batch, spec::Status status);
  void fail_waiters(spec::Status status);
  Batch* free_batch();
  std::uint64_t random();

  Store& base_;
  std::byte* data_;
  Index capacity_;
  std::vector<Entry> entries_;
  std::vector<Index> buckets_;
  Index free_ = kNone;
  Index oldest_ = kNone, newest_ = kNone;  // dirty list
  std::uint64_t used_ = 0, dirty_ = 0, lost_ = 0, written_back_ = 0;
  std::uint64_t version_ = 0;
  std::vector<Batch> batches_;
  std::unique_ptr<std::byte[]> bounce_;
  std::vector<std::unique_ptr<Task>> tasks_;
  Task* free_task_ = nullptr;
  Task* waiting_first_ = nullptr;
  Task* waiting_last_ = nullptr;
  unsigned space_waiters_ = 0;
  bool chaos_ = false;
  std::uint64_t random_state_ = 0;
  bool pumping_ = false, pump_again_ = false;
  std::optional<spec::Status> failure_;  // of a write-back; the waiters are to be told
  bool stalled_ = false;                 // after it: no write-back on our own until the next operation
  StoreOp* starting_ = nullptr;          // start() is at work on it: its end is returned, not called
  std::optional<spec::Status> started_;
};

}  // namespace nvtee::target
