// The whole card, natively: every kernel of the netlist (engine_top.cpp) joined by streams of the same
// depths, stepped clock by clock. The tee core runs as one (its class), as in the software body.
//
// Outside: a session interface a port, device memory by AXI, registers by AXI4-Lite. step() is one clock;
// kernels further down go first, so a record moves one kernel a clock.
#ifndef NVTEE_HW_KERNELS_ENGINE_ENGINE_HPP
#define NVTEE_HW_KERNELS_ENGINE_ENGINE_HPP

#include <memory>

#include "hw/kernels/engine/rx_path.hpp"
#include "hw/kernels/host_mux/host_mux.hpp"
#include "hw/kernels/host_tx/host_tx.hpp"
#include "hw/kernels/leg_io/leg_join.hpp"
#include "hw/kernels/leg_io/leg_route.hpp"
#include "hw/kernels/leg_io/leg_table.hpp"
#include "hw/kernels/regs/regs.hpp"
#include "hw/kernels/store/store_path.hpp"
#include "hw/kernels/tee_core/tee_core.hpp"
#include "hw/kernels/tx_port/tx_path.hpp"

namespace nvtee {
namespace card {

// Streams of a port's session interface. Depths as at the card's border.
struct EnginePort {
  hls::stream<Notify, 16> notify{"notify"};
  hls::stream<ReadRequest, 16> read_request{"read_request"};
  hls::stream<ReadMeta, 16> read_meta{"read_meta"};
  hls::stream<NetBeat, 16> rx{"rx"};
  hls::stream<SendRequest, 16> send_request{"send_request"};
  hls::stream<SendStatus, 16> send_status{"send_status"};
  hls::stream<NetBeat, 16> tx{"tx"};
  hls::stream<TcpCtl, 4> ctl{"tcp_ctl"};
  hls::stream<TcpEvent, 16> event{"tcp_event"};
};

// A port's own kernels.
template <class C>
struct EngineSide {
  ReadPath read;
  TxPath tx;
  RxPath<C> rx;

  template <class Port>
  EngineSide(Port& port, StagePort& stage, unsigned number, std::uint64_t base)
      : read(stage, base),
        tx(port.send_request, port.send_status, port.tx, read.in, read.out, number),
        rx(port.notify, port.read_request, port.read_meta, port.rx, stage, number, base) {}
};

// `Port`: EnginePort, or what a test has with the same streams.
template <class C, class Port = EnginePort>
class Engine {
 public:
  // `base`: of the slots' buffers in device memory.
  explicit Engine(std::uint64_t base = 0) : base_(base) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Port port[kPorts];
  hw::AxiLiteSlave lite;
  hls::stream<hw::AxiAddr, 16> ring_aw{"ring_aw"};
  hls::stream<hw::AxiW, 16> ring_w{"ring_w"};
  hls::stream<hw::AxiB, 16> ring_b{"ring_b"};
  EngineSide<C>& side(unsigned p) { return p == 0 ? side0_ : side1_; }

  // One clock. `allow(k)`: does kernel k run in it (0..: below)?
  template <class Allow>
  void step(Allow allow) {
    now_ = clock_step(clock_, step_);
    if (allow(0)) event_ring_step(ring_, ring_io_);
    step_events(allow);
    if (allow(5)) regs_step<C>(regs_, now_, kBuild, regs_io_);
    for (EngineSide<C>* s : {&side0_, &side1_}) {
      s->tx.step([&](unsigned k) { return allow(10 + k); });
      if (allow(15)) s->read.step();
    }
    if (allow(6) && count_ % 3 == 0) host_tx_step(*host_tx_, host_tx_io_);  // II = 3
    if (allow(7)) leg_join_step(leg_join_, leg_join_io_);
    if (allow(7) && count_ % 4 == 0) {  // II = 4
      leg_table_step(*leg_table0_, 0, leg_table_io0_);
      leg_table_step(*leg_table1_, 1, leg_table_io1_);
    }
    if (allow(8) && count_ % 2 == 0) leg_route_step(*leg_route_, leg_route_io_);  // II = 2
    if (allow(16)) core_->run(now_);
    if (allow(9) && count_ % 2 == 0) host_mux_step(host_mux_, host_mux_io_);  // II = 2
    if (allow(17)) done_mux_step(done_mux_, done_mux_io_);
    stage_.step();
    for (EngineSide<C>* s : {&side0_, &side1_}) s->rx.step([&](unsigned k) { return allow(20 + k); });
    ++count_;
  }
  void step() {
    step([](unsigned) { return true; });
  }

  tee::TeeCore<C>& core() { return *core_; }
  tee::Clock now() const { return now_; }

 private:
  static constexpr unsigned kBuild = 0;
  static constexpr int kSlots = static_cast<int>(tee::Sizes<C>::kSlots);
  static constexpr int kPunts = 1 << C::kPuntBits;

  template <class Allow>
  void step_events(Allow allow) {
    if (allow(1)) event_mux_step(mux_all_, event0_, event1_, event2_, side1_.tx.event, events_);
    if (allow(2))
      event_mux_step(mux0_, side0_.rx.framer.event, side0_.rx.split_event, side0_.rx.placer_event,
                     side0_.rx.store.event, event0_);
    if (allow(3))
      event_mux_step(mux1_, side1_.rx.framer.event, side1_.rx.split_event, side1_.rx.placer_event,
                     side1_.rx.store.event, event1_);
    if (allow(4)) event_mux_step(mux2_, mux_event_, leg_event_, tx_event_, side0_.tx.event, event2_);
  }

  std::uint64_t base_;
  unsigned count_ = 0;
  tee::Clock now_ = 0;
  StagePath<C> stage_;
  EngineSide<C> side0_{port[0], stage_.port0, 0, base_}, side1_{port[1], stage_.port1, 1, base_};
  std::unique_ptr<tee::TeeCore<C>> core_ = std::make_unique<tee::TeeCore<C>>();

  // What is in the store. `raw_` holds one of each punt buffer, so a slow runtime stops no data.
  hls::stream<StoreDone, 16> leg_stored_{"leg_stored"};
  hls::stream<StoreDone, 2 * kPunts> raw_{"raw"};
  DoneMuxState done_mux_{};
  DoneMuxIo done_mux_io_{side0_.rx.store.now,
                         side1_.rx.store.now,
                         side0_.rx.store.done,
                         side1_.rx.store.done,
                         core_->stored,
                         leg_stored_,
                         raw_};

  hls::stream<tee::SlotId, kSlots> sent_{"sent"};  // backwards: one of each slot
  hls::stream<tee::HostIn, 4> own_in_{"own_in"};
  hls::stream<CardEvent, 4> mux_event_{"mux_event"}, leg_event_{"leg_event"}, tx_event_{"tx_event"};
  hls::stream<Count, 4> mux_count_{"mux_count"}, leg_count_{"leg_count"};
  HostMuxState host_mux_{};
  HostMuxIo host_mux_io_{
      side0_.rx.host,      side1_.rx.host,      sent_,      own_in_,   core_->host_in, core_->placement,
      side0_.rx.placement, side1_.rx.placement, mux_event_, mux_count_};

  hls::stream<CardCtl, 4> leg_ctl_{"leg_ctl"}, host_ctl_{"host_ctl"};
  hls::stream<LegOut, 4> leg_out0_{"leg_out0"}, leg_out1_{"leg_out1"};
  hls::stream<LegBack, 4> leg_back0_{"leg_back0"}, leg_back1_{"leg_back1"};
  std::unique_ptr<LegRouteState> leg_route_ = std::make_unique<LegRouteState>();
  LegRouteIo leg_route_io_{leg_ctl_,    core_->leg_tx,      side0_.rx.leg,      side1_.rx.leg,
                           leg_stored_, side0_.tx.leg_done, side1_.tx.leg_done, leg_out0_,
                           leg_out1_,   leg_back0_,         leg_back1_,         leg_count_};
  hls::stream<LegReady, kLegReady> leg_ready0_{"leg_ready0"}, leg_ready1_{"leg_ready1"};
  hls::stream<tee::LegIn, 4> leg_in0_{"leg_in0"}, leg_in1_{"leg_in1"};
  hls::stream<CardEvent, 4> leg_event0_{"leg_event0"}, leg_event1_{"leg_event1"};
  std::unique_ptr<LegTableState> leg_table0_ = std::make_unique<LegTableState>(),
                                 leg_table1_ = std::make_unique<LegTableState>();
  LegTableIo leg_table_io0_{leg_out0_,     leg_back0_,          leg_ready0_, leg_ready0_,
                            side0_.tx.leg, side0_.rx.leg_place, leg_in0_,    leg_event0_};
  LegTableIo leg_table_io1_{leg_out1_,     leg_back1_,          leg_ready1_, leg_ready1_,
                            side1_.tx.leg, side1_.rx.leg_place, leg_in1_,    leg_event1_};
  LegJoinState leg_join_{};
  LegJoinIo leg_join_io_{leg_in0_, leg_in1_, leg_event0_, leg_event1_, core_->leg_in, leg_event_};

  hls::stream<tee::HostOut, 4> own_out_{"own_out"};
  std::unique_ptr<HostTxState> host_tx_ = std::make_unique<HostTxState>();
  HostTxIo host_tx_io_{core_->host_out,
                       host_ctl_,
                       side0_.tx.host_done,
                       side1_.tx.host_done,
                       side0_.tx.host,
                       side1_.tx.host,
                       sent_,
                       own_out_,
                       tx_event_};

  hls::stream<CardEvent, 4> event0_{"event0"}, event1_{"event1"}, event2_{"event2"}, events_{"events"};
  EventMuxState mux0_{}, mux1_{}, mux2_{}, mux_all_{};
  hls::stream<RingCtl, 4> ring_ctl_{"ring_ctl"};
  hls::stream<RingNews, 4> ring_news_{"ring_news"};
  hls::stream<TxDone, 8> free0_{"free0"}, free1_{"free1"};
  hls::stream<ap_uint<32>, 2> step_{"clock_step"};
  ClockState clock_{};
  EventRingState ring_{};
  EventRingIo ring_io_{ring_ctl_,
                       ring_news_,
                       core_->event,
                       events_,
                       port[0].event,
                       port[1].event,
                       own_out_,
                       raw_,
                       side0_.tx.runtime_done,
                       side1_.tx.runtime_done,
                       free0_,
                       free1_,
                       ring_aw,
                       ring_w,
                       ring_b};
  RegsState regs_{};
  RegsIo regs_io_{lite.aw,
                  lite.w,
                  lite.b,
                  lite.ar,
                  lite.r,
                  core_->ctl,
                  side0_.rx.framer.ctl,
                  side1_.rx.framer.ctl,
                  host_ctl_,
                  leg_ctl_,
                  port[0].ctl,
                  port[1].ctl,
                  own_in_,
                  side0_.tx.runtime,
                  side1_.tx.runtime,
                  free0_,
                  free1_,
                  ring_ctl_,
                  ring_news_,
                  step_,
                  mux_count_,
                  leg_count_,
                  side0_.tx.count,
                  side1_.tx.count};
};

}  // namespace card
}  // namespace nvtee

#endif
