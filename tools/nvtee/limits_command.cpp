// nvtee limits: the bounds, and what is used of them.
#include <fmt/format.h>

#include <cstdio>

#include "runtime/nvteed/units.hpp"
#include "tools/nvtee/commands.hpp"
#include "tools/nvtee/output.hpp"

namespace nvtee::cli {
namespace {

std::string amount(std::uint64_t value, const std::string& unit) {
  if (unit == "bytes") return text::exact_size(value);
  if (unit == "ms") return text::exact_duration(value * kMillisecond);
  return unit.empty() ? std::to_string(value) : fmt::format("{} {}", value, unit);
}

std::string used(const api::Json& limit) {
  const bool counted = limit.contains("in_use") && limit["in_use"].is_number_unsigned();
  if (!counted) return "-";
  const std::uint64_t value = number_of(limit, "value"), now = number_of(limit, "in_use");
  const std::string text =
      text_of(limit, "unit") == "bytes" ? text::human_size(now) : amount(now, text_of(limit, "unit"));
  return value ? fmt::format("{} ({} %)", text, percent(std::min(now, value), value)) : text;
}

}  // namespace

int run_limits(Call& call) {
  const auto answer = call.ask("GET", "/v1/limits");
  if (!answer) return call.exit;
  if (call.json) return call.print(*answer), kOk;
  const bool verbose = call.values.has("verbose");
  Table table({"BOUND", "VALUE", "USED NOW", "OF"});
  for (const auto& limit : list_of(*answer, "limits")) {
    const std::string value = amount(number_of(limit, "value"), text_of(limit, "unit"));
    if (!verbose) {
      table.add({text_of(limit, "name"), value, used(limit), text_of(limit, "of")});
      continue;
    }
    fmt::print("{} = {}, used: {}\n  of {}: {}\n  then: {}\n", text_of(limit, "name"), value, used(limit),
               text_of(limit, "of"), text_of(limit, "meaning"), text_of(limit, "reached"));
    if (const auto key = text_of(limit, "key"); !key.empty()) fmt::print("  configuration: {}\n", key);
  }
  if (!verbose) std::fputs(table.text().c_str(), stdout);
  return kOk;
}

}  // namespace nvtee::cli
