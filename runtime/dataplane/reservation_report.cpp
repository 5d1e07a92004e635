#include "runtime/dataplane/reservation_report.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/base/check.hpp"
#include "runtime/core/leg_fence.hpp"

namespace nvtee::dataplane {
namespace {

constexpr std::size_t kHeader = 64, kEntry = 64;

std::uint64_t read64(const std::uint8_t* p) {
  std::uint64_t v = 0;
  std::memcpy(&v, p, 8);
  return v;
}

}  // namespace

void make_reservation_report(nvmf::Transfer& t, std::uint32_t nsid, std::uint16_t cid,
                             std::span<std::byte> data) {
  NVTEE_CHECK(data.size() >= kReservationReportBytes, "a report has room for its registrants");
  std::ranges::fill(data, std::byte{0});
  t = nvmf::Transfer{};
  t.sqe.opcode = spec::io::kResvReport;
  t.sqe.flags = spec::kPsdtSgl;
  t.sqe.cid = cid;
  t.sqe.nsid = nsid;
  t.sqe.cdw10 = kReservationReportBytes / 4 - 1;
  t.sqe.cdw11 = spec::resv::kReportExtended;
  t.in = data.data();
  t.in_length = kReservationReportBytes;
}

core::Reserved read_reservation_report(std::span<const std::byte> data, std::size_t done,
                                       const std::array<std::uint8_t, 16>& host_id) {
  core::Reserved r;
  const auto* d = reinterpret_cast<const std::uint8_t*>(data.data());
  r.type = d[4];
  const std::size_t count = d[5] | d[6] << 8;
  r.persistent = d[9] != 0;
  const std::size_t room = (std::max(done, kHeader) - kHeader) / kEntry;
  r.truncated = done < kHeader || count > room;
  for (std::size_t i = 0; i < std::min(count, room); ++i) {
    const std::uint8_t* e = d + kHeader + i * kEntry;
    r.registrants.push_back({read64(e + 8), std::memcmp(e + 16, host_id.data(), host_id.size()) == 0,
                             std::memcmp(e + 16, host_id.data(), kHostIdOfNode) == 0, (e[2] & 1) != 0});
  }
  return r;
}

std::optional<InOtherHands> in_other_hands(const core::NamespaceSpec& spec, const core::Reserved& seen) {
  constexpr std::uint32_t kFirst = 1;  // epoch 1, not started yet: what create() writes
  std::optional<InOtherHands> found;
  for (const auto& r : seen.registrants) {
    const core::FenceKey k = core::FenceKey::of(r.key);
    const bool own = k.tag == core::fence_tag(spec);
    if (own && k.number <= kFirst) continue;
    if (!found || r.holder) found = {r.key, r.same_node, own};
  }
  return found;
}

}  // namespace nvtee::dataplane
