#include "tools/nvtee-target/inject.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace nvtee::target {
namespace {

constexpr std::array<std::pair<const char*, Fault>, 6> kFaults{{{"latency", Fault::kLatency},
                                                                {"error", Fault::kError},
                                                                {"stall", Fault::kStall},
                                                                {"lose-write", Fault::kLoseWrite},
                                                                {"misplace-write", Fault::kMisplaceWrite},
                                                                {"bitflip", Fault::kBitflip}}};
constexpr std::array<std::pair<const char*, std::uint8_t>, 10> kOpcodes{
    {{"flush", spec::io::kFlush},
     {"write", spec::io::kWrite},
     {"read", spec::io::kRead},
     {"compare", spec::io::kCompare},
     {"write-zeroes", spec::io::kWriteZeroes},
     {"dsm", spec::io::kDsm},
     {"resv-register", spec::io::kResvRegister},
     {"resv-report", spec::io::kResvReport},
     {"resv-acquire", spec::io::kResvAcquire},
     {"resv-release", spec::io::kResvRelease}}};

template <class T>
bool number(std::string_view text, T& out, int base = 10) {
  const auto [p, e] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return e == std::errc{} && p == text.data() + text.size() && !text.empty();
}

bool duration(std::string_view text, Duration& out) {
  constexpr Duration kLongest = 600 * kSecond;
  const std::size_t unit_at = text.find_first_not_of("0123456789");
  if (unit_at == std::string_view::npos) return false;
  Duration n = 0;
  if (!number(text.substr(0, unit_at), n)) return false;
  const std::string_view unit = text.substr(unit_at);
  const Duration scale = unit == "us"   ? kMicrosecond
                         : unit == "ms" ? kMillisecond
                         : unit == "s"  ? kSecond
                                        : 0;
  if (scale == 0 || n > kLongest / scale) return false;
  out = n * scale;
  return true;
}

bool range(std::string_view text, FaultRule& r) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    if (!number(text, r.first)) return false;
    r.last = r.first;
    return true;
  }
  return number(text.substr(0, dash), r.first) && number(text.substr(dash + 1), r.last) && r.first <= r.last;
}

bool status(std::string_view text, FaultRule& r) {
  const std::size_t slash = text.find('/');
  unsigned sct = 0, sc = 0;
  if (slash == std::string_view::npos || !number(text.substr(0, slash), sct, 16) ||
      !number(text.substr(slash + 1), sc, 16) || sct > 7 || sc > 0xff || (sct == 0 && sc == 0))
    return false;
  r.status = spec::sc(static_cast<std::uint8_t>(sct), static_cast<std::uint8_t>(sc));
  return true;
}

Result<FaultRule> first_word(std::string_view key, std::string_view value) {
  const auto it = std::ranges::find(kFaults, key, [](const auto& f) { return std::string_view(f.first); });
  if (it == kFaults.end())
    return fail(fmt::format("'{}' is no fault", key),
                "the faults are latency=TIME, error=SCT/SC, stall, lose-write, misplace-write[=BLOCKS], "
                "bitflip[=BIT]");
  FaultRule r;
  r.fault = it->second;
  r.count = r.fault == Fault::kLatency || r.fault == Fault::kStall ? 0 : 1;
  bool good = true;
  switch (r.fault) {
    case Fault::kLatency:
      good = duration(value, r.latency);
      break;
    case Fault::kError:
      good = status(value, r);
      break;
    case Fault::kMisplaceWrite:
      good = value.empty() || (number(value, r.offset) && r.offset != 0);
      break;
    case Fault::kBitflip:
      good = value.empty() || number(value, r.bit);
      break;
    case Fault::kStall:
    case Fault::kLoseWrite:
      good = value.empty();
      break;
  }
  if (!good)
    return fail(fmt::format("'{}={}' is not understood", key, value),
                "for example latency=5ms (at most 600s), error=2/81 (hexadecimal SCT/SC), misplace-write=8, "
                "bitflip=12345");
  return r;
}

bool filter_word(std::string_view key, std::string_view value, FaultRule& r) {
  if (key == "opcode") {
    r.opcode = io_opcode_of(std::string(value));
    return r.opcode.has_value();
  }
  if (key == "range") return range(value, r);
  if (key == "nsid") return number(value, r.nsid);
  if (key == "count") return number(value, r.count);
  if (key == "skip") return number(value, r.skip);
  if (key == "every") return number(value, r.every) && r.every != 0;
  if (key == "host") {
    r.host = value;
    return !value.empty();
  }
  if (key == "at") {
    r.at_answer = value == "answer";
    return value == "start" || value == "answer";
  }
  if (key == "dnr") return r.dnr = value.empty();
  if (key == "executed") return r.executed = value.empty();
  return false;
}

bool is_write(std::uint8_t opcode) {
  return opcode == spec::io::kWrite || opcode == spec::io::kWriteZeroes;
}

// Which commands a fault makes sense for.
bool can_hit(Fault fault, std::uint8_t opcode) {
  switch (fault) {
    case Fault::kLoseWrite:
    case Fault::kMisplaceWrite:
      return is_write(opcode);
    case Fault::kBitflip:
      return opcode == spec::io::kWrite || opcode == spec::io::kRead;
    default:
      return true;
  }
}

bool matches(const FaultRule& r, const FaultSubject& s) {
  if (!can_hit(r.fault, s.opcode) || (r.opcode && *r.opcode != s.opcode)) return false;
  if (r.nsid != 0 && r.nsid != s.nsid) return false;
  if (!r.host.empty() && (!s.host || *s.host != r.host)) return false;
  if (!s.has_range) return r.first == 0 && r.last == ~std::uint64_t{0};
  return s.lba <= r.last && r.first <= s.lba + s.blocks - 1;
}

void apply(const FaultRule& r, Verdict& v) {
  v.hit = true;
  switch (r.fault) {
    case Fault::kLatency:
      (r.at_answer ? v.answer_delay : v.start_delay) += r.latency;
      break;
    case Fault::kStall:
      (r.at_answer ? v.stall_answer : v.stall_start) = true;
      break;
    case Fault::kError:
      if (v.error) break;  // the first rule wins
      v.error = true;
      v.status = r.status;
      v.dnr = r.dnr;
      v.error_executed = r.executed;
      break;
    case Fault::kLoseWrite:
      v.lose = true;
      break;
    case Fault::kMisplaceWrite:
      v.misplace = r.offset;
      break;
    case Fault::kBitflip:
      v.flip = true;
      v.flip_bit = r.bit;
      break;
  }
}

}  // namespace

const char* fault_name(Fault fault) {
  return kFaults[static_cast<std::size_t>(fault)].first;
}

std::optional<std::uint8_t> io_opcode_of(const std::string& name) {
  for (const auto& [known, opcode] : kOpcodes)
    if (name == known) return opcode;
  return {};
}

std::string io_opcode_name(std::uint8_t opcode) {
  for (const auto& [known, code] : kOpcodes)
    if (code == opcode) return known;
  return fmt::format("{:02x}h", opcode);
}

Result<FaultRule> parse_fault(const std::string& text) {
  Result<FaultRule> rule = fail("no fault is named", "for example latency=5ms");
  bool first = true;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string_view word = std::string_view(text).substr(at, end - at);
    const std::size_t eq = std::min(word.find('='), word.size());
    const std::string_view key = word.substr(0, eq);
    const std::string_view value = eq < word.size() ? word.substr(eq + 1) : std::string_view{};
    if (std::exchange(first, false)) {
      rule = first_word(key, value);
      if (!rule) return rule;
    } else if (!filter_word(key, value, *rule)) {
      return fail(fmt::format("'{}' is not understood", word),
                  "filters are opcode=NAME range=FIRST-LAST nsid=N host=NQN count=N skip=N every=N "
                  "at=start|answer dnr executed");
    }
    at = end + 1;
  }
  return rule;
}

std::string fault_text(const FaultRule& r) {
  std::string s = fault_name(r.fault);
  if (r.fault == Fault::kLatency) s += fmt::format("={}us", r.latency / kMicrosecond);
  if (r.fault == Fault::kError) s += fmt::format("={:x}/{:02x}", r.status >> 8, r.status & 0xff);
  if (r.fault == Fault::kMisplaceWrite) s += fmt::format("={}", r.offset);
  if (r.fault == Fault::kBitflip) s += fmt::format("={}", r.bit);
  if (r.dnr) s += ",dnr";
  if (r.executed) s += ",executed";
  if (r.at_answer) s += ",at=answer";
  if (r.opcode) s += ",opcode=" + io_opcode_name(*r.opcode);
  if (r.nsid != 0) s += fmt::format(",nsid={}", r.nsid);
  if (r.first != 0 || r.last != ~std::uint64_t{0}) s += fmt::format(",range={}-{}", r.first, r.last);
  if (!r.host.empty()) s += ",host=" + r.host;
  if (r.skip != 0) s += fmt::format(",skip={}", r.skip);
  if (r.every != 1) s += fmt::format(",every={}", r.every);
  return s + fmt::format(",count={}", r.count);
}

Result<std::uint32_t> Injector::add(FaultRule rule) {
  if (rules_.size() >= kMaxRules)
    return fail(fmt::format("there are {} rules already", kMaxRules), "clear some first");
  rule.id = next_id_++;
  rules_.push_back(std::move(rule));
  return rules_.back().id;
}

bool Injector::remove(std::uint32_t id) {
  return std::erase_if(rules_, [id](const FaultRule& r) { return r.id == id; }) != 0;
}

void Injector::clear(Fault fault) {
  std::erase_if(rules_, [fault](const FaultRule& r) { return r.fault == fault; });
}

Verdict Injector::judge(const FaultSubject& subject) {
  Verdict v;
  bool spent = false;
  for (FaultRule& r : rules_) {
    if (!matches(r, subject)) continue;
    const std::uint64_t nth = r.seen++;
    if (nth < r.skip || (nth - r.skip) % r.every != 0) continue;
    ++r.hits;
    apply(r, v);
    spent |= r.count != 0 && r.hits == r.count;
  }
  if (spent) std::erase_if(rules_, [](const FaultRule& r) { return r.count != 0 && r.hits == r.count; });
  return v;
}

}  // namespace nvtee::target
