#include "runtime/nvmf/front/log_pages.hpp"

#include <nvme/types.h>

#include <algorithm>

#include "runtime/nvmf/front/identify.hpp"

namespace nvtee::nvmf {
namespace {

namespace lid = spec::lid;
namespace st = spec::st;

constexpr std::uint32_t kRetainEvent = 1u << 15, kIndexOffset = 1u << 23;
constexpr std::uint8_t kTransportTcp = 3;
constexpr std::uint32_t kGroupsOnly = 1;  // LSP bit 0 of LID 0Ch

struct Request {
  explicit Request(const Sqe& sqe)
      : page(static_cast<std::uint8_t>(sqe.cdw10 & 0xff)),
        retain(sqe.cdw10 & kRetainEvent),
        length(((std::uint64_t{sqe.cdw11 & 0xffff} << 16 | sqe.cdw10 >> 16) + 1) * 4),
        offset(std::uint64_t{sqe.cdw13} << 32 | sqe.cdw12) {}
  std::uint8_t page;
  bool retain;
  std::uint64_t length, offset;
};

std::uint32_t lsp(const Sqe& sqe) {
  return (sqe.cdw10 >> 8) & 0x7f;
}

template <class T>
void append(std::vector<std::byte>& out, const T& value) {
  const auto* p = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), p, p + sizeof(T));
}

std::vector<std::byte> firmware(const SubsystemModel& m) {
  nvme_firmware_slot log{};
  log.afi = 1;
  put_text(log.frs[0], m.firmware, ' ');
  return bytes_of(log);
}

std::vector<std::byte> command_effects(const SubsystemModel& m) {
  namespace a = spec::admin;
  namespace i = spec::io;
  nvme_cmd_effects_log log{};
  for (const std::uint8_t op : {a::kGetLogPage, a::kIdentify, a::kAbort, a::kSetFeatures, a::kGetFeatures,
                                a::kAsyncEvent, a::kKeepAlive})
    log.acs[op] = NVME_CMD_EFFECTS_CSUPP;
  constexpr std::uint32_t kWrites = NVME_CMD_EFFECTS_CSUPP | NVME_CMD_EFFECTS_LBCC;
  log.iocs[i::kFlush] = log.iocs[i::kRead] = NVME_CMD_EFFECTS_CSUPP;
  log.iocs[i::kWrite] = kWrites;
  if (m.oncs & NVME_CTRL_ONCS_COMPARE) log.iocs[i::kCompare] = NVME_CMD_EFFECTS_CSUPP;
  if (m.oncs & NVME_CTRL_ONCS_WRITE_UNCORRECTABLE) log.iocs[i::kWriteUncorrectable] = kWrites;
  if (m.oncs & NVME_CTRL_ONCS_DSM) log.iocs[i::kDsm] = kWrites;
  if (m.oncs & NVME_CTRL_ONCS_WRITE_ZEROES) log.iocs[i::kWriteZeroes] = kWrites;
  if (m.oncs & NVME_CTRL_ONCS_VERIFY) log.iocs[i::kVerify] = NVME_CMD_EFFECTS_CSUPP;
  if (m.oncs & NVME_CTRL_ONCS_COPY) log.iocs[i::kCopy] = kWrites;
  if (m.oncs & NVME_CTRL_ONCS_RESERVATIONS)
    for (const std::uint8_t op : {i::kResvRegister, i::kResvReport, i::kResvAcquire, i::kResvRelease})
      log.iocs[op] = NVME_CMD_EFFECTS_CSUPP;
  return bytes_of(log);
}

}  // namespace

// ---- Error log ----

void ErrorLog::record(const ErrorRecord& record) {
  if (kept_.empty()) kept_.resize(kErrorLogEntries);
  kept_[count_ % kErrorLogEntries] = {count_ + 1, record};
  ++count_;
}

std::vector<std::byte> ErrorLog::page() const {
  std::vector<std::byte> out;
  out.reserve(kErrorLogEntries * sizeof(nvme_error_log_page));
  for (std::uint64_t i = 0; i < kErrorLogEntries && i < count_; ++i) {
    const Kept& k = kept_[(count_ - 1 - i) % kErrorLogEntries];
    nvme_error_log_page e{};
    e.error_count = k.number;
    e.sqid = k.record.sqid;
    e.cmdid = k.record.cid;
    e.status_field = spec::cqe_status(k.record.status, k.record.dnr);
    e.parm_error_location = k.record.location;
    e.lba = k.record.lba;
    e.nsid = k.record.nsid;
    e.trtype = kTransportTcp;
    e.cs = k.record.command_specific;
    append(out, e);
  }
  out.resize(kErrorLogEntries * sizeof(nvme_error_log_page));
  return out;
}

// ---- Changed namespaces ----

void ChangedNamespaces::add(std::uint32_t nsid) {
  if (overflow_) return;
  nsids_.insert(nsid);
  if (nsids_.size() <= NVME_ID_NS_LIST_MAX) return;
  overflow_ = true;
  nsids_.clear();
}

void ChangedNamespaces::clear() {
  nsids_.clear();
  overflow_ = false;
}

std::vector<std::byte> ChangedNamespaces::page() const {
  nvme_ns_list list{};
  std::ranges::copy(nsids_, list.ns);
  if (overflow_) list.ns[0] = spec::kNsidAll;
  return bytes_of(list);
}

// ---- All pages ----

AdminReply LogPages::get(const Sqe& sqe, std::uint64_t most) {
  const Request request(sqe);
  if (request.length > most || request.offset % 4 != 0 || (sqe.cdw14 & kIndexOffset))
    return refusal(st::kInvalidField);
  if (sqe.sgl.length != request.length) return refusal(st::kSglLength);
  // Forgotten before the page is made: what is raised from here on is news again (the backend may raise in
  // there).
  const auto forgotten = request.retain ? std::vector<EventQueue::Entry>{} : events_.log_read(request.page);
  AdminReply reply = page(sqe);
  if (reply.status == st::kOk && request.offset > reply.data.size()) reply = refusal(st::kInvalidField);
  if (reply.status != st::kOk) {
    events_.restore(forgotten);
    return reply;
  }
  if (!request.retain && request.page == lid::kChangedNs) changed_.clear();
  std::vector<std::byte> cut(request.length);  // beyond the page: zeros
  const std::uint64_t there = std::min<std::uint64_t>(reply.data.size() - request.offset, request.length);
  std::copy_n(reply.data.begin() + static_cast<std::ptrdiff_t>(request.offset), there, cut.begin());
  reply.data = std::move(cut);
  return reply;
}

AdminReply LogPages::page(const Sqe& sqe) {
  const auto plain = [](std::vector<std::byte> data) {
    return AdminReply{st::kOk, false, 0, std::move(data)};
  };
  const auto which = static_cast<std::uint8_t>(sqe.cdw10 & 0xff);
  if (which == lid::kSupported) return plain(supported_pages());
  if (kind_ == ControllerKind::kDiscovery)
    return which == lid::kDiscovery ? plain(view_.discovery_page(info_)) : refusal(st::kInvalidLogPage);
  switch (which) {
    case lid::kError:
      return plain(errors_.page());
    case lid::kSmart:
      return smart(sqe);
    case lid::kFirmware:
      return plain(firmware(view_.model()));
    case lid::kChangedNs:
      return plain(changed_.page());
    case lid::kCommandEffects:
      return sqe.cdw14 >> 24 == 0 ? plain(command_effects(view_.model())) : refusal(st::kInvalidField);
    case lid::kAna:
      return view_.model().ana ? ana(sqe) : refusal(st::kInvalidLogPage);
    case lid::kFeatureEffects:
      return plain(feature_effects());
    case lid::kMiEffects:
      return plain(std::vector<std::byte>(4096));  // no management commands in band
    default:
      break;
  }
  if (auto reply = view_.ask_backend(info_, sqe, {})) return std::move(*reply);
  return refusal(st::kInvalidLogPage);
}

std::vector<std::byte> LogPages::supported_pages() const {
  nvme_supported_log_pages log{};
  log.lid_support[lid::kSupported] = 1;
  if (kind_ == ControllerKind::kDiscovery) {
    log.lid_support[lid::kDiscovery] = 1;
    return bytes_of(log);
  }
  const SubsystemModel& m = view_.model();
  for (const std::uint8_t id : {lid::kError, lid::kSmart, lid::kFirmware, lid::kChangedNs,
                                lid::kCommandEffects, lid::kFeatureEffects, lid::kMiEffects})
    log.lid_support[id] = 1;
  if (m.ana) log.lid_support[lid::kAna] = 1;
  if (m.oncs & NVME_CTRL_ONCS_RESERVATIONS) log.lid_support[lid::kReservation] = 1;
  const bool dispersed = std::ranges::any_of(m.namespaces, [](const auto& ns) { return ns.second.nmic & 2; });
  if (dispersed) log.lid_support[lid::kDispersedSubsystems] = 1;
  return bytes_of(log);
}

std::vector<std::byte> LogPages::feature_effects() const {
  nvme_fid_supported_effects_log log{};
  for (const auto& [id, what] : features_.effects()) log.fid_support[id] = what;
  return bytes_of(log);
}

// The backend knows the traffic; without it only what the front itself counts is filled in.
AdminReply LogPages::smart(const Sqe& sqe) {
  if (sqe.nsid != 0 && sqe.nsid != spec::kNsidAll) return refusal(st::kInvalidField);  // LPA bit 0 is 0
  nvme_smart_log log{};
  log.avail_spare = 100;
  const std::uint64_t hours = view_.power_on_hours();
  std::memcpy(log.power_on_hours, &hours, sizeof hours);
  if (auto reply = view_.ask_backend(info_, sqe, {})) {
    if (reply->status != st::kOk) return std::move(*reply);
    std::copy_n(reply->data.begin(), std::min(reply->data.size(), sizeof log),
                reinterpret_cast<std::byte*>(&log));
  }
  const std::uint64_t errors = errors_.count();
  std::memcpy(log.num_err_log_entries, &errors, sizeof errors);
  return {st::kOk, false, 0, bytes_of(log)};
}

AdminReply LogPages::ana(const Sqe& sqe) const {
  const bool groups_only = lsp(sqe) & kGroupsOnly;
  const AnaHistory& history = view_.ana();
  nvme_ana_log header;
  std::memset(&header, 0, sizeof header);
  header.chgcnt = history.change_count();
  header.ngrps = static_cast<std::uint16_t>(history.groups().size());
  std::vector<std::byte> out;
  append(out, header);
  for (const auto& [id, group] : history.groups()) {
    nvme_ana_group_desc d;
    std::memset(&d, 0, sizeof d);
    d.grpid = id;
    d.nnsids = groups_only ? 0 : static_cast<std::uint32_t>(group.nsids.size());
    d.chgcnt = group.change_count;
    d.state = group.state;
    append(out, d);
    if (groups_only) continue;
    for (const std::uint32_t nsid : group.nsids) append(out, nsid);
  }
  return {st::kOk, false, 0, std::move(out)};
}

}  // namespace nvtee::nvmf
