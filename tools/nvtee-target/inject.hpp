// Fault injection: a bounded list of rules, each a filter and one fault. No clock, no chance: equal commands
// in equal order meet equal faults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hw/nvme/spec.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/time.hpp"

namespace nvtee::target {

enum class Fault : std::uint8_t {
  kLatency,        // the command waits
  kError,          // answered with a status; not executed unless `executed`
  kStall,          // held until resume
  kLoseWrite,      // acknowledged, never done
  kMisplaceWrite,  // acknowledged, done `offset` blocks away
  kBitflip,        // one bit of the data is wrong (read: in the answer; write: on the media)
};
const char* fault_name(Fault fault);

struct FaultRule {
  std::uint32_t id = 0;  // given by Injector::add
  Fault fault{};
  std::optional<std::uint8_t> opcode;                 // I/O opcode; none: every one that the fault can hit
  std::uint32_t nsid = 0;                             // 0: every namespace
  std::uint64_t first = 0, last = ~std::uint64_t{0};  // LBAs; commands without a range match only the default
  std::string host;                                   // host NQN; empty: every host
  std::uint64_t count = 0;                            // hits left; 0: until cleared
  std::uint64_t skip = 0;                             // matching commands to let pass first
  std::uint64_t every = 1;                            // then hit each N-th
  bool at_answer = false;                             // kLatency, kStall: after execution instead of before
  Duration latency = 0;
  spec::Status status = 0;  // kError
  bool dnr = false;
  bool executed = false;    // kError: executed, then answered with the error
  std::int64_t offset = 1;  // kMisplaceWrite, blocks
  std::uint64_t bit = 0;    // kBitflip: bit number in the data, modulo its size
  // Counters.
  std::uint64_t seen = 0, hits = 0;
};

// "latency=5ms,opcode=write,range=0-1023,count=10": first word names the fault. Errors say which word is
// wrong.
Result<FaultRule> parse_fault(const std::string& text);
// One line that parse_fault() would take.
std::string fault_text(const FaultRule& rule);
// "write", "read", ... for I/O opcodes.
std::optional<std::uint8_t> io_opcode_of(const std::string& name);
std::string io_opcode_name(std::uint8_t opcode);

// The command as rules see it.
struct FaultSubject {
  std::uint8_t opcode = 0;
  std::uint32_t nsid = 0;
  bool has_range = false;
  std::uint64_t lba = 0;
  std::uint32_t blocks = 0;
  const std::string* host = nullptr;
};

struct Verdict {
  bool hit = false;
  bool stall_start = false, stall_answer = false;
  Duration start_delay = 0, answer_delay = 0;
  bool error = false, error_executed = false, dnr = false;
  spec::Status status = 0;
  bool lose = false;
  std::int64_t misplace = 0;
  bool flip = false;
  std::uint64_t flip_bit = 0;
};

class Injector {
 public:
  static constexpr std::size_t kMaxRules = 64;

  Result<std::uint32_t> add(FaultRule rule);
  bool remove(std::uint32_t id);
  void clear() { rules_.clear(); }
  void clear(Fault fault);
  bool active() const { return !rules_.empty(); }  // cheap: asked for each command
  Verdict judge(const FaultSubject& subject);
  const std::vector<FaultRule>& rules() const { return rules_; }

 private:
  std::vector<FaultRule> rules_;
  std::uint32_t next_id_ = 1;
};

}  // namespace nvtee::target
