// For tests: a leg that keeps registrations as NVMe says.
#pragma once

#include <iterator>
#include <map>
#include <vector>

#include "runtime/core/namespace_control.hpp"

namespace nvtee::core {

// Registrations of one namespace; hosts are numbers. Exclusive Access only.
struct FakeLeg {
  std::map<unsigned, std::uint64_t> keys;
  unsigned holder = 0;
  bool persistent = false;
  std::vector<unsigned> aborted;
  spec::Status error = 0;
  unsigned first_of_node = 0;  // hosts from here on are of our process

  Reserved report(unsigned me) const {
    Reserved r;
    r.type = holder != 0 ? spec::resv::kExclusiveAccess : 0;
    r.persistent = persistent;
    for (const auto& [host, key] : keys)
      r.registrants.push_back({key, host == me, host >= first_of_node, host == holder});
    return r;
  }
  spec::Status change(unsigned me, const Reserve& c) {
    const auto mine = keys.find(me);
    const bool known = mine != keys.end() && mine->second == c.current;
    switch (c.op) {
      case Reserve::Op::kReport:
        return 0;
      case Reserve::Op::kRegister:
        if (mine != keys.end() && mine->second != c.other) return spec::st::kReservationConflict;
        keys[me] = c.other;
        persistent = true;
        return 0;
      case Reserve::Op::kReplace:
        if (!known) return spec::st::kReservationConflict;
        mine->second = c.other;
        return 0;
      case Reserve::Op::kUnregister:
        if (!known) return spec::st::kReservationConflict;
        keys.erase(me);
        if (holder == me) holder = 0;
        return 0;
      case Reserve::Op::kAcquire:
        if (!known || (holder != 0 && holder != me)) return spec::st::kReservationConflict;
        holder = me;
        return 0;
      case Reserve::Op::kPreempt: {
        if (!known) return spec::st::kReservationConflict;
        const bool takes = holder != 0 && keys[holder] == c.other;
        for (auto it = keys.begin(); it != keys.end();) {
          const bool victim = it->second == c.other && (!takes || it->first != me);
          if (victim) aborted.push_back(it->first);
          it = victim ? keys.erase(it) : std::next(it);
        }
        if (takes) holder = me;
        return 0;
      }
    }
    return spec::st::kInvalidField;
  }
  Reserved answer(unsigned me, const Reserve& c) {
    Reserved r;
    if (error != 0) {
      r.status = error;
      return r;
    }
    r.status = change(me, c);
    if (c.op == Reserve::Op::kReport) r = report(me);
    return r;
  }
};

}  // namespace nvtee::core
