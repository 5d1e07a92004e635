// Bytes of what crosses the border between runtime and card: mailbox words (tee::Ctl, CardCtl, TcpCtl,
// HostIn) and entries of the event ring (tee::Event, CardEvent, TcpEvent, HostOut). Each field takes whole
// bytes, lowest first, in the order of the lists below: said once, so kernels and driver agree. HLS subset.
#ifndef NVTEE_HW_KERNELS_REGS_MAILBOX_HPP
#define NVTEE_HW_KERNELS_REGS_MAILBOX_HPP

#include "hw/kernels/engine/records.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace card {

typedef ap_uint<512> MailBits;

struct MailWriter {
  MailBits bits;
  int at;  // bit
  template <int W>
  NVTEE_TEE_INLINE void operator()(const ap_uint<W>& field) {
    bits.range(at + W - 1, at) = field;
    at += (W + 7) / 8 * 8;
  }
};
struct MailReader {
  MailBits bits;
  int at;
  template <int W>
  NVTEE_TEE_INLINE void operator()(ap_uint<W>& field) {
    field = bits.range(at + W - 1, at);
    at += (W + 7) / 8 * 8;
  }
};

template <class V>
NVTEE_TEE_INLINE void each_field(V& v, tee::Ctl& c) {
  v(c.op), v(c.ns), v(c.queue), v(c.leg), v(c.gen), v(c.leg_state), v(c.sweep), v(c.region_state);
  v(c.region), v(c.slot), v(c.opcode), v(c.nsid), v(c.lba), v(c.nlb), v(c.cdw12_high), v(c.mask);
  v(c.status), v(c.status2), v(c.shift_a), v(c.shift_b), v(c.flag), v(c.flag2), v(c.flag3);
  v(c.tag), v(c.value), v(c.clock);
}
template <class V>
NVTEE_TEE_INLINE void each_field(V& v, CardCtl& c) {
  v(c.op), v(c.port), v(c.session), v(c.role), v(c.queue), v(c.link), v(c.link_queue), v(c.ns), v(c.leg);
  v(c.gen), v(c.queues), v(c.entries), v(c.icdata), v(c.maxh2c), v(c.hdgst), v(c.ddgst), v(c.valid);
  v(c.slot), v(c.length);
}
template <class V>
NVTEE_TEE_INLINE void each_field(V& v, TcpCtl& c) {
  v(c.kind), v(c.session), v(c.address), v(c.port);
}
template <class V>
NVTEE_TEE_INLINE void each_field(V& v, tee::HostIn& h) {
  v(h.kind), v(h.queue), v(h.cid), v(h.slot), v(h.opcode), v(h.flags), v(h.nsid), v(h.slba), v(h.cdw12);
  v(h.sgl_type), v(h.sgl_length), v(h.sgl_address_nonzero), v(h.length), v(h.offset), v(h.last);
  v(h.digest_ok);
}
template <class V>
NVTEE_TEE_INLINE void each_field(V& v, tee::Event& e) {
  v(e.kind), v(e.ns), v(e.queue), v(e.leg), v(e.gen), v(e.slot), v(e.tag), v(e.region), v(e.region_state);
  v(e.status), v(e.mask), v(e.lba), v(e.nlb), v(e.age), v(e.value), v(e.flag);
}
template <class V>
NVTEE_TEE_INLINE void each_field(V& v, CardEvent& e) {
  v(e.kind), v(e.port), v(e.session), v(e.link), v(e.fes), v(e.fei), v(e.head), v(e.slot), v(e.length);
  v(e.error), v(e.queue);
}
template <class V>
NVTEE_TEE_INLINE void each_field(V& v, TcpEvent& e) {
  v(e.kind), v(e.session), v(e.address), v(e.port);
}
template <class V>
NVTEE_TEE_INLINE void each_field(V& v, tee::HostOut& h) {
  v(h.kind), v(h.queue), v(h.cid), v(h.slot), v(h.length), v(h.status), v(h.dnr), v(h.result);
}

// From byte `at` on.
template <class T>
NVTEE_TEE_INLINE MailBits mail_of(const T& record, int at) {
  T copy = record;
  MailWriter w;
  w.bits = 0;
  w.at = 8 * at;
  each_field(w, copy);
  return w.bits;
}
template <class T>
NVTEE_TEE_INLINE T record_of(const MailBits& bits, int at) {
  T record = T();
  MailReader r;
  r.bits = bits;
  r.at = 8 * at;
  each_field(r, record);
  return record;
}

// A ring entry: byte 0 the kind (reg::RingKind), byte 1 the port (kRingTcp), the record from byte 4 on, bytes
// 60..63 its number: entries since the ring began, this one included.
NVTEE_TEE_INLINE MailBits ring_entry(const MailBits& record, unsigned kind, unsigned port) {
  MailBits e = record;
  e.range(7, 0) = kind;
  e.range(15, 8) = port;
  return e;
}
constexpr int kRingRecordAt = 4;

}  // namespace card
}  // namespace nvtee

#endif
