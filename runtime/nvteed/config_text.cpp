// A configuration back to text, and two of them compared: by the same keys that read them.
#include "runtime/nvteed/config_reader.hpp"

namespace nvtee::config {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;  // key, TOML

template <class T>
Values values_of(const Section<T>& section, const T& from) {
  Values out;
  for (const auto& key : section.keys)
    if (auto text = key.get(from); !text.empty()) out.emplace_back(key.name, std::move(text));
  return out;
}

template <class T>
void write(std::string& out, const Section<T>& section, const T& from) {
  out += section.repeated ? fmt::format("[[{}]]\n", section.name) : fmt::format("[{}]\n", section.name);
  for (const auto& [key, value] : values_of(section, from)) out += fmt::format("{} = {}\n", key, value);
  out += "\n";
}

std::string value_in(const Values& values, const std::string& key) {
  const auto found = std::ranges::find_if(values, [&](const auto& v) { return v.first == key; });
  return found == values.end() ? "" : found->second;
}

void compare(const std::string& prefix, const Values& before, const Values& after, std::vector<Change>& out) {
  std::set<std::string> keys;
  for (const auto* side : {&before, &after})
    for (const auto& [key, value] : *side) keys.insert(key);
  for (const auto& key : keys) {
    const std::string a = value_in(before, key), b = value_in(after, key);
    if (a != b) out.push_back({prefix + "." + key, a, b});
  }
}

// Tables that are told apart by a name.
template <class T, class Name>
void compare_lists(const Section<T>& section, const std::vector<T>& before, const std::vector<T>& after,
                   Name name, std::vector<Change>& out) {
  const auto find = [&](const std::vector<T>& list, const std::string& wanted) {
    return std::ranges::find_if(list, [&](const T& t) { return name(t) == wanted; });
  };
  for (const T& t : before)
    if (find(after, name(t)) == after.end()) out.push_back({section.name + " " + name(t), "there", ""});
  for (const T& t : after) {
    const auto old = find(before, name(t));
    if (old == before.end())
      out.push_back({section.name + " " + name(t), "", "there"});
    else
      compare(section.name + " " + name(t), values_of(section, *old), values_of(section, t), out);
  }
}

}  // namespace

std::string to_toml(const Config& config) {
  std::string out;
  for (const auto& section : node_sections()) write(out, section, config.node);
  for (const auto& peer : config.node.peers) write(out, peer_section(), peer);
  for (const auto& subsystem : config.node.subsystems) write(out, subsystem_section(), subsystem);
  for (const auto& ns : config.namespaces) write(out, namespace_section(), ns);
  if (!out.empty()) out.pop_back();
  return out;
}

std::vector<Change> changes(const Config& before, const Config& after) {
  std::vector<Change> out;
  for (const auto& section : node_sections())
    compare(section.name, values_of(section, before.node), values_of(section, after.node), out);
  compare_lists(
      peer_section(), before.node.peers, after.node.peers, [](const PeerConfig& p) { return p.name; }, out);
  compare_lists(
      subsystem_section(), before.node.subsystems, after.node.subsystems,
      [](const SubsystemConfig& s) { return s.nqn; }, out);
  return out;
}

}  // namespace nvtee::config
