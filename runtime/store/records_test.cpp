#include "runtime/store/records.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

namespace nvtee::store {
namespace {

NamespaceRecord some_namespace() {
  NamespaceRecord r;
  r.name = "vol0";
  r.subsystem = "nqn.2024-01.org.example:vol0";
  r.nsid = 7;
  for (unsigned i = 0; i < 16; ++i)
    r.nguid[i] = static_cast<std::uint8_t>(i), r.uuid[i] = static_cast<std::uint8_t>(0xf0 + i);
  r.blocks = 0x123456789a;
  r.block_shift = 12;
  r.region_bytes = 4u << 20;
  return r;
}

EpochRecord some_epoch() {
  EpochRecord e;
  e.nsid = 7;
  e.group = 3;
  e.epoch = 99;
  e.home = 0x1122334455667788;
  e.legs[0] = {Role::kInSync, 5, "array-a", 1};
  e.legs[2] = {Role::kStale, 6, "array-b", 9};
  return e;
}

TEST(Records, ComeBackAsTheyWere) {
  const auto nk = record_key("vol0", Kind::kNamespace);
  EXPECT_EQ(*decode_namespace(nk, encode(nk, some_namespace())), some_namespace());
  const auto ek = record_key("vol0", Kind::kEpoch);
  EXPECT_EQ(*decode_epoch(ek, encode(ek, some_epoch())), some_epoch());
  const auto ik = identity_key("vol0", 2);
  IdentityRecord id{{1, 2, 3}, 77, "SER", "MODEL"};
  EXPECT_EQ(*decode_identity(ik, encode(ik, id)), id);
  const auto mk = record_key("vol0", Kind::kMarker);
  for (const bool clean : {false, true})
    EXPECT_EQ(*decode_marker(mk, encode(mk, MarkerRecord{12, clean})), (MarkerRecord{12, clean}));
  const auto dk = dirty_key("vol0", 1, 0x010203);
  BitmapRecord bits{};
  bits[3] = 0x8000000000000001;
  EXPECT_EQ(*decode_bitmap(dk, encode_bitmap(dk, bits)), bits);
}

TEST(Records, KnownBytes) {
  // The layout is a promise to files that exist: these bytes never change.
  const auto key = dirty_key("ab", 3, 0x00010203);
  EXPECT_EQ(key, (Bytes{'n', 2, 'a', 'b', 'd', 3, 0, 1, 2, 3}));
  const auto mk = record_key("ab", Kind::kMarker);
  const auto value = encode(mk, MarkerRecord{0x0102, true});
  ASSERT_EQ(value.size(), 24u);
  EXPECT_EQ(value.substr(0, 4), (Bytes{'m', 1, 0, 0}));
  EXPECT_EQ(value.substr(8), (Bytes{2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(Records, KeysComeBackAndSortByChunk) {
  const auto k = parse_key(dirty_key("vol0", 2, 300));
  ASSERT_TRUE(k);
  EXPECT_EQ(k->name, "vol0");
  EXPECT_EQ(k->kind, Kind::kDirty);
  EXPECT_EQ(k->leg, 2u);
  EXPECT_EQ(k->chunk, 300u);
  EXPECT_LT(open_key("vol0", 255), open_key("vol0", 256));
  EXPECT_TRUE(open_key("vol0", 1).starts_with(namespace_prefix("vol0")));
  // A name that begins like another one has another prefix.
  EXPECT_FALSE(open_key("vol01", 1).starts_with(namespace_prefix("vol0")));
}

TEST(Records, EveryFlippedBitIsRefused) {
  const auto key = record_key("vol0", Kind::kEpoch);
  const auto value = encode(key, some_epoch());
  for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
    Bytes bad = value;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_epoch(key, bad)) << "bit " << bit;
  }
}

TEST(Records, UnderAnotherKeyIsRefused) {
  const auto value = encode(record_key("vol0", Kind::kEpoch), some_epoch());
  EXPECT_FALSE(decode_epoch(record_key("vol1", Kind::kEpoch), value));
  BitmapRecord bits{};
  bits[0] = 1;
  EXPECT_FALSE(decode_bitmap(dirty_key("vol0", 1, 0), encode_bitmap(dirty_key("vol0", 0, 0), bits)));
  EXPECT_FALSE(decode_bitmap(open_key("vol0", 0), encode_bitmap(dirty_key("vol0", 0, 0), bits)));
}

TEST(Records, ShortAndLongAreRefused) {
  const auto key = record_key("vol0", Kind::kNamespace);
  const auto value = encode(key, some_namespace());
  for (std::size_t n = 0; n < value.size(); ++n) EXPECT_FALSE(decode_namespace(key, value.substr(0, n)));
  EXPECT_FALSE(decode_namespace(key, value + '\0'));
}

TEST(Records, NoBytesMakeItCrash) {
  std::mt19937_64 chance(7);
  const auto key = record_key("vol0", Kind::kEpoch);
  for (int i = 0; i < 20000; ++i) {
    Bytes junk(chance() % 100, '\0');
    for (char& c : junk) c = static_cast<char>(chance());
    EXPECT_FALSE(decode_epoch(key, junk));
    (void)parse_key(junk);
    (void)describe_key(junk);
  }
}

TEST(Records, FormatPageShowsTheLayoutOfTheCode) {
  std::ifstream in(NVTEE_FORMAT_DOC);
  ASSERT_TRUE(in) << NVTEE_FORMAT_DOC;
  std::stringstream text;
  text << in.rdbuf();
  const std::string doc = text.str(), begin = "<!-- layout: begin -->\n", end = "<!-- layout: end -->";
  const auto a = doc.find(begin), b = doc.find(end);
  ASSERT_NE(a, std::string::npos);
  ASSERT_NE(b, std::string::npos);
  EXPECT_EQ(doc.substr(a + begin.size(), b - a - begin.size()), layout_tables());
}

}  // namespace
}  // namespace nvtee::store
