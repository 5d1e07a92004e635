// Structured log lines: "event key=value ..." on stderr through spdlog. Never called from cores. Their rate
// is bounded (limits::kLogRate): nobody outside can fill a disk or stop a thread by making us write.
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>

#include "runtime/base/time.hpp"

namespace nvtee::log {

using spdlog::critical;
using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

// level: trace|debug|info|warn|error|off. Returns false when the name is unknown (nothing is changed).
bool setup(const char* program, const char* level);

// Lines written in the last whole second.
std::uint64_t recent_lines();

// How many lines may be written: `burst` at once, `rate` a second in the long run.
class Budget {
 public:
  Budget(unsigned rate, unsigned burst) : rate_(rate), burst_(burst), tokens_(burst) {}
  bool take(Time now);  // false: the line is not written, and counted
  // Lines dropped since this was asked last; to be asked when a line may be written again.
  std::uint64_t take_dropped();

 private:
  unsigned rate_, burst_;
  double tokens_;
  Time last_ = 0;
  std::uint64_t dropped_ = 0;
};

// A sink in front of another one: lines beyond the budget are dropped, and their number is written before the
// next line. Errors have a budget of their own.
spdlog::sink_ptr bounded(spdlog::sink_ptr behind, unsigned rate, unsigned burst);

}  // namespace nvtee::log
