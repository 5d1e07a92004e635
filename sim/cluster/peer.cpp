#include "sim/cluster/peer.hpp"

namespace nvtee::cluster {

namespace io = spec::io;
namespace st = spec::st;

void Peer::write(const LegCommand& c, unsigned i) {
  unsigned at = c.lba + i;
  if (!unreadable.empty()) unreadable[at] = false;
  if (lie_one_in != 0 && chance.one_in(lie_one_in)) {
    ++lies;
    if (chance.one_in(2)) return;                         // lost
    at = (at + 1) % static_cast<unsigned>(cache.size());  // misplaced
  }
  if (facts.volatile_cache && chance.one_in(4)) stable[at] = cache[at];  // written back just before
  cache[at] = c.opcode == io::kWriteZeroes ? 0 : c.data[i];
  if (!facts.volatile_cache || c.fua) stable[at] = cache[at];
}

bool Peer::readable(const LegCommand& c) const {
  for (std::uint32_t b = c.lba; !unreadable.empty() && b < c.lba + c.count; ++b)
    if (unreadable[b]) return false;
  return true;
}

core::LegFacts Peer::shown() const {
  core::LegFacts f = facts;
  switch (disguise) {
    case 1:
      --f.blocks;
      break;
    case 2:
      ++f.block_shift;
      break;
    case 3:
      f.write_zeroes = false;
      break;
    case 4:
      f.nguid[0] = 0x77;
      break;
    case 5:
      f.eui64 = 0x77;
      break;
    case 6:
      f.serial += "x";
      if (f.nguid[0] != 0) f.nguid[1] = 0x77;
      break;
    default:
      break;
  }
  return f;
}

// Failed, having done all, some or nothing.
spec::Status Peer::fail(LegCommand& c) {
  const bool writes = c.opcode == io::kWrite || c.opcode == io::kWriteZeroes;
  const unsigned how = chance.pick(3);
  for (unsigned i = 0; writes && how != 0 && i < c.count; ++i)
    if (how == 1 || chance.one_in(2)) write(c, i);
  static constexpr spec::Status kWrites[] = {st::kWriteFault, st::kInternal, st::kDataTransferError};
  static constexpr spec::Status kReads[] = {st::kReadError, st::kInternal, st::kGuardCheck};
  return c.opcode == io::kRead || c.opcode == io::kCompare ? kReads[chance.pick(3)] : kWrites[chance.pick(3)];
}

bool Peer::execute(LegCommand& c) {
  c.executed = true;
  c.status = st::kOk;
  if (reserved || !lets(c)) {
    c.status = st::kReservationConflict;
    return false;
  }
  if (refuse_one_in != 0 && chance.one_in(refuse_one_in)) {
    c.status = chance.one_in(2) ? st::kInvalidField : st::kLbaRange;
    return false;
  }
  if (infra_one_in != 0 && chance.one_in(infra_one_in)) {
    static constexpr spec::Status kInfra[] = {
        st::kPathInternal, st::kNsNotReady,      st::kTransientTransport, st::kInterrupted,
        st::kSqDeleted,    st::kAnaInaccessible, st::kFormatInProgress,   st::kWriteProtected};
    (void)fail(c);
    c.status = kInfra[chance.pick(8)];
    return true;
  }
  if (executed_one_in != 0 && chance.one_in(executed_one_in)) {
    c.status = fail(c);
    return true;
  }
  switch (c.opcode) {
    case io::kRead:
      if (!readable(c)) {
        c.status = st::kReadError;
        return false;
      }
      for (unsigned i = 0; i < c.count; ++i) c.data[i] = cache[c.lba + i];
      return false;
    case io::kCompare:
      if (!readable(c)) {
        c.status = st::kReadError;
        return false;
      }
      for (unsigned i = 0; i < c.count; ++i)
        if (cache[c.lba + i] != c.data[i]) c.status = st::kCompareFailure;
      return false;
    case io::kFlush:
      if (flush_fails) {
        c.status = st::kWriteFault;
        return false;
      }
      stable = cache;
      return true;
    default:
      for (unsigned i = 0; i < c.count; ++i) write(c, i);
      return true;
  }
}

spec::Status Peer::reserve(std::uint32_t host, const core::Reserve& c, std::vector<std::uint32_t>& victims) {
  using Op = core::Reserve::Op;
  const auto mine = keys.find(host);
  if (c.op == Op::kRegister) {
    if (mine != keys.end() && mine->second != c.other) return st::kReservationConflict;
    keys[host] = c.other;
    persistent = true;
    return st::kOk;
  }
  if (mine == keys.end() || mine->second != c.current) return st::kReservationConflict;
  switch (c.op) {
    case Op::kReplace:
      mine->second = c.other;
      return st::kOk;
    case Op::kUnregister:
      keys.erase(mine);
      if (holder == host) holder = all_hold && !keys.empty() ? keys.begin()->first : 0;
      return st::kOk;
    case Op::kAcquire:
      if (holder != 0 && holder != host) return st::kReservationConflict;
      holder = host;
      return st::kOk;
    case Op::kPreempt: {
      if (all_hold && c.other == 0) {  // all the others
        for (const auto& [other, key] : keys)
          if (other != host) victims.push_back(other);
        keys = {{host, c.current}};
        holder = host;
        all_hold = false;
        return st::kOk;
      }
      const bool takes = holder != 0 && keys.at(holder) == c.other;
      for (auto it = keys.begin(); it != keys.end();) {
        const bool victim = it->second == c.other && (!takes || it->first != host);
        if (victim) victims.push_back(it->first);
        it = victim ? keys.erase(it) : std::next(it);
      }
      if (takes) holder = host;
      return st::kOk;
    }
    default:
      return st::kInvalidField;
  }
}

void Peer::lose_power() {
  if (!persistent) clear_keys();
  if (facts.volatile_cache)
    for (std::size_t i = 0; i < cache.size(); ++i)
      if (cache[i] != stable[i] && !chance.one_in(3)) {  // some had been written back
        lost[i] = cache[i];
        cache[i] = stable[i];
      }
  stable = cache;
}

}  // namespace nvtee::cluster
