#include "tools/nvtee-target/overlay_store.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/base/check.hpp"

namespace nvtee::target {

namespace st = spec::st;

Result<std::unique_ptr<OverlayStore>> OverlayStore::create(Store& base, const Options& o) {
  const std::uint64_t blocks = o.capacity >> base.block_shift();
  if (o.capacity < std::uint64_t{4} * kLargestWrite || blocks >= kNone / 2)
    return fail("a write cache of " + std::to_string(o.capacity) + " bytes is not possible",
                "take 4M or more, less than a few TiB");
  void* p = ::mmap(nullptr, blocks << base.block_shift(), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return fail_errno("cannot map the write cache", errno, "make it smaller");
  return std::unique_ptr<OverlayStore>(
      new OverlayStore(base, static_cast<std::byte*>(p), static_cast<Index>(blocks), o));
}

OverlayStore::OverlayStore(Store& base, std::byte* data, Index capacity, const Options& o)
    : Store(base.blocks(), base.block_shift()),
      base_(base),
      data_(data),
      capacity_(capacity),
      entries_(capacity),
      buckets_(std::bit_ceil(std::size_t{capacity}), kNone),
      batches_(kBatches),
      bounce_(std::make_unique_for_overwrite<std::byte[]>(std::size_t{kBatches} * kBatchBytes)),
      chaos_(o.chaos_seed.has_value()),
      random_state_(o.chaos_seed.value_or(0)) {
  for (Index i = capacity; i-- > 0;) {
    entries_[i].hash_next = free_;
    free_ = i;
  }
  for (unsigned i = 0; i < kBatches; ++i) batches_[i].buffer = bounce_.get() + std::size_t{i} * kBatchBytes;
}

OverlayStore::~OverlayStore() {
  ::munmap(data_, std::size_t{capacity_} << block_shift());
}

// ---- table -----------------------------------------------------------------------------------------------

std::size_t OverlayStore::bucket(std::uint64_t lba) const {
  return static_cast<std::size_t>((lba * 0x9e3779b97f4a7c15u) >> 32) & (buckets_.size() - 1);
}

OverlayStore::Index OverlayStore::find(std::uint64_t lba) const {
  Index i = buckets_[bucket(lba)];
  while (i != kNone && entries_[i].lba != lba) i = entries_[i].hash_next;
  return i;
}

OverlayStore::Index OverlayStore::insert(std::uint64_t lba) {
  NVTEE_CHECK(free_ != kNone, "room in the cache is checked before a write is taken");
  const Index i = free_;
  Entry& e = entries_[i];
  free_ = e.hash_next;
  e = Entry{};
  e.lba = lba;
  e.used = true;
  Index& head = buckets_[bucket(lba)];
  e.hash_next = head;
  head = i;
  ++used_;
  return i;
}

void OverlayStore::release(Index i) {
  Index* link = &buckets_[bucket(entries_[i].lba)];
  while (*link != i) link = &entries_[*link].hash_next;
  *link = entries_[i].hash_next;
  entries_[i].used = false;
  entries_[i].hash_next = free_;
  free_ = i;
  --used_;
}

void OverlayStore::append_dirty(Index i) {
  Entry& e = entries_[i];
  e.dirty = true;
  e.next = kNone;
  e.prev = newest_;
  (newest_ != kNone ? entries_[newest_].next : oldest_) = i;
  newest_ = i;
  ++dirty_;
}

void OverlayStore::prepend_dirty(Index i) {
  Entry& e = entries_[i];
  e.dirty = true;
  e.prev = kNone;
  e.next = oldest_;
  (oldest_ != kNone ? entries_[oldest_].prev : newest_) = i;
  oldest_ = i;
  ++dirty_;
}

void OverlayStore::unlink_dirty(Index i) {
  Entry& e = entries_[i];
  (e.prev != kNone ? entries_[e.prev].next : oldest_) = e.next;
  (e.next != kNone ? entries_[e.next].prev : newest_) = e.prev;
  e.prev = e.next = kNone;
  e.dirty = false;
  --dirty_;
}

void OverlayStore::settle(Index i) {
  const Entry& e = entries_[i];
  if (!e.dirty && !e.writing && e.pins == 0) release(i);
}

template <class F>
void OverlayStore::for_each_in_range(const StoreOp& op, F f) const {
  if (op.blocks <= used_) {
    for (std::uint64_t lba = op.lba; lba < op.lba + op.blocks; ++lba)
      if (const Index i = find(lba); i != kNone) f(i);
    return;
  }
  for (Index i = 0; i < capacity_; ++i)
    if (entries_[i].used && entries_[i].lba >= op.lba && entries_[i].lba - op.lba < op.blocks) f(i);
}

// ---- operations ------------------------------------------------------------------------------------------

std::optional<spec::Status> OverlayStore::start(StoreOp& op) {
  if (op.action == StoreAction::kRead) return start_read(op);
  // A client may start an operation while an outer start() tells it that another one is done.
  StoreOp* const outer = std::exchange(starting_, &op);
  const auto outer_started = std::exchange(started_, std::nullopt);
  stalled_ = false;
  ++version_;
  if (op.action == StoreAction::kFlush) {
    Task& t = new_task(op, Wait::kAll);
    t.version = version_;
    enqueue(t);
  } else {
    enqueue(new_task(op, cacheable(op) ? Wait::kSpace : Wait::kRange));
  }
  pump();
  starting_ = outer;
  return std::exchange(started_, outer_started);
}

// The caller's range lock keeps writers of these blocks away until the read is done; write-back may go on.
std::optional<spec::Status> OverlayStore::start_read(StoreOp& op) {
  std::uint32_t hits = 0;
  for (std::uint32_t b = 0; used_ != 0 && b < op.blocks; ++b) hits += find(op.lba + b) != kNone;
  if (hits == 0) return base_.start(op);
  for (std::uint32_t b = 0; b < op.blocks; ++b)
    if (const Index i = find(op.lba + b); i != kNone) ++entries_[i].pins;
  if (hits == op.blocks) {
    finish_read(op);
    return st::kOk;
  }
  Task& t = new_task(op, Wait::kRead);
  t.base_op.action = StoreAction::kRead;
  t.base_op.lba = op.lba;
  t.base_op.blocks = op.blocks;
  t.base_op.data = op.data;
  t.base_op.client = this;
  const auto status = base_.start(t.base_op);
  if (!status) return {};
  finish_read(op);
  t.next = free_task_;
  free_task_ = &t;
  return status;
}

// Blocks that were in the cache when the read began: they are newer than what the base gave.
void OverlayStore::finish_read(StoreOp& op) {
  const std::size_t size = std::size_t{1} << block_shift();
  for (std::uint32_t b = 0; b < op.blocks; ++b) {
    const Index i = find(op.lba + b);
    if (i == kNone || entries_[i].pins == 0) continue;
    std::memcpy(op.data + b * size, block(i), size);
    --entries_[i].pins;
    settle(i);
  }
}

// What goes into the cache; larger or deallocating operations go to the base behind a write-back of their
// range.
bool OverlayStore::cacheable(const StoreOp& op) const {
  if (op.action == StoreAction::kWrite) return true;
  return op.action == StoreAction::kZero && (std::uint64_t{op.blocks} << block_shift()) <= kBatchBytes;
}

bool OverlayStore::fits(const StoreOp& op) const {
  std::uint64_t missing = 0;
  for (std::uint32_t b = 0; b < op.blocks; ++b) missing += find(op.lba + b) == kNone;
  return missing <= capacity_ - used_;
}

void OverlayStore::take(StoreOp& op) {
  const std::size_t size = std::size_t{1} << block_shift();
  for (std::uint32_t b = 0; b < op.blocks; ++b) {
    Index i = find(op.lba + b);
    if (i == kNone) i = insert(op.lba + b);
    Entry& e = entries_[i];
    NVTEE_CHECK(e.pins == 0, "writers wait for readers of the same blocks");
    if (op.action == StoreAction::kWrite)
      std::memcpy(block(i), op.data + b * size, size);
    else
      std::memset(block(i), 0, size);
    // An older dirty content keeps the entry's place: a flush that covers it must still cover the block.
    if (e.dirty) continue;
    e.first_dirty = version_;
    append_dirty(i);
  }
  for (std::uint32_t b = 0; chaos_ && b < op.blocks; ++b) {
    if ((random() & 7) != 0) continue;
    const Index i = find(op.lba + b);
    if (i != kNone && entries_[i].dirty && !entries_[i].writing) start_batch(i, 1);
  }
}

OverlayStore::Task& OverlayStore::new_task(StoreOp& user, Wait wait) {
  if (!free_task_) {
    tasks_.push_back(std::make_unique<Task>());
    free_task_ = tasks_.back().get();
    free_task_->next = nullptr;
  }
  Task& t = *free_task_;
  free_task_ = t.next;
  t.user = &user;
  t.wait = wait;
  t.prev = t.next = nullptr;
  return t;
}

void OverlayStore::enqueue(Task& t) {
  t.next = nullptr;
  t.prev = waiting_last_;
  (waiting_last_ ? waiting_last_->next : waiting_first_) = &t;
  waiting_last_ = &t;
  space_waiters_ += t.wait == Wait::kSpace;
}

void OverlayStore::dequeue(Task& t) {
  (t.prev ? t.prev->next : waiting_first_) = t.next;
  (t.next ? t.next->prev : waiting_last_) = t.prev;
  t.prev = t.next = nullptr;
  space_waiters_ -= t.wait == Wait::kSpace;
}

void OverlayStore::complete(Task& t, spec::Status status) {
  StoreOp& user = *t.user;
  t.next = free_task_;
  free_task_ = &t;
  if (&user == starting_)
    started_ = status;
  else
    user.client->on_store_done(user, status);
}

bool OverlayStore::advance(Task& t) {
  StoreOp& user = *t.user;
  switch (t.wait) {
    case Wait::kSpace:
      if (!fits(user)) return false;
      dequeue(t);
      take(user);
      if (!user.fua) {
        complete(t, st::kOk);
        return true;
      }
      t.wait = Wait::kRange;
      enqueue(t);
      return true;
    case Wait::kRange:
      if (!range_settled(user)) {
        write_back_range(user);
        return false;
      }
      dequeue(t);
      to_base(t, cacheable(user) ? StoreAction::kFlush : user.action);
      return true;
    case Wait::kAll:
      if (!all_settled(t.version)) {
        write_back_until(t.version);
        return false;
      }
      dequeue(t);
      to_base(t, StoreAction::kFlush);
      return true;
    case Wait::kBase:
    case Wait::kRead:
      break;
  }
  return false;
}

void OverlayStore::to_base(Task& t, StoreAction action) {
  t.wait = Wait::kBase;
  t.base_op.action = action;
  t.base_op.fua = t.user->fua;
  t.base_op.lba = t.user->lba;
  t.base_op.blocks = t.user->blocks;
  t.base_op.data = nullptr;
  t.base_op.client = this;
  if (const auto status = base_.start(t.base_op)) complete(t, *status);
}

bool OverlayStore::range_settled(const StoreOp& op) const {
  bool settled = true;
  for_each_in_range(op, [&](Index i) { settled &= !entries_[i].dirty && !entries_[i].writing; });
  return settled;
}

bool OverlayStore::all_settled(std::uint64_t version) const {
  if (oldest_ != kNone && entries_[oldest_].first_dirty <= version) return false;
  return std::ranges::none_of(batches_, [&](const Batch& b) { return b.busy && b.oldest <= version; });
}

// ---- write-back ------------------------------------------------------------------------------------------

void OverlayStore::pump() {
  pump_again_ = true;
  if (pumping_) return;
  pumping_ = true;
  while (std::exchange(pump_again_, false)) {
    if (failure_) fail_waiters(*std::exchange(failure_, std::nullopt));
    pump_again_ |= advance_one();
    relieve();
    // A failure inside this round is told to those who wait now; it is no reason for a round of its own.
    if (failure_) fail_waiters(*std::exchange(failure_, std::nullopt));
  }
  pumping_ = false;
}

// The first waiter that can go on does. Room is given in order of arrival.
bool OverlayStore::advance_one() {
  bool room = true;
  for (Task* t = waiting_first_; t && !failure_; t = t->next) {
    if (t->wait == Wait::kSpace && !std::exchange(room, false)) continue;
    if (advance(*t)) return true;
  }
  return false;
}

bool OverlayStore::start_batch(Index first, std::uint32_t most_blocks) {
  Batch* batch = free_batch();
  if (!batch) return false;
  const std::size_t size = std::size_t{1} << block_shift();
  most_blocks = std::min(most_blocks, kBatchBytes >> block_shift());
  batch->busy = true;
  batch->op = StoreOp{};
  batch->op.action = StoreAction::kWrite;
  batch->op.lba = entries_[first].lba;
  batch->op.data = batch->buffer;
  batch->op.client = this;
  batch->oldest = entries_[first].first_dirty;
  for (Index i = first;
       i != kNone && entries_[i].dirty && !entries_[i].writing && batch->op.blocks < most_blocks;) {
    std::memcpy(batch->buffer + batch->op.blocks * size, block(i), size);
    batch->oldest = std::min(batch->oldest, entries_[i].first_dirty);
    unlink_dirty(i);
    entries_[i].writing = true;
    ++batch->op.blocks;
    i = find(batch->op.lba + batch->op.blocks);
  }
  if (const auto status = base_.start(batch->op)) batch_done(*batch, *status);
  return true;
}

void OverlayStore::write_back_range(const StoreOp& op) {
  for_each_in_range(op, [&](Index i) {
    if (entries_[i].used && entries_[i].dirty && !entries_[i].writing) start_batch(i, kBatchBytes);
  });
}

void OverlayStore::write_back_until(std::uint64_t version) {
  for (Index i = oldest_; i != kNone && entries_[i].first_dirty <= version && !failure_;) {
    // A batch takes neighbours out of the list too: start over from its head.
    if (entries_[i].writing) {
      i = entries_[i].next;
      continue;
    }
    if (!start_batch(i, kBatchBytes)) return;
    i = oldest_;
  }
}

// Keeps room: writes back the oldest blocks when somebody waits for room, or above three quarters.
void OverlayStore::relieve() {
  if (stalled_) return;
  for (Index i = oldest_; i != kNone && (space_waiters_ != 0 || used_ > capacity_ / 4 * 3) && !failure_;) {
    if (entries_[i].writing) {
      i = entries_[i].next;
      continue;
    }
    if (!start_batch(i, kBatchBytes)) return;
    i = oldest_;
  }
}

void OverlayStore::batch_done(Batch& b, spec::Status status) {
  b.busy = false;
  const bool ok = status == st::kOk;
  for (std::uint32_t n = 0; n < b.op.blocks; ++n) {
    const Index i = find(b.op.lba + n);
    NVTEE_CHECK(i != kNone && entries_[i].writing, "a block being written back stays in the cache");
    entries_[i].writing = false;
    // Failed and not overwritten meanwhile: it is still the only copy.
    if (!ok && !entries_[i].dirty) prepend_dirty(i);
    settle(i);
  }
  if (ok) {
    written_back_ += b.op.blocks;
    pump_again_ = true;
  } else {
    failure_ = status;
    stalled_ = true;
  }
}

// After a failed write-back nobody can be told that data is stable; the next flush tries again.
void OverlayStore::fail_waiters(spec::Status status) {
  while (Task* t = waiting_first_) {
    dequeue(*t);
    complete(*t, status);
  }
}

OverlayStore::Batch* OverlayStore::free_batch() {
  const auto it = std::ranges::find(batches_, false, &Batch::busy);
  return it == batches_.end() ? nullptr : &*it;
}

void OverlayStore::on_store_done(StoreOp& op, spec::Status status) {
  for (Batch& b : batches_) {
    if (&b.op != &op) continue;
    batch_done(b, status);
    pump();
    return;
  }
  for (const auto& t : tasks_) {
    if (&t->base_op != &op) continue;
    if (t->wait == Wait::kRead) finish_read(*t->user);
    complete(*t, status);
    pump();
    return;
  }
  NVTEE_CHECK(false, "the base completes what the cache started");
}

void OverlayStore::lose_power() {
  fail_waiters(st::kPowerLossAbort);
  lost_ += dirty_;
  while (oldest_ != kNone) {
    const Index i = oldest_;
    unlink_dirty(i);
    settle(i);
  }
}

std::uint64_t OverlayStore::random() {  // splitmix64
  std::uint64_t z = random_state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace nvtee::target
