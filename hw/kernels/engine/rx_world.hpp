// Test helper: a port's receive path in a world of peers that send PDUs, with a tee core and leg_io that only
// say where data goes. Every record and every byte of memory is compared with what was sent.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hw/kernels/common/test_random.hpp"
#include "hw/kernels/engine/rx_path.hpp"
#include "hw/kernels/engine/session_model.hpp"
#include "hw/kernels/store/memory_model.hpp"

namespace nvtee::card::test {

struct RxSmall : EngineConfig {
  static constexpr unsigned kSessionBits = 3;
  static constexpr unsigned kStageBits = 3;
  static constexpr unsigned kPuntBits = 2;
};

using Bytes8 = std::vector<std::uint8_t>;

// One PDU as sent, and what should come of it.
struct SentPdu {
  Bytes8 wire;
  Bytes8 head;  // header without digest
  Bytes8 data;
  bool digest_ok = true;
};

enum class Size { kAny, kSmall, kBlock };  // of data: anything; up to 64 bytes; 512 bytes

class RxWorld {
 public:
  struct Options {
    SessionTiming tcp;
    MemoryTiming memory;
    unsigned hold = 0;        // percent of clocks in which a kernel does not run
    unsigned think = 0;       // most clocks that a verdict takes
    unsigned bad_digest = 0;  // percent of data digests
    Size size = Size::kAny;
    bool fill = true;  // a random byte now and then is late by itself
  };
  RxWorld(std::uint64_t seed, const Options& options);

  // A session with a role, and a new connection.
  void open(unsigned session, unsigned role, bool hdgst, bool ddgst);
  // Ends it: kOff, and what was on its way is forgotten when it is drained.
  void off(unsigned session);
  // PDUs of the session's role; all of them, or cut off after `bytes` of the last one.
  void send(unsigned session, unsigned pdus);
  void send_bytes(unsigned session, const Bytes8& bytes) { tcp.arrive(session, bytes); }
  SentPdu make(unsigned session);
  // The same, and expected at the other end.
  void expect_and_send(unsigned session, const SentPdu& pdu);

  void clock();
  // Until nothing is left to happen; false when it takes longer than `clocks`.
  bool settle(unsigned clocks = 200000);
  bool quiet() const;
  std::string left_over() const;

  struct Session {
    unsigned role = 0;
    bool hdgst = false, ddgst = false;
    std::deque<SentPdu> expected;
    bool draining = false;
    unsigned drained = 0;
    std::vector<CardEvent> errors;
    unsigned closed = 0;
    unsigned generation = 0;
  };
  Random rng;
  Options options;
  SessionModel tcp;
  SessionPort port;
  Memory memory;
  StagePath<RxSmall> stage;
  RxPath<RxSmall> path;
  MemoryWritePort write_mem;
  std::vector<Session> sessions{8};
  std::uint64_t now = 0;
  unsigned pdus_done = 0;   // whose data are in, or that have none
  std::string fault;        // the first thing that was wrong
  unsigned fatal_next = 0;  // verdicts until one is fatal (0: never)

 private:
  struct Verdict {
    std::uint64_t due;
    bool leg;
    tee::Placement place;
    LegPlace leg_place;
  };
  struct Filling {
    unsigned session, generation;
    SentPdu pdu;
    unsigned slot, offset;
    bool tell;
  };
  void fail(const std::string& what);
  void take_host();
  void take_leg();
  void take_done();
  void take_events();
  void answer();
  void punts();
  bool take_expected(unsigned session, SentPdu& to);
  unsigned free_slot();
  bool memory_has(const Filling& f);
  void on_event(const CardEvent& e);

  std::deque<Verdict> verdicts_;
  std::map<unsigned, Filling> filling_;  // by slot
  std::deque<CardCtl> orders_;
  std::vector<std::pair<std::uint64_t, unsigned>> punts_back_;
  std::vector<bool> punt_out_ = std::vector<bool>(4, false);  // handed to the card
  unsigned next_slot_ = 0;
};

}  // namespace nvtee::card::test
