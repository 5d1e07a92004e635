// Records between leg_route and leg_table. HLS subset.
#ifndef NVTEE_HW_KERNELS_LEG_IO_LEG_WORK_HPP
#define NVTEE_HW_KERNELS_LEG_IO_LEG_WORK_HPP

#include "hw/kernels/engine/pdu_build.hpp"
#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

constexpr unsigned kLinks = 1u << EngineConfig::kLinkBits;
constexpr unsigned kLinkQueues = 4 * kLinks;
constexpr unsigned kEntries = 1u << 15;  // commands of legs: slot << 2 | leg

typedef ap_uint<15> EntryIx;
typedef ap_uint<8> QueueIx;     // link << 2 | queue
typedef ap_uint<15> LinkEpoch;  // counts kSetLink of all links: what a link said before is void

NVTEE_TEE_INLINE EntryIx entry_of(tee::SlotId slot, tee::LegIndex leg) {
  return static_cast<EntryIx>((static_cast<EntryIx>(slot) << 2) | static_cast<EntryIx>(leg));
}
NVTEE_TEE_INLINE QueueIx queue_ix(LinkIx link, LinkQueue queue) {
  return static_cast<QueueIx>((static_cast<QueueIx>(link) << 2) | static_cast<QueueIx>(queue));
}
NVTEE_TEE_INLINE tee::SlotId slot_of_entry(EntryIx e) {
  return static_cast<tee::SlotId>(e >> 2);
}

// TxJob::token of leg jobs.
struct LegToken {
  enum Ends { kNothing = 0, kCapsule = 1, kData = 2 };  // what is on its way with this job
  EntryIx entry;
  QueueIx queue;
  LinkEpoch epoch;
  ap_uint<2> ends;
};
NVTEE_TEE_INLINE ap_uint<40> token_bits(const LegToken& t) {
  ap_uint<40> b = 0;
  b.range(14, 0) = t.entry;
  b.range(22, 15) = t.queue;
  b.range(37, 23) = t.epoch;
  b.range(39, 38) = t.ends;
  return b;
}
NVTEE_TEE_INLINE LegToken token_of(const ap_uint<40>& b) {
  LegToken t;
  t.entry = b.range(14, 0);
  t.queue = b.range(22, 15);
  t.epoch = b.range(37, 23);
  t.ends = b.range(39, 38);
  return t;
}

// A command for a leg, or a change of a leg queue, in order.
struct LegOut {
  enum Kind { kIssue = 0, kOpen = 1, kShut = 2 };
  LegCommand cmd;  // kIssue
  ap_uint<2> kind;
  EntryIx entry;
  QueueIx queue;
  LinkEpoch epoch;
  ap_uint<1> in;  // kIssue: data come from the leg
  // kOpen, kShut
  SessionIx session;
  ap_uint<16> credits;  // commands that the leg's queue takes
  ap_uint<16> most;     // bytes of an H2CData PDU
  ap_uint<1> hdgst, ddgst;
};

// What comes back, with the leg it is from.
struct LegBack {
  enum Kind { kResponse = 0, kData = 1, kR2t = 2, kStored = 3, kSent = 4 };
  ap_uint<3> kind;
  EntryIx entry;
  ap_uint<3> cid_gen;
  QueueIx queue;
  LinkEpoch epoch;
  ap_uint<1> dead;  // no such link: data are thrown away, the rest is forgotten
  tee::NsIndex ns;
  tee::LegGen gen;
  ap_uint<16> ttag;
  ap_uint<32> offset, length;
  tee::StatusBits status;
  ap_uint<1> last, success;
  ap_uint<1> ok;    // kStored
  ap_uint<2> ends;  // kSent
};

}  // namespace card
}  // namespace nvtee

#endif
