// What the command line says, checked. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/net/socket.hpp"
#include "tools/nvtee-target/file_store.hpp"

namespace nvtee::target {

struct NamespaceConfig {
  std::uint32_t nsid = 1;
  bool memory = false;
  bool prefault = false;   // memory: touch it all at the start
  std::string path;        // unless memory
  std::uint64_t size = 0;  // bytes; 0: as the file is
  std::uint8_t block_shift = 12;
  Durability durability = Durability::kPower;
  bool cache = false;  // volatile write cache in process memory
  std::uint64_t cache_size = std::uint64_t{64} << 20;
  std::optional<std::uint64_t> chaos_seed;
  std::string meta;  // sidecar; empty: PATH.nvtee for a file, none for memory
  std::optional<std::array<std::uint8_t, 16>> nguid, uuid;
};

struct Config {
  net::Address listen{"127.0.0.1", 4420};
  std::string subnqn = "nqn.2024-01.io.nvtee:target";
  std::string serial = "NVTEE0001";
  std::vector<std::string> allowed_hosts;  // empty: any
  std::vector<NamespaceConfig> namespaces;
  // Limits.
  std::uint32_t max_transfer = 128 * 1024;  // bytes, 4 KiB << n
  std::uint32_t in_capsule = 8192;
  std::uint32_t max_h2c_data = 128 * 1024;
  std::uint32_t r2t_bytes = 0, c2h_bytes = 0;
  std::uint16_t max_queues = 16;
  std::uint16_t queue_entries = 128;
  std::uint8_t cpda = 0;
  bool header_digest = true, data_digest = true, c2h_success = true, ana = true;
  bool reservations = true;  // offered; what a file remembers of them stays
  unsigned busy_poll_us = 0;
  // The process.
  std::string control_path;
  std::string port_file;
  int ready_fd = -1;
  std::string log_level = "info";
  unsigned drain_seconds = 10;
};

struct CommandLine {
  enum class Verb { kServe, kHelp, kVersion, kControl };
  Verb verb = Verb::kServe;
  Config config;
  std::string text;                // kHelp, kVersion: print it
  std::string control_path;        // kControl
  std::vector<std::string> words;  // kControl: the request
};

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);
// "nsid=1,file=/x,size=1G,bs=4096,..."; `defaults` gives what is not named.
Result<NamespaceConfig> parse_namespace(const std::string& text, const NamespaceConfig& defaults);
// "4096", "64K", "1M", "2G", "1T" (powers of 1024).
Result<std::uint64_t> parse_size(const std::string& text);

}  // namespace nvtee::target
