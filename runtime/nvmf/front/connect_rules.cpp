#include "runtime/nvmf/front/connect_rules.hpp"

#include "runtime/base/limits.hpp"

#include <nvme/types.h>

#include <algorithm>

namespace nvtee::nvmf {
namespace {

namespace at = connect_offset;
namespace st = spec::st;

constexpr std::size_t kLongestNqn = 223;
constexpr std::uint32_t kAdminEntries =
    limits::kQueueEntries;  // ASQSZ of the discovery log; Linux asks for 32

static_assert(sizeof(nvmf_connect_data) == 1024);

// The text before the first NUL; nothing when there is none.
std::optional<std::string> text_of(const char (&field)[NVME_NQN_LENGTH]) {
  const auto* end = std::find(std::begin(field), std::end(field), '\0');
  if (end == std::end(field)) return {};
  return std::string(std::begin(field), end);
}

bool zero(const std::array<std::uint8_t, 16>& id) {
  return std::ranges::all_of(id, [](std::uint8_t b) { return b == 0; });
}

std::optional<ConnectRefusal> check_size(const ConnectRequest& r, std::uint32_t most) {
  if (r.entries < 2 || r.entries > most)
    return bad_sqe_field(
        at::kSqsize, "SQSIZE " + std::to_string(r.entries - 1) + " is not in 1.." + std::to_string(most - 1));
  return {};
}

}  // namespace

ConnectRefusal bad_sqe_field(std::uint16_t offset, std::string why, bool dnr) {
  return {st::kConnectInvalidParams, offset, dnr, std::move(why)};
}

ConnectRefusal bad_data_field(std::uint16_t offset, std::string why, bool dnr) {
  return {st::kConnectInvalidParams, (1u << 16) | offset, dnr, std::move(why)};
}

bool valid_nqn(std::string_view nqn) {
  if (nqn.size() < 5 || nqn.size() > kLongestNqn || !nqn.starts_with("nqn.")) return false;
  return std::ranges::all_of(nqn, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

std::expected<ConnectRequest, ConnectRefusal> parse_connect(const Sqe& sqe,
                                                            std::span<const std::byte, 1024> data) {
  const auto recfmt = static_cast<std::uint16_t>(sqe.cdw10 & 0xffff);
  if (recfmt != 0)
    return std::unexpected(ConnectRefusal{st::kConnectIncompatibleFormat, 0, true, "RECFMT is not 0"});
  nvmf_connect_data d;
  std::memcpy(&d, data.data(), sizeof d);
  ConnectRequest r;
  r.qid = static_cast<std::uint16_t>(sqe.cdw10 >> 16);
  r.entries = (sqe.cdw11 & 0xffff) + 1;
  r.flow_control_off = (sqe.cdw11 >> 16) & spec::fabrics::kCattrDisableSqFlow;
  r.kato_ms = r.qid == 0 ? sqe.cdw12 : 0;
  std::memcpy(r.host_id.data(), d.hostid, 16);
  r.cntlid = d.cntlid;
  const auto sub = text_of(d.subsysnqn), host = text_of(d.hostnqn);
  if (!sub || !valid_nqn(*sub)) return std::unexpected(bad_data_field(at::kSubNqn, "SUBNQN is malformed"));
  if (!host || !valid_nqn(*host))
    return std::unexpected(bad_data_field(at::kHostNqn, "HOSTNQN is malformed"));
  r.subsystem_nqn = *sub;
  r.host_nqn = *host;
  return r;
}

std::optional<ConnectRefusal> check_admin_connect(const SubsystemModel& model, const ConnectRequest& r,
                                                  std::size_t controllers, std::size_t of_this_host) {
  if (r.subsystem_nqn != model.nqn) return bad_data_field(at::kSubNqn, "no such subsystem", false);
  if (!model.any_host && !model.hosts.contains(r.host_nqn))
    return ConnectRefusal{st::kConnectInvalidHost, 0, true, "the host is not in the allow-list"};
  // Dynamic controllers only (FCATT 0): FFFFh. FFFEh (any static one) and ids are refused alike.
  if (r.cntlid != spec::kCntlidDynamic)
    return bad_data_field(at::kCntlid, "a static controller was asked for");
  if (auto bad = check_size(r, kAdminEntries)) return bad;
  if (controllers >= model.max_controllers)
    return ConnectRefusal{st::kConnectBusy, 0, false, "all controllers are in use"};
  if (of_this_host >= model.max_controllers_per_host)
    return ConnectRefusal{st::kConnectBusy, 0, false, "the host has as many controllers as it may"};
  return {};
}

std::optional<ConnectRefusal> check_io_connect(const SubsystemModel& model, const ConnectRequest& r,
                                               const IoConnectTarget& target) {
  if (r.subsystem_nqn != model.nqn) return bad_data_field(at::kSubNqn, "no such subsystem", false);
  // The controller may have ended a moment ago; the host finds out and starts over.
  if (!target.controller) return bad_data_field(at::kCntlid, "no such controller", false);
  const ControllerInfo& c = *target.controller;
  if (r.host_nqn != c.host_nqn) return bad_data_field(at::kHostNqn, "the controller belongs to another host");
  if (!zero(r.host_id) && r.host_id != c.host_id)
    return bad_data_field(at::kHostId, "the controller has another host id");
  if (!target.takes_io_queues) return bad_sqe_field(at::kQid, "the controller is not ready", false);
  if (r.qid > target.queues)
    return bad_sqe_field(at::kQid, "QID " + std::to_string(r.qid) + " is more than were granted");
  if (auto bad = check_size(r, model.max_entries)) return bad;
  if (target.queue_exists) return bad_sqe_field(at::kQid, "the queue exists already", false);
  if (target.queues_of_host >= model.max_queues_per_host)
    return ConnectRefusal{st::kConnectBusy, 0, false, "the host has as many I/O queues as it may"};
  return {};
}

}  // namespace nvtee::nvmf
