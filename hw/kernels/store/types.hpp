// Records between the kernels of the store. HLS subset, C++14.
//
//   store_turn    a beat's bytes turned to their place in a line of memory; on-chip entry for in-capsule data
//   store_cut     lines out of beats
//   store_burst   AXI writes of lines that follow each other
//   store_commit  counts AXI's answers and says what is in
//   done_mux      both ports' StoreDone, to who asked
//   stage         the on-chip memories;  stage_dir  which slot's data they hold
//   read_ask      asks stage_dir;  read_issue  reads memory or stage;  read_align  lines to beats
#ifndef NVTEE_HW_KERNELS_STORE_TYPES_HPP
#define NVTEE_HW_KERNELS_STORE_TYPES_HPP

#include "hw/kernels/common/axi.hpp"
#include "hw/kernels/common/bytes.hpp"
#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

using tee::Step;

typedef ap_uint<512> Line;     // of memory, or of the stage
typedef ap_uint<11> LineNo;    // of a buffer
typedef ap_uint<7> StageLine;  // of an entry: 8 KiB
typedef ap_uint<6> StageEntry;

// Entries: half of them are filled by each port; the top bit is the port.
template <class C>
struct StageSize {
  static constexpr unsigned kEntries = 1u << C::kStageBits;
  static constexpr unsigned kHalf = kEntries / 2;
  static constexpr unsigned kHalfBits = C::kStageBits - 1;
  static_assert(C::kStageBits >= 2 && C::kStageBits <= 6, "the records' fields end there");
};

struct StageRef {
  ap_uint<1> valid;
  StageEntry entry;
};

// store_turn -> stage_dir: a PDU for this buffer begins. `in`: it goes to that entry too; else what the stage
// has of this buffer is old.
struct StageUse {
  StoreSlot slot;
  StageRef in;
};
struct StageWrite {
  StageEntry entry;
  StageLine line;
  Line data;
};
// read_issue -> stage. count 0: only gives the entry back.
struct StageRead {
  StageEntry entry;
  StageLine line;
  ap_uint<8> count;
};

struct Turned {
  Line data;         // turned round by offset mod 64
  ap_uint<64> low;   // bytes of it in line `line`
  ap_uint<64> high;  // and in the next one
  StoreSlot slot;
  LineNo line;
  ap_uint<1> last;
  ap_uint<1> barrier;  // no data
  StageRef stage;
  StoreDone done;
};

// store_turn -> store_cut, beside each Turned: where its line lies.
struct TurnedKey {
  StoreSlot slot;
  LineNo line;
  ap_uint<1> barrier;
};

// store_cut -> store_burst
struct LineWrite {
  Line data;
  ap_uint<64> strb;
  StoreSlot slot;
  LineNo line;
  ap_uint<1> joins;    // the burst of the line before goes on
  ap_uint<1> ends;     // and ends here
  ap_uint<1> barrier;  // no line: what is open ends
};

// store_cut -> store_commit
struct Pending {
  enum Kind { kDone = 0, kEntry = 1, kDrained = 2 };  // kEntry: only `stage`
  ap_uint<2> kind;
  ap_uint<16> writes;  // when so many bursts were answered; wraps
  StageRef stage;      // this entry may be filled again
  StoreDone done;
};

// 64-byte lines of a buffer in device memory: 128 KiB each, one after the other.
NVTEE_TEE_INLINE ap_uint<64> address_of(ap_uint<64> base, StoreSlot slot, LineNo line) {
  ap_uint<64> in = 0;
  in.range(16, 6) = line;
  in.range(30, 17) = slot;
  return static_cast<ap_uint<64>>(base + in);
}

}  // namespace card
}  // namespace nvtee

#endif
