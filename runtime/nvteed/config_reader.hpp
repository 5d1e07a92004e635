// Internal to nvtee_config: reads a TOML table by a table of keys, remembering where each value stood.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

// toml++ 3.3 asserts on the file "[\n" (and "[=]") although the next lines of its parser refuse it properly:
// what an operator wrote must never stop the daemon by an assertion.
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "runtime/nvteed/config.hpp"

namespace nvtee::config {

class Reader;

// One key of a section of type T. `type`, `fallback`, `legal` and `meaning` are for people: errors and
// docs/CONFIG.md.
template <class T>
struct Key {
  std::string name, type, fallback, legal, meaning;
  std::function<void(Reader&, T&, const toml::node&, const std::string& field)> set;
  bool required = false;
};

// A table of the file: [name], or [[name]] when repeated.
template <class T>
struct Section {
  std::string name, meaning;
  bool repeated = false;
  std::vector<Key<T>> keys;
};

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  template <class T>
  void read(const Section<T>& section, const toml::table& table, T& into, const std::string& prefix) {
    remember(prefix, table);
    std::vector<std::string> names;
    for (const auto& key : section.keys) names.push_back(key.name);
    for (const auto& [name, node] : table) {
      const auto key = std::ranges::find(section.keys, name.str(), &Key<T>::name);
      const std::string field = prefix + "." + std::string(name.str());
      if (key == section.keys.end()) {
        unknown(name, field, names);
        continue;
      }
      remember(field, node);
      key->set(*this, into, node, field);
    }
    for (const auto& key : section.keys)
      if (key.required && !table.contains(key.name))
        refuse_at(prefix, prefix + "." + key.name, "is missing", key.legal);
  }

  // [[name]]: one T appended for each table.
  template <class T>
  void read_list(const Section<T>& section, const toml::node& node, std::vector<T>& into,
                 const std::string& field) {
    const toml::array* array = node.as_array();
    if (!array)
      return refuse(node, field, "is one table or value",
                    fmt::format("a list of tables: [[{}]]", section.name));
    for (std::size_t i = 0; i < array->size(); ++i) {
      const std::string prefix = fmt::format("{}[{}]", field, i + 1);
      const toml::table* table = (*array)[i].as_table();
      if (table)
        read(section, *table, into.emplace_back(), prefix);
      else
        refuse((*array)[i], prefix, "is not a table",
               fmt::format("a list of tables with the keys of {}", section.name));
    }
  }

  void refuse(const toml::node& node, const std::string& field, const std::string& what,
              const std::string& legal);
  // For checks after reading: the place where `place` (a field or a table's prefix) stood.
  void refuse_at(const std::string& place, const std::string& field, const std::string& what,
                 const std::string& legal);
  void unknown(const toml::key& key, const std::string& field, const std::vector<std::string>& names);
  void syntax(const toml::parse_error& error, const std::string& field);
  bool refused(const std::string& field) const {
    return std::ranges::find(problems_, field, &Problem::field) != problems_.end();
  }
  bool given(const std::string& field) const { return places_.contains(field); }
  void remember(const std::string& field, const toml::node& node) { places_[field] = node.source(); }
  Problems take_problems();

 private:
  void add(const toml::source_region& place, const std::string& field, const std::string& what,
           const std::string& legal);
  std::string file_;
  std::map<std::string, toml::source_region> places_;
  Problems problems_;
};

// A value of the file as the user wrote it, near enough.
std::string value_text(const toml::node& node);

// The sections (config_keys.cpp).
const std::vector<Section<NodeConfig>>& node_sections();
const Section<PeerConfig>& peer_section();
const Section<SubsystemConfig>& subsystem_section();
const Section<DeclaredNamespace>& namespace_section();
const Section<core::LegSpec>& leg_section();

// What no single value can tell (config_check.cpp).
void check(Reader& reader, Config& config);

}  // namespace nvtee::config
