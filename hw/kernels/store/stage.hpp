// stage: in-capsule data on chip, so that a write can leave for the legs at once. Each port fills its half of
// the entries; both ports read all of them, so each half is kept twice (one write and one read port each).
//
// stage_dir: which buffer's data each entry holds. An entry with a reader is pinned and not given out to be
// filled; one that is given out belongs to nobody. Compares all entries at once: registers. Made for II = 4.
#ifndef NVTEE_HW_KERNELS_STORE_STAGE_HPP
#define NVTEE_HW_KERNELS_STORE_STAGE_HPP

#include "hw/kernels/store/types.hpp"

namespace nvtee {
namespace card {

// ---- stage -----------------------------------------------------------------------------------------------
struct StageReader {
  StageEntry entry;
  StageLine line;
  ap_uint<8> left;
  ap_uint<1> active;
};

template <class C>
struct StageState {
  // [half of the port]_[for the reading port]
  Line mem0_0[StageSize<C>::kHalf * 128], mem0_1[StageSize<C>::kHalf * 128];
  Line mem1_0[StageSize<C>::kHalf * 128], mem1_1[StageSize<C>::kHalf * 128];
  StageReader reader0, reader1;
};

struct StageIo {
  hls::stream<StageWrite>& write0;
  hls::stream<StageWrite>& write1;
  hls::stream<StageRead>& read0;
  hls::stream<StageRead>& read1;
  hls::stream<Line>& line0;
  hls::stream<Line>& line1;
  hls::stream<StageEntry>& unpin0;
  hls::stream<StageEntry>& unpin1;
};

template <class C>
NVTEE_TEE_INLINE unsigned stage_at(StageEntry entry, StageLine line) {
  return ((entry.to_uint() & (StageSize<C>::kHalf - 1)) << 7) | line.to_uint();
}

template <class C>
NVTEE_TEE_INLINE bool stage_read(StageReader& r, const Line* low, const Line* high,
                                 hls::stream<StageRead>& in, hls::stream<Line>& out,
                                 hls::stream<StageEntry>& unpin) {
  const bool go = r.active && !out.full() && !unpin.full();
  const bool ends = r.left <= 1;
  const StageReader now = r;
  if (go) {
    const unsigned at = stage_at<C>(now.entry, now.line);
    const Line a = low[at];
    const Line b = high[at];
    if (now.left != 0) out.write(now.entry[StageSize<C>::kHalfBits] ? b : a);
    if (ends) unpin.write(now.entry);
    r.line = static_cast<StageLine>(now.line + 1);
    r.left = static_cast<ap_uint<8>>(now.left - 1);
    if (ends) r.active = 0;
  }
  const bool load = !in.empty() && (!now.active || (go && ends));
  if (load) {
    const StageRead q = in.read();
    r.entry = q.entry;
    r.line = q.line;
    r.left = q.count;
    r.active = 1;
  }
  return go || load;
}

template <class C>
NVTEE_TEE_INLINE Step stage_step(StageState<C>& s, StageIo& io) {
  const bool read0 = stage_read<C>(s.reader0, s.mem0_0, s.mem1_0, io.read0, io.line0, io.unpin0);
  const bool read1 = stage_read<C>(s.reader1, s.mem0_1, s.mem1_1, io.read1, io.line1, io.unpin1);
  const bool write0 = !io.write0.empty();
  const bool write1 = !io.write1.empty();
  if (write0) {
    const StageWrite w = io.write0.read();
    s.mem0_0[stage_at<C>(w.entry, w.line)] = w.data;
    s.mem0_1[stage_at<C>(w.entry, w.line)] = w.data;
  }
  if (write1) {
    const StageWrite w = io.write1.read();
    s.mem1_0[stage_at<C>(w.entry, w.line)] = w.data;
    s.mem1_1[stage_at<C>(w.entry, w.line)] = w.data;
  }
  return read0 || read1 || write0 || write1 ? Step::kMoved : Step::kIdle;
}

// ---- stage_dir -------------------------------------------------------------------------------------------
template <class C>
struct StageDirState {
  StoreSlot slot[StageSize<C>::kEntries];
  ap_uint<1> valid[StageSize<C>::kEntries];
  ap_uint<6> pins[StageSize<C>::kEntries];  // readers: fewer than what the streams between could hold
  ap_uint<5> next0, next1;                  // of each half
  ap_uint<1> out[StageSize<C>::kEntries];   // given out, and memory does not have all of its data yet
};

struct StageDirIo {
  hls::stream<StageUse>& use0;
  hls::stream<StageUse>& use1;
  hls::stream<StoreSlot>& ask0;
  hls::stream<StoreSlot>& ask1;
  hls::stream<StageRef>& found0;
  hls::stream<StageRef>& found1;
  hls::stream<StageEntry>& unpin0;
  hls::stream<StageEntry>& unpin1;
  hls::stream<StageEntry>& grant0;  // depth 2
  hls::stream<StageEntry>& grant1;
  hls::stream<StageEntry>& landed0;  // from store_commit: what this entry holds is in memory
  hls::stream<StageEntry>& landed1;
};

// The next entry of a half, when nobody reads it and memory has what was in it: until then a reader must find
// it here. One that is not free is passed over.
template <class C>
NVTEE_TEE_INLINE bool stage_grant(StageDirState<C>& s, unsigned half, ap_uint<5>& next,
                                  hls::stream<StageEntry>& grant) {
  const StageEntry e = static_cast<StageEntry>(half * StageSize<C>::kHalf + next.to_uint());
  if (grant.full()) return false;
  if (s.pins[e.to_uint()] == 0 && !s.out[e.to_uint()]) {
    s.valid[e.to_uint()] = 0;
    s.out[e.to_uint()] = 1;
    grant.write(e);
  }
  next = static_cast<ap_uint<5>>((next + 1) & (StageSize<C>::kHalf - 1));
  return true;
}
template <class C>
NVTEE_TEE_INLINE bool stage_landed(StageDirState<C>& s, hls::stream<StageEntry>& landed) {
  if (landed.empty()) return false;
  s.out[landed.read().to_uint()] = 0;
  return true;
}

template <class C>
NVTEE_TEE_INLINE bool stage_use(StageDirState<C>& s, hls::stream<StageUse>& in) {
  if (in.empty()) return false;
  const StageUse u = in.read();
  for (unsigned i = 0; i < StageSize<C>::kEntries; ++i) {
#pragma HLS UNROLL
    if (s.slot[i] == u.slot) s.valid[i] = 0;
    if (u.in.valid && u.in.entry == i) {
      s.slot[i] = u.slot;
      s.valid[i] = 1;
    }
  }
  return true;
}

template <class C>
NVTEE_TEE_INLINE StageRef stage_find(const StageDirState<C>& s, StoreSlot slot) {
  StageRef r = StageRef();
  for (unsigned i = 0; i < StageSize<C>::kEntries; ++i) {
#pragma HLS UNROLL
    if (s.valid[i] && s.slot[i] == slot) {
      r.valid = 1;
      r.entry = static_cast<StageEntry>(r.entry | i);  // at most one has it
    }
  }
  return r;
}

template <class C>
NVTEE_TEE_INLINE Step stage_dir_step(StageDirState<C>& s, StageDirIo& io) {
  const bool grant0 = stage_grant<C>(s, 0, s.next0, io.grant0);
  const bool grant1 = stage_grant<C>(s, 1, s.next1, io.grant1);
  const bool land0 = stage_landed<C>(s, io.landed0);
  const bool land1 = stage_landed<C>(s, io.landed1);
  const bool use0 = stage_use<C>(s, io.use0);
  const bool use1 = stage_use<C>(s, io.use1);
  const bool ask0 = !io.ask0.empty() && !io.found0.full();
  const bool ask1 = !io.ask1.empty() && !io.found1.full();
  const bool un0 = !io.unpin0.empty();
  const bool un1 = !io.unpin1.empty();
  StageRef f0 = StageRef();
  StageRef f1 = StageRef();
  StageEntry e0 = 0;
  StageEntry e1 = 0;
  if (ask0) {
    f0 = stage_find<C>(s, io.ask0.read());
    io.found0.write(f0);
  }
  if (ask1) {
    f1 = stage_find<C>(s, io.ask1.read());
    io.found1.write(f1);
  }
  if (un0) e0 = io.unpin0.read();
  if (un1) e1 = io.unpin1.read();
  for (unsigned i = 0; i < StageSize<C>::kEntries; ++i) {
#pragma HLS UNROLL
    const ap_uint<2> up =
        static_cast<ap_uint<2>>((f0.valid && f0.entry == i ? 1 : 0) + (f1.valid && f1.entry == i ? 1 : 0));
    const ap_uint<2> down = static_cast<ap_uint<2>>((un0 && e0 == i ? 1 : 0) + (un1 && e1 == i ? 1 : 0));
    s.pins[i] = static_cast<ap_uint<6>>(s.pins[i] + up - down);
  }
  return grant0 || grant1 || land0 || land1 || use0 || use1 || ask0 || ask1 || un0 || un1 ? Step::kMoved
                                                                                          : Step::kIdle;
}

}  // namespace card
}  // namespace nvtee

#endif
