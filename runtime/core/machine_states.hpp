// Which states the machines of a namespace are in, all in one set: for tests that count what was met.
#pragma once

#include <bitset>
#include <string>

namespace nvtee::core {

constexpr unsigned kMachineStates = 80;
using MachineStates = std::bitset<kMachineStates>;
// "leg copying"; "gate store".
std::string machine_state_name(unsigned state);
// A state that is entered and left within one step, so that nobody ever meets a machine in it, and why; else
// nullptr.
const char* machine_state_passes(unsigned state);

}  // namespace nvtee::core
