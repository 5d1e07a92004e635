// grant: lets a command go on when all its tickets have come up. Those that wait go round one ring, which is
// looked through once after each release.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_GRANT_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_GRANT_HPP

#include "hw/kernels/tee_core/guard.hpp"
#include "hw/kernels/tee_core/types.hpp"

namespace nvtee {
namespace tee {

constexpr unsigned kRechecks = 8;  // under way at once; `recheck` is deeper than that, so it never fills

struct GrantState {
  ap_uint<1> blocked;  // a block of the pass under way has to wait,
  ap_uint<8> first;    // this one first
  ap_uint<14> in_ring;
  ap_uint<14> to_scan;   // of the ring, before this round is over
  ap_uint<4> under_way;  // rechecks
};

struct GrantIo {
  hls::stream<Ticket>& ticket;
  hls::stream<Cmd>& carried;
  hls::stream<Waiting>& ring_in;
  hls::stream<Waiting>& ring_out;
  hls::stream<Waiting>& recheck;
  hls::stream<Cmd>& granted;
};

NVTEE_TEE_INLINE void park(GrantState& s, const Cmd& cmd, ap_uint<8> index, GrantIo& io) {
  Waiting w;
  w.cmd = cmd;
  w.index = index;
  io.ring_out.write(w);
  s.in_ring = static_cast<ap_uint<14>>(s.in_ring + 1);
}

// A block of a first pass.
NVTEE_TEE_INLINE void grant_pass(GrantState& s, const Ticket& t, GrantIo& io) {
  const bool blocked = s.blocked || !t.granted;
  const ap_uint<8> first = s.blocked ? s.first : t.index;
  if (t.last) {
    const Cmd cmd = io.carried.read();
    if (blocked) {
      park(s, cmd, first, io);
    } else {
      io.granted.write(cmd);
    }
  }
  s.blocked = blocked && !t.last ? 1 : 0;
  s.first = first;
}

// The block that a command waited for: granted means on to the next one.
template <class C>
NVTEE_TEE_INLINE void grant_recheck(GrantState& s, const Ticket& t, GrantIo& io) {
  const Cmd cmd = io.carried.read();
  const ap_uint<9> next = static_cast<ap_uint<9>>(t.index + 1);
  if (t.granted && next < cmd.count && C::kMutant != Mutant::kOneBlockGranted) {
    Waiting w;
    w.cmd = cmd;
    w.index = static_cast<ap_uint<8>>(next);
    io.recheck.write(w);
    return;
  }
  s.under_way = static_cast<ap_uint<4>>(s.under_way - 1);
  if (t.granted) {
    io.granted.write(cmd);
  } else {
    park(s, cmd, t.index, io);
  }
}

template <class C>
NVTEE_TEE_INLINE Step grant_step(GrantState& s, GrantIo& io) {
  const bool scan = s.to_scan != 0 && s.under_way != kRechecks && !io.ring_in.empty();
  if (io.ticket.empty() && !scan) return Step::kIdle;
  if (io.granted.full() || io.ring_out.full() || io.recheck.full()) return Step::kBlocked;
  if (!io.ticket.empty()) {
    const Ticket t = io.ticket.read();
    if (t.kind == Ticket::kPass) {
      grant_pass(s, t, io);
    } else if (t.kind == Ticket::kRecheck) {
      grant_recheck<C>(s, t, io);
    } else {
      s.to_scan = C::kMutant == Mutant::kWaitersForgotten ? ap_uint<14>(0) : s.in_ring;
    }
    return Step::kMoved;
  }
  io.recheck.write(io.ring_in.read());
  s.to_scan = static_cast<ap_uint<14>>(s.to_scan - 1);
  s.in_ring = static_cast<ap_uint<14>>(s.in_ring - 1);
  s.under_way = static_cast<ap_uint<4>>(s.under_way + 1);
  return Step::kMoved;
}

}  // namespace tee
}  // namespace nvtee

#endif
