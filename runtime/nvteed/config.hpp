// The configuration file of nvteed: TOML text -> NodeConfig and declared namespaces. Everything about a key
// (type, default, legal values, meaning) is one entry in config_keys.cpp; the reader, the errors and
// docs/CONFIG.md come from it.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/limits.hpp"
#include "runtime/dataplane/node.hpp"

namespace nvtee::config {

constexpr const char* kDefaultFile = "/etc/nvtee/nvteed.toml";
constexpr const char* kDefaultSocket = "/run/nvtee/nvteed.sock";
constexpr const char* kDefaultState = "/var/lib/nvtee/state.db";
constexpr const char* kMemoryState = ":memory:";
constexpr std::size_t kMaxFileBytes = limits::kConfigBytes;

// A namespace that must exist. What is zero or empty in it was not said, and is never compared with what
// exists.
struct DeclaredNamespace {
  core::NamespaceSpec spec;      // blocks is computed from size
  std::uint64_t size = 0;        // bytes; 0 = the size of the first leg's namespace
  std::uint64_t block_size = 0;  // 0 = that of the legs; where size is given: 4096
  std::vector<core::LegSpec> legs;
  bool assume_equal = false;
};

struct Config {
  std::string file;
  NodeConfig node;
  std::vector<DeclaredNamespace> namespaces;
  std::vector<std::string> warnings;  // legal, but probably not what was meant
};

// One thing that is wrong with the file. line and column count from 1; 0 = no place in a file (a --set, or a
// missing file).
struct Problem {
  std::string file;
  unsigned line = 0, column = 0;
  std::string field;  // "peer[1].queues"; empty for syntax errors
  std::string what;   // with the bad value
  std::string legal;  // what may stand there, or what to do

  // "nvteed.toml:12:3: peer[1].queues: 9 is out of range; legal: 1 to 4"
  std::string text() const;
};
using Problems = std::vector<Problem>;  // in file order, at most 50

struct Override {
  std::string key, value;  // "times.hold", "5s": value as TOML, or else taken as a string
};

std::expected<Config, Problems> parse(std::string_view text, const std::string& file,
                                      const std::vector<Override>& overrides = {});
std::expected<Config, Problems> load(const std::string& path, const std::vector<Override>& overrides = {});

// The whole configuration, defaults filled in, as a file that parse() reads back to the same.
std::string to_toml(const Config& config);

// Where two configurations differ, but for their namespaces: "times.hold", "peer left.queues", "peer right";
// `before` or `after` is empty where there is no such thing.
struct Change {
  std::string what, before, after;
};
std::vector<Change> changes(const Config& before, const Config& after);

// The tables of all keys, as they stand in docs/CONFIG.md (Markdown).
std::string key_tables();

}  // namespace nvtee::config
