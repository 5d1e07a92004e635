// Metadata records: a damaged or foreign one is refused; what is taken writes back as it was.
#include "runtime/base/crc32c.hpp"
#include "runtime/store/records.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace nvtee::fuzz {
namespace {

using namespace store;

template <class R>
void same(const Bytes& key, const Bytes& value, const Result<R>& record) {
  if (!record) return must(!record.error().what.empty(), "a refusal says why");
  must(encode(key, *record) == value, "what is taken writes back as it was");
}

}  // namespace

// u8 length of the key, key, value. With the length's top bit the checksum is made right, so that what stands
// behind it is looked at.
void one(Input in) {
  const auto n = in.take<std::uint8_t>();
  const auto k = in.bytes(n & 0x7f);
  const Bytes key(reinterpret_cast<const char*>(k.data()), k.size());
  Bytes value = in.text();
  if ((n & 0x80) && value.size() >= 8) {
    std::memset(value.data() + 4, 0, 4);
    std::uint32_t crc = crc32c(0, key.data(), key.size());
    crc = crc32c(crc, value.data(), 4);
    crc = crc32c(crc, value.data() + 8, value.size() - 8);
    std::memcpy(value.data() + 4, &crc, 4);
  }
  (void)describe_key(key);
  const auto parsed = parse_key(key);
  if (parsed)
    must(parsed->name.size() <= kMaxNameBytes && parsed->leg < kLegSlots, "a key names what can exist");
  same(key, value, decode_namespace(key, value));
  same(key, value, decode_epoch(key, value));
  same(key, value, decode_identity(key, value));
  same(key, value, decode_marker(key, value));
  if (const auto bits = decode_bitmap(key, value))
    must(encode_bitmap(key, *bits) == value, "bits write back");
}

Seeds seeds() {
  Seeds out;
  const auto add = [&](const Bytes& key, const Bytes& value) {
    out.push_back(Seed().put(static_cast<std::uint8_t>(key.size())).text(key).text(value));
    out.push_back(Seed().put(static_cast<std::uint8_t>(key.size() | 0x80)).text(key).text(value));
  };
  NamespaceRecord n;
  n.name = "vol1";
  n.subsystem = "nqn.2026-01.com.example:s";
  n.nsid = 1;
  n.blocks = 1 << 20;
  n.block_shift = 12;
  n.region_bytes = 1 << 20;
  add(record_key("vol1", Kind::kNamespace), encode(record_key("vol1", Kind::kNamespace), n));
  EpochRecord e;
  e.nsid = 1;
  e.epoch = 3;
  e.legs[0] = {Role::kInSync, 1, "left", 1};
  e.legs[1] = {Role::kStale, 2, "right", 2};
  add(record_key("vol1", Kind::kEpoch), encode(record_key("vol1", Kind::kEpoch), e));
  IdentityRecord i;
  i.serial = "S1";
  i.model = "M";
  add(identity_key("vol1", 1), encode(identity_key("vol1", 1), i));
  add(record_key("vol1", Kind::kMarker), encode(record_key("vol1", Kind::kMarker), MarkerRecord{5, false}));
  BitmapRecord b{};
  b[3] = 0x55;
  add(open_key("vol1", 2), encode_bitmap(open_key("vol1", 2), b));
  add(dirty_key("vol1", 1, 7), encode_bitmap(dirty_key("vol1", 1, 7), b));
  return out;
}

}  // namespace nvtee::fuzz
