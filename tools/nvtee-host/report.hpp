// A load's report for people and for programs.
#pragma once

#include <string>

#include "tools/nvtee-host/load.hpp"

namespace nvtee::host {

std::string report_text(const Report& report);
std::string report_json(const Report& report);
// "0/22h Transient Transport Error"
std::string status_text(spec::Status status);

}  // namespace nvtee::host
