// What each block may legally hold: the shadow of a namespace that this program writes and checks.
//
// A block is an atomic register (DESIGN §7, P2 and P3). Every write has an interval from its submission to
// its end; an acknowledged one took effect inside it, a failed one (an error status) inside it or never, a
// lost one (the connection went) from its submission on, at any time before a newer write to the block took
// effect, or never. A read may return any value that some order of the effects allows, given everything read
// before: see candidates.
//
// Time is a counter of this object's: each begin and end is a tick, so that intervals have a known order.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "tools/nvtee-host/pattern.hpp"

namespace nvtee::host {

enum class WriteKind : std::uint8_t {
  kData,
  kZeroes,      // Write Zeroes
  kDeallocate,  // DSM: a hint. Zeroes (or ones, by DLFEAT), or nothing, now or later
};
enum class Outcome : std::uint8_t { kAcked, kFailed, kLost };

enum class Fault : std::uint8_t {
  kLost,         // an acknowledged write is missing, though it was never seen
  kStale,        // a value came back that a later read or write had replaced
  kTorn,         // a block, or one write's blocks, partly of one write and partly of another
  kMisdirected,  // data of another block or namespace
  kForeign,      // data of another writer or of an earlier session
  kCorrupt,      // nothing that was ever written
  kUnwritten,    // our own data where we have never written, or never with this sequence
  kMiscompare,   // Compare failed on data that must be equal
};
constexpr std::size_t kFaults = 8;
const char* fault_name(Fault fault);

struct Violation {
  Fault fault{};
  std::uint64_t lba = 0;
  std::uint64_t expected = 0;  // sequence of the newest value that must be there (0: none known)
  std::string text;            // for people
};

class Shadow {
 public:
  struct Identity {
    std::uint32_t nsid = 1;
    std::uint32_t block_size = 512;  // bytes, multiple of 64
    std::uint64_t blocks = 0;        // of the namespace
    std::uint64_t session = 0;
    std::array<std::uint8_t, 16> nguid{};
    bool operator==(const Identity&) const = default;
  };
  struct Rules {
    bool late_lost_writes = false;   // a lost write may take effect even after a newer one was acknowledged
    bool deallocate_zeroes = false;  // an acknowledged DSM reads back as zeroes at once
    bool deallocate_ones = true;     // deallocated blocks may read as ones (DLFEAT does not say zeroes)
    // The peer has a volatile write cache: what is neither flushed nor written with FUA may go at
    // power_lost(). Every value since the last Flush is kept in mind then, so loads should flush now and
    // then.
    bool volatile_cache = false;
  };
  using Op = std::uint32_t;  // a write or read in progress

  Shadow(const Identity& identity, const Rules& rules);
  ~Shadow();
  Shadow(Shadow&&) noexcept;
  Shadow& operator=(Shadow&&) noexcept;

  const Identity& identity() const { return identity_; }
  const Rules& rules() const { return rules_; }
  void set_rules(const Rules& rules) { rules_ = rules; }

  // Before the command is sent. The range lies inside the namespace.
  Op begin_write(WriteKind kind, std::uint64_t lba, std::uint32_t blocks, bool fua = false);
  std::uint64_t sequence(Op write) const;
  // The write's data (kData), for its buffer.
  void fill(Op write, std::span<std::byte> data) const;
  void end_write(Op write, Outcome outcome);

  // Flush: what was acknowledged before it began is durable once it has succeeded. (Says nothing unless
  // volatile_cache.)
  Op begin_flush();
  void end_flush(Op flush, bool ok);
  // All caches are gone; nothing is in progress. (Does nothing unless volatile_cache.)
  void power_lost();

  Op begin_read(std::uint64_t lba, std::uint32_t blocks);
  // Checks what was read; one violation per block is appended at most. A block found wrong accepts anything
  // from then on, until it is written again: a fault is told once.
  void end_read(Op read, std::span<const std::byte> data, std::vector<Violation>& out);
  void drop_read(Op read);  // it failed: it says nothing

  // Compare: `data` is filled with what is most likely there; false if some block's content is not known.
  bool expect(std::uint64_t lba, std::uint32_t blocks, std::span<std::byte> data) const;
  // begin_read() before, this after a Compare of `data`. `equal`: success; else 2/85h.
  void end_compare(Op read, std::span<const std::byte> data, bool equal, std::vector<Violation>& out);

  // The next run of blocks that were ever written, at or after `from`; blocks 0 when there is none.
  struct Run {
    std::uint64_t lba = 0;
    std::uint32_t blocks = 0;
  };
  Run next_written(std::uint64_t from, std::uint32_t most) const;

  std::uint64_t blocks_in_doubt() const;  // blocks with more than one legal value
  std::uint64_t last_sequence() const { return sequence_; }

  // State file: docs in shadow_file.cpp. Writes in progress are saved as lost ones.
  Status0 save(const std::string& path) const;
  static Result<Shadow> load(const std::string& path, const Rules& rules);

 private:
  using Tick = std::uint64_t;
  static constexpr Tick kNever = ~Tick{0};
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  enum class Value : std::uint8_t { kUntouched, kPattern, kZeroes, kOnes, kAnything };
  enum class Fate : std::uint8_t { kInFlight, kAcked, kFailed, kLost };

  // One value that a block may hold, or may have held while a read in progress was under way.
  struct Candidate {
    std::uint64_t sequence = 0;
    Tick begun = 0;
    Tick ended = kNever;  // when its command ended, whatever the end
    Tick seen = kNever;   // end of the first read that returned it, beyond doubt
    Tick dead = kNever;   // reads begun from here on must not return it
    std::uint32_t next = kNone;
    Value value = Value::kUntouched;
    Fate fate = Fate::kAcked;
    bool replaced_for_good = false;  // by something durable: no loss of power brings it back
  };

  // Per block, 8 bytes: kind in bits 63:61, "seen" in bit 60, below that the sequence, or the first candidate
  // of a list when there is more to say than one settled value.
  enum class Kind : std::uint8_t { kUntouched, kPattern, kZeroes, kAnything, kList };
  struct Entry {
    std::uint64_t bits = 0;
    Kind kind() const { return static_cast<Kind>(bits >> 61); }
    bool seen() const { return (bits >> 60) & 1; }
    std::uint64_t number() const { return bits & ((1ull << 60) - 1); }
    static Entry make(Kind k, bool seen, std::uint64_t number) {
      return {static_cast<std::uint64_t>(k) << 61 | std::uint64_t{seen} << 60 | number};
    }
  };
  static constexpr std::uint64_t kPageBlocks = 16384;
  using Page = std::array<Entry, kPageBlocks>;

  struct Operation {
    std::uint64_t lba = 0;
    std::uint32_t blocks = 0;
    bool busy = false, write = false, fua = false;
    WriteKind kind = WriteKind::kData;
    std::uint64_t sequence = 0;
    Tick begun = 0;
    Op next = kNone, prev = kNone;  // reads in progress, or the free ones (next)
  };

  struct Match;
  Entry& entry(std::uint64_t lba);
  Entry entry_or_none(std::uint64_t lba) const;
  std::uint32_t new_candidate();
  void free_list(std::uint32_t first);
  std::uint32_t expand(Entry& e);
  void push(Entry& e, const Candidate& c);
  void note_list(std::uint64_t lba);
  void tidy(Entry& e, Tick horizon);
  Tick horizon(std::uint64_t lba, std::uint32_t blocks) const;
  Op new_operation();
  void release(Op op);
  Tick settled(const Candidate& c) const;
  static Tick settled_for_sure(const Candidate& c);
  Value value_of(const BlockContent& content, std::uint64_t lba) const;
  bool could_be(const Candidate& c, const BlockContent& content, std::uint64_t lba) const;
  bool check_block(Entry& e, std::uint64_t lba, std::span<const std::byte> block, const Operation& read,
                   Violation& out);
  bool check_list(Entry& e, std::uint64_t lba, const BlockContent& content, const Operation& read);
  void disown(Entry& e, Tick now);
  Violation name(Entry e, std::uint64_t lba, const BlockContent& content) const;
  std::string describe_expected(Entry e, std::uint64_t* newest, bool* newest_seen) const;
  void mark_partial_writes(const Operation& read, std::span<const std::byte> data,
                           std::vector<Violation>& out, std::size_t from) const;
  bool only_value(Entry e, std::uint64_t lba, std::span<const std::byte> block, Tick read_begun) const;

  Identity identity_;
  Rules rules_;
  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<Candidate> candidates_;
  std::uint32_t free_candidate_ = kNone;
  std::vector<Operation> operations_;
  Op free_operation_ = kNone;
  Op reads_ = kNone;  // list of reads in progress
  // volatile_cache: the blocks whose entry is a list, some more than once.
  std::vector<std::uint64_t> lists_;
  Tick power_lost_at_ = 0;
  Tick tick_ = 1;
  std::uint64_t sequence_ = 0;
};

}  // namespace nvtee::host
