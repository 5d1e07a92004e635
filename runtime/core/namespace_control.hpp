// The control machine of one namespace: legs, epoch, open set, dirty maps, reconcile, resync, gates, verify.
// No I/O: step() turns an event into actions; the engine carries them out in order and reports back. The
// simulator is another such driver.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hw/kernels/tee_core/records.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/time.hpp"
#include "runtime/core/machine_states.hpp"
#include "runtime/store/meta_store.hpp"

namespace nvtee::core {

constexpr unsigned kMaxLegs = 4;

enum class LegState : std::uint8_t { kNone, kInSync, kStale, kSyncing, kRemoved };

// A leg as configured: which namespace of which peer.
struct LegSpec {
  std::string peer;        // name of the peer in the configuration
  std::uint32_t nsid = 1;  // on that peer
};

struct NamespaceSpec {
  std::string name;        // unique, for people
  std::string subsystem;   // front NQN
  std::uint32_t nsid = 1;  // front NSID
  std::array<std::uint8_t, 16> nguid{}, uuid{};
  std::uint64_t blocks = 0;
  std::uint8_t block_shift = 12;
  std::uint64_t region_bytes = 0;  // power of two, 1-64 MiB, >= MDTS; 0 = chosen by size at create
};

// Times of DESIGN §6; all may be changed by config, tests shorten them.
struct Times {
  Duration leg_deadline = 2 * kSecond;
  Duration probe = 100 * kMillisecond;  // a surviving leg must answer something newer than the failure
  Duration gate = 2 * kSecond;          // T_gate: a store commit slower than this closes the namespace
  Duration hold = 20 * kSecond;         // T_hold: no leg left
  Duration guard_time = 4 * kSecond;    // in doubt: a lost leg's old commands may still execute this long
  Duration reconnect_min = 100 * kMillisecond, reconnect_max = 10 * kSecond;
  Duration start_wait = 5 * kSecond;   // at start: an in-sync leg that is not there by then is faulted
  Duration idle_close = 30 * kSecond;  // an open region not written for this long is closed
  unsigned flap_limit = 5;             // faults within flap_window: then an operator must `leg online`
  Duration flap_window = 600 * kSecond;
};

struct Limits {
  std::uint64_t open_max_bytes = std::uint64_t{1} << 30;  // soft cap of the open set
  unsigned copy_depth = 4;                                // chunks in flight of resync/reconcile
  std::uint32_t chunk_bytes = 128 * 1024;                 // <= MDTS of every leg
  std::uint64_t resync_max_bytes_per_s = 0;               // 0 = only the latency throttle
};

// What the engine reports about a leg's association that came up.
struct LegFacts {
  std::uint64_t blocks = 0;
  std::uint8_t block_shift = 0;
  std::uint32_t max_transfer = 0;  // bytes; 0 = no limit
  std::uint32_t in_capsule = 0;    // bytes
  bool volatile_cache = false;
  bool write_zeroes = false, compare = false;
  std::array<std::uint8_t, 16> nguid{};  // identity of the peer's namespace: a leg must come back as itself
  std::uint64_t eui64 = 0;
  std::string serial, model;
  std::uint16_t cntlid = 0;
  bool reservations = false;  // ONCS and RESCAP: Exclusive Access that persists through power loss
};

// A reservation command for a leg (Exclusive Access throughout), and its answer.
struct Reserve {
  enum class Op : std::uint8_t {
    kReport,
    kRegister,    // `other`: the new key; persistent
    kReplace,     // `current` by `other`
    kUnregister,  // `current`; releases too
    kAcquire,     // `current`
    kPreempt,     // and abort: `current` is ours, `other` that of the victims, whose commands are over then
  };
  Op op = Op::kReport;
  std::uint64_t current = 0, other = 0;
};
struct Reserved {
  struct Registrant {
    std::uint64_t key = 0;
    bool ours = false;       // this association's Host Identifier
    bool same_node = false;  // another association of this process
    bool holder = false;
  };
  spec::Status status = 0;
  // Of a report:
  std::uint8_t type = 0;  // spec::resv, 0 = no reservation
  bool persistent = false;
  bool truncated = false;  // more registrants than there are here
  std::vector<Registrant> registrants;
};

struct Input {
  enum class Kind : std::uint8_t {
    kStart,        // once, after construction
    kTime,         // a deadline that wake_at() asked for has come
    kCore,         // event of the tee core for this namespace (or for a tag/slot that this machine owns)
    kLegUp,        // leg, gen, facts
    kLegDown,      // leg, gen, text, transient: its association ended or could not be made
    kLegDeadline,  // leg, gen: it owes an answer longer than leg_deadline (pauses of ours subtracted)
    kStoreDone,    // txn, ok (false: error or condition failed)
    kBuffer,       // slot, equal, offset: result of a kCompareBuffer
    kHostLatency,  // nanos: recent mean latency of host writes; 0 = idle. About each 100 ms while copying
    kAddLeg,
    kRemoveLeg,
    kFaultLeg,
    kOnlineLeg,  // operator: leg (or spec for add)
    kVerifyStart,
    kVerifyStop,
    kDrain,      // the daemon stops: close what is open, then action kDrained
    kWayWanted,  // another namespace's kWayWanted, with `region` = hash of its set for us:
                 // tee::region_hash_of_set()
    kReserved,   // leg, gen, reserved: answer of a kReserve
  };
  Kind kind = Kind::kTime;
  unsigned leg = 0;
  std::uint8_t gen = 0;
  tee::Event event{};
  LegFacts facts{};
  Reserved reserved{};
  LegSpec spec{};
  std::string text;
  bool transient = true;
  std::uint64_t txn = 0;
  bool ok = false;           // kDrain: give the legs' reservations back, the namespace is deleted
  bool conflict = false;     // kStoreDone, with ok = false: a condition failed (Outcome::kConditionFailed)
  std::uint32_t region = 0;  // kWayWanted
  unsigned slot = 0;
  bool equal = false;
  std::uint32_t offset = 0;
  Duration nanos = 0;
  std::uint64_t request = 0;  // operator's request id: answered by exactly one kReply
};

enum class Severity : std::uint8_t { kInfo, kNotice, kWarning, kCritical };

struct Action {
  enum class Kind : std::uint8_t {
    kCtl,            // ctl: to the tee core, ns filled in by the driver
    kAttachLeg,      // leg, spec, gen: open an association; kLegUp or kLegDown follows
    kDetachLeg,      // leg: close its association at once; nothing of it is reported any more
    kCommit,         // txn, transaction: kStoreDone follows
    kSaveBuffer,     // slot: keep a copy of the slot's buffer (verify; one at a time)
    kCompareBuffer,  // slot, offset, length: compare that part of it with the copy; kBuffer follows (offset =
                     // first difference)
    kAna,            // ana_state: what the front shows (spec::ana)
    kEvent,          // severity, name, text: for the operator; name is stable ("leg.faulted")
    kReply,          // request, ok, text: end of an operator's request
    kDrained,
    kWayWanted,  // ctl.region: the core has no free way for it; give input kWayWanted to the engine's other
                 // namespaces
    kReserve,    // leg, gen, reserve: kReserved follows, or kLegDown, or kLegDeadline
  };
  Kind kind = Kind::kCtl;
  tee::Ctl ctl{};
  unsigned leg = 0;
  std::uint8_t gen = 0;
  LegSpec spec{};
  Reserve reserve{};
  std::uint64_t txn = 0;
  store::Transaction transaction;
  unsigned slot = 0;
  std::uint32_t offset = 0, length = 0;  // kCompareBuffer: bytes
  std::uint8_t ana_state = 0;
  Severity severity = Severity::kInfo;
  const char* name = "";
  std::string text;
  std::uint64_t request = 0;
  bool ok = true;
};
using Actions = std::vector<Action>;

// For `nvtee status`, metrics and tests.
struct LegStatus {
  LegState state = LegState::kNone;
  LegSpec spec;
  bool connected = false;
  bool needs_operator = false;
  std::uint64_t dirty_bytes = 0;    // durable dirty map
  std::uint64_t to_copy_bytes = 0;  // still to copy in this resync
  std::uint64_t copied_bytes = 0;   // by this resync
  std::string reason;               // why it is not in_sync, in words
  std::uint64_t faults = 0, media_errors = 0;
  Time next_attempt = 0;       // 0 = none
  Duration in_doubt_left = 0;  // guard time still to wait
  // What keeps old commands off it: a reservation, or waiting for guard_time.
  bool reservation = false;
  bool proven = false;          // by the reservation: nothing sent before this association can execute
  std::uint64_t fence_key = 0;  // as registered; 0 = none
};
struct NamespaceStatus {
  NamespaceSpec spec;
  std::uint64_t epoch = 0;
  std::uint64_t fence_number = 0;  // what the legs' keys carry: epoch + starts
  Duration guard_time = 0;
  std::array<LegStatus, kMaxLegs> legs;
  std::uint64_t open_regions = 0, open_bytes = 0, reconcile_bytes = 0;
  std::uint64_t misses = 0, closes = 0;
  bool gated = false;  // commands wait for an epoch, or are refused
  std::string gate_reason;
  std::uint8_t ana_state = 0;
  struct Verify {
    bool running = false, finished = false;
    std::uint64_t done_bytes = 0, total_bytes = 0, mismatched_blocks = 0;
    std::vector<std::uint64_t> first_mismatches;  // LBAs, at most 16
    std::string error;
  } verify;
  std::string health;               // ok | degraded | resyncing | reconciling | gated | down | unknown
  std::vector<std::string> advice;  // what to do, in words; empty when nothing is
};

class NamespaceControl {
 public:
  struct Setup {
    NamespaceSpec spec;
    Times times;
    Limits limits;
    unsigned region_sets_log2 = tee::CardConfig::kRegionSetBits;  // geometry of the core's region table
                                                                  // (shared by all namespaces of an engine)
    std::uint64_t first_txn = 1;
  };
  // A new namespace: legs given at create are all in_sync when `assume_equal` (fresh, known-equal legs), else
  // the first is in_sync and the others are stale with everything dirty. Returns the transaction that makes
  // it durable: commit, then restore().
  static Result<store::Transaction> create(const NamespaceSpec& spec, const std::vector<LegSpec>& legs,
                                           bool assume_equal);
  // Deletes all records of the namespace.
  static store::Transaction destroy(const std::vector<store::Transaction::Put>& records);
  // From the durable records of this namespace (as listed from the store). `clean` is found in them: an
  // unclean stop reconciles.
  static Result<std::unique_ptr<NamespaceControl>> restore(
      const Setup& setup, const std::vector<store::Transaction::Put>& records);
  ~NamespaceControl();

  void step(const Input& input, Time now, Actions& out);
  void set_resync_rate(std::uint64_t bytes_per_second);  // Limits::resync_max_bytes_per_s
  Time wake_at() const;                                  // next kTime wanted; kNever when none
  NamespaceStatus status(Time now) const;
  MachineStates machine_states() const;
  // Does this held slot / tag belong to this machine? (several namespaces share queue 0 of a core)
  std::uint16_t tag_base() const;
  void set_tag_base(std::uint16_t base);  // tags used are base..base+255

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  NamespaceControl();
};

// The transition tables of all machines of a namespace, as Markdown.
std::string transition_tables();
// Rows of them that this process has not taken, a line each: for tests.
std::string transitions_never_taken();

}  // namespace nvtee::core
