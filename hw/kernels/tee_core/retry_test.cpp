// A host loses its connection, retries on a new one, and writes something newer: the older copy of its write,
// still stuck in a leg, must not be applied after that. Told once with the guard, and once without it, where
// it goes wrong: so the story can tell the difference.
#include <map>

#include "hw/kernels/tee_core/mutants.hpp"
#include "hw/kernels/tee_core/test_rig.hpp"

namespace nvtee::tee::test {
namespace {

// A leg that holds one block and executes what it gets at once, but for one command that it keeps.
template <class C>
class Story {
 public:
  Story() {
    rig_.set_up(1);
    rig_.set_region(0, Ctl::kOpen);
    rig_.expect_event(Event::kRegionSetDone);
  }

  // What the block holds at the end.
  unsigned tell() {
    write(1, 1, 1);
    const LegTx stuck = rig_.next_tx();
    rig_.close_queue(1);
    write(2, 1, 1);  // the retry
    bool newer = false, late = false;
    for (unsigned turn = 0; turn < 10; ++turn) {
      while (!rig_.tx.empty()) execute(rig_.next_tx());
      if (!newer && answered(1)) {
        write(2, 2, 2);
        newer = true;
        continue;
      }
      if (late) break;
      // Everything else has come to rest: now the leg executes what it kept.
      execute(stuck);
      late = true;
    }
    EXPECT_TRUE(newer && answered(2)) << "the host was answered";
    return block_;
  }
  unsigned order_broken() const { return broken_; }

 private:
  void write(unsigned queue, unsigned cid, unsigned value) { values_[rig_.write(queue, cid, 5, 1)] = value; }
  void execute(const LegTx& t) {
    const unsigned value = values_.at(t.slot.to_uint());
    if (value < block_) ++broken_;
    block_ = value;
    rig_.answer(t);
  }
  bool answered(unsigned cid) {
    for (const HostOut& h : rig_.out)
      if (h.kind == HostOut::kResponse && h.queue == 2 && h.cid == cid) return h.status == 0;
    return false;
  }

  Rig<C> rig_;
  std::map<unsigned, unsigned> values_;
  unsigned block_ = 0, broken_ = 0;
};

TEST(Retry, CannotBeOvertakenByItsOlderCopy) {
  Story<SmallConfig> story;
  EXPECT_EQ(story.tell(), 2u);
  EXPECT_EQ(story.order_broken(), 0u);
}

TEST(Retry, IsOvertakenWithoutTheGuard) {
  MutantConfig::kMutant = Mutant::kGuardOpen;
  Story<MutantConfig> story;
  EXPECT_EQ(story.tell(), 1u) << "acknowledged as 2, and gone";
  EXPECT_EQ(story.order_broken(), 1u);
  MutantConfig::kMutant = Mutant::kNone;
}

}  // namespace
}  // namespace nvtee::tee::test
