#include "runtime/nvteed/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <numeric>
#include <span>

namespace nvtee::text {
namespace {

struct Unit {
  const char* name;
  std::uint64_t factor;
};
constexpr std::uint64_t kKi = 1024, kMi = kKi * 1024, kGi = kMi * 1024, kTi = kGi * 1024, kPi = kTi * 1024;
constexpr std::uint64_t kK = 1000, kM = kK * 1000, kG = kM * 1000, kT = kG * 1000;
constexpr Unit kSizes[] = {{"B", 1},   {"KiB", kKi}, {"MiB", kMi}, {"GiB", kGi}, {"TiB", kTi}, {"PiB", kPi},
                           {"kB", kK}, {"KB", kK},   {"MB", kM},   {"GB", kG},   {"TB", kT}};
constexpr Unit kDurations[] = {{"ns", 1},      {"us", kMicrosecond},  {"ms", kMillisecond},
                               {"s", kSecond}, {"min", 60 * kSecond}, {"h", 3600 * kSecond}};

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

// Splits "16MiB" and multiplies; `unit` must be one of `units` (or empty where `bare` allows it).
Result<std::uint64_t> parse_number(std::string_view whole, std::span<const Unit> units, bool bare,
                                   const char* legal) {
  const std::string_view s = trim(whole);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), number);
  if (error == std::errc::result_out_of_range) return fail(fmt::format("'{}' is too large", whole), legal);
  if (error != std::errc{}) return fail(fmt::format("'{}' does not begin with a whole number", whole), legal);
  const std::string_view unit = trim(s.substr(static_cast<std::size_t>(end - s.data())));
  if (unit.empty()) {
    if (bare || number == 0) return number;
    return fail(fmt::format("'{}' has no unit", whole), legal);
  }
  const auto found = std::ranges::find_if(units, [&](const Unit& u) { return unit == u.name; });
  if (found == units.end()) return fail(fmt::format("'{}' has the unknown unit '{}'", whole, unit), legal);
  if (found->factor > 1 && number > ~std::uint64_t{0} / found->factor)
    return fail(fmt::format("'{}' is too large", whole), legal);
  return number * found->factor;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_number(text, kSizes, true,
                      "write a whole number with B, KiB, MiB, GiB, TiB or kB, MB, GB, TB, such as \"16MiB\"");
}

Result<Duration> parse_duration(std::string_view text) {
  return parse_number(text, kDurations, false,
                      "write a whole number with ns, us, ms, s, min or h, such as \"2s\"");
}

std::string exact_size(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  for (const Unit& u : {kSizes[5], kSizes[4], kSizes[3], kSizes[2], kSizes[1]})
    if (bytes % u.factor == 0) return fmt::format("{}{}", bytes / u.factor, u.name);
  return fmt::format("{}B", bytes);
}

std::string exact_duration(Duration duration) {
  if (duration == 0) return "0";
  for (std::size_t i = std::size(kDurations); i-- > 0;) {
    const Unit& u = kDurations[i];
    if (duration % u.factor == 0) return fmt::format("{}{}", duration / u.factor, u.name);
  }
  return fmt::format("{}ns", duration);
}

std::string human_size(std::uint64_t bytes) {
  if (bytes < kKi) return fmt::format("{} B", bytes);
  const Unit* unit = &kSizes[1];
  for (const Unit& u : std::span(kSizes).subspan(1, 5))
    if (bytes >= u.factor) unit = &u;
  const double value = static_cast<double>(bytes) / static_cast<double>(unit->factor);
  return bytes % unit->factor == 0 ? fmt::format("{} {}", bytes / unit->factor, unit->name)
                                   : fmt::format("{:.{}f} {}", value, value < 10 ? 2 : 1, unit->name);
}

std::string human_duration(Duration duration) {
  const std::uint64_t s = duration / kSecond;
  if (s == 0 && duration > 0)
    return duration >= kMillisecond ? fmt::format("{} ms", duration / kMillisecond)
                                    : fmt::format("{} us", duration / kMicrosecond);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  if (s < 86'400) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
  return fmt::format("{} d {} h", s / 86'400, s / 3600 % 24);
}

Result<Id16> parse_id16(std::string_view text) {
  const std::string legal = "write 32 hexadecimal digits, with or without dashes";
  Id16 id{};
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int value = hex_digit(c);
    if (value < 0) return fail(fmt::format("'{}' has the character '{}'", text, c), legal);
    if (digits == 32) return fail(fmt::format("'{}' has more than 32 digits", text), legal);
    id[digits / 2] = static_cast<std::uint8_t>(id[digits / 2] << 4 | value);
    ++digits;
  }
  if (digits != 32) return fail(fmt::format("'{}' has {} digits", text, digits), legal);
  return id;
}

std::string nguid_text(const Id16& id) {
  std::string out;
  for (const unsigned byte : id) out += fmt::format("{:02x}", byte);
  return out;
}

std::string uuid_text(const Id16& id) {
  std::string out = nguid_text(id);
  for (const std::size_t at : {20, 16, 12, 8}) out.insert(at, "-");
  return out;
}

bool is_zero(const Id16& id) {
  return std::ranges::all_of(id, [](std::uint8_t b) { return b == 0; });
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;  // farther than this is no slip
  for (const std::string& candidate : candidates) {
    const bool begins = word.size() >= 2 && candidate.starts_with(word);
    const std::size_t distance = begins ? 1 : edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

bool is_name(std::string_view text) {
  const auto alnum = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return !text.empty() && text.size() <= 64 && alnum(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return alnum(c) || c == '.' || c == '_' || c == '-'; });
}

std::string log_value(std::string_view value) {
  const bool plain = !value.empty() && std::ranges::all_of(value, [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
  if (plain) return std::string(value);
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

}  // namespace nvtee::text
