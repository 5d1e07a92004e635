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

// read_ask -> read_issue: a job with its numbers worked out.
struct ReadJob {
  StoreSlot slot;
  LineNo line;        // the first one
  ap_uint<12> lines;  // of the buffer
  ap_uint<12> beats;
  ap_uint<7> tail;   // bytes of the last beat
  ap_uint<6> shift;  // of the first byte in its line
  ap_uint<1> chip;
  ap_uint<1> inside;  // what an entry of the stage could hold
};

// read_issue -> read_align
struct ReadPlan {
  ap_uint<12> beats;
  ap_uint<7> tail;
  ap_uint<6> shift;
  ap_uint<1> stage;
  ap_uint<1> prime;  // the first beat needs two lines
  ap_uint<1> dry;    // the last one needs no new line
  ap_uint<1> one;    // beats is 1
};

NVTEE_TEE_INLINE Step read_ask_step(hls::stream<StoreRead>& in, hls::stream<StoreSlot>& ask,
                                    hls::stream<ReadJob>& out) {
  if (in.empty()) return Step::kIdle;
  if (ask.full() || out.full()) return Step::kBlocked;
  const StoreRead r = in.read();
  if (r.length == 0) return Step::kMoved;
  if (r.chip) ask.write(r.slot);
  // A multiple of 4 (header_split): then half the turn of a line is no turn, and costs nothing.
  const ap_uint<6> shift = static_cast<ap_uint<6>>(r.offset & 60);
  const ap_uint<6> tail = static_cast<ap_uint<6>>(r.length);
  ReadJob j = ReadJob();
  j.slot = r.slot;
  j.line = static_cast<LineNo>(r.offset >> 6);
  j.lines = static_cast<ap_uint<12>>((static_cast<ap_uint<19>>(r.length) + shift + 63) >> 6);
  j.beats = static_cast<ap_uint<12>>((static_cast<ap_uint<19>>(r.length) + 63) >> 6);
  j.tail = tail == 0 ? ap_uint<7>(64) : ap_uint<7>(tail);
  j.shift = shift;
  j.chip = r.chip;
  j.inside = static_cast<ap_uint<20>>(r.offset) + static_cast<ap_uint<20>>(r.length) <= tee::kMaxInCapsule;
  out.write(j);
  return Step::kMoved;
}

struct ReadIssueState {
  ReadJob job;  // line and lines move on as bursts leave
  ap_uint<1> ready;
  ap_uint<1> begun;  // its plan is out
};

struct ReadIssueIo {
  hls::stream<ReadJob>& in;
  hls::stream<StageRef>& found;
  hls::stream<StageRead>& stage;
  hls::stream<hw::AxiAddr>& ar;
  hls::stream<ReadPlan>& plan;
};

// A burst: never across 1 KiB, so never across 4 KiB. Returns true when it is the job's last.
NVTEE_TEE_INLINE bool issue_burst(ReadIssueState& s, ap_uint<64> base, ReadIssueIo& io) {
  const ReadJob j = s.job;
  const ap_uint<5> room = static_cast<ap_uint<5>>(16 - (j.line.to_uint() & 15));
  const bool last = j.lines <= room;
  const ap_uint<5> n = last ? static_cast<ap_uint<5>>(j.lines) : room;
  hw::AxiAddr a = hw::AxiAddr();
  a.addr = address_of(base, j.slot, j.line);
  a.len = static_cast<ap_uint<8>>(n - 1);
  io.ar.write(a);
  s.job.line = static_cast<LineNo>(j.line + room);
  s.job.lines = static_cast<ap_uint<12>>(j.lines - room);
  return last;
}

// The first call of a job. Returns true when that was all of it.
NVTEE_TEE_INLINE bool issue_begin(ReadIssueState& s, ap_uint<64> base, ReadIssueIo& io) {
  const ReadJob j = s.job;
  StageRef f = StageRef();
  if (j.chip) f = io.found.read();
  const bool stage = f.valid && j.inside;
  const bool more_lines = j.lines != j.beats;
  ReadPlan p = ReadPlan();
  p.stage = stage ? 1 : 0;
  p.beats = j.beats;
  p.tail = j.tail;
  p.shift = j.shift;
  p.one = j.beats == 1 ? 1 : 0;
  p.prime = j.shift != 0 && j.lines != 1 ? 1 : 0;
  p.dry = p.prime && !more_lines ? 1 : 0;
  io.plan.write(p);
  if (f.valid) {
    StageRead q = StageRead();
    q.entry = f.entry;
    q.line = static_cast<StageLine>(j.line);
    q.count = stage ? static_cast<ap_uint<8>>(j.lines) : ap_uint<8>(0);
    io.stage.write(q);
  }
  s.begun = 1;
  return stage || issue_burst(s, base, io);
}

NVTEE_TEE_INLINE Step read_issue_step(ReadIssueState& s, ap_uint<64> base, ReadIssueIo& io) {
  const bool out = !io.plan.full() && !io.stage.full() && !io.ar.full();
  const bool known = s.begun || !s.job.chip || !io.found.empty();
  const bool go = s.ready && known && out;
  bool ended = false;
  if (go && !s.begun) {
    ended = issue_begin(s, base, io);
  } else if (go) {
    ended = issue_burst(s, base, io);
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
  ReadPlan p;  // beats and one move on
  ap_uint<1> active;
  ap_uint<1> prime;  // the first line is still to be taken
  Line line;         // the one before
};

struct ReadAlignIo {
  hls::stream<ReadPlan>& plan;
  hls::stream<Line>& stage;
  hls::stream<hw::AxiR>& r;
  hls::stream<ReadBeat>& out;
};

NVTEE_TEE_INLINE Step read_align_step(ReadAlignState& s, ReadAlignIo& io) {
  const ReadPlan p = s.p;
  const Line before = s.line;
  const bool pull = s.prime || !(p.one && p.dry);
  const bool source = p.stage ? !io.stage.empty() : !io.r.empty();
  const bool go = s.active && (!pull || source) && !io.out.full();
  const bool emit = go && !s.prime;
  const bool ends = emit && p.one;
  if (go) {
    Line next = 0;
    if (pull) {
      next = p.stage ? io.stage.read() : io.r.read().data;
      s.line = next;
    }
    s.prime = 0;
    if (emit) {
      ReadBeat b = ReadBeat();
      b.count = p.one ? p.tail : ap_uint<7>(64);
      b.last = p.one;
      // Without a line before this one, the beat is all in it.
      const ap_uint<7> at = p.shift == 0 ? ap_uint<7>(64) : ap_uint<7>(p.shift & 60);
      b.data = move_bytes(before, next, p.prime, at, b.count, 0);
      io.out.write(b);
      s.p.beats = static_cast<ap_uint<12>>(p.beats - 1);
      s.p.one = p.beats == 2 ? 1 : 0;
    }
  }
  const bool load = !io.plan.empty() && (!s.active || ends);
  if (load) {
    const ReadPlan q = io.plan.read();
    s.p = q;
    s.prime = q.prime;
  }
  s.active = load || (s.active && !ends) ? 1 : 0;
  return go || load ? Step::kMoved : Step::kIdle;
}

}  // namespace card
}  // namespace nvtee

#endif
