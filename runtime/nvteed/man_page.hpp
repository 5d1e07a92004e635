// Man pages from the tables of commands.
#pragma once

#include <string>
#include <vector>

#include "runtime/nvteed/command_line.hpp"

namespace nvtee::cmdline {

// A page in roff. A program without subcommands gives one command with empty words.
std::string man_page(const std::string& program, unsigned section, const std::string& summary,
                     const std::string& description, const std::vector<const Command*>& commands,
                     const std::string& see_also);

}  // namespace nvtee::cmdline
