// leg_route: knows the links (associations with legs). It finds the link and the queue of each leg command,
// and the leg of everything that comes back, and hands it to the leg_table of its port. What belongs to no
// link ends here.
//
// Tables: of_leg[namespace, leg] and links[link], the latter once for each direction; both written by the
// runtime's orders alone.
#ifndef NVTEE_HW_KERNELS_LEG_IO_LEG_ROUTE_HPP
#define NVTEE_HW_KERNELS_LEG_IO_LEG_ROUTE_HPP

#include <hls_stream.h>

#include "hw/kernels/common/tally.hpp"
#include "hw/kernels/common/turn.hpp"
#include "hw/kernels/leg_io/leg_work.hpp"

namespace nvtee {
namespace card {

struct Link {
  tee::NsIndex ns;
  tee::LegIndex leg;
  tee::LegGen gen;
  LinkEpoch epoch;
  ap_uint<3> queues;
  ap_uint<16> credits;
  ap_uint<14> icdata;
  ap_uint<16> most;
  ap_uint<4> ports;  // of its queues
  ap_uint<1> hdgst, ddgst, valid;
};
struct LinkOfLeg {
  LinkIx link;
  ap_uint<1> valid;
};

struct LegRouteState {
  enum Source { kSent0 = 0, kSent1, kPdu0, kPdu1, kStored, kSources };
  LinkOfLeg of_leg[256];
  Link links_out[kLinks], links_back[kLinks];
  LinkEpoch epoch;  // of the last kSetLink
  hw::Turn<kSources> turn;
  Tally tally[kPorts];
};

struct LegRouteIo {
  hls::stream<CardCtl>& ctl;  // kSetLink, kSetLinkQueue
  hls::stream<tee::LegTx>& tx;
  hls::stream<LegPdu>& pdu0;
  hls::stream<LegPdu>& pdu1;
  hls::stream<StoreDone>& stored;  // kLegDone
  hls::stream<TxDone>& sent0;
  hls::stream<TxDone>& sent1;
  hls::stream<LegOut>& out0;
  hls::stream<LegOut>& out1;
  hls::stream<LegBack>& back0;
  hls::stream<LegBack>& back1;
  hls::stream<Count>& count;
};

// x mod 3, for 13 bits: the sum of the digits to the base 4 has the same remainder.
NVTEE_TEE_INLINE ap_uint<2> mod3(tee::SlotId x) {
  ap_uint<5> sum = 0;
  for (int i = 0; i < 6; ++i) {
#pragma HLS UNROLL
    const ap_uint<2> digit = x.range(2 * i + 1, 2 * i);
    sum = static_cast<ap_uint<5>>(sum + digit);
  }
  sum = static_cast<ap_uint<5>>(sum + x[12]);
  // 0..19: bit n of these is that of n mod 3.
  const ap_uint<20> low = 0x92492, high = 0x24924;
  ap_uint<2> r = 0;
  r[0] = low[sum.to_uint()];
  r[1] = high[sum.to_uint()];
  return r;
}
NVTEE_TEE_INLINE LinkQueue queue_of_slot(tee::SlotId slot, ap_uint<3> queues) {
  const ap_uint<2> low = slot.range(1, 0);
  if (queues == 3) return mod3(slot);
  if (queues == 4) return low;
  if (queues == 2) return static_cast<LinkQueue>(low & 1);
  return 0;
}

// Bytes of an H2CData PDU: whole beats, unless a peer's limit is no multiple of them.
NVTEE_TEE_INLINE ap_uint<16> most_of(ap_uint<32> maxh2c) {
  const ap_uint<32> whole = static_cast<ap_uint<32>>((maxh2c >> 6) << 6);
  return static_cast<ap_uint<16>>(whole < kMaxTxData && whole != 0 ? whole : ap_uint<32>(kMaxTxData));
}

NVTEE_TEE_INLINE Link new_link(const CardCtl& c, LinkEpoch epoch) {
  Link l = Link();
  l.ns = c.ns;
  l.leg = c.leg;
  l.gen = c.gen;
  l.epoch = epoch;
  l.queues = c.queues;
  l.credits = static_cast<ap_uint<16>>(c.entries - 1);
  l.icdata = c.icdata;
  l.most = most_of(c.maxh2c);
  l.hdgst = c.hdgst;
  l.ddgst = c.ddgst;
  l.valid = c.valid;
  return l;
}

NVTEE_TEE_INLINE LegOut queue_order(const CardCtl& c, const Link& l) {
  LegOut o = LegOut();
  o.kind = c.valid ? LegOut::kOpen : LegOut::kShut;
  o.queue = queue_ix(c.link, c.link_queue);
  o.epoch = l.epoch;
  o.session = c.session;
  o.credits = l.credits;
  o.most = l.most;
  o.hdgst = l.hdgst;
  o.ddgst = l.ddgst;
  return o;
}

NVTEE_TEE_INLINE LegOut issue_of(const tee::LegTx& t, LinkIx link, LinkQueue queue, const Link& l) {
  const bool gives = t.opcode == spec::io::kWrite || t.opcode == spec::io::kCompare;
  const bool takes = t.opcode == spec::io::kRead;
  LegOut o = LegOut();
  o.kind = LegOut::kIssue;
  o.entry = entry_of(t.slot, t.leg);
  o.queue = queue_ix(link, queue);
  o.epoch = l.epoch;
  o.in = takes ? 1 : 0;
  o.cmd.opcode = t.opcode;
  o.cmd.cid = t.cid;
  o.cmd.nsid = t.nsid;
  o.cmd.slba = t.slba;
  o.cmd.cdw12 = static_cast<ap_uint<32>>(t.cdw12_high | t.nlb);
  o.cmd.length = gives || takes ? Bytes(t.length) : Bytes(0);
  o.cmd.in_capsule = gives && t.length != 0 && t.length <= l.icdata ? 1 : 0;
  return o;
}

// A command or an order. The order is the same for both, so that no command meets a link it was not meant
// for.
NVTEE_TEE_INLINE void write_out(LegRouteIo& io, PortId port, const LegOut& o) {
  if (port) {
    io.out1.write(o);
  } else {
    io.out0.write(o);
  }
}

NVTEE_TEE_INLINE bool leg_route_out(LegRouteState& s, LegRouteIo& io) {
  const bool is_ctl = !io.ctl.empty(), is_tx = !is_ctl && !io.tx.empty();
  if (!is_ctl && !is_tx) return false;
  CardCtl c = CardCtl();
  tee::LegTx t = tee::LegTx();
  if (is_ctl) c = io.ctl.read();
  if (is_tx) t = io.tx.read();
  const LinkOfLeg of = s.of_leg[t.ns.to_uint() * 4 + t.leg.to_uint()];
  const LinkIx link = is_ctl ? c.link : of.link;
  Link l = s.links_out[link.to_uint()];
  const bool set_link = is_ctl && c.op == CardCtl::kSetLink,
             set_queue = is_ctl && c.op == CardCtl::kSetLinkQueue;
  if (set_link) {
    s.epoch = static_cast<LinkEpoch>(s.epoch + 1);
    l = new_link(c, s.epoch);
    LinkOfLeg now;
    now.link = c.link;
    now.valid = c.valid;
    s.of_leg[c.ns.to_uint() * 4 + c.leg.to_uint()] = now;
  }
  if (set_queue) {
    l.ports[c.link_queue.to_uint()] = c.port;
    write_out(io, c.port, queue_order(c, l));
  }
  if (set_link || set_queue) {
    s.links_out[c.link.to_uint()] = l;
    s.links_back[c.link.to_uint()] = l;
  }
  if (is_tx && of.valid && l.valid && l.gen == t.gen) {
    const LinkQueue queue = queue_of_slot(t.slot, l.queues);
    write_out(io, l.ports[queue.to_uint()], issue_of(t, of.link, queue, l));
  }
  return true;
}

// What is known from the record alone.
struct Backward {
  LegBack b;
  LinkIx link;
  ap_uint<16> cid;
  LinkEpoch epoch;  // kSent
  PortId port;
};

NVTEE_TEE_INLINE Backward back_of(const LegPdu& p) {
  Backward w = Backward();
  w.link = p.link;
  w.cid = p.cid;
  w.b.kind = p.kind;  // the same numbers
  w.b.queue = queue_ix(p.link, p.link_queue);
  w.port = p.port;
  w.b.ttag = p.ttag;
  w.b.offset = p.offset;
  w.b.length = p.length;
  w.b.status = p.status;
  w.b.last = p.last;
  w.b.success = p.success;
  return w;
}
NVTEE_TEE_INLINE Backward back_of(const StoreDone& d) {
  Backward w = Backward();
  w.link = d.link;
  w.cid = d.cid;
  w.b.kind = LegBack::kStored;
  w.port = d.port;
  w.b.ok = d.ok;
  return w;
}
NVTEE_TEE_INLINE Backward back_of(const TxDone& d, PortId port) {
  const LegToken t = token_of(d.token);
  Backward w = Backward();
  w.port = port;
  w.link = static_cast<LinkIx>(t.queue >> 2);
  w.epoch = t.epoch;
  w.b.kind = LegBack::kSent;
  w.b.entry = t.entry;
  w.b.queue = t.queue;
  w.b.ends = t.ends;
  return w;
}

// On the wire, digests left out.
NVTEE_TEE_INLINE ap_uint<24> pdu_bytes(const LegPdu& p) {
  const ap_uint<24> data = p.kind == LegPdu::kData ? ap_uint<24>(p.length) : ap_uint<24>(0);
  return static_cast<ap_uint<24>>(data + spec::pdu::kHlenResp);
}

NVTEE_TEE_INLINE bool leg_route_back(LegRouteState& s, LegRouteIo& io) {
  ap_uint<LegRouteState::kSources> ready = 0;
  ready[LegRouteState::kSent0] = !io.sent0.empty();
  ready[LegRouteState::kSent1] = !io.sent1.empty();
  ready[LegRouteState::kPdu0] = !io.pdu0.empty();
  ready[LegRouteState::kPdu1] = !io.pdu1.empty();
  ready[LegRouteState::kStored] = !io.stored.empty();
  // Sent first: nothing that a leg answers may overtake the news that it was sent.
  const bool sent = ready[LegRouteState::kSent0] || ready[LegRouteState::kSent1];
  if (sent) {
    ready[LegRouteState::kPdu0] = 0;
    ready[LegRouteState::kPdu1] = 0;
    ready[LegRouteState::kStored] = 0;
  }
  const ap_uint<LegRouteState::kSources> one = hw::next_of(s.turn, ready);
  if (one == 0) return false;
  hw::taken(s.turn, one);
  Backward w = Backward();
  if (one[LegRouteState::kSent0]) {
    w = back_of(io.sent0.read(), 0);
  } else if (one[LegRouteState::kSent1]) {
    w = back_of(io.sent1.read(), 1);
  } else if (one[LegRouteState::kPdu0]) {
    const LegPdu p = io.pdu0.read();
    s.tally[0] = tally_plus(s.tally[0], pdu_bytes(p));
    w = back_of(p);
  } else if (one[LegRouteState::kPdu1]) {
    const LegPdu p = io.pdu1.read();
    s.tally[1] = tally_plus(s.tally[1], pdu_bytes(p));
    w = back_of(p);
  } else {
    w = back_of(io.stored.read());
  }
  const Link l = s.links_back[w.link.to_uint()];
  LegBack b = w.b;
  if (b.kind != LegBack::kSent) {
    const tee::SlotId slot = static_cast<tee::SlotId>(w.cid);
    b.entry = entry_of(slot, l.leg);
    b.cid_gen = static_cast<ap_uint<3>>(w.cid >> 13);
  }
  if (b.kind == LegBack::kStored) b.queue = queue_ix(w.link, queue_of_slot(slot_of_entry(b.entry), l.queues));
  b.epoch = b.kind == LegBack::kSent ? w.epoch : l.epoch;
  b.dead = l.valid && l.epoch == b.epoch ? 0 : 1;
  b.ns = l.ns;
  b.gen = l.gen;
  if (w.port) {
    io.back1.write(b);
  } else {
    io.back0.write(b);
  }
  return true;
}

NVTEE_TEE_INLINE bool leg_route_count(LegRouteState& s, bool idle, LegRouteIo& io) {
  const bool due0 = tally_due(s.tally[0], idle, io.count), due1 = tally_due(s.tally[1], idle, io.count);
  if (!due0 && !due1) return false;
  io.count.write(count_of(due0 ? s.tally[0] : s.tally[1], Count::kRxLeg, due0 ? 0 : 1));
  if (due0) {
    s.tally[0] = Tally();
  } else {
    s.tally[1] = Tally();
  }
  return true;
}

NVTEE_TEE_INLINE tee::Step leg_route_step(LegRouteState& s, LegRouteIo& io) {
  const bool asleep = io.ctl.empty() && io.tx.empty() && io.pdu0.empty() && io.pdu1.empty() &&
                      io.stored.empty() && io.sent0.empty() && io.sent1.empty();
  const bool back_full = io.back0.full() || io.back1.full() || tally_blocks(s.tally[0], io.count) ||
                         tally_blocks(s.tally[1], io.count);
  const bool counted = leg_route_count(s, asleep, io);
  const bool back = !back_full && leg_route_back(s, io);
  const bool out = !io.out0.full() && !io.out1.full() && leg_route_out(s, io);
  if (out || back || counted) return tee::Step::kMoved;
  return asleep ? tee::Step::kIdle : tee::Step::kBlocked;
}

}  // namespace card
}  // namespace nvtee

#endif
