// regs: the runtime's side of the card by AXI4-Lite. Registers: registers.def. Orders come as mail (16 words,
// then the doorbell) and go on when there is room where they go; MailBusy shows that they wait.
#ifndef NVTEE_HW_KERNELS_REGS_REGS_HPP
#define NVTEE_HW_KERNELS_REGS_REGS_HPP

#include <hls_stream.h>

#include "hw/kernels/common/axi.hpp"
#include "hw/kernels/regs/event_ring.hpp"
#include "hw/kernels/regs/mailbox.hpp"
#include "hw/kernels/regs/registers.hpp"
#include "hw/kernels/tx_port/tx_queue.hpp"

namespace nvtee {
namespace card {

struct RegsState {
  MailBits mail;
  ap_uint<1> busy;  // the mail waits
  ap_uint<8> to;    // reg::Mail
  PortId port;
  ap_uint<32> lost;
  ap_uint<32> step;  // ClockStep
  ap_uint<32> now_hi, counter_hi;
  ap_uint<64> ring_base;
  ap_uint<5> ring_size;
  ap_uint<32> consumer;
  RingNews news;
  ap_uint<3> raw_out[kPorts];     // kRawSend without TxDone
  ap_uint<64> pdus[8], bytes[8];  // by Count::kind << 1 | port
  ap_uint<1> reads;               // whose turn it is: a read of the runtime, or counts
};

struct RegsIo {
  hls::stream<hw::LiteAddr>& awaddr;
  hls::stream<hw::LiteW>& wdata;
  hls::stream<hw::AxiB>& bresp;
  hls::stream<hw::LiteAddr>& araddr;
  hls::stream<hw::LiteR>& rdata;
  hls::stream<tee::Ctl>& tee_ctl;
  hls::stream<CardCtl>& rx_ctl0;  // kSetSession, kPuntFree
  hls::stream<CardCtl>& rx_ctl1;
  hls::stream<CardCtl>& host_ctl;  // kSetQueue
  hls::stream<CardCtl>& leg_ctl;   // kSetLink, kSetLinkQueue
  hls::stream<TcpCtl>& tcp_ctl0;
  hls::stream<TcpCtl>& tcp_ctl1;
  hls::stream<tee::HostIn>& host_in;
  hls::stream<TxJob>& job0;  // kRawSend
  hls::stream<TxJob>& job1;
  hls::stream<TxDone>& free0;
  hls::stream<TxDone>& free1;
  hls::stream<RingCtl>& ring_ctl;
  hls::stream<RingNews>& ring_news;
  hls::stream<ap_uint<32>>& clock_step;
  hls::stream<Count>& count0;  // host_mux
  hls::stream<Count>& count1;  // leg_route
  hls::stream<Count>& count2;  // tx_pack of port 0
  hls::stream<Count>& count3;  // tx_pack of port 1
};

// ---- mail -------------------------------------------------------------------------------------------------
NVTEE_TEE_INLINE TxJob raw_job(const CardCtl& c) {
  TxJob j = TxJob();
  j.port = c.port;
  j.session = c.session;
  j.slot = c.slot;
  j.length = c.length;
  j.done = TxJob::kRawSent;
  j.from = TxJob::kRuntime;
  j.after = 1;
  return j;
}

// True when the mail has left.
NVTEE_TEE_INLINE bool deliver_card(RegsState& s, const CardCtl& c, RegsIo& io) {
  if (c.op == CardCtl::kSetSession || c.op == CardCtl::kPuntFree) {
    if (c.port ? io.rx_ctl1.full() : io.rx_ctl0.full()) return false;
    if (c.port) {
      io.rx_ctl1.write(c);
    } else {
      io.rx_ctl0.write(c);
    }
    return true;
  }
  if (c.op == CardCtl::kSetQueue) {
    if (io.host_ctl.full()) return false;
    io.host_ctl.write(c);
    return true;
  }
  if (c.op == CardCtl::kSetLink || c.op == CardCtl::kSetLinkQueue) {
    if (io.leg_ctl.full()) return false;
    io.leg_ctl.write(c);
    return true;
  }
  if (c.op == CardCtl::kRawSend) {
    if (c.port ? io.job1.full() || s.raw_out[1] == kTxRuntime : io.job0.full() || s.raw_out[0] == kTxRuntime)
      return false;
    if (c.port) {
      io.job1.write(raw_job(c));
      s.raw_out[1] = static_cast<ap_uint<3>>(s.raw_out[1] + 1);
    } else {
      io.job0.write(raw_job(c));
      s.raw_out[0] = static_cast<ap_uint<3>>(s.raw_out[0] + 1);
    }
    return true;
  }
  if (c.op != CardCtl::kNop) s.lost = static_cast<ap_uint<32>>(s.lost + 1);
  return true;
}

NVTEE_TEE_INLINE bool deliver(RegsState& s, RegsIo& io) {
  if (s.to == reg::kMailTee) {
    if (io.tee_ctl.full()) return false;
    io.tee_ctl.write(record_of<tee::Ctl>(s.mail, 0));
  } else if (s.to == reg::kMailCard) {
    return deliver_card(s, record_of<CardCtl>(s.mail, 0), io);
  } else if (s.to == reg::kMailTcp) {
    if (s.port ? io.tcp_ctl1.full() : io.tcp_ctl0.full()) return false;
    if (s.port) {
      io.tcp_ctl1.write(record_of<TcpCtl>(s.mail, 0));
    } else {
      io.tcp_ctl0.write(record_of<TcpCtl>(s.mail, 0));
    }
  } else if (s.to == reg::kMailHostIn) {
    if (io.host_in.full()) return false;
    tee::HostIn h = record_of<tee::HostIn>(s.mail, 0);
    h.queue = 0;
    io.host_in.write(h);
  } else {
    s.lost = static_cast<ap_uint<32>>(s.lost + 1);
  }
  return true;
}

// ---- writes -----------------------------------------------------------------------------------------------
NVTEE_TEE_INLINE void ring_changed(RegsState& s, bool begins, RegsIo& io) {
  RingCtl c;
  c.base = s.ring_base;
  c.size = s.ring_size;
  c.consumer = s.consumer;
  c.begins = begins ? 1 : 0;
  io.ring_ctl.write(c);
}

NVTEE_TEE_INLINE void set_mail(RegsState& s, ap_uint<4> word, ap_uint<32> data) {
  for (unsigned i = 0; i < reg::kMailWords; ++i) {
#pragma HLS UNROLL
    if (word == i) s.mail.range(static_cast<int>(32 * i + 31), static_cast<int>(32 * i)) = data;
  }
}

NVTEE_TEE_INLINE void ring_bell(RegsState& s, ap_uint<32> data) {
  if (s.busy) {
    s.lost = static_cast<ap_uint<32>>(s.lost + 1);
    return;
  }
  s.busy = 1;
  s.to = data.range(7, 0);
  s.port = data[8];
}

NVTEE_TEE_INLINE void write_register(RegsState& s, ap_uint<16> at, ap_uint<32> data, RegsIo& io) {
  const ap_uint<10> high = at.range(15, 6);
  if (high == (reg::kMail0 >> 6)) {
    // The words of a mail that waits stay.
    if (!s.busy) set_mail(s, at.range(5, 2), data);
  } else if (at == reg::kDoorbell) {
    ring_bell(s, data);
  } else if (at == reg::kClockStep) {
    s.step = data;
    io.clock_step.write(data);
  } else if (at == reg::kRingBaseLo) {
    s.ring_base.range(31, 0) = data;
  } else if (at == reg::kRingBaseHi) {
    s.ring_base.range(63, 32) = data;
  } else if (at == reg::kRingSize) {
    s.ring_size = data > 20 ? ap_uint<5>(20) : ap_uint<5>(data);
    s.consumer = 0;
    ring_changed(s, true, io);
  } else if (at == reg::kRingConsumer) {
    s.consumer = data;
    ring_changed(s, false, io);
  }
}

// ---- reads ------------------------------------------------------------------------------------------------
NVTEE_TEE_INLINE ap_uint<32> mail_word(const RegsState& s, ap_uint<4> word) {
  ap_uint<32> r = 0;
  for (unsigned i = 0; i < reg::kMailWords; ++i) {
#pragma HLS UNROLL
    const ap_uint<32> w = s.mail.range(static_cast<int>(32 * i + 31), static_cast<int>(32 * i));
    if (word == i) r = w;
  }
  return r;
}

template <class C>
NVTEE_TEE_INLINE ap_uint<32> sizes_word() {
  return C::kQueueBits | C::kDepthBits << 8 | C::kNsBits << 16 | C::kSessionBits << 24;
}

template <class C>
NVTEE_TEE_INLINE ap_uint<32> read_register(RegsState& s, tee::Clock now, ap_uint<32> build, ap_uint<16> at,
                                           const ap_uint<64>& counter) {
  const ap_uint<10> high = at.range(15, 6);
  if (high == (reg::kMail0 >> 6)) return mail_word(s, at.range(5, 2));
  if (high == (reg::kCounters >> 6) || high == (reg::kCounters >> 6) + 1) {
    if (at[2]) return s.counter_hi;
    s.counter_hi = counter.range(63, 32);
    return counter.range(31, 0);
  }
  switch (at.to_uint()) {
    case reg::kId:
      return reg::kIdValue;
    case reg::kVersion:
      return reg::kVersionValue;
    case reg::kBuild:
      return build;
    case reg::kSizes:
      return sizes_word<C>();
    case reg::kNowLo:
      s.now_hi = now.range(63, 32);
      return now.range(31, 0);
    case reg::kNowHi:
      return s.now_hi;
    case reg::kClockStep:
      return s.step;
    case reg::kMailBusy:
      return s.busy;
    case reg::kMailLost:
      return s.lost;
    case reg::kRingBaseLo:
      return s.ring_base.range(31, 0);
    case reg::kRingBaseHi:
      return s.ring_base.range(63, 32);
    case reg::kRingSize:
      return s.ring_size;
    case reg::kRingConsumer:
      return s.consumer;
    case reg::kRingProducer:
      return s.news.producer;
    case reg::kRingStalled:
      return s.news.stalled;
    default:
      return 0;
  }
}

// ---- the step ---------------------------------------------------------------------------------------------
NVTEE_TEE_INLINE bool take_counts(Count& c, RegsIo& io) {
  if (!io.count0.empty()) {
    c = io.count0.read();
  } else if (!io.count1.empty()) {
    c = io.count1.read();
  } else if (!io.count2.empty()) {
    c = io.count2.read();
  } else if (!io.count3.empty()) {
    c = io.count3.read();
  } else {
    return false;
  }
  return true;
}

// Counters take turns between the runtime's reads and what is added: one row a call.
template <class C>
NVTEE_TEE_INLINE bool regs_tables(RegsState& s, tee::Clock now, ap_uint<32> build, RegsIo& io) {
  const bool reads = !io.araddr.empty() && !io.rdata.full();
  const bool counts = !io.count0.empty() || !io.count1.empty() || !io.count2.empty() || !io.count3.empty();
  if (!reads && !counts) return false;
  const bool read = reads && (s.reads || !counts);
  s.reads = read ? 0 : 1;
  hw::LiteAddr at = hw::LiteAddr();
  Count c = Count();
  if (read) {
    at = io.araddr.read();
  } else {
    take_counts(c, io);
  }
  // Counters: kind << 5 | bytes << 4 | port << 3.
  const ap_uint<3> asked = static_cast<ap_uint<3>>((at.addr.range(6, 5), at.addr.range(3, 3)));
  const ap_uint<3> counted = static_cast<ap_uint<3>>((c.kind, c.port));
  const ap_uint<3> row = read ? asked : counted;
  const ap_uint<64> pdus = s.pdus[row.to_uint()], bytes = s.bytes[row.to_uint()];
  if (read) {
    hw::LiteR r;
    r.data = read_register<C>(s, now, build, at.addr, at.addr[4] ? bytes : pdus);
    r.resp = 0;
    io.rdata.write(r);
  } else {
    s.pdus[row.to_uint()] = static_cast<ap_uint<64>>(pdus + c.pdus);
    s.bytes[row.to_uint()] = static_cast<ap_uint<64>>(bytes + c.bytes);
  }
  return true;
}

NVTEE_TEE_INLINE bool regs_free(RegsState& s, RegsIo& io) {
  if (!io.free0.empty()) {
    io.free0.read();
    s.raw_out[0] = static_cast<ap_uint<3>>(s.raw_out[0] - 1);
    return true;
  }
  if (!io.free1.empty()) {
    io.free1.read();
    s.raw_out[1] = static_cast<ap_uint<3>>(s.raw_out[1] - 1);
    return true;
  }
  return false;
}

template <class C>
NVTEE_TEE_INLINE tee::Step regs_step(RegsState& s, tee::Clock now, ap_uint<32> build, RegsIo& io) {
  bool moved = false;
  const bool writes = !io.awaddr.empty() && !io.wdata.empty() && !io.bresp.full() && !io.ring_ctl.full() &&
                      !io.clock_step.full();
  if (!io.ring_news.empty()) {
    s.news = io.ring_news.read();
    moved = true;
  }
  if (writes) {
    const ap_uint<16> at = io.awaddr.read().addr;
    write_register(s, at, io.wdata.read().data, io);
    hw::AxiB b;
    b.resp = 0;
    io.bresp.write(b);
    moved = true;
  } else if (regs_free(s, io)) {
    moved = true;
  } else if (s.busy && deliver(s, io)) {
    s.busy = 0;
    moved = true;
  }
  if (regs_tables<C>(s, now, build, io)) moved = true;
  return moved ? tee::Step::kMoved : tee::Step::kIdle;
}

// The card's clock, one call a clock: ns in 1/65536 added up. In RTL: nvtee_clock.v, the same in two halves.
struct ClockState {
  ap_uint<64> ns;
  ap_uint<16> part;
  ap_uint<32> step;
};
NVTEE_TEE_INLINE tee::Clock clock_step(ClockState& s, hls::stream<ap_uint<32>>& step) {
  if (!step.empty()) s.step = step.read();
  const ap_uint<33> sum = static_cast<ap_uint<33>>(static_cast<ap_uint<33>>(s.step) + s.part);
  s.part = sum.range(15, 0);
  const ap_uint<17> whole = sum.range(32, 16);
  s.ns = static_cast<ap_uint<64>>(s.ns + whole);
  return s.ns;
}

}  // namespace card
}  // namespace nvtee

#endif
