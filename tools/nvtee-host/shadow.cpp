#include "tools/nvtee-host/shadow.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/check.hpp"

namespace nvtee::host {

Shadow::Shadow(const Identity& identity, const Rules& rules) : identity_(identity), rules_(rules) {
  NVTEE_CHECK(identity.block_size != 0 && identity.block_size % kCellBytes == 0, "blocks are whole cells");
  pages_.resize((identity.blocks + kPageBlocks - 1) / kPageBlocks);
}

Shadow::~Shadow() = default;
Shadow::Shadow(Shadow&&) noexcept = default;
Shadow& Shadow::operator=(Shadow&&) noexcept = default;

// ---- entries and their lists -----------------------------------------------------------------------------

Shadow::Entry& Shadow::entry(std::uint64_t lba) {
  auto& page = pages_[lba / kPageBlocks];
  if (!page) page = std::make_unique<Page>();
  return (*page)[lba % kPageBlocks];
}

Shadow::Entry Shadow::entry_or_none(std::uint64_t lba) const {
  const auto& page = pages_[lba / kPageBlocks];
  return page ? (*page)[lba % kPageBlocks] : Entry{};
}

std::uint32_t Shadow::new_candidate() {
  if (free_candidate_ == kNone) {
    candidates_.emplace_back();
    return static_cast<std::uint32_t>(candidates_.size() - 1);
  }
  return std::exchange(free_candidate_, candidates_[free_candidate_].next);
}

// Turns the entry into a list; a settled value is older than anything that is in progress.
std::uint32_t Shadow::expand(Entry& e) {
  if (e.kind() == Kind::kList) return static_cast<std::uint32_t>(e.number());
  Candidate c;
  c.value = e.kind() == Kind::kPattern    ? Value::kPattern
            : e.kind() == Kind::kZeroes   ? Value::kZeroes
            : e.kind() == Kind::kAnything ? Value::kAnything
                                          : Value::kUntouched;
  c.sequence = e.number();
  c.ended = 0;
  c.seen = e.seen() ? 0 : kNever;
  const std::uint32_t at = new_candidate();
  candidates_[at] = c;
  e = Entry::make(Kind::kList, false, at);
  return at;
}

void Shadow::push(Entry& e, const Candidate& c) {
  const std::uint32_t first = expand(e);
  const std::uint32_t at = new_candidate();
  candidates_[at] = c;
  candidates_[at].next = first;
  e = Entry::make(Kind::kList, false, at);
}

// Drops dead candidates that no read in progress may still return (`horizon`: the oldest such read's begin),
// and folds the list when one settled value is left.
void Shadow::tidy(Entry& e, Tick horizon) {
  if (e.kind() != Kind::kList) return;
  std::uint32_t kept = kNone, left = 0;
  for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone;) {
    Candidate& c = candidates_[at];
    const std::uint32_t next = c.next;
    const bool may_return = rules_.volatile_cache && c.dead != 0 && !c.replaced_for_good;
    if (c.dead != kNever && c.dead <= horizon && !may_return) {
      c.next = std::exchange(free_candidate_, at);
    } else {
      c.next = std::exchange(kept, at);
      ++left;
    }
    at = next;
  }
  if (left == 0) {  // no value is legal any more: only after a contradiction that was told already
    e = Entry::make(Kind::kAnything, false, 0);
    return;
  }
  e = Entry::make(Kind::kList, false, kept);
  if (left != 1) return;
  Candidate& only = candidates_[kept];
  if (only.dead != kNever || only.fate == Fate::kInFlight || only.value == Value::kOnes) return;
  const Kind kind = only.value == Value::kPattern    ? Kind::kPattern
                    : only.value == Value::kZeroes   ? Kind::kZeroes
                    : only.value == Value::kAnything ? Kind::kAnything
                                                     : Kind::kUntouched;
  e = kind == Kind::kUntouched ? Entry{} : Entry::make(kind, only.seen != kNever, only.sequence);
  only.next = std::exchange(free_candidate_, kept);
}

// Begin of the oldest read in progress that overlaps the range.
Shadow::Tick Shadow::horizon(std::uint64_t lba, std::uint32_t blocks) const {
  Tick oldest = kNever;
  for (Op r = reads_; r != kNone; r = operations_[r].next) {
    const Operation& o = operations_[r];
    if (o.lba < lba + blocks && lba < o.lba + o.blocks) oldest = std::min(oldest, o.begun);
  }
  return oldest;
}

// ---- operations ------------------------------------------------------------------------------------------

Shadow::Op Shadow::new_operation() {
  Op op = free_operation_;
  if (op == kNone) {
    operations_.emplace_back();
    op = static_cast<Op>(operations_.size() - 1);
  } else {
    free_operation_ = operations_[op].next;
  }
  operations_[op] = {};
  operations_[op].busy = true;
  return op;
}

void Shadow::release(Op op) {
  Operation& o = operations_[op];
  if (!o.write) {
    (o.prev == kNone ? reads_ : operations_[o.prev].next) = o.next;
    if (o.next != kNone) operations_[o.next].prev = o.prev;
  }
  o.busy = false;
  o.prev = kNone;
  o.next = std::exchange(free_operation_, op);
}

Shadow::Op Shadow::begin_write(WriteKind kind, std::uint64_t lba, std::uint32_t blocks, bool fua) {
  NVTEE_CHECK(blocks != 0 && lba + blocks <= identity_.blocks, "writes lie inside the namespace");
  const Op op = new_operation();
  Operation& o = operations_[op];
  o.write = true;
  o.fua = fua;
  o.kind = kind;
  o.lba = lba;
  o.blocks = blocks;
  o.sequence = ++sequence_;
  o.begun = tick_++;
  Candidate c;
  c.sequence = o.sequence;
  c.begun = o.begun;
  c.fate = Fate::kInFlight;
  c.value = kind == WriteKind::kData ? Value::kPattern : Value::kZeroes;
  const bool ones = kind == WriteKind::kDeallocate && rules_.deallocate_ones && !rules_.deallocate_zeroes;
  for (std::uint32_t i = 0; i < blocks; ++i) {
    Entry& e = entry(lba + i);
    if (e.kind() != Kind::kList) note_list(lba + i);
    push(e, c);
    if (!ones) continue;
    Candidate other = c;
    other.value = Value::kOnes;
    push(e, other);
  }
  return op;
}

std::uint64_t Shadow::sequence(Op write) const {
  return operations_[write].sequence;
}

void Shadow::fill(Op write, std::span<std::byte> data) const {
  const Operation& o = operations_[write];
  NVTEE_CHECK(o.write && o.kind == WriteKind::kData, "only data writes carry data");
  NVTEE_CHECK(data.size() == std::size_t{o.blocks} * identity_.block_size, "the buffer has the write's size");
  for (std::uint32_t i = 0; i < o.blocks; ++i)
    fill_block(data.subspan(std::size_t{i} * identity_.block_size, identity_.block_size),
               {o.lba + i, o.sequence, identity_.session, identity_.nsid});
}

// From which tick on it is sure that the value has taken effect or never will, as far as newer writes are
// concerned: a lost write cannot come after a newer one that was begun later (unless the rules say so).
Shadow::Tick Shadow::settled(const Candidate& c) const {
  const bool open = c.fate == Fate::kInFlight || (c.fate == Fate::kLost && rules_.late_lost_writes);
  return open ? c.seen : std::min(c.ended, c.seen);
}

// The same where nothing newer is involved: a lost write may still come.
Shadow::Tick Shadow::settled_for_sure(const Candidate& c) {
  const bool sure = c.fate == Fate::kAcked || c.fate == Fate::kFailed;
  return sure ? std::min(c.ended, c.seen) : c.seen;
}

void Shadow::end_write(Op write, Outcome outcome) {
  const Operation o = operations_[write];
  NVTEE_CHECK(o.busy && o.write, "a write ends once");
  const Tick now = tick_++;
  // A hint that was taken may be followed later, or not at all.
  if (o.kind == WriteKind::kDeallocate && !rules_.deallocate_zeroes) outcome = Outcome::kLost;
  const Fate fate = outcome == Outcome::kAcked    ? Fate::kAcked
                    : outcome == Outcome::kFailed ? Fate::kFailed
                                                  : Fate::kLost;
  const Tick oldest_read = horizon(o.lba, o.blocks);
  for (std::uint32_t i = 0; i < o.blocks; ++i) {
    Entry& e = entry(o.lba + i);
    if (e.kind() != Kind::kList) continue;  // its value was seen to be replaced meanwhile
    bool alive = false;
    for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone; at = candidates_[at].next) {
      Candidate& c = candidates_[at];
      if (c.sequence != o.sequence || c.fate != Fate::kInFlight) continue;
      c.ended = now;
      c.fate = fate;
      alive |= c.dead == kNever;
    }
    // What was settled before an acknowledged write began is gone. If that write itself has been replaced,
    // all that it replaced was told when that was seen.
    for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone && fate == Fate::kAcked;
         at = candidates_[at].next) {
      Candidate& c = candidates_[at];
      if (c.sequence == o.sequence || settled(c) >= o.begun) continue;
      if (alive && c.dead == kNever) c.dead = now;
      c.replaced_for_good |= o.fua;
    }
    tidy(e, oldest_read);
  }
  release(write);
}

Shadow::Op Shadow::begin_read(std::uint64_t lba, std::uint32_t blocks) {
  NVTEE_CHECK(blocks != 0 && lba + blocks <= identity_.blocks, "reads lie inside the namespace");
  const Op op = new_operation();
  Operation& o = operations_[op];
  o.lba = lba;
  o.blocks = blocks;
  o.begun = tick_++;
  o.next = reads_;
  if (reads_ != kNone) operations_[reads_].prev = op;
  reads_ = op;
  return op;
}

void Shadow::drop_read(Op read) {
  const Operation o = operations_[read];
  NVTEE_CHECK(o.busy && !o.write, "a read ends once");
  release(read);
  const Tick oldest_read = horizon(o.lba, o.blocks);
  for (std::uint32_t i = 0; i < o.blocks; ++i) {
    if (entry_or_none(o.lba + i).kind() == Kind::kList) tidy(entry(o.lba + i), oldest_read);
  }
}

// ---- volatile caches -------------------------------------------------------------------------------------

void Shadow::note_list(std::uint64_t lba) {
  if (rules_.volatile_cache) lists_.push_back(lba);
}

Shadow::Op Shadow::begin_flush() {
  const Op op = new_operation();
  operations_[op].write = true;
  operations_[op].begun = tick_++;
  return op;
}

// A value that was settled before the newest durable write to its block began cannot come back.
void Shadow::end_flush(Op flush, bool ok) {
  const Tick begun = operations_[flush].begun;
  release(flush);
  ++tick_;
  if (!ok || !rules_.volatile_cache) return;
  std::sort(lists_.begin(), lists_.end());
  lists_.erase(std::unique(lists_.begin(), lists_.end()), lists_.end());
  Tick oldest_read = kNever;
  for (Op r = reads_; r != kNone; r = operations_[r].next)
    oldest_read = std::min(oldest_read, operations_[r].begun);
  std::size_t kept = 0;
  for (const std::uint64_t lba : lists_) {
    Entry& e = entry(lba);
    if (e.kind() != Kind::kList) continue;
    Tick newest = 0;
    for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone; at = candidates_[at].next) {
      const Candidate& c = candidates_[at];
      if (c.fate == Fate::kAcked && c.ended < begun) newest = std::max(newest, c.begun);
    }
    for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone; at = candidates_[at].next)
      candidates_[at].replaced_for_good |= settled(candidates_[at]) < newest;
    tidy(e, oldest_read);
    if (e.kind() == Kind::kList) lists_[kept++] = lba;
  }
  lists_.resize(kept);
}

// Each block holds one of the values that it had since the last time it was made durable: which one is
// settled now.
void Shadow::power_lost() {
  if (!rules_.volatile_cache) return;
  power_lost_at_ = tick_++;
  for (const std::uint64_t lba : lists_) {
    const Entry e = entry(lba);
    if (e.kind() != Kind::kList) continue;
    for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone; at = candidates_[at].next) {
      Candidate& c = candidates_[at];
      NVTEE_CHECK(c.fate != Fate::kInFlight, "commands end before the power is lost");
      if (c.dead != kNever && (c.dead == 0 || c.replaced_for_good)) continue;
      c.dead = c.seen = kNever;
      c.ended = power_lost_at_;
      if (c.fate == Fate::kFailed) c.fate = Fate::kAcked;
    }
  }
}

// ---- questions -------------------------------------------------------------------------------------------

bool Shadow::expect(std::uint64_t lba, std::uint32_t blocks, std::span<std::byte> data) const {
  for (std::uint32_t i = 0; i < blocks; ++i) {
    const auto block = data.subspan(std::size_t{i} * identity_.block_size, identity_.block_size);
    const Entry e = entry_or_none(lba + i);
    Value value = e.kind() == Kind::kPattern  ? Value::kPattern
                  : e.kind() == Kind::kZeroes ? Value::kZeroes
                                              : Value::kUntouched;
    std::uint64_t sequence = e.number();
    if (e.kind() == Kind::kList) {
      // The newest that is there for sure, else the newest of all.
      const Candidate* best = nullptr;
      for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone;
           at = candidates_[at].next) {
        const Candidate& c = candidates_[at];
        const auto rank = [](const Candidate& x) { return std::pair(x.fate == Fate::kAcked, x.sequence); };
        if (c.dead == kNever && (!best || rank(c) > rank(*best))) best = &c;
      }
      value = best ? best->value : Value::kUntouched;
      sequence = best ? best->sequence : 0;
    }
    if (value == Value::kUntouched || value == Value::kAnything) return false;
    if (value == Value::kPattern)
      fill_block(block, {lba + i, sequence, identity_.session, identity_.nsid});
    else
      std::fill(block.begin(), block.end(), value == Value::kOnes ? std::byte{0xff} : std::byte{0});
  }
  return true;
}

Shadow::Run Shadow::next_written(std::uint64_t from, std::uint32_t most) const {
  for (std::uint64_t lba = from; lba < identity_.blocks;) {
    const auto& page = pages_[lba / kPageBlocks];
    if (!page) {
      lba = (lba / kPageBlocks + 1) * kPageBlocks;
      continue;
    }
    if (entry_or_none(lba).kind() == Kind::kUntouched) {
      ++lba;
      continue;
    }
    Run run{lba, 0};
    while (run.blocks < most && lba + run.blocks < identity_.blocks &&
           entry_or_none(lba + run.blocks).kind() != Kind::kUntouched)
      ++run.blocks;
    return run;
  }
  return {};
}

std::uint64_t Shadow::blocks_in_doubt() const {
  std::uint64_t n = 0;
  for (const auto& page : pages_) {
    if (!page) continue;
    for (const Entry e : *page) {
      if (e.kind() != Kind::kList) continue;
      const Candidate* first = nullptr;
      bool doubt = false;
      for (std::uint32_t at = static_cast<std::uint32_t>(e.number()); at != kNone;
           at = candidates_[at].next) {
        const Candidate& c = candidates_[at];
        if (c.dead != kNever) continue;
        if (!first) first = &c;
        // Two commands that leave zeroes leave the same.
        doubt |= c.value != first->value || (c.value == Value::kPattern && c.sequence != first->sequence);
      }
      n += doubt;
    }
  }
  return n;
}

}  // namespace nvtee::host
