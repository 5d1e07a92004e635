// store_write: beats at any offset into buffers of device memory, through three kernels at one beat a clock
// and one (store_commit) that waits for memory. One of each per port.
//
// Lines that follow each other are one AXI write of up to kBurst beats: memory takes a bounded number of
// writes without an answer, and with one line each its latency, not its bandwidth, would be the limit. Lines
// that two beats of a PDU share are written once, unless beats of another session come between.
//
// In-capsule data (offset 0) also goes to the stage while it has a free entry. An entry is filled again only
// after memory has answered for what it held before, so what is no longer on chip is in memory.
#ifndef NVTEE_HW_KERNELS_STORE_STORE_WRITE_HPP
#define NVTEE_HW_KERNELS_STORE_STORE_WRITE_HPP

#include "hw/kernels/store/types.hpp"

namespace nvtee {
namespace card {

// ---- store_turn ------------------------------------------------------------------------------------------
template <class C>
struct StoreTurnState {
  StageRef entry[1u << C::kSessionBits];  // of the session's PDU under way
};

struct StoreTurnIo {
  hls::stream<StoreBeat>& in;
  hls::stream<StageEntry>& grant;  // entries to be filled
  hls::stream<StageUse>& use;
  hls::stream<StageWrite>& stage;
  hls::stream<Turned>& out;
  hls::stream<TurnedKey>& key;  // of each in `out`, so that store_cut knows before it takes the beat itself
};

NVTEE_TEE_INLINE StoreDone done_of(const StoreBeat& b, PortId port) {
  StoreDone d = StoreDone();
  d.kind = b.done;
  d.ok = b.ok;
  d.port = port;
  d.slot = b.slot;
  d.queue = b.queue;
  d.session = b.session;
  d.head = b.head;
  d.length = static_cast<Bytes>(b.offset + b.count);
  d.link = b.link;
  d.cid = b.cid;
  d.tell = b.tell;
  return d;
}

NVTEE_TEE_INLINE Turned turned(const StoreBeat& b, const StageRef& stage, PortId port) {
  const ap_uint<6> by = static_cast<ap_uint<6>>(b.offset & 60);  // a multiple of 4 (header_split)
  const ap_uint<128> bytes = static_cast<ap_uint<128>>(static_cast<ap_uint<128>>(byte_mask(b.count)) << by);
  Turned t = Turned();
  t.data = turn_down(b.data, static_cast<ap_uint<6>>((64 - by.to_uint()) & 60));
  t.low = bytes.range(63, 0);
  t.high = bytes.range(127, 64);
  t.slot = b.slot;
  t.line = static_cast<LineNo>(b.offset >> 6);
  t.last = b.last;
  t.barrier = b.count == 0 ? 1 : 0;
  t.stage = stage;
  t.done = done_of(b, port);
  return t;
}

template <class C>
NVTEE_TEE_INLINE Step store_turn_step(StoreTurnState<C>& s, PortId port, StoreTurnIo& io) {
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  if (io.in.empty()) return Step::kIdle;
  if (io.out.full() || io.key.full() || io.use.full() || io.stage.full()) return Step::kBlocked;
  const StoreBeat b = io.in.read();
  const unsigned at = b.session.to_uint() & kMask;
  const bool begins = b.first && b.count != 0;
  StageRef ref = s.entry[at];
  if (begins) {
    ref = StageRef();
    if (b.staged && !io.grant.empty()) {
      ref.valid = 1;
      ref.entry = io.grant.read();
    }
    StageUse u = StageUse();
    u.slot = b.slot;
    u.in = ref;
    io.use.write(u);
  }
  const bool on_chip = b.staged && ref.valid && b.count != 0;
  // A session that ends in the middle of a PDU gives its entry back too.
  StageRef out = ref;
  out.valid = on_chip || (b.count == 0 && ref.valid) ? 1 : 0;
  StageRef keep = ref;
  if (b.last) keep.valid = 0;
  s.entry[at] = keep;
  if (on_chip) {
    StageWrite w = StageWrite();
    w.entry = ref.entry;
    w.line = static_cast<StageLine>(b.offset >> 6);
    w.data = b.data;
    io.stage.write(w);
  }
  const Turned t = turned(b, out, port);
  io.out.write(t);
  TurnedKey k;
  k.slot = t.slot;
  k.line = t.line;
  k.barrier = t.barrier;
  io.key.write(k);
  return Step::kMoved;
}

// ---- store_cut -------------------------------------------------------------------------------------------
constexpr unsigned kBurst = 8;  // lines of an AXI write; a burst begins at a multiple of it or later
NVTEE_TEE_INLINE bool burst_of(LineNo line) {
  return (line & (kBurst - 1)) != 0;
}

struct StoreCutState {
  TurnedKey key;   // of the next beat,
  ap_uint<1> has;  // which waits
  // What of a beat goes to the line after its own, until the next beat brings the rest of that line.
  Line rest;
  ap_uint<64> strb;
  StoreSlot slot;
  LineNo line;
  ap_uint<1> held;
  ap_uint<1> last;  // it is the end of its PDU: does not wait
  ap_uint<1> run;   // the line before `line` was written last, and more may follow in its burst
  StoreDone done;
  ap_uint<16> writes;
};

struct StoreCutIo {
  hls::stream<Turned>& in;
  hls::stream<TurnedKey>& key;
  hls::stream<LineWrite>& out;
  // To the stage, whose directory may hear of the entry only now: at most 12 clocks from then on (two entries
  // wait in its stream, 4 clocks each, and its call), while the first question for it comes after more than
  // 20 (the tee core, the legs, the question for space). P11 stands on that: whoever lengthens the one or
  // shortens the other has to make the news wait.
  hls::stream<StoreDone>& now;
  hls::stream<Pending>& pending;  // in memory: known when memory has answered
};

// `joins`: it goes on with the burst of the line before. `ends`: no line follows in its burst.
NVTEE_TEE_INLINE void write_line(StoreCutState& s, StoreSlot slot, LineNo line, const Line& data,
                                 ap_uint<64> strb, bool joins, bool ends, StoreCutIo& io) {
  LineWrite o = LineWrite();
  o.slot = slot;
  o.line = line;
  o.data = data;
  o.strb = strb;
  o.joins = joins ? 1 : 0;
  o.ends = ends ? 1 : 0;
  io.out.write(o);
  if (!joins) s.writes = static_cast<ap_uint<16>>(s.writes + 1);
}
// A session ends: nothing of it waits for its burst to go on.
NVTEE_TEE_INLINE void write_barrier(StoreCutIo& io) {
  LineWrite o = LineWrite();
  o.barrier = 1;
  io.out.write(o);
}

// The last line of a PDU is on its way.
NVTEE_TEE_INLINE void pdu_out(StoreCutState& s, const StoreDone& done, const StageRef& stage, bool barrier,
                              StoreCutIo& io) {
  const bool say = done.kind != StoreDone::kNone;
  if (stage.valid && say && !barrier) io.now.write(done);
  Pending p = Pending();
  p.kind = barrier ? Pending::kDrained : stage.valid ? Pending::kEntry : Pending::kDone;
  p.writes = s.writes;
  p.done = done;
  p.stage = stage;
  if (barrier || stage.valid || say) io.pending.write(p);
}

NVTEE_TEE_INLINE Line merge_bytes(const Line& a, const ap_uint<64>& of_a, const Line& b) {
  Line out = 0;
  for (unsigned i = 0; i < 64; ++i) {
#pragma HLS UNROLL
    const ap_uint<8> x = a.range(8 * i + 7, 8 * i);
    const ap_uint<8> y = b.range(8 * i + 7, 8 * i);
    out.range(8 * i + 7, 8 * i) = of_a[i] ? x : y;
  }
  return out;
}

NVTEE_TEE_INLINE Step store_cut_step(StoreCutState& s, StoreCutIo& io) {
  const bool out = !io.out.full() && !io.now.full() && !io.pending.full();
  const bool waits = s.has, comes = !waits && !io.key.empty();
  const bool some = waits || comes;
  TurnedKey k = s.key;
  if (comes) k = io.key.read();
  const bool next = k.slot == s.slot && k.line == s.line;
  const bool goes_on = s.held && !s.last && !k.barrier && next;
  // A line that is not going to be completed leaves first.
  const bool flush = s.held && (s.last || (some && !goes_on));
  const bool use = some && !io.in.empty() && !flush && out;
  if (flush && out) {
    write_line(s, s.slot, s.line, s.rest, s.strb, s.run && burst_of(s.line), true, io);
    if (s.last) pdu_out(s, s.done, StageRef(), false, io);
    s.held = 0;
    s.last = 0;
    s.run = 0;
  } else if (use) {
    const Turned t = io.in.read();
    const bool two = t.high != 0;
    if (!t.barrier) {
      const ap_uint<64> kept = goes_on ? s.strb : ap_uint<64>(0);
      write_line(s, t.slot, t.line, merge_bytes(s.rest, kept, t.data), static_cast<ap_uint<64>>(kept | t.low),
                 s.run && next && burst_of(t.line), t.last && !two, io);
    } else {
      write_barrier(io);
    }
    if (t.last && !two) pdu_out(s, t.done, t.stage, t.barrier, io);
    s.rest = t.data;
    s.strb = t.high;
    s.slot = t.slot;
    s.line = static_cast<LineNo>(t.line + 1);
    s.held = two ? 1 : 0;
    s.last = two && t.last ? 1 : 0;
    s.run = !t.barrier && !(t.last && !two) ? 1 : 0;
    s.done = t.done;
  }
  s.key = k;
  s.has = some && !use ? 1 : 0;
  return (flush && out) || use || comes ? Step::kMoved : Step::kIdle;
}

// ---- store_burst -----------------------------------------------------------------------------------------
// A burst's address leaves with its last line; its data wait in `data`, a ring of its own that holds more
// than one burst: no address ever waits for data to be taken, as AXI wants it.
struct StoreBurstState {
  LineWrite held;  // the last line that came: does another one follow?
  ap_uint<1> has;
  LineNo first;    // of its burst
  ap_uint<3> len;  // beats - 1
};

struct StoreBurstIo {
  hls::stream<LineWrite>& in;
  hls::stream<hw::AxiAddr>& aw;
  hls::stream<hw::AxiW>& w;
  hls::stream<hw::AxiW>& data_in;
  hls::stream<hw::AxiW>& data_out;
};

NVTEE_TEE_INLINE Step store_burst_step(StoreBurstState& s, ap_uint<64> base, StoreBurstIo& io) {
  const bool more = !io.in.empty();
  const bool out = !io.aw.full() && !io.data_out.full();
  const bool pass = !io.data_in.empty() && !io.w.full();
  if (pass) io.w.write(io.data_in.read());
  const LineWrite h = s.held;
  const bool go = s.has && (h.ends || more) && out;
  const bool load = more && (go || !s.has);
  LineWrite n = LineWrite();
  if (load) n = io.in.read();
  const bool last = h.ends || !n.joins;
  if (go) {
    hw::AxiW w = hw::AxiW();
    w.data = h.data;
    w.strb = h.strb;
    w.last = last ? 1 : 0;
    io.data_out.write(w);
    hw::AxiAddr a = hw::AxiAddr();
    a.addr = address_of(base, h.slot, s.first);
    a.len = s.len;
    if (last) io.aw.write(a);
  }
  if (load) {
    s.held = n;
    s.first = n.joins ? s.first : n.line;
    s.len = n.joins ? static_cast<ap_uint<3>>(s.len + 1) : ap_uint<3>(0);
  }
  s.has = (load && !n.barrier) || (s.has && !go) ? 1 : 0;
  return go || load || pass ? Step::kMoved : Step::kIdle;
}

// ---- store_commit ----------------------------------------------------------------------------------------
struct StoreCommitState {
  ap_uint<16> answered;
  ap_uint<1> bad;  // memory refused a write since the last Pending left
  Pending p;
  ap_uint<1> ready;
};

struct StoreCommitIo {
  hls::stream<hw::AxiB>& b;
  hls::stream<Pending>& pending;
  hls::stream<StageEntry>& landed;
  hls::stream<StoreDone>& done;
  hls::stream<CardEvent>& event;
};

NVTEE_TEE_INLINE bool commit_pending(StoreCommitState& s, PortId port, StoreCommitIo& io) {
  const ap_uint<16> behind = static_cast<ap_uint<16>>(s.answered - s.p.writes);
  if (behind[15]) return false;
  if (s.p.stage.valid) io.landed.write(s.p.stage.entry);
  if (s.p.kind == Pending::kDone) {
    StoreDone d = s.p.done;
    if (s.bad) d.ok = 0;
    io.done.write(d);
  } else if (s.p.kind == Pending::kDrained) {
    CardEvent e = CardEvent();
    e.kind = CardEvent::kSessionDrained;
    e.port = port;
    e.session = s.p.done.session;
    io.event.write(e);
  }
  s.bad = 0;
  return true;
}

NVTEE_TEE_INLINE Step store_commit_step(StoreCommitState& s, PortId port, StoreCommitIo& io) {
  const bool answer = !io.b.empty();
  const bool out = !io.done.full();
  const bool may = s.ready && out && !io.landed.full() && !io.event.full();
  const bool said = may && commit_pending(s, port, io);
  const bool load = !io.pending.empty() && (said || !s.ready);
  if (load) s.p = io.pending.read();
  s.ready = load || (s.ready && !said) ? 1 : 0;
  if (answer) {
    const hw::AxiB b = io.b.read();
    s.answered = static_cast<ap_uint<16>>(s.answered + 1);
    if (b.resp != 0) s.bad = 1;
  }
  return answer || said || load ? Step::kMoved : Step::kIdle;
}

}  // namespace card
}  // namespace nvtee

#endif
