// The receive path of one port: its kernels joined by their streams, stepped natively. Depths are the
// netlist's. step() is one clock; kernels further down go first, so a record moves one kernel a clock.
#ifndef NVTEE_HW_KERNELS_ENGINE_RX_PATH_HPP
#define NVTEE_HW_KERNELS_ENGINE_RX_PATH_HPP

#include <memory>

#include "hw/kernels/digest/digest.hpp"
#include "hw/kernels/header_split/header_split.hpp"
#include "hw/kernels/placer/placer.hpp"
#include "hw/kernels/rx_framer/rx_join.hpp"
#include "hw/kernels/rx_framer/rx_move.hpp"
#include "hw/kernels/rx_framer/rx_plan.hpp"
#include "hw/kernels/rx_framer/rx_read.hpp"
#include "hw/kernels/rx_framer/rx_walk.hpp"
#include "hw/kernels/store/store_path.hpp"

namespace nvtee {
namespace card {

// rx_framer: from the session interface to heads and beats.
template <class C>
struct RxFramer {
  static constexpr int kSessions = 1 << C::kSessionBits;
  static constexpr int kPunts = 1 << C::kPuntBits;

  hls::stream<CardCtl, 16> ctl{"rx_ctl"};
  hls::stream<PduHead, 8> head{"head"};
  hls::stream<SummedBeat, 8> beat{"beat"};
  hls::stream<StoreSlot, 2 * kPunts> punt{"punt"};
  hls::stream<CardEvent, 4> event{"rx_event"};

  RxFramer(hls::stream<Notify>& notify, hls::stream<ReadRequest>& request, hls::stream<ReadMeta>& meta,
           hls::stream<NetBeat>& rx, unsigned port)
      : port_(port),
        read_io_{ctl, notify, back_, ready_, ready_, parked_, parked_, request, chunk_, punt, event},
        walk_io_{chunk_, meta, rx, beats_, span_, back_} {}

  // `allow(k)`: does kernel k run in this clock?
  template <class Allow>
  void step(Allow allow) {
    if (allow(0)) rx_join_step(*join_, piece_, head, beat);
    if (allow(1)) rx_move_step(move_, op_, beats_, piece_);
    if (allow(2)) rx_plan_step(plan_, span_, op_);
    if (allow(3)) rx_walk_step(*walk_, walk_io_);
    if (clock_ % 4 == 0 && allow(4)) rx_read_step(*read_, port_, read_io_);  // II = 4
    ++clock_;
  }
  const RxReadState<C>& reads() const { return *read_; }

 private:
  PortId port_;
  unsigned clock_ = 0;
  hls::stream<Chunk, 32> chunk_{"chunk"};
  hls::stream<RxBack, 4> back_{"rx_back"};
  hls::stream<SessionIx, kSessions> ready_{"ready"};
  hls::stream<SessionIx, kSessions> parked_{"parked"};
  hls::stream<Wide, 32> beats_{"beats"};
  hls::stream<Span, 8> span_{"span"};
  hls::stream<Op, 8> op_{"op"};
  hls::stream<Piece, 4> piece_{"piece"};
  std::unique_ptr<RxReadState<C>> read_ = std::make_unique<RxReadState<C>>();
  std::unique_ptr<RxWalkState<C>> walk_ = std::make_unique<RxWalkState<C>>();
  std::unique_ptr<RxJoinState<C>> join_ = std::make_unique<RxJoinState<C>>();
  RxPlanState plan_{};
  RxMoveState move_{};
  RxReadIo read_io_;
  RxWalkIo walk_io_;
};

// All of it, up to device memory.
template <class C>
struct RxPath {
  // To and from the rest of the engine.
  hls::stream<tee::HostIn, 16> host{"host"};
  hls::stream<LegPdu, 16> leg{"leg"};
  hls::stream<tee::Placement, 16> placement{"placement"};
  hls::stream<LegPlace, 16> leg_place{"leg_place"};
  hls::stream<CardEvent, 4> split_event{"split_event"}, placer_event{"placer_event"};

  RxPath(hls::stream<Notify>& notify, hls::stream<ReadRequest>& request, hls::stream<ReadMeta>& meta,
         hls::stream<NetBeat>& rx, StagePort& stage, unsigned port, std::uint64_t base)
      : framer(notify, request, meta, rx, port),
        store(stage, port, base),
        port_(port),
        split_io_{breaks_, framer.head, host, leg, from_, split_event},
        placer_io_{from_,  placement, leg_place, framer.punt, spare_,
                   spare_, checked_,  store.in,  breaks_,     placer_event} {}

  RxFramer<C> framer;
  WritePath<C> store;

  template <class Allow>
  void step(Allow allow) {
    if (allow(5)) store.step();
    if (allow(6)) placer_step(*placer_, port_, placer_io_);
    if (allow(7)) digest_step(*digest_, framer.beat, checked_);
    if (clock_ % 4 == 0 && allow(8)) header_split_step(*split_, port_, split_io_);  // II = 4
    framer.step(allow);
    ++clock_;
  }
  void step() {
    step([](unsigned) { return true; });
  }
  hls::stream<CardCtl>& ctl() { return framer.ctl; }

 private:
  PortId port_;
  unsigned clock_ = 0;
  hls::stream<Break, 4> breaks_{"breaks"};
  hls::stream<DataFrom, 16> from_{"from"};
  hls::stream<DataBeat, 16> checked_{"checked"};
  hls::stream<StoreSlot, 2 * RxFramer<C>::kPunts> spare_{"spare"};
  std::unique_ptr<HeaderSplitState<C>> split_ = std::make_unique<HeaderSplitState<C>>();
  std::unique_ptr<DigestState<C>> digest_ = std::make_unique<DigestState<C>>();
  std::unique_ptr<PlacerState<C>> placer_ = std::make_unique<PlacerState<C>>();
  HeaderSplitIo split_io_;
  PlacerIo placer_io_;
};

}  // namespace card
}  // namespace nvtee

#endif
