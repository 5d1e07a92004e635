// Protocol bugs that the simulator plants to see that its checker bites. In a product build planted() is the
// constant false: the conditions fold to nothing.
#pragma once

namespace nvtee::core {

enum class Bug : unsigned {
  kNone,
  kSkipDirtyBit,        // a region closes without a dirty bit for a leg that is away
  kClearDirtyAtSend,    // a dirty bit clears when its copy begins
  kClearUnflushed,      // a dirty bit clears before the copied-to leg has flushed
  kCloseNoFlush,        // a region closes without Flush
  kCloseNoFence,        // a region closes while writes to it are under way
  kForgetOpenSet,       // the open set is forgotten at an unclean start
  kStaleServes,         // a stale leg counts as in sync after a start
  kDropLast,            // the last leg in sync may be dropped
  kNoGuardTime,         // a leg comes back while its old commands may execute
  kRouteBeforeEpoch,    // a lost leg is out of the core's table before its epoch is durable
  kRouteAfterDrop,      // a dropped leg stays in the core's table
  kQuietReconnect,      // a lost association is replaced without a word
  kOpenBeforeDurable,   // the core lets writes in before the open bit is durable
  kEqualUncopied,       // after an unclean stop a region counts as equal without a copy
  kCopyNoFence,         // a copy begins while writes that missed the leg are under way
  kCopyForgetsOpen,     // a copy takes the dirty regions only
  kPromoteEarly,        // a leg is in sync before everything is copied
  kNoCas,               // commits are not conditional on the epoch
  kDoubtShown,          // gates open while a failed write is on some legs only
  kRemovalStays,        // a removal blocks although no other leg is left
  kStoreForgets,        // what a failed commit carried is not written again
  kUnsureIsOld,         // an epoch commit with an unknown end is taken for not done
  kNoReissue,           // the last leg returns, what it owed is not asked again
  kNoDistrust,          // a copy goes on as if its source had not been away
  kNoBackOff,           // a leg is connected to without pause
  kVerifyBlind,         // verify compares with nobody
  kSyncUnflushedEpoch,  // a leg is promoted with its copies not flushed
  kGateForgotten,       // the store does not answer, and nobody closes the gates
  kDsmAtOnce,           // Dataset Management is acknowledged without being run
  kCompareEarly,        // a punted Compare does not wait for the copy of its region
  kStoreNoSync,         // a commit is answered before it is durable
  kHoldForHost,         // the range of a write is held while its host's data are awaited
  kQueueNotClosed,      // the core is not told that a host's connection is gone
  kServeUndropped,      // the last leg serves while other lost legs are in sync in the record
  kDropUnserved,        // writes are finished by a drop while no leg serves
  kPromotedAnew,        // a leg that is being promoted counts as clean on another association
  kAddedAtOnce,         // a leg that was removed and is added again may execute its old commands
  kCleanAtOnce,         // after a clean stop a stale leg may execute its old commands
  kNoQuiesce,           // a host tries again while its old queue may still execute (CQT)
  kReturnBeside,        // a lost leg comes back beside another one that has become in sync
  kNoRekey,             // the legs' keys stay as they were when the epoch goes up
  kNewerKeyTaken,       // a leg's key that is newer than the store is taken
  kPreemptNoAbort,      // a former association is preempted, its commands go on
  kDoubtForgotten,      // a preemption that was cut short counts as a barrier
  kEqualTooEarly,       // regions count as equal while a leg that is out of the record is still read
  kPurgeAttached,       // a removed leg's slots are given back while its association is there
  kGivenBackEarly,      // a deleted namespace's legs are given back while its old commands may arrive
  kEnd
};

#ifdef NVTEE_PLANT_BUGS
inline Bug planted_bug = Bug::kNone;
inline bool planted(Bug b) {
  return planted_bug == b;
}
#else
constexpr bool planted(Bug) {
  return false;
}
#endif

}  // namespace nvtee::core
