// host_mux: what goes into the tee core on one stream, in turns: what hosts send on both ports, data that
// have left, and the runtime's own commands (queue 0). Verdicts come back in the order of the commands and
// data headers; each goes to the port that asked.
//
// Verdicts about PDUs without data are for nobody: only a refusal is told to the runtime.
#ifndef NVTEE_HW_KERNELS_HOST_MUX_HOST_MUX_HPP
#define NVTEE_HW_KERNELS_HOST_MUX_HOST_MUX_HPP

#include <hls_stream.h>

#include "hw/kernels/common/tally.hpp"
#include "hw/kernels/common/turn.hpp"
#include "hw/kernels/engine/records.hpp"

namespace nvtee {
namespace card {

constexpr unsigned kAskedBits = 6;  // verdicts under way: more than the tee core's front holds

struct Asked {
  tee::QueueId queue;
  PortId port;
  ap_uint<1> runtime;
  ap_uint<1> data;
};

struct HostMuxState {
  enum Source { kPort0 = 0, kPort1, kSent, kRuntime, kSources };
  hw::Turn<kSources> turn;
  Asked asked[1u << kAskedBits];
  ap_uint<kAskedBits> put, get;
  ap_uint<kAskedBits + 1> open;
  Tally tally[kPorts];
};

struct HostMuxIo {
  hls::stream<tee::HostIn>& port0;
  hls::stream<tee::HostIn>& port1;
  hls::stream<tee::SlotId>& sent;     // read data that left, from host_tx
  hls::stream<tee::HostIn>& runtime;  // queue 0
  hls::stream<tee::HostIn>& host_in;
  hls::stream<tee::Placement>& placement;
  hls::stream<tee::Placement>& place0;
  hls::stream<tee::Placement>& place1;
  hls::stream<CardEvent>& event;
  hls::stream<Count>& count;
};

NVTEE_TEE_INLINE tee::HostIn sent_in(tee::SlotId slot) {
  tee::HostIn h = tee::HostIn();
  h.kind = tee::HostIn::kSent;
  h.queue = static_cast<tee::QueueId>(slot >> 7);
  h.slot = slot;
  return h;
}
NVTEE_TEE_INLINE bool is_asking(const tee::HostIn& h) {
  return h.kind == tee::HostIn::kCommand || h.kind == tee::HostIn::kDataHeader;
}
// On the wire, digests left out.
NVTEE_TEE_INLINE ap_uint<24> pdu_bytes(const tee::HostIn& h) {
  const ap_uint<7> head = h.kind == tee::HostIn::kCommand ? spec::pdu::kHlenCmd : spec::pdu::kHlenData;
  return static_cast<ap_uint<24>>(static_cast<ap_uint<24>>(h.length) + static_cast<ap_uint<24>>(head));
}

// One record into the tee core.
NVTEE_TEE_INLINE bool host_mux_in(HostMuxState& s, HostMuxIo& io) {
  ap_uint<HostMuxState::kSources> ready = 0;
  ready[HostMuxState::kPort0] = !io.port0.empty();
  ready[HostMuxState::kPort1] = !io.port1.empty();
  ready[HostMuxState::kSent] = !io.sent.empty();
  ready[HostMuxState::kRuntime] = !io.runtime.empty();
  const ap_uint<HostMuxState::kSources> one = hw::next_of(s.turn, ready);
  if (one == 0) return false;
  hw::taken(s.turn, one);
  tee::HostIn h = tee::HostIn();
  Asked asked = Asked();
  if (one[HostMuxState::kPort0]) {
    h = io.port0.read();
  } else if (one[HostMuxState::kPort1]) {
    h = io.port1.read();
    asked.port = 1;
  } else if (one[HostMuxState::kSent]) {
    h = sent_in(io.sent.read());
  } else {
    h = io.runtime.read();
    asked.runtime = 1;
  }
  if (is_asking(h)) {
    asked.queue = h.queue;
    asked.data = h.length != 0 ? 1 : 0;
    s.asked[s.put.to_uint()] = asked;
    s.put = static_cast<ap_uint<kAskedBits>>(s.put + 1);
    const ap_uint<24> bytes = pdu_bytes(h);
    if (!asked.runtime) {
      if (asked.port) {
        s.tally[1] = tally_plus(s.tally[1], bytes);
      } else {
        s.tally[0] = tally_plus(s.tally[0], bytes);
      }
    }
    s.open = static_cast<ap_uint<kAskedBits + 1>>(s.open + 1);
  }
  io.host_in.write(h);
  return true;
}

// One verdict out of it.
NVTEE_TEE_INLINE void host_mux_out(HostMuxState& s, HostMuxIo& io) {
  const tee::Placement p = io.placement.read();
  const Asked a = s.asked[s.get.to_uint()];
  s.get = static_cast<ap_uint<kAskedBits>>(s.get + 1);
  s.open = static_cast<ap_uint<kAskedBits + 1>>(s.open - 1);
  if (a.runtime) return;
  if (a.data && a.port) {
    io.place1.write(p);
  } else if (a.data) {
    io.place0.write(p);
  } else if (p.action == tee::Placement::kFatal) {
    CardEvent e = CardEvent();
    e.kind = CardEvent::kQueueError;
    e.port = a.port;
    e.queue = a.queue;
    e.fes = p.fes;
    e.fei = p.fei;
    io.event.write(e);
  }
}

NVTEE_TEE_INLINE bool host_mux_count(HostMuxState& s, bool idle, HostMuxIo& io) {
  const bool due0 = tally_due(s.tally[0], idle, io.count), due1 = tally_due(s.tally[1], idle, io.count);
  if (!due0 && !due1) return false;
  io.count.write(count_of(due0 ? s.tally[0] : s.tally[1], Count::kRxHost, due0 ? 0 : 1));
  if (due0) {
    s.tally[0] = Tally();
  } else {
    s.tally[1] = Tally();
  }
  return true;
}

NVTEE_TEE_INLINE tee::Step host_mux_step(HostMuxState& s, HostMuxIo& io) {
  const bool asleep =
      io.port0.empty() && io.port1.empty() && io.sent.empty() && io.runtime.empty() && io.placement.empty();
  const bool out_full = io.place0.full() || io.place1.full() || io.event.full();
  const bool out = !io.placement.empty() && s.open != 0 && !out_full;
  const bool in_full = io.host_in.full() || s.open[kAskedBits] || tally_blocks(s.tally[0], io.count) ||
                       tally_blocks(s.tally[1], io.count);
  const bool counted = host_mux_count(s, asleep, io);
  const bool in = !in_full && host_mux_in(s, io);
  if (out) host_mux_out(s, io);
  if (in || out || counted) return tee::Step::kMoved;
  return asleep ? tee::Step::kIdle : tee::Step::kBlocked;
}

}  // namespace card
}  // namespace nvtee

#endif
