// What happens to a cluster once in a while, and what operators do that nobody thought of: namespaces that
// are deleted, legs in other hands, reservations that other tools have changed, a store that is damaged, the
// same request twice.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/core/leg_fence.hpp"
#include "sim/cluster/world.hpp"

namespace nvtee::cluster {

using core::Input;

// ---- a damaged store --------------------------------------------------------------------------------------
namespace {

// What is wrong with it; empty: nothing, the records are only in company.
std::string damage(std::vector<store::Transaction::Put>& records, unsigned regions, Chance& c) {
  const auto is = [](store::Kind kind) {
    return [kind](const store::Transaction::Put& r) {
      const auto key = store::parse_key(r.key);
      return key && key->kind == kind;
    };
  };
  store::BitmapRecord bits{};
  switch (c.pick(7)) {
    case 0:
      std::erase_if(records, is(store::Kind::kEpoch));
      return "no epoch record";
    case 1:
      records.push_back({"\xff\xff", "x"});
      return "a key that is none";
    case 2:
      bits[regions / 64] = std::uint64_t{1} << (regions % 64);
      records.push_back({store::open_key("vol0", 0), {}});
      records.back().value = store::encode_bitmap(records.back().key, bits);
      return "an open region beyond the namespace";
    case 3:
      records.push_back({store::dirty_key("vol0", 1, 7), {}});
      bits[0] = 1;
      records.back().value = store::encode_bitmap(records.back().key, bits);
      return "a dirty map beyond the namespace";
    case 4:
      records.push_back({store::record_key("vol1", store::Kind::kMarker), "of somebody else"});
      return {};
    default: {
      auto& r = records[c.below(records.size())];
      if (r.value.empty()) return {};
      auto& byte = r.value[c.below(r.value.size())];
      byte = static_cast<char>(byte ^ 1 << c.pick(8));
      return "a flipped bit in " + store::describe_key(r.key);
    }
  }
}

}  // namespace

// A daemon that finds damaged records does not start; its operator brings the good ones back.
void Node::try_damaged(std::vector<store::Transaction::Put> records) {
  const std::string what = damage(records, world_.plan.setup.regions, late_);
  const auto made = core::NamespaceControl::restore(control_setup(), records);
  if (made.has_value() == what.empty()) return;
  world_.check.fail(0, what.empty()
                           ? "another namespace's records keep a node from starting: " + made.error().text()
                           : "a node starts with " + what);
}

// ---- deletion and stop ------------------------------------------------------------------------------------
// A namespace that is deleted leaves no reservation behind on the legs that answer.
void Node::check_given_back() {
  if (!deletes_ || clock() >= give_back_until_) return;
  for (const std::uint32_t number : detached_) {
    const Assoc& a = *assocs_[number];
    if (a.peer < world_.peers.size() && world_.peers[a.peer]->keys.contains(a.host))
      world_.check.fail(0, fmt::format("the namespace is deleted, and peer {} has its registration", a.peer));
  }
}

// Operators ask for the same again, and for what is not possible any more.
void World::look_at_drained() {
  node->check_status();
  node->drain(node->drained());
}

// ---- legs in other hands ----------------------------------------------------------------------------------
void World::stop_meddling() {
  for (auto& p : peers) {
    p->crowded = p->contended = false;
    if (p->foreign) p->clear_keys();
  }
}

// Somebody else's tools at a leg's reservation. What the node relies on they leave alone: a leg that it is
// connected to, and a reservation that keeps out what its ended associations had sent.
void World::meddle(Peer& p, Chance& c, Duration length) {
  const Assoc* a = node->assoc_of_peer(p.index);
  const bool idle = a == nullptr || !node->up() || !node->status().legs[a->leg].connected;
  switch (c.pick(6)) {
    case 0:
      p.crowded = true;
      return agenda.in(length, [q = &p] { q->crowded = false; });
    case 1:
      p.contended = true;
      return agenda.in(length, [q = &p] { q->contended = false; });
    case 2:
      if (idle && p.holder != 0 && !p.foreign) p.all_hold = true;
      return;
    case 3:
      if (idle) p.persistent = false;
      return;
    default: {
      if (!idle || node->strays_at(p.index)) return;
      (void)node->seized(p.index);
      const std::uint32_t tag = core::fence_tag(spec_of(plan.setup)) ^ 0x5a;
      p.seize(core::FenceKey{tag, 1 + c.pick(1000), 0, false}.packed());
      p.foreign = true;
      agenda.in(length, [q = &p] {
        if (q->foreign) q->clear_keys();
      });
      if (c.one_in(2)) (void)node->operate(Input::Kind::kAddLeg, 0, fmt::format("p{}", p.index));
    }
  }
}

void World::odd_operator(const Fault& f) {
  Chance c(f.param);
  Peer& p = *peers[f.target % peers.size()];
  const std::string name = fmt::format("p{}", p.index);
  note("odd operator {}", f.param);
  switch (c.pick(5)) {
    case 0:  // the same peer's other namespace, which it does not have
      (void)node->operate(Input::Kind::kAddLeg, 0, name, 2);
      return;
    case 1:
      for (const auto kind : {Input::Kind::kVerifyStart, Input::Kind::kVerifyStart, Input::Kind::kVerifyStop,
                              Input::Kind::kVerifyStop})
        (void)node->operate(kind, 0, "");
      return;
    default:
      if (p.facts.reservations) return meddle(p, c, std::max<Duration>(f.length, 100 * kMillisecond));
      (void)node->operate(Input::Kind::kRemoveLeg, f.target % 4, "");
      (void)node->operate(Input::Kind::kRemoveLeg, f.target % 4, "");
      (void)node->operate(Input::Kind::kFaultLeg, f.target % 4, "");
      (void)node->operate(Input::Kind::kOnlineLeg, f.target % 4, "");
  }
}

// ---- an old copy of the metadata ----------------------------------------------------------------------
void World::take_copy(const Fault& f) {
  if (copied_ || !node->up() || check.alien_epoch() != 0) return;
  copied_ = true;
  copy_ = disk.records();
  agenda.in(f.length, [this] { bring_copy(); });
}

// Only where a leg says that it is old, and goes on doing so; a copy of the same fence number is not told
// from the newest, nor one of a namespace whose deletion has given the legs back.
void World::bring_copy() {
  if (faults_over || check.alien_epoch() != 0 || node->paused()) return;
  node->crash();
  newest_ = disk.records();
  disk.replace(copy_);
  const std::uint32_t old = fence_number();
  const auto key = store::record_key("vol0", store::Kind::kEpoch);
  const auto record = store::decode_epoch(key, copy_.at(key));
  bool told = false;
  for (const auto& leg : record->legs) {
    if (leg.role == store::Role::kNone || leg.role == store::Role::kRemoved) continue;
    const Peer& p = *peers[static_cast<unsigned>(leg.peer[1] - '0')];
    if (p.given_back_at > now()) continue;
    told = told || (p.holder != 0 && !p.foreign && core::FenceKey::of(p.keys.at(p.holder)).number > old);
  }
  if (!told) {
    disk.replace(newest_);
    return node->start();
  }
  note("the node gets an old copy of its records, number {}", old);
  old_store = true;
  stop_meddling();
  for (auto& p : peers) {  // they answer
    p->away_until = 0;
    p->refuse_one_in = p->infra_one_in = p->stuck_one_in = 0;
    p->mute = false;
    p->disguise = 0;
    p->facts.max_transfer = 0;
    p->extra = 0;
  }
  node->store_stalled_until = node->store_slow_until = 0;
  node->store_errors_one_in = 0;
  node->start();
  agenda.in(1200 * kMillisecond, [this] { bring_newest(); });
}

void World::bring_newest() {
  note("the node gets its newest records back");
  node->crash();
  disk.replace(newest_);
  old_store = false;
  node->start();
}

}  // namespace nvtee::cluster
