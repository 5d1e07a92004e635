// Reservation commands of the simulated node, and what its peers do with them. A command whose association is
// gone may execute later, as any other.
#include <algorithm>

#include "runtime/core/leg_fence.hpp"
#include "runtime/core/planted.hpp"
#include "sim/cluster/node_later.hpp"
#include "sim/cluster/words.hpp"

namespace nvtee::cluster {

namespace {
enum : std::uint8_t { kMsgReserve = 33, kMsgReserved = 34 };
constexpr Duration kLook = 100 * kMicrosecond;
}  // namespace

void Node::reserve(unsigned leg, const core::Reserve& command) {
  Assoc* a = links_[leg];
  if (a == nullptr || !a->up || a->closed) return;  // that it is down is on its way
  a->reserving = true;
  a->reserve = command;
  a->reserve_serial = next_serial_++;
  a->reserve_sent = world_.now();
  world_.note("reserve leg {} op {} current {} other {}", leg, static_cast<unsigned>(command.op),
              command.current, command.other);
  a->to_peer.send({kMsgReserve, 0, 0, 0, a->reserve_serial});
}

void Node::reserve_at_peer(std::uint32_t number, std::uint64_t serial) {
  const Assoc& a = *assocs_[number];
  Peer& p = *world_.peers[a.peer];
  if (!a.reserving || a.reserve_serial != serial || p.mute) return;
  Duration d = p.chance.between(20 * kMicrosecond, kMillisecond) + p.extra;
  if (p.stuck_one_in != 0 && p.chance.one_in(p.stuck_one_in)) d += p.chance.between(20, 300) * kMillisecond;
  world_.agenda.in(d, [this, number, serial] {
    Assoc& x = *assocs_[number];
    if (!x.reserving || x.reserve_serial != serial) return;
    Peer& q = *world_.peers[x.peer];
    std::vector<std::uint32_t> victims;
    x.reserved = {};
    if (q.infra_one_in != 0 && q.chance.one_in(q.infra_one_in)) {
      x.reserved.status = spec::st::kInternal;
    } else if (x.reserve.op == core::Reserve::Op::kReport) {
      x.reserved.type = q.holder == 0 ? 0
                        : q.all_hold  ? spec::resv::kEaAllRegistrants
                                      : spec::resv::kExclusiveAccess;
      x.reserved.persistent = q.persistent;
      x.reserved.truncated = q.crowded;
      for (const auto& [host, key] : q.keys)
        x.reserved.registrants.push_back({key, host == x.host,
                                          host != Peer::kAlien && assocs_[host - 1]->life == life_ && up(),
                                          host == q.holder || q.all_hold});
    } else if (q.contended && x.reserve.op != core::Reserve::Op::kReplace &&
               x.reserve.op != core::Reserve::Op::kUnregister) {
      x.reserved.status = spec::st::kReservationConflict;
    } else {
      x.reserved.status = q.reserve(x.host, x.reserve, victims);
    }
    x.awaited = abort_victims(x.peer, victims);
    world_.note("peer {} reserves op {} status {:#05x} victims {} awaited {}", x.peer,
                static_cast<unsigned>(x.reserve.op), x.reserved.status, victims.size(), x.awaited.size());
    reserve_done(number, serial);
  });
}

// Commands that are in the leg: aborted at once, or too far, and to be waited for.
Node::Awaited Node::abort_victims(unsigned peer, const std::vector<std::uint32_t>& victims) {
  Awaited awaited;
  Peer& p = *world_.peers[peer];
  for (std::uint32_t id = 0; id < commands_.size(); ++id) {
    LegCommand& c = commands_[id];
    if (!c.live || c.executed || !c.at_peer || !c.stray || assocs_[c.assoc]->peer != peer) continue;
    if (std::find(victims.begin(), victims.end(), c.host) == victims.end()) continue;
    const bool no_abort = core::planted(core::Bug::kPreemptNoAbort);
    c.begun = no_abort || p.chance.one_in(2);
    if (!c.begun) {
      c.live = false;
      free_commands_.push_back(id);
    } else if (!no_abort) {
      awaited.emplace_back(id, c.serial);
    }
  }
  return awaited;
}

// Another node preempts and aborts whoever is registered. True: commands that had begun are still to end, or
// nobody had known what came before; then its key says so.
bool Node::seized(unsigned peer) {
  Peer& p = *world_.peers[peer];
  std::vector<std::uint32_t> victims;
  bool doubt = false;
  for (const auto& [host, key] : p.keys) {
    victims.push_back(host);
    doubt = doubt || core::FenceKey::of(key).doubt;
  }
  (void)abort_victims(peer, victims);
  for (const LegCommand& c : commands_)
    doubt = doubt || (c.live && !c.executed && c.at_peer && c.begun && assocs_[c.assoc]->peer == peer);
  return doubt;
}

bool Node::strays_at(unsigned peer) const {
  return std::any_of(commands_.begin(), commands_.end(), [&](const LegCommand& c) {
    return c.live && !c.executed && c.stray && assocs_[c.assoc]->peer == peer;
  });
}

void Node::reserve_done(std::uint32_t number, std::uint64_t serial) {
  Assoc& a = *assocs_[number];
  if (!a.reserving || a.reserve_serial != serial) return;
  std::erase_if(a.awaited, [&](const auto& w) {
    return !commands_[w.first].live || commands_[w.first].serial != w.second;
  });
  if (a.awaited.empty()) return a.to_node.send({kMsgReserved, 0, 0, 0, serial});
  world_.agenda.in(kLook, [this, number, serial] { reserve_done(number, serial); });
}

void Node::reserve_answered(Assoc& a, std::uint64_t serial) {
  if (!a.reserving || a.reserve_serial != serial) return;
  a.reserving = false;
  report({Report::Kind::kReserved, a.leg, a.gen, {}, {}, true, a.reserved});
  pump();
}

// Its association is gone. It may reach the leg all the same.
void Node::stray_reserve(Assoc& a, bool drop) {
  if (!std::exchange(a.reserving, false) || drop || a.reserve.op == core::Reserve::Op::kReport) return;
  if (world_.chance.one_in(2)) return;
  const Duration d = world_.chance.between(0, world_.guard - world_.guard / 8);
  Peer& peer = *world_.peers[a.peer];
  if (a.reserve.op == core::Reserve::Op::kUnregister)
    peer.given_back_at = std::max(peer.given_back_at, clock() + d);
  world_.agenda.in(d, [this, number = a.number, command = a.reserve] {
    Peer& p = *world_.peers[assocs_[number]->peer];
    std::vector<std::uint32_t> victims;
    const auto status = p.reserve(assocs_[number]->host, command, victims);
    (void)abort_victims(assocs_[number]->peer, victims);
    world_.note("peer {} reserves late op {} status {:#05x}", assocs_[number]->peer,
                static_cast<unsigned>(command.op), status);
  });
}

// The leg's present association has proven that nothing older can execute (P6).
void Node::check_late(const LegCommand& c, const Assoc& a) {
  if (!c.stray || !up()) return;
  const Assoc* now = links_[a.leg];
  if (now == nullptr || now->peer != a.peer || now->number == a.number) return;
  if (status().legs[a.leg].proven)
    world_.check.fail(6, "a write of a former association is applied after the leg's fence");
}

}  // namespace nvtee::cluster
