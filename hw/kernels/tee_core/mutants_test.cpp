// Planted bugs: the random world must catch each of them.
#include <gtest/gtest.h>

#include <iostream>

#include "hw/kernels/tee_core/test_rig.hpp"
#include "hw/kernels/tee_core/test_world.hpp"

namespace nvtee::tee::test {
namespace {

constexpr uint64_t kSeeds = 400;

// Some bugs need a story that random worlds hardly ever tell. Each returns whether all was well.
struct Story : Rig<MutantConfig> {
  Story() {
    set_up(2);
    set_region(0, Ctl::kOpen);
    events.clear();
  }
};
bool late_answer_is_dropped() {
  Story s;
  s.write(1, 1, 0, 1);
  const LegTx a = s.next_tx(), b = s.next_tx();
  s.answer(a);
  s.set_leg(1, Ctl::kLegInSync, 2);
  s.answer(b);  // of the old incarnation
  return s.out.empty();
}
bool nothing_done_is_no_success() {
  Story s;
  s.write(1, 1, 0, 1);
  s.set_leg(2, Ctl::kLegInSync, 1);
  for (unsigned leg = 0; leg < 2; ++leg) {
    s.set_leg(leg, Ctl::kLegOff, 2);
    s.sweep(leg, Ctl::kDrop);
  }
  return s.out.empty();
}
bool close_frees_what_is_parked() {
  Story s;
  s.write(1, 1, 16, 1);
  s.close_queue(1);
  return s.core().slots_used() == 0;
}
bool old_answers_do_not_count() {
  Story s;
  s.write(1, 1, 0, 1);
  const LegTx a = s.next_tx();
  s.answer(a);
  s.set_leg(a.leg.to_uint(), Ctl::kLegInSync, 2);
  s.sweep(a.leg.to_uint(), Ctl::kReissue);
  return s.tx.size() == 2 && s.out.empty();
}
bool failed_writes_are_not_seen() {
  Story s;
  s.write(1, 1, 0, 1);
  s.put(command(1, 2, spec::io::kRead, 0, 1));
  s.answer(s.next_tx());
  s.next_tx();
  s.sweep(1, Ctl::kFail);
  return s.tx.empty();
}
bool failed_writes_are_repaired() {
  Rig<MutantConfig> s;
  s.set_up(3);
  s.set_region(0, Ctl::kOpen);
  s.events.clear();
  s.write(1, 1, 0, 1);
  s.answer(s.next_tx());
  s.answer(s.next_tx(), spec::st::kLbaRange);
  s.next_tx();
  s.sweep(2, Ctl::kFail);  // the third leg was lost
  if (s.tx.size() != 1 || !s.out.empty()) return false;
  s.answer(s.next_tx());
  return s.out.size() == 1 && s.out.front().status == spec::st::kPathInternal;
}
struct Told {
  unsigned mutant;
  bool (*story)();
};
constexpr Told kTold[] = {{Mutant::kOldIncarnation, late_answer_is_dropped},
                          {Mutant::kNoLegSucceeds, nothing_done_is_no_success},
                          {Mutant::kParkedKept, close_frees_what_is_parked},
                          {Mutant::kOldGood, old_answers_do_not_count},
                          {Mutant::kFailedSeen, failed_writes_are_not_seen},
                          {Mutant::kFailedUnrepaired, failed_writes_are_repaired}};

void catch_one(unsigned mutant) {
  MutantConfig::kMutant = mutant;
  for (const Told& t : kTold) {
    if (t.mutant != mutant) continue;
    EXPECT_FALSE(t.story()) << "mutant " << mutant << " was not caught by its story";
    return;
  }
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    World w(std::make_unique<CoreOf<MutantConfig>>(), seed);
    const std::string broken = w.run();
    if (broken.empty()) continue;
    std::cout << "mutant " << mutant << " caught with seed " << seed << " " << broken.substr(0, 100) << "\n";
    return;
  }
  ADD_FAILURE() << "mutant " << mutant << " was not caught in " << kSeeds << " worlds";
}

TEST(Mutants, AreCaught) {
  for (unsigned mutant = 1; mutant < Mutant::kEnd; ++mutant) catch_one(mutant);
}

// Without a bug the same build is clean: what catches mutants is not the build.
TEST(Mutants, NoneIsClean) {
  MutantConfig::kMutant = Mutant::kNone;
  for (const Told& t : kTold) EXPECT_TRUE(t.story());
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    World w(std::make_unique<CoreOf<MutantConfig>>(), seed);
    EXPECT_EQ(w.run(), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace nvtee::tee::test
