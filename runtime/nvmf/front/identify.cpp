#include "runtime/nvmf/front/identify.hpp"

#include <nvme/types.h>

#include <algorithm>

#include "runtime/nvmf/front/events.hpp"
#include "runtime/nvmf/front/properties.hpp"

namespace nvtee::nvmf {
namespace {

namespace cns = spec::cns;

constexpr std::uint8_t kCmicMultiPort = 1, kCmicMultiController = 2, kCmicAna = 8;
constexpr std::uint32_t kCtrattHostId128 = 1u << 0, kCtrattReservationHostId = 1u << 18;
constexpr std::uint32_t kSgls =
    1u | (1u << 20) | (1u << 21);                            // any alignment, offset address, transport block
constexpr std::uint32_t kShutdownMicroseconds = 10'000'000;  // RTD3E: how long hosts wait for SHST
constexpr std::size_t kCqtOffset = 386;
constexpr std::uint8_t kNstatReady = 1, kNsattrWriteProtected = 1, kNsfeatAtomics = 2, kNsfeatUidReuse = 8,
                       kNsfeatOptPerf = 16;
constexpr std::uint8_t kAnacapAllStates = 0x1f;
constexpr std::uint8_t kVwcFlushAll = 6, kVwcNoFlushAll = 4;

static_assert(sizeof(nvme_id_ctrl) == kIdentifyBytes && sizeof(nvme_id_ns) == kIdentifyBytes);
static_assert(sizeof(nvme_id_independent_id_ns) == kIdentifyBytes && sizeof(nvme_ns_list) == kIdentifyBytes);
static_assert(sizeof(nvme_id_ctrl_nvm) == kIdentifyBytes && sizeof(nvme_ctrl_list) == kIdentifyBytes);
static_assert(sizeof(nvme_id_iocs) == kIdentifyBytes && sizeof(nvme_nvm_id_ns) == kIdentifyBytes);

std::uint32_t highest_ana_group(const SubsystemModel& m) {
  std::uint32_t highest = m.max_namespaces;
  for (const auto& [nsid, ns] : m.namespaces) highest = std::max(highest, ns.ana_group);
  return highest;
}

void fill_common(nvme_id_ctrl& id, ControllerKind kind, const SubsystemModel& m, const ControllerInfo& c) {
  put_text(id.sn, m.serial, ' ');
  put_text(id.mn, m.model, ' ');
  put_text(id.fr, m.firmware, ' ');
  put_text(id.subnqn, m.nqn, '\0');
  id.mdts = m.mdts;
  id.cntlid = c.cntlid;
  id.ver = kControllerVersion;
  id.rtd3e = kShutdownMicroseconds;
  id.oaes = offered_events(kind, m);
  id.cntrltype = kind == ControllerKind::kIo ? 1 : 2;
  id.aerl = EventQueue::kMaxRequests - 1;
  id.lpa = NVME_CTRL_LPA_EXTENDED;
  id.kas = kKeepAliveGranularityMs / 100;
  id.maxcmd = m.max_entries;
  id.sgls = kSgls;
}

void fill_io(nvme_id_ctrl& id, const SubsystemModel& m) {
  id.rab = 6;
  id.cmic = kCmicMultiPort | kCmicMultiController | (m.ana ? kCmicAna : 0);
  const bool reservations = m.oncs & NVME_CTRL_ONCS_RESERVATIONS;
  id.ctratt = kCtrattHostId128 | (reservations ? kCtrattReservationHostId : 0);
  id.acl = 3;
  id.frmw = 0x03;  // one slot, read only
  id.lpa |= NVME_CTRL_LPA_CMD_EFFECTS | NVME_CTRL_LPA_LI0_LI5_LI12_LI13;
  id.elpe = kErrorLogEntries - 1;
  id.sqes = 0x66;
  id.cqes = 0x44;
  id.nn = m.max_namespaces;
  id.mnan = m.max_namespaces;
  id.oncs = shown_oncs(m);
  id.fuses = m.fuses;
  // Bits 2:1 say whether Flush takes NSID FFFFFFFFh; 00b is not allowed since 1.4. Unless the model says so,
  // it does not.
  id.vwc = (m.vwc & kVwcFlushAll) ? m.vwc : static_cast<std::uint8_t>(m.vwc | kVwcNoFlushAll);
  id.ioccsz = (64 + m.profile.in_capsule) / 16;
  id.iorcsz = 1;
  id.msdbd = 1;
  id.rsvd384[kCqtOffset - 384] = static_cast<std::uint8_t>(m.cqt_ms & 0xff);
  id.rsvd384[kCqtOffset - 383] = static_cast<std::uint8_t>(m.cqt_ms >> 8);
  if (!m.ana) return;
  id.anatt = m.anatt_s;
  id.anacap = kAnacapAllStates;
  id.anagrpmax = highest_ana_group(m);
  id.nanagrpid = highest_ana_group(m);
}

std::vector<std::byte> controller(ControllerKind kind, const SubsystemModel& m, const ControllerInfo& c) {
  nvme_id_ctrl id{};
  fill_common(id, kind, m, c);
  if (kind == ControllerKind::kIo) fill_io(id, m);
  return bytes_of(id);
}

std::vector<std::byte> name_space(const SubsystemModel& m, const NamespaceModel& ns) {
  nvme_id_ns id{};
  id.nsze = id.ncap = id.nuse = ns.blocks;
  id.nsfeat = ns.nsfeat;
  id.nmic = ns.nmic;
  id.rescap = ns.rescap;
  id.dlfeat = ns.dlfeat;
  if (ns.nsfeat & kNsfeatAtomics)
    id.nawun = id.nawupf = id.nacwu = static_cast<std::uint16_t>(std::max<int>(ns.atomic_blocks, 1) - 1);
  if ((ns.nsfeat & kNsfeatOptPerf) && ns.preferred_granularity != 0)
    id.npwg = id.npwa = id.npdg = id.npda = id.nows =
        static_cast<std::uint16_t>(ns.preferred_granularity - 1);
  const std::uint64_t low = ns.blocks << ns.block_shift, high = ns.blocks >> (64 - ns.block_shift);
  std::memcpy(id.nvmcap, &low, 8);
  std::memcpy(id.nvmcap + 8, &high, 8);
  id.anagrpid = m.ana ? ns.ana_group : 0;
  id.nsattr = ns.write_protected ? kNsattrWriteProtected : 0;
  std::memcpy(id.nguid, ns.nguid.data(), 16);
  id.lbaf[0].ds = ns.block_shift;
  return bytes_of(id);
}

std::vector<std::byte> independent(const SubsystemModel& m, const NamespaceModel& ns) {
  nvme_id_independent_id_ns id{};
  id.nsfeat = ns.nsfeat & kNsfeatUidReuse;
  id.nmic = ns.nmic;
  id.rescap = ns.rescap;
  id.anagrpid = m.ana ? ns.ana_group : 0;
  id.nsattr = ns.write_protected ? kNsattrWriteProtected : 0;
  id.nstat = ns.ready ? kNstatReady : 0;
  return bytes_of(id);
}

std::vector<std::byte> descriptors(const NamespaceModel& ns) {
  std::vector<std::byte> out;
  const auto add = [&](std::uint8_t type, std::span<const std::uint8_t> value) {
    out.push_back(std::byte{type});
    out.push_back(static_cast<std::byte>(value.size()));
    out.insert(out.end(), 2, std::byte{0});
    for (const std::uint8_t b : value) out.push_back(std::byte{b});
  };
  const auto given = [](const std::array<std::uint8_t, 16>& v) {
    return std::ranges::any_of(v, [](std::uint8_t b) { return b != 0; });
  };
  if (given(ns.nguid)) add(NVME_NIDT_NGUID, ns.nguid);
  if (given(ns.uuid)) add(NVME_NIDT_UUID, ns.uuid);
  const std::uint8_t nvm_command_set = 0;
  add(NVME_NIDT_CSI, {&nvm_command_set, 1});
  out.resize(kIdentifyBytes);
  return out;
}

std::vector<std::byte> active_list(const SubsystemModel& m, std::uint32_t after) {
  nvme_ns_list list{};
  std::size_t n = 0;
  for (auto i = m.namespaces.upper_bound(after); i != m.namespaces.end() && n < NVME_ID_NS_LIST_MAX; ++i)
    list.ns[n++] = i->first;
  return bytes_of(list);
}

std::vector<std::byte> controller_list(const SubsystemView& view, std::uint16_t from) {
  nvme_ctrl_list list{};
  for (const std::uint16_t id : view.controller_ids())
    if (id >= from && list.num < NVME_ID_CTRL_LIST_MAX) list.identifier[list.num++] = id;
  return bytes_of(list);
}

std::vector<std::byte> nvm_controller(const SubsystemModel& m) {
  nvme_id_ctrl_nvm id{};
  id.wzsl = m.mdts;  // a Write Zeroes is one command of the tee: no larger than a write
  id.dmrl = m.max_dsm_ranges;
  id.dmrsl = m.max_dsm_range_blocks;
  id.dmsl = m.max_dsm_blocks;
  return bytes_of(id);
}

// An NSID that is valid but not in use gives zeros in some structures and an error in others.
using PerNamespace = std::vector<std::byte> (*)(const SubsystemModel&, const NamespaceModel&);
AdminReply of_namespace(const SubsystemModel& m, const Sqe& sqe, PerNamespace make,
                        bool zeros_when_inactive) {
  if (sqe.nsid == 0 || sqe.nsid > m.max_namespaces) return refusal(spec::st::kInvalidNamespace);
  const auto ns = m.namespaces.find(sqe.nsid);
  if (ns != m.namespaces.end()) return data_reply(make(m, ns->second), sqe);
  if (!zeros_when_inactive) return refusal(spec::st::kInvalidNamespace);
  return data_reply(std::vector<std::byte>(kIdentifyBytes), sqe);
}

AdminReply identify_io(const SubsystemView& view, const ControllerInfo& controller_info, const Sqe& sqe) {
  const SubsystemModel& m = view.model();
  const auto which = static_cast<std::uint8_t>(sqe.cdw10 & 0xff);
  const auto cntid = static_cast<std::uint16_t>(sqe.cdw10 >> 16);
  const std::uint32_t csi = sqe.cdw11 >> 24;
  const bool uses_csi =
      which == cns::kCsNamespace || which == cns::kCsController || which == cns::kCsActiveNsList;
  if (uses_csi && csi != 0) return refusal(spec::st::kInvalidField);
  const auto zeros = [](const SubsystemModel&, const NamespaceModel&) {
    return std::vector<std::byte>(kIdentifyBytes);
  };
  const auto ids = [](const SubsystemModel&, const NamespaceModel& ns) { return descriptors(ns); };
  switch (which) {
    case cns::kNamespace:
      return of_namespace(m, sqe, name_space, true);
    case cns::kNsDescriptors:
      return of_namespace(m, sqe, ids, false);
    case cns::kCsNamespace:
      return of_namespace(m, sqe, zeros, true);  // no metadata, no protection: all zero
    case cns::kIndependentNamespace:
      return of_namespace(m, sqe, independent, true);
    case cns::kCsController:
      return data_reply(nvm_controller(m), sqe);
    case cns::kActiveNsList:
    case cns::kCsActiveNsList:
      if (sqe.nsid >= spec::kNsidAll - 1) return refusal(spec::st::kInvalidNamespace);
      return data_reply(active_list(m, sqe.nsid), sqe);
    case cns::kControllerList:
      return data_reply(controller_list(view, cntid), sqe);
    case cns::kNsControllerList:
      if (!m.namespaces.contains(sqe.nsid)) return refusal(spec::st::kInvalidNamespace);
      return data_reply(controller_list(view, cntid), sqe);
    case cns::kIoCommandSet: {
      if (cntid != 0xffff && cntid != controller_info.cntlid) return refusal(spec::st::kInvalidField);
      nvme_id_iocs sets{};
      sets.iocsc[0] = 1;  // one combination: the NVM command set alone
      return data_reply(bytes_of(sets), sqe);
    }
    default:
      return refusal(spec::st::kInvalidField);
  }
}

}  // namespace

std::uint32_t offered_events(ControllerKind kind, const SubsystemModel& model) {
  if (kind == ControllerKind::kDiscovery) return spec::aen::kBitDiscovery;
  return spec::aen::kBitNsAttribute | (model.ana ? spec::aen::kBitAna : 0);
}

std::uint16_t shown_oncs(const SubsystemModel& model) {
  return static_cast<std::uint16_t>(model.oncs | NVME_CTRL_ONCS_SAVE_FEATURES);
}

AdminReply identify(ControllerKind kind, const SubsystemView& view, const ControllerInfo& info,
                    const Sqe& sqe) {
  if ((sqe.cdw10 & 0xff) == cns::kController) return data_reply(controller(kind, view.model(), info), sqe);
  if (kind == ControllerKind::kDiscovery) return refusal(spec::st::kInvalidField);
  return identify_io(view, info, sqe);
}

}  // namespace nvtee::nvmf
