// The card: every kernel joined by streams. `hlsc --top engine_top` makes the netlist of it. engine.hpp is
// the same, natively.
//
// Ports: per network port the session interface and device memory by AXI (writes and reads of slots' buffers,
// from `base` on); the event ring's AXI; registers by AXI4-Lite; `now`, the clock in ns, is made outside from
// what clock_step says (nvtee_clock.v); `build` is what the Build register shows.
//
// Why no circle of full streams can close. What leads forwards is taken sooner or later by a kernel that
// waits for nothing behind it:
// - tx_queue has a place for each job that its senders may have out, so jobs are always taken; tx_merge waits
//   for the store's reads and the session interface alone.
// - host_tx puts aside what a session cannot take, so host_out is always taken; leg_table puts commands in
//   lists, so leg_tx is always taken, even while leg_in is full: its two inputs do not wait for each other.
// - `place` and `leg_place` (32) hold more verdicts than there are heads between header_split and placer (16
// in
//   `from`, one in placer): they never fill, so neither the tee core nor leg_table ever waits for the data of
//   a session.
// What leads backwards holds one record of every thing that can be under way: `sent` one of each slot, `raw`,
// `punt` and `spare` one of each punt buffer, `rx_ready` and `rx_parked` one of each session, and those of
// the tee core as its top says. Events and answers of queue 0 wait for the runtime: a ring that is full stops
// the card (RingStalled shows it).
#include "hw/kernels/rx_framer/rx_walk.hpp"

#include "hw/kernels/digest/digest_top.cpp"
#include "hw/kernels/header_split/header_split_top.cpp"
#include "hw/kernels/host_mux/host_mux_top.cpp"
#include "hw/kernels/host_tx/host_tx_top.cpp"
#include "hw/kernels/leg_io/leg_join_top.cpp"
#include "hw/kernels/leg_io/leg_route_top.cpp"
#include "hw/kernels/leg_io/leg_table_top.cpp"
#include "hw/kernels/placer/placer_top.cpp"
#include "hw/kernels/regs/event_mux_top.cpp"
#include "hw/kernels/regs/event_ring_top.cpp"
#include "hw/kernels/regs/regs_top.cpp"
#include "hw/kernels/rx_framer/rx_join_top.cpp"
#include "hw/kernels/rx_framer/rx_move_top.cpp"
#include "hw/kernels/rx_framer/rx_plan_top.cpp"
#include "hw/kernels/rx_framer/rx_read_top.cpp"
#include "hw/kernels/rx_framer/rx_walk_top.cpp"
#include "hw/kernels/store/done_mux_top.cpp"
#include "hw/kernels/store/read_align_top.cpp"
#include "hw/kernels/store/read_ask_top.cpp"
#include "hw/kernels/store/read_issue_top.cpp"
#include "hw/kernels/store/stage_dir_top.cpp"
#include "hw/kernels/store/stage_top.cpp"
#include "hw/kernels/store/store_burst_top.cpp"
#include "hw/kernels/store/store_commit_top.cpp"
#include "hw/kernels/store/store_cut_top.cpp"
#include "hw/kernels/store/store_turn_top.cpp"
#include "hw/kernels/tee_core/tops/tee_core_top.cpp"
#include "hw/kernels/tx_port/tx_count_top.cpp"
#include "hw/kernels/tx_port/tx_digest_top.cpp"
#include "hw/kernels/tx_port/tx_fold_top.cpp"
#include "hw/kernels/tx_port/tx_head_top.cpp"
#include "hw/kernels/tx_port/tx_merge_top.cpp"
#include "hw/kernels/tx_port/tx_plan_top.cpp"
#include "hw/kernels/tx_port/tx_queue_top.cpp"

extern "C" void engine_top(
    hls::stream<card::Notify>& notify0, hls::stream<card::ReadRequest>& read_request0,
    hls::stream<card::ReadMeta>& read_meta0, hls::stream<card::NetBeat>& rx0,
    hls::stream<card::SendRequest>& send_request0, hls::stream<card::SendStatus>& send_status0,
    hls::stream<card::NetBeat>& tx0, hls::stream<card::TcpCtl>& tcp_ctl0,
    hls::stream<card::TcpEvent>& tcp_event0, hls::stream<hw::AxiAddr>& aw0, hls::stream<hw::AxiW>& w0,
    hls::stream<hw::AxiB>& b0, hls::stream<hw::AxiAddr>& ar0, hls::stream<hw::AxiR>& r0,
    hls::stream<card::Notify>& notify1, hls::stream<card::ReadRequest>& read_request1,
    hls::stream<card::ReadMeta>& read_meta1, hls::stream<card::NetBeat>& rx1,
    hls::stream<card::SendRequest>& send_request1, hls::stream<card::SendStatus>& send_status1,
    hls::stream<card::NetBeat>& tx1, hls::stream<card::TcpCtl>& tcp_ctl1,
    hls::stream<card::TcpEvent>& tcp_event1, hls::stream<hw::AxiAddr>& aw1, hls::stream<hw::AxiW>& w1,
    hls::stream<hw::AxiB>& b1, hls::stream<hw::AxiAddr>& ar1, hls::stream<hw::AxiR>& r1,
    hls::stream<hw::LiteAddr>& lite_aw, hls::stream<hw::LiteW>& lite_w, hls::stream<hw::AxiB>& lite_b,
    hls::stream<hw::LiteAddr>& lite_ar, hls::stream<hw::LiteR>& lite_r, hls::stream<hw::AxiAddr>& ring_aw,
    hls::stream<hw::AxiW>& ring_w, hls::stream<hw::AxiB>& ring_b, hls::stream<ap_uint<32>>& clock_step,
    ap_uint<64> now, ap_uint<64> base, ap_uint<32> build) {
#pragma HLS DATAFLOW

  // ---- port 0: receive
  static hls::stream<card::CardCtl, 16> rx_ctl0;
  static hls::stream<card::RxBack, 4> rx_back0;
  static hls::stream<card::SessionIx, 256> rx_ready0, rx_parked0;
  static hls::stream<card::Chunk, 32> chunk0;
  static hls::stream<card::Wide, 32> wide0;
  static hls::stream<card::Span, 8> span0;
  static hls::stream<card::Op, 8> rx_op0;
  static hls::stream<card::Piece, 4> piece0;
  static hls::stream<card::PduHead, 8> head0;
  static hls::stream<card::SummedBeat, 8> summed0;
  static hls::stream<card::DataBeat, 16> checked_beat0;
  static hls::stream<card::StoreSlot, 128> punt0, spare0;
  static hls::stream<card::Break, 4> breaks0;
  static hls::stream<card::DataFrom, 16> from0;
  static hls::stream<tee::HostIn, 16> host0;
  static hls::stream<card::LegPdu, 16> leg0;
  static hls::stream<tee::Placement, 32> place0;
  static hls::stream<card::LegPlace, 32> leg_place0;
  static hls::stream<card::StoreBeat, 16> store_beat0;
  static hls::stream<card::StageEntry, 2> stage_grant0;
  static hls::stream<card::StageUse, 2> stage_use0;
  static hls::stream<card::StageWrite, 4> stage_write0;
  static hls::stream<card::Turned, 4> turned0;
  static hls::stream<card::TurnedKey, 4> turned_key0;
  static hls::stream<card::LineWrite, 4> lines0;
  static hls::stream<hw::AxiW, 16> burst0;
  static hls::stream<card::StoreDone, 16> done_now0, store_done0;
  static hls::stream<card::Pending, 64> pending0;
  static hls::stream<card::StageEntry, 4> landed0;
  // Events are rare: one record of them in a register is smaller than LUT memory.
  static hls::stream<card::CardEvent, 1> read_event0, split_event0, placer_event0, store_event0;
  // ---- port 0: send
  static hls::stream<card::StoreSlot, 4> stage_ask0;
  static hls::stream<card::StageRef, 4> found0;
  static hls::stream<card::StageRead, 4> stage_read0;
  static hls::stream<card::Line, 16> line0;
  static hls::stream<card::StageEntry, 8> unpin0;
  static hls::stream<card::ReadJob, 8> read_job0;
  static hls::stream<card::ReadPlan, 32> read_plan0;
  static hls::stream<card::StoreRead, 16> store_read0;
  static hls::stream<card::ReadBeat, 16> read_beat0;
  static hls::stream<card::TxJob, 4> host_job0, leg_job0, own_job0;
  static hls::stream<card::TxAsked, card::kTxReady> tx_ready0;
  static hls::stream<card::SessionIx, card::kTxReady> tx_rest0;
  static hls::stream<card::TxAsked, card::kTxAsked> tx_asked0;
  static hls::stream<card::TxGrant, 32> grant0;
  static hls::stream<card::TxHead, 4> tx_head0;
  static hls::stream<card::TxTotal, 4> total0;
  static hls::stream<card::TxOp, 4> tx_op0;
  static hls::stream<ap_uint<1>, 4> tx_needs0;
  static hls::stream<card::FoldedBeat, 4> folded0;
  static hls::stream<card::TxBeat, 4> tx_beat0;
  static hls::stream<card::TxDone, 8> host_done0, leg_done0, own_done0;
  static hls::stream<card::CardEvent, 1> tx_event0;
  static hls::stream<card::Count, 4> tx_count0;

  rx_read_top(0, rx_ctl0, notify0, rx_back0, rx_ready0, rx_ready0, rx_parked0, rx_parked0, read_request0,
              chunk0, punt0, read_event0);
  rx_walk_top(chunk0, read_meta0, rx0, wide0, span0, rx_back0);
  rx_plan_top(span0, rx_op0);
  rx_move_top(rx_op0, wide0, piece0);
  rx_join_top(piece0, head0, summed0);
  header_split_top(0, breaks0, head0, host0, leg0, from0, split_event0);
  digest_top(summed0, checked_beat0);
  placer_top(0, from0, place0, leg_place0, punt0, spare0, spare0, checked_beat0, store_beat0, breaks0,
             placer_event0);
  store_turn_top(0, store_beat0, stage_grant0, stage_use0, stage_write0, turned0, turned_key0);
  store_cut_top(turned0, turned_key0, lines0, done_now0, pending0);
  store_burst_top(base, lines0, aw0, w0, burst0, burst0);
  store_commit_top(0, b0, pending0, landed0, store_done0, store_event0);
  tx_queue_top(host_job0, leg_job0, own_job0, send_request0, send_status0, grant0, store_read0, tx_ready0,
               tx_ready0, tx_rest0, tx_rest0, tx_asked0, tx_asked0);
  read_ask_top(store_read0, stage_ask0, read_job0);
  read_issue_top(base, read_job0, found0, stage_read0, ar0, read_plan0);
  read_align_top(read_plan0, line0, r0, read_beat0);
  tx_head_top(grant0, tx_head0, total0);
  tx_count_top(0, total0, tx_count0);
  tx_plan_top(tx_head0, tx_op0, tx_needs0);
  tx_fold_top(read_beat0, folded0);
  tx_digest_top(folded0, tx_beat0);
  tx_merge_top(tx_op0, tx_needs0, tx_beat0, tx0, host_done0, leg_done0, own_done0, tx_event0);

  // ---- port 1: receive
  static hls::stream<card::CardCtl, 16> rx_ctl1;
  static hls::stream<card::RxBack, 4> rx_back1;
  static hls::stream<card::SessionIx, 256> rx_ready1, rx_parked1;
  static hls::stream<card::Chunk, 32> chunk1;
  static hls::stream<card::Wide, 32> wide1;
  static hls::stream<card::Span, 8> span1;
  static hls::stream<card::Op, 8> rx_op1;
  static hls::stream<card::Piece, 4> piece1;
  static hls::stream<card::PduHead, 8> head1;
  static hls::stream<card::SummedBeat, 8> summed1;
  static hls::stream<card::DataBeat, 16> checked_beat1;
  static hls::stream<card::StoreSlot, 128> punt1, spare1;
  static hls::stream<card::Break, 4> breaks1;
  static hls::stream<card::DataFrom, 16> from1;
  static hls::stream<tee::HostIn, 16> host1;
  static hls::stream<card::LegPdu, 16> leg1;
  static hls::stream<tee::Placement, 32> place1;
  static hls::stream<card::LegPlace, 32> leg_place1;
  static hls::stream<card::StoreBeat, 16> store_beat1;
  static hls::stream<card::StageEntry, 2> stage_grant1;
  static hls::stream<card::StageUse, 2> stage_use1;
  static hls::stream<card::StageWrite, 4> stage_write1;
  static hls::stream<card::Turned, 4> turned1;
  static hls::stream<card::TurnedKey, 4> turned_key1;
  static hls::stream<card::LineWrite, 4> lines1;
  static hls::stream<hw::AxiW, 16> burst1;
  static hls::stream<card::StoreDone, 16> done_now1, store_done1;
  static hls::stream<card::Pending, 64> pending1;
  static hls::stream<card::StageEntry, 4> landed1;
  static hls::stream<card::CardEvent, 1> read_event1, split_event1, placer_event1, store_event1;
  // ---- port 1: send
  static hls::stream<card::StoreSlot, 4> stage_ask1;
  static hls::stream<card::StageRef, 4> found1;
  static hls::stream<card::StageRead, 4> stage_read1;
  static hls::stream<card::Line, 16> line1;
  static hls::stream<card::StageEntry, 8> unpin1;
  static hls::stream<card::ReadJob, 8> read_job1;
  static hls::stream<card::ReadPlan, 32> read_plan1;
  static hls::stream<card::StoreRead, 16> store_read1;
  static hls::stream<card::ReadBeat, 16> read_beat1;
  static hls::stream<card::TxJob, 4> host_job1, leg_job1, own_job1;
  static hls::stream<card::TxAsked, card::kTxReady> tx_ready1;
  static hls::stream<card::SessionIx, card::kTxReady> tx_rest1;
  static hls::stream<card::TxAsked, card::kTxAsked> tx_asked1;
  static hls::stream<card::TxGrant, 32> grant1;
  static hls::stream<card::TxHead, 4> tx_head1;
  static hls::stream<card::TxTotal, 4> total1;
  static hls::stream<card::TxOp, 4> tx_op1;
  static hls::stream<ap_uint<1>, 4> tx_needs1;
  static hls::stream<card::FoldedBeat, 4> folded1;
  static hls::stream<card::TxBeat, 4> tx_beat1;
  static hls::stream<card::TxDone, 8> host_done1, leg_done1, own_done1;
  static hls::stream<card::CardEvent, 1> tx_event1;
  static hls::stream<card::Count, 4> tx_count1;

  rx_read_top(1, rx_ctl1, notify1, rx_back1, rx_ready1, rx_ready1, rx_parked1, rx_parked1, read_request1,
              chunk1, punt1, read_event1);
  rx_walk_top(chunk1, read_meta1, rx1, wide1, span1, rx_back1);
  rx_plan_top(span1, rx_op1);
  rx_move_top(rx_op1, wide1, piece1);
  rx_join_top(piece1, head1, summed1);
  header_split_top(1, breaks1, head1, host1, leg1, from1, split_event1);
  digest_top(summed1, checked_beat1);
  placer_top(1, from1, place1, leg_place1, punt1, spare1, spare1, checked_beat1, store_beat1, breaks1,
             placer_event1);
  store_turn_top(1, store_beat1, stage_grant1, stage_use1, stage_write1, turned1, turned_key1);
  store_cut_top(turned1, turned_key1, lines1, done_now1, pending1);
  store_burst_top(base, lines1, aw1, w1, burst1, burst1);
  store_commit_top(1, b1, pending1, landed1, store_done1, store_event1);
  tx_queue_top(host_job1, leg_job1, own_job1, send_request1, send_status1, grant1, store_read1, tx_ready1,
               tx_ready1, tx_rest1, tx_rest1, tx_asked1, tx_asked1);
  read_ask_top(store_read1, stage_ask1, read_job1);
  read_issue_top(base, read_job1, found1, stage_read1, ar1, read_plan1);
  read_align_top(read_plan1, line1, r1, read_beat1);
  tx_head_top(grant1, tx_head1, total1);
  tx_count_top(1, total1, tx_count1);
  tx_plan_top(tx_head1, tx_op1, tx_needs1);
  tx_fold_top(read_beat1, folded1);
  tx_digest_top(folded1, tx_beat1);
  tx_merge_top(tx_op1, tx_needs1, tx_beat1, tx1, host_done1, leg_done1, own_done1, tx_event1);

  // ---- what both ports share
  static hls::stream<tee::Stored, 16> host_stored;
  static hls::stream<card::StoreDone, 16> leg_stored;
  static hls::stream<card::StoreDone, 128> raw;
  static hls::stream<tee::SlotId, 8192> sent;
  static hls::stream<tee::HostIn, 4> own_in;
  static hls::stream<tee::HostOut, 4> own_out;
  static hls::stream<tee::HostIn, 16> host_in;
  static hls::stream<tee::Placement, 16> placement;
  static hls::stream<tee::HostOut, 16> host_out;
  static hls::stream<tee::LegTx, 16> leg_tx;
  static hls::stream<tee::LegIn, 64> leg_in;
  static hls::stream<tee::Ctl, 16> ctl;
  static hls::stream<tee::Event, 16> event;
  static hls::stream<card::CardCtl, 4> leg_ctl, host_ctl;
  static hls::stream<card::LegOut, 4> leg_out0, leg_out1;
  static hls::stream<card::LegBack, 4> leg_back0, leg_back1;
  static hls::stream<card::LegReady, card::kLegReady> leg_ready0, leg_ready1;
  static hls::stream<tee::LegIn, 4> leg_in0, leg_in1;
  static hls::stream<card::CardEvent, 1> leg_event0, leg_event1;
  static hls::stream<card::CardEvent, 1> mux_event, leg_event, host_event, events0, events1, events2, events;
  static hls::stream<card::Count, 4> mux_count, leg_count;
  static hls::stream<card::RingCtl, 4> ring_ctl;
  static hls::stream<card::RingNews, 4> ring_news;
  static hls::stream<card::TxDone, 8> free0, free1;

  stage_top(stage_write0, stage_write1, stage_read0, stage_read1, line0, line1, unpin0, unpin1);
  stage_dir_top(stage_use0, stage_use1, stage_ask0, stage_ask1, found0, found1, unpin0, unpin1, stage_grant0,
                stage_grant1, landed0, landed1);
  done_mux_top(done_now0, done_now1, store_done0, store_done1, host_stored, leg_stored, raw);
  host_mux_top(host0, host1, sent, own_in, host_in, placement, place0, place1, mux_event, mux_count);
  tee_core_top(host_in, host_stored, placement, host_out, leg_tx, leg_in, ctl, event, now);
  leg_route_top(leg_ctl, leg_tx, leg0, leg1, leg_stored, leg_done0, leg_done1, leg_out0, leg_out1, leg_back0,
                leg_back1, leg_count);
  leg_table_top(0, leg_out0, leg_back0, leg_ready0, leg_ready0, leg_job0, leg_place0, leg_in0, leg_event0);
  leg_table_top(1, leg_out1, leg_back1, leg_ready1, leg_ready1, leg_job1, leg_place1, leg_in1, leg_event1);
  leg_join_top(leg_in0, leg_in1, leg_event0, leg_event1, leg_in, leg_event);
  host_tx_top(host_out, host_ctl, host_done0, host_done1, host_job0, host_job1, sent, own_out, host_event);
  event_mux_top(read_event0, split_event0, placer_event0, store_event0, events0);
  event_mux_top(read_event1, split_event1, placer_event1, store_event1, events1);
  event_mux_top(mux_event, leg_event, host_event, tx_event0, events2);
  event_mux_top(events0, events1, events2, tx_event1, events);
  event_ring_top(ring_ctl, ring_news, event, events, tcp_event0, tcp_event1, own_out, raw, own_done0,
                 own_done1, free0, free1, ring_aw, ring_w, ring_b);
  regs_top(lite_aw, lite_w, lite_b, lite_ar, lite_r, ctl, rx_ctl0, rx_ctl1, host_ctl, leg_ctl, tcp_ctl0,
           tcp_ctl1, own_in, own_job0, own_job1, free0, free1, ring_ctl, ring_news, clock_step, mux_count,
           leg_count, tx_count0, tx_count1, now, build);
}
