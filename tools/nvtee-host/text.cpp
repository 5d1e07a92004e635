#include "tools/nvtee-host/text.hpp"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace nvtee::host {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// A number and one of the units; no unit means the first.
template <std::size_t N>
Result<std::uint64_t> parse_with_unit(std::string_view text, const Unit (&units)[N], const char* what) {
  const auto bad = [&] {
    return fail(fmt::format("'{}' is not a {}", text, what),
                fmt::format("write it like 10{}", units[N > 1].name));
  };
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return bad();
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& u : units) {
    if (u.name.size() != unit.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < unit.size(); ++i) same &= (unit[i] | 0x20) == u.name[i];
    if (!same) continue;
    const double value = number * static_cast<double>(u.factor);
    if (value >= 9.2e18) return bad();
    return static_cast<std::uint64_t>(std::llround(value));
  }
  return bad();
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto n = text.find(at);
    out.push_back(text.substr(0, n));
    if (n == text.npos) return out;
    text.remove_prefix(n + 1);
  }
}

Result<unsigned> parse_weight(std::string_view text) {
  unsigned n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n > 1'000'000)
    return fail(fmt::format("'{}' is not a weight", text), "use a whole number up to 1000000");
  return n;
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  static constexpr Unit kUnits[] = {
      {"", 1},           {"k", 1ull << 10},   {"m", 1ull << 20},   {"g", 1ull << 30},
      {"t", 1ull << 40}, {"kib", 1ull << 10}, {"mib", 1ull << 20}, {"gib", 1ull << 30}};
  return parse_with_unit(text, kUnits, "size");
}

Result<Duration> parse_time(std::string_view text) {
  static constexpr Unit kUnits[] = {{"", kSecond},        {"s", kSecond},      {"ms", kMillisecond},
                                    {"us", kMicrosecond}, {"m", 60 * kSecond}, {"h", 3600 * kSecond}};
  return parse_with_unit(text, kUnits, "time");
}

std::string bytes_text(std::uint64_t bytes) {
  const char* unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  unsigned i = 0;
  while (value >= 1024 && i < 4) {
    value /= 1024;
    ++i;
  }
  return fmt::format("{:.{}f} {}", value, value == std::floor(value) ? 0 : 1, unit[i]);
}

Result<std::vector<SizeClass>> parse_sizes(std::string_view text) {
  std::vector<SizeClass> out;
  for (const std::string_view part : split(text, ',')) {
    SizeClass c;
    const auto fields = split(part, ':');
    if (fields.size() > 2)
      return fail(fmt::format("'{}' is not a size", part), "write it like 4k, 512-128k or 4k:70");
    if (fields.size() == 2) {
      const auto w = parse_weight(fields[1]);
      if (!w) return std::unexpected(w.error());
      c.weight = *w;
    }
    const auto ends = split(fields[0], '-');
    const auto least = parse_bytes(ends.front()), most = parse_bytes(ends.back());
    if (!least) return std::unexpected(least.error());
    if (!most) return std::unexpected(most.error());
    c.least = *least;
    c.most = *most;
    if (ends.size() > 2 || c.least == 0 || c.most < c.least)
      return fail(fmt::format("'{}' is not a size", part), "write it like 4k, 512-128k or 4k:70");
    out.push_back(c);
  }
  return out;
}

Result<ByteRange> parse_range(std::string_view text) {
  const auto fields = split(text, ':');
  if (fields.size() != 2)
    return fail(fmt::format("'{}' is not a range", text), "write it like 0:1g (offset:length)");
  ByteRange r;
  const auto offset = parse_bytes(fields[0]);
  if (!offset) return std::unexpected(offset.error());
  r.offset = *offset;
  if (fields[1].empty()) return r;
  const auto length = parse_bytes(fields[1]);
  if (!length) return std::unexpected(length.error());
  if (*length == 0) return fail("a range of length 0", "leave the length out for 'to the end'");
  r.length = *length;
  return r;
}

const char* kind_name(Kind kind) {
  static constexpr const char* kNames[kKinds] = {"read", "write", "flush", "zeroes", "compare", "dsm"};
  return kNames[static_cast<std::size_t>(kind)];
}

Result<Mix> parse_mix(std::string_view text) {
  Mix mix{};
  unsigned sum = 0;
  for (const std::string_view part : split(text, ',')) {
    const auto fields = split(part, '=');
    std::size_t kind = 0;
    while (kind < kKinds && fields[0] != kind_name(static_cast<Kind>(kind))) ++kind;
    if (fields.size() != 2 || kind == kKinds)
      return fail(fmt::format("'{}' is not a part of a mix", part),
                  "write it like read=70,write=30; kinds are read, write, flush, zeroes, compare, dsm");
    const auto w = parse_weight(fields[1]);
    if (!w) return std::unexpected(w.error());
    mix[kind] = *w;
    sum += *w;
  }
  if (sum == 0) return fail("the mix is empty", "give at least one kind a weight");
  return mix;
}

Result<Pattern> parse_rw(std::string_view text) {
  if (text == "randread") return Pattern{{100}, false};
  if (text == "randwrite") return Pattern{{0, 100}, false};
  if (text == "randrw") return Pattern{{50, 50}, false};
  if (text == "read") return Pattern{{100}, true};
  if (text == "write") return Pattern{{0, 100}, true};
  if (text == "rw") return Pattern{{50, 50}, true};
  return fail(fmt::format("unknown --rw '{}'", text), "use randwrite, randread, randrw, write, read or rw");
}

}  // namespace nvtee::host
