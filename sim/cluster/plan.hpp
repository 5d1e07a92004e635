// What a run is made of, drawn from its seed: the world's shape and a list of faults. A plan can be thinned
// (faults, hosts, time) and run again.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "runtime/base/time.hpp"

namespace nvtee::cluster {

enum class FaultKind : std::uint8_t {
  kReset,         // an association ends; its messages are lost, or executed late and in another order
  kDuplicate,     // a leg answers twice, or answers again what it answered long ago
  kDelay,         // a link is slow, its jitter large
  kCutOneWay,     // one direction of a leg's link is silent
  kClog,          // swizzle-clog: links stop one after the other, and go on in another order
  kCrash,         // the node dies between two steps; unsynced metadata is lost or torn
  kCrashAtStep,   // the node dies in the middle of the actions of one step
  kPause,         // the node stops for a while (SIGSTOP)
  kClockStop,     // as kPause, but its clock stands still for a part of it and jumps back later (VM pause)
  kPowerLoss,     // a peer loses power: unflushed data and commands are gone
  kBlackout,      // all peers and the node lose power
  kRefuse,        // a leg refuses commands that it should execute
  kInfra,         // a leg answers with infrastructure statuses
  kExecuted,      // commands fail on a leg, having done all, some or nothing
  kStuck,         // commands lie in a leg for long and execute late, also after their association has ended
  kSlow,          // a leg executes slowly
  kFlap,          // a leg's association ends again and again
  kLegsTogether,  // several legs are gone together
  kStoreStall,    // the metadata store does not answer
  kStoreErrors,   // commits fail; some of them took effect
  kSkew,          // a peer comes back with other abilities: firmware of another version
  kOperator,      // leg add, remove, fault, online; verify
  kHostReset,     // a host loses its connection and retries on a new one
  kHostCut,       // a host's link is silent in one direction
  kHostStall,     // a host does not send the data that it was asked for
  kBadDigest,     // data of a host arrive damaged
  kTakeover,      // another node takes the namespace: epoch and reservations
  kMute,          // a leg takes commands and never answers (its link stays up)
  kRestart,       // the node is stopped as planned, and started again
  kLegAndNode,    // a leg loses power and the node dies in the same moment
  kFlushFails,    // a leg cannot write its cache back: Flush fails, nothing else
  kStoreSlow,     // each commit takes long, but not for ever
  kMedia,         // blocks of a leg cannot be read until they are written again
  kImpostor,      // behind a leg's address there is, for a while, something else than the leg
  kOldStore,      // it is started with an old copy of its metadata; later with the newest one again
  kEnd
};
constexpr unsigned kFaultKinds = static_cast<unsigned>(FaultKind::kEnd);
constexpr unsigned kPlainKinds = static_cast<unsigned>(FaultKind::kRestart);
constexpr unsigned kWaitingKinds = static_cast<unsigned>(FaultKind::kLegAndNode);
const char* fault_name(FaultKind kind);

constexpr unsigned kSlowSteps = 330;  // of kStoreSlow: 20 ms a commit, and 1 ms for each

// Parameters of kRestart and kOperator in odd plans.
constexpr bool deletes(std::uint64_t param) {
  return (param >> 32) % 3 == 0;
}
constexpr bool odd_operator(std::uint64_t param) {
  return (param >> 32) % 6 == 5;
}
constexpr std::uint64_t kDeletes = 0;

struct Fault {
  Time at = 0;  // after the start
  FaultKind kind = FaultKind::kReset;
  unsigned target = 0;
  Duration length = 0;
  std::uint64_t param = 0;
  // From `at` on it waits until a machine of the node is in this state (core::machine_state_name), and comes
  // right there, between two steps; or some time later anyway. -1: it does not wait.
  int state = -1;
};

struct Setup {
  std::uint64_t seed = 1;
  unsigned legs = 2, spares = 1;
  unsigned hosts = 2, depth = 2;
  unsigned block_shift = 16;
  unsigned regions = 8;
  unsigned hot_blocks = 32;
  unsigned open_cap = 4;     // regions
  unsigned cached_legs = 0;  // bit per peer: volatile write cache
  bool assume_equal = true;
  bool lease = false;  // the node's lease is renewed, and ends when it is not
  bool liars = false;  // one leg acknowledges writes and loses or misplaces them: only verify may see it
  unsigned copy_depth = 3;
  Duration think = 10 * kMillisecond;
  Duration exec = 500 * kMicrosecond;  // of a leg, typically
  unsigned flap_limit = 16;
  unsigned reserved_legs = 0;  // bit per peer: it has reservations that persist
  bool neighbour = false;      // another namespace of the node takes ways of the region table, and slots
  // What the third simulator has beside the first two: hosts that count on the end of what they gave up, odd
  // requests of operators, a status that is asked for all the time.
  bool full = false;
  bool too_late = false;          // the control machine is told what it must take no notice of
  bool latency = false;           // the control machine is told how long hosts' writes take
  std::uint64_t resync_rate = 0;  // bytes per second; 0 = no limit
  bool nameless = false;          // legs have no NGUID: they are known by their serial number
  // What the fourth has beside these (odd.cpp): namespaces that are deleted, legs in other hands, a store
  // that is damaged, operators who ask again.
  bool odd = false;
};

struct Plan {
  Setup setup;
  std::deque<Fault> faults;  // stories keep references while more are added
  Duration safety = 5 * kSecond;
};

// Plain plans are those of the first simulator, waiting ones those of the second (faults that wait for
// states), reserved ones the first in which legs have reservations: seeds that found something in them are
// told by their numbers.
enum class Recipe : std::uint8_t { kFull, kPlain, kWaiting, kStories, kReserved };
Plan make_plan(std::uint64_t seed, Recipe recipe = Recipe::kFull);

// See stories.cpp.
enum class StoryKind : std::uint8_t {
  kNone,
  kGivenUp,
  kRefusedAndForgotten,
  kCacheNotWritten,
  kRemovalOfTheLast,
  kPromotedAnew,
  kSurvivorWithALostCache,
  kRemovedAndAdded,
  kLostBeforeACleanStop,
  kSourceAwayWhileCopied,
  kCopyOvertaken,
  kFailedApart,
  kReturnBeside,
  kPromotedTwice,
  kRemovedUnreconciled,
  kOddFirst,  // from here on those of odd plans
  kRemovedWhileEnlisted = kOddFirst,
  kMediumDies,
  kPausedWhileDraining,
  kLastWhileRemoving,
  kVerifyWithoutLegs,
  kForeignLeg,
  kGivenBackEarly,
  kEnd
};
const char* story_name(StoryKind which);
StoryKind story_named(const std::string& name);  // kNone: there is no such story
// A few faults of a plain plan, and this story several times.
Plan make_story_plan(std::uint64_t seed, StoryKind which);
Plan make_liar_plan(std::uint64_t seed);
// As far as the model of sim/model goes: two legs and no more, no operators, no other node.
Plan as_the_model(Plan plan);
std::string describe(const Plan& plan);

}  // namespace nvtee::cluster
