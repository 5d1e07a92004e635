// engine_mutants LIST [--seed N]: runs the engine's RTL with each planted bug (mutate.cpp) through the
// stories of the engine's tests; every bug must make one of them fail. Prints a table row a bug. Exit 1: one
// was not noticed, or the RTL without any fails.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "hw/kernels/engine/test_engine.hpp"
#include "sim/cosim/engine/rtl_card.hpp"

namespace nvtee::cosim {
namespace {

using card::CardEvent;
using card::test::EngineWorld;

constexpr unsigned kSettle = 40000;  // clocks: many times what a right engine needs here

EngineWorld::Options options(unsigned legs) {
  EngineWorld::Options o;
  o.legs = legs;
  o.hosts = 4;
  o.tcp.piece = 1500;
  o.tcp.space = 60000;
  o.memory.latency = 100;
  o.memory.stall = 5;
  return o;
}

bool wrong(EngineWorld& w) {
  const bool answered = w.settle(kSettle);
  w.compare();
  return !answered || !w.fault.empty() || testing::UnitTest::GetInstance()->Failed();
}

// Writes of all kinds, reads, flushes; nothing goes wrong, so nothing may be told.
bool mixes(std::uint64_t seed) {
  EngineWorld w(seed, options(3));
  w.run(9000);
  return wrong(w) || !w.card_events.empty();
}
// A host in the middle of its commands goes and comes back; counters say what was sent.
bool host_goes(std::uint64_t seed) {
  EngineWorld w(seed, options(2));
  for (unsigned round = 0; round < 3 && w.fault.empty(); ++round) {
    w.run(1500);
    card::test::TestHost& h = w.hosts[round];
    for (const auto& [cid, c] : h.open) w.forget(c.block, c.count);
    w.close_host(h);
    if (testing::UnitTest::GetInstance()->Failed()) return true;
    w.card_events.clear();
    w.tee_events.clear();
    h.gone = false;
    w.open_host(h);
  }
  return wrong(w);
}
bool leg_goes(std::uint64_t seed) {
  EngineWorld w(seed, options(3));
  w.run(3000);
  card::test::TestLeg& lost = w.legs[1];
  lost.dead = true;
  w.run(1000);
  w.drop_leg(lost);
  w.run(2000);
  return wrong(w);
}
// A header with a wrong digest, then one of no known type: the session is told, and nobody else.
bool bad_header(std::uint64_t seed) {
  EngineWorld w(seed, options(2));
  card::test::TestHost* bad = nullptr;
  for (card::test::TestHost& h : w.hosts)
    if (h.digests.header) bad = &h;
  if (bad == nullptr) bad = &w.hosts[0];
  w.run(1500);
  bad->hostile = true;
  nvmf::CapsuleCmd cmd{};
  cmd.head.type = bad->digests.header ? spec::pdu::kCapsuleCmd : 0x77;
  cmd.sqe.nsid = card::test::kNsid + 1;
  cmd.sqe.flags = spec::kPsdtSgl;
  card::test::ByteVec bytes = card::test::make_pdu(cmd, {}, bad->digests);
  if (bad->digests.header) bytes[20] ^= 4;
  w.tcp[bad->port].arrive(bad->session, bytes);
  const bool told = w.wait_event(
      [&] {
        for (const CardEvent& e : w.card_events)
          if (e.kind == CardEvent::kSessionError && e.port == bad->port && e.session == bad->session)
            return true;
        return false;
      },
      20000);
  for (const auto& [cid, c] : bad->open) w.forget(c.block, c.count);
  w.close_host(*bad);
  return !told || wrong(w);
}

struct Story {
  const char* name;
  bool (*fails)(std::uint64_t seed);
};
constexpr Story kStories[] = {
    {"mixes", mixes}, {"a host goes", host_goes}, {"a leg goes", leg_goes}, {"a bad header", bad_header}};

// In a child: asserts may end it, a bug may make it run long.
std::string noticed_by(unsigned mutant, std::uint64_t seed) {
  for (const Story& story : kStories) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(300);
      if (!std::freopen("/dev/null", "w", stdout) || !std::freopen("/dev/null", "w", stderr)) std::abort();
      RtlCard::planted = mutant;
      _exit(story.fails(seed) ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
      return std::string(story.name) + (WTERMSIG(status) == SIGALRM ? " (hangs)" : " (assert)");
    if (WEXITSTATUS(status) != 0) return story.name;
  }
  return "";
}

int run(const std::string& path, std::uint64_t seed) {
  const std::string clean = noticed_by(0, seed);
  if (!clean.empty()) {
    std::printf("engine without a planted bug, seed %llu: fails in \"%s\"\n",
                static_cast<unsigned long long>(seed), clean.c_str());
    return 1;
  }
  std::ifstream list(path);
  unsigned planted = 0, missed = 0;
  for (std::string line; std::getline(list, line);) {
    std::vector<std::string> f;
    std::istringstream in(line);
    for (std::string x; std::getline(in, x, '\t');) f.push_back(x);
    if (f.size() < 5) continue;
    const std::string by = noticed_by(static_cast<unsigned>(std::stoul(f[0])), seed);
    ++planted;
    missed += by.empty() ? 1 : 0;
    std::printf("| %s | %s | %s | %s | %s |\n", f[1].c_str(), f[2].c_str(), f[3].c_str(), f[4].c_str(),
                by.empty() ? "NOT CAUGHT" : ("engine: " + by).c_str());
    std::fflush(stdout);
  }
  std::printf("engine: %u of %u planted bugs caught, seed %llu\n", planted - missed, planted,
              static_cast<unsigned long long>(seed));
  return planted == 0 || missed != 0 ? 1 : 0;
}

}  // namespace
}  // namespace nvtee::cosim

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::string list;
  std::uint64_t seed = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 0);
    } else {
      list = a;
    }
  }
  return nvtee::cosim::run(list, seed);
}
