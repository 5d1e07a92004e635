// Options that several subcommands share, and the outline of a subcommand.
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/nvmf/initiator/association.hpp"
#include "tools/nvtee-host/load.hpp"

namespace nvtee::host {

namespace po = boost::program_options;

// Prints to stderr and gives Exit::kUsage or the given one.
int complain(const std::string& text, Exit exit = Exit::kUsage);

// --hostnqn, --hostid, digests, KATO...
po::options_description connection_options();
// --addr / positional addresses, and the above. Errors name the option.
Result<nvmf::Association::Options> connection_from(const po::variables_map& map, std::uint16_t default_port);

bool wants_json(const po::variables_map& map);

// Parses; a value means "exit with this" (help was printed, or usage was wrong).
std::optional<int> parse(const std::vector<std::string>& arguments, const char* help,
                         const po::options_description& options, const char* positional,
                         po::variables_map& map);

// The subcommands. `arguments` are those after the subcommand's name; the result is the program's exit code.
int run_discover(const std::vector<std::string>& arguments);
int run_identify(const std::vector<std::string>& arguments);
int run_load(const std::vector<std::string>& arguments);
int run_reservation(const std::vector<std::string>& arguments);
int run_verify(const std::vector<std::string>& arguments);

}  // namespace nvtee::host
