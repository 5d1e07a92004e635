// Backing NVM subsystems: media with volatile caches, and the ways in which they fail.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "hw/kernels/tee_core/records.hpp"
#include "runtime/core/namespace_control.hpp"
#include "sim/cluster/chance.hpp"
#include "sim/cluster/history.hpp"

namespace nvtee::cluster {

constexpr unsigned kMaxValues = 32;  // blocks of a command

// A command on its way to a leg, or in it.
struct LegCommand {
  bool live = false, at_peer = false, executed = false, answered = false, stray = false, hold = false,
       repair = false;
  std::uint8_t opcode = 0;
  bool fua = false;
  std::uint16_t cid = 0;
  std::uint32_t slot = 0, assoc = 0;
  std::uint32_t lba = 0, count = 0;
  std::uint64_t serial = 0;
  std::uint32_t host = 0;  // Host Identifier of its association
  bool begun = false;      // before whatever reservation there is
  Time sent = 0;
  spec::Status status = 0;
  std::array<Value, kMaxValues> data{};
};

class Peer {
 public:
  Peer(unsigned index, unsigned blocks, Chance chance)
      : index(index), chance(chance), cache(blocks), stable(blocks), lost(blocks) {}

  // Executes; true when the medium may have changed.
  bool execute(LegCommand& c);
  void lose_power();

  unsigned index;
  Chance chance;
  core::LegFacts facts;
  std::vector<Value> cache, stable;
  std::vector<Value> lost;  // what the last loss of power that hit a block took from it
  // ---- reservations: Exclusive Access, persistent (hosts are numbers of associations + 1) ---------------
  static constexpr std::uint32_t kAlien = ~0u;
  std::map<std::uint32_t, std::uint64_t> keys;
  std::uint32_t holder = 0;
  bool all_hold = false;   // type Exclusive Access - All Registrants, as somebody else has made it
  bool persistent = true;  // registrations survive a loss of power; set with each Register
  bool foreign = false;    // another cluster has registered, and holds it
  bool crowded = false;    // with more registrants than a report has room for
  bool contended = false;  // somebody else changes the registrations all the time
  Time given_back_at = 0;  // a late Unregister arrives then
  // A command but Report; `victims` lost their registration.
  spec::Status reserve(std::uint32_t host, const core::Reserve& command, std::vector<std::uint32_t>& victims);
  bool lets(const LegCommand& c) const {
    return c.begun || holder == 0 || c.host == holder || (all_hold && keys.contains(c.host));
  }
  // Another node takes it.
  void seize(std::uint64_t key) {
    keys = {{kAlien, key}};
    holder = kAlien;
    all_hold = foreign = false;
  }
  // Whoever was registered is not any more, and nobody holds it.
  void clear_keys() {
    keys.clear();
    holder = 0;
    all_hold = foreign = false;
  }
  // ---- what is wrong with it ----------------------------------------------------------------------------
  Time away_until = 0;  // does not accept connections
  unsigned refuse_one_in = 0, infra_one_in = 0, executed_one_in = 0, duplicate_one_in = 0, stuck_one_in = 0;
  bool mute = false;
  bool flush_fails = false;
  std::vector<bool> unreadable;                  // blocks, until they are written; empty: none is
  unsigned disguise = 0;                         // what is wrong with its facts; 0 = nothing
  core::LegFacts shown() const;                  // as whoever connects sees it
  bool strange() const { return disguise > 3; }  // it is another namespace
  Duration extra = 0;                            // each execution takes that much longer
  bool reserved = false;                         // by another host: 0/83h
  unsigned lie_one_in = 0;
  bool unsafe = false;  // lost data while the namespace relied on it
  std::uint64_t lies = 0;

 private:
  spec::Status fail(LegCommand& c);
  void write(const LegCommand& c, unsigned i);
  bool readable(const LegCommand& c) const;
};

}  // namespace nvtee::cluster
