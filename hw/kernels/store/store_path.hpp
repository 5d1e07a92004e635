// The store's kernels joined by their streams, stepped natively: what the card's netlist does. Depths are the
// netlist's. step() is one clock; kernels further down go first, so a record moves one kernel a clock.
#ifndef NVTEE_HW_KERNELS_STORE_STORE_PATH_HPP
#define NVTEE_HW_KERNELS_STORE_STORE_PATH_HPP

#include <memory>

#include "hw/kernels/store/done_mux.hpp"
#include "hw/kernels/store/stage.hpp"
#include "hw/kernels/store/store_read.hpp"
#include "hw/kernels/store/store_write.hpp"

namespace nvtee {
namespace card {

// Streams between the stage and one port.
struct StagePort {
  // Short: what is said here is known before anybody asks for it (store_cut).
  hls::stream<StageUse, 2> use{"stage_use"};
  hls::stream<StageWrite, 4> write{"stage_write"};
  hls::stream<StageEntry, 2> grant{"stage_grant"};
  hls::stream<StoreSlot, 4> ask{"stage_ask"};
  hls::stream<StageRef, 4> found{"stage_found"};
  hls::stream<StageRead, 4> read{"stage_read"};
  hls::stream<Line, 16> line{"stage_line"};
  hls::stream<StageEntry, 8> unpin{"stage_unpin"};
  hls::stream<StageEntry, 4> landed{"stage_landed"};
};

template <class C>
struct StagePath {
  StagePort port0, port1;

  void step() {
    stage_step(*stage_, stage_io_);
    stage_dir_step(*dir_, dir_io_);
  }
  StagePort& port(unsigned p) { return p == 0 ? port0 : port1; }
  const StageDirState<C>& dir() const { return *dir_; }

 private:
  std::unique_ptr<StageState<C>> stage_ = std::make_unique<StageState<C>>();
  std::unique_ptr<StageDirState<C>> dir_ = std::make_unique<StageDirState<C>>();
  StageIo stage_io_{port0.write, port1.write, port0.read,  port1.read,
                    port0.line,  port1.line,  port0.unpin, port1.unpin};
  StageDirIo dir_io_{port0.use,   port1.use,   port0.ask,   port1.ask,   port0.found,  port1.found,
                     port0.unpin, port1.unpin, port0.grant, port1.grant, port0.landed, port1.landed};
};

template <class C>
struct WritePath {
  hls::stream<StoreBeat, 16> in{"store_beat"};
  hls::stream<hw::AxiAddr, 16> aw{"aw"};
  hls::stream<hw::AxiW, 16> w{"w"};
  hls::stream<hw::AxiB, 16> b{"b"};
  hls::stream<StoreDone, 16> done{"store_done"}, now{"done_now"};
  hls::stream<CardEvent, 4> event{"store_event"};

  WritePath(StagePort& stage, unsigned port, std::uint64_t base)
      : port_(port),
        base_(base),
        turn_io_{in, stage.grant, stage.use, stage.write, turned_, key_},
        cut_io_{turned_, key_, lines_, now, pending_},
        burst_io_{lines_, aw, w, burst_, burst_},
        commit_io_{b, pending_, stage.landed, done, event} {}

  void step() {
    store_commit_step(commit_, port_, commit_io_);
    store_burst_step(burst_state_, base_, burst_io_);
    store_cut_step(cut_, cut_io_);
    store_turn_step(*turn_, port_, turn_io_);
  }
  bool idle() const {
    return in.empty() && turned_.empty() && lines_.empty() && burst_.empty() && pending_.empty() &&
           now.empty();
  }

 private:
  PortId port_;
  ap_uint<64> base_;
  hls::stream<Turned, 4> turned_{"turned"};
  hls::stream<TurnedKey, 4> key_{"turned_key"};
  hls::stream<LineWrite, 4> lines_{"lines"};
  hls::stream<hw::AxiW, 2 * kBurst> burst_{"burst"};
  hls::stream<Pending, 64> pending_{"pending"};
  std::unique_ptr<StoreTurnState<C>> turn_ = std::make_unique<StoreTurnState<C>>();
  StoreCutState cut_{};
  StoreBurstState burst_state_{};
  StoreCommitState commit_{};
  StoreTurnIo turn_io_;
  StoreCutIo cut_io_;
  StoreBurstIo burst_io_;
  StoreCommitIo commit_io_;
};

struct ReadPath {
  hls::stream<StoreRead, 16> in{"store_read"};
  hls::stream<ReadBeat, 16> out{"read_beat"};
  hls::stream<hw::AxiAddr, 16> ar{"ar"};
  hls::stream<hw::AxiR, 16> r{"r"};

  ReadPath(StagePort& stage, std::uint64_t base)
      : base_(base),
        stage_(stage),
        issue_io_{asked_, stage.found, stage.read, ar, plan_},
        align_io_{plan_, stage.line, r, out} {}

  void step() {
    read_align_step(align_, align_io_);
    if (clock_ % 4 == 0) {  // II = 4
      read_issue_step(issue_, base_, issue_io_);
      read_ask_step(in, stage_.ask, asked_);
    }
    ++clock_;
  }

 private:
  ap_uint<64> base_;
  unsigned clock_ = 0;
  StagePort& stage_;
  hls::stream<ReadJob, 8> asked_{"asked"};
  hls::stream<ReadPlan, 32> plan_{"plan"};
  ReadIssueState issue_{};
  ReadAlignState align_{};
  ReadIssueIo issue_io_;
  ReadAlignIo align_io_;
};

}  // namespace card
}  // namespace nvtee

#endif
