#include "runtime/nvmf/front/admin_core.hpp"

#include <utility>

#include "runtime/nvmf/front/identify.hpp"

namespace nvtee::nvmf {
namespace {

namespace st = spec::st;
namespace op = spec::admin;

AdminCore::Outcome answer(AdminReply reply) {
  return {.reply = std::move(reply)};
}

}  // namespace

AdminCore::AdminCore(ControllerKind kind, SubsystemView& view, ControllerInfo info, Time now)
    : kind_(kind),
      view_(view),
      info_(std::move(info)),
      properties_(kind, view.model().max_entries),
      features_(kind, view, info_),
      logs_(kind, view, info_, features_, events_),
      keep_alive_from_(now) {}

AdminCore::Outcome AdminCore::execute(const Sqe& sqe, std::span<const std::byte> data, Time now) {
  if (kind_ == ControllerKind::kDiscovery && info_.kato_ms == 0) keep_alive_from_ = now;
  if (sqe.opcode == spec::kOpFabrics) return fabrics(sqe, now);
  if (sqe.flags & spec::kFuseMask) return answer(refusal(st::kInvalidField));
  if (sqe.opcode == op::kKeepAlive) {
    keep_alive_from_ = now;
    return answer(done());
  }
  if (!properties_.ready()) return answer(refusal(st::kCommandSequence));
  if (sqe.opcode == op::kAsyncEvent) return event_request(sqe);
  return answer(plain(sqe, data, now));
}

// ---- Fabrics commands ----

AdminCore::Outcome AdminCore::fabrics(const Sqe& sqe, Time now) {
  // Attributes: low three bits of byte 40; 0 = 4 bytes, 1 = 8 bytes.
  const std::uint32_t size = sqe.cdw10 & 7;
  switch (sqe.fctype()) {
    case spec::fabrics::kPropertyGet:
      if (size > 1) return answer(refusal(st::kInvalidField));
      return answer(properties_.get(sqe.cdw11, size == 1));
    case spec::fabrics::kPropertySet:
      return property_set(sqe, now);
    case spec::fabrics::kConnect:
      return answer(refusal(st::kCommandSequence));  // this queue is connected
    default:
      return answer(refusal(st::kInvalidOpcode));  // Disconnect (OFCS 0) and authentication are not offered
  }
}

AdminCore::Outcome AdminCore::property_set(const Sqe& sqe, Time now) {
  const std::uint32_t size = sqe.cdw10 & 7;
  if (size > 1) return answer(refusal(st::kInvalidField));
  const std::uint64_t value = std::uint64_t{sqe.cdw13} << 32 | sqe.cdw12;
  Properties::Change change = properties_.set(sqe.cdw11, size == 1, value);
  Outcome out{.reply = std::move(change.reply), .quiesce = change.quiesce};
  if (change.enabled) keep_alive_from_ = now;
  if (change.reset) {
    out.aborted = events_.reset();
    features_.reset();
    logs_.reset();
  }
  return out;
}

// ---- Admin commands ----

AdminCore::Outcome AdminCore::event_request(const Sqe& sqe) {
  if (!events_.submit(sqe.cid)) return answer(refusal(st::kAerLimit));
  return {.held = true};
}

AdminReply AdminCore::plain(const Sqe& sqe, std::span<const std::byte> data, Time now) {
  const std::uint8_t mdts = view_.model().mdts;
  switch (sqe.opcode) {
    case op::kIdentify:
      return identify(kind_, view_, info_, sqe);
    case op::kGetLogPage:
      return logs_.get(sqe, mdts == 0 || mdts > 8 ? kMostBytes : std::uint64_t{4096} << mdts);
    case op::kGetFeatures:
      return features_.get(sqe, now);
    case op::kSetFeatures: {
      AdminReply reply = features_.set(sqe, data, io_queues_, now);
      const bool kato = (sqe.cdw10 & 0xff) == spec::fid::kKeepAliveTimer;
      if (kato && reply.status == st::kOk) keep_alive_from_ = now;
      return reply;
    }
    // Commands are answered in the order of arrival or are beyond recall: none is ever aborted.
    case op::kAbort:
      return done(1);
    default:
      return other(sqe, data);
  }
}

AdminReply AdminCore::other(const Sqe& sqe, std::span<const std::byte> data) {
  if (kind_ == ControllerKind::kDiscovery) return refusal(st::kInvalidOpcode);
  auto reply = view_.ask_backend(info_, sqe, data);
  if (!reply) return refusal(st::kInvalidOpcode);
  if (reply->status == st::kOk && !reply->data.empty() && reply->data.size() != sqe.sgl.length)
    return refusal(st::kSglLength);
  return std::move(*reply);
}

// ---- Events ----

void AdminCore::namespace_changed(std::uint32_t nsid) {
  logs_.changed().add(nsid);
  raise({spec::aen::kTypeNotice, spec::aen::kNsAttribute, spec::lid::kChangedNs});
}

void AdminCore::raise(const AsyncEvent& event) {
  const std::uint32_t config = features_.event_config();
  if (event.type == spec::aen::kTypeNotice) {
    std::uint32_t bit = 0;
    switch (event.info) {
      case spec::aen::kNsAttribute:
        bit = spec::aen::kBitNsAttribute;
        break;
      case spec::aen::kFirmware:
        bit = spec::aen::kBitFirmware;
        break;
      case spec::aen::kAnaChange:
        bit = spec::aen::kBitAna;
        break;
      case spec::aen::kDiscoveryChange:
        bit = spec::aen::kBitDiscovery;
        break;
      default:
        break;
    }
    if (!(config & bit)) return;
  }
  if (event.type == spec::aen::kTypeSmart && !(config & 0xff)) return;
  events_.raise(event);
}

// ---- Keep-alive ----

std::uint32_t AdminCore::effective_kato_ms() const {
  if (info_.kato_ms == 0) return kind_ == ControllerKind::kDiscovery ? kIdleDiscoveryMs : 0;
  return info_.kato_ms;
}

Time AdminCore::keep_alive_deadline() const {
  const std::uint64_t ms = effective_kato_ms();
  if (ms == 0) return kNever;
  const std::uint64_t units = (ms + kKeepAliveGranularityMs - 1) / kKeepAliveGranularityMs;
  return keep_alive_from_ + units * kKeepAliveGranularityMs * kMillisecond;
}

}  // namespace nvtee::nvmf
