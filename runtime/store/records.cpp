#include "runtime/store/records.hpp"

#include <fmt/format.h>
#include <cstring>

#include "runtime/base/check.hpp"
#include "runtime/base/crc32c.hpp"

namespace nvtee::store {
namespace {

constexpr std::uint8_t kVersion = 1;  // of every record kind so far
constexpr std::size_t kHeaderBytes = 8, kCrcOffset = 4;

void put_le(Bytes& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

std::uint64_t get_le(const char* p, unsigned bytes) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) value |= std::uint64_t{static_cast<unsigned char>(p[i])} << (8 * i);
  return value;
}

// ---- the three visitors: each record is described once and visited by all of them ---------------
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  template <class T>
  void number(const char*, const T& value, const char*) {
    put_le(out_, static_cast<std::uint64_t>(value), sizeof(T));
  }
  void raw(const char*, const void* data, std::size_t size, const char*) {
    out_.append(static_cast<const char*>(data), size);
  }
  void text(const char*, const std::string& value, const char*) {
    NVTEE_CHECK(value.size() <= kMaxTextBytes, "text of a record is at most 255 bytes");
    put_le(out_, value.size(), 1);
    out_ += value;
  }
  void zeros(std::size_t count) { out_.append(count, '\0'); }
  void group(const char*) {}

 private:
  Bytes& out_;
};

class Reader {
 public:
  Reader(const char* p, std::size_t size) : p_(p), left_(size) {}
  template <class T>
  void number(const char*, T& value, const char*) {
    if (!take(sizeof(T))) return;
    value = static_cast<T>(get_le(p_ - sizeof(T), sizeof(T)));
  }
  void raw(const char*, void* data, std::size_t size, const char*) {
    if (take(size)) std::memcpy(data, p_ - size, size);
  }
  void text(const char*, std::string& value, const char*) {
    if (!take(1)) return;
    const auto size = static_cast<unsigned char>(p_[-1]);
    if (take(size)) value.assign(p_ - size, size);
  }
  void zeros(std::size_t count) {
    if (!take(count)) return;
    for (std::size_t i = 1; i <= count; ++i) bad_ |= p_[-static_cast<std::ptrdiff_t>(i)] != 0;
  }
  void group(const char*) {}
  bool exact() const { return !bad_ && left_ == 0; }

 private:
  bool take(std::size_t n) {
    if (bad_ || left_ < n) {
      bad_ = true;
      return false;
    }
    p_ += n;
    left_ -= n;
    return true;
  }
  const char* p_;
  std::size_t left_;
  bool bad_ = false;
};

class Printer {
 public:
  template <class T>
  void number(const char* name, const T&, const char* meaning) {
    row(std::to_string(sizeof(T)), name, meaning);
    advance(sizeof(T));
  }
  void raw(const char* name, const void*, std::size_t size, const char* meaning) {
    row(std::to_string(size), name, meaning);
    advance(size);
  }
  void text(const char* name, const std::string&, const char* meaning) {
    row("1 + n", name, std::string("length n, then n bytes: ") + meaning);
    fixed_ = false;
  }
  void zeros(std::size_t count) {
    row(std::to_string(count), "-", "reserved, 0");
    advance(count);
  }
  void group(const char* name) { out_ += fmt::format("| | | | **{}** |\n", name); }
  std::string take() { return std::move(out_); }

 private:
  void row(const std::string& size, const std::string& name, const std::string& meaning) {
    out_ +=
        fmt::format("| {} | {} | {} | {} |\n", fixed_ ? std::to_string(at_) : "next", size, name, meaning);
  }
  void advance(std::size_t n) { at_ += n; }
  std::string out_;
  std::size_t at_ = kHeaderBytes;
  bool fixed_ = true;
};

template <class V, class R>
void visit_namespace(V& v, R& r) {
  v.number("nsid", r.nsid, "front NSID");
  v.number("block_shift", r.block_shift, "log2 of the block size in bytes, 9 to 16");
  v.zeros(3);
  v.number("blocks", r.blocks, "size in blocks");
  v.number("region_bytes", r.region_bytes, "region size, power of two, 1 MiB to 64 MiB");
  v.raw("nguid", r.nguid.data(), r.nguid.size(), "NGUID that hosts see");
  v.raw("uuid", r.uuid.data(), r.uuid.size(), "UUID that hosts see");
  v.text("name", r.name, "name for people, equal to that of the key");
  v.text("subsystem", r.subsystem, "NQN of the front subsystem");
}

template <class V, class R>
void visit_epoch(V& v, R& r) {
  v.number("epoch", r.epoch, "number of this membership, goes up by 1 with each change");
  v.number("home", r.home, "node that orders writes; 0 = the only node of this store");
  v.number("nsid", r.nsid, "front NSID");
  v.number("group", r.group, "namespaces that change epoch together; 0 = alone");
  for (unsigned i = 0; i < kLegSlots; ++i) {
    auto& leg = r.legs[i];
    v.group(fmt::format("leg {}", i).c_str());
    v.number("role", leg.role, "0 none, 1 in_sync, 2 stale, 3 syncing, 4 removed");
    v.zeros(3);
    v.number("nsid", leg.nsid, "NSID on the peer");
    v.number("generation", leg.generation, "goes up by 1 with each change of this slot's role");
    v.text("peer", leg.peer, "name of the peer in the configuration");
  }
}

template <class V, class R>
void visit_identity(V& v, R& r) {
  v.raw("nguid", r.nguid.data(), r.nguid.size(), "NGUID of the peer's namespace, 0 = has none");
  v.number("eui64", r.eui64, "EUI64 of the peer's namespace, 0 = has none");
  v.text("serial", r.serial, "serial number of the peer's subsystem");
  v.text("model", r.model, "model number of the peer's subsystem");
}

template <class V, class R>
void visit_marker(V& v, R& r) {
  v.number("incarnation", r.incarnation, "starts of this namespace so far");
  v.number("clean", r.clean, "1 = stopped with every region closed, 0 = running or stopped uncleanly");
  v.zeros(7);
}

template <class V, class R>
void visit_bitmap(V& v, R& r) {
  v.raw("bits", r.data(), sizeof(BitmapRecord),
        "bit i of byte j = region chunk * 4096 + 8 * j + i; at least one bit is set");
}

static_assert(std::endian::native == std::endian::little, "bitmaps are stored as they are in memory");

std::uint32_t record_crc(const Bytes& key, const Bytes& value) {
  constexpr char kZero[4] = {};
  std::uint32_t crc = crc32c(0, key.data(), key.size());
  crc = crc32c(crc, value.data(), kCrcOffset);
  crc = crc32c(crc, kZero, sizeof(kZero));
  return crc32c(crc, value.data() + kHeaderBytes, value.size() - kHeaderBytes);
}

template <class Visit>
Bytes seal(const Bytes& key, Kind kind, Visit visit) {
  Bytes value;
  value.reserve(kHeaderBytes + 128);
  put_le(value, static_cast<std::uint8_t>(kind), 1);
  put_le(value, kVersion, 1);
  put_le(value, 0, 2);
  put_le(value, 0, 4);
  Writer writer(value);
  visit(writer);
  const std::uint32_t crc = record_crc(key, value);
  for (unsigned i = 0; i < 4; ++i) value[kCrcOffset + i] = static_cast<char>(crc >> (8 * i));
  return value;
}

std::unexpected<Error> damaged(const Bytes& key, const std::string& why) {
  return fail(fmt::format("record of {} is damaged: {}", describe_key(key), why),
              "restore the store from a copy; without one, create the namespace anew and resync its legs");
}

// Header and checksum; the body is then read by `visit`.
template <class Visit>
Status0 unseal(const Bytes& key, const Bytes& value, Kind kind, Visit visit) {
  if (value.size() < kHeaderBytes) return damaged(key, fmt::format("{} bytes are too few", value.size()));
  if (record_crc(key, value) != get_le(value.data() + kCrcOffset, 4))
    return damaged(key, "checksum does not match");
  if (static_cast<Kind>(value[0]) != kind)
    return damaged(key, fmt::format("kind {:#04x} is not the key's", static_cast<unsigned char>(value[0])));
  const auto version = static_cast<std::uint8_t>(value[1]);
  if (version > kVersion)
    return fail(fmt::format("record of {} has version {}, this program knows {}", describe_key(key), version,
                            kVersion),
                "run the newer nvtee that wrote it");
  if (version == 0 || value[2] != 0 || value[3] != 0) return damaged(key, "header holds reserved values");
  Reader reader(value.data() + kHeaderBytes, value.size() - kHeaderBytes);
  visit(reader);
  if (!reader.exact()) return damaged(key, "length or a reserved field is wrong");
  return {};
}

Bytes key_head(std::string_view name, Kind kind) {
  Bytes key = namespace_prefix(name);
  key.push_back(static_cast<char>(kind));
  return key;
}

void put_chunk(Bytes& key, std::uint32_t chunk) {
  for (int shift = 24; shift >= 0; shift -= 8) key.push_back(static_cast<char>((chunk >> shift) & 0xff));
}

}  // namespace

Bytes all_namespaces_prefix() {
  return "n";
}

Bytes namespace_prefix(std::string_view name) {
  NVTEE_CHECK(!name.empty() && name.size() <= kMaxNameBytes, "a namespace's name has 1 to 64 bytes");
  Bytes key = all_namespaces_prefix();
  key.push_back(static_cast<char>(name.size()));
  key += name;
  return key;
}

Bytes record_key(std::string_view name, Kind kind) {
  return key_head(name, kind);
}

Bytes identity_key(std::string_view name, unsigned leg) {
  Bytes key = key_head(name, Kind::kIdentity);
  key.push_back(static_cast<char>(leg));
  return key;
}

Bytes open_key(std::string_view name, std::uint32_t chunk) {
  Bytes key = key_head(name, Kind::kOpen);
  put_chunk(key, chunk);
  return key;
}

Bytes dirty_key(std::string_view name, unsigned leg, std::uint32_t chunk) {
  Bytes key = key_head(name, Kind::kDirty);
  key.push_back(static_cast<char>(leg));
  put_chunk(key, chunk);
  return key;
}

Result<Key> parse_key(const Bytes& key) {
  const auto bad = [] {
    return fail("key of a record has no known form",
                "the store holds records of a newer nvtee: run that one");
  };
  if (key.size() < 3 || key[0] != 'n') return bad();
  const auto size = static_cast<unsigned char>(key[1]);
  if (size == 0 || size > kMaxNameBytes || key.size() < std::size_t{size} + 3) return bad();
  Key out;
  out.name = key.substr(2, size);
  out.kind = static_cast<Kind>(key[2 + size]);
  const std::string rest = key.substr(3 + size);
  std::size_t at = 0, want = 0;
  switch (out.kind) {
    case Kind::kNamespace:
    case Kind::kEpoch:
    case Kind::kMarker:
      want = 0;
      break;
    case Kind::kIdentity:
      want = 1;
      break;
    case Kind::kOpen:
      want = 4;
      break;
    case Kind::kDirty:
      want = 5;
      break;
    default:
      return bad();
  }
  if (rest.size() != want) return bad();
  if (want == 1 || want == 5) out.leg = static_cast<unsigned char>(rest[at++]);
  if (out.leg >= kLegSlots) return bad();
  for (; at < want; ++at) out.chunk = out.chunk << 8 | static_cast<unsigned char>(rest[at]);
  return out;
}

std::string describe_key(const Bytes& key) {
  const auto parsed = parse_key(key);
  if (!parsed) return "unknown key";
  switch (parsed->kind) {
    case Kind::kNamespace:
      return fmt::format("namespace {}, description", parsed->name);
    case Kind::kEpoch:
      return fmt::format("namespace {}, epoch", parsed->name);
    case Kind::kMarker:
      return fmt::format("namespace {}, clean marker", parsed->name);
    case Kind::kIdentity:
      return fmt::format("namespace {}, identity of leg {}", parsed->name, parsed->leg);
    case Kind::kOpen:
      return fmt::format("namespace {}, open set, chunk {}", parsed->name, parsed->chunk);
    case Kind::kDirty:
      return fmt::format("namespace {}, dirty map of leg {}, chunk {}", parsed->name, parsed->leg,
                         parsed->chunk);
  }
  return "unknown key";
}

Bytes encode(const Bytes& key, const NamespaceRecord& record) {
  return seal(key, Kind::kNamespace, [&](Writer& w) { visit_namespace(w, record); });
}
Bytes encode(const Bytes& key, const EpochRecord& record) {
  return seal(key, Kind::kEpoch, [&](Writer& w) { visit_epoch(w, record); });
}
Bytes encode(const Bytes& key, const IdentityRecord& record) {
  return seal(key, Kind::kIdentity, [&](Writer& w) { visit_identity(w, record); });
}
Bytes encode(const Bytes& key, const MarkerRecord& record) {
  return seal(key, Kind::kMarker, [&](Writer& w) { visit_marker(w, record); });
}
Bytes encode_bitmap(const Bytes& key, const BitmapRecord& bits) {
  const auto parsed = parse_key(key);
  NVTEE_CHECK(parsed && (parsed->kind == Kind::kOpen || parsed->kind == Kind::kDirty), "key of a bitmap");
  return seal(key, parsed->kind, [&](Writer& w) { visit_bitmap(w, bits); });
}

Result<NamespaceRecord> decode_namespace(const Bytes& key, const Bytes& value) {
  NamespaceRecord r;
  const auto ok = unseal(key, value, Kind::kNamespace, [&](Reader& v) { visit_namespace(v, r); });
  if (!ok) return std::unexpected(ok.error());
  if (r.block_shift < 9 || r.block_shift > 16) return damaged(key, "block size is out of range");
  if (r.region_bytes < (1u << 20) || r.region_bytes > (64u << 20) ||
      (r.region_bytes & (r.region_bytes - 1)) != 0)
    return damaged(key, "region size is out of range");
  if (r.blocks == 0 || r.blocks > (std::uint64_t{1} << (63 - r.block_shift)))
    return damaged(key, "size is out of range");
  const auto parsed = parse_key(key);
  if (!parsed || parsed->name != r.name) return damaged(key, "name is not the key's");
  return r;
}

Result<EpochRecord> decode_epoch(const Bytes& key, const Bytes& value) {
  EpochRecord r;
  const auto ok = unseal(key, value, Kind::kEpoch, [&](Reader& v) { visit_epoch(v, r); });
  if (!ok) return std::unexpected(ok.error());
  for (const auto& leg : r.legs)
    if (leg.role > Role::kRemoved) return damaged(key, "a leg's role is out of range");
  return r;
}

Result<IdentityRecord> decode_identity(const Bytes& key, const Bytes& value) {
  IdentityRecord r;
  const auto ok = unseal(key, value, Kind::kIdentity, [&](Reader& v) { visit_identity(v, r); });
  if (!ok) return std::unexpected(ok.error());
  return r;
}

Result<MarkerRecord> decode_marker(const Bytes& key, const Bytes& value) {
  MarkerRecord r;
  std::uint8_t clean = 0;
  struct {
    std::uint64_t& incarnation;
    std::uint8_t& clean;
  } view{r.incarnation, clean};
  const auto ok = unseal(key, value, Kind::kMarker, [&](Reader& v) { visit_marker(v, view); });
  if (!ok) return std::unexpected(ok.error());
  if (clean > 1) return damaged(key, "clean is neither 0 nor 1");
  r.clean = clean == 1;
  return r;
}

Result<BitmapRecord> decode_bitmap(const Bytes& key, const Bytes& value) {
  const auto parsed = parse_key(key);
  if (!parsed) return std::unexpected(parsed.error());
  BitmapRecord r{};
  const auto ok = unseal(key, value, parsed->kind, [&](Reader& v) { visit_bitmap(v, r); });
  if (!ok) return std::unexpected(ok.error());
  return r;
}

std::string layout_tables() {
  std::string out;
  const auto table = [&out](const char* title, auto visit) {
    Printer printer;
    visit(printer);
    out += fmt::format("### {}\n\n| offset | bytes | field | meaning |\n|---|---|---|---|\n{}\n", title,
                       printer.take());
  };
  NamespaceRecord ns;
  EpochRecord epoch;
  IdentityRecord identity;
  MarkerRecord marker;
  BitmapRecord bits{};
  table("Namespace (kind `c`)", [&](Printer& p) { visit_namespace(p, ns); });
  table("Epoch (kind `e`)", [&](Printer& p) { visit_epoch(p, epoch); });
  table("Leg identity (kind `i`)", [&](Printer& p) { visit_identity(p, identity); });
  table("Clean marker (kind `m`)", [&](Printer& p) { visit_marker(p, marker); });
  table("Open set chunk (kind `o`), dirty map chunk (kind `d`)", [&](Printer& p) { visit_bitmap(p, bits); });
  return out;
}

}  // namespace nvtee::store
