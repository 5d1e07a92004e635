#include "runtime/dataplane/reservation_report.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "runtime/core/leg_fence.hpp"

namespace nvtee::dataplane {
namespace {

using HostId = std::array<std::uint8_t, 16>;

struct Report {
  std::vector<std::byte> data = std::vector<std::byte>(kReservationReportBytes);
  unsigned count = 0;
  void set(std::size_t at, unsigned value) { data[at] = static_cast<std::byte>(value); }
  void add(std::uint64_t key, const HostId& host, bool holder) {
    std::byte* e = data.data() + 64 + 64 * count++;
    e[2] = std::byte{holder};
    std::memcpy(e + 8, &key, 8);
    std::memcpy(e + 16, host.data(), host.size());
    set(5, count);
  }
};

HostId host(std::uint8_t node, std::uint8_t association) {
  HostId h{};
  h[0] = node;
  h[15] = association;
  return h;
}

TEST(ReservationReport, IsReadAsItsAssociationSeesIt) {
  Report r;
  r.set(4, spec::resv::kExclusiveAccess);
  r.set(9, 1);
  r.add(0x11, host(1, 1), false);
  r.add(0x22, host(1, 2), true);
  r.add(0x33, host(2, 1), false);
  const auto seen = read_reservation_report(r.data, r.data.size(), host(1, 1));
  EXPECT_EQ(seen.type, spec::resv::kExclusiveAccess);
  EXPECT_TRUE(seen.persistent);
  EXPECT_FALSE(seen.truncated);
  ASSERT_EQ(seen.registrants.size(), 3u);
  EXPECT_TRUE(seen.registrants[0].ours);
  EXPECT_TRUE(seen.registrants[1].same_node && seen.registrants[1].holder && !seen.registrants[1].ours);
  EXPECT_FALSE(seen.registrants[2].same_node);
  EXPECT_EQ(seen.registrants[2].key, 0x33u);
}

TEST(ReservationReport, MoreRegistrantsThanWereSentAreTold) {
  Report r;
  for (unsigned i = 0; i < 3; ++i) r.add(i + 1, host(2, static_cast<std::uint8_t>(i)), false);
  EXPECT_EQ(read_reservation_report(r.data, 64 + 2 * 64, host(1, 1)).registrants.size(), 2u);
  EXPECT_TRUE(read_reservation_report(r.data, 64 + 2 * 64, host(1, 1)).truncated);
  EXPECT_TRUE(read_reservation_report(r.data, 12, host(1, 1)).truncated);
  r.set(5, 64);
  EXPECT_TRUE(read_reservation_report(r.data, r.data.size(), host(1, 1)).truncated);
}

TEST(ReservationReport, WhoeverIsRegisteredHasTheLeg) {
  core::NamespaceSpec spec;
  spec.uuid[0] = 5;
  const std::uint32_t tag = core::fence_tag(spec);
  const auto key = [](std::uint32_t t, std::uint32_t number) {
    return core::FenceKey{t, number, 1, false}.packed();
  };
  core::Reserved seen;
  EXPECT_FALSE(in_other_hands(spec, seen)) << "nobody";

  seen.registrants.push_back({key(tag, 1), false, false, true});
  EXPECT_FALSE(in_other_hands(spec, seen)) << "an attempt to make this very namespace";

  seen.registrants.push_back({key(tag ^ 1, 9), false, false, false});
  auto found = in_other_hands(spec, seen);
  ASSERT_TRUE(found) << "registered, and nobody holds it";
  EXPECT_EQ(found->key, key(tag ^ 1, 9));
  EXPECT_FALSE(found->newer || found->same_node);

  seen.registrants.push_back({key(tag ^ 2, 3), false, true, true});
  found = in_other_hands(spec, seen);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key, key(tag ^ 2, 3)) << "the holder is named";
  EXPECT_TRUE(found->same_node);

  seen.registrants = {{key(tag, 2), false, false, true}};
  found = in_other_hands(spec, seen);
  ASSERT_TRUE(found) << "newer than the records that would be written";
  EXPECT_TRUE(found->newer);
}

}  // namespace
}  // namespace nvtee::dataplane
