#include "runtime/nvmf/front/features.hpp"

#include <nvme/types.h>

#include <algorithm>

#include "runtime/nvmf/front/identify.hpp"

namespace nvtee::nvmf {
namespace {

namespace fid = spec::fid;
namespace st = spec::st;

enum : std::uint32_t { kCurrent = 0, kDefault = 1, kSaved = 2, kSupported = 3 };
enum : std::uint32_t { kNamespaceSpecific = 2, kChangeable = 4 };  // DW0 of "supported capabilities"
constexpr std::uint32_t kSave = 1u << 31, kExtendedHostId = 1, kDulbe = 1u << 16, kNsDispersed = 2;

struct Known {
  std::uint8_t fid;
  bool discovery;  // on discovery controllers too
  std::uint32_t capabilities;
};
constexpr Known kKnown[] = {
    {fid::kArbitration, false, kChangeable},
    {fid::kPowerManagement, false, kChangeable},
    {fid::kTemperature, false, kChangeable},
    {fid::kErrorRecovery, false, kChangeable | kNamespaceSpecific},
    {fid::kVolatileWriteCache, false, 0},
    {fid::kNumQueues, false, kChangeable},
    {fid::kWriteAtomicity, false, kChangeable},
    {fid::kAsyncEventConfig, true, kChangeable},
    {fid::kTimestamp, false, kChangeable},
    {fid::kKeepAliveTimer, true, kChangeable},
    {fid::kHostBehavior, false, kChangeable},
    {fid::kHostId, false, kChangeable},
};

const Known* find(std::uint8_t id) {
  const auto i = std::ranges::find(kKnown, id, &Known::fid);
  return i == std::end(kKnown) ? nullptr : i;
}

// Backend features, and what LID 12h says of them when reservations are offered.
constexpr std::uint32_t effect(std::uint32_t scope) {
  return NVME_FID_SUPPORTED_EFFECTS_FSUPP | (scope << NVME_FID_SUPPORTED_EFFECTS_SCOPE_SHIFT);
}

}  // namespace

bool Features::offered(std::uint8_t id) const {
  const Known* known = find(id);
  if (!known || (kind_ == ControllerKind::kDiscovery && !known->discovery)) return false;
  const SubsystemModel& m = view_.model();
  if (id == fid::kVolatileWriteCache) return m.vwc & NVME_CTRL_VWC_PRESENT;
  if (id == fid::kTimestamp) return m.oncs & NVME_CTRL_ONCS_TIMESTAMP;
  return true;
}

std::map<std::uint8_t, std::uint32_t> Features::effects() const {
  std::map<std::uint8_t, std::uint32_t> out;
  for (const Known& k : kKnown) {
    const bool per_namespace = k.capabilities & kNamespaceSpecific;
    if (offered(k.fid))
      out[k.fid] =
          effect(per_namespace ? NVME_FID_SUPPORTED_EFFECTS_SCOPE_NS : NVME_FID_SUPPORTED_EFFECTS_SCOPE_CTRL);
  }
  if (kind_ == ControllerKind::kIo && (view_.model().oncs & NVME_CTRL_ONCS_RESERVATIONS))
    out[fid::kResvNotifyMask] = out[fid::kResvPersist] = effect(NVME_FID_SUPPORTED_EFFECTS_SCOPE_NS);
  return out;
}

unsigned Features::granted_queues() const {
  return queues_ ? *queues_ : std::max<unsigned>(view_.model().max_io_queues, 1);
}

void Features::reset() {
  const ControllerInfo before = info_;
  arbitration_ = under_temperature_ = write_atomicity_ = event_config_ = 0;
  over_temperature_ = kOverDefault;
  error_recovery_.clear();
  queues_.reset();
  behavior_.fill(std::byte{0});
  info_.hdisns = info_.acre = false;
  if (before.hdisns || before.acre) view_.controller_changed(info_);
}

AdminReply Features::backend(const Sqe& sqe, std::span<const std::byte> data) {
  if (auto reply = view_.ask_backend(info_, sqe, data)) {
    const bool to_host = sqe.opcode == spec::admin::kGetFeatures && !reply->data.empty();
    if (to_host && reply->status == st::kOk && reply->data.size() != sqe.sgl.length)
      return refusal(st::kSglLength);
    return std::move(*reply);
  }
  return refusal(st::kInvalidField);
}

// ---- Get ----

AdminReply Features::get(const Sqe& sqe, Time now) {
  const auto id = static_cast<std::uint8_t>(sqe.cdw10 & 0xff);
  const std::uint32_t select = (sqe.cdw10 >> 8) & 7;
  if (select > kSupported) return refusal(st::kInvalidField);
  if (!find(id)) return kind_ == ControllerKind::kIo ? backend(sqe, {}) : refusal(st::kInvalidField);
  if (!offered(id)) return refusal(st::kInvalidField);
  if (select == kSupported) return done(find(id)->capabilities);
  if (select == kCurrent) return current(sqe, now);
  // Default, and saved (nothing is saveable, so that saved is the default).
  ControllerInfo fresh = info_;
  fresh.hdisns = fresh.acre = false;
  fresh.host_id = {};
  fresh.kato_ms = 0;
  Features defaults(kind_, view_, fresh);
  return defaults.current(sqe, now);
}

AdminReply Features::current(const Sqe& sqe, Time now) {
  switch (sqe.cdw10 & 0xff) {
    case fid::kArbitration:
      return done(arbitration_);
    case fid::kPowerManagement:
      return done(0);
    case fid::kTemperature: {
      const std::uint32_t sensor = (sqe.cdw11 >> 16) & 15, kind = (sqe.cdw11 >> 20) & 3;
      if (sensor != 0 || kind > 1) return refusal(st::kInvalidField);
      return done(kind == 0 ? over_temperature_ : under_temperature_);
    }
    case fid::kErrorRecovery: {
      if (!view_.model().namespaces.contains(sqe.nsid)) return refusal(st::kInvalidNamespace);
      const auto i = error_recovery_.find(sqe.nsid);
      return done(i == error_recovery_.end() ? 0 : i->second);
    }
    case fid::kVolatileWriteCache:
      return done(1);
    case fid::kNumQueues: {
      const std::uint32_t n = granted_queues() - 1;
      return done(n | (n << 16));
    }
    case fid::kWriteAtomicity:
      return done(write_atomicity_);
    case fid::kAsyncEventConfig:
      return done(event_config_);
    case fid::kTimestamp:
      return data_reply(timestamp(now), sqe);
    case fid::kKeepAliveTimer:
      return done(info_.kato_ms);
    case fid::kHostBehavior:
      return data_reply({behavior_.begin(), behavior_.end()}, sqe);
    case fid::kHostId: {
      if (!(sqe.cdw11 & kExtendedHostId)) return refusal(st::kHostIdFormat);
      return data_reply(bytes_of(info_.host_id), sqe);
    }
    default:
      return refusal(st::kInvalidField);
  }
}

std::vector<std::byte> Features::timestamp(Time now) const {
  // Before it is set: milliseconds of our own clock, origin 0 (since the last reset).
  const std::uint64_t ms =
      (time_set_ ? time_base_ms_ + (now - time_set_at_) / kMillisecond : now / kMillisecond) &
      0xffff'ffff'ffff;
  nvme_timestamp t{};
  std::memcpy(t.timestamp, &ms, sizeof t.timestamp);
  t.attr = time_set_ ? 1u << 1 : 0;  // origin 1: set by the host
  return bytes_of(t);
}

// ---- Set ----

bool Features::dispersed_refused(std::uint32_t nsid) const {
  if (info_.hdisns || nsid == 0) return false;
  return std::ranges::any_of(view_.model().namespaces, [&](const auto& item) {
    const bool named = nsid == item.first || nsid == spec::kNsidAll;
    return named && (item.second.nmic & kNsDispersed) && !view_.dispersed_access(info_, item.first);
  });
}

AdminReply Features::set(const Sqe& sqe, std::span<const std::byte> data, unsigned io_queues, Time now) {
  const auto id = static_cast<std::uint8_t>(sqe.cdw10 & 0xff);
  const Known* known = find(id);
  if (known && !offered(id)) return refusal(st::kInvalidField);
  // FFFFFFFFh counts only where the feature can affect all namespaces (Base §8.1.9.4).
  const bool per_namespace = !known || (known->capabilities & kNamespaceSpecific);
  if ((sqe.nsid != spec::kNsidAll || per_namespace) && dispersed_refused(sqe.nsid))
    return refusal(st::kDispersedNotEnabled);
  if (sqe.cdw10 & kSave) return refusal(st::kFeatureNotSaveable);
  if (!known) return kind_ == ControllerKind::kIo ? backend(sqe, data) : refusal(st::kInvalidField);
  if (!per_namespace && sqe.nsid != 0 && sqe.nsid != spec::kNsidAll) return refusal(st::kFeatureNotNs);
  return set_known(sqe, data, io_queues, now);
}

AdminReply Features::set_known(const Sqe& sqe, std::span<const std::byte> data, unsigned io_queues,
                               Time now) {
  switch (sqe.cdw10 & 0xff) {
    case fid::kArbitration:
      arbitration_ = sqe.cdw11;
      return done();
    case fid::kPowerManagement:
      return (sqe.cdw11 & 31) == 0 ? done() : refusal(st::kInvalidField);
    case fid::kTemperature:
      return set_temperature(sqe.cdw11);
    case fid::kErrorRecovery:
      return set_error_recovery(sqe);
    case fid::kVolatileWriteCache:
      return set_write_cache(sqe, data);
    case fid::kNumQueues:
      return set_queues(sqe.cdw11, io_queues);
    case fid::kWriteAtomicity:
      write_atomicity_ = sqe.cdw11 & 1;
      return done();
    case fid::kAsyncEventConfig:
      return set_events(sqe.cdw11);
    case fid::kTimestamp:
      return set_timestamp(sqe, data, now);
    case fid::kKeepAliveTimer:
      return set_keep_alive(sqe.cdw11);
    case fid::kHostBehavior:
      return set_behavior(sqe, data);
    case fid::kHostId:
      return set_host_id(sqe, data);
    default:
      return refusal(st::kInvalidField);
  }
}

AdminReply Features::set_temperature(std::uint32_t cdw11) {
  const std::uint32_t sensor = (cdw11 >> 16) & 15, kind = (cdw11 >> 20) & 3;
  if ((sensor != 0 && sensor != 15) || kind > 1) return refusal(st::kInvalidField);
  (kind == 0 ? over_temperature_ : under_temperature_) = cdw11 & 0xffff;
  return done();
}

AdminReply Features::set_error_recovery(const Sqe& sqe) {
  if (sqe.cdw11 & kDulbe) return refusal(st::kInvalidField);  // NSFEAT does not offer it
  const auto& all = view_.model().namespaces;
  if (sqe.nsid != spec::kNsidAll && !all.contains(sqe.nsid)) return refusal(st::kInvalidNamespace);
  std::erase_if(error_recovery_, [&](const auto& item) { return !all.contains(item.first); });
  for (const auto& [nsid, ns] : all)
    if (sqe.nsid == nsid || sqe.nsid == spec::kNsidAll) error_recovery_[nsid] = sqe.cdw11 & 0xffff;
  return done();
}

AdminReply Features::set_write_cache(const Sqe& sqe, std::span<const std::byte> data) {
  if (sqe.cdw11 & 1) return done();  // it is on
  if (auto reply = view_.ask_backend(info_, sqe, data)) return std::move(*reply);
  return refusal(st::kFeatureNotChangeable);
}

AdminReply Features::set_queues(std::uint32_t cdw11, unsigned io_queues) {
  const std::uint32_t submission = cdw11 & 0xffff, completion = cdw11 >> 16;
  if (submission == 0xffff || completion == 0xffff) return refusal(st::kInvalidField);
  if (io_queues != 0) return refusal(st::kCommandSequence);
  // A connection is one pair: the larger request decides, as unused ones cost nothing.
  const std::uint32_t most = std::max<std::uint32_t>(view_.model().max_io_queues, 1) - 1;
  const std::uint32_t n = std::min(std::max(submission, completion), most);
  queues_ = static_cast<std::uint16_t>(n + 1);
  return done(n | (n << 16));
}

AdminReply Features::set_events(std::uint32_t cdw11) {
  constexpr std::uint32_t kSmartBits = 0xff;
  const std::uint32_t smart = kind_ == ControllerKind::kIo ? kSmartBits : 0;
  if (cdw11 & ~(offered_events(kind_, view_.model()) | smart)) return refusal(st::kInvalidField);
  event_config_ = cdw11;
  return done();
}

AdminReply Features::set_timestamp(const Sqe& sqe, std::span<const std::byte> data, Time now) {
  if (data.size() != sizeof(nvme_timestamp) || sqe.sgl.length != data.size()) return refusal(st::kSglLength);
  time_base_ms_ = 0;
  std::memcpy(&time_base_ms_, data.data(), 6);
  time_set_at_ = now;
  time_set_ = true;
  return done();
}

AdminReply Features::set_keep_alive(std::uint32_t milliseconds) {
  if (milliseconds == 0) return refusal(st::kKeepAliveInvalid);  // may not be switched off on fabrics
  info_.kato_ms = milliseconds;
  view_.controller_changed(info_);
  return done();
}

AdminReply Features::set_behavior(const Sqe& sqe, std::span<const std::byte> data) {
  if (data.size() != behavior_.size() || sqe.sgl.length != data.size()) return refusal(st::kSglLength);
  constexpr std::size_t kAcre = 0, kEtdas = 1, kLbafee = 2, kHdisns = 3;
  for (const std::size_t flag : {kAcre, kEtdas, kLbafee, kHdisns})
    if (data[flag] > std::byte{1}) return refusal(st::kInvalidField);
  std::ranges::copy(data, behavior_.begin());
  info_.acre = data[kAcre] == std::byte{1};
  info_.hdisns = data[kHdisns] == std::byte{1};
  view_.controller_changed(info_);
  return done();
}

AdminReply Features::set_host_id(const Sqe& sqe, std::span<const std::byte> data) {
  if (!(sqe.cdw11 & kExtendedHostId)) return refusal(st::kHostIdFormat);  // fabrics: 128 bits
  if (data.size() != info_.host_id.size()) return refusal(st::kSglLength);
  const bool same = std::memcmp(data.data(), info_.host_id.data(), data.size()) == 0;
  const bool unset = std::ranges::all_of(info_.host_id, [](std::uint8_t b) { return b == 0; });
  if (same) return done();
  if (!unset) return refusal(st::kCommandSequence);
  std::memcpy(info_.host_id.data(), data.data(), data.size());
  view_.controller_changed(info_);
  return done();
}

}  // namespace nvtee::nvmf
