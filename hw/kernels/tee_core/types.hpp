// Records between the tee core's own kernels, and the sizes that follow from a Config. HLS subset.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_TYPES_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_TYPES_HPP

#include <ap_int.h>
#include <hls_stream.h>
#include <stdint.h>

#include "hw/kernels/tee_core/mutants.hpp"
#include "hw/kernels/tee_core/records.hpp"
#include "hw/nvme/spec.hpp"
#include "hw/nvme/status_class.hpp"

// Functions of a kernel are wires: natively, calls on the way of every command cost more than what they do.
#define NVTEE_TEE_INLINE __attribute__((always_inline)) inline

namespace nvtee {
namespace tee {

template <class C>
struct Sizes {
  static constexpr unsigned kQueues = 1u << C::kQueueBits;
  static constexpr unsigned kDepth = 1u << C::kDepthBits;
  static constexpr unsigned kSlots = kQueues * kDepth;
  static constexpr unsigned kNamespaces = 1u << C::kNsBits;
  static constexpr unsigned kMaxBlocks = 1u << C::kMaxBlockBits;
  static constexpr unsigned kMaxBytes = kMaxBlocks * 512u;  // of a slot's buffer: MDTS
  static constexpr unsigned kGuard = 1u << C::kGuardBits;
  static constexpr unsigned kSets = 1u << C::kRegionSetBits;
  static_assert(C::kQueueBits <= 6 && C::kDepthBits <= 7 && C::kNsBits <= 6, "the records' fields end there");
  static_assert(C::kMaxBlockBits <= 8 && C::kMaxBlockBits + 2 <= C::kGuardBits && C::kGuardBits <= 16,
                "a command's blocks fill at most a quarter of the guard, so they never collide");
};

// What a kernel's step did. The software body schedules by it; a top ignores it.
enum class Step { kIdle, kMoved, kBlocked };  // no input; took a record; an output that may be needed is full

constexpr unsigned kLegs = 4;
constexpr unsigned kMaxInCapsule = 8192;

// Slots are dense: queue << kDepthBits | index.
template <class C>
NVTEE_TEE_INLINE SlotId slot_of(QueueId queue, ap_uint<7> index) {
  return static_cast<SlotId>((static_cast<SlotId>(queue) << C::kDepthBits) | static_cast<SlotId>(index));
}
template <class C>
NVTEE_TEE_INLINE QueueId queue_of(SlotId slot) {
  return static_cast<QueueId>(slot >> C::kDepthBits);
}

NVTEE_TEE_INLINE LegMask leg_bit(LegIndex leg) {
  return static_cast<LegMask>(LegMask(1) << leg);
}
NVTEE_TEE_INLINE LegMask without(LegMask mask, LegMask bits) {
  return static_cast<LegMask>(mask & ~bits);
}
NVTEE_TEE_INLINE LegMask lowest_leg(LegMask m) {
  return m[0] ? LegMask(1) : m[1] ? LegMask(2) : m[2] ? LegMask(4) : m[3] ? LegMask(8) : LegMask(0);
}
NVTEE_TEE_INLINE LegIndex index_of(LegMask one) {
  return one[0] ? 0 : one[1] ? 1 : one[2] ? 2 : 3;
}

// A command (or hold, or punt) on its way through the stages.
struct Cmd {
  enum Kind { kMedia = 0, kHold = 1, kPunt = 2 };
  enum Gate { kNoGate = 0, kReadGate = 1, kWriteGate = 2, kReservationGate = 3 };
  Lba slba;
  ap_uint<32> region;  // of slba
  ap_uint<18> bytes;   // of data in the slot's buffer
  SlotId slot;
  ap_uint<16> cid;   // the host's; the tag of a hold
  ap_uint<9> count;  // blocks; 0 = no range
  ap_uint<16> high;  // CDW12 bits 31:16
  NsIndex ns;
  ap_uint<8> opcode;
  ap_uint<2> kind;
  ap_uint<2> gate;
  ap_uint<1> writes;     // regions must be open (else: not reconciling)
  ap_uint<1> exclusive;  // guard
  ap_uint<1> look;       // at the region table
  ap_uint<1> spans;      // region and the next one
  ap_uint<1> colour;     // of the fence, given at admission
};

// check -> slot -> payload: everything that comes from a host, in order.
struct Front {
  enum Kind {
    kNew = 0,  // needs a slot
    kRefuse,   // answered without a slot
    kDrop,     // of a closed queue: neither placed nor answered
    kHeader,   // H2CData
    kDone,     // data are in
    kSent,     // ends in the slot kernel
    kNoSlot,   // more commands than the queue's depth
    kDrained,  // a closed queue's last slot came back
  };
  Cmd cmd;             // kHeader: slot and cid; kDone: slot
  ap_uint<32> length;  // kHeader
  ap_uint<32> offset;  // kHeader
  ap_uint<3> kind;
  QueueId queue;
  StatusBits status;  // kRefuse; of a hold: not 0 = refused
  ap_uint<1> dnr;
  ap_uint<1> collects;    // payload comes from the host
  ap_uint<1> in_capsule;  // in the capsule: no R2T
  ap_uint<1> last;        // kHeader
  ap_uint<1> digest_ok;   // kDone
};

// payload -> answer
struct Said {
  enum Kind {
    kR2t = 0,
    kRefuse,   // a response, no slot
    kEnd,      // a response (read data when `data`), the slot ends
    kSilent,   // the slot ends without a word
    kDrained,  // event
  };
  ap_uint<64> result;
  ap_uint<18> length;
  SlotId slot;
  ap_uint<16> cid;
  StatusBits status;
  ap_uint<3> kind;
  QueueId queue;
  ap_uint<1> dnr;
  ap_uint<1> data;
};

// region -> admit: commands with what the table says, and the runtime's orders among them in their order.
struct Looked {
  enum Kind {
    kCommand = 0,
    kGate,
    kHostGate,
    kLease,
    kOpen,
    kClose,
    kFence,
    kSetDone,
    kInfo,
  };
  Cmd cmd;             // ns of all kinds is here
  Clock clock;         // kLease
  ap_uint<32> region;  // looked at, set or shown
  StatusBits status, status2;
  ap_uint<16> age;
  ap_uint<4> kind;
  QueueId queue;
  LegMask mask;
  ap_uint<2> region_state;
  ap_uint<2> way;
  ap_uint<1> hit;
  ap_uint<1> last;  // of the command's one or two regions
};

// admit -> payload: what became of a command that was not admitted.
struct Verdict {
  enum Kind { kParked = 0, kPunted = 1, kRefused = 2, kDiscarded = 3 };
  ap_uint<32> region;
  SlotId slot;
  StatusBits status;
  ap_uint<2> kind;
  ap_uint<1> dnr;
};

// answer -> admit
struct Finish {
  NsIndex ns;
  ap_uint<1> colour;
};

// answer -> guard
struct Release {
  Lba slba;
  ap_uint<9> count;  // at least 1
  NsIndex ns;
};

// grant -> guard and round the ring: a command that waits for the ticket of its block `index`.
struct Waiting {
  Cmd cmd;
  ap_uint<8> index;
};

// guard -> grant
struct Ticket {
  enum Kind { kPass = 0, kRecheck = 1, kReleased = 2 };
  ap_uint<2> kind;
  ap_uint<1> granted;
  ap_uint<1> last;  // of a pass: the command is in `carried` (kRecheck: always)
  ap_uint<8> index;
};

// payload -> legs: the runtime's orders about a held slot, with its namespace found.
struct Order {
  enum Kind { kIssue = 0, kCopy = 1, kRelease = 2 };
  SlotId slot;
  ap_uint<16> high;
  ap_uint<8> opcode;
  NsIndex ns;
  LegMask mask;
  LegIndex leg;
  ap_uint<2> kind;
};

// legs -> region -> legs: may a read's range be rewritten?
struct Peek {
  ap_uint<32> region;
  SlotId slot;
  NsIndex ns;
  ap_uint<1> spans;
};
struct Peeked {
  SlotId slot;
  NsIndex ns;
  ap_uint<1> open;
  ap_uint<1> last;
};

// One row of the leg table, as it travels beside the work.
struct LegSet {
  ap_uint<32> nsid[kLegs];
  LegGen gen[kLegs];
  LegMask in_sync;
  LegMask active;  // in sync or syncing
  LegMask prefer;
};

// legtab -> legs
struct Work {
  enum Kind { kGrant = 0, kAnswer, kOrder, kPeeked, kSweep };
  Cmd cmd;  // kGrant; all kinds: slot, ns
  LegSet legs;
  StatusBits status;  // kAnswer
  ap_uint<16> high;   // kOrder
  ap_uint<8> opcode;  // kOrder
  ap_uint<3> kind;
  ap_uint<2> order;
  ap_uint<2> sweep;
  ap_uint<3> cid_gen;  // kAnswer
  LegMask mask;        // kOrder
  LegIndex leg;        // kAnswer, kOrder, kSweep
  ap_uint<1> open;     // kPeeked
  ap_uint<1> failing;  // kGrant: not to be begun
};

// legs -> emit: one leg command or event for each leg of the mask.
struct Todo {
  enum Kind { kIssue = 0, kMedia = 1, kFault = 2 };
  LegSet legs;
  Lba slba;
  ap_uint<18> bytes;
  SlotId slot;
  ap_uint<9> count;
  ap_uint<16> high;
  StatusBits status;
  ap_uint<8> opcode;
  NsIndex ns;
  ap_uint<3> cid_gen[kLegs];
  ap_uint<2> kind;
  LegMask mask;
  ap_uint<1> flag;
};

// legs -> answer
struct Done {
  Cmd cmd;
  StatusBits status;
  ap_uint<1> dnr;
  ap_uint<1> data;  // read data lie in the slot's buffer
};

NVTEE_TEE_INLINE Event event_of(unsigned kind) {
  Event e = Event();
  e.kind = static_cast<ap_uint<4>>(kind);
  return e;
}

// Both sides of admission ask this. Status 0: go on.
struct Refusal {
  StatusBits status;
  ap_uint<1> dnr;
};
NVTEE_TEE_INLINE Refusal refusal(StatusBits status, bool dnr) {
  Refusal r;
  r.status = status;
  r.dnr = dnr ? 1 : 0;
  return r;
}
// `host`: bit 0 deny reads, bit 1 deny writes, bit 2 the host does not know dispersed namespaces.
NVTEE_TEE_INLINE Refusal gate_of(ap_uint<2> gate, StatusBits reads, StatusBits writes, ap_uint<3> host,
                                 bool leased) {
  if (gate == Cmd::kNoGate) return refusal(spec::st::kOk, false);
  const StatusBits own = gate == Cmd::kReadGate ? reads : writes;
  if (host[2]) return refusal(spec::st::kDispersedNotEnabled, true);
  if (!leased) return refusal(spec::st::kPathInternal, false);
  if (own != 0) return refusal(own, false);
  if ((gate == Cmd::kReadGate && host[0]) || (gate == Cmd::kWriteGate && host[1]))
    return refusal(spec::st::kReservationConflict, true);
  return refusal(spec::st::kOk, false);
}

}  // namespace tee
}  // namespace nvtee

#endif
