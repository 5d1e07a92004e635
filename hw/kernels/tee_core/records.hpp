// The records that cross the tee core's border, in the HLS subset (C++14, plain structs, ap_uint). The same
// records are streams of the card's kernels and calls of the software body.
//
// Who uses what: the body (sockets, or framer/emitter kernels) speaks HostIn/Placement/HostOut and
// LegTx/LegIn; the runtime speaks Ctl and Event.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_RECORDS_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_RECORDS_HPP

#include <ap_int.h>
#include <stdint.h>

#include "hw/nvme/spec.hpp"

namespace nvtee {
namespace tee {

// Sizes of a core. Tests use smaller ones to force collisions.
struct CardConfig {
  static constexpr unsigned kQueueBits =
      6;  // 64 queues; queue 0 is the runtime's own (holds, copies, punts' I/O)
  static constexpr unsigned kDepthBits = 7;       // 128 commands a queue
  static constexpr unsigned kNsBits = 6;          // 64 namespaces
  static constexpr unsigned kGuardBits = 14;      // guard entries
  static constexpr unsigned kRegionSetBits = 10;  // x 4 ways
  static constexpr unsigned kMaxBlockBits = 8;    // 256 blocks (128 KiB of 512 B) a command
  static constexpr unsigned kOutDepth = 256;      // of host_out, leg_tx and event
  static constexpr unsigned kMutant = 0;          // tests plant bugs with it; always 0 in products
};

typedef ap_uint<13> SlotId;  // queue << 7 | index: widest configuration
typedef ap_uint<6> QueueId;
typedef ap_uint<6> NsIndex;  // row of the namespace table, not an NSID
typedef ap_uint<2> LegIndex;
typedef ap_uint<4> LegMask;      // bit i = leg i of the namespace
typedef ap_uint<8> LegGen;       // incarnation of a leg's association
typedef ap_uint<11> StatusBits;  // SCT << 8 | SC
typedef ap_uint<64> Lba;
typedef ap_uint<64> Clock;  // ns, monotonic, as nvtee::Time

// CID towards legs: 3 bits of the slot's generation (0..6, so never FFFFh) | 13 bits of slot.
inline ap_uint<16> leg_cid(ap_uint<3> generation, SlotId slot) {
  return static_cast<ap_uint<16>>((static_cast<ap_uint<16>>(generation) << 13) |
                                  static_cast<ap_uint<16>>(slot));
}

// ---- from and to hosts ----------------------------------------------------------------------------------
struct HostIn {
  enum Kind { kCommand = 0, kDataHeader = 1, kDataDone = 2, kSent = 3 };
  ap_uint<2> kind;
  QueueId queue;
  ap_uint<16> cid;  // host's CID (opaque)
  SlotId slot;      // TTAG of data; slot of kDataDone and kSent
  ap_uint<8> opcode;
  ap_uint<8> flags;  // SQE byte 1
  ap_uint<32> nsid;
  Lba slba;  // CDW11:CDW10
  ap_uint<32> cdw12;
  ap_uint<8> sgl_type;  // SGL byte 15
  ap_uint<32> sgl_length;
  ap_uint<1> sgl_address_nonzero;
  ap_uint<32> length;    // kCommand: in-capsule data bytes; kDataHeader: DATAL
  ap_uint<32> offset;    // kDataHeader: DATAO
  ap_uint<1> last;       // kDataHeader: LAST_PDU
  ap_uint<1> digest_ok;  // kDataDone
};

// kDataDone by a way of its own: on the card nothing of it needs what a command passes first.
struct Stored {
  QueueId queue;
  SlotId slot;
  ap_uint<1> digest_ok;
};

// Exactly one for each kCommand and each kDataHeader, in order, before anything else of that command.
struct Placement {
  enum Action { kPlace = 0, kDiscard = 1, kFatal = 2 };
  ap_uint<2> action;
  SlotId slot;  // kPlace: data goes to slot buffer + offset; kDataDone follows when it is in (also for length
                // 0: not sent)
  ap_uint<32> offset;
  ap_uint<1> chip;  // kPlace: nobody but legs reads the data, so what is on chip may count as being in the
                    // buffer. The runtime, which reads memory, must find it there
  ap_uint<16> fes;  // kFatal: TermReq
  ap_uint<32> fei;
};

struct HostOut {
  enum Kind { kR2t = 0, kResponse = 1, kReadData = 2 };
  ap_uint<2> kind;
  QueueId queue;  // 0: the answer of a command that the runtime put in
  ap_uint<16> cid;
  SlotId slot;  // kR2t: TTAG; kReadData: send `length` bytes of its buffer, then success; then say kSent
  ap_uint<32> length;
  StatusBits status;
  ap_uint<1> dnr;
  ap_uint<64> result;
};

// ---- to and from legs -----------------------------------------------------------------------------------
struct LegTx {
  NsIndex ns;
  LegIndex leg;
  LegGen gen;
  SlotId slot;  // data is the slot's buffer from 0, `length` bytes; direction by opcode
  ap_uint<16> cid;
  ap_uint<8> opcode;
  ap_uint<32> nsid;  // the peer's
  Lba slba;
  ap_uint<16> nlb;         // 0-based
  ap_uint<32> cdw12_high;  // CDW12 bits 31:16 in place (FUA, LR, DEAC)
  ap_uint<32> length;      // bytes
};

struct LegIn {
  NsIndex ns;
  LegIndex leg;
  LegGen gen;  // of the association that the answer came on
  ap_uint<16> cid;
  StatusBits status;  // 0/22h when read data failed its digest
};

// ---- from the runtime -----------------------------------------------------------------------------------
struct Ctl {
  enum Op {
    kNop = 0,
    kSetNamespace,  // ns, flag(valid), nsid, lba(blocks), shift_a(LBADS), shift_b(region size in log2
                    // blocks), mask(leg preference for reads: 0 = spread), flag2(reads check regions: while
                    // reconciling), flag3(Compare may go to legs), value bit 0 (reservation commands are
                    // offered: punted, else 0/01h)
    kSetGate,       // ns, status(reads; 0 = open), status2(writes and Flush; 0 = open). Answered with DNR 0
    kSetHostGate,   // queue, ns, mask: bit0 deny reads 0/83h, bit1 deny writes 0/83h, bit2 deny all 0/26h DNR
                    // 1
    kSetLeg,        // ns, leg, leg_state, gen, nsid(peer's)
    kSetLease,      // clock: lease_until
    kQueueOpen,     // queue, value(entries). Flushes nothing: the queue must be drained
    kQueueClose,   // queue: not yet admitted commands are discarded, answers are dropped; event kQueueDrained
    kRegionSet,    // ns, region, region_state; event kRegionSetDone (status != 0: no free way)
    kRegionQuery,  // ns, region: kRegionInfo for each of the 4 ways of its set (way in value), then nothing
    kResume,       // slot: a command parked at the region stage looks again
    kFailParked,   // slot, status: a command parked at the region stage is answered so, DNR 0, unexecuted
    kFence,  // ns: event kFenceDone when every command of ns admitted before is finished. One at a time per
             // ns
    kHold,  // ns, lba, nlb(count, 0 = no range), flag(exclusive), flag2(needs open regions), tag: event kHeld
            // or kHoldRefused
    kIssue,  // slot(held), opcode, mask(legs; 0 = all that take writes), cdw12_high: event kIssueDone. Range
             // and buffer are the slot's
    kCopy,   // slot(held), leg(source), mask(targets): read, then write; event kIssueDone
    kRelease,   // slot(held)
    kPuntDone,  // slot, status, flag(dnr), lba(result): answers a punted command
    kLegSweep,  // ns, leg, sweep: visits all slots with that leg pending; event kSweepDone
  };
  enum LegState { kLegOff = 0, kLegSyncing = 1, kLegInSync = 2 };
  enum Sweep {
    kDrop = 0,
    kReissue = 1,
    kFail = 2
  };  // kFail: pending commands end 3/00h DNR 0, region stays open; until kSetGate opens both gates, so do
      // those that waited for their blocks
  enum RegionState { kNone = 0, kOpen = 1, kClosing = 2, kReconcile = 3 };

  ap_uint<5> op;
  NsIndex ns;
  QueueId queue;
  LegIndex leg;
  LegGen gen;
  ap_uint<2> leg_state;
  ap_uint<2> sweep;
  ap_uint<2> region_state;
  ap_uint<32> region;
  SlotId slot;
  ap_uint<8> opcode;
  ap_uint<32> nsid;
  Lba lba;
  ap_uint<16> nlb;  // kHold: block COUNT
  ap_uint<32> cdw12_high;
  LegMask mask;
  StatusBits status, status2;
  ap_uint<6> shift_a, shift_b;
  ap_uint<1> flag, flag2, flag3;
  ap_uint<16> tag;
  ap_uint<16> value;
  Clock clock;
};

// ---- to the runtime -------------------------------------------------------------------------------------
struct Event {
  enum Kind {
    kRegionMiss = 0,  // slot, ns, region, flag(a write): the command is parked until kResume/kFailParked
    kRegionSetDone,   // ns, region, status
    kRegionInfo,   // ns, region, region_state, value(way), age (coarse, ~1 s units; larger = used longer ago)
    kHeld,         // slot, tag, ns
    kHoldRefused,  // tag: no slot free
    kIssueDone,    // slot, tag, status(first that is not success), mask(legs that failed)
    kFenceDone,    // ns
    kLegFault,     // ns, leg, gen, status, slot: an infrastructure status, or a repair that failed
    kNotHome,      // ns, leg: 0/83h from a leg
    kMediaError,   // ns, leg, lba, nlb(0-based), flag(repaired)
    kSweepDone,    // ns, leg
    kQueueDrained,  // queue: closed and none of its slots is in use
    kPunt,  // slot, queue, cid in tag: the runtime runs this command; its payload is in the slot's buffer
  };
  ap_uint<4> kind;
  NsIndex ns;
  QueueId queue;
  LegIndex leg;
  LegGen gen;
  SlotId slot;
  ap_uint<16> tag;
  ap_uint<32> region;
  ap_uint<2> region_state;
  StatusBits status;
  LegMask mask;
  Lba lba;
  ap_uint<16> nlb;
  ap_uint<16> age;
  ap_uint<16> value;
  ap_uint<1> flag;
};

}  // namespace tee
}  // namespace nvtee

#endif
