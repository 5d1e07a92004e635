// engine_bench [--json FILE] [--quick] [--stalls] [--only TEXT]: clocks a write, latency and speed of the
// engine's RTL, counted at its border, beside the goals. docs/HARDWARE.md says what is modelled. --stalls:
// who waits for whom at each stream; --only: rows with TEXT in their name. Exit 1: the engine did something
// wrong (a goal missed is only marked).
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hw/kernels/engine/test_engine.hpp"
#include "sim/cosim/engine/occupancy.hpp"
#include "sim/cosim/engine/rtl_card.hpp"

namespace nvtee::cosim {
namespace {

using card::test::EngineWorld;
using card::test::TestHost;
using Command = TestHost::Command;
using Json = nlohmann::ordered_json;

constexpr unsigned kBlock = card::test::kBlock, kBlocks = card::test::kBlocks;
constexpr double kBytesAClock = 50;  // 100 Gb/s at 250 MHz
constexpr unsigned kSegment = 8948;  // payload of a frame, MTU 9000
constexpr unsigned kFraming = 78;    // Ethernet, IP, TCP, preamble, gap: of each segment
// Commands and the second leg's answers come in bunches at port 0, one after the other every 3,000 to 4,000
// clocks: fewer writes than this would measure where in a bunch the count begins and ends.
constexpr unsigned kManySmall = 3000;
constexpr unsigned kWindow = 600;  // writes; what the slowest and the quickest so many in a row took is noted

// Clocks that a 100 Gb/s port needs for PDUs of these sizes, each beginning a segment.
double port_clocks(const std::vector<unsigned>& pdus) {
  double bytes = 0;
  for (unsigned n : pdus) bytes += n + kFraming * ((n + kSegment - 1) / kSegment);
  return bytes / kBytesAClock;
}

struct Case {
  std::string name;
  unsigned bytes = 512;
  bool in_capsule = true;
  unsigned legs = 1, hosts = 1, depth = 128;
  unsigned piece = 0;  // bytes notified at once, at random up to this; 0: what is there
  bool digests = false;
  unsigned count = 300;  // commands measured

  double goal() const {
    if (in_capsule) return port_clocks({72 + bytes});
    return port_clocks({72, 24 + bytes});
  }
};

EngineWorld::Options plain_options(const Case& c) {
  EngineWorld::Options o;
  o.legs = c.legs;
  o.hosts = c.hosts;
  o.poll = 1;
  o.tcp.piece = c.piece;
  o.tcp.space = 1u << 24;
  o.tcp.drain = 64;
  o.memory.latency = 100;
  o.plain.emplace();
  o.plain->depth = c.depth + 1;  // a queue of n entries holds n - 1
  o.plain->host = o.plain->leg = {c.digests, c.digests};
  return o;
}

// Sequential writes, each host in its own part.
struct Sequence {
  unsigned count, part;
  bool in_capsule;
  std::vector<unsigned> at;
  Sequence(const Case& c)
      : count(c.bytes / kBlock), part(kBlocks / c.hosts), in_capsule(c.in_capsule), at(c.hosts) {}
  void next(const TestHost& h, Command& c) {
    const unsigned host = h.session;
    c.opcode = spec::io::kWrite;
    c.count = count;
    c.block = host * part + at[host];
    c.in_capsule = in_capsule;
    at[host] += count;
    if (at[host] + count > part) at[host] = 0;
  }
};

struct World {
  RtlCard* rtl;
  EngineWorld world;
  explicit World(const EngineWorld::Options& o, std::unique_ptr<RtlCard> card = std::make_unique<RtlCard>())
      : rtl(card.get()), world(1, o, std::move(card)) {}
};

// Clocks a write of the quickest and of the slowest kWindow in a row; empty when there are no more than that.
std::string window_text(const std::vector<std::uint64_t>& at) {
  if (at.size() <= 2 * kWindow) return "";
  std::uint64_t least = ~0ull, most = 0;
  for (std::size_t i = kWindow; i < at.size(); ++i) {
    least = std::min(least, at[i] - at[i - kWindow]);
    most = std::max(most, at[i] - at[i - kWindow]);
  }
  char text[64];
  std::snprintf(text, sizeof text, "; %u in a row: %.2f to %.2f", kWindow,
                static_cast<double>(least) / kWindow, static_cast<double>(most) / kWindow);
  return text;
}

struct Outcome {
  double value = 0;
  std::string wrong, limits;
};

// Clocks a write when the host always has another one.
Outcome throughput(const Case& c, bool stalls) {
  EngineWorld::Options o = plain_options(c);
  Sequence s(c);
  o.plain->next = [&](TestHost& h, Command& x) {
    s.next(h, x);
    return true;
  };
  unsigned done = 0;
  const RtlCard* rtl = nullptr;
  std::vector<std::uint64_t> at;  // when the count began, and each of those measured was answered
  o.plain->done = [&](const TestHost&, const Command&) {
    ++done;
    if (rtl != nullptr) at.push_back(rtl->clocks());
  };
  World w(o);
  const auto until = [&](unsigned wanted) {
    const std::uint64_t begun = w.rtl->clocks();
    while (done < wanted && w.world.fault.empty() && w.rtl->clocks() - begun < 400000) w.world.run(1);
    return done >= wanted;
  };
  Outcome r;
  const unsigned warm = std::min(c.count, 2 * c.depth * c.hosts);
  bool good = until(warm);
  Occupancy occupancy(w.rtl->context(), NVTEE_ENGINE_JSON);
  const std::uint64_t from = w.rtl->clocks();
  const unsigned before = done;
  rtl = w.rtl;
  at.push_back(from);
  w.rtl->on_clock = [&] { occupancy.sample(); };
  good = good && until(before + c.count);
  w.rtl->on_clock = nullptr;
  rtl = nullptr;
  r.value = static_cast<double>(w.rtl->clocks() - from) / std::max(1u, done - before);
  r.limits = occupancy.limiting() + window_text(at);
  good = good && w.world.settle() && w.world.fault.empty();
  if (!good) r.wrong = w.world.fault.empty() ? "writes are not answered" : w.world.fault;
  if (stalls) occupancy.print();
  return r;
}

// ---- latency ----------------------------------------------------------------------------------------------
struct Latency {
  unsigned least[card::kPorts] = {}, most[card::kPorts] = {}, n = 0;
  std::string wrong;
  std::string way;  // where the clocks of the last one went
  unsigned last() const { return std::max(most[0], most[1]); }
  unsigned spread() const { return std::max(most[0] - least[0], most[1] - least[1]); }
};

// The streams that a write passes from its last beat on; %: the port that it leaves by.
constexpr const char* kWay[] = {"wide0",    "piece0",    "summed0",     "checked_beat0", "store_beat0",
                                "turned0",  "done_now0", "host_stored", "asked",         "looked",
                                "admitted", "carried",   "granted",     "work",          "todo",
                                "leg_tx",   "leg_out%",  "leg_job%",    "tx_asked%",     "grant%",
                                "tx_head%", "tx_op%"};

constexpr std::size_t kWayBeats = 7;  // of them: beats, so the last one counts

// Follows one write: when is there last something in those with beats, and first in each of the others, after
// there was in the one before?
class Way {
 public:
  Way(const Occupancy& streams, unsigned port) : streams_(streams) {
    for (const char* name : kWay) {
      std::string n = name;
      if (n.back() == '%') n.back() = static_cast<char>('0' + port);
      names_.push_back(n);
    }
  }
  void begin(std::uint64_t now) {
    begun_ = now;
    at_ = kWayBeats;
    clocks_.assign(kWayBeats, 0);
  }
  void look(std::uint64_t now) {
    if (begun_ == 0) return;
    const auto passed = static_cast<unsigned>(now - begun_);
    for (std::size_t i = 0; i < kWayBeats && at_ == kWayBeats; ++i)
      if (streams_.records(names_[i]) != 0) clocks_[i] = passed;
    for (; at_ < names_.size() && streams_.records(names_[at_]) != 0; ++at_) clocks_.push_back(passed);
  }
  // "kernel clocks, ...": what each kernel took before it wrote its stream.
  std::string text() const {
    std::string t;
    int before = 0;
    for (std::size_t i = 0; i < clocks_.size(); ++i) {
      const int passed = static_cast<int>(clocks_[i]);  // what lies in memory may have left a stream before
      std::string kernel = streams_.writer(names_[i]);
      if (kernel.starts_with("u_")) kernel.erase(0, 2);
      if (const auto top = kernel.find("_top"); top != std::string::npos) kernel.erase(top);
      t += (i == 0 ? "" : ", ") + kernel + " " + std::to_string(passed - before);
      before = passed;
    }
    return t + (at_ < names_.size() ? ", then lost at " + names_[at_] : "");
  }

 private:
  const Occupancy& streams_;
  std::vector<std::string> names_;
  std::vector<unsigned> clocks_;
  std::uint64_t begun_ = 0;
  std::size_t at_ = kWayBeats;
};

// From the last beat of a host's data in, to the first beat out on each leg's port. One command at a time, or
// one in `period` clocks. Commands leave each port in the order in which they came.
Latency latency(const Case& c, unsigned period, unsigned samples) {
  EngineWorld::Options o = plain_options(c);
  o.tcp.send_latency = 0;  // space is granted in the next clock
  Sequence s(c);
  std::uint64_t now = 0, due = 400;
  unsigned sent = 0;
  o.plain->next = [&](TestHost& h, Command& x) {
    if (now < due || sent == samples || (period == 0 && !h.open.empty())) return false;
    s.next(h, x);
    ++sent;
    due = now + (period == 0 ? 300 : period);
    return true;
  };
  o.plain->done = [&](const TestHost&, const Command&) { due = std::max(due, period == 0 ? now + 200 : 0); };
  World w(o);
  std::vector<std::uint64_t> in, out[card::kPorts];
  bool inside[card::kPorts] = {};
  Occupancy streams(w.rtl->context(), NVTEE_ENGINE_JSON);
  Way way(streams, c.legs == 1 ? 1 : 0);
  w.rtl->on_clock = [&] {
    now = w.rtl->clocks();
    const BeatTrace rx = w.rtl->rx_beat(0);
    // The end of a PDU with data: other PDUs that come in there are one or two beats long.
    if (rx.moved && rx.last && rx.long_read) {
      in.push_back(now);
      way.begin(now);
    }
    way.look(now);
    for (unsigned p = 0; p < card::kPorts; ++p) {
      const BeatTrace tx = w.rtl->tx_beat(p);
      if (!tx.moved) continue;
      if (!inside[p] && tx.bytes == 64) out[p].push_back(now);  // responses and R2Ts are shorter than a beat
      inside[p] = !tx.last;
    }
  };
  for (unsigned n = 0; n < samples * (period + 4000) && w.world.fault.empty(); ++n) {
    w.world.run(1);
    if (sent == samples && w.world.hosts[0].open.empty()) break;
  }
  Latency l;
  l.way = way.text();
  l.wrong = w.world.fault;
  const unsigned pdus = c.legs == 0 ? 0 : 1;
  for (unsigned leg = 0; leg < c.legs && l.wrong.empty(); ++leg) {
    const unsigned p = (leg + 1) % 2;
    if (in.size() != samples || out[p].size() != samples * pdus) {
      l.wrong = "latency: " + std::to_string(in.size()) + " in, " + std::to_string(out[p].size()) + " out";
      break;
    }
    for (unsigned i = samples / 10; i < samples; ++i) {
      const auto d = static_cast<unsigned>(out[p][i] - in[i]);
      l.least[p] = l.most[p] == 0 ? d : std::min(l.least[p], d);
      l.most[p] = std::max(l.most[p], d);
    }
    l.n = samples;
  }
  return l;
}

// ---- simulation speed -------------------------------------------------------------------------------------
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Speed {
  double whole = 0, model = 0;  // clocks a second: with hosts, legs, memory; engine_top alone
};
// With a write of 512 B in each `period` clocks to two legs; 0: as many as the queue takes.
Speed speed(unsigned clocks, unsigned period) {
  Case c;
  c.legs = 2;
  EngineWorld::Options o = plain_options(c);
  Sequence s(c);
  const RtlCard* rtl = nullptr;
  std::uint64_t due = 0;
  o.plain->next = [&](TestHost& h, Command& x) {
    if (rtl == nullptr || rtl->clocks() < due) return false;
    s.next(h, x);
    due = rtl->clocks() + period;
    return true;
  };
  World w(o);
  rtl = w.rtl;
  w.world.run(2000);
  w.rtl->time_model = cpu_seconds;
  const double begun = cpu_seconds();
  w.world.run(clocks);
  const double whole = cpu_seconds() - begun;
  return {clocks / whole, clocks / w.rtl->model_seconds()};
}

// ---- table ------------------------------------------------------------------------------------------------
class Table {
 public:
  void row(const std::string& what, double value, const char* unit, double goal, bool less,
           const std::string& note = "", const std::string& wrong = "") {
    const bool met = wrong.empty() && (goal <= 0 || (less ? value <= goal : value >= goal));
    Json j = {{"what", what}, {"value", value}, {"unit", unit}};
    if (goal > 0) j["goal"] = goal, j["met"] = met;
    if (!note.empty()) j["note"] = note;
    if (!wrong.empty()) j["wrong"] = wrong;
    json_.push_back(j);
    char goal_text[32] = "";
    if (goal > 0) std::snprintf(goal_text, sizeof goal_text, "%s %.6g", less ? "<=" : ">=", goal);
    std::printf("| %-52s | %10.6g %-8s | %-10s | %-6s | %s |\n", what.c_str(), value, unit, goal_text,
                !wrong.empty() ? "WRONG"
                : goal <= 0    ? ""
                : met          ? "met"
                               : "MISSED",
                (wrong.empty() ? note : wrong).c_str());
    std::fflush(stdout);
    missed_ += met ? 0 : 1;
    wrong_ = wrong_ || !wrong.empty();
  }
  bool wrong() const { return wrong_; }
  unsigned missed() const { return missed_; }
  const Json& json() const { return json_; }

 private:
  Json json_ = Json::array();
  unsigned missed_ = 0;
  bool wrong_ = false;
};

std::vector<Case> cases(bool quick) {
  std::vector<Case> all;
  for (unsigned legs : {1u, 2u}) {
    const std::string l = legs == 1 ? ", 1 leg" : ", 2 legs";
    all.push_back({.name = "512 B in-capsule, sequential, depth 128" + l, .legs = legs, .count = kManySmall});
    all.push_back({.name = "4 KiB in-capsule, depth 128" + l, .bytes = 4096, .legs = legs});
    if (quick) continue;
    all.push_back({.name = "512 B in-capsule, 4 hosts, depth 32" + l,
                   .legs = legs,
                   .hosts = 4,
                   .depth = 32,
                   .count = kManySmall});
    all.push_back(
        {.name = "512 B in-capsule, digests" + l, .legs = legs, .digests = true, .count = kManySmall});
    all.push_back(
        {.name = "512 B in-capsule, cut at any byte" + l, .legs = legs, .piece = 1448, .count = kManySmall});
    all.push_back(
        {.name = "1.5 KiB in-capsule, cut at any byte" + l, .bytes = 1536, .legs = legs, .piece = 8948});
    all.push_back({.name = "3.5 KiB in-capsule, digests, cut at any byte" + l,
                   .bytes = 3584,
                   .legs = legs,
                   .piece = 8948,
                   .digests = true});
    all.push_back({.name = "4 KiB R2T, depth 128" + l, .bytes = 4096, .in_capsule = false, .legs = legs});
    all.push_back({.name = "128 KiB R2T, depth 7" + l,
                   .bytes = 131072,
                   .in_capsule = false,
                   .legs = legs,
                   .depth = 7,
                   .count = 14});
    all.push_back({.name = "128 KiB R2T, digests, cut at any byte" + l,
                   .bytes = 131072,
                   .in_capsule = false,
                   .legs = legs,
                   .depth = 7,
                   .piece = 8948,
                   .digests = true,
                   .count = 14});
  }
  return all;
}

struct Choice {
  std::string json, only;
  bool quick = false, stalls = false;
  bool wants(const std::string& name) const { return name.find(only) != std::string::npos; }
};

void latencies(Table& t, const Choice& choice) {
  Case one, two, r2t;
  two.legs = 2;
  r2t.bytes = 4096;
  r2t.in_capsule = false;
  const auto idle = [&](const std::string& name, const Case& c, double goal) {
    if (!choice.wants(name)) return;
    const Latency l = latency(c, 0, 20);
    t.row(name, l.last(), "clocks", goal, true, l.way, l.wrong);
  };
  idle("latency idle, 512 B in-capsule, 1 leg", one, 24);
  idle("latency idle, 512 B in-capsule, 2 legs, the later", two, 24);
  for (const Case& c : {one, two}) {
    const std::string name =
        std::string("jitter, 512 B in-capsule, one in 40 clocks, ") + (c.legs == 1 ? "1 leg" : "2 legs");
    if (!choice.wants(name)) continue;
    const Latency j = latency(c, 40, choice.quick ? 100 : 300);
    const unsigned later = j.most[0] > j.most[1] ? 0 : 1;
    t.row(name, j.spread(), "clocks", 8, true,
          "latency " + std::to_string(j.least[later]) + ".." + std::to_string(j.most[later]), j.wrong);
  }
  idle("latency idle, 4 KiB R2T through device memory", r2t, 0);
}

void speeds(Table& t, const Choice& choice) {
  const unsigned clocks = choice.quick ? 10000 : 40000;
  const std::string alone = "simulation speed, engine_top alone, queue full",
                    whole = "simulation speed, with hosts, legs, memory";
  if (choice.wants(alone) || choice.wants(whole)) {
    const Speed s = speed(clocks, 0);
    t.row(alone, s.model, "clocks/s", 100000, false, "CPU time of one thread");
    t.row(whole, s.whole, "clocks/s", 0, false);
  }
  for (const auto& [name, period] : {std::pair{"simulation speed, alone, a write in 100 clocks", 100u},
                                     std::pair{"simulation speed, alone, a write in 1,000 clocks", 1000u}})
    if (choice.wants(name)) t.row(name, speed(clocks, period).model, "clocks/s", 0, false);
}

int run(const Choice& choice) {
  std::printf("| %-52s | %-19s | %-10s | %-6s | %s |\n|---|---|---|---|---|\n", "engine RTL (engine_top)",
              "measured", "goal", "", "limit, notes");
  Table t;
  for (const Case& c : cases(choice.quick)) {
    if (!choice.wants(c.name)) continue;
    const Outcome o = throughput(c, choice.stalls);
    const double goal = c.bytes == 512 && c.in_capsule ? 13 : c.bytes == 4096 && c.in_capsule ? 85 : c.goal();
    t.row(c.name, o.value, "clocks", goal, true, o.limits, o.wrong);
  }
  latencies(t, choice);
  speeds(t, choice);
  if (t.json().empty()) {
    std::fprintf(stderr, "no row has '%s' in its name; without it all are listed\n", choice.only.c_str());
    return 2;
  }
  if (!choice.json.empty()) std::ofstream(choice.json) << t.json().dump(2) << "\n";
  std::printf("%u goals missed\n", t.missed());
  return t.wrong() ? 1 : 0;
}

}  // namespace
}  // namespace nvtee::cosim

int main(int argc, char** argv) {
  nvtee::cosim::Choice choice;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--quick") choice.quick = true;
    if (a == "--stalls") choice.stalls = true;
    if (a == "--only" && i + 1 < argc) choice.only = argv[++i];
    if (a == "--json" && i + 1 < argc) choice.json = argv[++i];
  }
  return nvtee::cosim::run(choice);
}
