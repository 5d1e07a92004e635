// store_read: a range of a buffer as beats from its first byte on. One of each kernel per port; jobs follow
// each other without waiting: each stream holds several, and memory is asked for as much as it takes.
//
//   read_ask    asks the stage about a job's buffer (only jobs that say `chip`). Made for II = 4.
//   read_issue  bursts of up to 16 lines from memory, or one order to the stage. Made for II = 4.
//   read_align  lines to beats, one a clock; a range that does not begin at a line costs one clock more.
#ifndef NVTEE_HW_KERNELS_STORE_STORE_READ_HPP
#define NVTEE_HW_KERNELS_STORE_STORE_READ_HPP

#include "hw/kernels/store/types.hpp"

namespace nvtee {
namespace card {

// read_issue -> read_align
struct ReadPlan {
  ap_uint<1> stage;
  ap_uint<6> shift;  // of the first byte in its line
  Bytes length;      // at least 1
};

NVTEE_TEE_INLINE Step read_ask_step(hls::stream<StoreRead>& in, hls::stream<StoreSlot>& ask,
                                    hls::stream<StoreRead>& out) {
  if (in.empty()) return Step::kIdle;
  if (ask.full() || out.full()) return Step::kBlocked;
  const StoreRead r = in.read();
  if (r.length == 0) return Step::kMoved;
  if (r.chip) ask.write(r.slot);
  out.write(r);
  return Step::kMoved;
}

struct ReadIssueState {
  StoreRead job;
  ap_uint<1> ready;
  ap_uint<1> begun;  // its plan is out
  LineNo line;       // the next one
  ap_uint<12> left;  // lines
};

struct ReadIssueIo {
  hls::stream<StoreRead>& in;
  hls::stream<StageRef>& found;
  hls::stream<StageRead>& stage;
  hls::stream<hw::AxiAddr>& ar;
  hls::stream<ReadPlan>& plan;
};

NVTEE_TEE_INLINE ap_uint<12> lines_of(const StoreRead& r) {
  const ap_uint<6> shift = static_cast<ap_uint<6>>(r.offset);
  return static_cast<ap_uint<12>>((static_cast<ap_uint<19>>(r.length) + shift + 63) >> 6);
}

// A burst: never across 1 KiB, so never across 4 KiB. Returns true when it is the job's last.
NVTEE_TEE_INLINE bool issue_burst(ReadIssueState& s, ap_uint<64> base, LineNo line, ap_uint<12> left,
                                  ReadIssueIo& io) {
  const ap_uint<5> room = static_cast<ap_uint<5>>(16 - (line.to_uint() & 15));
  const ap_uint<5> n = left < room ? static_cast<ap_uint<5>>(left) : room;
  hw::AxiAddr a = hw::AxiAddr();
  a.addr = address_of(base, s.job.slot, line);
  a.len = static_cast<ap_uint<8>>(n - 1);
  io.ar.write(a);
  s.line = static_cast<LineNo>(line + n);
  s.left = static_cast<ap_uint<12>>(left - n);
  return left == n;
}

// The first call of a job. Returns true when that was all of it.
NVTEE_TEE_INLINE bool issue_begin(ReadIssueState& s, ap_uint<64> base, ReadIssueIo& io) {
  const StoreRead& r = s.job;
  const ap_uint<12> lines = lines_of(r);
  const LineNo first = static_cast<LineNo>(r.offset >> 6);
  StageRef f = StageRef();
  if (r.chip) f = io.found.read();
  const bool inside = static_cast<ap_uint<13>>(first) + static_cast<ap_uint<13>>(lines) <= 128;
  ReadPlan p = ReadPlan();
  p.stage = f.valid && inside ? 1 : 0;
  p.shift = static_cast<ap_uint<6>>(r.offset);
  p.length = r.length;
  io.plan.write(p);
  if (f.valid) {
    StageRead q = StageRead();
    q.entry = f.entry;
    q.line = static_cast<StageLine>(first);
    q.count = inside ? static_cast<ap_uint<8>>(lines) : ap_uint<8>(0);
    io.stage.write(q);
  }
  s.begun = 1;
  return p.stage || issue_burst(s, base, first, lines, io);
}

NVTEE_TEE_INLINE Step read_issue_step(ReadIssueState& s, ap_uint<64> base, ReadIssueIo& io) {
  const bool out = !io.plan.full() && !io.stage.full() && !io.ar.full();
  const bool known = s.begun || !s.job.chip || !io.found.empty();
  const bool go = s.ready && known && out;
  bool ended = false;
  if (go && !s.begun) {
    ended = issue_begin(s, base, io);
  } else if (go) {
    ended = issue_burst(s, base, s.line, s.left, io);
  }
  const bool load = !io.in.empty() && (ended || !s.ready);
  if (load) {
    s.job = io.in.read();
    s.begun = 0;
  }
  s.ready = load || (s.ready && !ended) ? 1 : 0;
  return go || load ? Step::kMoved : Step::kIdle;
}

struct ReadAlignState {
  ReadPlan p;
  ap_uint<1> active;
  ap_uint<1> have;  // `line` holds the first bytes of the next beat
  Line line;
};

struct ReadAlignIo {
  hls::stream<ReadPlan>& plan;
  hls::stream<Line>& stage;
  hls::stream<hw::AxiR>& r;
  hls::stream<ReadBeat>& out;
};

NVTEE_TEE_INLINE Step read_align_step(ReadAlignState& s, ReadAlignIo& io) {
  const ReadPlan p = s.p;
  const bool last = p.length <= 64;
  // Does the beat end in the line that is there?
  const ap_uint<7> room = static_cast<ap_uint<7>>(64 - p.shift.to_uint());
  const bool enough = s.have && p.length <= room;
  const bool prime = !s.have && p.shift != 0;        // the first line alone makes no beat
  const bool short_one = prime && p.length <= room;  // ... unless it holds all of it
  const bool pull = !enough;
  const bool source = p.stage ? !io.stage.empty() : !io.r.empty();
  const bool go = s.active && (!pull || source) && !io.out.full();
  const bool emit = go && (!prime || short_one);
  const bool ends = emit && last;
  const Line before = s.line;
  if (go) {
    Line next = 0;
    if (pull) next = p.stage ? io.stage.read() : io.r.read().data;
    if (pull) s.line = next;
    s.have = p.shift != 0 ? 1 : 0;
    if (emit) {
      ReadBeat b = ReadBeat();
      b.count = last ? static_cast<ap_uint<7>>(p.length) : ap_uint<7>(64);
      const Line low = prime || p.shift == 0 ? next : before;
      b.last = last ? 1 : 0;
      b.data = keep_bytes(take_bytes(low, next, ap_uint<7>(p.shift)), b.count);
      io.out.write(b);
      s.p.length = static_cast<Bytes>(p.length - 64);
    }
  }
  const bool load = !io.plan.empty() && (!s.active || ends);
  if (ends) s.have = 0;
  if (load) s.p = io.plan.read();
  s.active = load || (s.active && !ends) ? 1 : 0;
  return go || load ? Step::kMoved : Step::kIdle;
}

}  // namespace card
}  // namespace nvtee

#endif
