// The legs of the random world.
#include <algorithm>

#include "hw/kernels/tee_core/test_world.hpp"

namespace nvtee::tee::test {

namespace io = spec::io;

static bool overlap(uint64_t a, unsigned na, uint64_t b, unsigned nb) {
  return na != 0 && nb != 0 && a < b + nb && b < a + na;
}
static bool changes(const LegTx& t) {
  return t.opcode == io::kWrite || t.opcode == io::kWriteZeroes;
}
static unsigned blocks_of(const LegTx& t) {
  return t.opcode == io::kFlush ? 0 : t.nlb.to_uint() + 1;
}

static std::string name_of(const LegTx& t) {
  return "op " + std::to_string(t.opcode.to_uint()) + " cid gen " + std::to_string(t.cid.to_uint() >> 13) +
         " slot " + std::to_string(t.slot.to_uint()) + " leg " + std::to_string(t.leg.to_uint()) + " gen " +
         std::to_string(t.gen.to_uint()) + " " + std::to_string(t.slba.to_uint64()) + "+" +
         std::to_string(blocks_of(t));
}

Ctl World::leg_order(unsigned ns, unsigned leg) const {
  const Leg& l = ns_[ns].legs[leg];
  Ctl c = order(Ctl::kSetLeg, ns);
  c.leg = leg;
  c.leg_state = l.state;
  c.gen = l.gen;
  c.nsid = 100 + leg;
  return c;
}
void World::set_leg(unsigned ns, unsigned leg) {
  later_.push_back(leg_order(ns, leg));
}

// A sweep that fails commands is on its way, or was, and the gates were not opened since.
bool World::failing(unsigned ns) const {
  const auto& s = ns_[ns].sweeps;
  return ns_[ns].failed || std::find(s.begin(), s.end(), static_cast<unsigned>(Ctl::kFail)) != s.end();
}

unsigned World::legs_in(unsigned ns, unsigned state) const {
  return static_cast<unsigned>(std::count_if(std::begin(ns_[ns].legs), std::end(ns_[ns].legs),
                                             [&](const Leg& l) { return l.state == state; }));
}
int World::any_in_sync(unsigned ns) {
  for (unsigned l = 0; l < kLegsUsed; ++l)
    if (ns_[ns].legs[l].state == Ctl::kLegInSync) return static_cast<int>(l);
  return -1;
}

// ---- what the core asks ---------------------------------------------------------------------------------
void World::check_region(unsigned ns, uint64_t slba, unsigned count) {
  for (uint64_t b = slba; b < slba + count; ++b) {
    const Region& r = ns_[ns].regions[static_cast<uint32_t>(b >> kRegionShift)];
    must(r.state == Ctl::kOpen || (r.state == Ctl::kClosing && !r.fenced),
         "P13, P14: a write goes into an open region");
  }
}

bool World::exclusive_slot(unsigned slot) {
  for (const auto& [tag, h] : holds_)
    if (h.held && h.slot == slot) return h.exclusive;
  const HostCmd* c = command_in(slot);
  return c != nullptr && c->is_write();
}

// Nobody else is at any leg with a range that conflicts.
void World::check_overlap(const LegTx& tx, bool exclusive) {
  const unsigned count = blocks_of(tx);
  for (const Leg& l : ns_[tx.ns.to_uint()].legs) {
    for (const LegOp& op : l.ops) {
      if (op.tx.slot == tx.slot) continue;
      const bool conflict = overlap(tx.slba.to_uint64(), count, op.tx.slba.to_uint64(), blocks_of(op.tx)) &&
                            (exclusive || exclusive_slot(op.tx.slot.to_uint()));
      if (conflict)
        broken("P2: conflicting commands never overlap at the legs: " + name_of(tx) + " and " +
               name_of(op.tx));
    }
  }
  for (const auto& [tag, h] : holds_) {
    if (!h.held || h.slot == tx.slot || h.ns != tx.ns.to_uint()) continue;
    must(!(overlap(tx.slba.to_uint64(), count, h.lba, h.count) && (exclusive || h.exclusive)),
         "P14: a held range is left alone");
  }
}

void World::check_host_tx(HostCmd& c, const LegTx& tx) {
  const unsigned op = tx.opcode.to_uint();
  must(c.opcode != 0xff && !c.punt && c.whole && !c.digest_bad, "only good and whole commands reach a leg");
  const bool own = op == c.opcode;
  const bool repair =
      (c.is_write() && op == io::kRead) || ((c.opcode == io::kRead || c.is_write()) && op == io::kWrite);
  must(own || repair, "a leg is asked for what the host asked for, or for a repair of it");
  must(c.count == blocks_of(tx) && (c.count == 0 || c.slba == tx.slba), "the range is the command's");
  if (changes(tx)) check_region(c.ns, c.slba, c.count);
  if (!c.touched && ns_[c.ns].gate_shut) must(c.before_gate, "a closed gate lets nothing through");
  c.touched = true;
  if (c.opcode == io::kRead || c.opcode == io::kCompare) {
    must(op == io::kWrite || ns_[c.ns].legs[tx.leg.to_uint()].state == Ctl::kLegInSync,
         "P8: reads go to legs in sync");
  }
}

void World::on_leg_tx(const LegTx& tx) {
  const unsigned ns = tx.ns.to_uint(), slot = tx.slot.to_uint();
  Leg& l = ns_[ns].legs[tx.leg.to_uint()];
  trace("tx ns", ns, name_of(tx), tx.gen != l.gen ? "gone" : "");
  if (tx.gen != l.gen) return;  // the association is gone
  must(l.state != Ctl::kLegOff, "P8: nothing goes to a leg that is off");
  must(tx.nsid == 100 + tx.leg.to_uint(), "the leg's own NSID");
  const unsigned op = tx.opcode.to_uint();
  const bool data = op == io::kRead || op == io::kWrite || op == io::kCompare;
  if (tx.length != (data ? blocks_of(tx) * 512 : 0))
    broken("the length is the data's: " + name_of(tx) + " length " + std::to_string(tx.length.to_uint()));
  for (const LegOp& o : l.ops) must(o.tx.slot != tx.slot, "a leg is asked once at a time for a slot");
  Hold* hold = nullptr;
  for (auto& [tag, h] : holds_)
    if (h.held && h.slot == slot) hold = &h;
  if (hold == nullptr) {
    HostCmd* c = command_in(slot);
    if (c == nullptr) broken("a leg command has an owner: " + name_of(tx));
    check_host_tx(*c, tx);
  } else {
    must(hold->busy, "a hold asks legs only when told to");
    if (changes(tx) && hold->regions) check_region(ns, hold->lba, hold->count);
  }
  check_overlap(tx, exclusive_slot(slot));
  l.ops.push_back({tx, false});
  ++seen["leg commands"];
}

// ---- what legs do ---------------------------------------------------------------------------------------
void World::execute(unsigned ns, unsigned leg, LegOp& op, bool part) {
  Leg& l = ns_[ns].legs[leg];
  const uint64_t at = op.tx.slba.to_uint64();
  auto& buffer = buffers_[op.tx.slot.to_uint()];
  for (unsigned i = 0; i < blocks_of(op.tx); ++i) {
    if (part && chance(500)) continue;
    if (op.tx.opcode == io::kWrite) l.data[at + i] = buffer[i];
    if (op.tx.opcode == io::kWriteZeroes) l.data[at + i] = 0;
    if (op.tx.opcode == io::kRead) buffer[i] = l.data[at + i];
  }
  op.executed = true;
}

void World::answer(const LegTx& tx, unsigned status) {
  LegIn a{};
  a.ns = tx.ns;
  a.leg = tx.leg;
  a.gen = tx.gen;
  a.cid = tx.cid;
  a.status = status;
  trace("answer ns", tx.ns, name_of(tx), "status", status);
  old_answers_.push_back(a);
  if (old_answers_.size() > 24) old_answers_.pop_front();
  for (unsigned turn = 0; !core_->put(a); ++turn) {
    must(turn < 10000, "P10: leg answers are taken");
    core_->run(now_);
    drain(~0u);
  }
}

// A status that is not success, with what it means for the data.
unsigned World::fault(unsigned ns, unsigned leg, LegOp& op) {
  static constexpr unsigned kInfra[] = {spec::st::kPathInternal, spec::st::kAbortRequested,
                                        spec::st::kInterrupted, spec::st::kTransientTransport,
                                        spec::st::kNsNotReady};
  static constexpr unsigned kRefused[] = {spec::st::kLbaRange, spec::st::kInvalidField,
                                          spec::st::kInvalidNamespace};
  static constexpr unsigned kFailed[] = {spec::st::kWriteFault, spec::st::kInternal,
                                         spec::st::kDataTransferError};
  const bool read = op.tx.opcode == io::kRead || op.tx.opcode == io::kCompare;
  const unsigned dice = below(100);
  unsigned status = 0;
  if (dice < 35) {
    status = kInfra[below(std::size(kInfra))];
    if (!read && !op.executed && chance(500)) execute(ns, leg, op, true);
    ++seen["infrastructure"];
    return status;  // never shown: not added to the command's statuses
  }
  if (dice < 55 && !op.executed) {
    status = kRefused[below(std::size(kRefused))];
    ++seen["refusals of legs"];
  } else if (dice < 58 && !op.executed) {
    for (auto& [id, c] : cmds_)
      if (c.ns == ns) c.statuses.insert(spec::st::kPathInternal);
    ns_[ns].not_home = true;
    ++seen["not home"];
    return spec::st::kReservationConflict;
  } else {
    status = read ? static_cast<unsigned>(spec::st::kReadError) : kFailed[below(std::size(kFailed))];
    if (!read && !op.executed) execute(ns, leg, op, true);
    ++seen[read ? "media errors" : "executed failures"];
  }
  if (HostCmd* c = command_in(op.tx.slot.to_uint())) c->statuses.insert(status);
  return status;
}

void World::leg_turn() {
  const unsigned ns = below(kNs), leg = below(kLegsUsed);
  Leg& l = ns_[ns].legs[leg];
  if (!winding_ && chance(2 + options_.faults / 20)) return break_leg(ns, leg);
  if (l.ops.empty()) return;
  auto it = l.ops.begin();
  std::advance(it, below(static_cast<unsigned>(l.ops.size())));
  if (!it->executed && it->tx.opcode != io::kRead && it->tx.opcode != io::kCompare && chance(200)) {
    execute(ns, leg, *it, false);  // the answer comes later
    return;
  }
  unsigned status = 0;
  if (chance(options_.faults)) {
    status = fault(ns, leg, *it);
  } else if (it->tx.opcode == io::kCompare) {
    for (unsigned i = 0; i < blocks_of(it->tx); ++i)
      if (buffers_[it->tx.slot.to_uint()][i] != l.data[it->tx.slba.to_uint64() + i])
        status = spec::st::kCompareFailure;
    if (HostCmd* c = command_in(it->tx.slot.to_uint()); c != nullptr && status != 0)
      c->statuses.insert(status);
  } else if (!it->executed) {
    execute(ns, leg, *it, false);
  }
  const LegTx tx = it->tx;
  l.ops.erase(it);
  answer(tx, status);
}

// ---- loss -----------------------------------------------------------------------------------------------
void World::sweep(unsigned ns, unsigned leg, unsigned how) {
  Ctl c = order(Ctl::kLegSweep, ns);
  c.leg = leg;
  c.sweep = how;
  later_.push_back(c);
  ns_[ns].sweeps.push_back(how);
  ++seen["sweeps"];
}

void World::drop_leg(unsigned ns, unsigned leg) {
  Leg& l = ns_[ns].legs[leg];
  l.state = Ctl::kLegOff;
  l.copying = false;
  set_leg(ns, leg);
  sweep(ns, leg, Ctl::kDrop);
  ++seen["legs dropped"];
}

// The association ends: what is under way is done, in part done, or never done.
void World::break_leg(unsigned ns, unsigned leg) {
  Leg& l = ns_[ns].legs[leg];
  if (l.state == Ctl::kLegOff) return;
  for (LegOp& op : l.ops) {
    if (op.tx.opcode == io::kRead || op.tx.opcode == io::kCompare || chance(300)) continue;
    if (!op.executed) execute(ns, leg, op, chance(500));
    LegIn late{};  // its answer may yet come, from the association that is gone
    late.ns = ns;
    late.leg = leg;
    late.gen = op.tx.gen;
    late.cid = op.tx.cid;
    if (chance(500)) execute(ns, leg, op, false), old_answers_.push_back(late);
  }
  l.ops.clear();
  l.gen = (l.gen + 1) & 0xff;
  const bool last = l.state == Ctl::kLegInSync && legs_in(ns, Ctl::kLegInSync) == 1;
  if (!last && (l.state == Ctl::kLegSyncing || chance(600))) return drop_leg(ns, leg);
  if (last && legs_in(ns, Ctl::kLegSyncing) == 0 && chance(400)) {
    for (auto& [id, c] : cmds_)
      if (c.ns == ns) c.statuses.insert(spec::st::kPathInternal);
    sweep(ns, leg, Ctl::kFail);
    ns_[ns].failed = true;
    ++seen["last leg failed"];
  }
  later_.push_back(leg_order(ns, leg));
  sweep(ns, leg, Ctl::kReissue);
}

}  // namespace nvtee::tee::test
