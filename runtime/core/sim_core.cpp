#include "runtime/core/sim_core.hpp"

#include "hw/nvme/status_class.hpp"
#include "runtime/base/check.hpp"

namespace nvtee::core::sim {

unsigned SimCore::alloc() {
  do next_slot_ = (next_slot_ + 1) % 4096;
  while (cmds_.contains(next_slot_));
  return next_slot_;
}
unsigned SimCore::active() const {
  unsigned m = 0;
  for (unsigned i = 0; i < 4; ++i)
    if (legs_[i].state != tee::Ctl::kLegOff) m |= 1u << i;
  return m;
}
unsigned SimCore::in_sync() const {
  unsigned m = 0;
  for (unsigned i = 0; i < 4; ++i)
    if (legs_[i].state == tee::Ctl::kLegInSync) m |= 1u << i;
  return m;
}
unsigned SimCore::region_state(std::uint32_t r) const {
  const auto it = regions_.find(r);
  return it == regions_.end() ? unsigned{tee::Ctl::kNone} : it->second.state;
}

// ---- admission ----------------------------------------------------------------------------------
std::uint32_t SimCore::missed(const HostOp& op) const {
  if (op.flush) return 0xffffffffu;
  for (std::uint64_t b = op.lba; b < op.lba + op.count; ++b) {
    const auto r = static_cast<std::uint32_t>(b >> region_shift_);
    const unsigned s = region_state(r);
    if (op.write ? s != tee::Ctl::kOpen : look_reads_ && s == tee::Ctl::kReconcile) return r;
  }
  return 0xffffffffu;
}

void SimCore::submit(HostOp op, Time now) {
  if (gate_ != 0) return op.done(gate_, {});
  Cmd c;
  c.slot = alloc();
  c.id = next_id_++;
  c.exclusive = op.write;
  c.opcode = op.flush ? spec::io::kFlush : op.write ? spec::io::kWrite : spec::io::kRead;
  c.data = op.data;
  c.op = std::move(op);
  Cmd& placed = cmds_[c.slot] = std::move(c);
  look(placed, now);
}

void SimCore::look(Cmd& c, Time now) {
  if (gate_ != 0 && !c.hold) return finish(c, gate_);
  const std::uint32_t r = missed(c.op);
  if (r != 0xffffffffu) {
    c.state = Cmd::kParked;
    tee::Event e = event(tee::Event::kRegionMiss);
    e.slot = c.slot;
    e.region = r;
    e.flag = c.op.write ? 1 : 0;
    return tell(e);
  }
  if (c.op.write) {
    for (std::uint64_t b = c.op.lba; b < c.op.lba + c.op.count; ++b)
      regions_[static_cast<std::uint32_t>(b >> region_shift_)].used = now;
    out_.write_admitted(c.op.lba, c.op.count);
  }
  admit(c);
}

void SimCore::admit(Cmd& c) {
  c.state = Cmd::kGuard;
  guard_.push_back(c.slot);
  grant();
}

// A command goes on when none that was admitted before it and is not finished conflicts with it.
void SimCore::grant() {
  std::vector<unsigned> go;
  for (auto it = guard_.begin(); it != guard_.end(); ++it) {
    Cmd& c = cmds_.at(*it);
    if (c.state != Cmd::kGuard) continue;
    bool free = true;
    for (auto before = guard_.begin(); before != it && free; ++before) {
      const Cmd& o = cmds_.at(*before);
      const bool overlap = !o.op.flush && !c.op.flush && o.op.count != 0 && c.op.count != 0 &&
                           o.op.lba < c.op.lba + c.op.count && c.op.lba < o.op.lba + o.op.count;
      free = !(overlap && (o.exclusive || c.exclusive));
    }
    if (free) go.push_back(*it);
  }
  for (const unsigned slot : go) {
    const auto it = cmds_.find(slot);
    if (it == cmds_.end() || it->second.state != Cmd::kGuard) continue;
    Cmd& c = it->second;
    if (!c.hold) {
      begin(c, 0);
      continue;
    }
    c.state = Cmd::kHeld;
    tee::Event e = event(tee::Event::kHeld);
    e.slot = c.slot;
    e.tag = static_cast<std::uint16_t>(c.tag);
    tell(e);
  }
}

// ---- legs ---------------------------------------------------------------------------------------
void SimCore::begin(Cmd& c, unsigned not_to) {
  c.pending = c.stuck = 0;
  unsigned mask = 0;
  if (c.opcode == spec::io::kRead) {
    const unsigned candidates = in_sync() & ~not_to & ~c.tried;
    if (candidates != 0) {
      do mask = 1u << chance_.below(4);
      while ((mask & candidates) == 0);
    } else if ((in_sync() & ~c.tried) == 0 && c.tried != 0) {
      return finish(c, c.status);
    }
  } else if (in_sync() != 0) {
    mask = active();
  }
  c.state = mask == 0 ? Cmd::kWaiting : Cmd::kMain;
  if (mask != 0) issue(c, mask);
}

void SimCore::issue(Cmd& c, unsigned mask) {
  c.pending |= mask;
  c.stuck &= ~mask;
  for (unsigned i = 0; i < 4; ++i) {
    if ((mask >> i & 1) == 0) continue;
    c.gen[i] = legs_[i].gen;
    c.ids[i] = next_id_++;
    const bool write = c.opcode == spec::io::kWrite;
    out_.send(i, c.gen[i], c.opcode, c.op.lba, c.op.count, write ? c.data : std::vector<Value>{}, c.slot,
              c.ids[i]);
  }
}

void SimCore::on_answer(unsigned leg, std::uint8_t gen, unsigned slot, std::uint64_t id,
                        const SimLeg::Answer& a) {
  if (legs_[leg].state == tee::Ctl::kLegOff || legs_[leg].gen != gen) return;
  const auto what = spec::classify(a.status);
  if (what == spec::LegStatus::kInfrastructure || what == spec::LegStatus::kNotHome) {
    tee::Event e = event(what == spec::LegStatus::kNotHome ? tee::Event::kNotHome : tee::Event::kLegFault);
    e.leg = leg;
    e.gen = gen;
    e.status = a.status;
    tell(e);
  }
  const auto it = cmds_.find(slot);
  if (it == cmds_.end()) return;
  Cmd& c = it->second;
  const unsigned bit = 1u << leg;
  if ((c.pending & ~c.stuck & bit) == 0 || c.ids[leg] != id) return;
  if (what == spec::LegStatus::kInfrastructure) {
    c.stuck |= bit;
    return;
  }
  c.pending &= ~bit;
  if (what == spec::LegStatus::kNotHome && !c.hold) {
    c.not_home = true;
    gate_ = spec::st::kPathInternal;
  } else if (a.status == 0) {
    c.good |= bit;
    if (c.opcode == spec::io::kRead) c.data = a.data;
  } else {
    if (c.status == 0) c.status = a.status;
    c.bad |= bit;
  }
  if (c.state == Cmd::kMain && c.opcode == spec::io::kRead && !c.not_home && a.status != 0) {
    c.tried |= bit;
    c.bad = 0;
    return begin(c, 0);
  }
  if (c.pending == 0) settle(c);
}

void SimCore::issue_over(Cmd& c) {
  c.state = Cmd::kHeld;
  tee::Event e = event(tee::Event::kIssueDone);
  e.slot = c.slot;
  e.tag = static_cast<std::uint16_t>(c.tag);
  e.status = c.status;
  e.mask = c.bad;
  tell(e);
}

// Nothing is pending any more.
void SimCore::settle(Cmd& c) {
  if (c.hold) {
    if (c.state == Cmd::kCopyRead && c.bad == 0) {
      const unsigned mask = c.targets & active();
      c.bad = c.targets & ~mask;
      if (c.bad != 0) c.status = spec::st::kPathInternal;
      c.state = Cmd::kCopyWrite;
      c.opcode = spec::io::kWrite;
      if (mask != 0) return issue(c, mask);
    }
    return issue_over(c);
  }
  if (c.not_home || c.failed) return finish(c, spec::st::kPathInternal);
  if (c.opcode == spec::io::kRead) return finish(c, c.status);
  if (c.good == 0) return begin(c, 0);  // every leg was dropped
  finish(c, 0);
}

void SimCore::finish(Cmd& c, spec::Status status) {
  Cmd done = std::move(c);
  guard_.remove(done.slot);
  cmds_.erase(done.slot);
  fence_.erase(done.id);
  if (!done.hold) {
    if (status == 0 && done.op.write) out_.write_acked(done.op.lba, done.op.data);
    done.op.done(status, done.data);
  }
  check_fence();
  grant();
}

void SimCore::check_fence() {
  if (!fencing_ || !fence_.empty()) return;
  fencing_ = false;
  tell(event(tee::Event::kFenceDone));
}

// The leg will not answer this command any more.
void SimCore::gone(Cmd& c, unsigned leg) {
  const unsigned bit = 1u << leg;
  const bool owed = (c.pending & bit) != 0;
  c.pending &= ~bit;
  c.stuck &= ~bit;
  if (!owed) return;
  if (c.hold) {
    if (c.status == 0) c.status = spec::st::kPathInternal;
    c.bad |= bit;
    if (c.pending == 0) issue_over(c);
  } else if (!c.failed && c.opcode == spec::io::kRead) {
    begin(c, bit);
  } else if (c.pending == 0) {
    settle(c);
  }
}

void SimCore::sweep(unsigned leg, unsigned how) {
  const unsigned bit = 1u << leg;
  std::vector<unsigned> slots;
  for (const auto& [slot, c] : cmds_) slots.push_back(slot);
  for (const unsigned slot : slots) {
    const auto it = cmds_.find(slot);
    if (it == cmds_.end()) continue;
    Cmd& c = it->second;
    if (c.state == Cmd::kWaiting) {
      if (how == tee::Ctl::kFail)
        finish(c, spec::st::kPathInternal);
      else
        begin(c, 0);
    } else if (how == tee::Ctl::kReissue) {
      const bool lost = (c.stuck & bit) != 0 || c.gen[leg] != legs_[leg].gen;
      if ((c.pending & bit) == 0 || !lost) continue;
      if (c.state == Cmd::kMain && c.opcode == spec::io::kRead)
        begin(c, 0);
      else
        issue(c, bit);
    } else {
      if (how == tee::Ctl::kFail && (c.pending & bit) != 0) c.failed = true;
      if (how == tee::Ctl::kDrop && !c.hold) c.good &= ~bit;
      gone(c, leg);
    }
  }
  tee::Event e = event(tee::Event::kSweepDone);
  e.leg = leg;
  tell(e);
}

// ---- orders -------------------------------------------------------------------------------------
void SimCore::region_set(const tee::Ctl& c, Time now) {
  const std::uint32_t region = c.region.to_uint();
  tee::Event e = event(tee::Event::kRegionSetDone);
  e.region = region;
  const unsigned state = c.region_state.to_uint();
  if (state == tee::Ctl::kNone) {
    regions_.erase(region);
  } else if (regions_.contains(region)) {
    regions_[region].state = state;
  } else {
    unsigned ways = 0;
    for (const auto& [r, row] : regions_)
      ways += tee::region_hash(r, set_bits_) == tee::region_hash(region, set_bits_) ? 1 : 0;
    if (ways < tee::kRegionWays)
      regions_[region] = {state, now};
    else
      e.status = spec::st::kCapacityExceeded;
  }
  tell(e);
}

void SimCore::order(const tee::Ctl& c) {
  const auto it = cmds_.find(c.slot.to_uint());
  if (it == cmds_.end()) return;
  Cmd& cmd = it->second;
  NVTEE_CHECK(cmd.hold && cmd.state == Cmd::kHeld, "the control machine orders about slots that it holds");
  if (c.op == tee::Ctl::kRelease) return finish(cmd, 0);
  const bool copy = c.op == tee::Ctl::kCopy;
  const unsigned wanted = copy ? 1u << c.leg.to_uint() : c.mask == 0 ? active() : c.mask.to_uint();
  const unsigned mask = wanted & active();
  cmd.good = 0;
  cmd.bad = wanted & ~mask;
  cmd.status = cmd.bad != 0 || mask == 0 ? spec::st::kPathInternal : spec::st::kOk;
  cmd.state = copy ? Cmd::kCopyRead : Cmd::kIssued;
  cmd.opcode = copy ? spec::io::kRead : static_cast<std::uint8_t>(c.opcode.to_uint());
  cmd.targets = c.mask.to_uint();
  if (mask != 0)
    issue(cmd, mask);
  else
    issue_over(cmd);
}

void SimCore::ctl(const tee::Ctl& c, Time now) {
  const unsigned leg = c.leg.to_uint();
  switch (c.op.to_uint()) {
    case tee::Ctl::kSetNamespace:
      look_reads_ = c.flag2 != 0;
      return;
    case tee::Ctl::kSetGate:
      gate_ = static_cast<spec::Status>(c.status.to_uint());
      return;
    case tee::Ctl::kSetLeg:
      legs_[leg] = {c.leg_state.to_uint(), static_cast<std::uint8_t>(c.gen.to_uint())};
      return;
    case tee::Ctl::kRegionSet:
      return region_set(c, now);
    case tee::Ctl::kRegionQuery: {
      unsigned ways = 0;
      for (const auto& [r, row] : regions_) {
        if (tee::region_hash(r, set_bits_) != tee::region_hash(c.region.to_uint(), set_bits_)) continue;
        tee::Event e = event(tee::Event::kRegionInfo);
        e.region = r;
        e.region_state = row.state;
        e.age = static_cast<std::uint16_t>((now - row.used) / kSecond);
        tell(e);
        ++ways;
      }
      for (; ways < tee::kRegionWays; ++ways) tell(event(tee::Event::kRegionInfo));
      return;
    }
    case tee::Ctl::kResume:
    case tee::Ctl::kFailParked: {
      const auto it = cmds_.find(c.slot.to_uint());
      if (it == cmds_.end() || it->second.state != Cmd::kParked) return;
      if (c.op == tee::Ctl::kResume) return look(it->second, now);
      return finish(it->second, static_cast<spec::Status>(c.status.to_uint()));
    }
    case tee::Ctl::kFence:
      NVTEE_CHECK(!fencing_, "one fence at a time");
      fencing_ = true;
      for (const unsigned slot : guard_) fence_.insert(cmds_.at(slot).id);
      return check_fence();
    case tee::Ctl::kHold: {
      tee::Event e = event(tee::Event::kHoldRefused);
      e.tag = c.tag;
      if (refuse_one_in != 0 && chance_.one_in(refuse_one_in)) return tell(e);
      Cmd h;
      h.hold = true;
      h.slot = alloc();
      h.id = next_id_++;
      h.tag = c.tag.to_uint();
      h.exclusive = c.flag != 0;
      h.op.lba = c.lba.to_uint64();
      h.op.count = c.nlb.to_uint();
      return admit(cmds_[h.slot] = std::move(h));
    }
    case tee::Ctl::kIssue:
    case tee::Ctl::kCopy:
    case tee::Ctl::kRelease:
      return order(c);
    case tee::Ctl::kLegSweep:
      return sweep(leg, c.sweep.to_uint());
    default:
      return;
  }
}

}  // namespace nvtee::core::sim
