// Identify (admin opcode 06h): one reply for a CNS value. Layouts: Base §5.1.13, NVM CS §4.1.5.
#pragma once

#include "runtime/nvmf/front/admin_types.hpp"

namespace nvtee::nvmf {

inline constexpr std::uint32_t kIdentifyBytes = 4096;
inline constexpr std::uint16_t kKeepAliveGranularityMs = 100;  // KAS = 1
inline constexpr std::uint8_t kErrorLogEntries = 64;           // ELPE + 1

// Optional asynchronous events that a controller can report (OAES, and the notices that FID 0Bh may enable).
std::uint32_t offered_events(ControllerKind kind, const SubsystemModel& model);
// ONCS as shown: the model's bits, and select in Get Features, which the front implements itself.
std::uint16_t shown_oncs(const SubsystemModel& model);

AdminReply identify(ControllerKind kind, const SubsystemView& view, const ControllerInfo& controller,
                    const Sqe& sqe);

}  // namespace nvtee::nvmf
