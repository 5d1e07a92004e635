// header_split: checks the digest and the fields of a PDU's header and makes a record of it, by the session's
// role. rx_walk has checked the common header (rx_rules.hpp); here is what the software body checks after it
// (check_body, TTAG). A bad header is told once (kSessionError); whatever the session sends after that is
// thrown away until it is closed.
//
// Data and its verdict meet in placer: one DataFrom for each PDU with data, in order.
//
// Table: broken[session], one read and one write a call. Made for II = 4.
#ifndef NVTEE_HW_KERNELS_HEADER_SPLIT_HEADER_SPLIT_HPP
#define NVTEE_HW_KERNELS_HEADER_SPLIT_HEADER_SPLIT_HPP

#include "hw/kernels/digest/crc32c.hpp"
#include "hw/kernels/engine/records.hpp"

namespace nvtee {
namespace card {

// placer -> header_split: a verdict was fatal.
struct Break {
  SessionIx session;
};

template <class C>
struct HeaderSplitState {
  ap_uint<1> broken[1u << C::kSessionBits];
};

struct HeaderSplitIo {
  hls::stream<Break>& breaks;
  hls::stream<PduHead>& head;
  hls::stream<tee::HostIn>& host;
  hls::stream<LegPdu>& leg;
  hls::stream<DataFrom>& from;
  hls::stream<CardEvent>& event;
};

struct HeadFault {
  ap_uint<1> bad;
  ap_uint<16> fes;
  ap_uint<32> fei;
};
NVTEE_TEE_INLINE HeadFault head_fault(unsigned fes, ap_uint<32> fei) {
  HeadFault f = HeadFault();
  f.bad = 1;
  f.fes = static_cast<ap_uint<16>>(fes);
  f.fei = fei;
  return f;
}

NVTEE_TEE_INLINE ap_uint<32> dword_at(const PduHead& h, unsigned byte) {
  return h.bytes.range(static_cast<int>(8 * byte + 31), static_cast<int>(8 * byte));
}
NVTEE_TEE_INLINE ap_uint<16> word_at(const PduHead& h, unsigned byte) {
  return h.bytes.range(static_cast<int>(8 * byte + 15), static_cast<int>(8 * byte));
}
NVTEE_TEE_INLINE ap_uint<8> byte_at(const PduHead& h, unsigned byte) {
  return h.bytes.range(static_cast<int>(8 * byte + 7), static_cast<int>(8 * byte));
}

// The header's digest, then the fields of data PDUs and R2Ts: offsets within a buffer are multiples of 4 from
// here on (store_turn, read_ask turn by whole dwords only).
NVTEE_TEE_INLINE HeadFault check_header(const PduHead& h) {
  const ap_uint<8> type = byte_at(h, 0);
  const bool cmd = type == spec::pdu::kCapsuleCmd;
  const bool data = type == spec::pdu::kH2CData || type == spec::pdu::kC2HData;
  const bool range = data || type == spec::pdu::kR2T;
  const ap_uint<32> got = cmd ? dword_at(h, 72) : dword_at(h, 24);
  const ap_uint<32> offset = dword_at(h, 12);
  const ap_uint<32> length = dword_at(h, 16);
  const unsigned field = spec::fes::kInvalidHeaderField;
  if (h.kind == PduHead::kBroken) return head_fault(h.fes.to_uint(), h.fei);
  if (h.role == CardCtl::kRaw || h.kind == PduHead::kEnd) return HeadFault();
  if (h.hdgst && !crc_head_right(h.sum.to_uint(), h.bytes.range(607, 512), cmd))
    return head_fault(spec::fes::kHeaderDigest, got);
  if ((data && length != h.data) || (range && (length & 3) != 0)) return head_fault(field, 16);
  if (range && (offset & 3) != 0) return head_fault(field, 12);
  // A TTAG is a slot.
  if (type == spec::pdu::kH2CData && (word_at(h, 10) >> 13) != 0) return head_fault(field, 10);
  return HeadFault();
}

NVTEE_TEE_INLINE tee::HostIn host_in_of(const PduHead& h) {
  tee::HostIn r = tee::HostIn();
  r.queue = h.queue;
  if (byte_at(h, 0) == spec::pdu::kCapsuleCmd) {
    r.kind = tee::HostIn::kCommand;
    r.opcode = byte_at(h, 8);
    r.flags = byte_at(h, 9);
    r.cid = word_at(h, 10);
    r.nsid = dword_at(h, 12);
    r.sgl_address_nonzero = dword_at(h, 32) != 0 || dword_at(h, 36) != 0 ? 1 : 0;
    r.sgl_length = dword_at(h, 40);
    r.sgl_type = byte_at(h, 47);
    r.slba = h.bytes.range(8 * 48 + 63, 8 * 48);
    r.cdw12 = dword_at(h, 56);
    r.length = h.data;
  } else {
    r.kind = tee::HostIn::kDataHeader;
    r.cid = word_at(h, 8);
    r.slot = static_cast<tee::SlotId>(word_at(h, 10));
    r.offset = dword_at(h, 12);
    r.length = dword_at(h, 16);
    r.last = h.bytes[8 + 2];
  }
  return r;
}

NVTEE_TEE_INLINE LegPdu leg_pdu_of(const PduHead& h, PortId port) {
  const ap_uint<8> type = byte_at(h, 0);
  LegPdu p = LegPdu();
  p.link = h.link;
  p.link_queue = h.link_queue;
  p.port = port;
  if (type == spec::pdu::kCapsuleResp) {
    p.kind = LegPdu::kResponse;
    p.cid = word_at(h, 20);
    p.status = static_cast<tee::StatusBits>(word_at(h, 22) >> 1);
  } else {
    p.kind = type == spec::pdu::kR2T ? LegPdu::kR2t : LegPdu::kData;
    p.cid = word_at(h, 8);
    p.ttag = word_at(h, 10);
    p.offset = dword_at(h, 12);
    p.length = dword_at(h, 16);
    p.last = h.bytes[8 + 2];
    p.success = h.bytes[8 + 3];
  }
  return p;
}

NVTEE_TEE_INLINE DataFrom data_from(const PduHead& h, bool good) {
  DataFrom d = DataFrom();
  d.session = h.session;
  d.queue = h.queue;
  d.head = h.bytes.range(63, 0);
  d.length = h.data;
  if (h.kind == PduHead::kEnd) {
    d.kind = DataFrom::kEnd;
  } else if (!good) {
    d.kind = DataFrom::kDiscard;
  } else {
    d.kind = h.role == CardCtl::kHost  ? DataFrom::kHost
             : h.role == CardCtl::kLeg ? DataFrom::kLeg
                                       : DataFrom::kRaw;
  }
  return d;
}

template <class C>
NVTEE_TEE_INLINE tee::Step header_split_step(HeaderSplitState<C>& s, PortId port, HeaderSplitIo& io) {
  constexpr unsigned kMask = (1u << C::kSessionBits) - 1;
  if (!io.breaks.empty()) {
    s.broken[io.breaks.read().session.to_uint() & kMask] = 1;
    return tee::Step::kMoved;
  }
  if (io.head.empty()) return tee::Step::kIdle;
  if (io.host.full() || io.leg.full() || io.from.full() || io.event.full()) return tee::Step::kBlocked;
  const PduHead h = io.head.read();
  const unsigned at = h.session.to_uint() & kMask;
  const bool lost = s.broken[at];
  const bool end = h.kind == PduHead::kEnd;
  const HeadFault f = check_header(h);
  const bool good = !lost && !f.bad;
  s.broken[at] = end ? 0 : lost || f.bad ? 1 : 0;
  if (h.kind == PduHead::kEnd || h.data != 0) {
    if (h.kind != PduHead::kBroken) io.from.write(data_from(h, good));
  }
  if (f.bad && !lost) {
    CardEvent e = CardEvent();
    e.kind = CardEvent::kSessionError;
    e.port = port;
    e.session = h.session;
    e.fes = f.fes;
    e.fei = f.fei;
    io.event.write(e);
  }
  if (good && h.kind == PduHead::kPdu && h.role == CardCtl::kHost) {
    io.host.write(host_in_of(h));
  } else if (good && h.kind == PduHead::kPdu && h.role == CardCtl::kLeg) {
    io.leg.write(leg_pdu_of(h, port));
  }
  return tee::Step::kMoved;
}

}  // namespace card
}  // namespace nvtee

#endif
