#include "sim/cluster/mutants.hpp"

#include "hw/kernels/tee_core/mutants.hpp"
#include "runtime/core/planted.hpp"

namespace nvtee::cluster {
namespace {

using core::Bug;
using tee::Mutant;

Planted control(const char* name, Bug bug, const char* what, bool liars = false) {
  return {name, what, static_cast<unsigned>(bug), 0, liars, Recipe::kPlain};
}
Planted kernel(const char* name, unsigned mutant, const char* what) {
  return {name, what, 0, mutant, false, Recipe::kPlain};
}
Planted storied(Planted p) {
  p.recipe = Recipe::kStories;
  return p;
}
Planted told(StoryKind story, Planted p) {
  p.story = story;
  return p;
}
// Only these plans have legs with reservations.
Planted fenced(Planted p) {
  p.recipe = Recipe::kReserved;
  return p;
}

}  // namespace

Plan Planted::plan(std::uint64_t seed) const {
  if (story != StoryKind::kNone) return make_story_plan(seed, story);
  return liars ? make_liar_plan(seed) : make_plan(seed, recipe);
}

const std::vector<Planted>& planted_bugs() {
  static const std::vector<Planted> list = {
      control("skip_dirty_bit", Bug::kSkipDirtyBit,
              "a region closes without a dirty bit for a leg that is away"),
      control("clear_dirty_at_send", Bug::kClearDirtyAtSend, "a dirty bit clears when its copy begins"),
      control("close_no_flush", Bug::kCloseNoFlush, "a region closes without Flush"),
      control("close_no_fence", Bug::kCloseNoFence, "a region closes while writes to it are under way"),
      control("forget_open_set", Bug::kForgetOpenSet, "the open set is forgotten at an unclean start"),
      control("stale_serves", Bug::kStaleServes, "a stale leg counts as in sync after a start"),
      control("drop_last", Bug::kDropLast, "the last leg in sync may be dropped"),
      control("no_guard_time", Bug::kNoGuardTime, "a leg comes back while its old commands may execute"),
      control("route_before_epoch", Bug::kRouteBeforeEpoch, "a lost leg is off before its epoch is durable"),
      control("route_after_drop", Bug::kRouteAfterDrop, "routing goes on to a dropped leg"),
      control("quiet_reconnect", Bug::kQuietReconnect, "a lost association is replaced without a word"),
      control("open_before_durable", Bug::kOpenBeforeDurable, "writes go before the open bit is durable"),
      control("equal_uncopied", Bug::kEqualUncopied, "an open region counts as equal without a copy"),
      control("copy_forgets_open", Bug::kCopyForgetsOpen, "a copy takes the dirty regions only"),
      control("promote_early", Bug::kPromoteEarly, "a leg is in sync before everything is copied"),
      control("no_cas", Bug::kNoCas, "commits are not conditional on the epoch"),
      control("store_forgets", Bug::kStoreForgets, "what a failed commit carried is not written again"),
      control("unsure_is_old", Bug::kUnsureIsOld,
              "an epoch commit with an unknown end is taken for not done"),
      control("no_reissue", Bug::kNoReissue, "the last leg returns, what it owed is not asked again"),
      told(StoryKind::kReturnBeside, control("return_beside", Bug::kReturnBeside,
                                             "a lost leg comes back beside one that has become in sync")),
      control("drop_unserved", Bug::kDropUnserved, "writes are finished by a drop while no leg serves"),
      told(StoryKind::kLostBeforeACleanStop,
           control("clean_at_once", Bug::kCleanAtOnce,
                   "after a clean stop a stale leg may execute its old commands")),
      told(StoryKind::kRemovedAndAdded,
           control("added_at_once", Bug::kAddedAtOnce,
                   "a removed leg that is added again may execute its old commands")),
      told(StoryKind::kFailedApart,
           control("no_distrust", Bug::kNoDistrust, "a copy goes on as if its source had not been away")),
      told(StoryKind::kCacheNotWritten, control("clear_unflushed", Bug::kClearUnflushed,
                                                "a dirty bit clears before the copied-to leg has flushed")),
      told(StoryKind::kRefusedAndForgotten,
           control("doubt_shown", Bug::kDoubtShown,
                   "gates open while a failed write may be on some legs only")),
      told(StoryKind::kRemovalOfTheLast,
           control("removal_stays", Bug::kRemovalStays, "a removal blocks although no other leg is left")),
      told(StoryKind::kSurvivorWithALostCache,
           control("serve_undropped", Bug::kServeUndropped,
                   "the last leg serves while other lost legs are in sync in the record")),
      told(StoryKind::kReturnBeside,
           control("promoted_anew", Bug::kPromotedAnew,
                   "a leg that is being promoted counts as clean on another association")),
      told(StoryKind::kGivenUp, control("no_quiesce", Bug::kNoQuiesce,
                                        "a host tries again while its old queue may still execute")),
      storied(kernel("parked_kept", Mutant::kParkedKept, "closing a queue forgets what is parked")),
      told(StoryKind::kFailedApart, kernel("failed_unrepaired", Mutant::kFailedUnrepaired,
                                           "legs that disagree about a failed write are not repaired")),
      control("no_back_off", Bug::kNoBackOff, "a leg is connected to without pause"),
      control("verify_blind", Bug::kVerifyBlind, "verify does not count what differs", true),
      control("flush_believed", Bug::kSyncUnflushedEpoch, "a Flush that failed counts as done"),
      control("dsm_at_once", Bug::kDsmAtOnce, "deallocation is acknowledged without being run"),
      control("compare_early", Bug::kCompareEarly, "a punted Compare does not wait for its region's copy"),
      control("store_no_sync", Bug::kStoreNoSync, "a commit is answered before it is durable"),
      control("hold_for_host", Bug::kHoldForHost, "a range is held while its host's data are awaited"),
      control("queue_not_closed", Bug::kQueueNotClosed, "the core is not told that a connection is gone"),
      fenced(control("preempt_no_abort", Bug::kPreemptNoAbort,
                     "a former association is preempted, its commands are not aborted")),
      fenced(control("no_rekey", Bug::kNoRekey, "the legs' keys do not follow the epoch")),
      fenced(control("newer_key_taken", Bug::kNewerKeyTaken, "a key that is newer than the store is taken")),
      fenced(control("doubt_forgotten", Bug::kDoubtForgotten,
                     "a preemption that was cut short counts as a barrier")),
      told(StoryKind::kRemovedAndAdded,
           control("purge_attached", Bug::kPurgeAttached,
                   "a removed leg's slots are given back while its association is there")),
      told(StoryKind::kRemovedUnreconciled,
           control("equal_too_early", Bug::kEqualTooEarly,
                   "regions count as equal while a leg that is out of the record is still read")),
      told(StoryKind::kGivenBackEarly,
           control("given_back_early", Bug::kGivenBackEarly,
                   "a deleted namespace's legs are given back while its old commands may arrive")),
      kernel("first_leg_enough", Mutant::kFirstLegEnough, "a write is acknowledged after its first leg"),
      kernel("syncing_read", Mutant::kSyncingRead, "reads go to syncing legs"),
      kernel("guard_open", Mutant::kGuardOpen, "every ticket of the guard is granted at once"),
      kernel("readers_pass", Mutant::kReadersPass, "readers do not wait for writers"),
      kernel("one_block_granted", Mutant::kOneBlockGranted, "a command goes on when its first block is free"),
      kernel("closing_is_open", Mutant::kClosingIsOpen, "a closing region lets writes in"),
      kernel("second_region_unseen", Mutant::kSecondRegionUnseen,
             "the second region of a write is not looked at"),
      kernel("fence_early", Mutant::kFenceEarly, "a fence does not wait"),
      kernel("half_payload", Mutant::kHalfPayload, "a write goes on before its last data"),
      kernel("digest_ignored", Mutant::kDigestIgnored, "a bad data digest goes unnoticed"),
      kernel("lease_ignored", Mutant::kLeaseIgnored, "success is told after the lease"),
      kernel("guard_kept", Mutant::kGuardKept, "tickets are not given back"),
      kernel("buffer_early", Mutant::kBufferEarly, "a read's slot is free before its data were sent"),
      kernel("no_repair", Mutant::kNoRepair, "legs that disagree are not repaired"),
      kernel("repair_unchecked", Mutant::kRepairUnchecked, "a failed repair counts as done"),
      kernel("fault_shown", Mutant::kFaultShown, "an infrastructure status is shown to the host"),
      kernel("waiters_forgotten", Mutant::kWaitersForgotten,
             "the ring is not looked through after a release"),
      told(StoryKind::kSourceAwayWhileCopied, kernel("old_incarnation", Mutant::kOldIncarnation,
                                                     "answers of an old incarnation of a leg are taken")),
      told(StoryKind::kPromotedTwice,
           kernel("failed_seen", Mutant::kFailedSeen, "who waited for a write that was failed sees it")),
      kernel("old_good", Mutant::kOldGood, "a former incarnation's answer counts after a reissue"),
  };
  return list;
}

}  // namespace nvtee::cluster
