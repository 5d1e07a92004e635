// The node's associations with its legs, both ends: what LegLink and the initiator do, and what peers and the
// network between make of it.
#include <algorithm>

#include "runtime/base/check.hpp"
#include "sim/cluster/node_later.hpp"
#include "sim/cluster/words.hpp"

namespace nvtee::cluster {

namespace io = spec::io;

namespace {
enum : std::uint8_t { kMsgAnswer = 32, kMsgReserve = 33, kMsgReserved = 34 };
}

std::uint32_t Node::new_command() {
  if (free_commands_.empty()) {
    commands_.emplace_back();
    return static_cast<std::uint32_t>(commands_.size() - 1);
  }
  const std::uint32_t id = free_commands_.back();
  free_commands_.pop_back();
  return id;
}

void Node::report(Report r) {
  reports_.push_back(std::move(r));
}

// ---- contact ------------------------------------------------------------------------------------
void Node::attach(unsigned leg, std::uint8_t gen, const core::LegSpec& spec) {
  NVTEE_CHECK(links_[leg] == nullptr, "a leg has one association");
  attaches_[attached_++ % attaches_.size()] = world_.now();
  if (attached_ > attaches_.size() &&
      world_.now() - attaches_[attached_ % attaches_.size()] < 60 * 10 * kMillisecond)
    world_.check.fail(10, "64 connection attempts in less than 600 ms: there is no back-off");
  auto a = std::make_unique<Assoc>(world_.agenda, world_.chance, static_cast<Pipe::Receiver*>(this),
                                   static_cast<Pipe::Receiver*>(this));
  a->number = static_cast<std::uint32_t>(assocs_.size());
  a->leg = leg;
  a->gen = gen;
  a->peer = static_cast<unsigned>(spec.peer[1] - '0');
  a->nsid = spec.nsid;
  a->to_peer.owner = a->to_node.owner = a->number;
  a->life = life_;
  a->host = a->number + 1;
  links_[leg] = a.get();
  world_.note("attach leg {} gen {} peer {}", leg, gen, a->peer);
  const std::uint32_t number = a->number;
  assocs_.push_back(std::move(a));
  later(world_.chance.between(kMillisecond, 15 * kMillisecond), [this, number] { connected(number); });
}

void Node::connected(std::uint32_t number) {
  Assoc& a = *assocs_[number];
  if (a.closed) return;
  const bool exists = a.peer < world_.peers.size() && a.nsid == 1;
  const Peer& p = *world_.peers[exists ? a.peer : 0];
  // Whoever is seen first is the leg: for what looks like another namespace that is too early.
  // (The identity of a removed leg is deleted a moment after it has been forgotten.)
  const auto role = world_.check.epoch().legs[a.leg].role;
  const bool known = world_.disk.records().contains(store::identity_key("vol0", a.leg)) &&
                     role != store::Role::kNone && role != store::Role::kRemoved;
  const bool there = exists && world_.now() >= p.away_until && (known || !p.strange());
  world_.note("connected {} there {}", number, there ? 1u : 0u);
  if (there) {
    a.up = true;
    report({Report::Kind::kUp, a.leg, a.gen, p.shown(), {}, true, {}});
  } else {
    report({Report::Kind::kDown, a.leg, a.gen, {}, "no route", true, {}});
  }
  pump();
}

Assoc* Node::assoc_of_peer(unsigned peer) {
  for (Assoc* a : links_)
    if (a != nullptr && a->peer == peer && a->up && !a->broken) return a;
  return nullptr;
}

// ---- commands -----------------------------------------------------------------------------------
void Node::arrived(Pipe& pipe, const Msg& msg) {
  Assoc& a = *assocs_[pipe.owner];
  if (&pipe == &a.to_peer)
    peer_message(a, msg);
  else
    node_message(a, msg);
}

void Node::peer_message(Assoc& a, const Msg& msg) {
  if (msg.kind == kMsgReserve) return reserve_at_peer(a.number, msg.b);
  LegCommand& c = commands_[msg.a];
  if (!c.live || c.serial != msg.b || c.stray) return;
  c.at_peer = true;
  Peer& p = *world_.peers[a.peer];
  if (p.mute) return;  // it lies there until the association ends
  Duration d = p.chance.between(20 * kMicrosecond, 2 * world_.plan.setup.exec) + p.extra;
  if (p.stuck_one_in != 0 && p.chance.one_in(p.stuck_one_in)) d += p.chance.between(20, 600) * kMillisecond;
  world_.agenda.in(d, [this, id = msg.a, serial = msg.b] {
    if (commands_[id].live && commands_[id].serial == serial && !commands_[id].stray) execute(id);
  });
}

void Node::execute(std::uint32_t id) {
  LegCommand& c = commands_[id];
  Assoc& a = *assocs_[c.assoc];
  Peer& p = *world_.peers[a.peer];
  const bool changed = p.execute(c);
  world_.note("peer {} executes {} lba {} count {} cid {} status {:#05x} value {} late {}", a.peer,
              opcode_word(c.opcode), c.lba, c.count, c.cid, c.status, c.count != 0 ? c.data[0] : 0,
              c.stray ? 1u : 0u);
  if (changed && c.opcode == io::kFlush)
    ;
  else if (changed)
    world_.check.changed(a.peer, c.lba, c.count);
  if (changed && world_.old_store && !c.stray)
    world_.check.fail(6, "a node whose store is an old copy writes to a leg");
  if (changed) check_late(c, a);
  if (c.stray) {
    c.live = false;
    free_commands_.push_back(id);
    return;
  }
  a.to_node.send({kMsgAnswer, 0, c.cid, id, c.serial});
  if (p.duplicate_one_in != 0 && p.chance.one_in(p.duplicate_one_in))
    a.to_node.send({kMsgAnswer, 1, c.cid, id, c.serial});
}

void Node::node_message(Assoc& a, const Msg& msg) {
  if (a.closed || !up()) return;
  if (msg.kind == kMsgReserved) return reserve_answered(a, msg.b);
  tee::LegIn in{};
  in.ns = 0;
  in.leg = a.leg;
  in.gen = a.gen;
  in.cid = msg.cid;
  LegCommand& c = commands_[msg.a];
  const bool ours = c.live && c.serial == msg.b && !c.answered;
  if (msg.flag == 1 || !ours) {  // a duplicate: its status is known to nobody any more
    in.status = spec::st::kOk;
    if (msg.flag != 1) return;
    // As a peer might repeat it: of this command when it is still known, else of an older one.
    if (c.live && c.serial == msg.b) in.status = c.status;
    leg_backlog_.push_back(in);
    if (!old_answers_.empty() && world_.chance.one_in(3)) {
      tee::LegIn old = old_answers_[world_.chance.below(old_answers_.size())];
      // Of an older incarnation than the core knows; what it knows, with a closed association, says nothing.
      const unsigned leg = old.leg.to_uint();
      const bool older = links_[leg] == nullptr || links_[leg]->gen != old.gen.to_uint();
      if (older && core_gen_[leg] != old.gen.to_uint() && ctl_backlog_.empty()) leg_backlog_.push_back(old);
    }
    return pump();
  }
  c.answered = true;
  in.status = c.status;
  if (c.opcode == io::kRead && c.status == spec::st::kOk) buffers_[c.slot] = c.data;
  leg_backlog_.push_back(in);
  if (old_answers_.size() < 16)
    old_answers_.push_back(in);
  else
    old_answers_[c.serial % 16] = in;
  std::erase(a.commands, msg.a);
  c.live = false;
  free_commands_.push_back(msg.a);
  pump();
}

// ---- the end of an association ------------------------------------------------------------------
// The command's association is gone; it may execute nevertheless, within the guard time.
void Node::stray(LegCommand& c, bool drop) {
  const auto id = static_cast<std::uint32_t>(&c - commands_.data());
  if (c.executed || drop || c.opcode == io::kRead || world_.chance.one_in(3)) {
    c.live = false;
    free_commands_.push_back(id);
    return;
  }
  c.stray = true;
  const Duration d = world_.chance.one_in(2) ? world_.chance.between(0, 20 * kMillisecond)
                                             : world_.chance.between(0, world_.guard - world_.guard / 8);
  world_.agenda.in(d, [this, id, serial = c.serial] {
    if (commands_[id].live && commands_[id].serial == serial) execute(id);
  });
}

void Node::close_leg(unsigned leg) {
  Assoc* a = links_[leg];
  if (a == nullptr) return;
  links_[leg] = nullptr;
  std::erase_if(reports_, [&](const Report& r) { return r.leg == leg; });
  if (a->closed) return;
  world_.note("detach leg {} gen {}", leg, a->gen);
  if (deletes_ && connected_[leg]) detached_.push_back(a->number);
  a->closed = true;
  a->up = false;
  a->to_peer.close();
  a->to_node.close();
  for (const std::uint32_t id : a->commands) stray(commands_[id], false);
  a->commands.clear();
  stray_reserve(*a, false);
}

// Between the two ends: nothing passes any more. `lose_all`: nor does anything execute.
void Node::break_assoc(Assoc& a, bool lose_all, Duration told_after) {
  if (a.closed || a.broken) return;
  a.broken = true;
  a.to_peer.close();
  a.to_node.close();
  for (const std::uint32_t id : a.commands) stray(commands_[id], lose_all);
  a.commands.clear();
  stray_reserve(a, lose_all);
  a.silent_since = world_.now();
  if (told_after == kNever) return;  // found out by what it owes, or by its keep-alive
  later(told_after, [this, number = a.number] {
    Assoc& x = *assocs_[number];
    if (x.closed) return;
    x.up = false;
    report({Report::Kind::kDown, x.leg, x.gen, {}, "connection reset", true, {}});
    pump();
  });
}

// ---- clocks -------------------------------------------------------------------------------------
void Node::look_at_links() {
  const Duration deadline = 200 * kMillisecond;
  for (Assoc* a : links_) {
    if (a == nullptr || !a->up || a->closed) continue;
    // A pause of our own is not the leg's fault. Clocks are the node's own.
    Time oldest = kNever;
    for (const std::uint32_t id : a->commands) oldest = std::min(oldest, commands_[id].sent);
    if (a->reserving) oldest = std::min(oldest, a->reserve_sent);
    if (a->broken && oldest == kNever && a->oldest != kNever) oldest = a->oldest;
    if (oldest != a->oldest) {
      a->oldest = oldest;
      a->pause_at_oldest = total_pause_;
    }
    const bool late = oldest != kNever && world_.now() > oldest &&
                      world_.now() - oldest > deadline + (total_pause_ - a->pause_at_oldest);
    if (late && !a->deadline_told) {
      a->deadline_told = true;
      report({Report::Kind::kDeadline, a->leg, a->gen, {}, {}, true, {}});
    }
    const bool silent = a->broken || a->to_peer.clogged() || a->to_node.clogged();
    if (!silent)
      a->silent_since = kNever;
    else if (a->silent_since == kNever)
      a->silent_since = world_.now();
    if (silent && world_.now() > a->silent_since + kato) {
      a->up = false;
      report({Report::Kind::kDown, a->leg, a->gen, {}, "keep-alive is not answered", true, {}});
    }
  }
}

void Node::look_at_hosts() {
  for (Conn* c : queues_) {
    if (c == nullptr || !c->node_open) continue;
    if (c->owed_since != kNever && world_.now() > c->owed_since + 400 * kMillisecond)
      close_conn(*c, "the host owes data of an R2T for too long", true);
    else if (c->host_open && !c->to_node.clogged())
      c->last_heard = world_.now();
    else if (world_.now() > c->last_heard + kato)
      close_conn(*c, "keep-alive", true);
  }
}

void Node::tick() {
  look_at_links();
  look_at_hosts();
  check_age();
  check_waiting();
  check_closed_queues();
  if (world_.plan.setup.full) check_status();
  if (world_.plan.setup.too_late && late_.one_in(6)) tell_too_late();
  if (world_.plan.setup.latency && ++ticks_ % 2 == 0) tell_latency();
  pump();
  if (up()) later(50 * kMillisecond, [this] { tick(); });
}

// No write to a region that is durably closed may be unanswered on an in-sync leg (P13).
void Node::check_closed(std::uint32_t region) {
  for (const Assoc* a : links_) {
    if (a == nullptr || world_.check.role_of_peer(a->peer) != store::Role::kInSync) continue;
    for (const std::uint32_t id : a->commands) {
      const LegCommand& c = commands_[id];
      const bool writes = c.opcode == io::kWrite || c.opcode == io::kWriteZeroes;
      if (!writes || c.hold || c.count == 0) continue;
      if (c.lba / world_.region_blocks <= region && region <= (c.lba + c.count - 1) / world_.region_blocks)
        world_.check.fail(13, "a region is closed while a write to it is not answered");
    }
  }
}

}  // namespace nvtee::cluster
