// Structured log lines: "event key=value ..." on stderr through spdlog. Never called from cores.
#pragma once

#include <spdlog/spdlog.h>

namespace nvtee::log {

using spdlog::critical;
using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

// level: trace|debug|info|warn|error|off. Returns false when the name is unknown (nothing is changed).
bool setup(const char* program, const char* level);

}  // namespace nvtee::log
