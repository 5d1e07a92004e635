#include "tools/nvtee-target/reservation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace nvtee::target {
namespace {

namespace io = spec::io;
namespace st = spec::st;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

HostId host(std::uint8_t n) {
  HostId h{};
  h[0] = n;
  return h;
}
const HostId A = host(1), B = host(2), C = host(3), D = host(4);

ReservationRequest reg(const HostId& h, std::uint64_t crkey, std::uint64_t nrkey, std::uint8_t action = 0,
                       bool iekey = false, std::uint8_t cptpl = 0) {
  return {ReservationCommand::kRegister, h, action, iekey, cptpl, 0, crkey, nrkey};
}
ReservationRequest acq(const HostId& h, std::uint64_t crkey, std::uint8_t type, std::uint8_t action = 0,
                       std::uint64_t prkey = 0) {
  return {ReservationCommand::kAcquire, h, action, false, 0, type, crkey, prkey};
}
ReservationRequest rel(const HostId& h, std::uint64_t crkey, std::uint8_t type, std::uint8_t action = 0) {
  return {ReservationCommand::kRelease, h, action, false, 0, type, crkey, 0};
}
constexpr std::uint8_t kUnregister = 1, kReplace = 2, kPreempt = 1, kAbort = 2, kClear = 1;

// A, B and C registered with keys 10, 20, 30; `type` held by A (types 5, 6: by all).
ReservationState three(std::uint8_t type) {
  ReservationState s;
  EXPECT_EQ(execute(s, reg(A, 0, 10)).status, st::kOk);
  EXPECT_EQ(execute(s, reg(B, 0, 20)).status, st::kOk);
  EXPECT_EQ(execute(s, reg(C, 0, 30)).status, st::kOk);
  if (type != 0) EXPECT_EQ(execute(s, acq(A, 10, type)).status, st::kOk);
  return s;
}

// A refused command must not change anything.
spec::Status refused(ReservationState& s, const ReservationRequest& r) {
  const ReservationState before = s;
  const ReservationOutcome o = execute(s, r);
  EXPECT_NE(o.status, st::kOk);
  EXPECT_TRUE(s == before);
  EXPECT_FALSE(o.changed);
  EXPECT_THAT(o.notices, IsEmpty());
  return o.status;
}

// ---- the access matrix, row by row of nvme-facts E4 ----

struct Access {
  std::uint8_t type;
  // holder, other registrant, not registered
  bool read[3];
  bool write[3];
};
constexpr Access kMatrix[] = {
    {0, {true, true, true}, {true, true, true}},     {1, {true, true, true}, {true, false, false}},
    {2, {true, false, false}, {true, false, false}}, {3, {true, true, true}, {true, true, false}},
    {4, {true, true, false}, {true, true, false}},   {5, {true, true, true}, {true, true, false}},
    {6, {true, true, false}, {true, true, false}},
};
class Matrix : public testing::TestWithParam<Access> {};

TEST_P(Matrix, EveryOpcodeForEveryHost) {
  const Access& row = GetParam();
  const ReservationState s = three(row.type);
  const HostId who[3] = {A, B, D};
  for (int i = 0; i < 3; ++i) {
    for (const auto op : {io::kRead, io::kCompare, io::kVerify})
      EXPECT_EQ(access_allowed(s, who[i], access_group(op)), row.read[i]) << int{op} << " host " << i;
    for (const auto op :
         {io::kWrite, io::kWriteZeroes, io::kWriteUncorrectable, io::kDsm, io::kFlush, io::kCopy})
      EXPECT_EQ(access_allowed(s, who[i], access_group(op)), row.write[i]) << int{op} << " host " << i;
    for (const auto op : {io::kResvRegister, io::kResvReport, io::kResvAcquire, io::kResvRelease})
      EXPECT_TRUE(access_allowed(s, who[i], access_group(op)));  // they decide for themselves
  }
}
INSTANTIATE_TEST_SUITE_P(Types, Matrix, testing::ValuesIn(kMatrix),
                         [](const auto& p) { return "type" + std::to_string(p.param.type); });

class EachType : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(Types, EachType, testing::Values(1, 2, 3, 4, 5, 6));

// Rows "Acquire" and "Preempt, Release, Clear" for who does not hold.
TEST_P(EachType, ReservationCommandsOfOthers) {
  const std::uint8_t type = GetParam();
  const bool all = type >= 5;
  for (std::uint8_t wanted = 1; wanted <= 6; ++wanted) {
    ReservationState s = three(type);
    // In 5 and 6 every registrant holds: asking for what it has is a success.
    const ReservationRequest r = acq(B, 20, wanted);
    if (all && wanted == type)
      EXPECT_EQ(execute(s, r).status, st::kOk);
    else
      EXPECT_EQ(refused(s, r), st::kReservationConflict);
  }
  ReservationState s = three(type);
  EXPECT_EQ(refused(s, acq(D, 0, type)), st::kReservationConflict);
  EXPECT_EQ(refused(s, acq(D, 0, type, kPreempt, 10)), st::kReservationConflict);
  EXPECT_EQ(refused(s, acq(D, 0, type, kAbort, 10)), st::kReservationConflict);
  EXPECT_EQ(refused(s, rel(D, 0, type)), st::kReservationConflict);
  EXPECT_EQ(refused(s, rel(D, 0, type, kClear)), st::kReservationConflict);
  EXPECT_EQ(refused(s, rel(B, 21, type)), st::kReservationConflict);  // wrong key
  EXPECT_EQ(execute(s, reg(D, 0, 40)).status, st::kOk);               // Register is always allowed
}

TEST_P(EachType, HolderAcquiresAgain) {
  for (std::uint8_t wanted = 1; wanted <= 6; ++wanted) {
    ReservationState s = three(GetParam());
    const ReservationState before = s;
    if (wanted == GetParam()) {
      const ReservationOutcome o = execute(s, acq(A, 10, wanted));
      EXPECT_EQ(o.status, st::kOk);
      EXPECT_FALSE(o.changed);
      EXPECT_TRUE(s == before);
    } else {
      EXPECT_EQ(refused(s, acq(A, 10, wanted)), st::kReservationConflict);
    }
  }
}

TEST_P(EachType, ReleaseByHolder) {
  const std::uint8_t type = GetParam();
  ReservationState s = three(type);
  EXPECT_EQ(refused(s, rel(A, 10, type == 1 ? 2 : 1)), st::kInvalidField);  // wrong type
  const std::uint32_t generation = s.generation;
  const ReservationOutcome o = execute(s, rel(A, 10, type));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_EQ(s.type, 0);
  EXPECT_EQ(s.registrants.size(), 3u);
  EXPECT_EQ(s.generation, generation);  // Release does not count
  if (type <= 2)
    EXPECT_THAT(o.notices, IsEmpty());
  else
    EXPECT_THAT(o.notices, UnorderedElementsAre(NoticeTo{B, Notice::kReservationReleased},
                                                NoticeTo{C, Notice::kReservationReleased}));
}

TEST_P(EachType, ReleaseByAnotherRegistrantDoesNothing) {
  ReservationState s = three(GetParam());
  const ReservationOutcome o = execute(s, rel(B, 20, GetParam()));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_EQ(s.type, GetParam() >= 5 ? 0 : GetParam());  // in 5 and 6 it is a holder
  ReservationState none = three(0);
  EXPECT_EQ(execute(none, rel(B, 20, GetParam())).status, st::kOk);
}

TEST_P(EachType, ClearDropsAll) {
  ReservationState s = three(GetParam());
  const std::uint32_t generation = s.generation;
  const ReservationOutcome o = execute(s, rel(B, 20, 0, kClear));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_EQ(s.type, 0);
  EXPECT_THAT(s.registrants, IsEmpty());
  EXPECT_EQ(s.generation, generation + 1);
  EXPECT_THAT(o.notices, UnorderedElementsAre(NoticeTo{A, Notice::kReservationPreempted},
                                              NoticeTo{C, Notice::kReservationPreempted}));
}

TEST_P(EachType, UnregisterOfHolder) {
  const std::uint8_t type = GetParam();
  ReservationState s = three(type);
  const ReservationOutcome o = execute(s, reg(A, 10, 0, kUnregister));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_EQ(s.type, type >= 5 ? type : 0);
  EXPECT_EQ(s.find(A), nullptr);
  if (type == 3 || type == 4)
    EXPECT_THAT(o.notices, UnorderedElementsAre(NoticeTo{B, Notice::kReservationReleased},
                                                NoticeTo{C, Notice::kReservationReleased}));
  else
    EXPECT_THAT(o.notices, IsEmpty());
  // Unregistering another one leaves the reservation.
  ReservationState t = three(type);
  EXPECT_EQ(execute(t, reg(B, 20, 0, kUnregister)).status, st::kOk);
  EXPECT_EQ(t.type, type);
  // Types 5 and 6 end with the last registrant.
  EXPECT_EQ(execute(s, reg(B, 20, 0, kUnregister)).status, st::kOk);
  EXPECT_EQ(s.type, type >= 5 ? type : 0);
  EXPECT_EQ(execute(s, reg(C, 30, 0, kUnregister)).status, st::kOk);
  EXPECT_EQ(s.type, 0);
}

// ---- Register ----

TEST(Register, KeysAndConflicts) {
  ReservationState s;
  EXPECT_EQ(execute(s, reg(A, 99, 10)).status, st::kOk);  // CRKEY is ignored
  EXPECT_EQ(s.generation, 1u);
  EXPECT_EQ(execute(s, reg(A, 0, 10)).status, st::kOk);  // the same key again
  EXPECT_EQ(s.registrants.size(), 1u);
  EXPECT_EQ(s.generation, 2u);
  EXPECT_EQ(refused(s, reg(A, 10, 11)), st::kReservationConflict);
  EXPECT_EQ(refused(s, reg(A, 10, 11, 0, true)), st::kReservationConflict);  // IEKEY is ignored for RREGA 0
  EXPECT_EQ(execute(s, reg(B, 0, 10)).status, st::kOk);                      // equal keys of two hosts
  EXPECT_EQ(s.registrants.size(), 2u);
}

TEST(Register, Replace) {
  ReservationState s = three(1);
  EXPECT_EQ(refused(s, reg(A, 11, 12, kReplace)), st::kReservationConflict);
  EXPECT_EQ(execute(s, reg(A, 10, 12, kReplace)).status, st::kOk);
  EXPECT_EQ(s.find(A)->key, 12u);
  EXPECT_TRUE(s.holds(A));
  EXPECT_EQ(execute(s, reg(A, 0, 13, kReplace, true)).status, st::kOk);
  EXPECT_EQ(s.find(A)->key, 13u);
  EXPECT_EQ(refused(s, reg(D, 0, 40, kReplace)), st::kReservationConflict);
  EXPECT_EQ(execute(s, reg(D, 0, 40, kReplace, true)).status, st::kOk);  // registers
  EXPECT_EQ(s.find(D)->key, 40u);
}

TEST(Register, Unregister) {
  ReservationState s = three(0);
  EXPECT_EQ(refused(s, reg(A, 11, 0, kUnregister)), st::kReservationConflict);
  EXPECT_EQ(refused(s, reg(D, 0, 0, kUnregister)), st::kReservationConflict);
  EXPECT_EQ(refused(s, reg(D, 0, 0, kUnregister, true)), st::kReservationConflict);
  EXPECT_EQ(execute(s, reg(A, 11, 0, kUnregister, true)).status, st::kOk);
  EXPECT_EQ(s.find(A), nullptr);
}

TEST(Register, ReservedFieldsAndPtpl) {
  ReservationState s;
  EXPECT_EQ(refused(s, reg(A, 0, 1, 3)), st::kInvalidField);
  EXPECT_EQ(refused(s, reg(A, 0, 1, 7)), st::kInvalidField);
  EXPECT_EQ(refused(s, reg(A, 0, 1, 0, false, 1)), st::kInvalidField);
  EXPECT_EQ(execute(s, reg(A, 0, 1, 0, false, 3)).status, st::kOk);
  EXPECT_TRUE(s.ptpl);
  EXPECT_EQ(execute(s, reg(A, 0, 1)).status, st::kOk);
  EXPECT_TRUE(s.ptpl);
  EXPECT_EQ(refused(s, reg(A, 0, 2, 0, false, 2)), st::kReservationConflict);
  EXPECT_TRUE(s.ptpl);  // a refused command does not
  EXPECT_EQ(execute(s, reg(A, 0, 1, 0, false, 2)).status, st::kOk);
  EXPECT_FALSE(s.ptpl);
}

TEST(Register, BoundAndGenerationWrap) {
  ReservationState s;
  for (std::size_t i = 0; i < kMaxRegistrants; ++i) {
    HostId h{};
    std::memcpy(h.data(), &i, sizeof i);
    h[15] = 1;
    s.registrants.push_back({h, i});
  }
  EXPECT_EQ(refused(s, reg(A, 0, 1)), st::kInternal);
  ReservationState w;
  w.generation = ~0u;
  EXPECT_EQ(execute(w, reg(A, 0, 1)).status, st::kOk);
  EXPECT_EQ(w.generation, 0u);
}

// ---- Acquire ----

TEST(Acquire, BadFields) {
  ReservationState s = three(0);
  EXPECT_EQ(refused(s, acq(A, 10, 0)), st::kInvalidField);
  EXPECT_EQ(refused(s, acq(A, 10, 7)), st::kInvalidField);
  EXPECT_EQ(refused(s, acq(A, 10, 1, 3)), st::kInvalidField);
  auto r = acq(A, 10, 1);
  r.ignore_key = true;
  EXPECT_EQ(refused(s, r), st::kInvalidField);
  auto q = rel(A, 10, 1);
  q.ignore_key = true;
  EXPECT_EQ(refused(s, q), st::kInvalidField);
  EXPECT_EQ(refused(s, rel(A, 10, 0)), st::kInvalidField);
  EXPECT_EQ(refused(s, rel(A, 10, 7)), st::kInvalidField);
  EXPECT_EQ(refused(s, rel(A, 10, 1, 2)), st::kInvalidField);
  EXPECT_EQ(refused(s, acq(A, 11, 1)), st::kReservationConflict);
}

TEST(Acquire, DoesNotCount) {
  ReservationState s = three(0);
  const std::uint32_t before = s.generation;
  EXPECT_EQ(execute(s, acq(B, 20, 2)).status, st::kOk);
  EXPECT_EQ(s.generation, before);
  EXPECT_TRUE(s.holds(B));
  EXPECT_FALSE(s.holds(A));
}

// ---- Preempt, row by row ----

TEST(Preempt, WithoutReservationOnlyRegistrationsGo) {
  ReservationState s = three(0);
  const std::uint32_t generation = s.generation;
  const ReservationOutcome o = execute(s, acq(A, 10, 1, kPreempt, 20));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_EQ(s.type, 0);
  EXPECT_EQ(s.find(B), nullptr);
  EXPECT_EQ(s.generation, generation + 1);
  EXPECT_FALSE(o.abort);
  EXPECT_THAT(o.notices, ElementsAre(NoticeTo{B, Notice::kRegistrationPreempted}));
  EXPECT_THAT(o.victims, ElementsAre(B));
  EXPECT_EQ(refused(s, acq(A, 10, 1, kPreempt, 77)), st::kReservationConflict);
}

class PreemptSingle : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(Types, PreemptSingle, testing::Values(1, 2, 3, 4));

TEST_P(PreemptSingle, HoldersKeyTakesTheReservation) {
  ReservationState s = three(GetParam());
  ASSERT_EQ(execute(s, reg(D, 0, 10)).status, st::kOk);  // D shares the holder's key
  const ReservationOutcome o = execute(s, acq(B, 20, GetParam(), kAbort, 10));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_TRUE(s.holds(B));
  EXPECT_EQ(s.type, GetParam());
  EXPECT_EQ(s.find(A), nullptr);
  EXPECT_EQ(s.find(D), nullptr);
  EXPECT_NE(s.find(C), nullptr);
  EXPECT_TRUE(o.abort);
  EXPECT_THAT(o.victims, UnorderedElementsAre(A, D));
  EXPECT_THAT(o.notices, UnorderedElementsAre(NoticeTo{A, Notice::kRegistrationPreempted},
                                              NoticeTo{D, Notice::kRegistrationPreempted}));
}

TEST_P(PreemptSingle, ChangedTypeIsToldToThoseWhoStay) {
  ReservationState s = three(GetParam());
  const std::uint8_t other = GetParam() == 4 ? 1 : 4;
  const ReservationOutcome o = execute(s, acq(B, 20, other, kPreempt, 10));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_EQ(s.type, other);
  EXPECT_THAT(o.notices, UnorderedElementsAre(NoticeTo{A, Notice::kRegistrationPreempted},
                                              NoticeTo{C, Notice::kReservationReleased}));
}

TEST_P(PreemptSingle, SelfPreemptKeepsTheRegistration) {
  ReservationState s = three(GetParam());
  const std::uint8_t other = GetParam() == 4 ? 1 : 4;
  const ReservationOutcome o = execute(s, acq(A, 10, other, kPreempt, 10));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_TRUE(s.holds(A));
  EXPECT_EQ(s.type, other);
  EXPECT_EQ(s.registrants.size(), 3u);
  EXPECT_THAT(o.victims, IsEmpty());
}

TEST_P(PreemptSingle, OtherKeyOnlyUnregisters) {
  ReservationState s = three(GetParam());
  const ReservationOutcome o = execute(s, acq(B, 20, 1, kPreempt, 30));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_TRUE(s.holds(A));
  EXPECT_EQ(s.type, GetParam());
  EXPECT_EQ(s.find(C), nullptr);
  EXPECT_THAT(o.victims, ElementsAre(C));
  EXPECT_EQ(refused(s, acq(B, 20, 1, kPreempt, 77)), st::kReservationConflict);
}

TEST_P(PreemptSingle, KeyZero) {
  ReservationState s = three(GetParam());
  EXPECT_EQ(refused(s, acq(B, 20, 1, kPreempt, 0)), st::kInvalidField);
  // Zero is a key like any other when the holder has it.
  ReservationState z;
  ASSERT_EQ(execute(z, reg(A, 0, 0)).status, st::kOk);
  ASSERT_EQ(execute(z, reg(B, 0, 20)).status, st::kOk);
  ASSERT_EQ(execute(z, acq(A, 0, GetParam())).status, st::kOk);
  EXPECT_EQ(execute(z, acq(B, 20, GetParam(), kPreempt, 0)).status, st::kOk);
  EXPECT_TRUE(z.holds(B));
}

class PreemptAll : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(Types, PreemptAll, testing::Values(5, 6));

TEST_P(PreemptAll, KeyZeroTakesOverFromEverybody) {
  ReservationState s = three(GetParam());
  const ReservationOutcome o = execute(s, acq(B, 20, 2, kAbort, 0));
  EXPECT_EQ(o.status, st::kOk);
  EXPECT_EQ(s.type, 2);
  EXPECT_TRUE(s.holds(B));
  EXPECT_EQ(s.registrants.size(), 1u);
  EXPECT_THAT(o.victims, UnorderedElementsAre(A, C));
  EXPECT_THAT(o.notices, UnorderedElementsAre(NoticeTo{A, Notice::kRegistrationPreempted},
                                              NoticeTo{C, Notice::kRegistrationPreempted}));
}

TEST_P(PreemptAll, OtherKeyUnregistersMatches) {
  ReservationState s = three(GetParam());
  EXPECT_EQ(refused(s, acq(B, 20, 2, kPreempt, 77)), st::kReservationConflict);
  EXPECT_EQ(execute(s, acq(B, 20, 2, kPreempt, 10)).status, st::kOk);
  EXPECT_EQ(s.find(A), nullptr);
  EXPECT_EQ(s.type, GetParam());
  // The last registrant preempting itself ends it.
  EXPECT_EQ(execute(s, acq(B, 20, 2, kPreempt, 30)).status, st::kOk);
  EXPECT_EQ(execute(s, acq(B, 20, 2, kPreempt, 20)).status, st::kOk);
  EXPECT_EQ(s.type, 0);
  EXPECT_THAT(s.registrants, IsEmpty());
}

// ---- parsing and report ----

TEST(Parse, FieldsOfCdw10AndData) {
  std::array<std::uint64_t, 2> keys{0x1122334455667788, 0x99};
  const auto bytes = std::as_bytes(std::span(keys));
  ReservationRequest r = parse_reservation(io::kResvRegister, 0xc000000au, A, bytes);
  EXPECT_EQ(r.command, ReservationCommand::kRegister);
  EXPECT_EQ(r.action, 2);
  EXPECT_TRUE(r.ignore_key);
  EXPECT_EQ(r.cptpl, 3);
  EXPECT_EQ(r.current_key, keys[0]);
  EXPECT_EQ(r.other_key, keys[1]);
  r = parse_reservation(io::kResvAcquire, 0x0601, B, bytes);
  EXPECT_EQ(r.action, 1);
  EXPECT_EQ(r.type, 6);
  EXPECT_EQ(r.cptpl, 0);
  r = parse_reservation(io::kResvRelease, 0x0300, B, bytes.first(8));
  EXPECT_EQ(r.type, 3);
  EXPECT_EQ(r.current_key, keys[0]);
  EXPECT_EQ(r.other_key, 0u);
}

TEST(Report, HeaderAndOneEntryForEachController) {
  ReservationState s = three(3);
  s.ptpl = true;
  s.generation = 0x01020304;
  const ControllerOfHost controllers[] = {{A, 7}, {A, 9}, {B, 8}, {D, 5}};
  const auto r = reservation_report(s, controllers);
  ASSERT_EQ(r.size(), 64u + 4 * 64);
  const auto u8 = [&](std::size_t at) { return std::to_integer<unsigned>(r[at]); };
  const auto u16 = [&](std::size_t at) { return u8(at) | u8(at + 1) << 8; };
  EXPECT_EQ(u8(0), 4u);
  EXPECT_EQ(u8(3), 1u);
  EXPECT_EQ(u8(4), 3u);
  EXPECT_EQ(u16(5), 4u);
  EXPECT_EQ(u8(9), 1u);
  const unsigned cntlid[4] = {7, 9, 8, 0xffff}, holder[4] = {1, 1, 0, 0}, key[4] = {10, 10, 20, 30},
                 id[4] = {1, 1, 2, 3};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t at = 64 + i * 64;
    EXPECT_EQ(u16(at), cntlid[i]);
    EXPECT_EQ(u8(at + 2), holder[i]);
    EXPECT_EQ(u8(at + 8), key[i]);
    EXPECT_EQ(u8(at + 16), id[i]);
  }
}

}  // namespace
}  // namespace nvtee::target
