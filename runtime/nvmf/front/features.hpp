// Get Features and Set Features (admin opcodes 0Ah, 09h) of one controller. Nothing is saveable: SV is
// refused (1/0Dh). FIDs that are not known here are the backend's (reservations: 82h, 83h; write protection:
// 84h).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "runtime/base/time.hpp"
#include "runtime/nvmf/front/admin_types.hpp"

namespace nvtee::nvmf {

class Features {
 public:
  Features(ControllerKind kind, SubsystemView& view, ControllerInfo& info)
      : kind_(kind), view_(view), info_(info) {}

  AdminReply get(const Sqe& sqe, Time now);
  // `io_queues`: how many exist now (Number of Queues may change only while there is none).
  AdminReply set(const Sqe& sqe, std::span<const std::byte> data, unsigned io_queues, Time now);

  // Controller reset: everything but host id and KATO goes back to its default.
  void reset();

  std::uint32_t event_config() const { return event_config_; }
  unsigned granted_queues() const;
  // FIDs that are supported, with their entry of LID 12h.
  std::map<std::uint8_t, std::uint32_t> effects() const;

 private:
  AdminReply current(const Sqe& sqe, Time now);
  AdminReply backend(const Sqe& sqe, std::span<const std::byte> data);
  bool offered(std::uint8_t fid) const;
  bool dispersed_refused(std::uint32_t nsid) const;
  AdminReply set_known(const Sqe& sqe, std::span<const std::byte> data, unsigned io_queues, Time now);
  AdminReply set_temperature(std::uint32_t cdw11);
  AdminReply set_error_recovery(const Sqe& sqe);
  AdminReply set_queues(std::uint32_t cdw11, unsigned io_queues);
  AdminReply set_events(std::uint32_t cdw11);
  AdminReply set_timestamp(const Sqe& sqe, std::span<const std::byte> data, Time now);
  AdminReply set_keep_alive(std::uint32_t milliseconds);
  AdminReply set_behavior(const Sqe& sqe, std::span<const std::byte> data);
  AdminReply set_host_id(const Sqe& sqe, std::span<const std::byte> data);
  AdminReply set_write_cache(const Sqe& sqe, std::span<const std::byte> data);
  std::vector<std::byte> timestamp(Time now) const;

  static constexpr std::uint32_t kOverDefault = 0xffff;  // no temperature is measured: never reached

  ControllerKind kind_;
  SubsystemView& view_;
  ControllerInfo& info_;
  std::uint32_t arbitration_ = 0;
  std::uint32_t over_temperature_ = kOverDefault, under_temperature_ = 0;
  std::map<std::uint32_t, std::uint32_t> error_recovery_;  // NSID -> TLER
  std::uint32_t write_atomicity_ = 0;
  std::uint32_t event_config_ = 0;
  std::optional<std::uint16_t> queues_;  // granted by FID 07h
  std::uint64_t time_base_ms_ = 0;       // timestamp as set
  Time time_set_at_ = 0;
  bool time_set_ = false;
  std::array<std::byte, 512> behavior_{};
};

}  // namespace nvtee::nvmf
