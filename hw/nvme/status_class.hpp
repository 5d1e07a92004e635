// The three classes of a leg's status (DESIGN §4, Answer), in one file. HLS subset.
#ifndef NVTEE_HW_NVME_STATUS_CLASS_HPP
#define NVTEE_HW_NVME_STATUS_CLASS_HPP

#include "hw/nvme/spec.hpp"

namespace nvtee {
namespace spec {

enum class LegStatus : uint8_t {
  kOk = 0,
  kRefused = 1,         // refused before execution: the host sees it if all legs agree
  kInfrastructure = 2,  // never shown to the host: a fault of the leg
  kExecuted = 3,        // executed, failed or unknown: the range is repaired from one leg, then answered
  kNotHome = 4,  // 0/83h from a leg: another node holds the reservation; gates close, no leg is faulted
};

// `s` = SCT << 8 | SC.
constexpr LegStatus classify(Status s) {
  return s == st::kOk                    ? LegStatus::kOk
         : s == st::kReservationConflict ? LegStatus::kNotHome
         : ((s >> 8) == 3 || s == st::kAbortRequested || s == st::kSqDeleted || s == st::kWriteProtected ||
            s == st::kInterrupted || s == st::kTransientTransport || s == st::kDispersedNotEnabled ||
            s == st::kNsNotReady || s == st::kFormatInProgress)
             ? LegStatus::kInfrastructure
         : (s == st::kInvalidOpcode || s == st::kInvalidField || s == st::kInvalidNamespace ||
            s == st::kSglLength || s == st::kSglType || s == st::kSglOffset || s == st::kBadSglSegment ||
            s == st::kBadSglCount || s == st::kLbaRange || s == st::kCommandSizeLimit ||
            s == st::kConflictingAttributes || s == st::kAtomicExceeded || s == st::kCompareFailure)
             ? LegStatus::kRefused
             : LegStatus::kExecuted;
}

}  // namespace spec
}  // namespace nvtee

#endif
