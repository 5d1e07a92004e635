#include "tools/nvtee-target/inject.hpp"

#include <gtest/gtest.h>

namespace nvtee::target {
namespace {

namespace io = spec::io;

FaultRule rule(const std::string& text) {
  auto r = parse_fault(text);
  EXPECT_TRUE(r) << text << ": " << (r ? "" : r.error().text());
  return r ? *r : FaultRule{};
}
FaultSubject subject(std::uint8_t opcode, std::uint64_t lba = 0, std::uint32_t blocks = 1,
                     std::uint32_t nsid = 1) {
  return {opcode, nsid, opcode != io::kFlush, lba, blocks, nullptr};
}

TEST(ParseFault, EveryFaultAndFilter) {
  FaultRule r =
      rule("latency=5ms,opcode=write,range=10-20,nsid=2,count=3,skip=1,every=4,at=answer,host=nqn.x");
  EXPECT_EQ(r.fault, Fault::kLatency);
  EXPECT_EQ(r.latency, 5 * kMillisecond);
  EXPECT_EQ(r.opcode, io::kWrite);
  EXPECT_EQ(r.first, 10u);
  EXPECT_EQ(r.last, 20u);
  EXPECT_EQ(r.nsid, 2u);
  EXPECT_EQ(r.count, 3u);
  EXPECT_EQ(r.skip, 1u);
  EXPECT_EQ(r.every, 4u);
  EXPECT_TRUE(r.at_answer);
  EXPECT_EQ(r.host, "nqn.x");
  r = rule("error=2/81,dnr,executed");
  EXPECT_EQ(r.status, spec::st::kReadError);
  EXPECT_TRUE(r.dnr && r.executed);
  EXPECT_EQ(r.count, 1u);
  EXPECT_EQ(rule("misplace-write=-8").offset, -8);
  EXPECT_EQ(rule("bitflip=100,opcode=read").bit, 100u);
  EXPECT_EQ(rule("stall").count, 0u);
}

TEST(ParseFault, TextIsReadBackTheSame) {
  for (const char* text :
       {"latency=5000us,at=answer,opcode=write,nsid=2,range=1-2,host=nqn.x,skip=1,every=2,count=0",
        "error=2/81,dnr,executed,count=1", "stall,count=0", "lose-write,count=1", "misplace-write=-3,count=1",
        "bitflip=7,opcode=read,count=4"}) {
    EXPECT_EQ(fault_text(rule(text)), text);
  }
}

TEST(ParseFault, RefusesWhatItDoesNotUnderstand) {
  for (const char* text : {"",
                           "thunder",
                           "latency",
                           "latency=5",
                           "latency=5h",
                           "latency=601s",
                           "latency=99999999999999999999s",
                           "error=8/00",
                           "error=0/00",
                           "error=2/181",
                           "error=2",
                           "lose-write=1",
                           "misplace-write=0",
                           "misplace-write=x",
                           "bitflip=-1",
                           "stall=1",
                           "latency=1ms,opcode=format",
                           "latency=1ms,range=5-4",
                           "latency=1ms,range=-",
                           "latency=1ms,every=0",
                           "latency=1ms,at=noon",
                           "latency=1ms,dnr=1",
                           "latency=1ms,",
                           "latency=1ms,host=",
                           "latency=1ms,count=-1"}) {
    const auto r = parse_fault(text);
    EXPECT_FALSE(r) << text;
    if (!r) EXPECT_FALSE(r.error().what.empty());
  }
}

TEST(Injector, CountSkipEvery) {
  Injector in;
  ASSERT_TRUE(in.add(rule("error=2/80,opcode=write,skip=2,every=3,count=2")));
  std::string hits;
  for (int i = 0; i < 12; ++i) hits += in.judge(subject(io::kWrite)).error ? 'x' : '.';
  EXPECT_EQ(hits, "..x..x......");
  EXPECT_FALSE(in.active());  // spent
}

TEST(Injector, FiltersByOpcodeRangeNamespaceHost) {
  Injector in;
  const std::string a = "nqn.a", b = "nqn.b";
  ASSERT_TRUE(in.add(rule("error=2/80,range=100-199,nsid=2,host=nqn.a,count=0")));
  const auto hit = [&](std::uint8_t op, std::uint64_t lba, std::uint32_t n, std::uint32_t nsid,
                       const std::string* host) {
    return in.judge({op, nsid, op != io::kFlush, lba, n, host}).error;
  };
  EXPECT_TRUE(hit(io::kRead, 199, 5, 2, &a));
  EXPECT_TRUE(hit(io::kRead, 90, 11, 2, &a));
  EXPECT_FALSE(hit(io::kRead, 90, 10, 2, &a));
  EXPECT_FALSE(hit(io::kRead, 200, 1, 2, &a));
  EXPECT_FALSE(hit(io::kRead, 150, 1, 1, &a));
  EXPECT_FALSE(hit(io::kRead, 150, 1, 2, &b));
  EXPECT_FALSE(hit(io::kFlush, 0, 0, 2, &a));  // has no range
}

TEST(Injector, WriteFaultsHitOnlyWrites) {
  Injector in;
  ASSERT_TRUE(in.add(rule("lose-write,count=0")));
  ASSERT_TRUE(in.add(rule("misplace-write=4,count=0")));
  ASSERT_TRUE(in.add(rule("bitflip,count=0")));
  EXPECT_FALSE(in.judge(subject(io::kRead)).lose);
  EXPECT_TRUE(in.judge(subject(io::kRead)).flip);
  EXPECT_FALSE(in.judge(subject(io::kFlush)).hit);
  const Verdict v = in.judge(subject(io::kWrite));
  EXPECT_TRUE(v.lose && v.flip);
  EXPECT_EQ(v.misplace, 4);
}

TEST(Injector, LatenciesAddAndFirstErrorWins) {
  Injector in;
  ASSERT_TRUE(in.add(rule("latency=1ms")));
  ASSERT_TRUE(in.add(rule("latency=2ms")));
  ASSERT_TRUE(in.add(rule("latency=4ms,at=answer")));
  ASSERT_TRUE(in.add(rule("error=2/80,count=0")));
  ASSERT_TRUE(in.add(rule("error=2/81,count=0")));
  const Verdict v = in.judge(subject(io::kRead));
  EXPECT_EQ(v.start_delay, 3 * kMillisecond);
  EXPECT_EQ(v.answer_delay, 4 * kMillisecond);
  EXPECT_EQ(v.status, spec::st::kWriteFault);
}

TEST(Injector, BoundedAndRemovable) {
  Injector in;
  for (std::size_t i = 0; i < Injector::kMaxRules; ++i) ASSERT_TRUE(in.add(rule("stall")));
  EXPECT_FALSE(in.add(rule("stall")));
  EXPECT_TRUE(in.remove(3));
  EXPECT_FALSE(in.remove(3));
  ASSERT_TRUE(in.add(rule("lose-write")));
  in.clear(Fault::kStall);
  EXPECT_EQ(in.rules().size(), 1u);
  in.clear();
  EXPECT_FALSE(in.active());
}

}  // namespace
}  // namespace nvtee::target
