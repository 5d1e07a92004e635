#include "runtime/core/ledger.hpp"
#include "runtime/core/planted.hpp"

#include <fmt/format.h>

namespace nvtee::core {
namespace {

constexpr Duration kRetryMin = 20 * kMillisecond, kRetryMax = kSecond;

}  // namespace

Ledger::Ledger(const std::string& name, std::uint32_t regions, std::uint64_t first_txn)
    : name_(name), epoch_key_(store::record_key(name, store::Kind::kEpoch)), next_txn_(first_txn) {
  const auto prepare = [regions](Map& map) {
    map.bits.resize(regions);
    map.changed.assign(map.bits.chunks(), false);
  };
  prepare(open_);
  for (auto& map : dirty_) prepare(map);
}

// ---- loading ------------------------------------------------------------------------------------
Status0 Ledger::load(const std::vector<store::Transaction::Put>& records) {
  for (const auto& record : records)
    if (const auto ok = load_one(record); !ok) return ok;
  if (epoch_bytes_.empty())
    return fail("namespace " + name_ + " has no epoch record", "restore the store from a copy");
  return {};
}

Status0 Ledger::load_one(const store::Transaction::Put& record) {
  const auto key = store::parse_key(record.key);
  if (!key) return std::unexpected(key.error());
  if (key->name != name_) return {};
  const auto take = [](auto decoded, auto&& use) -> Status0 {
    if (!decoded) return std::unexpected(decoded.error());
    return use(*decoded);
  };
  const auto bits = [&](Map& map) {
    return take(store::decode_bitmap(record.key, record.value), [&](const store::BitmapRecord& b) -> Status0 {
      if (map.bits.load(key->chunk, b)) return {};
      return fail(
          "record of " + store::describe_key(record.key) + " is damaged: a region beyond the namespace",
          "restore the store from a copy");
    });
  };
  switch (key->kind) {
    case store::Kind::kNamespace:
      return {};
    case store::Kind::kEpoch:
      epoch_bytes_ = record.value;
      return take(store::decode_epoch(record.key, record.value), [&](const store::EpochRecord& e) -> Status0 {
        epoch_ = e;
        return {};
      });
    case store::Kind::kIdentity:
      return take(store::decode_identity(record.key, record.value),
                  [&](const store::IdentityRecord& i) -> Status0 {
                    identity_[key->leg] = i;
                    return {};
                  });
    case store::Kind::kMarker:
      return take(store::decode_marker(record.key, record.value),
                  [&](const store::MarkerRecord& m) -> Status0 {
                    marker_ = m;
                    return {};
                  });
    case store::Kind::kOpen:
      return bits(open_);
    case store::Kind::kDirty:
      return bits(dirty_[key->leg]);
  }
  return {};
}

// ---- wants --------------------------------------------------------------------------------------
void Ledger::mark(Map& map, std::uint32_t chunk) {
  wants_ = true;
  if (map.changed[chunk]) return;
  map.changed[chunk] = true;
  map.list.push_back(chunk);
}

void Ledger::change(Map& map, std::uint32_t region, bool to) {
  if (to ? map.bits.set(region) : map.bits.clear(region)) mark(map, region / store::kRegionsPerChunk);
}

void Ledger::set_dirty_all(unsigned leg) {
  Map& map = dirty_[leg];
  map.bits.set_all();
  for (std::uint32_t c = 0; c < map.bits.chunks(); ++c) mark(map, c);
}

void Ledger::clear_dirty_all(unsigned leg) {
  Map& map = dirty_[leg];
  for (std::uint32_t c = 0; c < map.bits.chunks(); ++c)
    if (!map.bits.chunk_empty(c)) mark(map, c);
  map.bits.clear_all();
}

Ledger::Ticket Ledger::want_epoch(store::EpochRecord next) {
  NVTEE_CHECK(!next_epoch_, "P6: one epoch change at a time");
  NVTEE_CHECK(next.epoch == epoch_.epoch + 1, "P6: epochs go up by one");
  next_epoch_bytes_ = store::encode(epoch_key_, next);
  next_epoch_ = std::move(next);
  wants_ = true;
  return ticket();
}

void Ledger::want_identity(unsigned leg, std::optional<store::IdentityRecord> identity) {
  identity_[leg] = std::move(identity);
  identity_changed_ |= static_cast<std::uint8_t>(1u << leg);
  wants_ = true;
}

void Ledger::want_marker(store::MarkerRecord marker) {
  marker_ = marker;
  marker_changed_ = true;
  wants_ = true;
}

// ---- commits ------------------------------------------------------------------------------------
void Ledger::collect(Map& map, store::Transaction& t, int leg) {
  for (const std::uint32_t chunk : map.list) {
    map.changed[chunk] = false;
    const auto key =
        leg < 0 ? store::open_key(name_, chunk) : store::dirty_key(name_, static_cast<unsigned>(leg), chunk);
    if (map.bits.chunk_empty(chunk))
      t.deletes.push_back(key);
    else
      t.puts.push_back({key, store::encode_bitmap(key, *map.bits.chunk(chunk))});
  }
  map.sent.swap(map.list);
  map.list.clear();
}

void Ledger::collect_epoch(store::Transaction& t) {
  epoch_in_flight_ = next_epoch_.has_value();
  if (!planted(Bug::kNoCas))
    t.conditions.push_back({epoch_key_, expect_new_ ? next_epoch_bytes_ : epoch_bytes_});
  if (next_epoch_) t.puts.push_back({epoch_key_, next_epoch_bytes_});
}

void Ledger::pump(Context& ctx) {
  if (wants_ && waiting_since_ == kNever) waiting_since_ = ctx.now;
  if (in_flight_ || !wants_ || ctx.now < retry_at_) return;
  wants_ = false;
  in_flight_ = true;
  ++builds_;
  txn_ = next_txn_++;
  Action& a = ctx.emit(Action::Kind::kCommit);
  a.txn = txn_;
  store::Transaction& t = a.transaction;
  collect_epoch(t);
  collect(open_, t, -1);
  for (unsigned leg = 0; leg < kMaxLegs; ++leg) {
    collect(dirty_[leg], t, static_cast<int>(leg));
    if ((identity_changed_ >> leg & 1) == 0) continue;
    const auto key = store::identity_key(name_, leg);
    if (identity_[leg])
      t.puts.push_back({key, store::encode(key, *identity_[leg])});
    else
      t.deletes.push_back(key);
  }
  identity_sent_ = identity_changed_;
  identity_changed_ = 0;
  if (marker_changed_) {
    const auto key = store::record_key(name_, store::Kind::kMarker);
    t.puts.push_back({key, store::encode(key, marker_)});
  }
  marker_sent_ = marker_changed_;
  marker_changed_ = false;
}

// What the failed commit carried is wanted again, in its newest form.
void Ledger::put_back() {
  const auto back = [this](Map& map) {
    if (!planted(Bug::kStoreForgets))
      for (const std::uint32_t chunk : map.sent) mark(map, chunk);
    map.sent.clear();
  };
  back(open_);
  for (auto& map : dirty_) back(map);
  identity_changed_ |= identity_sent_;
  marker_changed_ = marker_changed_ || marker_sent_;
  wants_ = true;
}

Ledger::Answer Ledger::on_done(std::uint64_t txn, bool ok, bool conflict, Time now) {
  if (!in_flight_ || txn != txn_) return Answer::kNotOurs;
  in_flight_ = false;
  if (!ok) {
    put_back();
    if (epoch_in_flight_ && !conflict && !planted(Bug::kUnsureIsOld)) epoch_unsure_ = true;
    conflicts_ = conflict ? conflicts_ + 1 : 0;
    if (conflict && conflicts_ > (epoch_unsure_ ? 1u : 0u)) {
      retry_at_ = now + kRetryMax;
      return Answer::kLostHome;
    }
    if (epoch_unsure_) expect_new_ = !expect_new_;
    retry_at_ = conflict ? now : now + std::min(kRetryMax, kRetryMin << std::min(failures_, 10u));
    ++failures_;
    return Answer::kFailed;
  }
  for (auto* map : {&open_, &dirty_[0], &dirty_[1], &dirty_[2], &dirty_[3]}) map->sent.clear();
  if (epoch_in_flight_) {
    epoch_ = std::move(*next_epoch_);
    next_epoch_.reset();
    epoch_bytes_ = next_epoch_bytes_;
    epoch_unsure_ = expect_new_ = epoch_in_flight_ = false;
  }
  done_ = builds_;
  ++done_count_;
  failures_ = conflicts_ = 0;
  retry_at_ = 0;
  waiting_since_ = wants_ ? now : kNever;
  return Answer::kCommitted;
}

}  // namespace nvtee::core
