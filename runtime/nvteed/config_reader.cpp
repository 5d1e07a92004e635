#include "runtime/nvteed/config_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <tuple>

#include "runtime/base/limits.hpp"
#include "runtime/net/socket.hpp"
#include "runtime/nvteed/units.hpp"

namespace nvtee::config {
namespace {

constexpr std::size_t kMaxProblems = limits::kConfigProblems;

std::vector<std::string> section_names() {
  std::vector<std::string> names;
  for (const auto& s : node_sections()) names.push_back(s.name);
  for (const auto& name : {peer_section().name, subsystem_section().name, namespace_section().name})
    names.push_back(name);
  return names;
}

void read_node_section(Reader& reader, const Section<NodeConfig>& section, const toml::node& node,
                       NodeConfig& into) {
  if (const toml::table* table = node.as_table())
    reader.read(section, *table, into, section.name);
  else
    reader.refuse(node, section.name, "is not a table", fmt::format("[{}]", section.name));
}

void read_all(Reader& reader, const toml::table& root, Config& config) {
  for (const auto& [key, node] : root) {
    const std::string name(key.str());
    const auto section = std::ranges::find(node_sections(), name, &Section<NodeConfig>::name);
    if (section != node_sections().end())
      read_node_section(reader, *section, node, config.node);
    else if (name == peer_section().name)
      reader.read_list(peer_section(), node, config.node.peers, name);
    else if (name == subsystem_section().name)
      reader.read_list(subsystem_section(), node, config.node.subsystems, name);
    else if (name == namespace_section().name)
      reader.read_list(namespace_section(), node, config.namespaces, name);
    else
      reader.unknown(key, name, section_names());
  }
  // A file without a required section lacks its keys.
  for (const auto& section : node_sections())
    if (!root.contains(section.name)) reader.read(section, toml::table{}, config.node, section.name);
}

// Puts one --set into the tree, with a place that names it.
void apply(Reader& reader, toml::table& root, const Override& o) {
  const std::string place = fmt::format("--set {}={}", o.key, o.value);
  const auto dot = o.key.find('.');
  const std::string section = o.key.substr(0, dot);
  const bool known = std::ranges::any_of(node_sections(), [&](const auto& s) { return s.name == section; });
  if (dot == std::string::npos || !known)
    return reader.refuse_at(place, place, "does not name a single value",
                            "SECTION.KEY=VALUE with SECTION one of node, log, times, limits");
  toml::parse_result parsed = toml::parse("value = " + o.value, place);
  if (!parsed) {
    const toml::table quoted{{"value", o.value}};
    std::ostringstream text;
    text << quoted;
    parsed = toml::parse(text.str(), place);
  }
  if (!parsed || parsed.table().size() != 1)
    return reader.refuse_at(place, place, "is not one value", "SECTION.KEY=VALUE with VALUE as in the file");
  if (!root.contains(section)) root.insert(section, toml::table{});
  if (toml::table* table = root[section].as_table())
    table->insert_or_assign(o.key.substr(dot + 1), std::move(*parsed.table().get("value")));
}

}  // namespace

std::string Problem::text() const {
  std::string out = file;
  if (line) out += fmt::format(":{}:{}", line, column);
  if (!field.empty()) out += fmt::format(": {}", field);
  out += fmt::format(": {}", what);
  if (!legal.empty()) out += fmt::format("; {}{}", field.empty() ? "" : "legal: ", legal);
  return out;
}

std::string value_text(const toml::node& node) {
  if (const auto* s = node.as_string()) return "\"" + s->get() + "\"";
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  std::string text = out.str();
  std::ranges::replace(text, '\n', ' ');
  return text.size() <= 80 ? text : text.substr(0, 77) + "...";
}

void Reader::add(const toml::source_region& place, const std::string& field, const std::string& what,
                 const std::string& legal) {
  const std::string file = place.path ? *place.path : file_;
  const bool in_file = file == file_;
  problems_.push_back(
      {file, in_file ? place.begin.line : 0, in_file ? place.begin.column : 0, field, what, legal});
}

void Reader::refuse(const toml::node& node, const std::string& field, const std::string& what,
                    const std::string& legal) {
  add(node.source(), field, what, legal);
}

void Reader::refuse_at(const std::string& place, const std::string& field, const std::string& what,
                       const std::string& legal) {
  const auto found = places_.find(place);
  add(found == places_.end() ? toml::source_region{} : found->second, field, what, legal);
}

void Reader::unknown(const toml::key& key, const std::string& field, const std::vector<std::string>& names) {
  const auto near = text::nearest(key.str(), names);
  std::string legal;
  for (const auto& name : names) legal += (legal.empty() ? "" : ", ") + name;
  add(key.source(), field, near ? fmt::format("unknown key; did you mean '{}'?", *near) : "unknown key",
      legal);
}

void Reader::syntax(const toml::parse_error& error, const std::string& field) {
  add(error.source(), field, fmt::format("not TOML: {}", error.description()), "");
}

Problems Reader::take_problems() {
  std::ranges::sort(problems_, [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column, a.field, a.what) < std::tie(b.line, b.column, b.field, b.what);
  });
  if (problems_.size() > kMaxProblems) problems_.resize(kMaxProblems);
  return std::move(problems_);
}

std::expected<Config, Problems> parse(std::string_view text, const std::string& file,
                                      const std::vector<Override>& overrides) {
  Reader reader(file);
  toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    reader.syntax(parsed.error(), "");
    return std::unexpected(reader.take_problems());
  }
  for (const Override& o : overrides) apply(reader, parsed.table(), o);
  Config config;
  config.file = file;
  config.node.state_file = kDefaultState;
  config.node.api_socket = kDefaultSocket;
  read_all(reader, parsed.table(), config);
  check(reader, config);
  if (Problems problems = reader.take_problems(); !problems.empty())
    return std::unexpected(std::move(problems));
  if (config.node.state_file == kMemoryState) config.node.state_file.clear();
  return config;
}

std::expected<Config, Problems> load(const std::string& path, const std::vector<Override>& overrides) {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    return std::unexpected(Problems{Problem{path, 0, 0, "", what, remedy}});
  };
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return refuse(fmt::format("cannot be read: {}", std::strerror(errno)),
                  "name a readable file with --config");
  std::string text(kMaxFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return refuse(fmt::format("cannot be read: {}", std::strerror(errno)),
                    "name a readable file with --config");
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > kMaxFileBytes)
    return refuse("is larger than 1 MiB", "a configuration is far smaller: is this the right file?");
  text.resize(size);
  return parse(text, path, overrides);
}

}  // namespace nvtee::config
