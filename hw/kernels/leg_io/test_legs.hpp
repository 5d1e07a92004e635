// Test helper: leg_route and leg_table joined, a tee core that issues commands at random, a send side that
// takes its time, and legs that answer at random, by the rules of NVMe/TCP. What must hold is checked as it
// happens; see leg_io_test.cpp.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "hw/kernels/common/test_pdu.hpp"
#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/leg_io/leg_join.hpp"
#include "hw/kernels/leg_io/leg_route.hpp"
#include "hw/kernels/leg_io/leg_table.hpp"

namespace nvtee::card::test {

struct LegRig {
  LegRouteState route{};
  LegTableState table[2]{};
  LegJoinState join{};
  hls::stream<CardCtl, 4> ctl;
  hls::stream<tee::LegTx, 4> tx;
  hls::stream<LegPdu, 4> pdu[2];
  hls::stream<StoreDone, 4> stored;
  hls::stream<TxDone, 4> sent[2];
  hls::stream<LegOut, 4> out[2];
  hls::stream<LegBack, 4> back[2];
  hls::stream<LegReady, kLegReady> ready[2];
  hls::stream<Count, 2> count;
  hls::stream<TxJob, 3> job[2];
  hls::stream<LegPlace, 3> place[2];
  hls::stream<tee::LegIn, 3> leg_ins[2], leg_in;
  hls::stream<CardEvent, 3> events[2], event;
  LegRouteIo route_io{ctl,     tx,     pdu[0], pdu[1],  stored,  sent[0],
                      sent[1], out[0], out[1], back[0], back[1], count};
  LegTableIo table_io[2]{{out[0], back[0], ready[0], ready[0], job[0], place[0], leg_ins[0], events[0]},
                         {out[1], back[1], ready[1], ready[1], job[1], place[1], leg_ins[1], events[1]}};
  LegJoinIo join_io{leg_ins[0], leg_ins[1], events[0], events[1], leg_in, event};
  void step() {
    leg_join_step(join, join_io);
    for (unsigned p : {0u, 1u}) leg_table_step(table[p], static_cast<PortId>(p), table_io[p]);
    leg_route_step(route, route_io);
  }
};

struct TestLink {
  unsigned link = 0, ns = 0, leg = 0, gen = 0, queues = 1, entries = 2, icdata = 0, maxh2c = 4096;
  bool hdgst = false, ddgst = false, up = false, broken = false;
  unsigned port[4] = {}, session[4] = {};
  unsigned outstanding[4] = {};
  unsigned jobs_out[4] = {};
  bool ended[4] = {};
};

// A command as the leg sees it, and what became of it.
struct TestCommand {
  tee::LegTx tx{};
  unsigned link = 0, queue = 0;
  bool seen = false, reads = false, writes = false, in_capsule = false;
  unsigned done = 0, sent_to_leg = 0;  // bytes asked for or answered; bytes of H2CData that came
  unsigned r2t_end = 0, ttag = 0;
  unsigned jobs = 0;      // without TxDone
  unsigned unstored = 0;  // C2HData that is not in the store
  bool last_seen = false, bad = false, answered = false;
  unsigned status = 0;
};

class LegWorld {
 public:
  explicit LegWorld(uint64_t seed, unsigned links = 6) : r_(seed), rig_(std::make_unique<LegRig>()) {
    for (unsigned i = 0; i < links; ++i) make_link(i);
  }
  void run(unsigned steps);
  void quiesce();
  void set_down(unsigned i);
  void set_up(unsigned i);
  void hostile(unsigned i, const LegPdu& pdu, unsigned fes);
  void settle(unsigned steps) {
    for (unsigned n = 0; n < steps; ++n) turn(false);
  }

  LegRig& rig() { return *rig_; }
  TestLink& link(unsigned i) { return links_[i]; }
  std::map<unsigned, TestCommand>& commands() { return commands_; }
  std::deque<CardEvent>& events() { return events_; }
  Random& random() { return r_; }
  unsigned answers = 0, pieces = 0, r2ts = 0, capsules = 0, waited = 0, dropped = 0;

 private:
  void make_link(unsigned i);
  void write_ctl(const CardCtl& c);
  void turn(bool issue);
  void issue();
  void take_jobs();
  void take_capsule(TestCommand& c, const TxJob& job);
  void take_data(TestCommand& c, const TxJob& job);
  void finish_jobs();
  void legs_speak();
  bool speak(TestCommand& c);
  void answer(TestCommand& c);
  void send_pdu(TestCommand& c, LegPdu p);
  void take_places();
  void store();
  void take_answers();
  LegPdu pdu_for(const TestCommand& c, unsigned kind) const;
  TestCommand* command_of(unsigned link, unsigned cid);

  Random r_;
  std::unique_ptr<LegRig> rig_;
  std::vector<TestLink> links_;
  std::map<unsigned, TestCommand> commands_;  // by slot << 2 | leg
  struct Out {
    TxJob job;
    unsigned entry;
  };
  std::deque<Out> out_[2];  // jobs without TxDone
  struct Verdict {
    unsigned link, cid, offset, length;
    bool place;
  };
  std::deque<Verdict> verdicts_[2];
  struct Piece {
    unsigned link, cid;
    bool ok;
    unsigned port;
  };
  std::deque<Piece> storing_;
  std::deque<CardEvent> events_;
  std::map<unsigned, unsigned> cid_gen_;
};

}  // namespace nvtee::card::test
