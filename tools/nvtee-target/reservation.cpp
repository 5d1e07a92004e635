#include "tools/nvtee-target/reservation.hpp"

#include <algorithm>
#include <cstring>

namespace nvtee::target {
namespace {

namespace st = spec::st;
namespace resv = spec::resv;

bool known_type(std::uint8_t type) {
  return type >= resv::kWriteExclusive && type <= resv::kEaAllRegistrants;
}

// One command at work. Changes are made on a copy: a refusal leaves the state alone.
class Execution {
 public:
  Execution(const ReservationState& state, const ReservationRequest& r) : s_(state), r_(r) {}

  spec::Status run() {
    switch (r_.command) {
      case ReservationCommand::kRegister:
        return register_();
      case ReservationCommand::kAcquire:
        return acquire();
      case ReservationCommand::kRelease:
        return release();
    }
    return st::kInvalidOpcode;
  }
  ReservationState& state() { return s_; }
  ReservationOutcome& outcome() { return out_; }

 private:
  // ---- Register ----
  spec::Status register_() {
    if (r_.cptpl == 1) return st::kInvalidField;
    spec::Status status = st::kInvalidField;
    if (r_.action == resv::kActRegister) status = add_registrant();
    if (r_.action == resv::kActUnregister) status = unregister_self();
    if (r_.action == resv::kActReplace) status = replace_key();
    if (status != st::kOk) return status;
    if (r_.cptpl != 0) s_.ptpl = r_.cptpl == 3;
    ++s_.generation;
    return st::kOk;
  }
  spec::Status add_registrant() {
    if (const Registrant* me = s_.find(r_.host))
      return me->key == r_.other_key ? st::kOk : st::kReservationConflict;
    return insert();
  }
  spec::Status insert() {
    if (s_.registrants.size() >= kMaxRegistrants) return st::kInternal;
    s_.registrants.push_back({r_.host, r_.other_key});
    return st::kOk;
  }
  spec::Status unregister_self() {
    const Registrant* me = s_.find(r_.host);
    if (!me || (!r_.ignore_key && me->key != r_.current_key)) return st::kReservationConflict;
    remove(r_.host);
    return st::kOk;
  }
  spec::Status replace_key() {
    const Registrant* me = s_.find(r_.host);
    if (!me) return r_.ignore_key ? insert() : spec::Status{st::kReservationConflict};
    if (!r_.ignore_key && me->key != r_.current_key) return st::kReservationConflict;
    const_cast<Registrant*>(me)->key = r_.other_key;
    return st::kOk;
  }

  // ---- Acquire ----
  spec::Status acquire() {
    if (r_.ignore_key || !known_type(r_.type) || r_.action > resv::kActPreemptAbort) return st::kInvalidField;
    if (!key_matches()) return st::kReservationConflict;
    if (r_.action == resv::kActAcquire) return take();
    const spec::Status status = preempt();
    if (status != st::kOk) return status;
    ++s_.generation;
    out_.abort = r_.action == resv::kActPreemptAbort;
    return st::kOk;
  }
  spec::Status take() {
    if (s_.type == 0) {
      reserve();
      return st::kOk;
    }
    return s_.holds(r_.host) && s_.type == r_.type ? st::kOk : st::kReservationConflict;
  }
  void reserve() {
    s_.type = r_.type;
    s_.holder = s_.all_registrants() ? HostId{} : r_.host;
  }
  spec::Status preempt() {
    const std::uint64_t key = r_.other_key;
    if (s_.type == 0) return preempt_registrations(key);
    if (s_.all_registrants())
      return key == 0 ? take_over_if([](const Registrant&) { return true; }) : preempt_registrations(key);
    const Registrant* holder = s_.find(s_.holder);
    if (holder && holder->key == key)
      return take_over_if([key](const Registrant& x) { return x.key == key; });
    return key == 0 ? spec::Status{st::kInvalidField} : preempt_registrations(key);
  }
  // Unregisters every host with this key, the caller too if it has it.
  spec::Status preempt_registrations(std::uint64_t key) {
    const auto doomed = hosts_if([key](const Registrant& x) { return x.key == key; });
    if (doomed.empty()) return st::kReservationConflict;
    for (const HostId& host : doomed) remove_preempted(host);
    return st::kOk;
  }
  // The caller becomes the holder with its type; other registrants that match are unregistered.
  template <class Match>
  spec::Status take_over_if(Match match) {
    const std::uint8_t old_type = s_.type;
    const auto doomed = hosts_if([&](const Registrant& x) { return x.host != r_.host && match(x); });
    s_.type = 0;  // released first: those who go do not release it again
    for (const HostId& host : doomed) remove_preempted(host);
    reserve();
    if (old_type != s_.type) notify_others(r_.host, Notice::kReservationReleased);
    return st::kOk;
  }

  // ---- Release ----
  spec::Status release() {
    if (r_.ignore_key || r_.action > resv::kActClear) return st::kInvalidField;
    if (r_.action == resv::kActRelease && !known_type(r_.type)) return st::kInvalidField;
    if (!key_matches()) return st::kReservationConflict;
    return r_.action == resv::kActClear ? clear() : give_up();
  }
  spec::Status give_up() {
    if (!s_.holds(r_.host)) return st::kOk;
    if (s_.type != r_.type) return st::kInvalidField;
    const bool tell = s_.type != resv::kWriteExclusive && s_.type != resv::kExclusiveAccess;
    end_reservation();
    if (tell) notify_others(r_.host, Notice::kReservationReleased);
    return st::kOk;
  }
  spec::Status clear() {
    for (const Registrant& x : s_.registrants) notify(x.host, Notice::kReservationPreempted);
    s_.registrants.clear();
    end_reservation();
    ++s_.generation;
    return st::kOk;
  }

  // ---- parts ----
  bool key_matches() const {
    const Registrant* me = s_.find(r_.host);
    return me && me->key == r_.current_key;
  }
  void end_reservation() {
    s_.type = 0;
    s_.holder = {};
  }
  template <class Match>
  std::vector<HostId> hosts_if(Match match) const {
    std::vector<HostId> hosts;
    for (const Registrant& x : s_.registrants)
      if (match(x)) hosts.push_back(x.host);
    return hosts;
  }
  void remove_preempted(const HostId& host) {
    remove(host);
    if (host == r_.host) return;
    notify(host, Notice::kRegistrationPreempted);
    out_.victims.push_back(host);
  }
  // Takes a registration away, and the reservation with it if that was what held it.
  void remove(const HostId& host) {
    std::erase_if(s_.registrants, [&](const Registrant& x) { return x.host == host; });
    if (s_.type == 0) return;
    if (s_.all_registrants()) {
      if (s_.registrants.empty()) end_reservation();
      return;
    }
    if (s_.holder != host) return;
    const bool tell = s_.type == resv::kWeRegistrants || s_.type == resv::kEaRegistrants;
    end_reservation();
    if (tell) notify_others(host, Notice::kReservationReleased);
  }
  void notify(const HostId& host, Notice notice) {
    if (host != r_.host) out_.notices.push_back({host, notice});
  }
  void notify_others(const HostId& except, Notice notice) {
    for (const Registrant& x : s_.registrants)
      if (x.host != except) notify(x.host, notice);
  }

  ReservationState s_;
  const ReservationRequest& r_;
  ReservationOutcome out_;
};

std::uint64_t load64(std::span<const std::byte> data, std::size_t at) {
  std::uint64_t v = 0;
  if (data.size() >= at + sizeof v) std::memcpy(&v, data.data() + at, sizeof v);
  return v;
}

}  // namespace

const Registrant* ReservationState::find(const HostId& host) const {
  const auto it = std::ranges::find(registrants, host, &Registrant::host);
  return it == registrants.end() ? nullptr : &*it;
}

bool ReservationState::holds(const HostId& host) const {
  if (type == 0) return false;
  return all_registrants() ? find(host) != nullptr : holder == host;
}

AccessGroup access_group(std::uint8_t opcode) {
  switch (opcode) {
    case spec::io::kRead:
    case spec::io::kCompare:
    case spec::io::kVerify:
      return AccessGroup::kRead;
    case spec::io::kWrite:
    case spec::io::kWriteZeroes:
    case spec::io::kWriteUncorrectable:
    case spec::io::kDsm:
    case spec::io::kFlush:
    case spec::io::kCopy:
      return AccessGroup::kWrite;
    default:
      return AccessGroup::kNone;
  }
}

bool access_allowed(const ReservationState& state, const HostId& host, AccessGroup group) {
  if (state.type == 0 || group == AccessGroup::kNone || state.holds(host)) return true;
  switch (state.type) {
    case resv::kWriteExclusive:
      return group == AccessGroup::kRead;
    case resv::kExclusiveAccess:
      return false;
    case resv::kWeRegistrants:
    case resv::kWeAllRegistrants:
      return group == AccessGroup::kRead || state.find(host);
    default:  // 4, 6
      return state.find(host) != nullptr;
  }
}

std::uint32_t reservation_data_length(std::uint8_t opcode) {
  return opcode == spec::io::kResvRelease ? 8 : 16;
}

ReservationRequest parse_reservation(std::uint8_t opcode, std::uint32_t cdw10, const HostId& host,
                                     std::span<const std::byte> data) {
  ReservationRequest r;
  r.command = opcode == spec::io::kResvRegister  ? ReservationCommand::kRegister
              : opcode == spec::io::kResvAcquire ? ReservationCommand::kAcquire
                                                 : ReservationCommand::kRelease;
  r.host = host;
  r.action = cdw10 & 7;
  r.ignore_key = (cdw10 >> 3) & 1;
  r.cptpl =
      r.command == ReservationCommand::kRegister ? static_cast<std::uint8_t>(cdw10 >> 30) : std::uint8_t{0};
  r.type = static_cast<std::uint8_t>(cdw10 >> 8);
  r.current_key = load64(data, 0);
  r.other_key = load64(data, 8);
  return r;
}

ReservationOutcome execute(ReservationState& state, const ReservationRequest& request) {
  Execution e(state, request);
  const spec::Status status = e.run();
  if (status != st::kOk)
    return {.status = status, .changed = false, .notices = {}, .victims = {}, .abort = false};
  ReservationOutcome out = std::move(e.outcome());
  out.changed = e.state() != state;
  state = std::move(e.state());
  return out;
}

std::vector<std::byte> reservation_report(const ReservationState& state,
                                          std::span<const ControllerOfHost> controllers) {
  constexpr std::size_t kHeader = 64, kEntry = 64, kMaxEntries = 0xffff;
  std::vector<std::byte> out(kHeader);
  std::size_t count = 0;
  const auto entry = [&](const Registrant& x, std::uint16_t cntlid) {
    if (count == kMaxEntries) return;
    out.resize(out.size() + kEntry);
    std::byte* p = out.data() + out.size() - kEntry;
    std::memcpy(p, &cntlid, 2);
    p[2] = std::byte{state.holds(x.host)};
    std::memcpy(p + 8, &x.key, 8);
    std::memcpy(p + 16, x.host.data(), 16);
    ++count;
  };
  for (const Registrant& x : state.registrants) {
    const std::size_t before = count;
    for (const ControllerOfHost& c : controllers)
      if (c.host == x.host) entry(x, c.cntlid);
    if (count == before) entry(x, 0xffff);
  }
  std::memcpy(out.data(), &state.generation, 4);
  out[4] = std::byte{state.type};
  const auto n = static_cast<std::uint16_t>(count);
  std::memcpy(out.data() + 5, &n, 2);
  out[9] = std::byte{state.ptpl};
  return out;
}

}  // namespace nvtee::target
