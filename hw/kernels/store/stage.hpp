// stage: in-capsule data on chip, so that a write can leave for the legs at once. Each port fills its half of
// the entries; both ports read all of them, so each half is kept twice (one write and one read port each).
//
// stage_dir: which buffer's data each entry holds. An entry with a reader is pinned and not given out to be
// filled; one that is given out belongs to nobody. Compares all entries at once: registers. Made for II = 2:
// readers and writers take turns.
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
  typedef ap_uint<StageSize<C>::kEntries> Mask;
  StoreSlot slot[StageSize<C>::kEntries];
  ap_uint<6> pins[StageSize<C>::kEntries];  // readers: fewer than what the streams between could hold
  Mask valid;
  Mask out;                 // given out, and memory does not have all of its data yet
  ap_uint<5> next0, next1;  // of each half
  ap_uint<1> writers;       // their turn
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

template <class C>
NVTEE_TEE_INLINE ap_uint<StageSize<C>::kEntries> stage_bit(StageEntry entry, bool on) {
  ap_uint<StageSize<C>::kEntries> m = 0;
  for (unsigned i = 0; i < StageSize<C>::kEntries; ++i) {
#pragma HLS UNROLL
    m[i] = on && entry == i ? 1 : 0;
  }
  return m;
}
template <class C>
NVTEE_TEE_INLINE ap_uint<StageSize<C>::kEntries> stage_match(const StageDirState<C>& s, StoreSlot slot,
                                                             bool on) {
  ap_uint<StageSize<C>::kEntries> m = 0;
  for (unsigned i = 0; i < StageSize<C>::kEntries; ++i) {
#pragma HLS UNROLL
    m[i] = on && s.slot[i] == slot ? 1 : 0;
  }
  return m;
}
// An entry of a port's half, whose top bit is the port.
template <class C>
NVTEE_TEE_INLINE ap_uint<StageSize<C>::kEntries> stage_bit_of_half(StageEntry entry, unsigned half, bool on) {
  constexpr unsigned kHalf = StageSize<C>::kHalf;
  ap_uint<StageSize<C>::kEntries> m = 0;
  for (unsigned i = 0; i < kHalf; ++i) {
#pragma HLS UNROLL
    m[half * kHalf + i] = on && (entry.to_uint() & (kHalf - 1)) == i ? 1 : 0;
  }
  return m;
}
template <class C>
NVTEE_TEE_INLINE ap_uint<StageSize<C>::kEntries> stage_pinned(const StageDirState<C>& s) {
  ap_uint<StageSize<C>::kEntries> m = 0;
  for (unsigned i = 0; i < StageSize<C>::kEntries; ++i) {
#pragma HLS UNROLL
    m[i] = s.pins[i] != 0 ? 1 : 0;
  }
  return m;
}

// The next entry of a half, when nobody reads it and memory has what was in it: until then a reader must find
// it here. One that is not free is passed over. Returns the entry that was given out.
template <class C>
NVTEE_TEE_INLINE ap_uint<StageSize<C>::kEntries> stage_grant(ap_uint<StageSize<C>::kEntries> free,
                                                             unsigned half, ap_uint<5>& next,
                                                             hls::stream<StageEntry>& grant) {
  const bool room = !grant.full();
  const StageEntry e = static_cast<StageEntry>(half * StageSize<C>::kHalf + next.to_uint());
  const ap_uint<StageSize<C>::kEntries> bit =
      static_cast<ap_uint<StageSize<C>::kEntries>>(stage_bit<C>(e, room) & free);
  if (bit != 0) grant.write(e);
  if (room) next = static_cast<ap_uint<5>>((next + 1) & (StageSize<C>::kHalf - 1));
  return bit;
}

// What a port says in a call: readers in one call, writers in the next, so that each sees what the other did,
// and all the compares are there once.
struct StageSaid {
  bool ask, use;   // is `slot` on chip? it is from now on only in `in`
  StoreSlot slot;  // 0: neither
  StageRef in;
  bool entry_said;
  StageEntry entry;  // unpinned, or landed
};
NVTEE_TEE_INLINE StageSaid stage_hear(bool writers, hls::stream<StoreSlot>& ask, hls::stream<StageRef>& found,
                                      hls::stream<StageUse>& use, hls::stream<StageEntry>& unpin,
                                      hls::stream<StageEntry>& landed) {
  StageSaid p = StageSaid();
  p.use = writers && !use.empty();
  p.ask = !writers && !ask.empty() && !found.full();
  if (p.use) {
    const StageUse u = use.read();
    p.slot = u.slot;
    p.in = u.in;
  }
  if (p.ask) p.slot = ask.read();
  if (writers && !landed.empty()) {
    p.entry = landed.read();
    p.entry_said = true;
  } else if (!writers && !unpin.empty()) {
    p.entry = unpin.read();
    p.entry_said = true;
  }
  return p;
}

// Which entry holds the buffer's data: at most one.
template <class C>
NVTEE_TEE_INLINE ap_uint<StageSize<C>::kEntries> stage_find(const StageDirState<C>& s, bool ask,
                                                            ap_uint<StageSize<C>::kEntries> same,
                                                            hls::stream<StageRef>& found) {
  const ap_uint<StageSize<C>::kEntries> hit = static_cast<ap_uint<StageSize<C>::kEntries>>(same & s.valid);
  StageRef r = StageRef();
  for (unsigned i = 0; i < StageSize<C>::kEntries; ++i) {
#pragma HLS UNROLL
    r.entry = static_cast<StageEntry>(r.entry | (hit[i] ? i : 0u));
  }
  r.valid = hit != 0 ? 1 : 0;
  if (ask) found.write(r);
  return hit;
}

template <class C>
NVTEE_TEE_INLINE void stage_pin(StageDirState<C>& s, ap_uint<StageSize<C>::kEntries> up0,
                                ap_uint<StageSize<C>::kEntries> up1, ap_uint<StageSize<C>::kEntries> down0,
                                ap_uint<StageSize<C>::kEntries> down1) {
  for (unsigned i = 0; i < StageSize<C>::kEntries; ++i) {
#pragma HLS UNROLL
    const ap_uint<2> up = static_cast<ap_uint<2>>(ap_uint<2>(up0[i] ? 1 : 0) + ap_uint<2>(up1[i] ? 1 : 0));
    const ap_uint<2> down =
        static_cast<ap_uint<2>>(ap_uint<2>(down0[i] ? 1 : 0) + ap_uint<2>(down1[i] ? 1 : 0));
    s.pins[i] = static_cast<ap_uint<6>>(s.pins[i] + up - down);
  }
}

template <class C>
NVTEE_TEE_INLINE void stage_fill(StageDirState<C>& s, StageDirIo& io, const StageSaid& p0,
                                 const StageSaid& p1, ap_uint<StageSize<C>::kEntries> same,
                                 ap_uint<StageSize<C>::kEntries> landed) {
  typedef typename StageDirState<C>::Mask Mask;
  const Mask free = static_cast<Mask>(~(stage_pinned<C>(s) | s.out));
  const Mask given0 = stage_grant<C>(free, 0, s.next0, io.grant0);
  const Mask given1 = stage_grant<C>(free, 1, s.next1, io.grant1);
  const Mask in0 = stage_bit_of_half<C>(p0.in.entry, 0, p0.use && p0.in.valid);
  const Mask in1 = stage_bit_of_half<C>(p1.in.entry, 1, p1.use && p1.in.valid);
  const Mask old = static_cast<Mask>(same | given0 | given1);
  s.valid = static_cast<Mask>((s.valid & ~old) | in0 | in1);
  s.out = static_cast<Mask>((s.out & ~landed) | given0 | given1);
  for (unsigned i = 0; i < StageSize<C>::kHalf; ++i) {
#pragma HLS UNROLL
    constexpr unsigned kHalf = StageSize<C>::kHalf;
    if (in0[i]) s.slot[i] = p0.slot;
    if (in1[kHalf + i]) s.slot[kHalf + i] = p1.slot;
  }
}

template <class C>
NVTEE_TEE_INLINE Step stage_dir_step(StageDirState<C>& s, StageDirIo& io) {
  typedef typename StageDirState<C>::Mask Mask;
  const bool writers = s.writers;
  s.writers = writers ? 0 : 1;
  const StageSaid p0 = stage_hear(writers, io.ask0, io.found0, io.use0, io.unpin0, io.landed0);
  const StageSaid p1 = stage_hear(writers, io.ask1, io.found1, io.use1, io.unpin1, io.landed1);
  const Mask same0 = stage_match<C>(s, p0.slot, p0.ask || p0.use);
  const Mask same1 = stage_match<C>(s, p1.slot, p1.ask || p1.use);
  const Mask said0 = stage_bit<C>(p0.entry, p0.entry_said);
  const Mask said1 = stage_bit<C>(p1.entry, p1.entry_said);
  if (writers) {
    stage_fill<C>(s, io, p0, p1, static_cast<Mask>(same0 | same1), static_cast<Mask>(said0 | said1));
  } else {
    const Mask hit0 = stage_find<C>(s, p0.ask, same0, io.found0);
    const Mask hit1 = stage_find<C>(s, p1.ask, same1, io.found1);
    stage_pin<C>(s, hit0, hit1, said0, said1);
  }
  return Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
