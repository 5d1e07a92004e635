// Shell completion and man pages, generated from the tables of the commands.
#pragma once

#include <string>

namespace nvtee::cli {

std::string bash_completion();
std::string zsh_completion();
std::string man_page();  // nvtee(1), roff

}  // namespace nvtee::cli
