#include "tools/nvtee-target/command_check.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace nvtee::target {
namespace {

namespace io = spec::io;
namespace st = spec::st;

constexpr Geometry kGeometry{1000, 12};
constexpr CommandLimits kLimits{128 * 1024};

nvmf::Sqe good(std::uint8_t opcode, bool in_capsule = false) {
  nvmf::Sqe q{};
  q.opcode = opcode;
  q.flags = spec::kPsdtSgl;
  q.nsid = 1;
  q.sgl.type = in_capsule ? spec::kSglDataOffset : spec::kSglTransport;
  switch (opcode) {
    case io::kRead:
    case io::kWrite:
    case io::kCompare:
      q.cdw12 = 1;
      q.sgl.length = 8192;
      break;
    case io::kDsm:
      q.sgl.length = 16;
      break;
    case io::kResvRegister:
    case io::kResvAcquire:
      q.sgl.length = 16;
      break;
    case io::kResvRelease:
      q.sgl.length = 8;
      break;
    case io::kResvReport:
      q.cdw10 = 1023;
      q.cdw11 = 1;
      q.sgl.length = 4096;
      break;
    default:
      break;
  }
  return q;
}

TEST(CommandCheck, GoodCommands) {
  const struct {
    std::uint8_t opcode;
    Flow flow;
    std::uint32_t length;
  } cases[] = {{io::kRead, Flow::kIn, 8192},        {io::kWrite, Flow::kOut, 8192},
               {io::kCompare, Flow::kOut, 8192},    {io::kFlush, Flow::kNone, 0},
               {io::kWriteZeroes, Flow::kNone, 0},  {io::kDsm, Flow::kOut, 16},
               {io::kResvRegister, Flow::kOut, 16}, {io::kResvAcquire, Flow::kOut, 16},
               {io::kResvRelease, Flow::kOut, 8},   {io::kResvReport, Flow::kIn, 4096}};
  for (const auto& c : cases) {
    EXPECT_TRUE(opcode_known(c.opcode));
    const CommandPlan p = check_command(good(c.opcode), 0, kGeometry, kLimits);
    EXPECT_EQ(p.status, st::kOk) << int{c.opcode};
    EXPECT_EQ(p.flow, c.flow) << int{c.opcode};
    EXPECT_EQ(p.length, c.length) << int{c.opcode};
    EXPECT_FALSE(p.in_capsule);
    if (c.flow != Flow::kOut) continue;
    const CommandPlan in = check_command(good(c.opcode, true), c.length, kGeometry, kLimits);
    EXPECT_EQ(in.status, st::kOk) << int{c.opcode};
    EXPECT_TRUE(in.in_capsule);
  }
  for (const std::uint8_t opcode :
       {io::kVerify, io::kCopy, io::kWriteUncorrectable, io::kCancel, spec::kOpFabrics})
    EXPECT_FALSE(opcode_known(opcode));
}

struct Bad {
  const char* what;
  std::uint8_t opcode;
  std::uint32_t in_capsule;
  std::function<void(nvmf::Sqe&)> spoil;
  spec::Status status;
};

TEST(CommandCheck, BadCommands) {
  const Bad cases[] = {
      {"fused", io::kWrite, 0, [](auto& q) { q.flags |= 1; }, st::kInvalidField},
      {"PRP", io::kRead, 0, [](auto& q) { q.flags = 0; }, st::kInvalidField},
      {"PSDT 10b", io::kRead, 0, [](auto& q) { q.flags = 0x80; }, st::kInvalidField},
      {"directive", io::kWrite, 0, [](auto& q) { q.cdw12 |= 1u << 20; }, st::kInvalidField},
      {"start beyond the end", io::kRead, 0, [](auto& q) { q.cdw10 = 1000; }, st::kLbaRange},
      {"end beyond the end", io::kWrite, 0, [](auto& q) { q.cdw10 = 999; }, st::kLbaRange},
      {"SLBA wraps", io::kRead, 0, [](auto& q) { q.cdw10 = q.cdw11 = ~0u; }, st::kLbaRange},
      {"zeroes beyond the end", io::kWriteZeroes, 0, [](auto& q) { q.cdw12 = 0xffff; }, st::kLbaRange},
      {"over MDTS", io::kRead, 0,
       [](auto& q) {
         q.cdw12 = 32;
         q.sgl.length = 33 * 4096;
       },
       st::kInvalidField},
      {"report over MDTS", io::kResvReport, 0,
       [](auto& q) {
         q.cdw10 = 0x7fffffff;
         q.sgl.length = 0;
       },
       st::kInvalidField},
      {"report wraps", io::kResvReport, 0, [](auto& q) { q.cdw10 = ~0u; }, st::kInvalidField},
      {"SGL short", io::kWrite, 0, [](auto& q) { q.sgl.length = 4096; }, st::kSglLength},
      {"SGL long", io::kRead, 0, [](auto& q) { q.sgl.length = 12288; }, st::kSglLength},
      {"SGL type", io::kRead, 0, [](auto& q) { q.sgl.type = 0x00; }, st::kSglType},
      {"in-capsule read", io::kRead, 0, [](auto& q) { q.sgl.type = spec::kSglDataOffset; }, st::kSglType},
      {"in-capsule offset", io::kWrite, 8192,
       [](auto& q) {
         q.sgl.type = spec::kSglDataOffset;
         q.sgl.address = 4;
       },
       st::kSglOffset},
      {"capsule shorter than said", io::kWrite, 4096, [](auto& q) { q.sgl.type = spec::kSglDataOffset; },
       st::kSglLength},
      {"capsule without data", io::kWrite, 0, [](auto& q) { q.sgl.type = spec::kSglDataOffset; },
       st::kSglLength},
      {"data with a transport SGL", io::kWrite, 8192, [](auto&) {}, st::kSglLength},
      {"data with Flush", io::kFlush, 512, [](auto&) {}, st::kSglLength},
      {"length with Flush", io::kFlush, 0, [](auto& q) { q.sgl.length = 512; }, st::kSglLength},
      {"DSM length", io::kDsm, 0, [](auto& q) { q.cdw10 = 1; }, st::kSglLength},
      {"report without EDS", io::kResvReport, 0, [](auto& q) { q.cdw11 = 0; }, st::kHostIdFormat},
  };
  for (const Bad& b : cases) {
    nvmf::Sqe q = good(b.opcode);
    b.spoil(q);
    EXPECT_EQ(check_command(q, b.in_capsule, kGeometry, kLimits).status, b.status) << b.what;
  }
}

// Linux sends 4 KiB whatever the number of ranges.
TEST(CommandCheck, DsmMayBringMoreThanItsRanges) {
  nvmf::Sqe q = good(io::kDsm);
  q.sgl.length = 4096;
  const CommandPlan solicited = check_command(q, 0, kGeometry, kLimits);
  EXPECT_EQ(solicited.status, st::kOk);
  EXPECT_EQ(solicited.length, 4096u);
  q.sgl.type = spec::kSglDataOffset;
  EXPECT_EQ(check_command(q, 4096, kGeometry, kLimits).status, st::kOk);
  EXPECT_EQ(check_command(q, 4080, kGeometry, kLimits).status, st::kSglLength) << "the capsule must hold it";
  q.sgl.length = kLimits.max_transfer + 16;
  EXPECT_EQ(check_command(q, 0, kGeometry, kLimits).status, st::kInvalidField);
}

TEST(CommandCheck, WholeNamespaceAndMdtsAreAllowed) {
  nvmf::Sqe q = good(io::kWriteZeroes);
  q.cdw12 = 999;
  EXPECT_EQ(check_command(q, 0, kGeometry, kLimits).status, st::kOk);
  q = good(io::kRead);
  q.cdw12 = 31;
  q.sgl.length = 128 * 1024;
  EXPECT_EQ(check_command(q, 0, kGeometry, kLimits).status, st::kOk);
}

}  // namespace
}  // namespace nvtee::target
