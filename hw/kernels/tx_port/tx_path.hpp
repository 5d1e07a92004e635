// The send side of one port: its kernels joined by their streams, stepped natively. Depths are the netlist's.
// step() is one clock; kernels further down go first, so a record moves one kernel a clock.
#ifndef NVTEE_HW_KERNELS_TX_PORT_TX_PATH_HPP
#define NVTEE_HW_KERNELS_TX_PORT_TX_PATH_HPP

#include <memory>

#include "hw/kernels/tx_port/tx_pack.hpp"
#include "hw/kernels/tx_port/tx_queue.hpp"

namespace nvtee {
namespace card {

struct TxPath {
  hls::stream<TxJob, 4> host{"tx_host"}, leg{"tx_leg"}, runtime{"tx_runtime"};
  hls::stream<TxDone, 8> host_done{"host_done"}, leg_done{"leg_done"}, runtime_done{"runtime_done"};
  hls::stream<CardEvent, 4> event{"tx_event"};
  hls::stream<Count, 4> count{"tx_count"};

  TxPath(hls::stream<SendRequest>& request, hls::stream<SendStatus>& status, hls::stream<NetBeat>& net,
         hls::stream<StoreRead>& read, hls::stream<ReadBeat>& beat, unsigned port)
      : port_(port),
        beat_(beat),
        queue_io_{host,   leg,    runtime, request, status, grant_, read,
                  ready_, ready_, rest_,   rest_,   asked_, asked_},
        merge_io_{op_, needs_, body_, net, host_done, leg_done, runtime_done, event} {}

  template <class Allow>
  void step(Allow allow) {
    if (allow(0)) tx_merge_step(merge_, merge_io_);
    if (allow(0)) tx_plan_step(plan_, head_, op_, needs_);
    if (allow(0)) tx_count_step(count_state_, port_, total_, count);
    if (allow(1)) tx_digest_step(digest_, folded_, body_);
    if (allow(2)) tx_fold_step(beat_, folded_);
    if (allow(3)) tx_head_step(grant_, head_, total_);
    if (clock_++ % 2 == 0 && allow(4)) tx_queue_step(*queue_, queue_io_);  // II = 2
  }

 private:
  PortId port_;
  unsigned clock_ = 0;
  hls::stream<ReadBeat>& beat_;
  hls::stream<TxAsked, kTxReady> ready_{"tx_ready"};
  hls::stream<SessionIx, kTxReady> rest_{"tx_rest"};
  hls::stream<TxAsked, kTxAsked> asked_{"tx_asked"};
  hls::stream<TxGrant, 32> grant_{"grant"};
  hls::stream<TxHead, 4> head_{"tx_head"};
  hls::stream<TxTotal, 4> total_{"tx_total"};
  hls::stream<TxOp, 4> op_{"tx_op"};
  hls::stream<ap_uint<1>, 4> needs_{"tx_needs"};
  hls::stream<FoldedBeat, 4> folded_{"folded"};
  hls::stream<TxBeat, 4> body_{"body"};
  std::unique_ptr<TxQueueState> queue_ = std::make_unique<TxQueueState>();
  TxDigestState digest_{};
  TxPlanState plan_{};
  TxMergeState merge_{};
  TxCountState count_state_{};
  TxQueueIo queue_io_;
  TxMergeIo merge_io_;
};

}  // namespace card
}  // namespace nvtee

#endif
