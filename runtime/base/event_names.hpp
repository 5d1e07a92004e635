// Every event that the node tells: stable name, usual severity, what it means, what to do. `nvtee explain`
// and docs/EVENTS.md are printed from this table; a test finds every name that the sources use in it.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nvtee::events {

struct Meaning {
  const char* name;
  const char* severity;  // usual ones: "notice", "warning or critical"
  const char* meaning;
  const char* remedy;  // "" = nothing to do
};
std::span<const Meaning> all();
const Meaning* find(std::string_view name);  // nullptr: no such event
std::string table();                         // Markdown, as it stands in docs/EVENTS.md

}  // namespace nvtee::events
