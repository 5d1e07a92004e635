#include "runtime/core/machine_states.hpp"

#include <array>

#include "runtime/base/check.hpp"
#include "runtime/core/control_impl.hpp"

namespace nvtee::core {
namespace {

// First number of each machine's states; names from their tables.
constexpr unsigned kPhase = 0, kLeg = kPhase + 5, kLink = kLeg + 18, kEpoch = kLink + 5, kRegion = kEpoch + 4,
                   kCloser = kRegion + 10, kCopier = kCloser + 7, kVerify = kCopier + 4, kGate = kVerify + 7,
                   kHold = kGate + 6, kFence = kHold + 5;
static_assert(kFence + 9 == kMachineStates);

constexpr std::array<const char*, kMachineStates> kNames = {
    "namespace new",     "namespace starting", "namespace running", "namespace draining",
    "namespace drained", "leg none",           "leg adding",        "leg enlisting",
    "leg starting",      "leg stale",          "leg barrier",       "leg joining",
    "leg fencing",       "leg copying",        "leg promoting",     "leg in_sync",
    "leg lost",          "leg dropping",       "leg sweeping",      "leg returning",
    "leg reissuing",     "leg removing",       "leg purging",       "link off",
    "link backoff",      "link connecting",    "link up",           "link operator",
    "epoch idle",        "epoch proving",      "epoch committing",  "epoch not_home",
    "region waiting",    "region committing",  "region installing", "region no_way",
    "region open",       "region chosen",      "region closing",    "region placing",
    "region reconcile",  "region unplaced",    "closer idle",       "closer marking",
    "closer fencing",    "closer flushing",    "closer settling",   "closer committing",
    "closer clearing",   "copy free",          "copy copying",      "copy failing",
    "copy copied",       "verify idle",        "verify next",       "verify holding",
    "verify first",      "verify other",       "verify comparing",  "verify releasing",
    "gate starting",     "gate store",         "gate no_leg",       "gate not_home",
    "gate draining",     "gate doubt",         "hold idle",         "hold asking",
    "hold refused",      "hold held",          "hold issued",       "fence off",
    "fence waiting",     "fence asking",       "fence changing",    "fence settling",
    "fence held",        "fence rekeying",     "fence leaving",     "fence left"};

}  // namespace

std::string machine_state_name(unsigned state) {
  NVTEE_CHECK(state < kMachineStates, "states are numbered from 0");
  return kNames[state];
}

const char* machine_state_passes(unsigned state) {
  struct Passing {
    unsigned state;
    const char* why;
  };
  static constexpr Passing kPassing[] = {
      {kPhase + static_cast<unsigned>(Phase::kNew), "the machine is made and started together"},
      {kVerify + static_cast<unsigned>(Verify::State::kReleasing), "kRelease needs no answer"},
      {kHold + static_cast<unsigned>(HeldOp::State::kHeld),
       "the step that gets the hold uses it or gives it back"},
  };
  for (const Passing& p : kPassing)
    if (p.state == state) return p.why;
  return nullptr;
}

MachineStates NamespaceControl::Impl::machine_states() const {
  MachineStates m;
  const auto set = [&m](unsigned base, auto state) { m.set(base + static_cast<unsigned>(state)); };
  set(kPhase, phase);
  for (const Leg& leg : members.legs) {
    set(kLeg, leg.state());
    if (leg.configured()) set(kLink, leg.link.state());
    if (leg.configured()) set(kFence, leg.reservation.state());
  }
  set(kEpoch, members.epoch.state());
  regions.states([&](Regions::State s) { set(kRegion, s); });
  set(kCloser, closer.state());
  copier.states([&](Copier::State s) { set(kCopier, s); }, [&](HeldOp::State s) { set(kHold, s); });
  set(kVerify, verify.state());
  for (unsigned i = 0; i < 6; ++i)
    if (gate.has(static_cast<Gate::Reason>(1u << i))) m.set(kGate + i);
  return m;
}

}  // namespace nvtee::core
