// Bugs that tests plant through Config::kMutant to see that they are caught. kNone in every product: the
// conditions fold to nothing.
#ifndef NVTEE_HW_KERNELS_TEE_CORE_MUTANTS_HPP
#define NVTEE_HW_KERNELS_TEE_CORE_MUTANTS_HPP

namespace nvtee {
namespace tee {

struct Mutant {
  enum Kind {
    kNone = 0,
    kDigestIgnored,       // a bad data digest goes unnoticed
    kHalfPayload,         // a write goes on before its last data
    kClosingIsOpen,       // a closing region lets writes in
    kSecondRegionUnseen,  // the second region of a command is not looked at
    kFenceEarly,          // a fence does not wait
    kGatesOnce,           // gates are not asked again at admission
    kGuardOpen,           // every ticket is granted at once
    kOldIncarnation,      // answers of an old incarnation of a leg are taken
    kLeaseIgnored,        // success is told after the lease
    kGuardKept,           // tickets are not given back
    kReadersPass,         // readers do not wait for writers
    kFirstLegEnough,      // a write is answered after its first leg
    kRepeatsTaken,        // an answer is taken twice
    kBufferEarly,         // a read's slot is free before its data were sent
    kReissueTwice,        // a sweep asks again what this incarnation was asked already
    kNoLegSucceeds,       // a write whose legs were all dropped succeeds
    kClosedQueueTold,     // a closed queue is answered
    kNoRepair,            // legs that disagree are not repaired
    kRepairUnchecked,     // a failed repair counts as done
    kOneColour,           // a fence does not change the colour
    kOneBlockGranted,     // a waiting command goes on when its first block is free
    kParkedKept,          // closing a queue forgets what is parked
    kSyncingRead,         // reads go to syncing legs
    kFaultShown,          // an infrastructure status is shown to the host
    kWaitersForgotten,    // the ring is not looked through after a release
    kOldGood,             // an answer of a leg's former incarnation still counts after a reissue
    kFailedSeen,          // who waited for a write that was failed sees it
    kFailedUnrepaired,    // legs that disagree are not repaired when their write is failed
    kEnd
  };
};

}  // namespace tee
}  // namespace nvtee

#endif
