#include "sim/cluster/stories.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "runtime/core/machine_states.hpp"

namespace nvtee::cluster {
namespace {

constexpr const char* kNames[] = {"none",
                                  "given_up",
                                  "refused_and_forgotten",
                                  "cache_not_written",
                                  "removal_of_the_last",
                                  "promoted_anew",
                                  "survivor_with_a_lost_cache",
                                  "removed_and_added",
                                  "lost_before_a_clean_stop",
                                  "source_away_while_copied",
                                  "copy_overtaken",
                                  "failed_apart",
                                  "return_beside",
                                  "promoted_twice",
                                  "removed_unreconciled",
                                  "removed_while_enlisted",
                                  "medium_dies",
                                  "paused_while_draining",
                                  "last_while_removing",
                                  "verify_without_legs",
                                  "foreign_leg",
                                  "given_back_early"};
static_assert(std::size(kNames) == static_cast<unsigned>(StoryKind::kEnd));

class Story {
 public:
  Story(Plan& plan, Chance& chance)
      : plan_(plan), c_(chance), at_(100 * kMillisecond + c_.below(plan.safety)) {}

  void tell(StoryKind which) {
    switch (which) {
      case StoryKind::kGivenUp:
        return given_up();
      case StoryKind::kRefusedAndForgotten:
        return refused_and_forgotten();
      case StoryKind::kCacheNotWritten:
        return cache_not_written();
      case StoryKind::kRemovalOfTheLast:
        return removal_of_the_last();
      case StoryKind::kPromotedAnew:
        return promoted_anew();
      case StoryKind::kSurvivorWithALostCache:
        return survivor_with_a_lost_cache();
      case StoryKind::kRemovedAndAdded:
        return removed_and_added();
      case StoryKind::kLostBeforeACleanStop:
        return lost_before_a_clean_stop();
      case StoryKind::kSourceAwayWhileCopied:
        return source_away_while_copied();
      case StoryKind::kCopyOvertaken:
        return copy_overtaken();
      case StoryKind::kFailedApart:
        return failed_apart();
      case StoryKind::kReturnBeside:
        return return_beside();
      case StoryKind::kPromotedTwice:
        return promoted_twice();
      case StoryKind::kRemovedUnreconciled:
        return removed_unreconciled();
      case StoryKind::kRemovedWhileEnlisted:
        return removed_while_enlisted();
      case StoryKind::kMediumDies:
        return medium_dies();
      case StoryKind::kPausedWhileDraining:
        return paused_while_draining();
      case StoryKind::kLastWhileRemoving:
        return last_while_removing();
      case StoryKind::kVerifyWithoutLegs:
        return verify_without_legs();
      case StoryKind::kForeignLeg:
        return foreign_leg();
      case StoryKind::kGivenBackEarly:
        return given_back_early();
      default:
        return;
    }
  }

 private:
  Fault& add(FaultKind kind, Duration length) {
    Fault f;
    f.at = at_;
    f.kind = kind;
    f.target = c_.pick(1u << 16);
    f.length = length;
    f.param = c_.next();
    plan_.faults.push_back(f);
    return plan_.faults.back();
  }
  Duration millis(unsigned from, unsigned to) { return c_.between(from, to) * kMillisecond; }

  // A host gives up a connection on which its commands are still on their way.
  void given_up() {
    Fault& cut = add(FaultKind::kHostCut, millis(30, 240));
    cut.param &= ~std::uint64_t{1};  // towards the node
    const unsigned host = cut.target;
    at_ += millis(5, 60);
    Fault& reset = add(FaultKind::kHostReset, 0);
    reset.target = host;
    reset.param = reset.param / 3 * 3;  // nobody tells the node
  }
  // Commands are refused while a leg is away and the store is slow: they may be on some legs.
  void refused_and_forgotten() {
    Fault& slow = add(FaultKind::kStoreSlow, millis(800, 2500));
    slow.param = slow.param / kSlowSteps * kSlowSteps + kSlowSteps - 1 - c_.pick(50);  // slower than the gate
    at_ += millis(1, 400);
    add(FaultKind::kReset, millis(50, 600));
    at_ += millis(150, 650);
    add(c_.one_in(3) ? FaultKind::kLegAndNode : FaultKind::kCrash, millis(1, 100));
  }
  // A leg that is copied to cannot write its cache back.
  void cache_not_written() {
    plan_.setup.cached_legs |= 1 + c_.pick(15);
    add(FaultKind::kReset, millis(1, 300));
    at_ += millis(1, 300);
    for (unsigned i = 0; i < 3; ++i) wait(add(FaultKind::kFlushFails, millis(100, 1500)), "leg copying");
    at_ += millis(1, 500);
    add(FaultKind::kPowerLoss, millis(1, 100));
  }
  // One of two legs is being removed when the other one fails.
  void removal_of_the_last() {
    plan_.setup.legs = 2;
    plan_.setup.spares = std::min(plan_.setup.spares, 2u);
    Fault& slow = add(FaultKind::kSlow, millis(100, 600));
    const unsigned peers = plan_.setup.legs + plan_.setup.spares, other = c_.pick(2);
    slow.target = slow.target / peers * peers + other;
    at_ += millis(1, 60);
    Fault& remove = add(FaultKind::kOperator, 0);
    remove.param = remove.param / 8 * 8 + 2;
    remove.target = remove.target / 5 * 5 + 1 - other;
    at_ += c_.below(40 * kMillisecond);
    Fault& gone = add(FaultKind::kReset, millis(1, 200));
    gone.target = slow.target;
    gone.param = gone.param / 5 * 5 + 1;
  }
  // While the promotion of a leg is on its way to the store its association ends and comes back.
  void promoted_anew() {
    add(FaultKind::kReset, millis(1, 100));
    wait(add(FaultKind::kStoreStall, millis(150, 1200)), "leg promoting");
    for (unsigned i = 0; i < 3; ++i) {
      Fault& f = add(FaultKind::kReset, 0);
      f.param = f.param / 10 * 10;
      f.param += 6;  // there at once, and told soon
      wait(f, "leg promoting");
    }
  }
  // All legs are away; one that comes back has lost what its cache held.
  void survivor_with_a_lost_cache() {
    plan_.setup.cached_legs |= 15;
    plan_.setup.legs = 2;
    plan_.setup.spares = std::min(plan_.setup.spares, 2u);
    const unsigned peers = plan_.setup.legs + plan_.setup.spares;
    Fault& slow = add(FaultKind::kStoreSlow, millis(1500, 2500));
    slow.param = slow.param / kSlowSteps * kSlowSteps + kSlowSteps - 1 - c_.pick(150);
    at_ += millis(1, 200);
    Fault& gone = add(FaultKind::kLegsTogether, millis(10, 100));
    gone.param |= 0x7f;
    at_ += millis(1, 8);
    Fault& lost = add(FaultKind::kPowerLoss, millis(1, 90));
    lost.target = lost.target / peers * peers + 1;  // the one that is lost last, and comes back
    at_ += millis(410, 800);  // its guard time is over, and the other one's drop on its way to the store
    add(c_.one_in(2) ? FaultKind::kCrash : FaultKind::kLegAndNode, millis(1, 100));
  }
  // ---- later ones --------------------------------------------------------------------------------------
  unsigned peers() const { return plan_.setup.legs + plan_.setup.spares; }
  void two_legs() {
    plan_.setup.legs = 2;
    plan_.setup.spares = std::min(plan_.setup.spares, 2u);
  }
  // A fault of this very peer.
  Fault& of_peer(unsigned peer, FaultKind kind, Duration length) {
    Fault& f = add(kind, length);
    f.target = f.target / peers() * peers() + peer;
    return f;
  }
  Fault& lost(unsigned peer, Duration away) {
    Fault& f = of_peer(peer, FaultKind::kReset, away);
    f.param = f.param / 10 * 10 + (away == 0 ? 2 : 1);  // told soon
    return f;
  }
  // A leg that has not executed everything is removed and at once added again.
  void removed_and_added() {
    two_legs();
    const unsigned leg = c_.pick(2);
    of_peer(leg, FaultKind::kStuck, millis(60, 300));
    at_ += millis(10, 60);
    Fault& remove = add(FaultKind::kOperator, 0);
    remove.param = remove.param / 8 * 8 + 2;
    remove.target = remove.target / 5 * 5 + leg;
    if (c_.one_in(2)) lost(leg, 0);
    for (unsigned i = 0; i < 8; ++i) {
      at_ += millis(5, 40);
      Fault& again = add(FaultKind::kOperator, 0);
      again.param = std::uint64_t{leg} << 8 | 3;
    }
  }
  // The same, by a stop and a start in between.
  void lost_before_a_clean_stop() {
    two_legs();
    const unsigned leg = c_.pick(2);
    of_peer(leg, FaultKind::kStuck, millis(60, 300));
    at_ += millis(10, 60);
    lost(leg, 0);
    at_ += millis(1, 40);
    add(FaultKind::kRestart, millis(1, 10));
  }
  // The only leg in sync goes away while another one is copied from it, and is away until commands are
  // refused.
  void source_away_while_copied() {
    two_legs();
    plan_.setup.copy_depth = 1;
    plan_.setup.resync_rate = c_.between(6, 16) << 20;
    const unsigned source = c_.pick(2);
    lost(1 - source, millis(1, 300));
    at_ += millis(1, 100);
    wait(lost(source, millis(200, 700)), "leg copying");
  }
  // A copy begins while writes that do not know of it are still on their way to its source.
  void copy_overtaken() {
    two_legs();
    const unsigned source = c_.pick(2);
    lost(1 - source, millis(1, 100));
    of_peer(source, FaultKind::kStuck, millis(600, 1500));
    of_peer(source, FaultKind::kExecuted, millis(600, 1500));
    at_ += millis(300, 700);
    wait(lost(source, c_.pick(2) * millis(1, 300)), c_.one_in(2) ? "leg fencing" : "leg copying");
  }
  // Writes are refused, since the store does not answer, after one leg has failed them and another has not.
  void failed_apart() {
    plan_.setup.legs = 3;
    plan_.setup.spares = std::min(plan_.setup.spares, 1u);
    const unsigned gone = c_.pick(3);
    Fault& slow = add(FaultKind::kStoreSlow, millis(800, 2500));
    slow.param = slow.param / kSlowSteps * kSlowSteps + kSlowSteps - 1 - c_.pick(50);
    at_ += millis(1, 20);
    of_peer((gone + 1) % 3, FaultKind::kExecuted, millis(600, 900)).param = 0;  // each command
    Fault& late = of_peer((gone + 2) % 3, FaultKind::kSlow, millis(600, 900));
    late.param = late.param / (100 * kMillisecond) * (100 * kMillisecond) + 99 * kMillisecond;
    at_ += millis(1, 60);
    lost(gone, millis(50, 600));
  }
  // The last leg is lost while another one's promotion is on its way to the store.
  void return_beside() {
    two_legs();
    const unsigned last = c_.pick(2);
    lost(1 - last, millis(1, 100));
    wait(add(FaultKind::kStoreStall, millis(350, 1200)), "leg promoting");
    wait(lost(last, millis(1, 500)), "leg promoting");
  }

  // A leg's association ends and comes back while its promotion is on its way to the store.
  void promoted_twice() {
    two_legs();
    const unsigned leg = c_.pick(2);
    lost(leg, millis(1, 100));
    wait(add(FaultKind::kStoreSlow, millis(400, 900)), "leg promoting");
    wait(lost(leg, millis(1, 60)), "leg promoting");
  }

  // A leg that lost its cache together with the node is removed before it is made equal.
  void removed_unreconciled() {
    two_legs();
    plan_.setup.cached_legs = 15;
    const unsigned leg = c_.pick(2);
    of_peer(leg, FaultKind::kLegAndNode, millis(1, 60));
    at_ += millis(60, 100);
    Fault& remove = add(FaultKind::kOperator, 0);
    remove.param = remove.param / 8 * 8 + 2;
    remove.target = remove.target / 5 * 5 + leg;
    wait(remove, "region reconcile");
  }

  // ---- of odd plans ------------------------------------------------------------------------------------
  Fault& operate(unsigned what, unsigned leg, unsigned peer = 0) {
    Fault& f = add(FaultKind::kOperator, 0);
    f.param = std::uint64_t{peer} << 8 | what;
    f.target = leg;
    return f;
  }
  // A leg is removed while its addition is on its way to the store.
  void removed_while_enlisted() {
    plan_.setup.legs = std::min(plan_.setup.legs, 3u);
    plan_.setup.spares = std::max(plan_.setup.spares, 1u);
    operate(3, 0, plan_.setup.legs);
    for (unsigned leg = 0; leg < 4; ++leg) wait(operate(2, leg), "leg enlisting");
  }
  // One block after the other cannot be read any more.
  void medium_dies() {
    if (plan_.setup.legs == 1) two_legs();
    plan_.setup.hot_blocks = 64;
    plan_.setup.think = 6 * kMillisecond;
    const unsigned leg = c_.pick(plan_.setup.legs);
    for (unsigned i = 0; i < 8; ++i) {
      of_peer(leg, FaultKind::kMedia, kSecond).param = c_.next() / 8 * 8;
      at_ += millis(40, 120);
    }
  }
  // The node stands still for longer than a stop may take.
  void paused_while_draining() {
    if (c_.one_in(2)) {
      Fault& slow = add(FaultKind::kStoreSlow, kSecond);
      slow.param = slow.param / kSlowSteps * kSlowSteps + c_.pick(250);
    }
    Fault& stop = add(FaultKind::kRestart, millis(1, 50));
    if (c_.one_in(2)) stop.param = kDeletes;
    wait(add(FaultKind::kPause, millis(1200, 1600)),
         c_.one_in(2) ? "namespace draining" : "closer committing");
  }
  // The leg that was to remain is lost while the record without the other one is on its way to the store.
  void last_while_removing() {
    two_legs();
    const unsigned other = c_.pick(2);
    operate(2, 1 - other);
    wait(add(FaultKind::kStoreStall, millis(50, 400)), "leg removing");
    wait(lost(other, millis(1, 200)), "leg removing");
  }
  // No leg is left while verify waits for its hold.
  void verify_without_legs() {
    plan_.setup.neighbour = true;
    for (unsigned i = 0; i < 3; ++i) {
      operate(5, 0);
      Fault& gone = add(FaultKind::kLegsTogether, millis(10, 300));
      gone.param = 0x7f | c_.below(256) << 8;
      wait(gone, "verify holding");
      at_ += millis(200, 500);
    }
  }
  // A leg that is away, or one that is about to be added, is another cluster's meanwhile.
  void foreign_leg() {
    plan_.setup.reserved_legs = 15;
    const unsigned peer = c_.pick(peers());
    lost(peer, millis(50, 200));
    at_ += millis(5, 30);
    Fault& taken = of_peer(peer, FaultKind::kOperator, millis(100, 900));
    do taken.param = c_.next();
    while (!odd_operator(taken.param));
    at_ += millis(5, 60);
    operate(3, 0, peer);
  }

  // A namespace is deleted, one of whose legs has just come back and may still get what was sent to it
  // before.
  void given_back_early() {
    two_legs();
    plan_.setup.reserved_legs = 15;
    const unsigned leg = c_.pick(2);
    of_peer(leg, FaultKind::kStuck, millis(60, 300));
    at_ += millis(10, 60);
    lost(leg, 0);
    at_ += millis(20, 250);
    add(FaultKind::kRestart, millis(1, 200)).param = kDeletes;
  }

  void wait(Fault& f, std::string_view state) { f.state = state_named(state); }

  Plan& plan_;
  Chance& c_;
  Time at_;
};

}  // namespace

int state_named(std::string_view name) {
  for (unsigned s = 0; s < core::kMachineStates; ++s)
    if (core::machine_state_name(s) == name) return static_cast<int>(s);
  return -1;
}

const char* story_name(StoryKind which) {
  return kNames[static_cast<unsigned>(which)];
}

StoryKind story_named(const std::string& name) {
  for (unsigned k = 1; k < static_cast<unsigned>(StoryKind::kEnd); ++k)
    if (name == kNames[k]) return static_cast<StoryKind>(k);
  return StoryKind::kNone;
}

void tell_story(Plan& plan, Chance& chance, StoryKind which) {
  Story(plan, chance).tell(which);
}

void tell_early_story(Plan& plan, Chance& chance) {
  Story story(plan, chance);  // draws its time first
  story.tell(static_cast<StoryKind>(1 + chance.pick(6)));
}

void tell_late_story(Plan& plan, Chance& chance) {
  constexpr unsigned kFirst = static_cast<unsigned>(StoryKind::kRemovedAndAdded);
  constexpr unsigned kBehind = static_cast<unsigned>(StoryKind::kOddFirst);
  tell_story(plan, chance, static_cast<StoryKind>(kFirst + chance.pick(kBehind - kFirst)));
}

void tell_odd_story(Plan& plan, Chance& chance) {
  constexpr unsigned kFirst = static_cast<unsigned>(StoryKind::kOddFirst);
  constexpr unsigned kBehind = static_cast<unsigned>(StoryKind::kEnd);
  tell_story(plan, chance, static_cast<StoryKind>(kFirst + chance.pick(kBehind - kFirst)));
}

}  // namespace nvtee::cluster
