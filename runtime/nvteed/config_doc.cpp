// docs/CONFIG.md's tables, printed from the keys.
#include "runtime/nvteed/config_reader.hpp"

namespace nvtee::config {
namespace {

std::string cell(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '|') text.insert(i++, "\\");
  return text;
}

template <class T>
std::string table(const Section<T>& s, const std::string& heading) {
  std::string out = fmt::format(
      "### {}\n\n{}\n\n| key | type | default | legal values | meaning |\n|---|---|---|---|---|\n", heading,
      s.meaning);
  for (const auto& k : s.keys)
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", k.name, k.type, cell(k.fallback), cell(k.legal),
                       cell(k.meaning));
  return out + "\n";
}

}  // namespace

std::string key_tables() {
  std::string out;
  for (const auto& s : node_sections()) out += table(s, fmt::format("[{}]", s.name));
  out += table(peer_section(), "[[peer]]");
  out += table(subsystem_section(), "[[subsystem]]");
  out += table(namespace_section(), "[[namespace]]");
  out += table(leg_section(), "legs of a [[namespace]]");
  out.pop_back();
  return out;
}

}  // namespace nvtee::config
