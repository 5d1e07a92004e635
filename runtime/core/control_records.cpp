// Namespaces as records: made, loaded, deleted.
#include <fmt/format.h>

#include "runtime/core/control_impl.hpp"

namespace nvtee::core {
namespace {

constexpr std::uint64_t kMinRegion = 1u << 20, kMaxRegion = 64u << 20;
constexpr std::uint64_t kWantedRegions = 65536, kMaxRegions = 1u << 22;
constexpr std::uint32_t kMaxCommandBlocks = 1u << tee::CardConfig::kMaxBlockBits;

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= store::kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_' || c == '.';
         });
}

// Small enough that little is copied after a failure, large enough that the maps stay small.
std::uint64_t chosen_region(std::uint64_t bytes) {
  return std::clamp<std::uint64_t>(std::bit_ceil(bytes / kWantedRegions + 1), kMinRegion, kMaxRegion);
}

Status0 check_spec(const NamespaceSpec& spec, std::uint64_t region_bytes) {
  if (!good_name(spec.name))
    return fail("name \"" + spec.name + "\" is not usable", "use 1 to 64 of letters, digits, '-', '_', '.'");
  if (spec.subsystem.empty() || spec.subsystem.size() > 223)
    return fail("subsystem NQN has not 1 to 223 bytes");
  if (spec.nsid == 0 || spec.nsid >= 0xfffffffeu)
    return fail(fmt::format("NSID {} is not usable", spec.nsid));
  if (spec.block_shift < 9 || spec.block_shift > 16)
    return fail(fmt::format("block size 2^{} is not supported", spec.block_shift), "use 512 bytes to 64 KiB");
  if (spec.blocks == 0 || spec.blocks > (std::uint64_t{1} << (63 - spec.block_shift)))
    return fail(fmt::format("size of {} blocks is not possible", spec.blocks));
  if (!std::has_single_bit(region_bytes) || region_bytes < kMinRegion || region_bytes > kMaxRegion)
    return fail(fmt::format("region size {} is not possible", region_bytes),
                "use a power of two from 1 MiB to 64 MiB");
  if ((spec.blocks << spec.block_shift) / region_bytes > kMaxRegions)
    return fail(fmt::format("{} byte regions are too small for this size", region_bytes),
                "use larger regions");
  return {};
}

Geometry geometry_of(const NamespaceSpec& spec, const NamespaceControl::Setup& setup) {
  Geometry g;
  g.blocks = spec.blocks;
  g.block_shift = spec.block_shift;
  g.region_bytes = spec.region_bytes;
  g.region_shift = static_cast<std::uint8_t>(std::countr_zero(spec.region_bytes) - spec.block_shift);
  g.regions =
      static_cast<std::uint32_t>((spec.blocks + (std::uint64_t{1} << g.region_shift) - 1) >> g.region_shift);
  g.set_bits = setup.region_sets_log2;
  g.chunk_blocks =
      std::clamp<std::uint32_t>(setup.limits.chunk_bytes >> spec.block_shift, 1, kMaxCommandBlocks);
  return g;
}

}  // namespace

Result<store::Transaction> NamespaceControl::create(const NamespaceSpec& spec,
                                                    const std::vector<LegSpec>& legs, bool assume_equal) {
  NamespaceSpec full = spec;
  if (full.region_bytes == 0)
    full.region_bytes = chosen_region(spec.blocks << std::min<unsigned>(spec.block_shift, 16));
  if (const auto ok = check_spec(full, full.region_bytes); !ok) return std::unexpected(ok.error());
  if (legs.empty() || legs.size() > kMaxLegs)
    return fail(fmt::format("{} legs are not possible", legs.size()), "give 1 to 4");
  for (std::size_t i = 0; i < legs.size(); ++i) {
    if (legs[i].peer.empty() || legs[i].peer.size() > store::kMaxTextBytes)
      return fail("a leg's peer has no usable name");
    for (std::size_t j = 0; j < i; ++j)
      if (legs[i].peer == legs[j].peer && legs[i].nsid == legs[j].nsid)
        return fail(fmt::format("legs {} and {} are the same namespace of peer {}", j, i, legs[i].peer));
  }
  const Geometry geo = geometry_of(full, Setup{});
  store::Transaction t;
  const auto ns_key = store::record_key(full.name, store::Kind::kNamespace);
  const auto epoch_key = store::record_key(full.name, store::Kind::kEpoch);
  const auto marker_key = store::record_key(full.name, store::Kind::kMarker);
  t.conditions.push_back({ns_key, std::nullopt});
  t.conditions.push_back({epoch_key, std::nullopt});
  t.puts.push_back(
      {ns_key, store::encode(
                   ns_key, store::NamespaceRecord{full.name, full.subsystem, full.nsid, full.nguid, full.uuid,
                                                  full.blocks, full.block_shift, full.region_bytes})});
  store::EpochRecord epoch;
  epoch.nsid = full.nsid;
  epoch.epoch = 1;
  for (unsigned i = 0; i < legs.size(); ++i) {
    const bool equal = i == 0 || assume_equal;
    epoch.legs[i] = {equal ? Role::kInSync : Role::kStale, 1, legs[i].peer, legs[i].nsid};
    if (equal) continue;
    RegionBits dirty(geo.regions);
    dirty.set_all();
    for (std::uint32_t c = 0; c < dirty.chunks(); ++c) {
      const auto key = store::dirty_key(full.name, i, c);
      t.puts.push_back({key, store::encode_bitmap(key, *dirty.chunk(c))});
    }
  }
  t.puts.push_back({epoch_key, store::encode(epoch_key, epoch)});
  t.puts.push_back({marker_key, store::encode(marker_key, store::MarkerRecord{})});
  return t;
}

store::Transaction NamespaceControl::destroy(const std::vector<store::Transaction::Put>& records) {
  store::Transaction t;
  for (const auto& record : records) t.deletes.push_back(record.key);
  return t;
}

Result<std::unique_ptr<NamespaceControl>> NamespaceControl::restore(
    const Setup& setup, const std::vector<store::Transaction::Put>& records) {
  Setup full = setup;
  bool found = false;
  for (const auto& record : records) {
    const auto key = store::parse_key(record.key);
    if (!key) return std::unexpected(key.error());
    if (key->kind != store::Kind::kNamespace || (!setup.spec.name.empty() && key->name != setup.spec.name))
      continue;
    const auto r = store::decode_namespace(record.key, record.value);
    if (!r) return std::unexpected(r.error());
    full.spec = {r->name, r->subsystem, r->nsid,        r->nguid,
                 r->uuid, r->blocks,    r->block_shift, r->region_bytes};
    found = true;
  }
  if (!found) return fail("the store has no namespace named " + setup.spec.name, "see `nvtee ns list`");
  if (const auto ok = check_spec(full.spec, full.spec.region_bytes); !ok) return std::unexpected(ok.error());
  if (full.region_sets_log2 < 1 || full.region_sets_log2 > 16)
    return fail("the core's region table has no usable size");
  const Geometry geo = geometry_of(full.spec, full);
  std::unique_ptr<NamespaceControl> control(new NamespaceControl);
  control->impl_ = std::make_unique<Impl>(full, geo);
  Ledger& ledger = control->impl_->ledger;
  if (const auto ok = ledger.load(records); !ok) return std::unexpected(ok.error());
  unsigned in_sync = 0;
  for (unsigned i = 0; i < kMaxLegs; ++i) {
    if (ledger.epoch().legs[i].role != Role::kInSync) continue;
    ++in_sync;
    if (!ledger.dirty(i).empty())
      return fail(
          fmt::format(
              "records of namespace {} contradict each other: leg {} is in sync and has dirty regions",
              full.spec.name, i),
          "restore the store from a copy");
  }
  if (in_sync == 0)
    return fail("namespace " + full.spec.name + " has no leg in sync", "restore the store from a copy");
  control->impl_->members.restore(ledger, geo.regions);
  return control;
}

}  // namespace nvtee::core
