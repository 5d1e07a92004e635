#include "sim/cluster/checker.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hw/nvme/status_class.hpp"
#include "runtime/core/leg_fence.hpp"
#include "sim/cluster/world.hpp"

namespace nvtee::cluster {

using store::Role;
namespace io = spec::io;
namespace st = spec::st;

Checker::Checker(World& world, unsigned blocks) : history(blocks), world_(world) {
  peer_of_leg_.fill(-1);
  leg_of_peer_.fill(-1);
}

void Checker::fail(unsigned p, const std::string& what) {
  if (!failure.empty()) return;
  property = p;
  failure = fmt::format("{}{} (seed {} at {:.6f} s)", p != 0 ? fmt::format("P{}: ", p) : "", what,
                        world_.plan.setup.seed, static_cast<double>(world_.now()) / 1e9);
  world_.trace.say(world_.now(), "*** " + failure);
}

// ---- hosts --------------------------------------------------------------------------------------
void Checker::begun(Op& op) {
  op.begun = history.tick();
  op.mark = history.mark();
  op.versions = 0;
  for (std::uint32_t i = 0; i < op.count; ++i) {
    const std::uint32_t b = op.lba + i;
    if (op.writes()) history.write_begun(b, op.id, op.values[i]);
    if (op.kind == Op::Kind::kRead || op.kind == Op::Kind::kCompare) history.read_begun(b);
    op.versions += history.version(b);
  }
}

void Checker::acked_write(Op& op) {
  for (unsigned leg = 0; leg < 4; ++leg) {
    const int peer = peer_of_leg_[leg];
    if (epoch_.legs[leg].role != Role::kInSync || peer < 0) continue;
    const Peer& p = *world_.peers[static_cast<unsigned>(peer)];
    for (std::uint32_t i = 0; i < op.count && !world_.plan.setup.liars && !p.unsafe; ++i) {
      if (p.cache[op.lba + i] != op.values[i])
        return fail(1, fmt::format("write {} of block {} is acknowledged, leg {} holds {}", op.values[i],
                                   op.lba + i, leg, p.cache[op.lba + i]));
      if (op.fua && p.stable[op.lba + i] != op.values[i])
        return fail(1, fmt::format("FUA write {} of block {} is acknowledged, but not stable on leg {}",
                                   op.values[i], op.lba + i, leg));
    }
  }
  for (std::uint32_t i = 0; i < op.count; ++i) history.write_acked(op.lba + i, op.id, op.values[i], op.fua);
}

// After a successful Flush every in-sync leg holds, safe from loss of power, what had been acknowledged.
void Checker::check_flushed(const Op& op) {
  history.flushed(op.mark);
  if (world_.plan.setup.liars) return;
  for (unsigned leg = 0; leg < 4; ++leg) {
    const int peer = peer_of_leg_[leg];
    if (epoch_.legs[leg].role != Role::kInSync || peer < 0) continue;
    const Peer& p = *world_.peers[static_cast<unsigned>(peer)];
    for (const std::uint32_t b : world_.hot)
      if (!history.legal_after_power_loss(b, p.stable[b]))
        return fail(1, fmt::format("Flush has succeeded, leg {} would lose block {}: it has {} on its medium",
                                   leg, b, p.stable[b]));
  }
}

void Checker::answered(Op& op, spec::Status status, const Value* data, std::uint32_t slot) {
  if (op.given_up) return;  // nobody hears it
  if (op.end != Op::End::kOpen) return fail(10, fmt::format("command {} is answered twice", op.id));
  op.status = status;
  op.end = status == 0 ? Op::End::kAcked : Op::End::kFailed;
  const bool liars = world_.plan.setup.liars;
  if (status != 0) {
    const auto what = spec::classify(status);
    const bool own = status == st::kPathInternal || (op.bad_digest && status == st::kTransientTransport) ||
                     (op.kind == Op::Kind::kCompare && status == st::kInterrupted);
    if (!own && (what == spec::LegStatus::kInfrastructure || what == spec::LegStatus::kNotHome))
      fail(0, fmt::format("command {} is answered with a leg's status {:#05x}", op.id, status));
    std::uint64_t versions = 0;
    for (std::uint32_t i = 0; i < op.count; ++i) versions += history.version(op.lba + i);
    if (status == st::kCompareFailure && op.settled && versions == op.versions && !liars)
      fail(3, fmt::format("Compare {} of {} blocks from {} fails on data that must be there", op.id, op.count,
                          op.lba));
    for (std::uint32_t i = 0; i < op.count; ++i) {
      if (op.writes()) history.write_in_doubt(op.lba + i, op.id, op.values[i]);
      if (op.kind == Op::Kind::kRead || op.kind == Op::Kind::kCompare) history.read_abandoned(op.lba + i);
    }
    return;
  }
  if (op.bad_digest) fail(0, fmt::format("command {} succeeds although its data were damaged", op.id));
  if (world_.old_store) return fail(6, "a node whose store is an old copy answers with success");
  if (op.writes()) {
    check_keys(op);
    return acked_write(op);
  }
  switch (op.kind) {
    case Op::Kind::kFlush:
      return check_flushed(op);
    case Op::Kind::kDsm:
      for (std::uint32_t i = 0; i < op.count; ++i)
        if (history.zeroed(op.lba + i) < op.begun)
          fail(14,
               fmt::format("deallocation {} is acknowledged, block {} was not zeroed", op.id, op.lba + i));
      return;
    default:
      for (std::uint32_t i = 0; i < op.count; ++i) {
        const Value v = data != nullptr ? data[i] : op.values[i];
        const auto bad = history.read_done(op.lba + i, v);
        if (!bad.empty() && !liars) fail(3, fmt::format("command {} in slot {}: ", op.id, slot) + bad);
      }
  }
}

// Whoever finds a record in which more legs are in sync is told by the legs that serve (docs/PROTOCOL.md).
void Checker::check_keys(const Op& op) {
  if (alien_epoch_ != 0 || world_.plan.setup.reserved_legs != 15) return;
  for (unsigned peer = 0; peer < world_.peers.size(); ++peer) {
    if (drop_number_[peer] == 0) continue;
    bool misses = false;
    for (std::uint32_t i = 0; i < op.count; ++i) {
      const Peer& p = *world_.peers[peer];
      // What it had executed and lost with its power it has not missed.
      const bool held = p.cache[op.lba + i] == op.values[i] || p.lost[op.lba + i] == op.values[i];
      misses = misses || !held;
    }
    if (misses && !carried(drop_number_[peer]))
      fail(6, fmt::format(
                  "a write is acknowledged without peer {}, and no leg carries the number {} that says so",
                  peer, drop_number_[peer]));
  }
}

bool Checker::carried(std::uint32_t number) const {
  bool serves = false;
  for (unsigned leg = 0; leg < 4; ++leg) {
    if (epoch_.legs[leg].role != Role::kInSync || peer_of_leg_[leg] < 0 || !world_.node->serves(leg))
      continue;
    serves = true;
    const Peer& p = *world_.peers[static_cast<unsigned>(peer_of_leg_[leg])];
    if (p.holder != 0 && core::FenceKey::of(p.keys.at(p.holder)).number >= number) return true;
  }
  return !serves;
}

void Checker::lost(Op& op) {
  if (op.end != Op::End::kOpen) return;
  op.end = Op::End::kLost;
  for (std::uint32_t i = 0; i < op.count; ++i) {
    if (op.writes()) history.write_in_doubt(op.lba + i, op.id, op.values[i]);
    if (op.kind == Op::Kind::kRead || op.kind == Op::Kind::kCompare) history.read_abandoned(op.lba + i);
  }
}

void Checker::give_up(Op& op) {
  op.given_up = op.end == Op::End::kOpen;
  lost(op);
}

// ---- legs ---------------------------------------------------------------------------------------
void Checker::read_sent(unsigned leg) {
  const Role role = epoch_.legs[leg].role;
  // A leg that is being removed is good until the core stops using it.
  if (role != Role::kInSync && role != Role::kRemoved)
    fail(8, fmt::format("a read is sent to leg {}, which is not in sync", leg));
}

void Checker::sent(const LegCommand& c) {
  const bool writes = c.opcode == io::kWrite || c.opcode == io::kWriteZeroes;
  // The repair of a read writes what the block holds anyway, and needs no more than the read's own guard.
  const bool changes = writes && !c.hold && !c.repair;
  if (c.opcode == io::kFlush) return;
  if (writes && !c.hold) {
    for (std::uint32_t b = c.lba; b < c.lba + c.count; ++b)
      if (!open(b / world_.region_blocks))
        return fail(14, fmt::format("a write of block {} is sent, its region {} is not durably open", b,
                                    b / world_.region_blocks));
  }
  bool known = false;
  for (Active& a : active_) {
    if (a.slot == c.slot) {
      a.writes = a.writes || changes;
      known = true;
      continue;
    }
    const bool overlap = a.lba < c.lba + c.count && c.lba < a.lba + a.count;
    if (overlap && !world_.node->slot_busy(a.slot)) continue;  // it ended without a word: its queue is closed
    if (overlap && (changes || a.writes))
      return fail(14,
                  fmt::format("slot {} is at the legs with blocks {}+{} while slot {} has {}+{}: no guard",
                              c.slot, c.lba, c.count, a.slot, a.lba, a.count));
  }
  if (!known) active_.push_back({c.slot, c.lba, c.count, changes, c.hold});
}

void Checker::slot_done(std::uint32_t slot) {
  std::erase_if(active_, [slot](const Active& a) { return a.slot == slot; });
}
void Checker::all_slots_done() {
  active_.clear();
}

int Checker::peer_of(unsigned leg) const {
  return peer_of_leg_[leg];
}
Role Checker::role_of_peer(unsigned peer) const {
  const int leg = leg_of_peer_[peer];
  return leg < 0 ? Role::kNone : epoch_.legs[static_cast<unsigned>(leg)].role;
}

void Checker::check_block(std::uint32_t b) {
  const std::uint32_t region = b / world_.region_blocks;
  const bool is_open = open(region);
  const Peer* source = nullptr;
  for (unsigned leg = 0; leg < 4; ++leg) {
    const Role role = epoch_.legs[leg].role;
    if (role == Role::kNone || role == Role::kRemoved || peer_of_leg_[leg] < 0) continue;
    const Peer& p = *world_.peers[static_cast<unsigned>(peer_of_leg_[leg])];
    if (role == Role::kInSync) {
      if (!p.unsafe && !history.legal(b, p.cache[b]))
        return fail(2, fmt::format("leg {}: {}", leg, history.describe(b, p.cache[b])));
      if (source == nullptr) source = &p;
    }
    if (is_open || (dirty_[leg] >> region & 1) != 0) continue;
    if (p.cache[b] != p.stable[b])
      return fail(
          13, fmt::format("leg {} has not flushed block {}, and its region {} is closed", leg, b, region));
  }
  if (is_open || source == nullptr) return;
  for (unsigned leg = 0; leg < 4; ++leg) {
    const Role role = epoch_.legs[leg].role;
    if (role == Role::kNone || role == Role::kRemoved || peer_of_leg_[leg] < 0) continue;
    if ((dirty_[leg] >> region & 1) != 0) continue;
    const Peer& p = *world_.peers[static_cast<unsigned>(peer_of_leg_[leg])];
    if (p.cache[b] != source->cache[b])
      return fail(4, fmt::format("leg {} holds {} in block {}, an in-sync leg {}: region {} is not marked",
                                 leg, p.cache[b], b, source->cache[b], region));
  }
}

void Checker::check_region(std::uint32_t region) {
  const std::uint32_t end = std::min<std::uint32_t>(world_.blocks, (region + 1) * world_.region_blocks);
  for (std::uint32_t b = region * world_.region_blocks; b < end && failure.empty(); ++b) check_block(b);
}
void Checker::check_all() {
  for (std::uint32_t b = 0; b < world_.blocks && failure.empty(); ++b) check_block(b);
}

void Checker::changed(unsigned peer, std::uint32_t lba, std::uint32_t count) {
  if (world_.plan.setup.liars || role_of_peer(peer) == Role::kNone) return;
  for (std::uint32_t i = 0; i < count && failure.empty(); ++i) check_block(lba + i);
}
void Checker::changed_all(unsigned peer) {
  if (world_.plan.setup.liars || role_of_peer(peer) == Role::kNone) return;
  check_all();
}

// ---- power --------------------------------------------------------------------------------------
// P1 holds unflushed data only while another in-sync leg keeps them. The node cannot tell a peer that was cut
// off from one that lost its cache while nobody was connected to it; so the promise is: a leg that serves
// when another one loses power, and goes on serving until that one is durably dropped.
void Checker::amnesty() {
  if (amnesty_at_ == history.tick()) return;
  world_.note("unflushed data may be gone");
  history.power_lost();
  amnesty_at_ = history.tick();
}

void Checker::power_lost(unsigned peer, bool lost_any) {
  if (!lost_any || !relied_upon(peer)) return;
  world_.peers[peer]->unsafe = true;
  // Whatever is lost: what was flushed or written with FUA is not, on any leg that is in sync.
  if (at_in_sync(peer))
    for (const std::uint32_t b : world_.hot)
      if (!history.legal_after_power_loss(b, world_.peers[peer]->stable[b]))
        return fail(1, fmt::format("peer {} has lost block {} with its cache, though it was flushed: {}",
                                   peer, b, history.describe(b, world_.peers[peer]->stable[b])));
  look_at_power();
}

// The node takes it as in sync, knowing that its association is a new one.
void Checker::trusted(unsigned leg, bool in_sync) {
  if (peer_of_leg_[leg] < 0) return;
  Peer& p = *world_.peers[static_cast<unsigned>(peer_of_leg_[leg])];
  if (!p.unsafe) return;
  if (in_sync) amnesty();
  p.unsafe = false;
}

void Checker::look_at_power() {
  bool any = false;
  for (const auto& p : world_.peers) {
    p->unsafe = p->unsafe && relied_upon(p->index);
    any = any || (p->unsafe && at_in_sync(p->index));
  }
  if (!any) return;
  for (unsigned leg = 0; leg < 4; ++leg) {
    if (peer_of_leg_[leg] < 0 || epoch_.legs[leg].role != Role::kInSync) continue;
    const Peer& p = *world_.peers[static_cast<unsigned>(peer_of_leg_[leg])];
    if (!p.unsafe && world_.node->serves(leg)) return;
  }
  amnesty();
}

void Checker::node_died() {
  bool any = false;
  for (const auto& p : world_.peers) any = any || (p->unsafe && at_in_sync(p->index));
  if (any) amnesty();
}

// ---- the durable records ------------------------------------------------------------------------
void Checker::committed() {
  if (world_.old_store) return;
  const store::EpochRecord before = epoch_;
  const std::uint64_t open_before = open_, epoch_before = epoch_.epoch;
  const auto dirty_before = dirty_;
  open_ = 0;
  dirty_ = {};
  for (const auto& [key, value] : world_.disk.records()) {
    const auto k = store::parse_key(key);
    if (!k) return fail(0, "a key of the store cannot be read: " + k.error().text());
    if (k->kind == store::Kind::kEpoch) {
      auto e = store::decode_epoch(key, value);
      if (!e) return fail(0, e.error().text());
      epoch_ = std::move(*e);
    } else if (k->kind == store::Kind::kOpen || k->kind == store::Kind::kDirty) {
      const auto bits = store::decode_bitmap(key, value);
      if (!bits) return fail(0, bits.error().text());
      (k->kind == store::Kind::kOpen ? open_ : dirty_[k->leg]) = (*bits)[0];
    }
  }
  world_.model.records(world_);
  if (epoch_.epoch != epoch_before) {
    leg_of_peer_.fill(-1);
    for (unsigned leg = 0; leg < 4; ++leg) {
      const auto& l = epoch_.legs[leg];
      const bool there = l.role != Role::kNone && l.role != Role::kRemoved;
      peer_of_leg_[leg] = l.peer.size() == 2 ? l.peer[1] - '0' : -1;
      if (there && peer_of_leg_[leg] >= 0)
        leg_of_peer_[static_cast<unsigned>(peer_of_leg_[leg])] = static_cast<int>(leg);
    }
    if (alien_epoch_ != 0 && epoch_.epoch > alien_epoch_)
      return fail(
          6, fmt::format("epoch {} was written over another node's epoch {}", epoch_.epoch, alien_epoch_));
    for (unsigned leg = 0; leg < 4; ++leg) {
      const auto& was = before.legs[leg];
      if (was.role == Role::kInSync && epoch_.legs[leg].role != Role::kInSync)
        drop_number_[static_cast<unsigned>(was.peer[1] - '0')] = world_.fence_number();
      if (epoch_.legs[leg].role == Role::kInSync && peer_of_leg_[leg] >= 0)
        drop_number_[static_cast<unsigned>(peer_of_leg_[leg])] = 0;
    }
    bool any = false;
    for (unsigned leg = 0; leg < 4; ++leg) {
      if (epoch_.legs[leg].role != Role::kInSync) continue;
      any = true;
      if (dirty_[leg] != 0) return fail(5, fmt::format("leg {} is in sync and has dirty regions", leg));
    }
    if (!any) return fail(1, "no leg is in sync in the record");
    look_at_power();
    if (!world_.plan.setup.liars) check_all();
    return;
  }
  if (alien_epoch_ != 0 && (open_before != open_ || dirty_before != dirty_))
    return fail(6, "the maps were changed after another node had taken the namespace");
  if (world_.plan.setup.liars) return;
  std::uint64_t cleared = open_before & ~open_;
  for (unsigned leg = 0; leg < 4; ++leg) cleared |= dirty_before[leg] & ~dirty_[leg];
  for (std::uint32_t r = 0; cleared != 0; ++r, cleared >>= 1)
    if ((cleared & 1) != 0) {
      check_region(r);
      if ((open_before >> r & 1) != 0 && !open(r)) world_.node->check_closed(r);
    }
}

void Checker::taken_over() {
  alien_epoch_ = epoch_.epoch;
}

// ---- the end ------------------------------------------------------------------------------------
unsigned Checker::differing_blocks() const {
  unsigned n = 0;
  for (std::uint32_t b = 0; b < world_.blocks; ++b) {
    const Peer* first = nullptr;
    bool differs = false;
    for (unsigned leg = 0; leg < 4; ++leg) {
      if (epoch_.legs[leg].role != Role::kInSync || peer_of_leg_[leg] < 0) continue;
      const Peer& p = *world_.peers[static_cast<unsigned>(peer_of_leg_[leg])];
      if (first == nullptr) first = &p;
      differs = differs || p.cache[b] != first->cache[b];
    }
    n += differs ? 1 : 0;
  }
  return n;
}

void Checker::at_rest() {
  if (const unsigned n = differing_blocks(); n != 0)
    return fail(9, fmt::format("legs differ in {} blocks at rest", n));
  check_all();
}

}  // namespace nvtee::cluster
