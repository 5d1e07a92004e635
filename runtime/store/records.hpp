// The durable records: keys, and the bytes of each value. One description per record (visit_* in records.cpp)
// writes it, reads it and prints its layout; docs/FORMAT.md holds that print and a test compares the two.
//
// Every value begins with an 8-byte header {kind, version, reserved, crc32c}; the checksum covers the key and
// the value, so that a record under a wrong key is refused too. Integers are little-endian, except in keys,
// where order matters.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/store/meta_store.hpp"

namespace nvtee::store {

constexpr unsigned kLegSlots = 4;            // legs of a namespace
constexpr unsigned kRegionsPerChunk = 4096;  // bits of one bitmap record
constexpr std::size_t kMaxNameBytes = 64;    // of a namespace's name
constexpr std::size_t kMaxTextBytes = 255;   // of any other text field

// Kind of a record: a byte of its key and of its value.
enum class Kind : std::uint8_t {
  kNamespace = 'c',
  kEpoch = 'e',
  kIdentity = 'i',
  kMarker = 'm',
  kOpen = 'o',
  kDirty = 'd',
};

struct NamespaceRecord {
  std::string name, subsystem;
  std::uint32_t nsid = 0;
  std::array<std::uint8_t, 16> nguid{}, uuid{};
  std::uint64_t blocks = 0;
  std::uint8_t block_shift = 0;
  std::uint64_t region_bytes = 0;
  bool operator==(const NamespaceRecord&) const = default;
};

enum class Role : std::uint8_t { kNone = 0, kInSync = 1, kStale = 2, kSyncing = 3, kRemoved = 4 };

struct EpochRecord {
  struct Leg {
    Role role = Role::kNone;
    std::uint32_t generation = 0;  // changes of this slot's role
    std::string peer;
    std::uint32_t nsid = 0;
    bool operator==(const Leg&) const = default;
  };
  std::uint32_t nsid = 0;   // front NSID
  std::uint32_t group = 0;  // epochs of a group change together; 0 = this namespace alone
  std::uint64_t epoch = 0;
  std::uint64_t home = 0;  // node that orders writes; 0 = the only node of this store
  std::array<Leg, kLegSlots> legs;
  bool operator==(const EpochRecord&) const = default;
};

// What a leg said of itself when it was first seen: it must come back as itself.
struct IdentityRecord {
  std::array<std::uint8_t, 16> nguid{};
  std::uint64_t eui64 = 0;
  std::string serial, model;
  bool operator==(const IdentityRecord&) const = default;
};

// Was the last stop a clean one? `incarnation` counts the starts of this namespace.
struct MarkerRecord {
  std::uint64_t incarnation = 0;
  bool clean = true;
  bool operator==(const MarkerRecord&) const = default;
};

// One bit a region, first region = number of the chunk x kRegionsPerChunk. An all-zero chunk is not stored.
using BitmapRecord = std::array<std::uint64_t, kRegionsPerChunk / 64>;

// ---- keys ---------------------------------------------------------------------------------------
// -------------------------------------------------------------------------------------------------- 'n' |
// length of name | name | kind | [leg, kDirty and kIdentity] | [chunk, 4 bytes big-endian, kOpen and kDirty]
Bytes all_namespaces_prefix();
Bytes namespace_prefix(std::string_view name);
Bytes record_key(std::string_view name, Kind kind);  // kNamespace, kEpoch, kMarker
Bytes identity_key(std::string_view name, unsigned leg);
Bytes open_key(std::string_view name, std::uint32_t chunk);
Bytes dirty_key(std::string_view name, unsigned leg, std::uint32_t chunk);

struct Key {
  std::string name;
  Kind kind = Kind::kNamespace;
  unsigned leg = 0;
  std::uint32_t chunk = 0;
};
Result<Key> parse_key(const Bytes& key);

// ---- values -------------------------------------------------------------------------------------
Bytes encode(const Bytes& key, const NamespaceRecord& record);
Bytes encode(const Bytes& key, const EpochRecord& record);
Bytes encode(const Bytes& key, const IdentityRecord& record);
Bytes encode(const Bytes& key, const MarkerRecord& record);
Bytes encode_bitmap(const Bytes& key, const BitmapRecord& bits);

// Refuse: wrong length, kind, checksum, a newer version, a value out of its range. The error names key and
// reason.
Result<NamespaceRecord> decode_namespace(const Bytes& key, const Bytes& value);
Result<EpochRecord> decode_epoch(const Bytes& key, const Bytes& value);
Result<IdentityRecord> decode_identity(const Bytes& key, const Bytes& value);
Result<MarkerRecord> decode_marker(const Bytes& key, const Bytes& value);
Result<BitmapRecord> decode_bitmap(const Bytes& key, const Bytes& value);

// The layout tables of docs/FORMAT.md, in its order, as Markdown.
std::string layout_tables();
// A key in words, for messages: "namespace vol0, dirty map of leg 2, chunk 5".
std::string describe_key(const Bytes& key);

}  // namespace nvtee::store
