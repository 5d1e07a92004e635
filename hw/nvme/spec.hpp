// Every NVMe and NVMe/TCP number that nvtee uses, once: shared by kernels (HLS subset: C++14, no headers
// beyond <stdint.h>) and software. Section numbers are NVMe Base 2.1 / TCP 1.0 unless said otherwise.
#ifndef NVTEE_HW_NVME_SPEC_HPP
#define NVTEE_HW_NVME_SPEC_HPP

#include <stdint.h>

namespace nvtee {
namespace spec {

// ---- NVMe/TCP PDU types (TCP 1.0 §3.6) -------------------------------------------------------------------
namespace pdu {
constexpr uint8_t kICReq = 0x00, kICResp = 0x01, kH2CTermReq = 0x02, kC2HTermReq = 0x03, kCapsuleCmd = 0x04,
                  kCapsuleResp = 0x05, kH2CData = 0x06, kC2HData = 0x07, kR2T = 0x09;
// Common header flags.
constexpr uint8_t kHdgst = 0x01, kDdgst = 0x02, kLast = 0x04, kSuccess = 0x08;
// HLEN by type.
constexpr uint8_t kHlenIC = 128, kHlenTermReq = 24, kHlenCmd = 72, kHlenResp = 24, kHlenData = 24,
                  kHlenR2T = 24;
constexpr uint32_t kDigestBytes = 4;
constexpr uint32_t kMaxTermReqPlen = 152;
constexpr uint32_t kMinMaxH2CData = 4096;
constexpr uint8_t kDgstHeaderEnable = 0x01, kDgstDataEnable = 0x02;  // DGST byte of ICReq/ICResp
}  // namespace pdu

// Fatal error status of a TermReq (TCP 1.0 §3.6.2.4).
namespace fes {
constexpr uint16_t kInvalidHeaderField = 1, kSequenceError = 2, kHeaderDigest = 3, kOutOfRange = 4,
                   kLimitExceeded = 5, kUnsupportedParameter = 6;
}  // namespace fes

constexpr uint16_t kPortIo = 4420, kPortDiscovery = 8009;
constexpr uint32_t kMaxAdminInCapsule = 8192;  // always allowed for admin and fabrics commands

// ---- Opcodes ---------------------------------------------------------------------------------------------
namespace admin {
constexpr uint8_t kGetLogPage = 0x02, kIdentify = 0x06, kAbort = 0x08, kSetFeatures = 0x09,
                  kGetFeatures = 0x0a, kAsyncEvent = 0x0c, kNsManagement = 0x0d, kNsAttachment = 0x15,
                  kKeepAlive = 0x18, kDirectiveSend = 0x19, kDirectiveReceive = 0x1a, kFormat = 0x80,
                  kSecuritySend = 0x81, kSecurityReceive = 0x82, kSanitize = 0x84;
}  // namespace admin
namespace io {
constexpr uint8_t kFlush = 0x00, kWrite = 0x01, kRead = 0x02, kWriteUncorrectable = 0x04, kCompare = 0x05,
                  kWriteZeroes = 0x08, kDsm = 0x09, kVerify = 0x0c, kResvRegister = 0x0d, kResvReport = 0x0e,
                  kResvAcquire = 0x11, kResvRelease = 0x15, kCancel = 0x18, kCopy = 0x19;
}  // namespace io
constexpr uint8_t kOpFabrics = 0x7f;
namespace fabrics {
constexpr uint8_t kPropertySet = 0x00, kConnect = 0x01, kPropertyGet = 0x04, kAuthSend = 0x05,
                  kAuthReceive = 0x06, kDisconnect = 0x08;
constexpr uint8_t kCattrDisableSqFlow = 0x04;
}  // namespace fabrics

// SQE flags byte and CDW12 bits (high half, bits of the 32-bit dword).
constexpr uint8_t kFuseMask = 0x03, kPsdtMask = 0xc0, kPsdtSgl = 0x40;
constexpr uint32_t kCdw12Fua = 1u << 30, kCdw12Lr = 1u << 31, kCdw12Deac = 1u << 25,
                   kCdw12PrinfoMask = 0xfu << 26, kCdw12Stc = 1u << 24, kCdw12DtypeMask = 0xfu << 20;
// SGL descriptor type byte (byte 15 of the descriptor).
constexpr uint8_t kSglDataOffset = 0x01, kSglTransport = 0x5a;

// ---- Status: one 11-bit value, SCT << 8 | SC; DNR is kept apart -------------------------------------------
typedef uint16_t Status;
constexpr Status sc(uint8_t sct, uint8_t code) {
  return static_cast<Status>((sct << 8) | code);
}
namespace st {
constexpr Status kOk = 0x000, kInvalidOpcode = 0x001, kInvalidField = 0x002, kCidConflict = 0x003,
                 kDataTransferError = 0x004, kPowerLossAbort = 0x005, kInternal = 0x006,
                 kAbortRequested = 0x007, kSqDeleted = 0x008, kFusedFailed = 0x009, kFusedMissing = 0x00a,
                 kInvalidNamespace = 0x00b, kCommandSequence = 0x00c, kBadSglSegment = 0x00d,
                 kBadSglCount = 0x00e, kSglLength = 0x00f, kSglType = 0x011, kAtomicExceeded = 0x014,
                 kOperationDenied = 0x015, kSglOffset = 0x016, kHostIdFormat = 0x018,
                 kKeepAliveExpired = 0x019, kKeepAliveInvalid = 0x01a, kPreemptAbort = 0x01b,
                 kWriteProtected = 0x020, kInterrupted = 0x021, kTransientTransport = 0x022,
                 kDispersedNotEnabled = 0x026, kLbaRange = 0x080, kCapacityExceeded = 0x081,
                 kNsNotReady = 0x082, kReservationConflict = 0x083, kFormatInProgress = 0x084;
// SCT 1, command specific
constexpr Status kInvalidQid = 0x101, kInvalidQueueSize = 0x102, kAbortLimit = 0x103, kAerLimit = 0x105,
                 kInvalidLogPage = 0x109, kInvalidFormat = 0x10a, kFeatureNotSaveable = 0x10d,
                 kFeatureNotChangeable = 0x10e, kFeatureNotNs = 0x10f, kNsIsDispersed = 0x12e,
                 kConnectIncompatibleFormat = 0x180, kConnectBusy = 0x181, kConnectInvalidParams = 0x182,
                 kConnectRestartDiscovery = 0x183, kConnectInvalidHost = 0x184, kInvalidQueueType = 0x185,
                 kDiscoverRestart = 0x190, kAuthRequired = 0x191, kConflictingAttributes = 0x180,
                 kReadOnlyRange = 0x182, kCommandSizeLimit = 0x183;
// SCT 2, media and data integrity
constexpr Status kWriteFault = 0x280, kReadError = 0x281, kGuardCheck = 0x282, kAppTagCheck = 0x283,
                 kRefTagCheck = 0x284, kCompareFailure = 0x285, kAccessDenied = 0x286, kDeallocated = 0x287;
// SCT 3, path related
constexpr Status kPathInternal = 0x300, kAnaPersistentLoss = 0x301, kAnaInaccessible = 0x302,
                 kAnaTransition = 0x303, kControllerPathing = 0x360, kHostPathing = 0x370,
                 kAbortedByHost = 0x371;
}  // namespace st
// CQE status field (bits 15:14 of CQE dword 3's upper half): phase 0, SC 8:1, SCT 11:9, DNR 15.
constexpr uint16_t kCqeDnr = 0x8000;
constexpr uint16_t cqe_status(Status s, bool dnr) {
  return static_cast<uint16_t>((s << 1) | (dnr ? kCqeDnr : 0));
}
constexpr Status status_of_cqe(uint16_t f) {
  return static_cast<Status>((f >> 1) & 0x7ff);
}

// ---- Properties (Base §3.1.4) ----------------------------------------------------------------------------
namespace prop {
constexpr uint32_t kCap = 0x00, kVs = 0x08, kCc = 0x14, kCsts = 0x1c, kNssr = 0x20, kCrto = 0x68;
constexpr uint32_t kCcEnable = 1u, kCcShnMask = 3u << 14, kCstsReady = 1u, kCstsFatal = 2u,
                   kCstsShstMask = 3u << 2, kCstsShutdownBusy = 1u << 2, kCstsShutdownDone = 2u << 2;
}  // namespace prop
constexpr uint32_t kVersion21 = 0x00020100;

// ---- Identify CNS, log pages, features -------------------------------------------------------------------
namespace cns {
constexpr uint8_t kNamespace = 0x00, kController = 0x01, kActiveNsList = 0x02, kNsDescriptors = 0x03,
                  kCsNamespace = 0x05, kCsController = 0x06, kCsActiveNsList = 0x07,
                  kIndependentNamespace = 0x08, kAllocatedNsList = 0x10, kAllocatedNamespace = 0x11,
                  kNsControllerList = 0x12, kControllerList = 0x13, kIoCommandSet = 0x1c;
}  // namespace cns
namespace lid {
constexpr uint8_t kSupported = 0x00, kError = 0x01, kSmart = 0x02, kFirmware = 0x03, kChangedNs = 0x04,
                  kCommandEffects = 0x05, kAna = 0x0c, kFeatureEffects = 0x12, kMiEffects = 0x13,
                  kDispersedSubsystems = 0x17, kDiscovery = 0x70, kReservation = 0x80;
}  // namespace lid
namespace fid {
constexpr uint8_t kArbitration = 0x01, kPowerManagement = 0x02, kTemperature = 0x04, kErrorRecovery = 0x05,
                  kVolatileWriteCache = 0x06, kNumQueues = 0x07, kWriteAtomicity = 0x0a,
                  kAsyncEventConfig = 0x0b, kTimestamp = 0x0e, kKeepAliveTimer = 0x0f, kHostBehavior = 0x16,
                  kHostId = 0x81, kResvNotifyMask = 0x82, kResvPersist = 0x83;
}  // namespace fid
namespace aen {
constexpr uint8_t kTypeError = 0, kTypeSmart = 1, kTypeNotice = 2, kTypeIoSpecific = 6;
constexpr uint8_t kNsAttribute = 0x00, kFirmware = 0x01, kAnaChange = 0x03, kDiscoveryChange = 0xf0;
constexpr uint32_t kBitNsAttribute = 1u << 8, kBitFirmware = 1u << 9, kBitAna = 1u << 11,
                   kBitDiscovery = 1u << 31;
}  // namespace aen
namespace ana {
constexpr uint8_t kOptimized = 0x1, kNonOptimized = 0x2, kInaccessible = 0x3, kPersistentLoss = 0x4,
                  kChange = 0xf;
}  // namespace ana
namespace resv {
constexpr uint8_t kActRegister = 0, kActUnregister = 1, kActReplace = 2;
constexpr uint8_t kActAcquire = 0, kActPreempt = 1, kActPreemptAbort = 2;
constexpr uint8_t kActRelease = 0, kActClear = 1;
constexpr uint8_t kWriteExclusive = 1, kExclusiveAccess = 2, kWeRegistrants = 3, kEaRegistrants = 4,
                  kWeAllRegistrants = 5, kEaAllRegistrants = 6;
constexpr uint32_t kPersistSet = 3u << 30, kPersistClear = 2u << 30;  // CPTPL of Register's CDW10
constexpr uint32_t kReportExtended = 1;                               // EDS of Report's CDW11
// RESCAP of Identify Namespace.
constexpr uint8_t kCapPersist = 1u << 0, kCapExclusiveAccess = 1u << 2, kCapIgnoreKey = 1u << 7;
constexpr uint16_t kOncsBit = 1u << 5;
}  // namespace resv

constexpr uint32_t kNsidAll = 0xffffffffu;
constexpr uint16_t kCntlidDynamic = 0xffff;

}  // namespace spec
}  // namespace nvtee

#endif
