// nvtee-host: an NVMe/TCP initiator for tests: discovery, identify, load with verification.
#include <iostream>

#include "runtime/base/log.hpp"
#include "tools/nvtee-host/command_line.hpp"

namespace {

constexpr const char* kHelp =
    R"(nvtee-host COMMAND [options]: an NVMe/TCP host for trying and testing subsystems

  discover   which subsystems there are           nvtee-host discover 127.0.0.1:8009
  identify   a controller and its namespaces      nvtee-host identify 127.0.0.1:4420 --subnqn NQN
  run        load, measured and checked           nvtee-host run -a 127.0.0.1:4420 -n NQN --verify --time 10s
             (also: load)
  verify     check again what earlier runs wrote  nvtee-host verify -a 127.0.0.1:4420 -n NQN --state FILE
  reservation  who holds a namespace; clears it   nvtee-host reservation 127.0.0.1:4420 --subnqn NQN

nvtee-host COMMAND --help says more. Exit: 0 ok, 1 data mismatch, 2 usage, 3 I/O or connection failure.
)";

}  // namespace

int main(int argc, char** argv) {
  using namespace nvtee::host;
  nvtee::log::setup("nvtee-host", "warn");
  const std::vector<std::string> arguments(argv + std::min(argc, 2), argv + argc);
  const std::string command = argc > 1 ? argv[1] : "";
  try {
    if (command == "discover") return run_discover(arguments);
    if (command == "identify") return run_identify(arguments);
    if (command == "run" || command == "load") return run_load(arguments);
    if (command == "reservation") return run_reservation(arguments);
    if (command == "verify") return run_verify(arguments);
  } catch (const std::exception& e) {
    return complain(e.what(), Exit::kFailure);
  }
  if (command == "--help" || command == "-h" || command == "help") {
    std::cout << kHelp;
    return 0;
  }
  std::cerr << kHelp;
  return command.empty() ? static_cast<int>(Exit::kUsage) : complain("unknown command '" + command + "'");
}
