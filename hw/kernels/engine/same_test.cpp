// The engine beside the native one, command by command: what hosts and legs are sent, and what the runtime is
// told, must be the same bytes. Here the other engine is native too and only the timing differs; in
// sim/cosim the first one is the RTL.
#include "hw/kernels/engine/test_stories.hpp"

namespace nvtee::card {
namespace {

using test::EngineWorld;
using test::TestHost;
namespace io = spec::io;

struct Step {
  enum Kind { kCommand, kGate, kRegion, kLeg } kind = kCommand;
  unsigned host = 0;
  TestHost::Command command{};
  tee::Ctl order{};
};

tee::Ctl some_order(test::Random& r, Step::Kind kind, unsigned legs) {
  tee::Ctl c{};
  if (kind == Step::kGate) {
    c.op = tee::Ctl::kSetGate;
    c.status = r.chance(70) ? 0 : 0x301;
    c.status2 = r.chance(70) ? 0 : 0x302;
  } else if (kind == Step::kRegion) {
    c.op = tee::Ctl::kRegionSet;
    c.region = r.below(32);
    c.region_state = r.chance(50) ? tee::Ctl::kOpen : tee::Ctl::kNone;
  } else {
    const unsigned leg = 1 + r.below(legs - 1);
    c.op = tee::Ctl::kSetLeg;
    c.leg = leg;
    c.leg_state = r.chance(60) ? tee::Ctl::kLegInSync : tee::Ctl::kLegSyncing;
    c.gen = 1;
    c.nsid = 100 + leg;
  }
  return c;
}

// Good commands of all kinds, and some that must be refused.
TestHost::Command some_command(test::Random& r) {
  const unsigned ops[] = {io::kWrite, io::kWrite,       io::kWrite, io::kRead,       io::kRead,
                          io::kFlush, io::kWriteZeroes, io::kDsm,   io::kResvReport, 0x77};
  TestHost::Command c{};
  c.opcode = ops[r.below(10)];
  c.count = c.opcode == io::kFlush ? 0 : 1 + r.below(r.chance(10) ? 256 : 12);
  c.block = r.below(test::kBlocks - c.count);
  if (r.chance(5)) c.block = test::kBlocks - 1;  // may be out of range
  if (c.opcode == io::kDsm || c.opcode == io::kResvReport) c.length = 16 * (1 + r.below(40));
  c.in_capsule = (c.opcode & 1) != 0 && c.count <= 16 && r.chance(70);
  c.spoiled = (c.opcode & 1) != 0 && r.chance(5);
  return c;
}

std::vector<Step> script(uint64_t seed, unsigned steps, unsigned hosts, unsigned legs) {
  test::Random r(seed);
  std::vector<Step> all(steps);
  for (Step& s : all) {
    s.kind = r.chance(85) ? Step::kCommand : static_cast<Step::Kind>(1 + r.below(3));
    s.host = r.below(hosts);
    if (s.kind == Step::kCommand) {
      s.command = some_command(r);
    } else {
      s.order = some_order(r, s.kind, legs);
    }
  }
  return all;
}

// Runs a script, one step after the other, and writes down what came of each.
class ScriptRun {
 public:
  ScriptRun(uint64_t seed, const EngineWorld::Options& o, std::unique_ptr<test::Card> card)
      : w_(seed, o, std::move(card)) {
    w_.answered = [](const TestHost&, const TestHost::Command&, const nvmf::Cqe&) { return true; };
    w_.heard = [this](bool leg, unsigned index, const test::TakenPdu& t) { hear(leg, index, t); };
    tee::Ctl c{};
    c.op = tee::Ctl::kSetNamespace;
    c.flag = 1;
    c.nsid = test::kNsid;
    c.lba = test::kBlocks;
    c.shift_a = 9;
    c.shift_b = 6;
    c.value = 1;
    w_.mail(c);
    settle();
    log_.clear();
  }
  std::string step(const Step& s) {
    log_.clear();
    if (s.kind == Step::kCommand) {
      w_.send(w_.hosts[s.host], s.command);
    } else {
      w_.mail(s.order);
    }
    settle();
    std::string all;
    for (const auto& [who, what] : log_) all += who + ":" + what + "\n";
    return all + w_.fault;
  }

 private:
  void settle() {
    for (unsigned quiet = 0, n = 0; quiet < 6 && n < 2000 && w_.fault.empty(); ++n) {
      w_.run(100, false);
      quiet = runtime() || busy() ? 0 : quiet + 1;
    }
  }
  bool busy() const {
    for (const TestHost& h : w_.hosts)
      if (!h.open.empty()) return true;
    return false;
  }
  static std::string hex(uint64_t x) {
    char text[20];
    std::snprintf(text, sizeof text, " %llx", static_cast<unsigned long long>(x));
    return text;
  }
  void hear(bool leg, unsigned index, const test::TakenPdu& t) {
    test::ByteVec header = t.header;
    if (leg && t.head.type == spec::pdu::kH2CData) header[10] = header[11] = 0;  // the leg's own TTAG
    std::string& to = log_[(leg ? "leg " : "host ") + std::to_string(index)];
    for (const uint8_t b : header) to += "0123456789abcdef"[b >> 4], to += "0123456789abcdef"[b & 15];
    to += hex(t.data.size()) + hex(crc32c(0, t.data.data(), t.data.size())) + ";";
  }
  // Regions are opened, punts answered; true when there was something.
  bool runtime() {
    const bool any = !w_.tee_events.empty() || !w_.card_events.empty();
    for (; !w_.card_events.empty(); w_.card_events.pop_front()) {
      const CardEvent& e = w_.card_events.front();
      log_["card"] += hex(e.kind.to_uint()) + hex(e.session.to_uint()) + hex(e.fes.to_uint()) + ";";
    }
    for (; !w_.tee_events.empty(); w_.tee_events.pop_front()) {
      const tee::Event e = w_.tee_events.front();
      log_["tee"] += hex(e.kind.to_uint()) + hex(e.slot.to_uint()) + hex(e.tag.to_uint()) +
                     hex(e.region.to_uint()) + hex(e.status.to_uint()) + ";";
      tee::Ctl c{};
      c.slot = e.slot;
      if (e.kind == tee::Event::kRegionMiss) {
        tee::Ctl open{};
        open.op = tee::Ctl::kRegionSet;
        open.region = e.region;
        open.region_state = tee::Ctl::kOpen;
        w_.mail(open);
        c.op = tee::Ctl::kResume;
        w_.mail(c);
      } else if (e.kind == tee::Event::kPunt) {
        const test::ByteVec data(4096, static_cast<uint8_t>(e.tag.to_uint()));
        w_.memory().fill(e.slot.to_uint() * uint64_t{128 * 1024}, data);
        c.op = tee::Ctl::kPuntDone;
        c.status = e.tag.to_uint() % 3 == 0 ? 0x083 : 0;
        c.lba = e.tag.to_uint() * 0x10001u;
        w_.mail(c);
      }
    }
    return any;
  }
  EngineWorld w_;
  std::map<std::string, std::string> log_;
};

TEST(Engine, SameAsNative) {
  const uint64_t from = test::first_seed(1000), until = from + test::rounds(3);
  for (uint64_t seed = from; seed < until; ++seed) {
    SCOPED_TRACE(seed);
    test::Random r(seed);
    EngineWorld::Options o;
    o.legs = 2;
    o.hosts = 2;
    o.plain.emplace();
    o.plain->depth = 16;
    o.plain->leg_queues = 1 + r.below(3);
    o.plain->icdata = r.chance(50) ? 8192 : 1024;
    o.plain->maxh2c = r.chance(50) ? 131072 : 4096;
    o.plain->host = {r.chance(50), r.chance(70)};
    o.plain->leg = {r.chance(50), r.chance(50)};
    o.plain->next = [](TestHost&, TestHost::Command&) { return false; };
    EngineWorld::Options slow = o;
    slow.tcp.latency = 5 + r.below(60);
    slow.tcp.stall = 10;
    slow.memory.latency = 1 + r.below(150);
    ScriptRun tested(seed, slow, test::make_card());
    ScriptRun native(seed, o, std::make_unique<test::NativeCard<EngineConfig>>());
    unsigned said = 0;
    for (const Step& s : script(seed, 60, o.hosts, o.legs)) {
      const std::string a = tested.step(s), b = native.step(s);
      ASSERT_EQ(a, b) << "opcode " << s.command.opcode << " block " << s.command.block << " count "
                      << s.command.count;
      said += a.empty() ? 0 : 1;
    }
    EXPECT_GT(said, 40u);
  }
}

}  // namespace
}  // namespace nvtee::card
