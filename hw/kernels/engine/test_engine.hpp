// Test helper: a whole engine, native or RTL, between hosts, legs, memory and a runtime at its registers.
// Hosts write what they can check later; legs are small NVMe/TCP targets with a disk each.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/engine/session_model.hpp"
#include "hw/kernels/engine/test_card.hpp"
#include "hw/kernels/engine/test_peer.hpp"
#include "hw/kernels/regs/test_runtime.hpp"
#include "hw/kernels/store/memory_model.hpp"

namespace nvtee::card::test {

constexpr unsigned kBlock = 512, kBlocks = 2048, kNsid = 7;
constexpr uint64_t kRingAt = 1ull << 40;

using Disk = std::vector<uint8_t>;

// A namespace: its row in the card's tables, what hosts call it, and what must be on its legs.
struct TestNamespace {
  unsigned row = 0, nsid = kNsid, blocks = kBlocks, region_shift = 11;  // regions of 2048 blocks
  unsigned legs = 1, prefer = 0;                                        // of them: a mask, for reads
  unsigned most = 16;                                                   // open commands in it, of a host
  Disk disk = Disk(size_t{kBlock} * kBlocks);
  std::vector<bool> forgotten = std::vector<bool>(kBlocks);  // nobody looks there any more
};

// One I/O queue of a host.
struct TestHost {
  unsigned queue = 0, port = 0, session = 0, depth = 16;
  Digests digests;
  struct Command {
    unsigned opcode, block, count;
    bool in_capsule = false;
    ByteVec data;     // to be written; what a read brought
    unsigned length;  // bytes that it moves; commands of other kinds than those of media say it themselves
    bool spoiled = false;  // a data digest that it sends is wrong
    unsigned got = 0;
    bool last = false;
    unsigned ns = 0;               // of the world's namespaces
    std::optional<uint32_t> nsid;  // another than that one's
  };
  std::map<unsigned, Command> open;  // by CID
  unsigned sqhd = 1, next_cid = 0;
  std::set<unsigned> overtaken;  // values of SQHD before that one that have not come
  bool hostile = false, gone = false;
  unsigned done = 0;
};

// One leg: K sessions, a disk.
struct TestLeg {
  unsigned ns = 0, leg = 0;  // of the world's namespaces; of its legs
  unsigned index = 0, link = 0, gen = 1, queues = 1, icdata = 0, maxh2c = 8192;
  Digests digests;
  unsigned port[4] = {}, session[4] = {};
  Disk disk = Disk(size_t{kBlock} * kBlocks);
  struct Command {
    nvmf::Sqe sqe;
    ByteVec data;
    unsigned length = 0, asked = 0, got = 0, sent = 0, ttag = 0, queue = 0;
    unsigned number = 0;  // commands before it
    bool write = false;
  };
  std::map<unsigned, Command> open;  // by CID
  bool dead = false, off = false;
  bool quiet = false;   // takes what comes, says nothing for now
  bool spoils = false;  // the next data digest that it sends is wrong
  unsigned commands = 0;
};

// Nothing is drawn: hosts send what `next` says, whole; legs answer at once, whole.
struct Plain {
  unsigned leg_queues = 1, icdata = 8192, maxh2c = 131072, entries = 128, depth = 128;
  Digests host, leg;
  // The next command of a host: opcode, block, count, in_capsule. False: none now.
  std::function<bool(TestHost&, TestHost::Command&)> next;
  std::function<void(const TestHost&, const TestHost::Command&)> done;
};

class EngineWorld {
 public:
  struct Options {
    unsigned legs = 2, hosts = 3;
    SessionTiming tcp;
    MemoryTiming memory;
    unsigned hold = 0;  // percent, see Card::step
    unsigned poll = 8;  // clocks between looks of hosts and legs at their connections
    std::optional<Plain> plain;
    bool data_digests = false;  // all legs have them
    std::vector<TestNamespace>
        more;                      // namespaces beside the first, which has `legs`; no region of them is open
    std::vector<unsigned> queues;  // of the hosts; empty: some
  };
  EngineWorld(uint64_t seed, const Options& options, std::unique_ptr<Card> card = make_card());

  void clock();
  void run(unsigned clocks, bool feed = true);
  // Until every command of hosts that behave is answered.
  bool settle(unsigned clocks = 400000);
  // All legs that are on have what the hosts wrote; hosts were told so.
  void compare();

  // A command other than those that `run` draws; `answered` hears of it.
  void send(TestHost& h, TestHost::Command c) { host_send(h, std::move(c)); }
  // Asked about each answer that is not plain success, and about those to other commands than media: true
  // when it is as it must be. Nothing is expected of disks then.
  std::function<bool(TestHost&, const TestHost::Command&, const nvmf::Cqe&)> answered;
  // PDUs as hosts and legs got them, when set.
  std::function<void(bool leg, unsigned index, const TakenPdu&)> heard;
  Memory& memory() { return memory_; }

  // The runtime's words.
  void mail(const tee::Ctl& c);
  void mail(const CardCtl& c);
  template <class Wanted>
  bool wait_event(Wanted wanted, unsigned clocks = 200000);
  void set_session(unsigned port, unsigned session, unsigned role, unsigned queue_or_link,
                   unsigned link_queue, const Digests& d);
  void set_namespace(const TestNamespace& n, bool valid = true);
  void open_host(TestHost& h);
  void close_host(TestHost& h);
  void open_leg(TestLeg& l);
  void drop_leg(TestLeg& l, unsigned sweep = tee::Ctl::kDrop);
  // Nobody touches or compares these blocks again.
  void forget(unsigned block, unsigned count, unsigned ns = 0) {
    for (unsigned i = 0; i < count; ++i) namespaces[ns].forgotten[block + i] = true;
  }

  Random r;
  Options options;
  std::vector<TestHost> hosts;
  std::vector<TestNamespace> namespaces;
  std::vector<TestLeg> legs;
  std::deque<CardEvent> card_events;
  std::deque<tee::Event> tee_events;
  std::string fault;
  unsigned reads = 0, writes = 0;
  std::unique_ptr<Card> card;
  SessionModel tcp[2];

 private:
  TestLeg some_leg(unsigned ns, unsigned leg);
  TestHost some_host(unsigned index);
  void fail(const std::string& what) {
    if (fault.empty()) fault = what;
  }
  void host_turn(TestHost& h, bool feed);
  void host_issue(TestHost& h);
  bool host_choose(TestHost::Command& c);
  void host_send(TestHost& h, TestHost::Command c);
  void host_take(TestHost& h, const TakenPdu& p);
  void host_r2t(TestHost& h, const nvmf::R2tPdu& t);
  void host_done(TestHost& h, const nvmf::Cqe& cqe);
  bool in_turn(TestHost& h, unsigned sqhd);
  bool range_free(unsigned ns, unsigned block, unsigned count, bool write) const;
  void leg_turn(TestLeg& l);
  void leg_take(TestLeg& l, unsigned queue, const TakenPdu& p);
  void leg_speak(TestLeg& l);
  void leg_answer(TestLeg& l, unsigned cid);
  void ring_turn();

  Memory memory_;
  std::vector<std::unique_ptr<MemoryReadPort>> reads_;
  std::vector<std::unique_ptr<MemoryWritePort>> writes_;
  std::unique_ptr<Registers> registers_;
  uint32_t ring_read_ = 0;
};

template <class Wanted>
bool EngineWorld::wait_event(Wanted wanted, unsigned clocks) {
  for (unsigned n = 0; n < clocks / 8; ++n) {
    if (wanted()) return true;
    run(8, false);
  }
  return false;
}

}  // namespace nvtee::card::test
